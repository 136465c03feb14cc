//! An OpusHead for streams whose sequence start is empty (RFC 7845 §5.1).

use bytes::Bytes;

/// Streams, coupled streams and channel mapping in Vorbis order for 1 to 8 channels (RFC 7845 §5.1.1.2).
const LAYOUTS: [(u8, u8, &[u8]); 8] = [
    (1, 0, &[0]),
    (1, 1, &[0, 1]),
    (2, 1, &[0, 2, 1]),
    (2, 2, &[0, 1, 2, 3]),
    (3, 2, &[0, 4, 1, 2, 3]),
    (4, 2, &[0, 4, 1, 2, 3, 5]),
    (4, 3, &[0, 4, 1, 2, 3, 5, 6]),
    (5, 3, &[0, 6, 1, 2, 3, 4, 5, 7]),
];

/// The header of a stream of `channels` channels (1 to 8; anything else is stereo) at 48 kHz, without pre-skip.
pub(super) fn head(channels: u8) -> Bytes {
    let layout = usize::from(channels).checked_sub(1).and_then(|index| LAYOUTS.get(index));
    let (channels, layout) = layout.map_or((2, LAYOUTS[1]), |layout| (channels, *layout));
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels);
    head.extend(0_u16.to_le_bytes());
    head.extend(48_000_u32.to_le_bytes());
    head.extend(0_u16.to_le_bytes());
    head.push(u8::from(channels > 2));
    if channels > 2 {
        head.extend([layout.0, layout.1]);
        head.extend_from_slice(layout.2);
    }
    head.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_have_the_layout_of_the_rfc() {
        assert_eq!(head(2), b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0"[..]);
        assert_eq!(head(6), b"OpusHead\x01\x06\0\0\x80\xbb\0\0\0\0\x01\x04\x02\x00\x04\x01\x02\x03\x05"[..]);
        assert_eq!(head(0), head(2));
    }
}
