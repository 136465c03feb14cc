//! MPEG-TS of every codec that it carries, read back by FFmpeg.

use std::path::PathBuf;

use hls_packager::ts::{Muxer, Tables};
use media_core::{Codec, Frame, Timescale, TrackId};

use crate::encoded::{self, Clip, FPS, SECONDS};

/// Parts of a fifth of a second of all clips, in time; the tables stand at the parts that hold a video key frame, or at
/// every fifth without video.
fn package(clips: &[&Clip]) -> Vec<Vec<u8>> {
    let tracks: Vec<_> = clips.iter().map(|clip| clip.track.clone()).collect();
    let mut muxer = Muxer::new(&tracks).unwrap();
    let mut parts: Vec<Vec<Frame>> = vec![Vec::new(); (SECONDS * 5) as usize + 1];
    for clip in clips {
        for frame in &clip.frames {
            let ticks = frame.dts.rescale(clip.track.timescale, Timescale::VIDEO).0;
            let part = parts.len() - 1;
            parts[part.min((ticks / 18_000) as usize)].push(frame.clone());
        }
    }
    let video = clips.iter().any(|clip| clip.track.id == TrackId::video(0));
    let mux = |(index, frames): (usize, &Vec<Frame>)| {
        let key = frames.iter().any(|frame| frame.track == TrackId::video(0) && frame.keyframe);
        let tables = if key || !video && index % 5 == 0 { Tables::Write } else { Tables::Omit };
        muxer.part(frames, tables).unwrap().to_vec()
    };
    let muxed = parts.iter().enumerate().map(mux).collect();
    assert_eq!(muxer.malformed(), 0);
    muxed
}

fn write(clip: &Clip, name: &str, parts: &[Vec<u8>]) -> PathBuf {
    let file = clip.file.with_file_name(name);
    std::fs::write(&file, parts.concat()).unwrap();
    file
}

/// One line a stream: the `entries` that FFmpeg finds of it.
fn streams(file: &std::path::Path, entries: &str) -> Vec<String> {
    let entries = format!("stream={entries}");
    let arguments = ["-v", "error", "-count_packets", "-show_entries", &entries, "-of", "compact=nk=1"];
    let listing = encoded::run("ffprobe", &[&arguments[..], &[encoded::path(file)]].concat());
    let lines = listing.lines().filter_map(|line| line.strip_prefix("stream|"));
    // Streams of a program are listed twice.
    let mut lines: Vec<String> = lines.map(|line| line.trim_end_matches('|').to_owned()).collect();
    lines.sort();
    lines.dedup();
    lines
}

fn check_muxed(codec: Codec, name: &str) {
    let video = encoded::video(codec, &[]);
    let audio = encoded::audio(Codec::Aac, "stereo");
    let parts = package(&[&video, &audio]);
    let file = write(&video, "whole.ts", &parts);
    encoded::decode(&file);
    let pictures = FPS * SECONDS;
    let counts = |file| streams(file, "codec_name,nb_read_packets");
    assert_eq!(counts(&file), [format!("aac|{}", audio.frames.len()), format!("{name}|{pictures}")]);
    assert_eq!(encoded::picture_digest(&file), encoded::picture_digest(&video.file));
    // The second segment, which begins with the second key frame, plays alone.
    let second = write(&video, "second.ts", &parts[5..]);
    encoded::decode(&second);
    assert!(counts(&second).contains(&format!("{name}|{}", pictures / 2)));
}

fn check_audio(codec: Codec, layout: &str, channels: u8, name: &str) {
    let clip = encoded::audio(codec, layout);
    let parts = package(&[&clip]);
    let file = write(&clip, "whole.ts", &parts);
    encoded::decode(&file);
    assert_eq!(streams(&file, "codec_name,nb_read_packets"), [format!("{name}|{}", clip.frames.len())]);
    let second = write(&clip, "second.ts", &parts[5..]);
    encoded::decode(&second);
    assert_eq!(streams(&second, "codec_name,sample_rate,channels"), [format!("{name}|48000|{channels}")]);
}

#[test]
fn h264_with_reordering_and_aac() {
    check_muxed(Codec::H264, "h264");
}

#[test]
fn hevc_and_aac() {
    check_muxed(Codec::Hevc, "hevc");
}

#[test]
fn aac_surround() {
    check_audio(Codec::Aac, "5.1", 6, "aac");
}

#[test]
fn aac_with_a_program_config_element() {
    check_audio(Codec::Aac, "quad", 4, "aac");
}

#[test]
fn mp3() {
    check_audio(Codec::Mp3, "stereo", 2, "mp3");
}

#[test]
fn ac3() {
    check_audio(Codec::Ac3, "5.1", 6, "ac3");
}
