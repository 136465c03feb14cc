//! `rtmp-core` alone: lets one encoder in on a blocking socket and says what it sends.
//!
//! `cargo run -p pulse-examples --example rtmp_ingest`, then publish to `rtmp://127.0.0.1:1935/live/key`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rtmp_core::server::{Event, Rejection};
use rtmp_core::{Output, ServerSession};

fn main() -> std::io::Result<()> {
    let (mut socket, peer) = TcpListener::bind("127.0.0.1:1935")?.accept()?;
    let mut session = ServerSession::new(Default::default(), u64::from(peer.port()), Instant::now());
    let mut buffer = [0; 65_536];
    loop {
        match session.poll_output() {
            Output::Transmit(bytes) => socket.write_all(&bytes)?,
            Output::Event(Event::Publish(request)) => match request.target.key.expose() {
                "key" => session.accept_publish(Instant::now(), request),
                _ => session.reject(Instant::now(), request, Rejection::BadName),
            },
            Output::Event(Event::Closed { .. }) => return Ok(()),
            Output::Event(event) => println!("{:.100}", format!("{event:?}")),
            Output::Timeout(at) => {
                socket.set_read_timeout(Some((at - Instant::now()).max(Duration::from_millis(1))))?;
                match socket.read(&mut buffer) {
                    Ok(0) => session.handle_eof(Instant::now()),
                    Ok(len) => session.handle_input(Instant::now(), buffer.get(..len).unwrap_or_default()),
                    Err(_) => session.handle_timeout(Instant::now()),
                }
            }
        }
    }
}
