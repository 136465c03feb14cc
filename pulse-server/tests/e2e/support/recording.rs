//! Real media in memory, to be published by our own client in ways in which no decent encoder does.

use std::path::Path;
use std::time::Duration;

use media_core::{Frame, Track};
use rtmp_core::flv::file::{Item, Reader};
use rtmp_core::flv::{Demuxer, Media};

use super::feed::Feed;

/// What an encoder made: tracks, and their frames in the order of their decode times.
pub(crate) struct Recording {
    pub(crate) tracks: Vec<Track>,
    pub(crate) frames: Vec<Frame>,
}

impl Recording {
    /// `feed` for so many seconds, as fast as it can be encoded.
    #[track_caller]
    pub(crate) fn make(name: &str, folder: &Path, feed: Feed, seconds: u32) -> Self {
        let file = folder.join(format!("{name}.flv"));
        let mut ffmpeg = feed.unpaced().seconds(seconds).publish(name, folder, &file.display().to_string());
        let status = ffmpeg.wait(Duration::from_secs(60));
        assert!(status.success(), "{status}: {}", ffmpeg.errors());
        Self::read(&std::fs::read(&file).expect("ffmpeg wrote the file"))
    }

    fn read(flv: &[u8]) -> Self {
        let (mut reader, mut demuxer) = (Reader::default(), Demuxer::default());
        let mut recording = Self { tracks: Vec::new(), frames: Vec::new() };
        reader.push(flv);
        while let Some(item) = reader.poll().expect("ffmpeg writes whole files") {
            let Item::Tag { kind, timestamp_ms, body } = item else { continue };
            for media in demuxer.push(kind, timestamp_ms, body) {
                match media {
                    Media::Track(track) => recording.tracks.push(track),
                    Media::Frame(frame) => recording.frames.push(frame),
                    _ => {}
                }
            }
        }
        recording
    }
}
