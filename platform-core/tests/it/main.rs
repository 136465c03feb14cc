//! platform-core over SQLite and a real PostgreSQL: what a store may rely on holds on both, and what each promises alone.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixture;

mod audit;
mod changes;
mod durability;
mod group_commit;
mod later;
mod lock;
mod migrations;
mod outbox;
mod postgres;
mod silence;
mod transactions;
mod values;
