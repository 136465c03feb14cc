//! Session handles: what a viewer's session rests on, signed, as one segment of a playlist's path.
//!
//! 66 bytes in base64url, all numbers big-endian: format (1), reserved (1), session id (8), time of opening and expiry in seconds since
//! 1970 (4 each), the stream's epoch (4), the renditions (4), three credentials (8 each), and the first 16 bytes of an HMAC-SHA-256 over
//! the stream's id, a zero byte and all that.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hls_packager::Renditions;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::authority::{Credentials, Role, Terms};
use crate::stream_id::StreamId;

const PAYLOAD: usize = 50;
const TAG: usize = 16;
const SIGNED: usize = PAYLOAD + TAG;
/// Characters of a handle.
pub(crate) const TEXT: usize = SIGNED / 3 * 4;
/// Of the handles that this version makes and takes.
const FORMAT: u8 = 1;

/// A handle's bytes, signature and all.
pub(super) type Signed = [u8; SIGNED];

/// What a handle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    /// The session.
    pub(super) id: [u8; 8],
    /// When it was opened, in seconds since 1970.
    pub(super) opened: u32,
    /// When it ends, in seconds since 1970.
    pub(super) expires: u32,
    /// What it rests on.
    pub(super) terms: Terms,
    /// What it shows.
    pub(super) renditions: Renditions,
}

/// Signs handles and checks them.
pub(super) struct Signer {
    present: Hmac<Sha256>,
    /// The key before: what was signed with it is still genuine.
    before: Hmac<Sha256>,
}

impl Signer {
    /// With the key to sign with, and the one before.
    pub(super) fn new([present, before]: [&[u8]; 2]) -> Self {
        let key = |key| Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Self { present: key(present), before: key(before) }
    }

    /// The handle of a session of `stream`.
    pub(super) fn sign(&self, stream: &StreamId, fields: &Fields) -> Signed {
        let mut signed = [0; SIGNED];
        let (payload, tag) = signed.split_at_mut(PAYLOAD);
        fields.write(payload);
        tag.copy_from_slice(&tag_of(&self.present, stream, payload));
        signed
    }

    /// What a genuine handle of `stream` says; `None` for any other.
    pub(super) fn open(&self, stream: &StreamId, signed: &Signed) -> Option<Fields> {
        let (payload, tag) = signed.split_at(PAYLOAD);
        let genuine = |key| equal(&tag_of(key, stream, payload), tag);
        if genuine(&self.present) || genuine(&self.before) { Fields::read(payload) } else { None }
    }
}

fn tag_of(key: &Hmac<Sha256>, stream: &StreamId, payload: &[u8]) -> [u8; TAG] {
    let mut mac = key.clone();
    mac.update(stream.as_str().as_bytes());
    // An id cannot hold this byte, so no two pairs of id and payload are signed alike.
    mac.update(&[0]);
    mac.update(payload);
    mac.finalize().into_bytes().first_chunk().copied().unwrap_or_default()
}

impl Fields {
    fn write(&self, payload: &mut [u8]) {
        let [one, two, three] = self.terms.credentials.to_words();
        let parts: [&[u8]; 9] = [
            &[FORMAT, 0],
            &self.id,
            &self.opened.to_be_bytes(),
            &self.expires.to_be_bytes(),
            &self.terms.epoch.to_be_bytes(),
            &self.renditions.bits().to_be_bytes(),
            &one.to_be_bytes(),
            &two.to_be_bytes(),
            &three.to_be_bytes(),
        ];
        for (slot, byte) in payload.iter_mut().zip(parts.into_iter().flatten()) {
            *slot = *byte;
        }
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let (&[format, _], rest) = payload.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let (opened, rest) = number(rest)?;
        let (expires, rest) = number(rest)?;
        let (epoch, rest) = number(rest)?;
        let (renditions, rest) = number(rest)?;
        let mut words = rest.as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word));
        let credentials = Credentials::from_words(std::array::from_fn(|_| words.next().unwrap_or_default()));
        let terms = Terms { role: Role::Viewer, credentials, epoch };
        let fields = Self { id: *id, opened, expires, terms, renditions: Renditions::from_bits(renditions) };
        (format == FORMAT).then_some(fields)
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// The session that a handle claims to be of, before anything of it is believed.
pub(super) fn claimed_id(signed: &Signed) -> [u8; 8] {
    signed.get(2..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default()
}

/// A handle's bytes; `None` for what is none.
pub(super) fn decode(text: &str) -> Option<Signed> {
    let mut signed = [0; SIGNED];
    let decoded = text.len() == TEXT && URL_SAFE_NO_PAD.decode_slice(text, &mut signed) == Ok(SIGNED);
    decoded.then_some(signed)
}

/// Equality that takes the same time wherever the bytes differ.
pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && std::hint::black_box(a.iter().zip(b).fold(0, |sum, (x, y)| sum | (x ^ y))) == 0
}

/// A handle as it stands in URLs. Not printed by `Debug`: whoever has it can watch.
#[derive(Clone)]
pub struct Handle(String);

impl Handle {
    pub(super) fn of(signed: &Signed) -> Self {
        Self(URL_SAFE_NO_PAD.encode(signed))
    }

    /// The text for the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Credential;

    fn fields() -> Fields {
        let credentials = Credentials::new(&[Credential(1), Credential(u64::MAX), Credential(3)]);
        Fields {
            id: *b"session1",
            opened: 1_700_000_000,
            expires: u32::MAX,
            terms: Terms { epoch: 7, ..Terms::viewer(credentials) },
            renditions: Renditions::from_bits(5),
        }
    }

    #[test]
    fn a_handle_says_what_was_signed() {
        let signer = Signer::new([&[7; 32], &[6; 32]]);
        let stream = StreamId::parse("show").unwrap();
        let handle = Handle::of(&signer.sign(&stream, &fields()));
        assert_eq!(handle.as_str().len(), TEXT);
        let signed = decode(handle.as_str()).unwrap();
        assert_eq!(signer.open(&stream, &signed), Some(fields()));
        assert_eq!(claimed_id(&signed), *b"session1");
    }

    #[test]
    fn a_genuine_signature_under_another_format_is_refused() {
        let signer = Signer::new([&[7; 32], &[6; 32]]);
        let stream = StreamId::parse("show").unwrap();
        let mut signed = signer.sign(&stream, &fields());
        signed[0] = FORMAT + 1;
        let (payload, tag) = signed.split_at_mut(PAYLOAD);
        tag.copy_from_slice(&tag_of(&signer.present, &stream, payload));
        assert_eq!(signer.open(&stream, &signed), None);
    }

    /// Numbers that look random and are the same each time (SplitMix64).
    fn numbers(mut state: u64) -> impl FnMut() -> u64 {
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
    }

    #[test]
    fn whatever_text_comes_it_is_read_or_refused_and_only_the_genuine_one_is_believed() {
        let signer = Signer::new([&[7; 32], &[6; 32]]);
        let stream = StreamId::parse("show").unwrap();
        let genuine = Handle::of(&signer.sign(&stream, &fields())).as_str().to_owned();
        let believed = |text: &str| decode(text).and_then(|signed| signer.open(&stream, &signed)).is_some();
        assert!(believed(&genuine));
        let mut next = numbers(1);
        for _ in 0..100_000 {
            let mut bytes = genuine.clone().into_bytes();
            match next() % 4 {
                0 => bytes.truncate(next() as usize % TEXT),
                1 => bytes.insert(next() as usize % TEXT, next() as u8),
                2 => bytes.iter_mut().for_each(|byte| *byte = next() as u8),
                _ => {
                    let at = next() as usize % TEXT;
                    bytes[at] ^= 1 << (next() % 8);
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            assert!(!believed(&text), "{text}");
        }
    }

    #[test]
    fn a_handle_with_any_bit_changed_is_refused() {
        let signer = Signer::new([&[7; 32], &[6; 32]]);
        let stream = StreamId::parse("show").unwrap();
        let signed = signer.sign(&stream, &fields());
        for bit in 0..SIGNED * 8 {
            let mut changed = signed;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(signer.open(&stream, &changed), None, "bit {bit}");
        }
    }
}
