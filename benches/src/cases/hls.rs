//! hls-packager: fragments, packaging, playlists, answers.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, ensure};
use hls_packager::{Body, Config, Event, Now, Packager, Reply, Request, Window, cmaf};
use media_core::{Frame, TrackId};

use super::Case;
use super::media::Source;
use crate::clip::Clip;

pub(super) fn cases(clip: &Clip) -> anyhow::Result<Vec<Case>> {
    let listed = "video/index.m3u8";
    Ok(vec![
        fragment(Source::new(clip)?)?,
        package(Live::new(clip)?),
        render(Live::new(clip)?, "playlist_render", "a part arrives; the playlist is asked for once", None)?,
        render(
            Live::new(clip)?,
            "playlist_render_delta",
            "a part arrives; the delta update is asked for once",
            Some("_HLS_skip=YES"),
        )?,
        answer(Live::new(clip)?, "answer_playlist", "a playlist that is rendered already", listed)?,
    ])
}

/// A part's worth of video.
fn fragment(mut source: Source) -> anyhow::Result<Case> {
    let video = TrackId::video(0);
    let mut frames: Vec<Frame> = Vec::new();
    while frames.len() < 7 {
        let frame = source.next_frame();
        frames.extend((frame.track == video).then_some(frame));
    }
    let end = frames.pop().context("no frame")?.dts;
    let bytes = frames.iter().map(|frame| frame.data.len()).sum();
    cmaf::fragment(1, &frames, end)?;
    Ok(Case::new("cmaf_fragment", "6 video frames", move || {
        black_box(cmaf::fragment(1, &frames, end).ok());
    })
    .bytes(bytes))
}

/// A stream that is packaged on a clock of its own.
struct Live {
    source: Source,
    packager: Packager,
    start: Now,
    first_us: Option<i64>,
}

impl Live {
    fn new(clip: &Clip) -> anyhow::Result<Self> {
        let source = Source::new(clip)?;
        let start = Now::new(Instant::now(), SystemTime::now());
        let mut packager = Packager::new(Config::default(), None);
        packager.tracks(start, &source.tracks);
        Ok(Self { source, packager, start, first_us: None })
    }

    /// Packages the next frame; what came of it.
    fn frame(&mut self) -> Option<Event> {
        if let Some(event) = self.packager.poll_event() {
            return Some(event);
        }
        let frame = self.source.next_frame();
        let timescale = self.source.tracks.iter().find(|track| track.id == frame.track)?.timescale;
        let us = frame.dts.rescale(timescale, media_core::Timescale::MICROS).0;
        let passed = us.saturating_sub(*self.first_us.get_or_insert(us)).max(0) as u64;
        let now = self.start.after(Duration::from_micros(passed));
        // Repaired times never go back.
        let _ = self.packager.frame(now, frame);
        self.packager.poll_event()
    }

    /// A window with what happens in so many seconds.
    fn window(&mut self, seconds: i64) -> Window {
        let mut window = Window::new();
        let mut frames = seconds * 77;
        while frames > 0 {
            match self.frame() {
                Some(event) => {
                    window.apply(event);
                }
                None => frames -= 1,
            }
        }
        window
    }
}

fn package(mut live: Live) -> Case {
    Case::new("package", "one second of frames", move || {
        for _ in 0..77 {
            while let Some(event) = live.frame() {
                black_box(event);
            }
        }
    })
}

/// The parts come from a store, so that only window and rendering count.
fn render(
    mut live: Live,
    name: &'static str,
    pass: &'static str,
    query: Option<&'static str>,
) -> anyhow::Result<Case> {
    let mut window = live.window(90);
    let path = "video/index.m3u8";
    ensure!(matches!(ask(&window, path, query), Reply::Ready(_)), "no playlist after 90 s");
    let mut events = VecDeque::new();
    Ok(Case::new(name, pass, move || {
        loop {
            let Some(event) = events.pop_front() else {
                events.extend((0..77 * 4).filter_map(|_| live.frame()));
                continue;
            };
            let part =
                matches!(&event, Event::Part(part) if part.rendition == hls_packager::RenditionId::Video);
            window.apply(event);
            if part {
                break;
            }
        }
        black_box(ask(&window, path, query));
    }))
}

fn answer(
    mut live: Live,
    name: &'static str,
    pass: &'static str,
    path: &'static str,
) -> anyhow::Result<Case> {
    let window = live.window(90);
    let Reply::Ready(resource) = ask(&window, path, None) else { anyhow::bail!("no playlist after 90 s") };
    ensure!(matches!(resource.body, Body::Text(_)), "a playlist was expected");
    Ok(Case::new(name, pass, move || {
        black_box(ask(&window, path, None));
    }))
}

fn ask(window: &Window, path: &str, query: Option<&str>) -> Reply {
    let now = Instant::now();
    window.answer(now, &Request::parse(path, query, now))
}
