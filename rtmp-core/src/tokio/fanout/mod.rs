//! One stream to thousands of players.
//!
//! A [`Fanout`] muxes a broadcast once, in one [`Wire`], into a ring of batches: all messages of a tick in one piece of memory. A player
//! costs a cursor and, each tick, one write of what is new. Players are written to by a few *shard* tasks, not by a task each, and
//! what a full connection did not take is tried again at the next tick, so that a tick wakes as many tasks as there are shards.
//!
//! Nobody waits for a player. One that falls off the ring goes on at the newest key frame, the second time it is dropped, as is one
//! whose connection takes nothing for [`Config::max_stall`]. Pausing and `receiveAudio`/`receiveVideo` leave out whole messages.
//!
//! [`Hub`] has the fan-outs of one stream, made on demand; [`play`] serves an accepted RTMP player; [`Body`] feeds an HTTP answer.

mod body;
mod delivery;
mod driver;
mod play;
mod player;
mod shard;
mod shared;
mod window;
mod wire;

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::tokio::io::AsyncWrite;
use ::tokio::sync::oneshot;
use bytes::Bytes;
use media_core::broadcast::Broadcast;
use media_core::ring::Bounds;

pub use body::Body;
use delivery::{Command, What};
pub use delivery::{Delivery, End, MAX_QUEUED_BYTES};
pub use play::{Outcome, play, play_apart};
use player::Player;
use shared::{ShardSlot, Shared};
pub use wire::Wire;

use crate::capability::Capabilities;

/// How a fan-out works, and its bounds.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The tick: what a stream brings in that time is written at once. Zero flushes at every video frame, with the sound that came
    /// before it. Default 50 ms.
    pub batch: Duration,
    /// Bounds of the ring of wire bytes. It holds what the slowest player needs, and the newest group of pictures.
    pub bounds: Bounds,
    /// Whether who joins gets everything since the last key frame, and so a picture at once. Without it one waits for the next key
    /// frame, and is closer to live. Default true.
    pub gop_cache: bool,
    /// How long a connection may take nothing. Default 10 s.
    pub max_stall: Duration,
    /// The how-manieth fall off the ring ends a player. Default 2.
    pub max_falls: u32,
    /// How long the muxing goes on without anybody to hear it. Default 10 s.
    pub linger: Duration,
    /// The most tasks that write to players. Default: as many as the machine has processors.
    pub max_shards: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            batch: Duration::from_millis(50),
            bounds: Bounds::default(),
            gop_cache: true,
            max_stall: Duration::from_secs(10),
            max_falls: 2,
            linger: Duration::from_secs(10),
            max_shards: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// What a fan-out is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Players and bodies.
    pub audience: usize,
    /// Bytes in the ring.
    pub retained_bytes: usize,
    /// Bytes written since the beginning.
    pub sent_bytes: u64,
}

/// Players in a shard before another one is started.
const PLAYERS_PER_SHARD: usize = 128;

/// One stream in one wire. Cheap to clone. When the last clone is dropped nobody can join any more; who is there stays.
#[derive(Clone, Debug)]
pub struct Fanout {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.announce(|state| state.closed = true);
        self.shared.wanted.notify_one();
    }
}

impl Fanout {
    /// A fan-out of `broadcast`. It follows the stream while it has an audience.
    ///
    /// # Panics
    /// Outside of a tokio runtime; so do the other functions that start something.
    pub fn new(broadcast: Broadcast, wire: Wire, config: Config) -> Self {
        let shared = Arc::new(Shared::new(wire, config));
        ::tokio::spawn(driver::run(Arc::clone(&shared), broadcast));
        Self { inner: Arc::new(Inner { shared }) }
    }

    /// What its bytes are.
    pub fn wire(&self) -> Wire {
        self.inner.shared.wire
    }

    /// What it is doing.
    pub fn stats(&self) -> Stats {
        self.inner.shared.stats()
    }

    /// Writes `first` and then the stream to `io`, from the newest key frame on. The connection should send without delay
    /// (TCP_NODELAY): whatever belongs together is written together. Ends with [`End::CodecsChanged`] when the wire does not carry a
    /// picture, or sound, that the stream has.
    pub fn attach<W: AsyncWrite + Send + Unpin + 'static>(&self, io: W, first: Bytes) -> Delivery {
        self.attach_announced(io, first, Capabilities::all())
    }

    /// [`Fanout::attach`] for a player that announced what it receives: it also ends when it does not receive what the stream changed to.
    pub fn attach_announced<W: AsyncWrite + Send + Unpin + 'static>(
        &self,
        io: W,
        first: Bytes,
        capabilities: Capabilities,
    ) -> Delivery {
        let shared = &self.inner.shared;
        let queued = Arc::new(AtomicUsize::new(0));
        let (report, end) = oneshot::channel();
        let (drop_with_player, finished) = oneshot::channel();
        let player =
            Player::new(Box::new(io), first, capabilities, Arc::clone(&queued), report, drop_with_player);
        let serial = shared.next_serial();
        let (slot, place) = self.place();
        shared.tell(slot, Command { place, serial, what: What::Attach(Box::new(player)) });
        shared.wanted.notify_one();
        Delivery { shared: Arc::clone(shared), slot, place, serial, queued, end, finished }
    }

    /// Follows the stream as the body of an HTTP answer.
    pub fn body(&self) -> Body {
        Body::new(Arc::clone(&self.inner.shared))
    }

    /// Nobody is here, and nobody but its hub can bring somebody.
    fn is_deserted(&self) -> bool {
        Arc::strong_count(&self.inner) == 1 && !self.inner.shared.is_wanted()
    }

    /// A place in the shard with the fewest players, or in a new one.
    fn place(&self) -> (usize, u32) {
        let shared = &self.inner.shared;
        let mut state = shared.lock();
        let shards = state.shards().count();
        let emptiest = state.shards().min_by_key(|&(_, players)| players);
        let room = |players: usize| players < PLAYERS_PER_SHARD || shards >= shared.config.max_shards;
        let slot = match emptiest {
            Some((slot, players)) if room(players) => slot,
            _ => {
                let slot = state.add_slot(Some(ShardSlot::default()));
                ::tokio::spawn(shard::run(Arc::clone(shared), slot));
                slot
            }
        };
        // The slot was found or made under this lock.
        let place = state.shard(slot).map_or(0, ShardSlot::occupy);
        (slot, place)
    }
}

/// Whether players with a message stream of their own take it.
fn is_odd(wire: Wire) -> bool {
    matches!(wire, Wire::Rtmp { stream_id, .. } if stream_id != 1)
}

/// The fan-outs of one stream, one for each wire somebody asked for.
#[derive(Debug)]
pub struct Hub {
    broadcast: Broadcast,
    config: Config,
    fanouts: Mutex<HashMap<Wire, Fanout>>,
}

impl Hub {
    /// Wires with another message stream than 1 that a stream is muxed into at most. A player names its message stream, so
    /// strangers could ask for any number; each costs a mux and a ring while it has an audience. The six that everybody else
    /// takes (three forms, over RTMP and FLV) are there in any case.
    pub const MAX_ODD_WIRES: usize = 4;

    /// The fan-outs of `broadcast`, none yet.
    pub fn new(broadcast: Broadcast, config: Config) -> Self {
        Self { broadcast, config, fanouts: Mutex::new(HashMap::new()) }
    }

    /// The stream that is fanned out.
    pub fn broadcast(&self) -> &Broadcast {
        &self.broadcast
    }

    /// The fan-out of `wire`, started when it is the first time; `None` where there would be more than [`Hub::MAX_ODD_WIRES`] with an
    /// audience.
    pub fn fanout(&self, wire: Wire) -> Option<Fanout> {
        let mut fanouts = self.fanouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fanout) = fanouts.get(&wire) {
            return Some(fanout.clone());
        }
        if is_odd(wire) {
            let odd = |fanouts: &HashMap<Wire, Fanout>| fanouts.keys().filter(|wire| is_odd(**wire)).count();
            if odd(&fanouts) >= Self::MAX_ODD_WIRES {
                fanouts.retain(|wire, fanout| !is_odd(*wire) || !fanout.is_deserted());
            }
            if odd(&fanouts) >= Self::MAX_ODD_WIRES {
                return None;
            }
        }
        let fanout = Fanout::new(self.broadcast.clone(), wire, self.config);
        fanouts.insert(wire, fanout.clone());
        Some(fanout)
    }

    /// What each fan-out is doing.
    pub fn stats(&self) -> Vec<(Wire, Stats)> {
        let fanouts = self.fanouts.lock().unwrap_or_else(PoisonError::into_inner);
        fanouts.iter().map(|(wire, fanout)| (*wire, fanout.stats())).collect()
    }
}

#[cfg(test)]
mod tests;
