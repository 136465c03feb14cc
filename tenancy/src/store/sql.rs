//! The store in SQLite and PostgreSQL, over platform-core's `Db`.
//!
//! Statements are put together from the records' constants, and are the same for both. So the schema in `migrations/` has
//! the columns of the records, and a unique index `{table}_{key}` for each thing that is unique; a test compares them.

mod announce;
mod packed;
#[cfg(test)]
mod plans;
mod statement;

use std::sync::Arc;

use platform_core::sql::{self, Db, Dialect, Migration, Migrations};
use platform_core::{AuditId, Event, WallTime};

use super::announce::{AuditEntry, AuditFilter, Entity};
use super::filter::{Assign, Change, Condition, Select};
use super::record::{Row, Table};
use super::value::{Kind, Value};
use super::{BoxFuture, Store, Tx};
use crate::Error;

/// The schema, to be given to [`Db::migrate`].
pub const MIGRATIONS: Migrations = Migrations {
    name: "tenancy",
    sqlite: &[
        Migration {
            version: 1,
            name: "tenants",
            sql: include_str!("../../migrations/sqlite/0001_tenants.sql"),
        },
        Migration {
            version: 2,
            name: "bounds",
            sql: include_str!("../../migrations/sqlite/0002_bounds.sql"),
        },
        Migration {
            version: 3,
            name: "admission",
            sql: include_str!("../../migrations/sqlite/0003_admission.sql"),
        },
        Migration { version: 4, name: "names", sql: include_str!("../../migrations/sqlite/0004_names.sql") },
    ],
    postgres: &[
        Migration {
            version: 1,
            name: "tenants",
            sql: include_str!("../../migrations/postgres/0001_tenants.sql"),
        },
        Migration {
            version: 2,
            name: "bounds",
            sql: include_str!("../../migrations/postgres/0002_bounds.sql"),
        },
        Migration {
            version: 3,
            name: "admission",
            sql: include_str!("../../migrations/postgres/0003_admission.sql"),
        },
        Migration {
            version: 4,
            name: "names",
            sql: include_str!("../../migrations/postgres/0004_names.sql"),
        },
    ],
};

/// The bound of rows that are removed at once, whatever is asked for.
const MAX_DELETED: u32 = 10_000;

impl Store for Db {
    type Tx = sql::Tx;

    async fn write<I, T, F>(&self, input: I, work: F) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut sql::Tx, &'t I) -> BoxFuture<'t, Result<T, Error>> + Send + Sync + 'static,
    {
        Db::write(self, input, work).await
    }

    async fn read(&self) -> Result<sql::Tx, Error> {
        Ok(Db::read(self).await?)
    }
}

impl From<sql::Error> for Error {
    fn from(error: sql::Error) -> Self {
        match error {
            sql::Error::InDoubt(_) => Self::InDoubt(Arc::new(error)),
            sql::Error::Closed => Self::Unavailable(Arc::new(error)),
            error if error.is_transient() => Self::Unavailable(Arc::new(error)),
            error => Self::Internal(Arc::new(error)),
        }
    }
}

impl Tx for sql::Tx {
    async fn insert_row(&mut self, table: &'static Table, row: Row) -> Result<bool, Error> {
        Ok(self.execute(statement::insert_new(table, row)).await? == 1)
    }

    async fn append_row(&mut self, table: &'static Table, row: Row) -> Result<(), Error> {
        Ok(self.execute_later(statement::insert(table, row)).await?)
    }

    async fn select_rows(&mut self, select: Select) -> Result<Vec<Row>, Error> {
        let (table, limit) = (select.table, select.limit);
        let Some(query) = statement::select(select)? else { return Ok(Vec::new()) };
        // One row is an answer of its own: nobody waits for the statement to say that there are no more.
        if limit == 1 {
            return self.fetch_optional(query).await?.iter().map(|row| values(table, row)).collect();
        }
        if self.dialect() == Dialect::Sqlite && packed::fits(table) {
            let row = self.fetch_one(packed::pack(table, query)).await?;
            return packed::unpack(table, row.text(0)?);
        }
        self.fetch_all(query).await?.iter().map(|row| values(table, row)).collect()
    }

    async fn update_rows(
        &mut self,
        table: &'static Table,
        filter: Vec<Condition>,
        assign: Vec<Assign>,
    ) -> Result<u64, Error> {
        let Some(query) = statement::update(table, filter, assign)? else { return Ok(0) };
        self.execute(query).await.map_err(|error| match error {
            sql::Error::Unique { constraint } => Error::Conflict { key: key(table, &constraint) },
            error => error.into(),
        })
    }

    async fn change_rows(&mut self, changes: Vec<Change>) -> Result<Vec<Option<Value>>, Error> {
        let (mut statements, mut tells) = (Vec::new(), Vec::new());
        for change in changes {
            let (statement, table, column) = match change {
                Change::Insert { table, row } => (Some(statement::insert_new(table, row)), table, "id"),
                Change::Update { table, filter, assign, tell } => {
                    (statement::update(table, filter, assign)?, table, tell)
                }
            };
            tells.push(statement.is_some().then_some(table.kind(column)?));
            statements.extend(statement.map(|statement| (statement, column)));
        }
        let mut rows = self.change_each(statements).await?.into_iter();
        let told = tells.into_iter().map(|kind| match (kind, kind.and_then(|_| rows.next()?)) {
            (Some(kind), Some(row)) => value(&row, 0, kind).map(Some),
            _ => Ok(None),
        });
        told.collect()
    }

    async fn lock_row(&mut self, table: &'static Table, id: Value) -> Result<(), Error> {
        // SQLite has one writer.
        if self.dialect() == Dialect::Postgres {
            self.fetch_optional(statement::lock(table, id)?).await?;
        }
        Ok(())
    }

    async fn delete_rows(
        &mut self,
        table: &'static Table,
        filter: Vec<Condition>,
        limit: u32,
    ) -> Result<u64, Error> {
        let Some(query) = statement::delete(table, filter, limit.min(MAX_DELETED))? else { return Ok(0) };
        Ok(self.execute(query).await?)
    }

    async fn count_rows(&mut self, table: &'static Table, filter: Vec<Condition>) -> Result<u64, Error> {
        let Some(query) = statement::count(table, filter)? else { return Ok(0) };
        let count: i64 = self.fetch_one(query).await?.get(0)?;
        Ok(count.unsigned_abs())
    }

    async fn clock(&mut self, now: WallTime) -> Result<WallTime, Error> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(now);
        }
        let time = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
        Ok(WallTime::from_unix_ms(self.fetch_one(time).await?.get(0)?))
    }

    async fn announce(&mut self, event: Event, entity: Entity) -> Result<(), Error> {
        Ok(sql::outbox::append(self, &event, Some(&entity.into())).await?)
    }

    async fn changed(&mut self, entity: Entity, now: WallTime) -> Result<(), Error> {
        Ok(sql::changes::append(self, &entity.into(), now).await?)
    }

    async fn audit(&mut self, entry: AuditEntry) -> Result<(), Error> {
        Ok(sql::audit::append(self, &entry.into()).await?)
    }

    async fn audit_page(
        &mut self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Error> {
        let rows = sql::audit::page(self, &filter.into(), before, limit as usize).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    async fn audit_counts(&mut self, filter: &AuditFilter) -> Result<Vec<(String, u64)>, Error> {
        Ok(sql::audit::counts(self, &filter.into()).await?)
    }

    async fn forget(&mut self, entity: &Entity) -> Result<(), Error> {
        sql::audit::erase(self, &entity.id).await?;
        sql::outbox::erase(self, &entity.clone().into()).await?;
        Ok(())
    }

    async fn purge_audit(&mut self, before: WallTime, limit: u32) -> Result<u64, Error> {
        Ok(sql::audit::purge(self, before, limit as usize).await?)
    }
}

/// The values of a row, by the table's columns.
fn values(table: &Table, row: &sql::Row) -> Result<Row, Error> {
    let mut values = Vec::with_capacity(table.columns.len());
    for (place, column) in table.columns.iter().enumerate() {
        values.push(value(row, place, column.kind)?);
    }
    Ok(values)
}

fn value(row: &sql::Row, place: usize, kind: Kind) -> Result<Value, Error> {
    Ok(match kind {
        Kind::Text => row.get::<Option<String>>(place)?.map_or(Value::Null, Value::Text),
        Kind::Integer => row.get::<Option<i64>>(place)?.map_or(Value::Null, Value::Integer),
        Kind::Bytes => row.get::<Option<Vec<u8>>>(place)?.map_or(Value::Null, Value::Bytes),
        Kind::Bool => row.get::<Option<bool>>(place)?.map_or(Value::Null, Value::Bool),
    })
}

/// What a violated constraint says is taken. PostgreSQL gives the index's name, SQLite the columns.
fn key(table: &Table, constraint: &str) -> &'static str {
    let name = table.name;
    let violated = |unique: &&super::Unique| {
        let columns: Vec<_> = unique.columns.iter().map(|column| format!("{name}.{column}")).collect();
        constraint == format!("{name}_{}", unique.key) || constraint == columns.join(", ")
    };
    table.unique.iter().find(violated).map_or("id", |unique| unique.key)
}
