//! A server session over a transport.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use rtmp_core::server::{Event, ServerSession};
use rtmp_core::Output;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::sleep_until;

pub struct Connection<I> {
    pub io: I,
    pub session: ServerSession,
    merge: Duration,
    read_after: Option<Instant>,
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

impl<I: AsyncRead + AsyncWrite + Unpin> Connection<I> {
    pub fn new(io: I, session: ServerSession, merge: Duration) -> Self {
        Self { io, session, merge, read_after: None }
    }

    pub async fn next(&mut self) -> Event {
        loop {
            let deadline = loop {
                match self.session.poll_output() {
                    Output::Transmit(bytes) => {
                        if self.io.write_all(&bytes).await.is_err() {
                            self.session.handle_eof(Instant::now());
                        }
                    }
                    Output::Event(event) => return event,
                    Output::Timeout(deadline) => break deadline,
                }
            };
            if let Some(at) = self.read_after.take() {
                sleep_until(at.into()).await;
            }
            tokio::select! {
                read = read(&mut self.io, &mut self.session) => match read {
                    Ok(0) | Err(_) => self.session.handle_eof(Instant::now()),
                    Ok(_) => {}
                },
                () = sleep_until(deadline.into()) => self.session.handle_timeout(Instant::now()),
            }
        }
    }

    pub async fn finish(&mut self) {
        let last = async {
            while !matches!(self.next().await, Event::Closed { .. }) {}
            self.io.shutdown().await
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), last).await;
    }

    pub fn merge_reads(&mut self) {
        if !self.merge.is_zero() {
            self.read_after = Some(Instant::now() + self.merge);
        }
    }
}

async fn read<I: AsyncRead + Unpin>(io: &mut I, session: &mut ServerSession) -> io::Result<usize> {
    std::future::poll_fn(|cx| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buf = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *io).poll_read(cx, &mut buf))?;
            let filled = buf.filled();
            session.handle_input(Instant::now(), filled);
            Poll::Ready(Ok(filled.len()))
        })
    })
    .await
}
