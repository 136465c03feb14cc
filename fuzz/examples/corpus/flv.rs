//! Seeds of FLV.

use std::io;

use rtmp_core::flv::TagKind;
use rtmp_core::flv::file::{Item, Reader};

use crate::folder::Folder;
use crate::recorded::Recording;

/// Tags without their framing.
const TAGS: u8 = 128;

pub fn write(folder: &mut Folder, recordings: &[Recording]) -> io::Result<()> {
    for recording in recordings {
        folder.add(recording.name, &[&[64], &recording.flv[..]].concat())?;
        folder.add(&format!("{}_tags", recording.name), &[vec![TAGS], tags(&recording.flv)].concat())?;
    }
    for (name, tags) in by_hand() {
        let script: Vec<u8> = tags.into_iter().flat_map(|(kind, ms, body)| tag(kind, ms, &body)).collect();
        folder.add(name, &[&[TAGS], &script[..]].concat())?;
    }
    Ok(())
}

fn tags(flv: &[u8]) -> Vec<u8> {
    let mut reader = Reader::default();
    reader.push(flv);
    let mut out = Vec::new();
    while let Ok(Some(item)) = reader.poll() {
        if let Item::Tag { kind, timestamp_ms, body } = item {
            out.extend(tag(kind, timestamp_ms, &body));
        }
    }
    out
}

fn tag(kind: TagKind, ms: u32, body: &[u8]) -> Vec<u8> {
    let kind = match kind {
        TagKind::Video => 0,
        TagKind::Audio => 1,
        TagKind::Script => 2,
    };
    let len = u16::try_from(body.len()).unwrap_or(u16::MAX);
    [&[kind], &ms.to_be_bytes()[..], &len.to_be_bytes(), &body[..usize::from(len)]].concat()
}

type Tags = Vec<(TagKind, u32, Vec<u8>)>;

fn by_hand() -> Vec<(&'static str, Tags)> {
    use TagKind::{Audio, Script, Video};
    let sps: &[u8] = &[
        0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x6a, 0x02, 0x02, 0x02, 0x80, 0x00,
        0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x07, 0x8c, 0x18, 0xcb,
    ];
    let pps: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];
    let avcc = [
        &[0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 28],
        sps,
        &[1, 0, 6],
        pps,
        &[0xfd, 0xf8, 0xf8, 0],
    ]
    .concat();
    let idr =
        |composition: [u8; 3]| [&[0x17, 1], &composition[..], &[0, 0, 0, 4, 0x65, 0x88, 0x84, 0x21]].concat();
    let annex_b =
        [&[0x17, 1, 0, 0, 0, 0, 0, 0, 1], sps, &[0, 0, 0, 1], pps, &[0, 0, 1, 0x65, 0x88, 0x84]].concat();
    let adts = [0xaf, 1, 0xff, 0xf1, 0x4c, 0x80, 0x01, 0x7f, 0xfc, 0x21, 0x10, 4, 0x60];
    let multitrack_one = [&[0x96, 0x01][..], b"mp4a", &[1, 0x11, 0x90]].concat();
    let many = [&[0x95, 0x11][..], b"Opus", &[0, 0, 0, 2, 1, 2, 1, 0, 0, 1, 9]].concat();
    let mod_ex = [&[0x97, 2, 0, 0, 99, 0x01][..], b"Opus", &[1, 2, 3]].concat();
    let amf_text = |text: &str| [&[2, 0, text.len() as u8], text.as_bytes()].concat();
    vec![
        ("trap_6_negative_composition", vec![(Video, 0, avcc.clone()), (Video, 40, idr([0xff, 0xff, 0xde]))]),
        (
            "trap_6_coded_frames",
            vec![
                (Video, 0, avcc.clone()),
                (Video, 40, [&[0x91][..], b"avc1", &idr([0xff, 0xff, 0xde])[2..]].concat()),
            ],
        ),
        (
            "trap_10_empty_header_first",
            vec![
                (Audio, 0, vec![0xaf, 0]),
                (Audio, 0, vec![0xaf, 0, 0x11, 0x90]),
                (Audio, 21, vec![0xaf, 1, 0x21, 7]),
            ],
        ),
        ("trap_10_no_header", vec![(Audio, 0, vec![0xaf, 1, 0x21, 7])]),
        ("trap_10_adts", vec![(Audio, 0, adts.to_vec())]),
        (
            "trap_11_repeated_header",
            vec![(Video, 0, avcc.clone()), (Video, 0, avcc.clone()), (Video, 40, idr([0; 3]))],
        ),
        ("trap_11_annex_b", vec![(Video, 0, annex_b)]),
        ("trap_18_codec_id_12", vec![(Video, 0, [&[0x1c], &avcc[1..]].concat())]),
        (
            "trap_9_set_data_frame",
            vec![(
                Script,
                0,
                [amf_text("@setDataFrame"), amf_text("onMetaData"), vec![8, 0, 0, 0, 0, 0, 0, 9]].concat(),
            )],
        ),
        ("cue_point", vec![(Script, 5, [amf_text("onCuePoint"), vec![5]].concat())]),
        (
            "wrapped_time",
            vec![(Video, u32::MAX, avcc.clone()), (Video, u32::MAX, idr([0; 3])), (Video, 33, idr([0; 3]))],
        ),
        ("multitrack", vec![(Audio, 0, multitrack_one), (Audio, 20, many)]),
        ("mod_ex", vec![(Audio, 20, mod_ex)]),
        ("command_frame", vec![(Video, 0, vec![0x57, 0])]),
        ("sequence_end", vec![(Video, 0, avcc.clone()), (Video, 0, vec![0x17, 2, 0, 0, 0])]),
        (
            "length_of_two",
            vec![
                (Video, 0, {
                    let mut avcc = avcc;
                    avcc[9] = 0xfd;
                    avcc
                }),
                (Video, 40, vec![0x17, 1, 0, 0, 0, 0, 3, 0x65, 1, 2]),
            ],
        ),
    ]
}
