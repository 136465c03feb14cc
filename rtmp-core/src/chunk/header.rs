//! Chunk headers (Adobe RTMP §5.3.1).

use super::EXTENDED;

/// The longest header: three bytes that name the chunk stream, eleven of message header, four of extended timestamp.
pub(super) const LONGEST: usize = 3 + 11 + 4;

/// Chunk type and stream (§5.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Basic {
    pub(super) format: u8,
    pub(super) chunk_stream: u32,
    pub(super) len: usize,
}

impl Basic {
    /// Reads it from the front of `bytes`; `None` when more are needed.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let &first = bytes.first()?;
        let format = first >> 6;
        Some(match first & 0x3f {
            0 => Self { format, chunk_stream: 64 + u32::from(*bytes.get(1)?), len: 2 },
            1 => {
                let low = u32::from(*bytes.get(1)?);
                let high = u32::from(*bytes.get(2)?);
                Self { format, chunk_stream: 64 + low + (high << 8), len: 3 }
            }
            short => Self { format, chunk_stream: u32::from(short), len: 1 },
        })
    }
}

/// The message header of chunk types 0, 1 and 2, without its extended timestamp (§5.3.1.2). Fields that a type lacks are
/// taken from the chunk stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    /// Absolute for type 0, else a delta; [`EXTENDED`] when it is in the four bytes that follow.
    pub(super) time: u32,
    pub(super) len: Option<u32>,
    pub(super) kind: Option<u8>,
    pub(super) stream_id: Option<u32>,
}

impl Fields {
    /// Length on the wire of the message header of a chunk type.
    pub(super) const fn wire_len(format: u8) -> usize {
        match format {
            0 => 11,
            1 => 7,
            2 => 3,
            _ => 0,
        }
    }

    /// Reads the header of a type 0, 1 or 2 chunk; `None` when more bytes are needed.
    pub(super) fn parse(format: u8, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..Self::wire_len(format))?;
        let (time, rest) = bytes.split_first_chunk()?;
        let mut fields = Self { time: u24(*time), len: None, kind: None, stream_id: None };
        if let Some((len, rest)) = rest.split_first_chunk() {
            fields.len = Some(u24(*len));
            fields.kind = rest.first().copied();
            fields.stream_id = rest.get(1..).and_then(<[u8]>::first_chunk).map(|id| u32::from_le_bytes(*id));
        }
        Some(fields)
    }

    pub(super) fn is_extended(self) -> bool {
        self.time == EXTENDED
    }
}

fn u24([a, b, c]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, a, b, c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_17_three_byte_basic_headers_reach_the_last_chunk_stream() {
        assert_eq!(Basic::parse(&[0xc4]), Some(Basic { format: 3, chunk_stream: 4, len: 1 }));
        assert_eq!(Basic::parse(&[0x40, 255]), Some(Basic { format: 1, chunk_stream: 319, len: 2 }));
        assert_eq!(Basic::parse(&[0x01, 0, 1]), Some(Basic { format: 0, chunk_stream: 320, len: 3 }));
        assert_eq!(Basic::parse(&[0x01, 255, 255]), Some(Basic { format: 0, chunk_stream: 65_599, len: 3 }));
        assert_eq!(Basic::parse(&[0x01, 255]), None);
    }

    #[test]
    fn each_type_has_its_fields() {
        let bytes = [0, 0, 5, 0, 1, 0, 9, 1, 0, 0, 0];
        let full = Fields { time: 5, len: Some(256), kind: Some(9), stream_id: Some(1) };
        assert_eq!(Fields::parse(0, &bytes), Some(full));
        assert_eq!(Fields::parse(1, &bytes), Some(Fields { stream_id: None, ..full }));
        assert_eq!(
            Fields::parse(2, &bytes),
            Some(Fields { time: 5, len: None, kind: None, stream_id: None })
        );
        assert_eq!(Fields::parse(0, &bytes[..10]), None);
    }
}
