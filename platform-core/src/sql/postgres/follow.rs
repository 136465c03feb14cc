//! Following what other processes change.
//!
//! The outbox is the truth, and a poll reads it. A notification only says when: it is sent after the commit, on its own, as
//! `NOTIFY` within a transaction makes all commits of the server wait for each other. One that gets lost is made up for by
//! the next poll.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Shared;
use crate::sql::changes::{Announced, Entity, FlushCause};
use crate::sql::outbox::{self, Position};
use crate::sql::tx::Connection;
use crate::sql::{Error, Tx};

/// The channel of notifications. They carry nothing.
const CHANNEL: &str = "pulse_changes";

/// Rows of one poll.
const BATCH: usize = 1000;

/// Notifications closer together than this are one, 10 ms.
const ANNOUNCE_PAUSE: Duration = Duration::from_millis(10);

/// Tells other processes that there is something to read.
pub(super) async fn announce(shared: Arc<Shared>, mut closed: watch::Receiver<()>) {
    loop {
        tokio::select! {
            () = shared.announce.notified() => {}
            _ = closed.changed() => return,
        }
        // One that fails is made up for by the others' poll.
        let _ = sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&shared.writers).await;
        sleep(ANNOUNCE_PAUSE).await;
    }
}

/// Begins to follow from here on.
pub(super) async fn start(
    readers: PgPool,
    shared: Arc<Shared>,
    poll_interval: Duration,
    mut closed: watch::Receiver<()>,
) -> Result<(), Error> {
    let listening = Listening::open(&shared).await?;
    let answer_timeout = shared.answer_timeout;
    let mut follower = Follower { readers, answer_timeout, at: Position::START, lost: false };
    follower.at = outbox::end(&mut follower.tx().await?).await?;
    tokio::spawn(async move {
        tokio::select! {
            // First, as a pool that is closed looks like a connection that is lost.
            biased;
            _ = closed.changed() => {}
            () = follower.run(listening, &shared, poll_interval) => {}
        }
    });
    Ok(())
}

/// The connection that listens.
struct Listening {
    listener: PgListener,
    /// When it last said something.
    heard: Instant,
}

impl Listening {
    /// With a pool of its own, as nobody else is to wait for a connection that is dead.
    async fn open(shared: &Shared) -> Result<Self, Error> {
        let pool = PgPoolOptions::new().max_connections(1);
        let opening = async {
            let pool = pool.connect_with(shared.listening.clone()).await?;
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        let listener = timeout(shared.answer_timeout, opening).await.map_err(|_| Error::Timeout)??;
        Ok(Self { listener, heard: Instant::now() })
    }

    /// Waits for a notification, or until it is time to poll; `false` once the connection is lost.
    ///
    /// One that is half open, behind a firewall that has forgotten it, is as silent as one to which nothing happens. So after
    /// a silence it is asked whether it lives.
    async fn turn(&mut self, shared: &Shared, poll_interval: Duration) -> bool {
        match timeout(poll_interval, self.listener.try_recv()).await {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None) | Err(_)) => return false,
            Err(_) if self.heard.elapsed() < shared.answer_timeout => return true,
            Err(_) => {
                let asked = sqlx::query("SELECT 1").execute(&mut self.listener);
                if !timeout(shared.answer_timeout, asked).await.is_ok_and(|answer| answer.is_ok()) {
                    return false;
                }
            }
        }
        self.heard = Instant::now();
        true
    }
}

struct Follower {
    readers: PgPool,
    answer_timeout: Duration,
    /// Everything before this is read and will not grow, as long as the server is the same.
    at: Position,
    /// Whether a connection was lost since the place was taken.
    lost: bool,
}

impl Follower {
    async fn run(&mut self, listening: Listening, shared: &Shared, poll_interval: Duration) {
        let mut listening = Some(listening);
        loop {
            match &mut listening {
                Some(open) => {
                    if !open.turn(shared, poll_interval).await {
                        // It is made anew at once, before anything is asked: an answer could come from the server that is going.
                        listening = None;
                        self.lost(shared);
                        continue;
                    }
                }
                None => match Listening::open(shared).await {
                    Ok(again) => listening = Some(again),
                    Err(_) => sleep(poll_interval).await,
                },
            }
            match self.poll(shared).await {
                // As long as nobody listens, each poll takes the place anew.
                Ok(()) => self.lost &= listening.is_none(),
                Err(_) => self.lost(shared),
            }
        }
    }

    /// Says once that the database is away.
    fn lost(&mut self, shared: &Shared) {
        if !std::mem::replace(&mut self.lost, true) {
            shared.changes.flush(FlushCause::Disconnected);
        }
    }

    /// Takes a new place in what may be another server, or the same after a crash or from a backup: its transactions may be numbered
    /// as some that were read already. What was written in between may be among those, so all that is known is old.
    async fn begin_anew(&mut self, tx: &mut Tx, shared: &Shared) -> Result<(), Error> {
        self.at = outbox::end(tx).await?;
        shared.changes.begin_anew();
        Ok(())
    }

    async fn tx(&self) -> Result<Tx, Error> {
        let connection = self.readers.acquire().await?;
        Ok(Tx::reading(Connection::Postgres(connection)).answered_within(self.answer_timeout))
    }

    /// Publishes what was committed since the last time. Rows that stand behind an open transaction are published, by
    /// [`Hub`](crate::sql::changes::Hub) only once, but not passed: others may yet come in between.
    async fn poll(&mut self, shared: &Shared) -> Result<(), Error> {
        let mut tx = self.tx().await?;
        if self.lost {
            self.begin_anew(&mut tx, shared).await?;
        }
        loop {
            let seen = outbox::visible(&mut tx, self.at, BATCH).await?;
            if seen.settled_below <= self.at.transaction {
                // Numbers that were over are still to come.
                self.begin_anew(&mut tx, shared).await?;
                continue;
            }
            let full = seen.rows.len() == BATCH;
            let settled =
                seen.rows.iter().take_while(|row| row.position.transaction < seen.settled_below).last();
            let next = match settled.map(|row| row.position) {
                // All before the horizon was read.
                _ if !full => Position::end_of(seen.settled_below - 1),
                Some(position) => position,
                None => {
                    // More stands behind one open transaction than is read at once.
                    shared.changes.flush(FlushCause::Behind);
                    return Ok(());
                }
            };
            let announced = seen.rows.into_iter().filter_map(|row| {
                let entity = row.entity?;
                Some(Announced {
                    sequence: row.position.sequence,
                    entity: Entity { kind: entity.kind, id: entity.id },
                })
            });
            shared.changes.publish(announced.collect());
            self.at = next;
            if !full {
                return Ok(());
            }
        }
    }
}
