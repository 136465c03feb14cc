//! Writing FLV.

use bytes::{BufMut, BytesMut};

use super::super::Tag;

/// Size of [`stream_head`].
pub const STREAM_HEAD_BYTES: usize = 13;
/// Size of [`tag_head`].
pub const HEAD_BYTES: usize = 11;
/// Size of [`tag_tail`].
pub const TAIL_BYTES: usize = 4;
/// The largest tag body that 24 bits of size can say.
const MAX_BODY_BYTES: usize = 0xff_ffff;

/// A body does not fit into a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tag of {bytes} bytes is more than FLV can hold")]
pub struct TooLarge {
    /// Its size.
    pub bytes: usize,
}

/// What a stream begins with: the FLV header and the first back pointer (annex E.2, E.3).
///
/// The two flags promise a kind of track; some players wait for what was promised, so they should be what is carried.
pub fn stream_head(tracks: &super::super::Muxer) -> [u8; STREAM_HEAD_BYTES] {
    let has = |kind| tracks.carried().any(|track| track.kind() == kind);
    let audio = u8::from(has(media_core::TrackKind::Audio)) << 2;
    let video = u8::from(has(media_core::TrackKind::Video));
    [b'F', b'L', b'V', 1, audio | video, 0, 0, 0, 9, 0, 0, 0, 0]
}

/// What precedes a tag's body (annex E.4.1). The timestamp's top byte stands behind its lower three.
///
/// # Errors
/// [`TooLarge`] when the body has 16 MiB or more.
pub fn tag_head(tag: &Tag) -> Result<[u8; HEAD_BYTES], TooLarge> {
    let bytes = tag.len();
    if bytes > MAX_BODY_BYTES {
        return Err(TooLarge { bytes });
    }
    let [_, size @ ..] = (bytes as u32).to_be_bytes();
    let [top, time @ ..] = tag.timestamp_ms.to_be_bytes();
    let ([s0, s1, s2], [t0, t1, t2]) = (size, time);
    Ok([tag.kind.number(), s0, s1, s2, t0, t1, t2, top, 0, 0, 0])
}

/// The back pointer that follows a tag's body: the size of the tag with its header.
pub fn tag_tail(tag: &Tag) -> [u8; TAIL_BYTES] {
    ((HEAD_BYTES + tag.len()) as u32).to_be_bytes()
}

/// Appends a whole tag; copies the payload.
///
/// # Errors
/// [`TooLarge`] when the body has 16 MiB or more; nothing was written then.
pub fn write_tag(tag: &Tag, out: &mut BytesMut) -> Result<(), TooLarge> {
    let head = tag_head(tag)?;
    out.reserve(HEAD_BYTES + tag.len() + TAIL_BYTES);
    out.put_slice(&head);
    out.put_slice(tag.head());
    out.put_slice(&tag.payload);
    out.put_slice(&tag_tail(tag));
    Ok(())
}
