//! Migrations: forward only, each crate with its own list and its own table of what was done.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::{Db, Dialect, Error, Query, Tx, outbox};
use crate::WallTime;

/// How long all migrations together may take, an hour.
const LIMIT: Duration = Duration::from_secs(3600);

/// A number that servers which migrate agree on, for PostgreSQL's advisory lock: "pulse" in ASCII.
const ADVISORY_LOCK: &str = "SELECT pg_advisory_xact_lock(482854466405)";

/// A step of a schema. Once it was released it never changes; what comes later is another step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number, from 1 on.
    pub version: i64,
    /// What it does, for people: `streams`.
    pub name: &'static str,
    /// Statements, separated by semicolons. They run in a transaction.
    pub sql: &'static str,
}

/// The steps of a crate's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrations {
    /// The crate: lower-case letters and underscores, at most 32. Its table is `pulse_migrations_` and this.
    pub name: &'static str,
    /// For SQLite, in ascending order.
    pub sqlite: &'static [Migration],
    /// For PostgreSQL, in ascending order.
    pub postgres: &'static [Migration],
}

/// This crate's own schema: outbox and audit.
const OWN: Migrations = Migrations {
    name: "platform",
    sqlite: &[
        Migration { version: 1, name: "outbox and audit", sql: include_str!("schema/sqlite_1.sql") },
        Migration { version: 2, name: "by age and entity", sql: include_str!("schema/sqlite_2.sql") },
    ],
    postgres: &[
        Migration { version: 1, name: "outbox and audit", sql: include_str!("schema/postgres_1.sql") },
        Migration { version: 2, name: "by age and entity", sql: include_str!("schema/postgres_2.sql") },
    ],
};

pub(super) async fn run(db: &Db, now: WallTime, components: &[Migrations]) -> Result<(), Error> {
    let components: Vec<_> = std::iter::once(OWN).chain(components.iter().copied()).collect();
    db.write_within(LIMIT, (now, components), |tx, (now, components)| {
        Box::pin(async move {
            prepare(tx).await?;
            for component in components {
                component.apply(tx, *now).await?;
            }
            outbox::rebase(tx).await
        })
    })
    .await
}

/// Whether this crate's own list, which is the first, has ever been gone through.
pub(super) async fn is_done(db: &Db) -> Result<bool, Error> {
    let mut tx = db.read().await?;
    let known = match tx.dialect() {
        Dialect::Sqlite => "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1",
        Dialect::Postgres => "SELECT 1 WHERE to_regclass($1) IS NOT NULL",
    };
    let table = OWN.table();
    Ok(tx.fetch_optional(super::query(known).bind(table.as_str())).await?.is_some())
}

async fn prepare(tx: &mut Tx) -> Result<(), Error> {
    match tx.dialect() {
        // A table that others refer to can be built anew.
        Dialect::Sqlite => tx.execute("PRAGMA defer_foreign_keys = ON").await?,
        Dialect::Postgres => {
            tx.execute("SET LOCAL statement_timeout = 0").await?;
            tx.execute("SET LOCAL lock_timeout = 0").await?;
            tx.execute(ADVISORY_LOCK).await?
        }
    };
    Ok(())
}

impl Migrations {
    async fn apply(&self, tx: &mut Tx, now: WallTime) -> Result<(), Error> {
        let steps = match tx.dialect() {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        };
        self.check(steps)?;
        tx.script(self.sql(
            "CREATE TABLE IF NOT EXISTS ",
            " (version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)",
        ))
        .await?;
        let done = self.done(tx).await?;
        self.compare(steps, &done)?;
        for step in steps.iter().skip(done.len()) {
            tx.script(step.sql.into_sql_str()).await.map_err(|error| self.error(step.version, error))?;
            let insert = Query::assembled(format!("INSERT INTO {} VALUES ($1, $2, $3, $4)", self.table()))
                .bind(step.version)
                .bind(step.name)
                .bind(checksum(step.sql))
                .bind(now);
            tx.execute(insert).await?;
        }
        Ok(())
    }

    /// Version and checksum of what the database has been through.
    async fn done(&self, tx: &mut Tx) -> Result<Vec<(i64, String)>, Error> {
        let select =
            Query::assembled(format!("SELECT version, checksum FROM {} ORDER BY version", self.table()));
        let rows = tx.fetch_all(select).await?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// Refuses a database that has been through other steps than the first of `steps`.
    fn compare(&self, steps: &[Migration], done: &[(i64, String)]) -> Result<(), Error> {
        let known = steps.last().map_or(0, |step| step.version);
        if let Some((database, _)) = done.last()
            && *database > known
        {
            return Err(Error::Newer { component: self.name.to_owned(), database: *database, known });
        }
        let mut steps = steps.iter();
        for (version, found) in done {
            match steps.next() {
                Some(step) if step.version == *version && checksum(step.sql) == *found => {}
                Some(step) if step.version == *version => {
                    return Err(self.error(*version, "it was changed since"));
                }
                _ => return Err(self.error(*version, "this program does not have it")),
            }
        }
        Ok(())
    }

    /// Refuses a list that a programmer got wrong.
    fn check(&self, steps: &[Migration]) -> Result<(), Error> {
        let name = self.name;
        if name.is_empty()
            || name.len() > 32
            || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            return Err(self.error(0, "a component's name is lower-case letters and underscores, 32 at most"));
        }
        let mut last = 0;
        for step in steps {
            if step.version <= last {
                return Err(self.error(step.version, "versions ascend from 1"));
            }
            last = step.version;
        }
        Ok(())
    }

    fn table(&self) -> String {
        format!("pulse_migrations_{}", self.name)
    }

    /// A statement about the table, whose name was checked.
    fn sql(&self, before: &str, after: &str) -> SqlStr {
        AssertSqlSafe(format!("{before}{}{after}", self.table())).into_sql_str()
    }

    fn error(&self, version: i64, reason: impl Display) -> Error {
        Error::Migration { component: self.name.to_owned(), version, reason: format!("{reason}") }
    }
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_sha_256() {
        assert_eq!(checksum("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn lists_that_make_no_sense_are_refused() {
        const STEP: Migration = Migration { version: 1, name: "one", sql: "" };
        let of = |name| Migrations { name, sqlite: &[], postgres: &[] };
        for name in ["", "Tenancy", "a b", "a;drop", "abcdefghijklmnopqrstuvwxyzabcdefg"] {
            assert!(of(name).check(&[]).is_err(), "{name}");
        }
        assert!(of("a_b").check(&[STEP]).is_ok());
        assert!(of("a").check(&[STEP, STEP]).is_err());
        assert!(of("a").check(&[Migration { version: 0, ..STEP }]).is_err());
    }
}
