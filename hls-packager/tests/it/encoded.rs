//! Real encoded media: FFmpeg encodes a test picture or tone into a plain MP4, whose samples become frames.
//!
//! FFmpeg is a required tool of these tests; without it they fail.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackId};

pub(crate) const WIDTH: u32 = 160;
pub(crate) const HEIGHT: u32 = 120;
/// Video frames a second.
pub(crate) const FPS: i64 = 25;
/// Each clip's length in seconds; key frames are one second apart.
pub(crate) const SECONDS: i64 = 2;

/// A track with all its frames and the file they come from.
pub(crate) struct Clip {
    pub(crate) track: Track,
    pub(crate) frames: Vec<Frame>,
    /// Decode time after the last frame.
    pub(crate) end: Timestamp,
    /// FFmpeg's own file of the same samples.
    pub(crate) file: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

/// Runs a tool to its end and returns what it printed; fails the test on a failure or any complaint.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{tool} is needed by this test: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{tool} {arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Decodes all of `file` and fails on any message.
pub(crate) fn decode(file: &Path) {
    run("ffmpeg", &["-v", "error", "-xerror", "-i", path(file), "-f", "null", "-"]);
}

/// A digest of every decoded picture, whatever its time stamp.
pub(crate) fn picture_digest(file: &Path) -> String {
    let arguments =
        ["-v", "error", "-i", path(file), "-map", "0:v", "-fps_mode", "passthrough", "-f", "md5", "-"];
    run("ffmpeg", &arguments)
}

/// The packets that FFmpeg's demuxer finds in a file's only stream: pts, dts, size, key frame.
pub(crate) fn packets(file: &Path) -> Vec<(i64, i64, usize, bool)> {
    let entries = "packet=pts,dts,size,flags";
    let csv = run("ffprobe", &["-v", "error", "-show_entries", entries, "-of", "csv=p=0", path(file)]);
    csv.lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let number =
                |at: usize| fields[at].parse::<i64>().unwrap_or_else(|_| panic!("no number in {line}"));
            (number(0), number(1), number(2) as usize, fields[3].starts_with('K'))
        })
        .collect()
}

pub(crate) fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

/// A video clip of `codec`: a moving test picture, encoded with further `options`.
pub(crate) fn video(codec: Codec, options: &[&str]) -> Clip {
    let encoder: &[&str] = match codec {
        Codec::H264 => &["libx264", "-bf", "2", "-x264-params", "scenecut=0"],
        Codec::Hevc => &["libx265", "-tag:v", "hvc1", "-x265-params", "log-level=none:scenecut=0:open-gop=0"],
        Codec::Av1 => &["libaom-av1", "-cpu-used", "8", "-usage", "realtime"],
        Codec::Vp9 => &["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
        other => panic!("{other:?} is no video"),
    };
    let source = format!("testsrc2=s={WIDTH}x{HEIGHT}:r={FPS}:d={SECONDS}");
    let mut arguments =
        vec!["-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p", "-g", "25", "-keyint_min", "25"];
    arguments.extend(["-video_track_timescale", "90000", "-c:v"]);
    arguments.extend(encoder);
    arguments.extend(options);
    encode(&arguments, TrackId::video(0), |file, _| {
        let config = match codec {
            Codec::H264 => payload(file, b"avcC"),
            Codec::Hevc => payload(file, b"hvcC"),
            Codec::Av1 => payload(file, b"av1C"),
            _ => &payload(file, b"vpcC")[4..],
        };
        let config = Bytes::copy_from_slice(config);
        Track::from_config(TrackId::video(0), codec, Timescale::VIDEO, config).unwrap()
    })
}

/// An audio clip of `codec`: a tone in `layout`, FFmpeg's name of a channel layout.
pub(crate) fn audio(codec: Codec, layout: &str) -> Clip {
    let encoder: &[&str] = match codec {
        Codec::Aac => &["aac"],
        Codec::Opus => &["libopus"],
        Codec::Mp3 => &["libmp3lame"],
        Codec::Ac3 => &["ac3"],
        Codec::Eac3 => &["eac3"],
        Codec::Flac => &["flac", "-strict", "experimental"],
        other => panic!("{other:?} is no audio"),
    };
    let source = format!("sine=d={SECONDS}:sample_rate=48000");
    let filter = format!("aformat=channel_layouts={layout}");
    let mut arguments = vec!["-f", "lavfi", "-i", &source, "-af", &filter, "-c:a"];
    arguments.extend(encoder);
    encode(&arguments, TrackId::audio(0), |file, first_frame| {
        let (id, timescale) = (TrackId::audio(0), Timescale::new(48_000).unwrap());
        let config = match codec {
            Codec::Aac => audio_specific_config(file),
            Codec::Opus => opus_head(payload(file, b"dOps")),
            Codec::Flac => [b"fLaC", &payload(file, b"dfLa")[4..]].concat(),
            _ => return Track::from_first_frame(id, codec, timescale, first_frame).unwrap(),
        };
        Track::from_config(id, codec, timescale, config.into()).unwrap()
    })
}

/// `track` makes the track of the file's bytes and the first frame's.
fn encode(arguments: &[&str], id: TrackId, track: impl Fn(&[u8], &[u8]) -> Track) -> Clip {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("source.mp4");
    let mut all = vec!["-v", "error"];
    all.extend(arguments);
    all.push(path(&file));
    run("ffmpeg", &all);
    let bytes = std::fs::read(&file).unwrap();
    let (frames, end) = frames(&file, &bytes, id);
    let track = track(&bytes, &frames[0].data);
    Clip { track, frames, end, file, _folder: folder }
}

/// The samples of a plain MP4 with one track, shifted so that the first decode time is 0.
fn frames(file: &Path, bytes: &[u8], track: TrackId) -> (Vec<Frame>, Timestamp) {
    let entries = "packet=pts,dts,duration,size,pos,flags";
    // Compact, since ffprobe adds columns for side data.
    let listing = run("ffprobe", &["-v", "error", "-show_entries", entries, "-of", "compact", path(file)]);
    let field = |line: &str, key: &str| {
        let value =
            line.split('|').find_map(|field| field.strip_prefix(key)?.strip_prefix('=').map(str::to_owned));
        value.unwrap_or_else(|| panic!("no {key} in {line}"))
    };
    let number = |line: &str, key: &str| field(line, key).parse::<i64>().unwrap();
    let lines: Vec<&str> = listing.lines().filter(|line| line.starts_with("packet|")).collect();
    let first = number(lines[0], "dts");
    let frames: Vec<Frame> = lines
        .iter()
        .map(|line| {
            let at = number(line, "pos") as usize;
            Frame {
                track,
                dts: Timestamp(number(line, "dts") - first),
                pts: Timestamp(number(line, "pts") - first),
                keyframe: field(line, "flags").starts_with('K'),
                data: Bytes::copy_from_slice(&bytes[at..at + number(line, "size") as usize]),
            }
        })
        .collect();
    let step = frames[1].dts.since(frames[0].dts);
    let end = frames.last().unwrap().dts.offset(step);
    (frames, end)
}

/// The payload of the first box of type `kind`, wherever it is.
pub(crate) fn payload<'a>(file: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let at = file.windows(4).position(|window| window == kind);
    let at = at.unwrap_or_else(|| panic!("no {} box", String::from_utf8_lossy(kind)));
    let size = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    &file[at + 4..at - 4 + size]
}

/// Out of an `esds` as FFmpeg writes it, every descriptor's size on four bytes.
fn audio_specific_config(file: &[u8]) -> Vec<u8> {
    let esds = payload(file, b"esds");
    let info = 4 + 5 + 3 + 5 + 13;
    assert_eq!(esds[info], 5, "DecoderSpecificInfo");
    let len = usize::from(esds[info + 4]);
    esds[info + 5..info + 5 + len].to_vec()
}

/// OpusHead (RFC 7845 §5.1) of the same fields as `dOps`, little-endian.
fn opus_head(dops: &[u8]) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(dops[1]);
    head.extend([dops[3], dops[2]]);
    head.extend([dops[7], dops[6], dops[5], dops[4]]);
    head.extend([dops[9], dops[8]]);
    head.extend(&dops[10..]);
    head
}
