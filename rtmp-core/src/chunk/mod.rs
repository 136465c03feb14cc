//! Chunks: how messages share a connection (Adobe RTMP §5.3).
//!
//! [`Reader`] puts messages together from a peer's chunks, [`write_message`] cuts one into chunks.

mod header;
mod reader;
mod slab;
mod stream;
mod writer;

pub use reader::{Limits, Reader};
pub use writer::{Chunking, write_message, written_len};

/// The chunk size that both sides start with (Adobe RTMP §5.4.1).
pub const INITIAL_CHUNK_SIZE: u32 = 128;

/// The chunk size this crate sends with by default. Large enough for most access units to be one chunk, small enough for
/// every player seen (nginx-rtmp and SRS send the same).
pub const DEFAULT_CHUNK_SIZE: u32 = 60_000;

/// In a three-byte timestamp field: the timestamp is in the four bytes after the header (Adobe RTMP §5.3.1.3).
const EXTENDED: u32 = 0xff_ffff;

/// Why a peer's chunks cannot be followed. The stream of bytes is lost from there on, so the connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A message announces more bytes than are allowed.
    #[error("message of {len} bytes, more than the {limit} allowed")]
    MessageTooLong {
        /// Announced, in bytes.
        len: u32,
        /// [`Limits::message_bytes`].
        limit: u32,
    },
    /// A peer uses more chunk streams than are allowed.
    #[error("more than {limit} chunk streams")]
    ChunkStreams {
        /// [`Limits::chunk_streams`].
        limit: usize,
    },
    /// The messages begun and not ended hold more bytes than are allowed.
    #[error("unfinished messages of more than the {limit} bytes allowed")]
    Assembly {
        /// [`Limits::assembly_bytes`].
        limit: usize,
    },
    /// A header that builds on an earlier one came first on its chunk stream.
    #[error("chunk stream {chunk_stream} begins with a type {format} header")]
    Fresh {
        /// The chunk stream.
        chunk_stream: u32,
        /// The chunk type.
        format: u8,
    },
    /// A message began on a chunk stream where another has not ended.
    #[error("chunk stream {chunk_stream} begins a message inside another")]
    Interrupted {
        /// The chunk stream.
        chunk_stream: u32,
    },
    /// A set chunk size or abort message that makes no sense.
    #[error("protocol control message {kind} is malformed")]
    Control {
        /// The message type.
        kind: u8,
    },
}
