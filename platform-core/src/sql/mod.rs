//! The database: SQLite in the data folder, or PostgreSQL, behind one [`Db`].
//!
//! Only the server opens a [`Db`]. A crate's store takes a [`Tx`], so that one transaction spans crates which do not know
//! each other: what changes, the [event](outbox) that announces it and the [audit row](audit) commit together or not at all.
//!
//! - **Reading.** [`Db::read`] lends a connection; each statement sees what was committed before it.
//! - **Writing.** [`Db::write`] takes a job, runs it in a transaction and answers after the commit. A job that was taken is
//!   carried out even when its caller goes away. On SQLite there is one writer, and jobs that come while it is busy share
//!   a commit: each stands in a savepoint of its own, so that one that fails takes no other along.
//! - **SQL** is written once where the dialects agree: `$1` for parameters, `TEXT` ids, `BIGINT` milliseconds, `RETURNING`,
//!   `ON CONFLICT`. Where they do not, [`Tx::dialect`] tells.
//! - **Same rules on both.** After a statement failed, a transaction takes no other and does not commit. Say
//!   `ON CONFLICT DO NOTHING` where a conflict is expected.
//!
//! Nothing here reads the wall clock. Timeouts and pauses between attempts are measured on tokio's clock.
//!
//! ```
//! use platform_core::sql::{Config, Db, Error, Location, query};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let db = Db::open(Config::new(Location::Memory)).await?;
//! db.write((), |tx, ()| Box::pin(async move {
//!     tx.execute("CREATE TABLE greeting (text TEXT NOT NULL)").await
//! })).await?;
//! let words = "hello".to_owned();
//! db.write(words, |tx, words| Box::pin(async move {
//!     tx.execute(query("INSERT INTO greeting VALUES ($1)").bind(words)).await
//! })).await?;
//! let row = db.read().await?.fetch_one("SELECT text FROM greeting").await?;
//! assert_eq!(row.text(0)?, "hello");
//! # Ok::<(), Error>(()) }).unwrap();
//! ```

pub mod audit;
pub mod changes;
mod config;
mod db;
mod error;
mod job;
mod later;
mod lock;
mod migrate;
pub mod outbox;
mod postgres;
mod query;
mod row;
mod sqlite;
mod tx;

pub use changes::{Change, Changes, Entity};
pub use config::{Config, Location};
pub use db::Db;
pub use error::{Cause, Error};
pub use job::BoxFuture;
pub use migrate::{Migration, Migrations};
pub use query::{Bind, Query, Value, query};
pub use row::{Column, ColumnIndex, FromColumn, Mismatch, Row};
pub use tx::{Dialect, Tx};
