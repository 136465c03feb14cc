//! media-core: clock repair and fan-out; and the clip's frames for what comes after them.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::Context;
use media_core::broadcast::{Config, broadcast};
use media_core::timeline::{self, Timeline};
use media_core::{Frame, Timescale, Timestamp, Track};
use rtmp_core::flv::{Demuxer, Media};

use super::Case;
use crate::clip::{Clip, PERIOD_MS};

/// Frames of a second of the clip.
const SECOND: usize = 77;

pub(super) fn cases(clip: &Clip) -> anyhow::Result<Vec<Case>> {
    let source = Source::new(clip)?;
    Ok(vec![publish(source, 1), publish(Source::new(clip)?, 100)])
}

/// Repairs and publishes a second of frames, which all subscribers take.
fn publish(mut source: Source, subscribers: usize) -> Case {
    let (mut publisher, broadcast) = broadcast(Config::default());
    publisher.tracks(Arc::clone(&source.tracks));
    let mut subscribers: Vec<_> = (0..subscribers).map(|_| broadcast.subscribe()).collect();
    let mut received = Vec::new();
    let (name, pass) = match subscribers.len() {
        1 => ("timeline_and_publish", "one second to one subscriber"),
        _ => ("timeline_and_publish_100", "one second to 100 subscribers, in batches of 4 frames"),
    };
    Case::new(name, pass, move || {
        for n in 0..SECOND {
            publisher.frame(source.next_frame());
            if n % 4 == 0 {
                for subscriber in &mut subscribers {
                    subscriber.try_batch(&mut received, 16);
                    received.clear();
                }
            }
        }
        black_box(&received);
    })
}

/// The clip as repaired frames, for ever.
pub(super) struct Source {
    /// Its tracks, on their own timescales.
    pub(super) tracks: Arc<[Track]>,
    frames: Vec<Frame>,
    timeline: Timeline,
    next: usize,
    round: i64,
}

impl Source {
    pub(super) fn new(clip: &Clip) -> anyhow::Result<Self> {
        let mut demuxer = Demuxer::default();
        let (mut raw, mut frames) = (Vec::<Track>::new(), Vec::new());
        for tag in clip.headers.iter().chain(&clip.frames) {
            for media in demuxer.push(tag.kind, tag.at_ms, tag.body.clone()) {
                match media {
                    Media::Track(track) => raw.push(track),
                    Media::Frame(frame) => frames.push(frame),
                    _ => {}
                }
            }
        }
        let mut timeline = Timeline::new(timeline::Config::rtmp());
        let tracks: Arc<[Track]> = raw
            .iter()
            .filter(|track| track.timescale == Timescale::MICROS)
            .map(|track| timeline.track(track))
            .collect();
        anyhow::ensure!(tracks.len() >= 2, "the clip has {} tracks", tracks.len());
        frames.retain(|frame| tracks.iter().any(|track| track.id == frame.track));
        frames.first().context("the clip has no frames")?;
        Ok(Self { tracks, frames, timeline, next: 0, round: 0 })
    }

    /// The next frame, on the repaired timeline.
    pub(super) fn next_frame(&mut self) -> Frame {
        loop {
            let Some(frame) = self.frames.get(self.next) else {
                (self.next, self.round) = (0, self.round + 1);
                continue;
            };
            self.next += 1;
            let shift = self.round * i64::from(PERIOD_MS) * 1_000;
            let moved = |time: Timestamp| Timestamp(time.0 + shift);
            let frame = Frame { dts: moved(frame.dts), pts: moved(frame.pts), ..frame.clone() };
            if let Some(repaired) = self.timeline.frame(frame) {
                return repaired.frame;
            }
        }
    }
}
