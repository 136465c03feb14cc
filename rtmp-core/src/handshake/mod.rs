//! The handshake that opens a connection, for both roles (Adobe RTMP §5.2), with Flash's digests where the peer has them.
//!
//! Input may come in pieces of any size, C0, C1 and C2 in one write included. What the peer echoes is not compared:
//! encoders are known to send a wrong C2, and nothing is gained by refusing them.

mod digest;
mod random;

use bytes::{BufMut, BytesMut};

use digest::{Digest, Signer};
pub(crate) use random::Random;

/// Bytes in C1, S1, C2 and S2.
const PACKET_BYTES: usize = 1536;

/// The only version there is; 6 is RTMPE.
const VERSION: u8 = 3;

/// C0 and C1, or S0 and S1: all that has to be kept.
const HELLO_BYTES: usize = 1 + PACKET_BYTES;

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first byte is not RTMP's version: a port scanner, an HTTP or TLS client, or RTMPE (6).
    #[error("first byte is {version:#04x}, not RTMP version 3")]
    Version {
        /// The byte.
        version: u8,
    },
}

/// One side of a handshake. Holds 1,537 bytes while the peer's first packet arrives.
#[derive(Debug)]
pub(crate) struct Handshake {
    role: Role,
    random: Random,
    hello: Vec<u8>,
    /// Bytes of the peer's second packet still to come; `None` until its first has been answered.
    echo_missing: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

impl Handshake {
    /// The side that was connected to.
    pub(crate) fn server(random: Random) -> Self {
        Self { role: Role::Server, random, hello: Vec::new(), echo_missing: None }
    }

    /// The side that connects; C0 and C1, signed for servers who ask for it (old FMS plays H.264 to no others), go to `out`
    /// at once. Servers who do not know of signatures take it as random.
    pub(crate) fn client(mut random: Random, out: &mut BytesMut) -> Self {
        let mut packet = packet(&mut random);
        set_version(&mut packet, digest::CLIENT_VERSION);
        digest::sign_first(&mut packet, Signer::Client, digest::Scheme::DigestFirst);
        out.put_u8(VERSION);
        out.put_slice(&packet);
        Self { role: Role::Client, random, hello: Vec::new(), echo_missing: None }
    }

    /// Takes from the front of `input`, appends what is to be sent; `true` once the handshake is over.
    pub(crate) fn read(&mut self, input: &mut &[u8], out: &mut BytesMut) -> Result<bool, Error> {
        if self.echo_missing.is_none() {
            let (taken, rest) = input.split_at(input.len().min(HELLO_BYTES - self.hello.len()));
            self.hello.reserve_exact(HELLO_BYTES - self.hello.len());
            self.hello.extend_from_slice(taken);
            *input = rest;
            if let Some(&version) = self.hello.first()
                && version != VERSION
            {
                return Err(Error::Version { version });
            }
            if self.hello.len() < HELLO_BYTES {
                return Ok(false);
            }
            self.answer(out);
        }
        let missing = self.echo_missing.unwrap_or(PACKET_BYTES);
        let taken = missing.min(input.len());
        *input = input.get(taken..).unwrap_or_default();
        self.echo_missing = Some(missing - taken);
        Ok(missing == taken)
    }

    /// Answers the peer's first packet: S0, S1 and S2 from a server, C2 from a client.
    fn answer(&mut self, out: &mut BytesMut) {
        let hello = std::mem::take(&mut self.hello);
        let Some((_, first)) = hello.split_first_chunk::<1>() else { return };
        let signature =
            digest::find(first, if self.role == Role::Server { Signer::Client } else { Signer::Server });
        if self.role == Role::Server {
            let mut packet = packet(&mut self.random);
            if let Some(Digest { scheme, .. }) = signature {
                set_version(&mut packet, digest::SERVER_VERSION);
                digest::sign_first(&mut packet, Signer::Server, scheme);
            }
            out.put_u8(VERSION);
            out.put_slice(&packet);
        }
        match signature {
            Some(signature) => {
                let mut packet = packet(&mut self.random);
                let signer = if self.role == Role::Server { Signer::Server } else { Signer::Client };
                digest::sign_second(&mut packet, signer, &signature);
                out.put_slice(&packet);
            }
            None => out.put_slice(first),
        }
        self.echo_missing = Some(PACKET_BYTES);
    }
}

/// Time zero, four zero bytes, random.
fn packet(random: &mut Random) -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    if let Some((_, rest)) = packet.split_first_chunk_mut::<8>() {
        random.fill(rest);
    }
    packet
}

/// The four bytes after the time: zero without signatures, a Flash version with them.
fn set_version(packet: &mut [u8; PACKET_BYTES], version: [u8; 4]) {
    if let Some(field) = packet.get_mut(4..8) {
        field.copy_from_slice(&version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Handshake {
        Handshake::server(Random::new(1))
    }

    /// Feeds `input` in pieces of `step` bytes; what was sent, and what was left when the handshake ended.
    fn feed(handshake: &mut Handshake, input: &[u8], step: usize) -> (BytesMut, Option<usize>) {
        let mut out = BytesMut::new();
        let mut fed = 0;
        for piece in input.chunks(step) {
            let mut rest = piece;
            fed += piece.len();
            if handshake.read(&mut rest, &mut out).expect("valid") {
                return (out, Some(input.len() - fed + rest.len()));
            }
            assert!(rest.is_empty());
        }
        (out, None)
    }

    fn simple_hello() -> Vec<u8> {
        let mut hello = vec![3, 0, 0, 0, 7, 0, 0, 0, 0];
        hello.resize(HELLO_BYTES, 0xab);
        hello
    }

    #[test]
    fn trap_17_everything_in_one_write_or_byte_by_byte() {
        let mut input = simple_hello();
        input.extend([0; PACKET_BYTES]);
        input.extend(b"rest");
        for step in [1, 7, 1536, 1537, input.len()] {
            let (out, left) = feed(&mut server(), &input, step);
            assert_eq!(out.len(), 1 + 2 * PACKET_BYTES);
            assert_eq!(&out[1 + PACKET_BYTES..], &simple_hello()[1..], "S2 echoes C1");
            assert!(left.is_some_and(|left| left >= 4 || step == 1), "{left:?}");
        }
    }

    #[test]
    fn trap_17_a_wrong_c2_is_tolerated() {
        let mut input = simple_hello();
        input.extend([0xee; PACKET_BYTES]);
        assert_eq!(feed(&mut server(), &input, 100).1, Some(0));
    }

    #[test]
    fn trap_17_signed_handshake_between_our_two_roles() {
        let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
        let mut client = Handshake::client(Random::new(2), &mut to_server);
        let mut server = server();
        assert!(digest::find(&to_server[1..], Signer::Client).is_some());
        assert!(!server.read(&mut &to_server.split()[..], &mut to_client).expect("valid"));
        assert!(digest::find(&to_client[1..=PACKET_BYTES], Signer::Server).is_some());
        assert!(client.read(&mut &to_client[..], &mut to_server).expect("valid"));
        assert!(server.read(&mut &to_server[..], &mut to_client).expect("valid"));
    }

    #[test]
    fn trap_17_both_digest_schemes_are_found() {
        for scheme in [digest::Scheme::DigestFirst, digest::Scheme::KeyFirst] {
            let mut hello = packet(&mut Random::new(3));
            set_version(&mut hello, digest::CLIENT_VERSION);
            digest::sign_first(&mut hello, Signer::Client, scheme);
            let found = digest::find(&hello, Signer::Client).expect("signed");
            assert_eq!(found.scheme, scheme);
            let input = [&[3], &hello[..]].concat();
            let (out, _) = feed(&mut server(), &input, input.len());
            let answer = digest::find(&out[1..=PACKET_BYTES], Signer::Server).expect("signed");
            assert_eq!(answer.scheme, scheme);
        }
    }

    #[test]
    fn other_protocols_are_turned_away_at_the_first_byte() {
        for first in [b"GET / HTTP/1.1", &[0x16, 3, 1][..], &[6]] {
            let refused = server().read(&mut &first[..], &mut BytesMut::new());
            assert_eq!(refused, Err(Error::Version { version: first[0] }));
        }
    }
}
