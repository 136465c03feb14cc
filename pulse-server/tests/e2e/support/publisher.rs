//! Our own client as an encoder: sends exactly what it is given, at the pace it is given.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use media_core::{Frame, Track};
use rtmp_core::RtmpUrl;
use rtmp_core::tokio::Client;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// Something to send, and when: counted from the start.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) what: What,
}

#[derive(Clone)]
pub(crate) enum What {
    /// A track, or its new headers.
    Track(Track),
    Frame(Frame),
}

/// A publisher at work.
pub(crate) struct Publisher(JoinHandle<Result<(), String>>);

impl Publisher {
    /// Publishes `steps`, which are in order, to the application `live`, and takes its leave.
    pub(crate) fn start(address: SocketAddr, key: &str, steps: Vec<Step>) -> Self {
        let url = RtmpUrl::parse(&format!("rtmp://{address}/live/{key}")).expect("a valid address");
        Self(thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|error| error.to_string())?.block_on(publish(address, url, steps))
        }))
    }

    /// Waits for its end; the error says how the server ended it.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.0.join().expect("a publisher does not panic")
    }
}

async fn publish(address: SocketAddr, url: RtmpUrl, steps: Vec<Step>) -> Result<(), String> {
    let socket = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let mut client = Client::publish(socket, url).await.map_err(|reason| reason.to_string())?;
    let start = Instant::now();
    for Step { at, what } in steps {
        sleep_until(start + at).await;
        let sent = match what {
            What::Track(track) => client.send_track(track),
            What::Frame(frame) => client.send_frame(&frame).await,
        };
        sent.map_err(|error| error.to_string())?;
    }
    client.flush(0).await.map_err(|error| error.to_string())?;
    client.finish().await;
    Ok(())
}
