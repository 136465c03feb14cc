//! A store in memory, for tests, examples and whoever embeds the rules without a database.
//!
//! A transaction works on a copy of the tables that it touches; a commit puts the copies in place, unless another commit came
//! between, after which the work runs again. A write costs time in proportion to the tables that it touches, and finding
//! something unique a look at every row: it is made to be right, not to be large.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::{AuditId, Event, WallTime};

use super::announce::{AuditEntry, AuditFilter, Entity};
use super::filter::{Assign, Change, Condition, Order, Select};
use super::record::{Row, Table, Unique};
use super::value::Value;
use super::{BoxFuture, Store, Tx};
use crate::Error;

/// A store in memory. Cloning it gives another handle.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    /// Counts commits.
    version: u64,
    tables: HashMap<&'static str, Arc<BTreeMap<Value, Arc<Row>>>>,
    outbox: Arc<Vec<(Option<Event>, Entity)>>,
    audit: Arc<Vec<AuditEntry>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events and changes that were committed, in their order.
    pub fn outbox(&self) -> Vec<(Option<Event>, Entity)> {
        self.state().outbox.to_vec()
    }

    /// The audit log, the oldest first.
    pub fn audit_log(&self) -> Vec<AuditEntry> {
        self.state().audit.to_vec()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the copy in place; `false` if another was put there since it was made.
    fn commit(&self, tx: MemoryTx) -> bool {
        let mut state = self.state();
        if state.version != tx.state.version {
            return false;
        }
        *state = tx.state;
        state.version += 1;
        true
    }
}

impl Store for Memory {
    type Tx = MemoryTx;

    async fn write<I, T, F>(&self, input: I, work: F) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut MemoryTx, &'t I) -> BoxFuture<'t, Result<T, Error>> + Send + Sync + 'static,
    {
        // Whoever is in the way has committed, so that all together get on.
        loop {
            let mut tx = MemoryTx { state: self.state().clone() };
            let output = work(&mut tx, &input).await?;
            if self.commit(tx) {
                return Ok(output);
            }
        }
    }

    async fn read(&self) -> Result<MemoryTx, Error> {
        Ok(MemoryTx { state: self.state().clone() })
    }
}

/// A transaction in memory.
#[derive(Debug)]
pub struct MemoryTx {
    state: State,
}

impl MemoryTx {
    fn rows(&self, table: &Table) -> impl DoubleEndedIterator<Item = &Arc<Row>> {
        self.state.tables.get(table.name).into_iter().flat_map(|rows| rows.values())
    }

    fn rows_mut(&mut self, table: &'static Table) -> &mut BTreeMap<Value, Arc<Row>> {
        Arc::make_mut(self.state.tables.entry(table.name).or_default())
    }

    /// What of `row` another row has already.
    fn taken(&self, table: &'static Table, row: &Row) -> Result<Option<&'static str>, Error> {
        for unique in table.unique {
            let Some(key) = key(table, unique, row)? else { continue };
            for other in self.rows(table) {
                if other.first() != row.first() && self::key(table, unique, other)?.as_ref() == Some(&key) {
                    return Ok(Some(unique.key));
                }
            }
        }
        Ok(None)
    }

    fn insert(&mut self, table: &'static Table, row: Row) -> Result<bool, Error> {
        check(table, &row)?;
        let id = row.first().cloned().unwrap_or(Value::Null);
        let there = self.state.tables.get(table.name).is_some_and(|rows| rows.contains_key(&id));
        if there || self.taken(table, &row)?.is_some() {
            return Ok(false);
        }
        self.rows_mut(table).insert(id, Arc::new(row));
        Ok(true)
    }

    fn select(&self, select: &Select) -> Result<Vec<Row>, Error> {
        let mut found = Vec::new();
        let filter = self.resolved(&select.filter)?;
        let mut look = |row: &Arc<Row>| -> Result<bool, Error> {
            if found.len() < select.limit as usize && all_hold(select.table, &filter, row)? {
                found.push(row.to_vec());
            }
            Ok(found.len() >= select.limit as usize)
        };
        // The tables sort by their ids.
        let mut rows: Box<dyn Iterator<Item = &Arc<Row>>> = match select.order {
            Order::Newest => Box::new(self.rows(select.table).rev()),
            Order::Oldest => Box::new(self.rows(select.table)),
            Order::By(column) => {
                let place = select.table.place(column)?;
                let mut rows: Vec<_> = self.rows(select.table).collect();
                rows.sort_by(|one, other| one.get(place).cmp(&other.get(place)));
                Box::new(rows.into_iter())
            }
        };
        while let Some(row) = rows.next()
            && !look(row)?
        {}
        Ok(found)
    }

    /// The conditions with what other tables hold in place of where to find it.
    fn resolved(&self, filter: &[Condition]) -> Result<Vec<Condition>, Error> {
        let resolve = |condition: &Condition| {
            let Condition::Within { column, table, select, filter } = condition else {
                return Ok(condition.clone());
            };
            let filter = self.resolved(filter)?;
            let mut values = Vec::new();
            for row in self.rows(table) {
                if all_hold(table, &filter, row)? {
                    values.push(at(table, row, select)?.clone());
                }
            }
            values.sort_unstable();
            Ok(Condition::OneOf(column, values))
        };
        filter.iter().map(resolve).collect()
    }

    fn update(
        &mut self,
        table: &'static Table,
        filter: &[Condition],
        assign: &[Assign],
    ) -> Result<u64, Error> {
        let mut changed = Vec::new();
        let filter = self.resolved(filter)?;
        for row in self.rows(table) {
            if all_hold(table, &filter, row)? {
                changed.push(assigned(table, row, assign)?);
            }
        }
        let count = changed.len() as u64;
        for row in changed {
            check(table, &row)?;
            if let Some(key) = self.taken(table, &row)? {
                return Err(Error::Conflict { key });
            }
            let id = row.first().cloned().unwrap_or(Value::Null);
            self.rows_mut(table).insert(id, Arc::new(row));
        }
        Ok(count)
    }

    fn change(&mut self, change: Change) -> Result<Option<Value>, Error> {
        match change {
            Change::Insert { table, row } => {
                let id = row.first().cloned();
                Ok(if self.insert(table, row)? { id } else { None })
            }
            Change::Update { table, filter, assign, tell } => {
                let select = Select { table, filter, order: Order::Newest, limit: 1 };
                let Some(row) = self.select(&select)?.pop() else { return Ok(None) };
                self.update(table, &select.filter, &assign)?;
                let row = assigned(table, &row, &assign)?;
                Ok(Some(at(table, &row, tell)?.clone()))
            }
        }
    }

    fn delete(&mut self, table: &'static Table, filter: Vec<Condition>, limit: u32) -> Result<u64, Error> {
        let order = Order::of_removal(&filter);
        let rows = self.select(&Select { table, filter, order, limit })?;
        for row in &rows {
            if let Some(id) = row.first() {
                self.rows_mut(table).remove(id);
            }
        }
        Ok(rows.len() as u64)
    }

    fn forget_all(&mut self, entity: &Entity) {
        for entry in Arc::make_mut(&mut self.state.audit) {
            if entry.actor_id.as_ref() == Some(&entity.id) {
                entry.actor_id = None;
                entry.address = None;
            }
            if entry.resource.as_ref().is_some_and(|resource| resource.id == entity.id) {
                entry.address = None;
            }
        }
        for (event, about) in Arc::make_mut(&mut self.state.outbox) {
            if let Some(event) = event
                && about == entity
                && let Ok(empty) = serde_json::value::to_raw_value(&serde_json::json!({}))
            {
                event.data = empty;
            }
        }
    }
}

/// The values of a row that are unique together; `None` where the row does not count.
fn key(table: &Table, unique: &Unique, row: &Row) -> Result<Option<Vec<Value>>, Error> {
    if let Some(column) = unique.while_null
        && !at(table, row, column)?.is_null()
    {
        return Ok(None);
    }
    let mut key = Vec::new();
    for column in unique.columns {
        let value = at(table, row, column)?;
        if value.is_null() {
            return Ok(None);
        }
        key.push(value.clone());
    }
    Ok(Some(key))
}

fn at<'r>(table: &Table, row: &'r Row, column: &str) -> Result<&'r Value, Error> {
    row.get(table.place(column)?).ok_or_else(|| Error::internal("a row is as long as its table"))
}

/// What databases check of a row by themselves.
fn check(table: &Table, row: &Row) -> Result<(), Error> {
    for (column, value) in table.columns.iter().zip(row) {
        if !value.fits(column.kind) || (value.is_null() && !column.nullable) {
            return Err(Error::internal(format!("{}.{} does not take {value:?}", table.name, column.name)));
        }
    }
    Ok(())
}

fn all_hold(table: &Table, filter: &[Condition], row: &Row) -> Result<bool, Error> {
    for condition in filter {
        if !holds(table, condition, row)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn holds(table: &Table, condition: &Condition, row: &Row) -> Result<bool, Error> {
    let column = |column: &'static str| at(table, row, column);
    Ok(match condition {
        Condition::Is(name, value) => column(name)? == value,
        Condition::Not(name, Value::Null) => !column(name)?.is_null(),
        Condition::Not(name, value) => !column(name)?.is_null() && column(name)? != value,
        Condition::Below(name, value) => !column(name)?.is_null() && column(name)? < value,
        Condition::AtLeast(name, value) => !column(name)?.is_null() && column(name)? >= value,
        Condition::Prefix(name, prefix) => {
            matches!(column(name)?, Value::Text(text) if text.starts_with(prefix))
        }
        Condition::OneOf(name, values) => values.contains(column(name)?),
        Condition::Within { .. } => return Err(Error::internal("what lies within was not looked up")),
        Condition::Fits { column: name, add, limit } => match column(name)? {
            Value::Integer(number) => number.checked_add(*add).is_some_and(|sum| (0..=*limit).contains(&sum)),
            _ => false,
        },
    })
}

fn assigned(table: &Table, row: &Row, assign: &[Assign]) -> Result<Row, Error> {
    let mut row = row.clone();
    for assign in assign {
        let (Assign::Set(column, _) | Assign::Add(column, _)) = assign;
        let place = table.place(column)?;
        let Some(value) = row.get_mut(place) else { continue };
        match (assign, &mut *value) {
            (Assign::Set(_, to), _) => *value = to.clone(),
            (Assign::Add(_, amount), Value::Integer(number)) => *number = number.saturating_add(*amount),
            (Assign::Add(..), _) => return Err(Error::internal(format!("{column} is no number"))),
        }
    }
    Ok(row)
}

impl Tx for MemoryTx {
    fn insert_row(
        &mut self,
        table: &'static Table,
        row: Row,
    ) -> impl Future<Output = Result<bool, Error>> + Send {
        ready(self.insert(table, row))
    }

    fn append_row(
        &mut self,
        table: &'static Table,
        row: Row,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let added = self.insert(table, row);
        ready(added.and_then(|added| {
            if added { Ok(()) } else { Err(Error::internal(format!("{} has such a row", table.name))) }
        }))
    }

    fn select_rows(&mut self, select: Select) -> impl Future<Output = Result<Vec<Row>, Error>> + Send {
        ready(self.select(&select))
    }

    fn update_rows(
        &mut self,
        table: &'static Table,
        filter: Vec<Condition>,
        assign: Vec<Assign>,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        ready(self.update(table, &filter, &assign))
    }

    async fn change_rows(&mut self, changes: Vec<Change>) -> Result<Vec<Option<Value>>, Error> {
        changes.into_iter().map(|change| self.change(change)).collect()
    }

    fn lock_row(
        &mut self,
        _table: &'static Table,
        _id: Value,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        // Whoever reads what another has changed meanwhile does not commit.
        ready(Ok(()))
    }

    fn delete_rows(
        &mut self,
        table: &'static Table,
        filter: Vec<Condition>,
        limit: u32,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        ready(self.delete(table, filter, limit))
    }

    async fn count_rows(&mut self, table: &'static Table, filter: Vec<Condition>) -> Result<u64, Error> {
        let (filter, mut count) = (self.resolved(&filter)?, 0);
        for row in self.rows(table) {
            count += u64::from(all_hold(table, &filter, row)?);
        }
        Ok(count)
    }

    async fn clock(&mut self, now: WallTime) -> Result<WallTime, Error> {
        Ok(now)
    }

    async fn announce(&mut self, event: Event, entity: Entity) -> Result<(), Error> {
        Arc::make_mut(&mut self.state.outbox).push((Some(event), entity));
        Ok(())
    }

    async fn changed(&mut self, entity: Entity, _now: WallTime) -> Result<(), Error> {
        Arc::make_mut(&mut self.state.outbox).push((None, entity));
        Ok(())
    }

    async fn audit(&mut self, entry: AuditEntry) -> Result<(), Error> {
        Arc::make_mut(&mut self.state.audit).push(entry);
        Ok(())
    }

    async fn audit_page(
        &mut self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Error> {
        let rows = self.state.audit.iter().rev();
        let rows = rows.filter(|entry| before.is_none_or(|before| entry.id < before) && filter.passes(entry));
        Ok(rows.take(limit as usize).cloned().collect())
    }

    async fn audit_counts(&mut self, filter: &AuditFilter) -> Result<Vec<(String, u64)>, Error> {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in self.state.audit.iter().filter(|entry| filter.passes(entry)) {
            *counts.entry(&entry.action).or_default() += 1;
        }
        let mut counts: Vec<_> =
            counts.into_iter().map(|(action, count)| (action.to_owned(), count)).collect();
        counts.sort_by_key(|(_, count)| Reverse(*count));
        Ok(counts)
    }

    async fn forget(&mut self, entity: &Entity) -> Result<(), Error> {
        self.forget_all(entity);
        Ok(())
    }

    async fn purge_audit(&mut self, before: WallTime, limit: u32) -> Result<u64, Error> {
        let rows = Arc::make_mut(&mut self.state.audit);
        let old = rows.iter().take(limit as usize).take_while(|entry| entry.created_at < before).count();
        rows.drain(..old);
        Ok(old as u64)
    }
}
