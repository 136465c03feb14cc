//! CMAF of every codec, cut into parts, read back by FFmpeg: the same packets at the same times, decoded without a
//! message.

use hls_packager::cmaf;
use media_core::Codec;

use crate::encoded::{self, Clip};

/// The init segment and parts of `frames_a_part` frames, one behind the other as a player appends them.
fn package(clip: &Clip, frames_a_part: usize) -> Vec<u8> {
    let mut file = cmaf::init_segment(&clip.track, &clip.frames[0].data).unwrap().to_vec();
    let parts: Vec<_> = clip.frames.chunks(frames_a_part).collect();
    for (index, part) in parts.iter().enumerate() {
        let end = parts.get(index + 1).map_or(clip.end, |next| next[0].dts);
        file.extend(cmaf::fragment(index as u32 + 1, part, end).unwrap());
    }
    file
}

fn check(clip: &Clip, frames_a_part: usize) -> std::path::PathBuf {
    let file = clip.file.with_file_name("packaged.mp4");
    std::fs::write(&file, package(clip, frames_a_part)).unwrap();
    let expected: Vec<_> = clip
        .frames
        .iter()
        .map(|frame| (frame.pts.0, frame.dts.0, frame.data.len(), frame.keyframe))
        .collect();
    assert_eq!(encoded::packets(&file), expected);
    encoded::decode(&file);
    file
}

fn check_video(codec: Codec, name: &str) {
    let clip = encoded::video(codec, &[]);
    assert_eq!(clip.frames.len() as i64, encoded::FPS * encoded::SECONDS);
    let file = check(&clip, 5);
    assert_eq!(encoded::picture_digest(&file), encoded::picture_digest(&clip.file));
    let entries = "stream=codec_name,codec_tag_string,width,height";
    let arguments = ["-v", "error", "-show_entries", entries, "-of", "csv=p=0", encoded::path(&file)];
    assert_eq!(encoded::run("ffprobe", &arguments).trim(), format!("{name},160,120"));
}

fn check_audio(codec: Codec, layout: &str, channels: u8, name: &str) {
    let clip = encoded::audio(codec, layout);
    let file = check(&clip, 9);
    let entries = "stream=codec_name,codec_tag_string,sample_rate,channels";
    let arguments = ["-v", "error", "-show_entries", entries, "-of", "csv=p=0", encoded::path(&file)];
    // FFmpeg ends the line with a comma where it has side data to tell.
    let listed = encoded::run("ffprobe", &arguments);
    assert_eq!(listed.trim().trim_end_matches(','), format!("{name},48000,{channels}"));
}

#[test]
fn h264() {
    check_video(Codec::H264, "h264,avc1");
}

#[test]
fn hevc_is_hvc1() {
    check_video(Codec::Hevc, "hevc,hvc1");
}

#[test]
fn av1() {
    check_video(Codec::Av1, "av1,av01");
}

#[test]
fn vp9() {
    check_video(Codec::Vp9, "vp9,vp09");
}

#[test]
fn aac() {
    check_audio(Codec::Aac, "stereo", 2, "aac,mp4a");
}

#[test]
fn aac_with_a_program_config_element() {
    check_audio(Codec::Aac, "quad", 4, "aac,mp4a");
}

#[test]
fn opus() {
    check_audio(Codec::Opus, "stereo", 2, "opus,Opus");
}

#[test]
fn opus_surround() {
    check_audio(Codec::Opus, "5.1", 6, "opus,Opus");
}

#[test]
fn mp3() {
    check_audio(Codec::Mp3, "stereo", 2, "mp3,mp4a");
}

#[test]
fn ac3() {
    check_audio(Codec::Ac3, "5.1", 6, "ac3,ac-3");
}

#[test]
fn eac3() {
    check_audio(Codec::Eac3, "stereo", 2, "eac3,ec-3");
}

#[test]
fn flac() {
    check_audio(Codec::Flac, "stereo", 2, "flac,fLaC");
}
