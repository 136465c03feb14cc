//! One read buffer a thread, so that a connection needs none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncRead, ReadBuf};

/// Most bytes taken from a connection at once. The buffer exists once for each thread of the runtime.
pub const READ_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads what there is, up to [`READ_BYTES`], and gives it to `consume`; an empty slice is the connection's end.
pub(super) fn poll_read<Io: AsyncRead + Unpin, T>(
    io: &mut Io,
    cx: &mut Context<'_>,
    consume: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => {
            scratch.resize(READ_BYTES, 0);
            read_into(&mut scratch, io, cx, consume)
        }
        // A connection that reads from another one of ours beneath it.
        Err(_) => read_into(&mut vec![0; READ_BYTES], io, cx, consume),
    })
}

fn read_into<Io: AsyncRead + Unpin, T>(
    bytes: &mut [u8],
    io: &mut Io,
    cx: &mut Context<'_>,
    consume: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    let mut buffer = ReadBuf::new(bytes);
    ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(consume(buffer.filled())))
}
