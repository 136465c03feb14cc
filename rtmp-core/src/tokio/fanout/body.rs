//! A fan-out as the body of an HTTP answer.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use media_core::ring::Lookup;

use super::delivery::End;
use super::shared::{Shared, State};
use crate::capability::Capabilities;

/// Follows a fan-out from its newest key frame on, batch by batch, at the pace of whoever asks. Bytes are shared with all others.
#[derive(Debug)]
pub struct Body {
    shared: Arc<Shared>,
    slot: usize,
    cursor: Option<u64>,
    /// The first batch it may begin at.
    not_before: u64,
    falls: u32,
    end: Option<End>,
}

impl Body {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let mut state = shared.lock();
        let slot = state.add_slot(None);
        let not_before = if shared.config.gop_cache { 0 } else { state.ring.next() };
        drop(state);
        shared.wanted.notify_one();
        Self { shared, slot, cursor: None, not_before, falls: 0, end: None }
    }

    /// The next bytes; `None` at the end, whose reason is [`Body::end`]. Cancel-safe.
    pub async fn next(&mut self) -> Option<Bytes> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Body::next`], for implementations of body traits.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        let Self { shared, slot, cursor, not_before, falls, .. } = self;
        let max_falls = shared.config.max_falls;
        let found = shared.poll_slot(*slot, cx, |state| {
            let found = read(state, cursor, *not_before, falls, max_falls);
            state.set_cursor(*slot, cursor.unwrap_or(u64::MAX));
            found
        });
        match found {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(bytes)) => {
                use std::sync::atomic::Ordering::Relaxed;
                shared.sent_bytes.fetch_add(bytes.len() as u64, Relaxed);
                Poll::Ready(Some(bytes))
            }
            Poll::Ready(Err(end)) => {
                self.end = Some(end);
                Poll::Ready(None)
            }
        }
    }

    /// Why it ended.
    pub fn end(&self) -> Option<End> {
        self.end
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.shared.lock().remove_slot(self.slot);
    }
}

/// Why nothing comes after the newest batch. Whoever reads over HTTP announces nothing: it gets what the wire carries.
fn over(state: &State) -> Option<End> {
    if state.ended {
        return Some(End::StreamEnded);
    }
    (!Capabilities::all().meet(state.needs)).then_some(End::CodecsChanged)
}

fn read(
    state: &State,
    cursor: &mut Option<u64>,
    not_before: u64,
    falls: &mut u32,
    max_falls: u32,
) -> Option<Result<Bytes, End>> {
    if let Some(at) = *cursor {
        match state.ring.at(at) {
            Lookup::Entry(batch, _) => {
                *cursor = Some(at + 1);
                return Some(Ok(batch.bytes.clone()));
            }
            Lookup::Ahead => return over(state).map(Err),
            Lookup::Fallen => {
                *falls += 1;
                *cursor = None;
            }
        }
        if *falls >= max_falls {
            return Some(Err(End::TooSlow));
        }
    }
    let Some((number, batch)) = state.entry_point().filter(|(number, _)| *number >= not_before) else {
        return over(state).map(Err);
    };
    let mut start = batch.start.clone().unwrap_or_default();
    *cursor = Some(number);
    if *falls > 0 {
        // A stream has one header: who comes back gets tags only.
        start = start.slice(crate::flv::file::STREAM_HEAD_BYTES.min(start.len())..);
    }
    Some(Ok(start))
}
