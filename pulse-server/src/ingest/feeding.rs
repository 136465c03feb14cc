//! A publisher that was let in: its channel is fed until it goes or has to.

use std::time::Duration;

use hls_packager::Announced;
use media_core::TrackId;
use rtmp_core::flv::Metadata;
use rtmp_core::server::{Ending, Event};
use rtmp_core::tokio::Publisher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::Peer;
use super::socket::Unwatch;
use super::ticks::Ticked;
use crate::app::expiry;
use crate::authority::Grant;
use crate::live::{Eviction, Feed, Superseded};

/// How long a publisher's bytes may wait to be read together while RTMP or FLV players wait for them; checked at key frames.
const PLAYED_MERGE: Duration = Duration::from_millis(5);
/// Events taken from one publisher before the next has its turn.
const IN_ONE_GO: usize = 256;

/// A publisher and what it feeds.
pub(super) struct Feeding<I> {
    publisher: Publisher<I>,
    feed: Feed,
    grant: Grant,
    expires: Option<Instant>,
    /// How long its bytes may wait to be read together.
    merge: Duration,
    played: bool,
    peer: Peer,
}

/// How it ended.
enum End {
    /// By itself.
    Gone(String),
    /// By us, and it is to be told.
    Told(Ending, String),
}

impl End {
    fn evicted(eviction: Eviction) -> Self {
        let ending = match eviction {
            Eviction::TakenOver { .. } => Ending::TakenOver,
            Eviction::Revoked(_) => Ending::Revoked,
        };
        Self::Told(ending, eviction.to_string())
    }

    fn closed() -> Self {
        Self::Told(Ending::StreamEnded, "the stream was ended".to_owned())
    }

    fn expired() -> Self {
        Self::Told(Ending::Revoked, "its grant expired".to_owned())
    }
}

impl<I> Feeding<I>
where
    I: AsyncRead + AsyncWrite + Unwatch + Send + Unpin + 'static,
{
    pub(super) fn new(publisher: Publisher<I>, feed: Feed, grant: Grant, peer: Peer) -> Self {
        let rtmp = &peer.app.config.load().rtmp;
        // Who wants every frame at once does not want it to wait for the next read.
        let merge_ms = if rtmp.batch_ms == 0 { 0 } else { rtmp.read_merge_ms };
        let expires = grant.limits.expires_in.map(|time| Instant::now() + time);
        Self { publisher, feed, grant, expires, merge: Duration::from_millis(merge_ms), played: false, peer }
    }

    /// Goes on until the publisher goes or has to.
    pub(super) fn start(mut self) {
        if self.merge.is_zero() {
            tokio::spawn(self.run());
        } else {
            self.publisher.io_mut().socket().unwatch();
            self.publisher.io_mut().socket().set_lazy(true);
            let app = std::sync::Arc::clone(&self.peer.app);
            app.ticks.seat(Box::new(self));
        }
    }

    /// Waits for each message.
    async fn run(mut self) {
        let mut expired = std::pin::pin!(expiry(self.grant.limits.expires_in));
        let end = loop {
            let event = tokio::select! {
                event = self.publisher.next_event() => event,
                eviction = self.feed.evicted() => break End::evicted(eviction),
                () = &mut expired => break End::expired(),
            };
            if let Some(end) = self.pass_on(Instant::now(), event) {
                break end;
            }
        };
        self.finish(end).await;
    }

    /// Passes on what the publisher sent; says when that was the last.
    fn pass_on(&mut self, now: Instant, event: Event) -> Option<End> {
        let fed = match event {
            Event::Frame(frame) => {
                if frame.keyframe && frame.track < TrackId::audio(0) {
                    self.played = self.feed.life().outputs.is_played();
                    self.publisher.io_mut().socket().set_lazy(!self.played);
                }
                self.feed.frame(now.into_std(), frame)
            }
            Event::Track(track) => self.feed.track(&track),
            Event::Metadata(metadata) => {
                announce(&self.feed, &metadata);
                Ok(())
            }
            Event::Closed { reason } => return Some(End::Gone(reason.to_string())),
            _ => Ok(()),
        };
        // Who has put another in place, or nobody, has said why.
        let superseded = |Superseded| self.feed.eviction().map_or_else(End::closed, End::evicted);
        fed.err().map(superseded)
    }

    /// Whether it has to go.
    fn withdrawn(&mut self, now: Instant) -> Option<End> {
        if let Some(eviction) = self.feed.eviction() {
            return Some(End::evicted(eviction));
        }
        self.expires.is_some_and(|at| at <= now).then(End::expired)
    }

    /// Leaves the seat, and after that says goodbye.
    async fn finish(self, end: End) {
        let Self { mut publisher, feed, grant, peer, .. } = self;
        drop(feed);
        publisher.io_mut().socket().watch();
        let why = match end {
            End::Gone(why) => {
                publisher.close().await;
                why
            }
            End::Told(ending, why) => {
                publisher.end(ending).await;
                why
            }
        };
        tracing::info!(stream = %grant.stream, remote = %peer.remote, why, "publisher gone");
    }

    fn take(&mut self, now: Instant) -> Result<Duration, End> {
        for _ in 0..IN_ONE_GO {
            let Some(event) = self.publisher.try_event(now.into_std()) else {
                let merge = if self.played { self.merge.min(PLAYED_MERGE) } else { self.merge };
                return self.withdrawn(now).map_or(Ok(merge), Err);
            };
            if let Some(end) = self.pass_on(now, event) {
                return Err(end);
            }
        }
        self.withdrawn(now).map_or(Ok(Duration::ZERO), Err)
    }
}

impl<I> Ticked for Feeding<I>
where
    I: AsyncRead + AsyncWrite + Unwatch + Send + Unpin + 'static,
{
    fn tick(mut self: Box<Self>, now: Instant) -> Option<(Duration, Box<dyn Ticked>)> {
        match self.take(now) {
            Ok(period) => Some((period, self)),
            Err(end) => {
                tokio::spawn(self.finish(end));
                None
            }
        }
    }
}

/// Passes on which tracks the encoder's metadata promises.
fn announce(feed: &Feed, metadata: &Metadata) {
    if let Some(hls) = &feed.life().hls {
        let announced = Announced {
            video: u8::from(metadata.video),
            audio: u8::from(metadata.audio),
            frame_rate: metadata.frame_rate,
        };
        hls.announce(announced);
    }
}
