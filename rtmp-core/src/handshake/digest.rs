//! Flash's signed handshake: HMAC-SHA-256 digests hidden in the random bytes of both packets.
//!
//! It was never published by Adobe; every implementation agrees on it. A packet's first 8 bytes are time and version. Then
//! come two blocks of 764 bytes, one with a key (which only RTMPE uses), one with a digest, in one of two orders. The
//! digest's place in its block follows from the block's first four bytes; it signs all other bytes of the packet.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::PACKET_BYTES;

const DIGEST_BYTES: usize = 32;
const HEADER_BYTES: usize = 8;
const BLOCK_BYTES: usize = 764;

/// What a client's packet claims to be: Flash 9.0.124.2, the oldest that signs.
pub(super) const CLIENT_VERSION: [u8; 4] = [9, 0, 124, 2];
/// What a server's packet claims to be: Flash Media Server 3.0.1.1.
pub(super) const SERVER_VERSION: [u8; 4] = [3, 0, 1, 1];

const CLIENT_KEY: &[u8] = b"Genuine Adobe Flash Player 001";
const SERVER_KEY: &[u8] = b"Genuine Adobe Flash Media Server 001";
/// Follows either key in the key of the second packet's signature.
const KEY_SUFFIX: [u8; 32] = [
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57, 0x6e,
    0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
];

/// Which of the two blocks holds the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// The first.
    DigestFirst,
    /// The second.
    KeyFirst,
}

/// Who made a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signer {
    Server,
    Client,
}

/// A digest found in a peer's first packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digest {
    pub(super) scheme: Scheme,
    bytes: [u8; DIGEST_BYTES],
}

impl Signer {
    fn key(self) -> &'static [u8] {
        match self {
            Self::Server => SERVER_KEY,
            Self::Client => CLIENT_KEY,
        }
    }
}

/// The digest in a first packet made by `signer`; `None` when it is not signed.
pub(super) fn find(packet: &[u8], signer: Signer) -> Option<Digest> {
    if packet.get(4..HEADER_BYTES)? == [0; 4] {
        return None;
    }
    [Scheme::DigestFirst, Scheme::KeyFirst].into_iter().find_map(|scheme| {
        let place = place(packet, scheme)?;
        let bytes = first_digest(packet, place, signer)?;
        let found = packet.get(place..place + DIGEST_BYTES)?;
        (found == bytes).then_some(Digest { scheme, bytes })
    })
}

/// Signs a first packet, whose bytes are final but for the digest.
pub(super) fn sign_first(packet: &mut [u8; PACKET_BYTES], signer: Signer, scheme: Scheme) {
    let Some(place) = place(packet, scheme) else { return };
    let Some(digest) = first_digest(packet, place, signer) else { return };
    if let Some(field) = packet.get_mut(place..place + DIGEST_BYTES) {
        field.copy_from_slice(&digest);
    }
}

/// Signs a second packet, an answer to the first packet that bore `peer`: its last 32 bytes sign the others with a key
/// made from the peer's digest.
pub(super) fn sign_second(packet: &mut [u8; PACKET_BYTES], signer: Signer, peer: &Digest) {
    let key = hmac(&[signer.key(), &KEY_SUFFIX].concat(), &[&peer.bytes]);
    if let Some((signed, signature)) = packet.split_last_chunk_mut::<DIGEST_BYTES>() {
        *signature = hmac(&key, &[signed]);
    }
}

/// Where in the packet a scheme puts the digest.
fn place(packet: &[u8], scheme: Scheme) -> Option<usize> {
    let block = match scheme {
        Scheme::DigestFirst => HEADER_BYTES,
        Scheme::KeyFirst => HEADER_BYTES + BLOCK_BYTES,
    };
    let pointer = packet.get(block..block + 4)?;
    let sum: usize = pointer.iter().map(|byte| usize::from(*byte)).sum();
    Some(block + 4 + sum % (BLOCK_BYTES - 4 - DIGEST_BYTES))
}

fn first_digest(packet: &[u8], place: usize, signer: Signer) -> Option<[u8; DIGEST_BYTES]> {
    let (before, after) = (packet.get(..place)?, packet.get(place + DIGEST_BYTES..)?);
    Some(hmac(signer.key(), &[before, after]))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; DIGEST_BYTES] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
