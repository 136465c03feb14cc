//! Drives a packager: frames in from the broadcast, playlists and parts out to whoever asks, journal to disk.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant, SystemTime};

use hls_packager::{
    Announced, Config, Event, Journal, Now, Packager, Reply, Request, Topic, Variant, Wake, Window,
};
use media_core::broadcast::{Broadcast, Received, Subscriber};
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::health::{Health, Subject};
use super::journal::JournalStore;
use crate::stream_id::StreamId;

/// Messages taken from the broadcast at once.
const BATCH: usize = 64;
/// The code of a journal that the disk refuses.
pub(crate) const JOURNAL_NOT_WRITTEN: &str = "journal_not_written";
/// How long to wait before trying again to write a journal that the disk refused.
const JOURNAL_RETRY: Duration = Duration::from_secs(1);

/// The HLS side of a life.
pub struct Hls {
    window: RwLock<Window>,
    /// The version of each topic that anybody waited for; one a rendition, so a handful.
    topics: RwLock<Vec<(Topic, watch::Sender<u64>)>>,
    announced: Mutex<Option<Announced>>,
    /// The life has ended: what the disk refuses from here on is not tried again.
    over: AtomicBool,
    /// Moves when what viewers were granted was taken back.
    revocations: watch::Sender<u64>,
    /// Bytes of answers, heads apart.
    pub sent_bytes: AtomicU64,
}

/// What the driver task holds.
struct Driver {
    stream: StreamId,
    hls: Arc<Hls>,
    packager: Packager,
    store: JournalStore,
    health: Arc<Health>,
}

impl Hls {
    /// Starts packaging a broadcast.
    pub fn start(
        stream: StreamId,
        config: Config,
        broadcast: &Broadcast,
        store: JournalStore,
        health: Arc<Health>,
    ) -> Arc<Self> {
        let subscriber = broadcast.subscribe();
        let hls = Arc::new(Self {
            window: RwLock::new(Window::new()),
            topics: RwLock::default(),
            announced: Mutex::default(),
            over: AtomicBool::new(false),
            revocations: watch::Sender::new(0),
            sent_bytes: AtomicU64::new(0),
        });
        let driven = Arc::clone(&hls);
        tokio::spawn(async move {
            let journal = load(&store, &stream).await;
            let packager = Packager::new(config, journal);
            Driver { stream, hls: driven, packager, store, health }.run(subscriber).await;
        });
        hls
    }

    /// Answers a request from the window as it is now.
    pub fn answer(&self, request: &Request) -> Reply {
        self.window().answer(Instant::now(), request)
    }

    /// The longest that a segment of it is, when that is known.
    pub fn target_duration(&self) -> Option<Duration> {
        self.window().target_duration()
    }

    /// Whether there is something to be played, or nothing that is packaged at all.
    pub fn is_settled(&self) -> bool {
        let window = self.window();
        window.is_playable() || window.is_not_packaged()
    }

    /// What plays now.
    pub fn variant(&self) -> Option<Variant> {
        self.window().variant()
    }

    /// Waits until `topic` has a version other than `version`.
    pub async fn changed(&self, topic: Topic, version: u64) {
        let mut versions = self.versions(topic);
        // The sender lives as long as this borrow of self.
        let _ = versions.wait_for(|now| *now != version).await;
    }

    /// Tells when those who wait have to be asked again whether they may.
    pub fn revocations(&self) -> watch::Receiver<u64> {
        self.revocations.subscribe()
    }

    /// Something that viewers were granted was taken back.
    pub fn revoked(&self) {
        self.revocations.send_modify(|count| *count += 1);
    }

    /// Takes the encoder's word for which tracks will come.
    pub fn announce(&self, announced: Announced) {
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = Some(announced);
    }

    /// The life has ended, and another may begin: its journal is written no later than now.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn versions(&self, topic: Topic) -> watch::Receiver<u64> {
        let known = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, sender)) = known.iter().find(|(known, _)| *known == topic) {
            return sender.subscribe();
        }
        drop(known);
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if !topics.iter().any(|(known, _)| *known == topic) {
            // Read under the topics' lock, so that no change falls between.
            let version = self.window().version(topic);
            topics.push((topic, watch::Sender::new(version)));
        }
        match topics.iter().find(|(known, _)| *known == topic) {
            Some((_, sender)) => sender.subscribe(),
            None => watch::Sender::new(0).subscribe(),
        }
    }

    /// Tells those who wait on a topic whose version moved.
    fn notify(&self) {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        for (topic, sender) in topics.iter() {
            let version = self.window().version(*topic);
            sender.send_if_modified(|known| std::mem::replace(known, version) != version);
        }
    }

    fn window(&self) -> RwLockReadGuard<'_, Window> {
        self.window.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both clocks.
pub(super) fn now() -> Now {
    Now::new(Instant::now(), SystemTime::now())
}

async fn load(store: &JournalStore, stream: &StreamId) -> Option<Journal> {
    let (store, stream) = (store.clone(), stream.clone());
    tokio::task::spawn_blocking(move || store.load(&stream)).await.ok().flatten()
}

impl Driver {
    async fn run(mut self, mut subscriber: Subscriber) {
        let mut received = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                _ = subscriber.recv_batch(&mut received, BATCH) => {}
                () = wait_until(self.packager.poll_timeout()) => {}
            }
            let now = now();
            self.take_announcement(now);
            let mut ended = false;
            for message in received.drain(..) {
                ended |= matches!(message, Received::Ended);
                self.take(now, message);
            }
            self.packager.handle_timeout(now);
            let published = self.publish().await;
            if ended || !published {
                return;
            }
        }
    }

    fn take_announcement(&mut self, now: Now) {
        let announced = self.hls.announced.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(announced) = announced {
            self.packager.announce(now, announced);
        }
    }

    fn take(&mut self, now: Now, message: Received) {
        match message {
            Received::Tracks(tracks) => self.packager.tracks(now, &tracks),
            Received::Frame(frame) => {
                if let Err(error) = self.packager.frame(now, frame) {
                    self.report_once("frame_not_packaged", &error.to_string());
                }
            }
            Received::Discontinuity => self.packager.discontinuity(now),
            Received::Skipped { entries } => {
                let detail = format!("frames came faster than they can be packaged; HLS left {entries} out");
                self.report_once("packager_behind", &detail);
                self.packager.discontinuity(now);
            }
            Received::Paused => self.packager.pause(now),
            Received::Resumed => self.packager.resume(now),
            Received::Ended => self.packager.end(now),
        }
    }

    /// Shows viewers what the packager made, in order, and only what the journal on disk covers; `false` when the life ended before the
    /// disk took the journal.
    async fn publish(&mut self) -> bool {
        let mut changed = false;
        while let Some(event) = self.packager.poll_event() {
            match event {
                Event::Journal(journal) if self.persist(&journal).await => {}
                Event::Journal(_) => return false,
                Event::Health(health) => self.report(&health),
                event => {
                    let mut window = self.hls.window.write().unwrap_or_else(PoisonError::into_inner);
                    changed |= window.apply(event) != Wake::Nobody;
                }
            }
        }
        if changed {
            self.hls.notify();
        }
        true
    }

    fn report(&self, health: &hls_packager::Health) {
        use hls_packager::Health;
        let now = SystemTime::now();
        let (code, detail) = (health.code(), health.to_string());
        // As long as the encoder goes on as it does; or else something that happened.
        let subject = match *health {
            Health::GopFits { .. } => return self.health.over(now, "gop_too_long", Subject::STREAM),
            Health::TrackReturned { track } => {
                return self.health.over(now, "track_stalled", Subject::track(track));
            }
            Health::GopTooLong { .. } => Subject::STREAM,
            Health::CodecNotPackaged { track, .. }
            | Health::TrackRefused { track, .. }
            | Health::ExtraVideo { track }
            | Health::TrackStalled { track } => Subject::track(track),
            _ => return self.report_once(code, &detail),
        };
        if self.health.hold(now, code, subject, detail.clone()) {
            tracing::warn!(stream = %self.stream, code, "{detail}");
        }
    }

    /// Notes what is wrong; the first time in a life it is logged, too.
    fn report_once(&self, code: &'static str, detail: &str) {
        if self.health.report(SystemTime::now(), code, detail.to_owned()) {
            tracing::warn!(stream = %self.stream, code, "{detail}");
        }
    }

    /// Syncs the journal before anything that depends on it is shown; whether that was possible before the life ended. While the disk
    /// refuses, HLS stands still; RTMP and FLV go on.
    async fn persist(&self, journal: &Journal) -> bool {
        let mut failed = false;
        loop {
            // Asked before, so that a life that is over had its one try.
            let over = self.hls.over.load(Ordering::Relaxed);
            let (store, stream, copy) = (self.store.clone(), self.stream.clone(), journal.clone());
            let error = match tokio::task::spawn_blocking(move || store.save(&stream, &copy)).await {
                Ok(Ok(())) => {
                    if failed {
                        self.health.over(SystemTime::now(), JOURNAL_NOT_WRITTEN, Subject::STREAM);
                        tracing::info!(stream = %self.stream, "the playlist journal is written again");
                    }
                    return true;
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            self.report_disk(&error, std::mem::replace(&mut failed, true));
            if over {
                return false;
            }
            tokio::time::sleep(JOURNAL_RETRY).await;
        }
    }

    /// Says that the journal could not be written; in the log once, as a disk may be full for hours.
    fn report_disk(&self, error: &str, known: bool) {
        let code = JOURNAL_NOT_WRITTEN;
        let detail = format!(
            "the playlist journal cannot be written ({error}): HLS waits for the disk, RTMP and FLV go on"
        );
        self.health.hold(SystemTime::now(), code, Subject::STREAM, detail);
        if !known {
            tracing::error!(stream = %self.stream, code, error, "cannot write the playlist journal; HLS waits for the disk");
        }
    }
}

async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
