//! Seeds of codec headers: the fixtures of media-core's own tests, read from their source.

use std::error::Error;
use std::fs;
use std::path::Path;

use crate::folder::Folder;

/// Codecs by their place in the target's list.
const CODECS: [(&str, u8); 10] = [
    ("AVC", 0),
    ("HEVC", 1),
    ("AV1", 2),
    ("VP9", 3),
    ("AAC", 4),
    ("ADTS", 4),
    ("OPUS", 5),
    ("EAC3", 8),
    ("AC3", 7),
    ("FLAC", 9),
];

pub fn write(folder: &mut Folder, fixtures: &Path) -> Result<(), Box<dyn Error>> {
    let source = fs::read_to_string(fixtures)?;
    let found: Vec<(String, Vec<u8>)> = source.split("const ").filter_map(fixture).collect();
    if found.len() < 30 {
        return Err(format!("{} has only {} fixtures", fixtures.display(), found.len()).into());
    }
    for (name, bytes) in &found {
        let codec = CODECS
            .iter()
            .find(|(prefix, _)| name.starts_with(prefix))
            .ok_or("a fixture of an unknown codec")?
            .1;
        let frame =
            name.strip_suffix("_FRAME").and_then(|name| found.iter().find(|(other, _)| other == name));
        let seed = match frame {
            Some((_, config)) => seed(codec, config, bytes),
            None if name.starts_with("AC3") || name.starts_with("EAC3") || name.starts_with("ADTS") => {
                seed(codec, &[], bytes)
            }
            None => seed(codec, bytes, &parameter_sets(codec, bytes)),
        };
        folder.add(&name.to_lowercase(), &seed)?;
    }
    folder.add("mp3", &seed(6, &[], &[0xff, 0xfb, 0x90, 0x64, 0, 0, 0, 0]))?;
    folder.add("mp3_low", &seed(6, &[], &[0xff, 0xf3, 0x40, 0xc4, 0, 0, 0, 0]))?;
    folder.add("all_of_nothing", &seed(255, &[], &[]))?;
    Ok(())
}

fn seed(codec: u8, config: &[u8], frame: &[u8]) -> Vec<u8> {
    [&[codec], &(config.len() as u16).to_be_bytes()[..], config, frame].concat()
}

/// `NAME: &str = "hexadecimal";`, perhaps over several lines.
fn fixture(text: &str) -> Option<(String, Vec<u8>)> {
    let (name, rest) = text.split_once(": &str =")?;
    let hex = rest.split('"').nth(1)?;
    let digits: Vec<u8> =
        hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    Some((name.to_owned(), digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
}

/// The parameter sets of an AVC record as an access unit of their own: what an encoder without headers sends.
fn parameter_sets(codec: u8, record: &[u8]) -> Vec<u8> {
    match (codec, record) {
        (0, [_, _, _, _, _, _, rest @ ..]) => {
            let len = usize::from(rest[0]) << 8 | usize::from(rest[1]);
            [&[0, 0][..], &rest[..2 + len], &[0, 0, 0, 2, 0x65, 0x88]].concat()
        }
        _ => record.to_vec(),
    }
}
