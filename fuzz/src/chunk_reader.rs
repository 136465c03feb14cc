//! Chunks mean the same in whatever pieces they arrive, stay within the reader's limits, and written anew they read back.

use bytes::BytesMut;
use rtmp_core::chunk::{Chunking, Error, Limits, Reader, write_message};
use rtmp_core::message::{Message, MessageKind};

use crate::script::Script;

/// The first byte chooses the size of the pieces.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let piece = usize::from(script.u8()).max(1);
    let wire = script.rest();
    let whole = read(wire, wire.len().max(1));
    assert_eq!(whole, read(wire, piece), "pieces of {piece}");
    if piece.is_multiple_of(8) {
        assert_eq!(whole, read(wire, 1), "pieces of 1");
    }
    write_and_read(&whole.0);
}

/// All messages, and what ended them.
fn read(wire: &[u8], piece: usize) -> (Vec<Message>, Option<Error>) {
    let limits = Limits::small();
    let mut reader = Reader::new(limits);
    let mut messages = Vec::new();
    for mut piece in wire.chunks(piece) {
        loop {
            let read = reader.read(&mut piece);
            assert!(reader.held() <= limits.assembly_bytes);
            match read {
                Ok(Some(message)) => {
                    assert!(message.body.len() <= limits.message_bytes as usize);
                    messages.push(message);
                }
                Ok(None) => break assert!(piece.is_empty()),
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

fn write_and_read(messages: &[Message]) {
    let chunking = Chunking { chunk_stream: 5, chunk_size: 128 };
    let mut wire = BytesMut::new();
    for message in messages {
        assert!(
            message.header.kind != MessageKind::SET_CHUNK_SIZE && message.header.kind != MessageKind::ABORT
        );
        write_message(&message.header, &[&message.body], chunking, &mut wire);
    }
    assert_eq!(read(&wire, wire.len().max(1)), (messages.to_vec(), None));
}
