//! One URL at a fixed rate: what a request, or a gigabit, costs the server.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::http::client::{Body, Client, split_url};
use crate::meter::{Meter, Span};

/// Arguments of `get`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What to get.
    #[arg(long)]
    pub url: String,
    /// Over how many connections.
    #[arg(long, default_value_t = 16)]
    pub connections: usize,
    /// Requests a second, all connections together. The same rate for all servers: a faster one would otherwise be asked more.
    #[arg(long, default_value_t = 500.0)]
    pub rate: f64,
    #[command(flatten)]
    span: Span,
}

#[derive(Debug, Default)]
struct Record {
    requests: u64,
    bytes: u64,
    errors: u64,
}

/// Asks, and reports requests and bytes within the window.
///
/// # Errors
/// When a connection fails.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut meter = Meter::new(&args.span);
    let (address, path) = split_url(&args.url)?;
    let record = Rc::new(RefCell::new(Record::default()));
    let local = tokio::task::LocalSet::new();
    let began = Instant::now();
    let end = began + args.span.warm() + args.span.window();
    let tasks: Vec<_> = (0..args.connections)
        .map(|n| {
            let (path, record) = (path.clone(), Rc::clone(&record));
            let interval = Duration::from_secs_f64(args.connections as f64 / args.rate.max(0.1));
            local.spawn_local(async move {
                let mut client = Client::connect(address).await?;
                let mut due = began + interval.mul_f64(n as f64 / args.connections as f64);
                while due < end {
                    tokio::time::sleep_until(due.into()).await;
                    due += interval;
                    let answer = client.get(&path, Body::Count).await.context("a request failed")?;
                    let mut record = record.borrow_mut();
                    record.requests += 1;
                    record.bytes += answer.body_bytes as u64;
                    record.errors += u64::from(answer.status != 200);
                }
                anyhow::Ok(())
            })
        })
        .collect();
    local
        .run_until(async {
            tokio::time::sleep(args.span.warm()).await;
            meter.begin();
            *record.borrow_mut() = Record::default();
            for task in tasks {
                task.await??;
            }
            anyhow::Ok(())
        })
        .await?;
    let record = record.borrow();
    ensure!(record.requests > 0, "no request was answered");
    let report = meter.end(json!({
        "load": "get",
        "requests": record.requests,
        "bytes": record.bytes,
        "errors": record.errors,
        // Whether the server kept up with the rate.
        "achieved": record.requests as f64 / (args.rate * args.span.seconds),
    }));
    super::print(&report);
    Ok(())
}
