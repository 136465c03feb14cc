//! RTMP and FLV out: one fan-out for each wire form that somebody plays.

use std::time::Duration;

use media_core::broadcast::Broadcast;
use rtmp_core::Capabilities;
use rtmp_core::flv::WireForm;
use rtmp_core::tokio::fanout::{self, Fanout, Hub, Wire};
use tokio::time::{Instant, sleep_until};

/// How long a player waits for the tracks of a stream that has just begun.
const TRACKS_WAIT: Duration = Duration::from_secs(3);
/// How often it looks for them.
const TRACKS_LOOK: Duration = Duration::from_millis(20);

/// The fan-outs of a life, and who follows them.
#[derive(Debug)]
pub struct Outputs {
    hub: Hub,
}

/// Why a player cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplayable {
    /// It did not announce a codec of the stream.
    Codec,
    /// The stream is fanned out in as many wire forms as there may be.
    Wires,
}

impl Outputs {
    /// The outputs of `broadcast`; nothing is muxed before somebody plays.
    pub fn new(broadcast: Broadcast, config: fanout::Config) -> Self {
        Self { hub: Hub::new(broadcast, config) }
    }

    /// The fan-out for an RTMP player of these capabilities on this message stream.
    ///
    /// # Errors
    /// [`Unplayable`] says why there is none.
    pub async fn rtmp(&self, capabilities: &Capabilities, stream_id: u32) -> Result<Fanout, Unplayable> {
        let tracks = self.tracks().await;
        let form = capabilities.wire_form(&tracks).ok_or(Unplayable::Codec)?;
        self.hub.fanout(Wire::Rtmp { form, stream_id }).ok_or(Unplayable::Wires)
    }

    /// The fan-out for HTTP-FLV viewers, who cannot announce anything: legacy FLV where it carries the stream, else Enhanced.
    ///
    /// # Errors
    /// [`Unplayable`] says why there is none.
    pub async fn flv(&self) -> Result<Fanout, Unplayable> {
        let tracks = self.tracks().await;
        let legacy = tracks.iter().all(|track| WireForm::Legacy.carries(track.codec));
        let form = if legacy { WireForm::Legacy } else { WireForm::Enhanced };
        self.hub.fanout(Wire::Flv { form }).ok_or(Unplayable::Wires)
    }

    /// How many play over RTMP.
    pub fn rtmp_players(&self) -> usize {
        self.audience(|wire| matches!(wire, Wire::Rtmp { .. }))
    }

    /// How many watch over HTTP-FLV.
    pub fn flv_players(&self) -> usize {
        self.audience(|wire| matches!(wire, Wire::Flv { .. }))
    }

    /// Whether anybody plays over RTMP or FLV.
    pub(crate) fn is_played(&self) -> bool {
        self.audience(|_| true) > 0
    }

    /// Bytes written to all of them since the life began.
    pub fn sent_bytes(&self) -> u64 {
        self.hub.stats().iter().map(|(_, stats)| stats.sent_bytes).sum()
    }

    fn audience(&self, of: impl Fn(&Wire) -> bool) -> usize {
        self.hub.stats().iter().filter(|(wire, _)| of(wire)).map(|(_, stats)| stats.audience).sum()
    }

    /// The stream's tracks, for which a player that is as quick as the encoder waits a little.
    async fn tracks(&self) -> std::sync::Arc<[media_core::Track]> {
        let until = Instant::now() + TRACKS_WAIT;
        loop {
            let tracks = self.hub.broadcast().tracks();
            if !tracks.is_empty() || Instant::now() >= until {
                return tracks;
            }
            sleep_until(Instant::now() + TRACKS_LOOK).await;
        }
    }
}
