//! A stream's place: who publishes into it, and the life that outlives each encoder.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::feed::Feed;
use super::life::Life;
use super::takeover::{Refused, Takeovers};
use crate::authority::{Guard, Revocation, Terms};
use crate::config::Takeover;
use crate::stream_id::StreamId;

/// Makes the lives of a channel; what it needs of the server stays out of the channel.
pub trait Beget: Send + Sync + 'static {
    /// A new life of `stream`, or the continuation of one that a restart cut off.
    fn life(&self, stream: &StreamId) -> Arc<Life>;

    /// The life of `stream` that a restart cut off will not be continued.
    fn abandon(&self, stream: &StreamId);
}

/// What a channel is doing.
#[derive(Clone)]
pub enum Phase {
    /// Nobody publishes; the last life, if any, has ended and may still be fetched.
    Offline(Option<Arc<Life>>),
    /// Somebody publishes.
    Live(Arc<Life>),
    /// The encoder is away and may come back.
    Away(Arc<Life>),
    /// The server was restarted during a life; its encoder may come back.
    Restarted,
}

/// Who publishes.
struct Seat {
    generation: u64,
    remote: SocketAddr,
    terms: Terms,
    evict: oneshot::Sender<Eviction>,
}

/// A publisher that is to be seated.
pub struct Newcomer {
    /// From where it publishes.
    pub remote: SocketAddr,
    /// On which terms.
    pub terms: Terms,
    /// What it was granted with it: held until the life ends, or the next publisher brings another.
    pub guard: Guard,
}

/// Why a publisher has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// An authenticated newcomer took over.
    TakenOver {
        /// From where.
        by: SocketAddr,
    },
    /// What it was granted was taken back, and why.
    Revoked(&'static str),
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TakenOver { by } => write!(f, "taken over by {by}"),
            Self::Revoked(why) => f.write_str(why),
        }
    }
}

struct State {
    phase: Phase,
    seat: Option<Seat>,
    generation: u64,
    takeovers: Takeovers,
    /// Of the last publisher. Its place stays its own through the grace period.
    guard: Guard,
    /// Ends the life after the grace period. There is one at a time, however often the encoder comes and goes.
    grace: Option<AbortHandle>,
}

/// A stream's place in the server.
pub struct Channel {
    id: StreamId,
    grace: Duration,
    beget: Arc<dyn Beget>,
    state: Mutex<State>,
}

/// How long an ended life can still be fetched: viewers in the middle of it see its end.
const ENDED_KEPT: Duration = Duration::from_secs(60);

impl Channel {
    /// A channel where nobody has published yet.
    pub fn new(id: StreamId, grace: Duration, beget: Arc<dyn Beget>) -> Self {
        Self::in_phase(Phase::Offline(None), id, grace, beget)
    }

    /// A channel whose life was cut off by a restart: it waits out the grace period for its encoder.
    pub fn restarted(id: StreamId, grace: Duration, beget: Arc<dyn Beget>) -> Arc<Self> {
        let channel = Arc::new(Self::in_phase(Phase::Restarted, id, grace, beget));
        channel.end_after_grace(0);
        channel
    }

    fn in_phase(phase: Phase, id: StreamId, grace: Duration, beget: Arc<dyn Beget>) -> Self {
        let (takeovers, guard) = (Takeovers::default(), Guard::default());
        let state = State { phase, seat: None, generation: 0, takeovers, guard, grace: None };
        Self { id, grace, beget, state: Mutex::new(state) }
    }

    /// The stream.
    pub fn id(&self) -> &StreamId {
        &self.id
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        self.state().phase.clone()
    }

    /// The life that can be played: live, or waiting for its encoder.
    pub fn life(&self) -> Option<Arc<Life>> {
        match self.phase() {
            Phase::Live(life) | Phase::Away(life) => Some(life),
            Phase::Offline(_) | Phase::Restarted => None,
        }
    }

    /// Whether the channel can be forgotten.
    pub fn is_idle(&self) -> bool {
        matches!(self.state().phase, Phase::Offline(None))
    }

    /// Seats a publisher, evicting the one in place if the policy says so.
    ///
    /// # Errors
    /// [`Refused`] when the one in place stays.
    pub fn occupy(self: &Arc<Self>, newcomer: Newcomer, policy: Takeover) -> Result<Feed, Refused> {
        let Newcomer { remote, terms, guard } = newcomer;
        let mut state = self.state();
        if state.seat.is_some()
            && let Err(refused) = state.takeovers.admit(policy, Instant::now())
        {
            drop(state);
            self.report_refusal(remote, refused);
            return Err(refused);
        }
        let life = match &state.phase {
            Phase::Live(life) | Phase::Away(life) => Arc::clone(life),
            Phase::Offline(_) | Phase::Restarted => self.beget.life(&self.id),
        };
        state.generation += 1;
        let generation = state.generation;
        let (evict, evicted) = oneshot::channel();
        if let Some(old) = state.seat.replace(Seat { generation, remote, terms, evict }) {
            tracing::warn!(stream = %self.id, from = %old.remote, by = %remote, "publisher taken over");
            // The old one may be gone already.
            let _ = old.evict.send(Eviction::TakenOver { by: remote });
        }
        let start_us = life.hand_over(generation);
        state.phase = Phase::Live(Arc::clone(&life));
        let before = std::mem::replace(&mut state.guard, guard);
        drop(state);
        drop(before);
        Ok(Feed::new(Arc::clone(self), life, generation, start_us, evicted))
    }

    /// The publisher of `generation` is gone: the grace period begins, unless another is in place.
    pub(super) fn vacate(self: &Arc<Self>, generation: u64) {
        let mut state = self.state();
        if state.seat.as_ref().is_none_or(|seat| seat.generation != generation) {
            return;
        }
        state.seat = None;
        if let Phase::Live(life) = &state.phase {
            life.pause(generation);
            state.phase = Phase::Away(Arc::clone(life));
        }
        drop(state);
        if self.grace.is_zero() {
            self.end_if_still(generation);
        } else {
            self.end_after_grace(generation);
        }
    }

    /// Drops the publisher if `revocation` covers it.
    pub fn revoke(self: &Arc<Self>, revocation: &Revocation) {
        let mut state = self.state();
        let covered = state.seat.take_if(|seat| revocation.covers(&self.id, &seat.terms));
        let Some(seat) = covered else { return };
        // It learns why before it finds that it is not in place any more.
        let _ = seat.evict.send(Eviction::Revoked(revocation.why()));
        if let Phase::Live(life) = &state.phase {
            life.pause(seat.generation);
            state.phase = Phase::Away(Arc::clone(life));
        }
        drop(state);
        self.end_after_grace(seat.generation);
    }

    /// Who publishes, for the list of live streams.
    pub fn publisher(&self) -> Option<SocketAddr> {
        self.state().seat.as_ref().map(|seat| seat.remote)
    }

    /// Ends the life now, for shutdown: playlists get their end.
    pub fn end(&self) {
        let mut state = self.state();
        state.seat = None;
        state.guard = Guard::default();
        let phase = std::mem::replace(&mut state.phase, Phase::Offline(None));
        if let Phase::Live(life) | Phase::Away(life) = phase {
            life.end();
            state.phase = Phase::Offline(Some(life));
        }
    }

    fn end_after_grace(self: &Arc<Self>, generation: u64) {
        let mut state = self.state();
        // A publisher has come since, and starts a timer of its own when it leaves.
        if state.generation != generation {
            return;
        }
        let channel = Arc::clone(self);
        let grace = tokio::spawn(async move {
            tokio::time::sleep(channel.grace).await;
            channel.end_if_still(generation);
        });
        if let Some(earlier) = state.grace.replace(grace.abort_handle()) {
            earlier.abort();
        }
    }

    /// Ends the life if nobody has come since the publisher of `generation` left.
    fn end_if_still(self: &Arc<Self>, generation: u64) {
        let mut state = self.state();
        if state.generation != generation || state.seat.is_some() {
            return;
        }
        let life = match std::mem::replace(&mut state.phase, Phase::Offline(None)) {
            Phase::Away(life) => life,
            Phase::Restarted => return self.beget.abandon(&self.id),
            other => return state.phase = other,
        };
        life.end();
        state.guard = Guard::default();
        tracing::info!(stream = %self.id, grace_s = self.grace.as_secs(), "stream ended: its encoder did not come back");
        state.phase = Phase::Offline(Some(Arc::clone(&life)));
        drop(state);
        self.forget_later(generation);
    }

    fn forget_later(self: &Arc<Self>, generation: u64) {
        let channel = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(ENDED_KEPT).await;
            let Some(channel) = channel.upgrade() else { return };
            let mut state = channel.state();
            if state.generation == generation {
                state.phase = Phase::Offline(None);
            }
        });
    }

    fn report_refusal(&self, remote: SocketAddr, refused: Refused) {
        let (code, detail) = match refused {
            Refused::Occupied => {
                ("publisher_refused", "a second encoder was refused while the first was live")
            }
            Refused::Fight => (
                "publishers_fight",
                "two encoders publish with the same key and evict each other: stop one of them",
            ),
        };
        tracing::warn!(stream = %self.id, from = %remote, code, "{detail}");
        if let Some(life) = self.life() {
            life.health.report(SystemTime::now(), code, format!("{detail} (last from {})", remote.ip()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use media_core::broadcast::{self, Received};
    use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackId};
    use rtmp_core::tokio::fanout;

    use super::*;
    use crate::authority::Credential;
    use crate::live::health::Health;

    const GRACE: Duration = Duration::from_secs(60);

    #[derive(Default)]
    struct Plain {
        abandoned: AtomicBool,
    }

    impl Beget for Plain {
        fn life(&self, _: &StreamId) -> Arc<Life> {
            let (broadcast, fanout) = (broadcast::Config::default(), fanout::Config::default());
            Arc::new(Life::new(broadcast, fanout, Arc::new(Health::default()), |_| None))
        }

        fn abandon(&self, _: &StreamId) {
            self.abandoned.store(true, Ordering::SeqCst);
        }
    }

    fn channel() -> Arc<Channel> {
        Arc::new(Channel::new(StreamId::parse("show").unwrap(), GRACE, Arc::new(Plain::default())))
    }

    fn occupy(channel: &Arc<Channel>, port: u16, policy: Takeover) -> Result<Feed, Refused> {
        let remote = SocketAddr::from(([127, 0, 0, 1], port));
        let terms = Terms::publisher(Credential(port.into()));
        channel.occupy(Newcomer { remote, terms, guard: Guard::default() }, policy)
    }

    fn track() -> Track {
        Track {
            id: TrackId::video(0),
            codec: Codec::H264,
            timescale: Timescale::MICROS,
            config: bytes::Bytes::new(),
            params: media_core::track::Params::Video(media_core::track::Video::default()),
            rfc6381: "".into(),
        }
    }

    fn frame(ms: i64, tag: u8) -> Frame {
        let dts = Timestamp(ms * 1000);
        Frame { track: TrackId::video(0), dts, pts: dts, keyframe: true, data: vec![tag].into() }
    }

    /// What a subscriber got, in short.
    fn story(received: &[Received]) -> String {
        let word = |received: &Received| match received {
            Received::Tracks(_) => "tracks".to_owned(),
            Received::Frame(frame) => format!("{}@{}", char::from(frame.data[0]), frame.dts.0 / 90),
            Received::Discontinuity => "discontinuity".to_owned(),
            Received::Skipped { .. } => "skipped".to_owned(),
            Received::Paused => "paused".to_owned(),
            Received::Resumed => "resumed".to_owned(),
            Received::Ended => "ended".to_owned(),
        };
        received.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[tokio::test(start_paused = true)]
    async fn a_channel_outlives_its_encoder_within_the_grace_period() {
        let channel = channel();
        let mut first = occupy(&channel, 1, Takeover::Accept).unwrap();
        let mut subscriber = first.life().broadcast.subscribe();
        first.track(&track()).unwrap();
        first.frame(Instant::now(), frame(5_000, b'a')).unwrap();
        drop(first);
        assert!(matches!(channel.phase(), Phase::Away(_)));
        tokio::time::sleep(GRACE - Duration::from_secs(1)).await;
        // The encoder comes back, with a clock that began anew.
        let mut second = occupy(&channel, 2, Takeover::Accept).unwrap();
        second.track(&track()).unwrap();
        second.frame(Instant::now(), frame(0, b'b')).unwrap();
        tokio::time::sleep(GRACE * 2).await;
        assert!(matches!(channel.phase(), Phase::Live(_)));
        let mut received = Vec::new();
        subscriber.try_batch(&mut received, 100);
        assert_eq!(story(&received), "tracks a@5000 paused resumed discontinuity b@5040");
    }

    #[tokio::test(start_paused = true)]
    async fn without_its_encoder_a_life_ends_after_the_grace_period_and_the_next_one_is_new() {
        let channel = channel();
        let feed = occupy(&channel, 1, Takeover::Accept).unwrap();
        let life = Arc::clone(feed.life());
        drop(feed);
        tokio::time::sleep(GRACE + Duration::from_millis(1)).await;
        assert!(matches!(channel.phase(), Phase::Offline(Some(_))));
        let next = occupy(&channel, 1, Takeover::Accept).unwrap();
        assert!(!Arc::ptr_eq(next.life(), &life));
        drop(next);
        tokio::time::sleep(GRACE + ENDED_KEPT + Duration::from_secs(1)).await;
        assert!(channel.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn an_encoder_that_comes_and_goes_all_the_time_leaves_one_timer() {
        let channel = channel();
        for _ in 0..1_000 {
            drop(occupy(&channel, 1, Takeover::Accept).unwrap());
            tokio::task::yield_now().await;
        }
        // The channel itself, and the timer.
        assert_eq!(Arc::strong_count(&channel), 2);
        tokio::time::sleep(GRACE + Duration::from_millis(1)).await;
        assert!(matches!(channel.phase(), Phase::Offline(Some(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn trap_19_a_takeover_is_at_once_and_frames_never_mix() {
        let channel = channel();
        let mut old = occupy(&channel, 1, Takeover::Accept).unwrap();
        old.track(&track()).unwrap();
        let mut new = occupy(&channel, 2, Takeover::Accept).unwrap();
        assert!(matches!(old.evicted().await, Eviction::TakenOver { .. }));
        assert!(old.frame(Instant::now(), frame(0, b'a')).is_err());
        new.track(&track()).unwrap();
        new.frame(Instant::now(), frame(0, b'b')).unwrap();
        // The old one's end must not pause what the new one publishes.
        drop(old);
        assert!(matches!(channel.phase(), Phase::Live(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_publisher_was_granted_is_held_through_the_grace_period() {
        let channel = channel();
        let lease = Arc::new(());
        let newcomer = |guard| Newcomer {
            remote: SocketAddr::from(([127, 0, 0, 1], 1)),
            terms: Terms::publisher(Credential(1)),
            guard,
        };
        let feed = channel.occupy(newcomer(Guard::new(Arc::clone(&lease))), Takeover::Accept).unwrap();
        drop(feed);
        tokio::time::sleep(GRACE - Duration::from_secs(1)).await;
        assert_eq!(Arc::strong_count(&lease), 2);
        let next = Arc::new(());
        let feed = channel.occupy(newcomer(Guard::new(Arc::clone(&next))), Takeover::Accept).unwrap();
        assert_eq!((Arc::strong_count(&lease), Arc::strong_count(&next)), (1, 2));
        drop(feed);
        tokio::time::sleep(GRACE + Duration::from_millis(1)).await;
        assert_eq!(Arc::strong_count(&next), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn two_fighting_encoders_are_reported() {
        let channel = channel();
        let mut feeds = vec![occupy(&channel, 1, Takeover::Accept).unwrap()];
        for port in 2..4 {
            feeds.push(occupy(&channel, port, Takeover::Accept).unwrap());
        }
        assert_eq!(occupy(&channel, 4, Takeover::Accept).err(), Some(Refused::Fight));
        let issues = channel.life().unwrap().health.issues();
        assert!(issues.iter().any(|issue| issue.code == "publishers_fight"), "{issues:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_revoked_publisher_is_told_and_its_seat_is_free() {
        let channel = channel();
        let mut feed = occupy(&channel, 7, Takeover::Accept).unwrap();
        let stream = channel.id().clone();
        channel.revoke(&Revocation::Credential { stream: stream.clone(), credential: Credential(8) });
        assert!(channel.publisher().is_some());
        channel.revoke(&Revocation::Credential { stream, credential: Credential(7) });
        assert!(matches!(feed.evicted().await, Eviction::Revoked(why) if why.contains("was revoked")));
        feed.track(&track()).expect_err("its frames must not get through any more");
        assert!(channel.publisher().is_none());
        assert!(occupy(&channel, 9, Takeover::Reject).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_life_that_a_restart_cut_off_is_abandoned_after_the_grace_period() {
        let beget = Arc::new(Plain::default());
        let id = StreamId::parse("show").unwrap();
        let channel = Channel::restarted(id, GRACE, Arc::clone(&beget) as Arc<dyn Beget>);
        assert!(matches!(channel.phase(), Phase::Restarted));
        tokio::time::sleep(GRACE + Duration::from_millis(1)).await;
        assert!(matches!(channel.phase(), Phase::Offline(None)));
        assert!(beget.abandoned.load(Ordering::SeqCst));
    }
}
