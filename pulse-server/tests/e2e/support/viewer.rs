//! A low-latency viewer: one follower for the picture, one for each audio rendition that is asked for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::follower::{Follow, Follower};
use super::http::Client;
use super::play;
use super::playback::Playback;
use super::server::Pulse;
use super::stage::Stage;
use super::wait;

/// A viewer that plays until it leaves.
pub(crate) struct Viewer {
    stop: Arc<AtomicBool>,
    feet: Vec<Foot>,
}

struct Foot {
    follow: Follow,
    playback: Arc<Mutex<Playback>>,
    thread: Option<JoinHandle<()>>,
}

impl Viewer {
    /// Joins for the variant's own playlist and the first audio rendition.
    pub(crate) fn join(pulse: &Pulse, id: &str) -> Self {
        Self::join_for(pulse, id, &[Follow::Video, Follow::Audio(0)])
    }

    /// Joins for the playlists that are named; the first of them is the one that [`Viewer::leave`] gives.
    pub(crate) fn join_for(pulse: &Pulse, id: &str, follows: &[Follow]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let feet = follows
            .iter()
            .map(|follow| {
                let playback = Arc::new(Mutex::new(Playback::new(Instant::now())));
                let (url, follow, stop, shared) =
                    (pulse.hls_url(id), *follow, Arc::clone(&stop), Arc::clone(&playback));
                let thread =
                    thread::spawn(move || Follower::new(Client::new(), url, follow, &stop, &shared).run());
                Foot { follow, playback, thread: Some(thread) }
            })
            .collect();
        Self { stop, feet }
    }

    /// Looks at what the first playlist gave so far.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Playback) -> T) -> T {
        at(&self.feet[0].playback.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something holds of what the first playlist gave.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, patience: Duration, mut holds: impl FnMut(&Playback) -> bool) {
        wait::until(what, patience, || {
            self.look(|playback| {
                let newest = playback.pieces.last().map(|piece| (piece.msn, piece.part, piece.gap));
                let seen =
                    format!("{} pieces, newest {newest:?}, {}", playback.pieces.len(), troubles(playback));
                wait::check(holds(playback), seen)
            })
        });
    }

    /// Waits until so many seconds of media have been played.
    #[track_caller]
    pub(crate) fn wait_shown(&self, seconds: f64, patience: Duration) {
        self.wait(&format!("{seconds} s of media"), patience, |playback| playback.shown_seconds() >= seconds);
    }

    /// Stops and gives what each playlist gave.
    #[track_caller]
    pub(crate) fn leave(mut self) -> Vec<(Follow, Playback)> {
        self.stop.store(true, Ordering::Relaxed);
        let mut seen = Vec::new();
        for foot in &mut self.feet {
            if let Some(thread) = foot.thread.take() {
                assert!(thread.join().is_ok(), "the viewer's thread panicked");
            }
            let playback = foot.playback.lock().unwrap_or_else(PoisonError::into_inner).clone();
            seen.push((foot.follow, playback));
        }
        seen
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// How many requests failed, the last of them, and what broke the specification.
fn troubles(playback: &Playback) -> String {
    let (failures, last) = (playback.interruptions.len(), playback.interruptions.last());
    format!("{failures} failures, last {last:?}, violations {:?}", playback.violations)
}

/// No failed request, nothing against the specification, no stall.
#[track_caller]
pub(crate) fn assert_smooth(who: &str, follow: Follow, playback: &Playback) {
    assert_conforms(who, follow, playback);
    assert!(playback.interruptions.is_empty(), "{who} {follow:?}: {:?}", playback.interruptions);
    let stalls = playback.stalls();
    assert!(stalls.is_empty(), "{who} {follow:?} stalled: {stalls:?}");
}

/// Nothing against the specification.
#[track_caller]
pub(crate) fn assert_conforms(who: &str, follow: Follow, playback: &Playback) {
    assert!(playback.violations.is_empty(), "{who} {follow:?}: {:#?}", playback.violations);
}

/// ffmpeg decodes every stretch of what the viewer got without an error.
#[track_caller]
pub(crate) fn assert_decodes(stage: &Stage, who: &str, follow: Follow, playback: &Playback) {
    let stretches = playback.stretches();
    assert!(!stretches.is_empty(), "{who} {follow:?} got nothing to decode");
    for (index, stretch) in stretches.iter().enumerate() {
        let kind = match follow {
            Follow::Video => "video".to_owned(),
            Follow::Audio(audio) => format!("audio{audio}"),
        };
        let file = stage.write(&format!("{who}-{kind}-{index}.mp4"), stretch);
        play::assert_file_decodes(stage, &file);
    }
}
