//! The rules and their stores: each test runs in memory, on SQLite and on a real PostgreSQL.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod world;

mod accounts;
mod admission;
mod agreement;
mod authority;
mod cache;
mod erasure;
mod hooks;
mod idempotency;
mod keys;
mod leases;
mod many;
mod members;
mod names;
mod playback;
mod quotas;
mod races;
mod retention;
mod sessions;
mod store;
mod tenants;
mod totp;
mod upgrade;
mod usage;
mod vault;
