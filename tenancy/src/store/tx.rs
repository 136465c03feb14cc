//! A transaction.

use std::future::Future;

use platform_core::{AuditId, Event, WallTime};

use super::announce::{AuditEntry, AuditFilter, Entity};
use super::filter::{Assign, Change, Condition, Order, Select, is};
use super::record::{Record, Row, Table};
use super::value::{Cell, Value};
use crate::Error;

/// A transaction: primitives that a store implements, and typed methods over them.
///
/// An error of a primitive ends the transaction: nothing of it is committed, and the work returns the error.
pub trait Tx: Send {
    /// Adds a row, unless its key or something unique in it is there already: then nothing happens and it says `false`.
    fn insert_row(
        &mut self,
        table: &'static Table,
        row: Row,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Adds a row that nothing can be in the way of, as what is unique in it is random. It may be done together with what
    /// comes next; where it fails, the transaction does.
    fn append_row(
        &mut self,
        table: &'static Table,
        row: Row,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The rows that are asked for.
    fn select_rows(&mut self, select: Select) -> impl Future<Output = Result<Vec<Row>, Error>> + Send;

    /// Changes all rows under the conditions in one statement, so that what the conditions say still holds when it is done;
    /// how many. [`Error::Conflict`] where something unique would be there twice.
    fn update_rows(
        &mut self,
        table: &'static Table,
        filter: Vec<Condition>,
        assign: Vec<Assign>,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Makes changes one after the other, however many of them find nothing to change: what each was to tell, the id for a row
    /// that was added; nothing for those that changed nothing. One journey to the database where that is to be had.
    fn change_rows(
        &mut self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<Option<Value>>, Error>> + Send;

    /// Keeps others from changing the row with this id until the transaction ends, and waits for who is at it. What is read of
    /// it, or counted of what hangs on it by whoever does this first, stays true. Nothing where only one writes at a time.
    fn lock_row(
        &mut self,
        table: &'static Table,
        id: Value,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes rows under the conditions, `limit` at most; how many. Those with least in the first column that is to be
    /// below something, and the oldest where there is none.
    fn delete_rows(
        &mut self,
        table: &'static Table,
        filter: Vec<Condition>,
        limit: u32,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// How many rows there are under the conditions.
    fn count_rows(
        &mut self,
        table: &'static Table,
        filter: Vec<Condition>,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// What time it is for all that use this store: PostgreSQL's clock at this moment. SQLite and memory belong to one
    /// process, whose clock `now` is.
    fn clock(&mut self, now: WallTime) -> impl Future<Output = Result<WallTime, Error>> + Send;

    /// Appends an event to the outbox, about `entity`, which caches forget.
    fn announce(&mut self, event: Event, entity: Entity) -> impl Future<Output = Result<(), Error>> + Send;

    /// Tells caches, and nobody else, that what they know of `entity` is old.
    fn changed(&mut self, entity: Entity, now: WallTime) -> impl Future<Output = Result<(), Error>> + Send;

    /// Appends a row to the audit log.
    fn audit(&mut self, entry: AuditEntry) -> impl Future<Output = Result<(), Error>> + Send;

    /// Rows of the audit log, the newest first, from before `before`, `limit` at most.
    fn audit_page(
        &mut self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<AuditEntry>, Error>> + Send;

    /// How often each action is in the rows that the filter lets through, the most frequent first.
    fn audit_counts(
        &mut self,
        filter: &AuditFilter,
    ) -> impl Future<Output = Result<Vec<(String, u64)>, Error>> + Send;

    /// Removes who and from where from the audit rows of an actor, from where from those about them, and what events about
    /// `entity` say.
    fn forget(&mut self, entity: &Entity) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes audit rows from before `before`, the oldest `limit` at most; how many.
    fn purge_audit(
        &mut self,
        before: WallTime,
        limit: u32,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Adds a record. [`Error::Conflict`] names what is there already.
    fn insert<R: Record>(&mut self, record: &R) -> impl Future<Output = Result<(), Error>> + Send {
        async move { if self.insert_new(record).await? { Ok(()) } else { Err(self.conflict(record).await) } }
    }

    /// The error for a record that could not be added: [`Error::Conflict`] with what of it is there already.
    fn conflict<R: Record>(&mut self, record: &R) -> impl Future<Output = Error> + Send {
        let row = record.to_row();
        async move {
            match taken(self, R::TABLE, &row).await {
                Ok(key) => Error::Conflict { key },
                Err(error) => error,
            }
        }
    }

    /// Adds a record; `false` if it is there already.
    fn insert_new<R: Record>(&mut self, record: &R) -> impl Future<Output = Result<bool, Error>> + Send {
        async move { self.insert_row(R::TABLE, record.to_row()).await }
    }

    /// Adds a record that nothing can be in the way of. See [`append_row`](Self::append_row).
    fn append<R: Record>(&mut self, record: &R) -> impl Future<Output = Result<(), Error>> + Send {
        self.append_row(R::TABLE, record.to_row())
    }

    /// The record with this id.
    fn get<R: Record>(
        &mut self,
        id: impl Cell + Send,
    ) -> impl Future<Output = Result<Option<R>, Error>> + Send {
        self.find(vec![is("id", id)])
    }

    /// The newest record under these conditions.
    fn find<R: Record>(
        &mut self,
        filter: Vec<Condition>,
    ) -> impl Future<Output = Result<Option<R>, Error>> + Send {
        async move {
            let select = Select { table: R::TABLE, filter, order: Order::Newest, limit: 1 };
            self.select_rows(select).await?.pop().map(R::from_row).transpose()
        }
    }

    /// Records under these conditions, the newest first, `limit` at most.
    fn list<R: Record>(
        &mut self,
        filter: Vec<Condition>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<R>, Error>> + Send {
        async move {
            let select = Select { table: R::TABLE, filter, order: Order::Newest, limit };
            self.select_rows(select).await?.into_iter().map(R::from_row).collect()
        }
    }

    /// How many records there are under these conditions.
    fn count<R: Record>(
        &mut self,
        filter: Vec<Condition>,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        self.count_rows(R::TABLE, filter)
    }

    /// Locks the record with this id. See [`lock_row`](Self::lock_row).
    fn lock<R: Record>(&mut self, id: impl Cell + Send) -> impl Future<Output = Result<(), Error>> + Send {
        self.lock_row(R::TABLE, id.into_value())
    }

    /// Changes the records under these conditions; how many. See [`update_rows`](Self::update_rows).
    fn update<R: Record>(
        &mut self,
        filter: Vec<Condition>,
        assign: Vec<Assign>,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        self.update_rows(R::TABLE, filter, assign)
    }

    /// Makes changes. See [`change_rows`](Self::change_rows).
    fn change<const N: usize>(
        &mut self,
        changes: [Change; N],
    ) -> impl Future<Output = Result<[Option<Value>; N], Error>> + Send {
        async move {
            let told = self.change_rows(changes.into()).await?;
            told.try_into().map_err(|_| Error::internal("each change tells something or nothing"))
        }
    }

    /// Removes records under these conditions, `limit` at most; how many. See [`delete_rows`](Self::delete_rows).
    fn delete<R: Record>(
        &mut self,
        filter: Vec<Condition>,
        limit: u32,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        self.delete_rows(R::TABLE, filter, limit)
    }
}

/// What of a row that could not be added is there already.
async fn taken<T: Tx + ?Sized>(tx: &mut T, table: &'static Table, row: &Row) -> Result<&'static str, Error> {
    for unique in table.unique {
        let mut filter = Vec::new();
        for column in unique.columns {
            let value = row.get(table.place(column)?).cloned().unwrap_or(Value::Null);
            filter.push(Condition::Is(column, value));
        }
        let empty = filter.iter().any(|condition| matches!(condition, Condition::Is(_, Value::Null)));
        filter.extend(unique.while_null.map(super::filter::null));
        let select = Select { table, filter, order: Order::Newest, limit: 1 };
        if !empty && !tx.select_rows(select).await?.is_empty() {
            return Ok(unique.key);
        }
    }
    Ok("id")
}
