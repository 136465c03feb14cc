//! A publisher: rtmp-core's client session up to the server's permission, then the shared chunks in real time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rtmp_core::client::{Config, Event};
use rtmp_core::{ClientSession, Output, RtmpUrl};

use crate::stamps::Stamps;
use crate::wire::Wire;

/// The chunk size that publishers announce; OBS's.
pub const CHUNK_SIZE: u32 = 4_096;

/// How often a publisher looks at what the server says.
const READ_EVERY: Duration = Duration::from_millis(250);

/// One publisher.
#[derive(Debug)]
pub struct Publisher {
    stream: TcpStream,
    session: ClientSession,
    wire: Arc<Wire>,
    accepted: Option<Instant>,
    next: usize,
    /// What is left of a message that the socket did not take.
    pending: Range<usize>,
    next_read: Instant,
    written: u64,
    blocked: u64,
}

impl Publisher {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(url: &str, wire: Arc<Wire>) -> anyhow::Result<Self> {
        let url = RtmpUrl::parse(url)?;
        let stream = TcpStream::connect((&*url.host, url.port)).with_context(|| format!("{url}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let now = Instant::now();
        let mut config = Config::publish(url);
        config.chunk_size = CHUNK_SIZE;
        Ok(Self {
            stream,
            session: ClientSession::new(config, 1, now),
            wire,
            accepted: None,
            next: 0,
            pending: 0..0,
            next_read: now,
            written: 0,
            blocked: 0,
        })
    }

    /// When the server's permission came.
    pub fn accepted(&self) -> Option<Instant> {
        self.accepted
    }

    /// Bytes of media written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How often the socket did not take a message whole.
    pub fn blocked(&self) -> u64 {
        self.blocked
    }

    /// Does what is due: one write a message, as encoders do. To be called every millisecond.
    ///
    /// # Errors
    /// When the server hangs up or refuses, or the clip is over.
    pub fn tick(&mut self, now: Instant, stamps: Option<&Mutex<Stamps>>) -> anyhow::Result<()> {
        if now >= self.next_read && self.pending.is_empty() {
            self.next_read = if self.accepted.is_some() { now + READ_EVERY } else { now };
            self.converse(now)?;
        }
        let Some(accepted) = self.accepted else { return Ok(()) };
        let elapsed_ms = now.duration_since(accepted).as_millis() as u32;
        loop {
            if !self.flush()? {
                return Ok(());
            }
            let Some(entry) = self.wire.entries().get(self.next) else { bail!("the clip is over") };
            if entry.at_ms > elapsed_ms {
                return Ok(());
            }
            self.next += 1;
            self.pending = entry.range.clone();
            if let Some(stamps) = stamps {
                let mut stamps = stamps.lock().unwrap_or_else(PoisonError::into_inner);
                stamps.wrote(entry.tail, Instant::now());
            }
        }
    }

    /// Writes what is pending; whether all was taken.
    fn flush(&mut self) -> io::Result<bool> {
        if self.pending.is_empty() {
            return Ok(true);
        }
        match self.stream.write(self.wire.chunks(&self.pending)) {
            Ok(count) => {
                self.pending.start += count;
                self.written += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let taken = self.pending.is_empty();
        self.blocked += u64::from(!taken);
        Ok(taken)
    }

    /// Reads what the server says and answers it.
    fn converse(&mut self, now: Instant) -> anyhow::Result<()> {
        let mut scratch = [0; 8_192];
        match self.stream.read(&mut scratch) {
            Ok(0) => bail!("the server hung up on a publisher"),
            Ok(count) => self.session.handle_input(now, scratch.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        loop {
            match self.session.poll_output() {
                // Some hundred bytes into an empty socket buffer.
                Output::Transmit(bytes) => self.stream.write_all(&bytes)?,
                Output::Event(Event::Publishing) => self.accepted = Some(now),
                Output::Event(Event::Closed { reason }) => bail!("a publisher's session ended: {reason}"),
                Output::Event(_) => {}
                Output::Timeout(_) => return Ok(()),
            }
        }
    }
}

/// A publisher on a thread of its own, for tools that also receive. Ends when dropped.
#[derive(Debug)]
pub struct Background {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<anyhow::Result<()>>>,
    /// When each message was written.
    pub stamps: Arc<Mutex<Stamps>>,
}

impl Background {
    /// Publishes to `url` until dropped, and returns once the server allows it.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn publish(url: &str, wire: Arc<Wire>) -> anyhow::Result<Self> {
        let stamps = Arc::new(Mutex::new(Stamps::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut publisher = Publisher::connect(url, wire)?;
        while publisher.accepted().is_none() {
            publisher.tick(Instant::now(), None)?;
            thread::sleep(Duration::from_micros(200));
        }
        let (stopped, shared) = (Arc::clone(&stop), Arc::clone(&stamps));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                publisher.tick(Instant::now(), Some(&shared))?;
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        Ok(Self { stop, thread: Some(thread), stamps })
    }

    /// Whether it publishes still.
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its error is what made is_alive false.
            let _ = thread.join();
        }
    }
}
