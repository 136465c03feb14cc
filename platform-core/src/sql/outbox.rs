//! The outbox: events, committed with the change that they announce, and read by others in order.
//!
//! A reader never skips an event, however late its transaction commits. On SQLite there is one writer, so rows become
//! visible in the order of their numbers. On PostgreSQL they do not, so a row carries its transaction's number too, readers
//! go by that first, and stop before the oldest transaction that is still open: nothing can come before that any more. So a
//! transaction that stays open holds readers up, not only in this database but on the whole server.
//!
//! Events are kept for [`KEPT`] and then removed by [`purge`], which a driver calls now and then, whether they were read or
//! not.

use std::time::Duration;

use serde_json::value::RawValue;

use super::changes::{Announced, Entity};
use super::{Dialect, Error, Query, Row, Tx, query};
use crate::{Event, WallTime};

/// How long events are kept, 30 days.
pub const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// A place in the outbox. Its order is the order of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// PostgreSQL's number of the transaction; 0 on SQLite.
    pub transaction: i64,
    /// The row's number. Grows, but has gaps.
    pub sequence: i64,
}

impl Position {
    /// Before the first row.
    pub const START: Self = Self { transaction: 0, sequence: 0 };

    pub(super) fn end_of(transaction: i64) -> Self {
        Self { transaction, sequence: i64::MAX }
    }
}

/// A row of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where it is, and from where the next ones are read.
    pub position: Position,
    /// The event; `None` for a mere [change](super::changes::append).
    pub event: Option<Event>,
    /// What it is about.
    pub entity: Option<Entity>,
}

/// Appends an event to the transaction. `entity` is what caches forget because of it.
///
/// # Errors
///
/// [`Error`].
pub async fn append(tx: &mut Tx, event: &Event, entity: Option<&Entity>) -> Result<(), Error> {
    insert(tx, Some(event), entity, event.created_at).await
}

pub(super) async fn insert(
    tx: &mut Tx,
    event: Option<&Event>,
    entity: Option<&Entity>,
    now: WallTime,
) -> Result<(), Error> {
    let insert = query(
        "INSERT INTO pulse_outbox \
         (event_id, type, created_at, organization_id, project_id, entity_kind, entity_id, data) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(event.map(|event| event.id))
    .bind(event.map(|event| &event.kind))
    .bind(now)
    .bind(event.and_then(|event| event.organization_id))
    .bind(event.and_then(|event| event.project_id))
    .bind(entity.map(|entity| &*entity.kind))
    .bind(entity.map(|entity| &*entity.id))
    .bind(event.map(|event| event.data.get()));
    if tx.dialect() == Dialect::Sqlite {
        return tx.announce_later(insert, entity).await;
    }
    let row = tx.fetch_one(insert.push(" RETURNING sequence")).await?;
    if let Some(entity) = entity {
        tx.announced.push(Announced { sequence: row.get(0)?, entity: entity.clone() });
    }
    Ok(())
}

const COLUMNS: &str = "event_id, type, created_at, organization_id, project_id, entity_kind, entity_id, data";

/// Rows after `after` that no earlier one can join any more, in order, `batch` at most. Empty: there are none yet.
///
/// # Errors
///
/// [`Error`].
pub async fn after(tx: &mut Tx, after: Position, batch: usize) -> Result<Vec<Entry>, Error> {
    let rows = tx.fetch_all(select(tx.dialect(), after, batch, true)).await?;
    rows.iter().map(entry).collect()
}

/// What is committed, settled or not.
pub(super) struct Visible {
    pub(super) rows: Vec<Entry>,
    /// Transactions below this number are over.
    pub(super) settled_below: i64,
}

/// Rows after `after` that can be seen at this moment, on PostgreSQL.
pub(super) async fn visible(tx: &mut Tx, after: Position, batch: usize) -> Result<Visible, Error> {
    // Before the rows: a transaction that ends in between counts as open.
    let settled_below = horizon(tx).await?;
    let rows = tx.fetch_all(select(Dialect::Postgres, after, batch, false)).await?;
    Ok(Visible { rows: rows.iter().map(entry).collect::<Result<_, _>>()?, settled_below })
}

fn select<'q>(dialect: Dialect, after: Position, batch: usize, settled: bool) -> Query<'q> {
    let batch = i64::try_from(batch).unwrap_or(i64::MAX);
    let select = query("SELECT ").push(COLUMNS);
    match dialect {
        Dialect::Sqlite => select
            .push(", 0, sequence FROM pulse_outbox WHERE sequence > ")
            .push_bind(after.sequence)
            .push(" ORDER BY sequence LIMIT ")
            .push_bind(batch),
        Dialect::Postgres => select
            .push(", transaction_id, sequence FROM pulse_outbox WHERE (transaction_id, sequence) > (")
            .push_bind(after.transaction)
            .push(", ")
            .push_bind(after.sequence)
            .push(if settled {
                ") AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            } else {
                ")"
            })
            .push(" ORDER BY transaction_id, sequence LIMIT ")
            .push_bind(batch),
    }
}

fn entry(row: &Row) -> Result<Entry, Error> {
    let event = match row.get::<Option<_>>(0)? {
        None => None,
        Some(id) => Some(Event {
            id,
            kind: row.get(1)?,
            created_at: row.get(2)?,
            organization_id: row.get(3)?,
            project_id: row.get(4)?,
            data: RawValue::from_string(row.get(7)?).map_err(|_| Error::column("data", "is no JSON"))?,
        }),
    };
    let entity = match (row.get::<Option<String>>(5)?, row.get::<Option<String>>(6)?) {
        (Some(kind), Some(id)) => Some(Entity { kind: kind.into(), id }),
        _ => None,
    };
    Ok(Entry { position: Position { transaction: row.get(8)?, sequence: row.get(9)? }, event, entity })
}

async fn horizon(tx: &mut Tx) -> Result<i64, Error> {
    tx.fetch_one("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").await?.get(0)
}

/// The place after all that [`after`] would return now, and before all that is committed later.
///
/// # Errors
///
/// [`Error`].
pub async fn end(tx: &mut Tx) -> Result<Position, Error> {
    match tx.dialect() {
        Dialect::Sqlite => {
            let last = tx.fetch_one("SELECT COALESCE(MAX(sequence), 0) FROM pulse_outbox").await?;
            Ok(Position { transaction: 0, sequence: last.get(0)? })
        }
        Dialect::Postgres => Ok(Position::end_of(horizon(tx).await? - 1)),
    }
}

/// Somebody who reads all events once, with a place that is kept in the database.
///
/// ```no_run
/// # use platform_core::sql::{Db, Error, outbox::Reader};
/// # async fn example(db: Db) -> Result<(), Error> {
/// // What is made of the events commits together with the place, so that each is treated exactly once.
/// db.write((), |tx, ()| Box::pin(async move {
///     let reader = Reader::new("webhooks");
///     for entry in reader.next(tx, 100).await? {
///         // …
///         reader.advance(tx, entry.position).await?;
///     }
///     Ok::<_, Error>(())
/// })).await
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    name: &'static str,
}

impl Reader {
    /// The reader of this name. One that never advanced begins with the oldest event that is kept.
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    /// The next rows after the place, `batch` at most. In a transaction of a write: on PostgreSQL another process that
    /// reads under this name waits until it is over.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn next(&self, tx: &mut Tx, batch: usize) -> Result<Vec<Entry>, Error> {
        tx.execute(
            query(
                "INSERT INTO pulse_outbox_reader (name, transaction_id, sequence) VALUES ($1, 0, 0) \
                 ON CONFLICT (name) DO NOTHING",
            )
            .bind(self.name),
        )
        .await?;
        let select =
            query("SELECT transaction_id, sequence FROM pulse_outbox_reader WHERE name = $1").bind(self.name);
        let row = tx
            .fetch_one(match tx.dialect() {
                Dialect::Sqlite => select,
                Dialect::Postgres => select.push(" FOR UPDATE"),
            })
            .await?;
        after(tx, Position { transaction: row.get(0)?, sequence: row.get(1)? }, batch).await
    }

    /// Moves the place to `to`: rows up to there are done.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn advance(&self, tx: &mut Tx, to: Position) -> Result<(), Error> {
        tx.execute(
            query(
                "INSERT INTO pulse_outbox_reader (name, transaction_id, sequence) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO UPDATE SET \
                 transaction_id = EXCLUDED.transaction_id, sequence = EXCLUDED.sequence",
            )
            .bind(self.name)
            .bind(to.transaction)
            .bind(to.sequence),
        )
        .await?;
        Ok(())
    }

    /// Moves the place to the [`end`], for a reader to whom the past does not matter.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn skip(&self, tx: &mut Tx) -> Result<(), Error> {
        let end = end(tx).await?;
        self.advance(tx, end).await
    }
}

/// Removes rows from before `before` (now less [`KEPT`]), the `batch` oldest of them; how many. Called until it is 0. A row
/// that a clock gone wrong has dated into the future keeps none behind it.
///
/// # Errors
///
/// [`Error`].
pub async fn purge(tx: &mut Tx, before: WallTime, batch: usize) -> Result<u64, Error> {
    let batch = i64::try_from(batch).unwrap_or(i64::MAX);
    tx.execute(query(purge_sql(tx.dialect())).bind(before).bind(batch)).await
}

fn purge_sql(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "DELETE FROM pulse_outbox WHERE sequence IN \
             (SELECT sequence FROM pulse_outbox WHERE created_at < $1 ORDER BY created_at LIMIT $2)"
        }
        Dialect::Postgres => {
            "DELETE FROM pulse_outbox WHERE (transaction_id, sequence) IN \
             (SELECT transaction_id, sequence FROM pulse_outbox WHERE created_at < $1 ORDER BY created_at LIMIT $2)"
        }
    }
}

/// Numbers the rows anew in a database that was restored to another server, whose transactions count from lower numbers:
/// what is written there would stand before what was read already. Readers may get some rows a second time.
pub(super) async fn rebase(tx: &mut Tx) -> Result<(), Error> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let restored = tx
        .fetch_one(
            "SELECT EXISTS (SELECT 1 FROM pulse_outbox WHERE transaction_id > pg_current_xact_id()::text::bigint) \
             OR EXISTS (SELECT 1 FROM pulse_outbox_reader WHERE transaction_id > pg_current_xact_id()::text::bigint)",
        )
        .await?;
    if !restored.get::<bool>(0)? {
        return Ok(());
    }
    tx.execute(
        "UPDATE pulse_outbox_reader AS reader SET transaction_id = 0, sequence = COALESCE( \
         (SELECT MIN(sequence) - 1 FROM pulse_outbox AS row \
          WHERE (row.transaction_id, row.sequence) > (reader.transaction_id, reader.sequence)), \
         (SELECT MAX(sequence) FROM pulse_outbox), 0)",
    )
    .await?;
    tx.execute("UPDATE pulse_outbox SET transaction_id = 0").await?;
    Ok(())
}

/// Empties the events about an entity, so that nothing personal of it stays: their `data` becomes `{}`. How many there are.
///
/// # Errors
///
/// [`Error`].
pub async fn erase(tx: &mut Tx, entity: &Entity) -> Result<u64, Error> {
    tx.execute(query(ERASE).bind(&entity.id).bind(&*entity.kind)).await
}

const ERASE: &str =
    "UPDATE pulse_outbox SET data = '{}' WHERE event_id IS NOT NULL AND entity_id = $1 AND entity_kind = $2";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Config, Db, Location};

    #[tokio::test]
    async fn what_is_purged_and_erased_is_found_by_an_index() {
        let db = Db::open(Config::new(Location::Memory)).await.unwrap();
        db.migrate(WallTime::from_unix_ms(0), &[]).await.unwrap();
        for sql in [
            purge_sql(Dialect::Sqlite),
            ERASE,
            crate::sql::audit::PURGE,
            crate::sql::audit::ERASE_ACTOR,
            crate::sql::audit::ERASE_RESOURCE,
        ] {
            let steps = db.read().await.unwrap().plan(&query(sql)).await.unwrap();
            // A walk along the primary key ends with the batch.
            let whole = |step: &&String| step.starts_with("SCAN") && *step != "SCAN pulse_audit";
            assert_eq!(steps.iter().find(whole), None, "{sql}: {steps:?}");
        }
    }
}
