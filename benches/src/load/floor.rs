//! The least that a broadcast over TCP costs: the clip's chunks to everybody who connects, one write a connection and tick, under
//! TCP_NODELAY. No protocol, no queue, one thread.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::wire::Wire;

/// A connection that is this far behind is dropped.
const MAX_BEHIND: usize = 8 << 20;

/// Arguments of `floor`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Address to listen on.
    #[arg(long)]
    pub listen: String,
    /// The tick, in milliseconds.
    #[arg(long, default_value_t = 50)]
    pub tick_ms: u64,
    /// After how many seconds to end.
    #[arg(long, default_value_t = 60.0)]
    pub seconds: f64,
}

struct Connection {
    stream: TcpStream,
    /// What the socket did not take at once. Ranges of the wire that follow each other are one.
    behind: VecDeque<Range<usize>>,
}

/// Broadcasts.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let wire = super::wire(args.seconds)?;
    let listener = TcpListener::bind(&args.listen)?;
    listener.set_nonblocking(true)?;
    super::print(&json!({"ready": true}));
    let mut connections: Vec<Connection> = Vec::new();
    let (began, tick, mut next) = (Instant::now(), Duration::from_millis(args.tick_ms.max(1)), 0);
    for turn in 1.. {
        let due = tick * turn;
        if due.as_secs_f64() > args.seconds {
            break;
        }
        if let Some(rest) = due.checked_sub(began.elapsed()) {
            std::thread::sleep(rest);
        }
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            connections.push(Connection { stream, behind: VecDeque::new() });
        }
        let (range, after) = wire.due(next, due.as_millis() as u32);
        next = after;
        if !range.is_empty() {
            connections.retain_mut(|connection| connection.send(&wire, &range));
        }
    }
    Ok(())
}

impl Connection {
    /// Writes; whether the connection is still there.
    fn send(&mut self, wire: &Wire, range: &Range<usize>) -> bool {
        match self.behind.back_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.behind.push_back(range.clone()),
        }
        while let Some(front) = self.behind.front_mut() {
            match self.stream.write(wire.chunks(front)) {
                Ok(count) => front.start += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
            if front.start == front.end {
                self.behind.pop_front();
            }
        }
        let behind: usize = self.behind.iter().map(ExactSizeIterator::len).sum();
        behind < MAX_BEHIND
    }
}
