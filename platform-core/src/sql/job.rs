//! Jobs: what a caller wants done in one transaction, made alike for the queue.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::tx::Spoiled;
use super::{Error, Tx};

/// A future on the heap, as jobs return it: `Box::pin(async move { … })`.
pub type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

/// How a job went.
#[derive(Debug)]
pub(super) enum Ran {
    /// It wants to be committed.
    Done,
    /// The same, and its savepoint was already exchanged for the next job's. See [`Tx::end_job`].
    Ended,
    /// It failed, and is to be rolled back.
    Failed,
    /// Another transaction was in its way.
    Contended,
}

/// A job of whatever type.
pub(super) trait Job: Send {
    /// Runs it. It may be run again after it was rolled back.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Ran>;

    /// Answers the caller: with what the job returned, or with the error because of which that does not count.
    fn finish(self: Box<Self>, commit: Result<(), Error>);
}

pub(super) struct Typed<I, T, E, F> {
    input: I,
    work: F,
    limit: Duration,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<I, T, E, F> Typed<I, T, E, F> {
    /// A job that may run for `limit`.
    pub(super) fn new(input: I, work: F, limit: Duration, reply: oneshot::Sender<Result<T, E>>) -> Self {
        Self { input, work, limit, outcome: None, reply }
    }
}

impl<I, T, E, F> Job for Typed<I, T, E, F>
where
    I: Send + Sync,
    T: Send,
    E: From<Error> + Send,
    F: for<'t> Fn(&'t mut Tx, &'t I) -> BoxFuture<'t, Result<T, E>> + Send + Sync,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Ran> {
        Box::pin(async move {
            let ran = timeout(self.limit, survive(|| (self.work)(tx, &self.input))).await;
            let outcome = match ran {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(Panicked)) => Err(Error::Panicked.into()),
                Err(_) => Err(Error::Timeout.into()),
            };
            // Without the limit: what is told to have failed must not have ended well at the same moment.
            let (outcome, done) = match outcome {
                Ok(value) => match tx.end_job().await {
                    Ok(true) => (Ok(value), Ran::Ended),
                    Ok(false) => (Ok(value), Ran::Done),
                    Err(error) => (Err(error.into()), Ran::Failed),
                },
                Err(error) => {
                    tx.call_off();
                    (Err(error), Ran::Failed)
                }
            };
            let spoiled = tx.take_spoiled();
            let (outcome, ran) = match (outcome, spoiled) {
                (Ok(value), None) => (Ok(value), done),
                // It went on after a failure, whose effects PostgreSQL has undone already.
                (Ok(_), Some(Spoiled::Failed)) => (Err(Error::Aborted.into()), Ran::Failed),
                (Ok(_), Some(Spoiled::Contended)) => (Err(Error::Aborted.into()), Ran::Contended),
                (Err(error), Some(Spoiled::Contended)) => (Err(error), Ran::Contended),
                (Err(error), _) => (Err(error), Ran::Failed),
            };
            self.outcome = Some(outcome);
            ran
        })
    }

    fn finish(self: Box<Self>, commit: Result<(), Error>) {
        let answer = match (commit, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(Error::Closed.into()),
            // What it returned may rest on what others of the same commit wrote, even if it is an error.
            (Err(error), _) => Err(error.into()),
        };
        // The caller may have gone away.
        let _ = self.reply.send(answer);
    }
}

struct Panicked;

/// Runs `work` and survives its panics: everybody's writes go through the task that runs it.
async fn survive<'t, T>(work: impl FnOnce() -> BoxFuture<'t, T>) -> Result<T, Panicked> {
    let mut future = catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)?;
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}
