//! The header of a PES packet (ISO/IEC 13818-1 §2.4.3.6).

/// PTS and DTS count modulo 2^33.
const CLOCK_MASK: i64 = (1 << 33) - 1;
/// The most that PES_packet_length can say.
const MAX_LENGTH: usize = 0xffff;

/// Decode and presentation time on the wire: 33 bits of 90 kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pts: u64,
    dts: u64,
}

/// `ticks` modulo 2^33.
pub(super) fn wrap(ticks: i64) -> u64 {
    (ticks & CLOCK_MASK) as u64
}

impl Times {
    pub(super) fn new(pts: i64, dts: i64) -> Self {
        Self { pts: wrap(pts), dts: wrap(dts) }
    }

    /// The DTS is written only where it differs.
    fn field_bytes(self) -> usize {
        if self.pts == self.dts { 5 } else { 10 }
    }
}

/// A header, at most 19 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    bytes: [u8; 19],
    len: usize,
}

impl Header {
    /// How long the header of a packet with `times` is.
    pub(super) fn len(times: Times) -> usize {
        9 + times.field_bytes()
    }

    /// The header of a packet of `stream_id` that carries `payload` bytes, beginning with an access unit.
    pub(super) fn new(stream_id: u8, times: Times, payload: usize) -> Self {
        let fields = times.field_bytes();
        // Zero, "unbounded", is allowed for video only; audio packets are kept shorter.
        let length = Some(3 + fields + payload).filter(|&length| length <= MAX_LENGTH).unwrap_or(0);
        let [length_high, length_low] = (length as u16).to_be_bytes();
        // Marker bits and data_alignment_indicator, then which times follow.
        let flags = if fields == 5 { 0x80 } else { 0xc0 };
        let mut bytes = [0; 19];
        let fixed = [0, 0, 1, stream_id, length_high, length_low, 0x84, flags, fields as u8];
        let stamps = if fields == 5 {
            [stamp(2, times.pts), [0; 5]]
        } else {
            [stamp(3, times.pts), stamp(1, times.dts)]
        };
        let all = fixed.iter().chain(stamps.iter().flatten());
        bytes.iter_mut().zip(all).for_each(|(to, &from)| *to = from);
        Self { bytes, len: 9 + fields }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// A time stamp behind its 4-bit prefix, with a marker bit after each 3, 15 and 15 bits.
fn stamp(prefix: u8, ticks: u64) -> [u8; 5] {
    [
        prefix << 4 | (ticks >> 29) as u8 & 0x0e | 1,
        (ticks >> 22) as u8,
        (ticks >> 14) as u8 | 1,
        (ticks >> 7) as u8,
        (ticks << 1) as u8 | 1,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_are_written_once() {
        let times = Times::new(900_000, 900_000);
        let header = Header::new(0xc0, times, 100);
        let golden = [0, 0, 1, 0xc0, 0, 108, 0x84, 0x80, 5, 0x21, 0, 0x37, 0x77, 0x41];
        assert_eq!(header.as_bytes(), golden);
        assert_eq!(Header::len(times), golden.len());
    }

    #[test]
    fn times_wrap_at_33_bits() {
        let header = Header::new(0xe0, Times::new((1 << 33) + 3000, (1 << 33) - 1), 70_000);
        let golden =
            [0, 0, 1, 0xe0, 0, 0, 0x84, 0xc0, 10, 0x31, 0, 1, 0x17, 0x71, 0x1f, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(header.as_bytes(), golden);
        assert_eq!(wrap(-1), (1 << 33) - 1);
    }
}
