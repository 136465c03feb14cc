//! The server's own tables beside those of the crates.

use platform_core::sql::{Migration, Migrations};

/// The steps of the schema.
pub(super) const MIGRATIONS: Migrations = Migrations {
    name: "server",
    sqlite: &[
        Migration { version: 1, name: "mail queue", sql: include_str!("schema/sqlite_1.sql") },
        Migration { version: 2, name: "account requests", sql: include_str!("schema/sqlite_2.sql") },
    ],
    postgres: &[
        Migration { version: 1, name: "mail queue", sql: include_str!("schema/postgres_1.sql") },
        Migration { version: 2, name: "account requests", sql: include_str!("schema/postgres_2.sql") },
    ],
};
