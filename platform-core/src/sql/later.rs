//! Statements that are put off until the next one, so that SQLite gets several at once.
//!
//! sqlx runs SQLite on a thread of its own. For a statement that adds a row, changing over there and back costs several
//! times what the statement does. Of an audit row, an event or a key made of random bits nobody needs to hear but that it
//! was written; so such statements wait for the next one of their job or for its end, and go there as one text. So do
//! statements of which only the outcome is needed, however many: [`Tx::change_each`].
//!
//! sqlx counts several statements in one text as deprecated, since no other database takes them; without that each would go
//! by itself.

use super::changes::{Announced, Entity};
use super::row::Row;
use super::tx::Connection;
use super::{Dialect, Error, Query, Tx};

/// Keeps what the job before has done, and begins another one.
pub(super) const NEXT_JOB: &str = "RELEASE job; SAVEPOINT job";

/// Statements that wait at most, 16. Then they go.
const MOST: usize = 16;

/// What waits.
#[derive(Default)]
pub(super) struct Later {
    statements: Option<Query<'static>>,
    count: usize,
    /// What subscribers are told about the last of them, a row of the outbox.
    entity: Option<Entity>,
}

impl Tx {
    /// Runs a statement of which nothing is needed but that it worked. On SQLite it may run with the next one, or when the
    /// job is done: then that fails if it does, and with it the job.
    ///
    /// # Errors
    ///
    /// [`Error`], of those that waited as well.
    pub async fn execute_later<'q>(&mut self, query: impl Into<Query<'q>>) -> Result<(), Error> {
        let query = query.into();
        if !self.writes || self.dialect() == Dialect::Postgres {
            return self.execute(query).await.map(drop);
        }
        self.put_off(query, None).await
    }

    /// Runs one that adds a row to the outbox. For SQLite alone, in a job.
    pub(super) async fn announce_later(
        &mut self,
        query: Query<'_>,
        entity: Option<&Entity>,
    ) -> Result<(), Error> {
        self.put_off(query, entity.cloned()).await
    }

    /// Runs statements that change rows, one after the other, each with the column that it is to return; what each returned of
    /// its first row, if it changed one. On SQLite they go to its thread together.
    ///
    /// # Errors
    ///
    /// [`Error`], of the first that fails.
    pub async fn change_each(
        &mut self,
        changes: Vec<(Query<'_>, &'static str)>,
    ) -> Result<Vec<Option<Row>>, Error> {
        let count = changes.len();
        let returning = changes.into_iter().enumerate().map(|(place, (query, column))| {
            // What was returned is told apart by the statement's place.
            query.push(" RETURNING ").push(column).push(", ").push_bind(place as i64)
        });
        let mut rows: Vec<Option<Row>> = Vec::new();
        rows.resize_with(count, || None);
        if self.dialect() == Dialect::Postgres {
            for (query, row) in returning.zip(&mut rows) {
                *row = self.fetch_optional(query).await?;
            }
        } else if let Some(joined) = returning.reduce(|before, next| before.then(&next)) {
            for row in self.fetch_all(joined).await? {
                let place = usize::try_from(row.get::<i64>(1)?).ok();
                if let Some(first) = place.and_then(|place| rows.get_mut(place)) {
                    first.get_or_insert(row);
                }
            }
        }
        Ok(rows)
    }

    async fn put_off(&mut self, query: Query<'_>, entity: Option<Entity>) -> Result<(), Error> {
        self.ready()?;
        // SQLite tells the number of the last row alone, so a row whose number is wanted is the last.
        if self.later.entity.is_some() || self.later.count >= MOST {
            self.catch_up().await?;
        }
        let query = query.into_owned();
        self.later.statements = Some(match self.later.statements.take() {
            Some(before) => before.then(&query),
            None => query,
        });
        self.later.count += 1;
        self.later.entity = entity;
        Ok(())
    }

    /// Runs what waits.
    pub(super) async fn catch_up(&mut self) -> Result<(), Error> {
        match std::mem::take(&mut self.later) {
            Later { statements: Some(statements), entity, .. } => self.run_later(statements, entity).await,
            _ => Ok(()),
        }
    }

    /// Runs what a job has left waiting and puts the next job's savepoint in the place of its own; `false`, and the savepoint
    /// is what it was, if nothing waited. When it fails, rolling back to the savepoint undoes the job or fails as well.
    pub(super) async fn end_job(&mut self) -> Result<bool, Error> {
        match std::mem::take(&mut self.later) {
            Later { statements: Some(statements), entity, .. } => {
                self.run_later(statements.then(&NEXT_JOB.into()), entity).await.map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Forgets what waits.
    pub(super) fn call_off(&mut self) {
        self.later = Later::default();
    }

    async fn run_later(&mut self, statements: Query<'static>, entity: Option<Entity>) -> Result<(), Error> {
        self.ready()?;
        let Connection::Sqlite(connection) = &mut self.connection else { return Ok(()) };
        let (sql, arguments) = statements.sqlite()?;
        let done = sqlx::query_with(sql, arguments).execute(connection.get()?).await;
        let done = self.note(done)?;
        self.announced.extend(entity.map(|entity| Announced { sequence: done.last_insert_rowid(), entity }));
        Ok(())
    }
}
