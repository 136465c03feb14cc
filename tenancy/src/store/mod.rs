//! Stores: a few primitives over tables, on which all rules are written once.
//!
//! A [`Store`] runs work in a transaction, a [`Tx`], which reads and writes [records](Record). What changes, the event that
//! announces it and the audit row that says who did it commit together. [`memory::Memory`] is always here; with the
//! feature `sql` the same trait is implemented for platform-core's `Db` and `Tx`, over SQLite and PostgreSQL.

mod announce;
mod filter;
pub mod memory;
mod record;
#[cfg(feature = "sql")]
pub mod sql;
mod tx;
mod value;

use std::future::Future;
use std::pin::Pin;

pub use announce::{ActorKind, AuditEntry, AuditFilter, Entity};
pub use filter::{
    Assign, Change, Condition, Order, Select, add, at_least, below, clear, is, null, one_of, set, some,
};
pub use record::{Column, Record, Row, Table, Unique};
pub(crate) use record::{record, take};
pub use tx::Tx;
pub use value::{Cell, Json, Kind, Value};
pub(crate) use value::{Name, named};

use crate::Error;

/// A future on the heap, as work in a transaction returns it: `Box::pin(async move { … })`.
pub type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

/// Where tenants, people and keys are kept.
pub trait Store: Clone + Send + Sync + 'static {
    /// Its transactions.
    type Tx: Tx;

    /// Runs `work` on `input` in a transaction, and returns what it returned once that is committed. An error rolls back.
    ///
    /// Work may run more than once, when other transactions are in its way, so it does nothing but through the transaction.
    fn write<I, T, F>(&self, input: I, work: F) -> impl Future<Output = Result<T, Error>> + Send
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut Self::Tx, &'t I) -> BoxFuture<'t, Result<T, Error>> + Send + Sync + 'static;

    /// Something to read with. What it is told to write is lost or refused.
    fn read(&self) -> impl Future<Output = Result<Self::Tx, Error>> + Send;
}
