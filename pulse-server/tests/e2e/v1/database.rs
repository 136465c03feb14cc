//! What is in a server's SQLite, read beside it.

use std::collections::BTreeMap;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use super::rig::Rig;

/// Tables that change while nothing but questions are asked: requests that are counted, and how far the outbox was read.
const COUNTED: [&str; 3] = ["tenancy_usage", "tenancy_usage_reports", "pulse_outbox_reader"];
/// Columns that do, by table.
const NOTED: [(&str, &str); 1] = [("tenancy_api_keys", "last_used_at")];

/// Rows by table, as text.
pub(super) type Rows = BTreeMap<String, Vec<String>>;

/// All rows of all tables, but for what questions change.
pub(super) fn rows(rig: &Rig) -> Rows {
    let path = rig.pulse.stage().path().join("data/pulse.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection =
            SqliteConnectOptions::new().filename(path).read_only(true).connect().await.unwrap();
        let names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let mut rows = Rows::new();
        for table in texts(&mut connection, names.to_owned()).await {
            if !COUNTED.contains(&table.as_str()) {
                let columns = format!("SELECT name FROM pragma_table_info('{table}')");
                let columns = texts(&mut connection, columns).await;
                let kept =
                    columns.iter().filter(|column| !NOTED.contains(&(table.as_str(), column.as_str())));
                let quoted: Vec<_> = kept.map(|column| format!("quote({column})")).collect();
                let all = format!("SELECT {} AS row FROM {table} ORDER BY row", quoted.join(" || ' ' || "));
                let all = texts(&mut connection, all).await;
                rows.insert(table, all);
            }
        }
        rows
    })
}

async fn texts(connection: &mut SqliteConnection, sql: String) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap()
}
