//! The clip that every load publishes: 16 s of 1280x720 at 30 frames a second, 2 Mbit/s, with sound.
//!
//! 16 s are 480 frames, 8 GOPs and 750 AAC frames, so that the clip loops without a seam in either track. ffmpeg makes it once;
//! the picture moves and has noise, so that frames have the sizes and no two the bytes of a real encoder's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use bytes::Bytes;
use rtmp_core::flv::TagKind;
use rtmp_core::flv::file::{Item, Limits, Reader};

/// How long the clip is, in milliseconds.
pub const PERIOD_MS: u32 = 16_000;
/// The distance of key frames, in milliseconds.
pub const GOP_MS: u32 = 2_000;
/// Video frames of the clip.
pub const VIDEO_FRAMES: usize = 480;
/// Audio frames of the clip: 1,024 samples each at 48 kHz.
pub const AUDIO_FRAMES: usize = 750;

/// One media message of the clip.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Audio or video.
    pub kind: TagKind,
    /// When, from the clip's beginning, in milliseconds.
    pub at_ms: u32,
    /// The FLV tag body.
    pub body: Bytes,
}

/// The clip as FLV tags.
#[derive(Clone, Debug)]
pub struct Clip {
    /// `onMetaData`, the sequence headers.
    pub headers: Vec<Tag>,
    /// The frames, by time.
    pub frames: Vec<Tag>,
}

impl Clip {
    /// Reads the clip from the target folder, where it is made first when it is not there.
    ///
    /// # Errors
    /// When ffmpeg is missing or what it wrote is not what was asked for.
    pub fn load() -> anyhow::Result<Self> {
        let path = path();
        if !path.exists() {
            make(&path).context("making the clip with ffmpeg")?;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&bytes).with_context(|| format!("{} is not the clip; remove it", path.display()))
    }

    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut reader = Reader::new(Limits::default());
        reader.push(bytes);
        let (mut headers, mut video, mut audio) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(item) = reader.poll()? {
            let Item::Tag { kind, timestamp_ms, body } = item else { continue };
            let tag = Tag { kind, at_ms: timestamp_ms, body };
            match (kind, tag.body.get(1)) {
                (TagKind::Script, _) => {
                    let body = set_data_frame(&tag.body);
                    headers.push(Tag { body, at_ms: 0, ..tag });
                }
                (_, Some(0)) => headers.push(Tag { at_ms: 0, ..tag }),
                (TagKind::Video, _) => video.push(tag),
                (TagKind::Audio, _) => audio.push(tag),
            }
        }
        let mut frames = cut(video, VIDEO_FRAMES)?;
        frames.extend(cut(audio, AUDIO_FRAMES)?);
        frames.sort_by_key(|tag| tag.at_ms);
        Ok(Self { headers, frames })
    }

    /// Media bytes of one loop.
    pub fn media_bytes(&self) -> usize {
        self.frames.iter().map(|tag| tag.body.len()).sum()
    }
}

/// The first `count` frames of a track, from time zero on.
fn cut(mut tags: Vec<Tag>, count: usize) -> anyhow::Result<Vec<Tag>> {
    if tags.len() < count {
        bail!("{} frames where {count} were expected", tags.len());
    }
    tags.truncate(count);
    let start = tags.first().map_or(0, |tag| tag.at_ms);
    tags.iter_mut().for_each(|tag| tag.at_ms -= start.min(tag.at_ms));
    match tags.last() {
        Some(last) if last.at_ms >= PERIOD_MS => bail!("a track is longer than {PERIOD_MS} ms"),
        _ => Ok(tags),
    }
}

/// What encoders send over RTMP: the metadata behind `@setDataFrame`.
fn set_data_frame(script: &[u8]) -> Bytes {
    let mut body = bytes::BytesMut::new();
    rtmp_core::amf::encode_str("@setDataFrame", &mut body);
    body.extend_from_slice(script);
    body.freeze()
}

/// `bench/clip.flv` in cargo's target folder.
fn path() -> PathBuf {
    target_dir().join("bench").join("clip-1.flv")
}

/// Cargo's target folder.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from)
}

fn make(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().context("the clip's path has no folder")?;
    std::fs::create_dir_all(folder)?;
    let unfinished = path.with_extension("part.flv");
    let output = Command::new("ffmpeg")
        .args("-hide_banner -loglevel error -nostdin -y -f lavfi -i".split(' '))
        .arg("testsrc2=size=1280x720:rate=30,noise=alls=10:allf=t")
        .args("-f lavfi -i anoisesrc=color=pink:amplitude=0.3:sample_rate=48000 -t 18".split(' '))
        .args("-c:v libx264 -preset veryfast -pix_fmt yuv420p -profile:v high".split(' '))
        .args("-g 60 -keyint_min 60 -sc_threshold 0 -b:v 1870k -maxrate 1870k -bufsize 1870k".split(' '))
        .args("-c:a aac -b:a 128k -ar 48000 -ac 2 -flvflags no_duration_filesize -f flv".split(' '))
        .arg(&unfinished)
        .output()
        .context("starting ffmpeg")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::rename(&unfinished, path)?;
    Ok(())
}
