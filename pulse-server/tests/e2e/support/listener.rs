//! Our own client as a player: notes what comes.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use media_core::TrackId;
use rtmp_core::client::{Config, Event};
use rtmp_core::tokio::Client;
use rtmp_core::{Capabilities, RtmpUrl};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A stream from which nothing comes for so long is over.
const SILENCE: Duration = Duration::from_secs(3);

/// What came.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Frames of the first video track.
    pub(crate) pictures: usize,
    /// Tracks of which a frame came.
    pub(crate) tracks: BTreeSet<TrackId>,
    /// The last frame's decode time.
    pub(crate) until_ms: i64,
    /// How the connection ended; empty where the stream fell silent.
    pub(crate) ended: String,
}

/// A player at work.
pub(crate) struct Listener(JoinHandle<Heard>);

impl Listener {
    /// Plays `id` until the stream is over, having announced `capabilities`.
    pub(crate) fn start(address: SocketAddr, id: &str, capabilities: Capabilities) -> Self {
        let url = RtmpUrl::parse(&format!("rtmp://{address}/play/{id}")).expect("a valid address");
        Self(thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be had").block_on(listen(address, url, capabilities))
        }))
    }

    /// Waits for the end of the stream.
    pub(crate) fn finish(self) -> Heard {
        self.0.join().expect("a listener does not panic")
    }
}

async fn listen(address: SocketAddr, url: RtmpUrl, capabilities: Capabilities) -> Heard {
    let mut config = Config::play(url);
    config.capabilities = capabilities;
    let mut heard = Heard::default();
    let socket = TcpStream::connect(address).await.expect("the server accepts connections");
    let mut client = match Client::connect(socket, config).await {
        Ok(client) => client,
        Err(reason) => return Heard { ended: reason.to_string(), ..heard },
    };
    while let Ok(event) = timeout(SILENCE, client.next_event()).await {
        match event {
            Event::Frame(frame) => {
                heard.pictures += usize::from(frame.track == TrackId::video(0));
                heard.tracks.insert(frame.track);
                heard.until_ms = frame.dts.0 / 1_000;
            }
            Event::Closed { reason } => return Heard { ended: reason.to_string(), ..heard },
            _ => {}
        }
    }
    heard
}
