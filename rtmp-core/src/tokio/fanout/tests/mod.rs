//! Goal: every player gets whole messages in order from a key frame on, whatever its connection does; nobody waits for anybody; who
//! cannot follow is dropped and named. All on the runtime's paused clock.

mod audience;
mod bodies;
mod sessions;
mod sink;
mod slow;
mod stream;

use std::time::Duration;

use ::tokio::time::Instant;
use bytes::Bytes;
use media_core::{Codec, Timescale, Track, TrackId};

use self::sink::Sink;
use super::*;
use crate::flv::{WireForm, fixtures};

const TICK: Duration = Duration::from_millis(50);

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(test)
}

fn rtmp(form: WireForm) -> Wire {
    Wire::Rtmp { form, stream_id: 1 }
}

fn config() -> Config {
    Config { max_shards: 1, ..Config::default() }
}

/// Lets everything happen that happens now.
async fn settle() {
    for _ in 0..20 {
        ::tokio::task::yield_now().await;
    }
}

/// Lets a tick pass.
async fn tick() {
    ::tokio::time::sleep(TICK).await;
    settle().await;
}
