//! A bare SQLite that commits as many rows as a stream's creation: what no server on it can be better than, on this disk.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};

/// Rows of a creation: the stream, its key, the audit row, the event and the key's first use.
const ROWS: usize = 5;
/// Bytes of a row beside its keys.
const PAYLOAD: usize = 200;

/// Arguments of `bare`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The file, which must not be there.
    #[arg(long)]
    pub file: PathBuf,
    /// Creations that share a commit.
    #[arg(long, default_value_t = 1)]
    pub group: usize,
    /// For how many seconds.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
}

/// Commits, and reports creations a second.
///
/// # Errors
/// When the file is there already or cannot be written.
pub async fn run(args: Args) -> anyhow::Result<()> {
    anyhow::ensure!(!args.file.exists(), "{} is there already", args.file.display());
    let options = SqliteConnectOptions::new()
        .filename(&args.file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let mut connection = options.connect().await.with_context(|| args.file.display().to_string())?;
    for table in 0..ROWS {
        let create = format!(
            "CREATE TABLE t{table} (id TEXT PRIMARY KEY, parent TEXT, body TEXT) WITHOUT ROWID; \
             CREATE INDEX i{table} ON t{table} (parent, id)"
        );
        execute(&mut connection, create).await?;
    }
    let (began, mut creations) = (Instant::now(), 0);
    let window = Duration::from_secs_f64(args.seconds.max(0.1));
    while began.elapsed() < window {
        execute(&mut connection, group(creations, args.group.max(1))).await?;
        creations += args.group.max(1);
    }
    let elapsed = began.elapsed().as_secs_f64();
    connection.close().await?;
    super::print(&json!({"load": "bare", "creations": creations, "per_s": creations as f64 / elapsed}));
    Ok(())
}

async fn execute(connection: &mut SqliteConnection, statements: String) -> anyhow::Result<()> {
    // The text is made here, of numbers.
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await?;
    Ok(())
}

/// The statements of a commit with `count` creations, from number `first` on.
fn group(first: usize, count: usize) -> String {
    let mut statements = String::from("BEGIN IMMEDIATE;");
    for n in first..first + count {
        for table in 0..ROWS {
            let body = "x".repeat(PAYLOAD);
            statements
                .push_str(&format!("INSERT INTO t{table} VALUES ('id_{n:016}', 'p{}', '{body}');", n % 100));
        }
    }
    statements.push_str("COMMIT");
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_one_commit() {
        let statements = group(3, 16);
        assert_eq!(statements.matches("INSERT").count(), 16 * ROWS);
        assert_eq!(statements.matches("COMMIT").count(), 1);
        assert!(statements.contains("id_0000000000000018") && !statements.contains("id_0000000000000019"));
    }
}
