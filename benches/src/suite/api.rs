//! The API over 100 projects of 1,000 streams.

use anyhow::Context as _;
use serde_json::Value;

use super::context::{Context, Runs, number};
use super::server::{Server, Subject};
use super::table::Row;
use super::tenants::{Database, Tenants};
use super::tool::Tool;

/// The limits are at work, and high enough to let everything through.
pub(super) const RAISED: &str = "[api]\nrequests_per_address = 100000000\nrequests_per_key = 100000000\n\
                      requests_per_project = 100000000\nlogins_per_address = 100000000\n";

/// Streams and lists on both databases, and tokens.
pub(super) fn read(context: &Context) -> anyhow::Result<Vec<Row>> {
    let sqlite = Tenants::seed(context, Database::Sqlite)?;
    let postgres = Tenants::seed(context, Database::Postgres)?;
    let subjects = [
        ("read, SQLite", (&sqlite, "read")),
        ("read, PostgreSQL", (&postgres, "read")),
        ("read once, SQLite", (&sqlite, "read-once")),
        ("read once, PostgreSQL", (&postgres, "read-once")),
        ("list, SQLite", (&sqlite, "list")),
        ("list, PostgreSQL", (&postgres, "list")),
        ("mint, HS256", (&sqlite, "mint-hs256")),
        ("mint, Ed25519", (&sqlite, "mint-ed25519")),
    ];
    let runs = context.alternate("api", &subjects, |(tenants, what)| once(context, tenants, what))?;
    let [read, read_postgres, once, once_postgres, list, list_postgres, hs256, ed25519] = runs.as_slice()
    else {
        anyhow::bail!("eight subjects")
    };
    Ok(vec![
        rate("`GET /v1/streams/{id}` by API key, 64 connections, SQLite", 15_000.0, read),
        percentile("the same, p99", 20.0, read),
        rate("the same, PostgreSQL", 10_000.0, read_postgres),
        percentile("the same, p99", 20.0, read_postgres),
        without_bar("each stream for the first time, so that all come from the database, SQLite", once),
        without_bar("the same, PostgreSQL", once_postgres),
        rate("`GET /v1/streams`, a page of 25, always from the database, SQLite", 4_000.0, list),
        rate("the same, PostgreSQL", 4_000.0, list_postgres),
        rate("playback tokens minted, HS256", 15_000.0, hs256),
        rate("playback tokens minted, Ed25519", 10_000.0, ed25519),
    ])
}

/// Streams created on a disk, beside a bare SQLite on the same one.
pub(super) fn create(context: &Context) -> anyhow::Result<Vec<Row>> {
    let tenants = Tenants::seed(context, Database::Sqlite)?;
    let subjects = [("pulse", None), ("SQLite", Some("1")), ("SQLite, grouped by 16", Some("16"))];
    let runs = context.alternate("create", &subjects, |group| match group {
        None => once(context, &tenants, "create"),
        Some(group) => bare(context, &tenants, group),
    })?;
    let [created, single, grouped] = runs.as_slice() else { anyhow::bail!("three subjects") };
    let what = "`POST /v1/streams`, durable, SQLite";
    let mut rows = vec![
        rate(what, 2_000.0, created).peer("bare SQLite, 16 a commit,", &grouped.at("/per_s"), "/s"),
        percentile("the same, p99", 100.0, created),
        Row::new("a bare SQLite, 5 rows a commit", "").peer("SQLite", &single.at("/per_s"), "/s"),
    ];
    rows.push(match syncs(context, &tenants) {
        Ok(runs) => {
            let each = runs.at("/syncs_each");
            Row::new("syncs of the disk for each", "≤ 0.2").pulse(&each, "").at_most(0.2, &each)
        }
        Err(error) => Row::failed("syncs of the disk for each", &format!("{error:#}")),
    });
    Ok(rows)
}

/// Whether the time of an answer tells who has an account.
pub(super) fn accounts(context: &Context) -> anyhow::Result<Vec<Row>> {
    let calls = if context.quick { "50" } else { "500" };
    // Registering makes what was unknown known, so that every run has people of its own; one is enough.
    let tenants = Tenants::small(context)?;
    let server = start(context, &tenants, None)?;
    let run = Tool::run(context, &["accounts", "--server", server.http(), "--calls", calls])?;
    context.note("accounts", &run);
    let runs = Runs(vec![run]);
    let row = |(name, what): (&str, &str)| {
        let apart = runs.at(&format!("/{name}/apart_percent"));
        let known = runs.at(&format!("/{name}/known_ms/p50"));
        let unknown = runs.at(&format!("/{name}/unknown_ms/p50"));
        let mut row =
            Row::new(format!("{what}: medians of {calls} calls, with and without account"), "≤ 5 % apart")
                .pulse(&known, "ms")
                .at_most(5.0, &apart);
        row.pulse = format!("{} and {}", row.pulse, unknown.text("ms"));
        row.ratio = apart.text("%");
        row
    };
    let operations = [
        ("login", "`/v1/auth/login`, wrong password"),
        ("forgot", "`/v1/auth/password/forgot`"),
        ("register", "`/v1/auth/register`"),
    ];
    Ok(operations.into_iter().map(row).collect())
}

fn start(context: &Context, tenants: &Tenants, trace: Option<&std::path::Path>) -> anyhow::Result<Server> {
    let config = format!("{RAISED}{}", tenants.config());
    Subject::PulseOver { data: tenants.data(), config: &config, trace }.start(context)
}

fn once(context: &Context, tenants: &Tenants, what: &str) -> anyhow::Result<Value> {
    let server = start(context, tenants, None)?;
    let (warm, window) = match what {
        // Long enough that nearly every stream has been asked for once.
        "read" => (context.seconds(20, 8), context.seconds(10, 4)),
        // Short enough that they suffice.
        "read-once" => ("1".to_owned(), context.seconds(4, 1)),
        _ => (context.seconds(5, 3), context.seconds(10, 4)),
    };
    let (pid, catalogue) = (server.pid(), tenants.catalogue());
    let mut arguments = vec!["api", "--what", what, "--connections", "64", "--warm", &warm];
    arguments.extend(["--seconds", &window, "--server", server.http()]);
    arguments.extend(["--catalogue", &catalogue, "--pid", &pid]);
    Tool::run(context, &arguments)
}

fn bare(context: &Context, tenants: &Tenants, group: &str) -> anyhow::Result<Value> {
    let file = tenants.data().join("bare.db");
    let _ = std::fs::remove_file(&file);
    let (path, seconds) = (file.to_string_lossy(), context.seconds(5, 3));
    let run = Tool::run(context, &["bare", "--file", &path, "--group", group, "--seconds", &seconds]);
    // The next run makes another.
    let _ = std::fs::remove_file(&file);
    run
}

/// Creations under strace, which counts what the server syncs from its start to its end; it slows down what it counts.
fn syncs(context: &Context, tenants: &Tenants) -> anyhow::Result<Runs> {
    let trace = context.dir.join("syncs");
    let server = start(context, tenants, Some(&trace))?;
    let (seconds, catalogue) = (context.seconds(8, 4), tenants.catalogue());
    let mut arguments = vec!["api", "--what", "create", "--connections", "64", "--warm", "0"];
    arguments.extend(["--seconds", &seconds, "--server", server.http(), "--catalogue", &catalogue]);
    let mut run = Tool::run(context, &arguments)?;
    drop(server);
    let text = std::fs::read_to_string(&trace).context("strace has written nothing")?;
    let created = number(&run, "requests").filter(|created| *created > 0.0).context("nothing was created")?;
    let report = run.as_object_mut().context("the load tool's report is an object")?;
    report.insert("syncs_each".to_owned(), (counted(&text) as f64 / created).into());
    context.note("syncs", &run);
    Ok(Runs(vec![run]))
}

/// The calls that strace's table counts: `% time, seconds, usecs/call, calls, [errors,] syscall`.
fn counted(table: &str) -> u64 {
    let calls = table.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let name = *words.last()?;
        if !matches!(name, "fsync" | "fdatasync") {
            return None;
        }
        words.get(3)?.parse::<u64>().ok()
    });
    calls.sum()
}

/// A row of requests a second; an answer that was no success misses the bar.
fn rate(what: &str, bar: f64, runs: &Runs) -> Row {
    let figure = runs.at("/per_s");
    let errors: f64 = runs.0.iter().filter_map(|run| number(run, "errors")).sum();
    Row::new(what, format!("≥ {bar}/s"))
        .pulse(&figure, "/s")
        .at_least(bar, &figure)
        .and(errors == 0.0, &format!("{errors} answers were no success"))
}

/// The same without a bar.
fn without_bar(what: &str, runs: &Runs) -> Row {
    let row = rate(what, 0.0, runs);
    let met = row.met.filter(|met| !met);
    Row { bar: String::new(), met, ..row }
}

fn percentile(what: &str, bar: f64, runs: &Runs) -> Row {
    let figure = runs.at("/ms/p99");
    Row::new(what, format!("≤ {bar} ms")).pulse(&figure, "ms").at_most(bar, &figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_sync_are_counted() {
        let table = "% time     seconds  usecs/call     calls    errors syscall\n\
                     ------ ----------- ----------- --------- --------- ----------------\n \
                     99.61    0.006137        1534       412           fdatasync\n  \
                     0.39    0.000024          24         3         1 fsync\n\
                     ------ ----------- ----------- --------- --------- ----------------\n\
                     100.00    0.006161        1232       415           total\n";
        assert_eq!(counted(table), 415);
        assert_eq!(counted(""), 0);
    }
}
