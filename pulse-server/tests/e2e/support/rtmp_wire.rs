//! RTMP by hand on a raw socket, for what no decent client does.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Bytes of C1 and of C2 (Adobe RTMP §5.2.3).
const HANDSHAKE_BYTES: usize = 1536;

/// The chunk size until one side says otherwise.
const CHUNK_BYTES: usize = 128;

/// Message type of an AMF0 command.
const COMMAND: u8 = 20;

/// A connection that does what it is told.
pub(crate) struct Wire {
    socket: TcpStream,
    received: Vec<u8>,
}

impl Wire {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        socket.set_nodelay(true).expect("a TCP socket takes the option");
        Self { socket, received: Vec::new() }
    }

    /// A simple handshake, in full.
    #[track_caller]
    pub(crate) fn handshaken(address: SocketAddr) -> Self {
        let mut wire = Self::connect(address);
        let mut c0c1 = vec![3_u8];
        c0c1.extend([0; 8]);
        c0c1.extend((0..HANDSHAKE_BYTES - 8).map(|index| u8::try_from(index % 251).expect("below 251")));
        wire.socket.write_all(&c0c1).expect("the server takes a handshake");
        wire.socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a valid time-out");
        let mut answer = vec![0; 1 + 2 * HANDSHAKE_BYTES];
        wire.socket.read_exact(&mut answer).expect("the server answers a handshake");
        wire.socket.write_all(&answer[1..=HANDSHAKE_BYTES]).expect("the server takes C2");
        wire
    }

    /// As far as an accepted `connect` and `createStream` to the application `app`.
    #[track_caller]
    pub(crate) fn connected(address: SocketAddr, app: &str) -> Self {
        let mut wire = Self::handshaken(address);
        let url = format!("rtmp://{address}/{app}");
        let connect = [
            amf_string("connect"),
            amf_number(1.0),
            amf_object(&[
                ("app", amf_string(app)),
                ("tcUrl", amf_string(&url)),
                ("flashVer", amf_string("LNX 9,0,124,2")),
            ]),
        ];
        wire.command(0, &connect.concat());
        wire.command(0, &[amf_string("createStream"), amf_number(2.0), vec![5]].concat());
        wire
    }

    /// Asks to publish under `key` on message stream 1.
    pub(crate) fn publish(&mut self, key: &str) {
        let publish = [amf_string("publish"), amf_number(3.0), vec![5], amf_string(key), amf_string("live")];
        self.command(1, &publish.concat());
    }

    /// Sends an AMF0 command on chunk stream 3.
    pub(crate) fn command(&mut self, stream: u32, body: &[u8]) {
        let length = u32::try_from(body.len()).expect("a test's message is short");
        let mut bytes = chunk_start(3, 0, length, COMMAND, stream);
        for (index, chunk) in body.chunks(CHUNK_BYTES).enumerate() {
            if index > 0 {
                bytes.extend(chunk_continued(3));
            }
            bytes.extend(chunk);
        }
        let _ = self.send(&bytes);
    }

    /// Sends bytes as they are; an error says that the server has closed.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.set_write_timeout(Some(Duration::from_secs(5)))?;
        self.socket.write_all(bytes)
    }

    /// Reads for at most `patience` until `text` has come; whether it has.
    pub(crate) fn hears(&mut self, text: &str, patience: Duration) -> bool {
        let started = Instant::now();
        loop {
            if without_chunk_headers(&self.received)
                .windows(text.len())
                .any(|window| window == text.as_bytes())
            {
                return true;
            }
            if started.elapsed() >= patience || !self.read_some(patience.saturating_sub(started.elapsed())) {
                return false;
            }
        }
    }

    /// Everything that the server says until it closes.
    #[track_caller]
    pub(crate) fn hear_out(mut self, patience: Duration) -> Vec<u8> {
        self.closed_within(patience).unwrap_or_else(|still| panic!("{still}"));
        self.received
    }

    /// Waits for the server's close and says how long that took; `Err` says what happened instead.
    pub(crate) fn closed_within(&mut self, patience: Duration) -> Result<Duration, String> {
        let started = Instant::now();
        while started.elapsed() < patience {
            if !self.read_some(patience.saturating_sub(started.elapsed())) && !self.open() {
                return Ok(started.elapsed());
            }
        }
        Err(format!("still open after {patience:?}, {} bytes received", self.received.len()))
    }

    /// One read; whether it gave bytes.
    fn read_some(&mut self, patience: Duration) -> bool {
        let mut buffer = [0; 4096];
        let _ = self.socket.set_read_timeout(Some(patience.max(Duration::from_millis(1))));
        match self.socket.read(&mut buffer) {
            Ok(length) => {
                self.received.extend_from_slice(&buffer[..length]);
                length > 0
            }
            Err(_) => false,
        }
    }

    fn open(&mut self) -> bool {
        let _ = self.socket.set_read_timeout(Some(Duration::from_millis(1)));
        match self.socket.peek(&mut [0]) {
            Ok(length) => length > 0,
            Err(error) => {
                matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
            }
        }
    }
}

/// A chunk's header of type 0, with the basic header that the chunk stream's id needs (Adobe RTMP §5.3.1).
pub(crate) fn chunk_start(chunk_stream: u32, timestamp: u32, length: u32, kind: u8, stream: u32) -> Vec<u8> {
    let mut bytes = basic_header(0, chunk_stream);
    bytes.extend(&timestamp.to_be_bytes()[1..]);
    bytes.extend(&length.to_be_bytes()[1..]);
    bytes.push(kind);
    bytes.extend(stream.to_le_bytes());
    bytes
}

/// A chunk's header of type 3: the message goes on.
pub(crate) fn chunk_continued(chunk_stream: u32) -> Vec<u8> {
    basic_header(3, chunk_stream)
}

fn basic_header(format: u8, chunk_stream: u32) -> Vec<u8> {
    let byte = |value: u32| u8::try_from(value & 0xff).expect("masked");
    match chunk_stream {
        2..=63 => vec![format << 6 | byte(chunk_stream)],
        64..=319 => vec![format << 6, byte(chunk_stream - 64)],
        _ => vec![format << 6 | 1, byte(chunk_stream - 64), byte((chunk_stream - 64) >> 8)],
    }
}

/// Good enough to find words in what a server sends in chunks of 128 bytes on chunk stream 3: the header of a continued
/// chunk is one byte that occurs in no word.
fn without_chunk_headers(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| !(0xc2..=0xcf).contains(byte)).collect()
}

pub(crate) fn amf_number(value: f64) -> Vec<u8> {
    [&[0], value.to_be_bytes().as_slice()].concat()
}

pub(crate) fn amf_string(text: &str) -> Vec<u8> {
    [vec![2], amf_key(text)].concat()
}

/// An object's name for a value: a string without its marker.
pub(crate) fn amf_key(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a test's string is short");
    [length.to_be_bytes().as_slice(), text.as_bytes()].concat()
}

pub(crate) fn amf_object(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![3];
    for (name, value) in members {
        bytes.extend(amf_key(name));
        bytes.extend(value);
    }
    bytes.extend([0, 0, 9]);
    bytes
}
