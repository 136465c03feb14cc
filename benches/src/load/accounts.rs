//! Whether the time of an answer tells who has an account: log-ins, forgotten passwords and registrations of addresses that have
//! one and of addresses that have none.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::http::client::{Body, Client};
use crate::stats::summary;

/// Arguments of `accounts`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Address and port of the server.
    #[arg(long)]
    pub server: SocketAddr,
    /// Calls for addresses of each sort. `seed` has made as many people.
    #[arg(long, default_value_t = 500)]
    pub calls: usize,
}

/// An operation: its name, path, other fields and the status that everybody gets.
type Operation = (&'static str, &'static str, &'static str, u16);

const OPERATIONS: [Operation; 3] = [
    ("login", "/v1/auth/login", r#","password":"wrong horse battery""#, 401),
    ("forgot", "/v1/auth/password/forgot", "", 202),
    ("register", "/v1/auth/register", r#","name":"Sam","password":"correct horse battery""#, 202),
];

/// Asks, and reports both distributions of each operation.
///
/// # Errors
/// When an answer is not the one that everybody gets.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut client = Client::connect(args.server).await?;
    let mut report = serde_json::Map::new();
    report.insert("load".into(), json!("accounts"));
    for operation in OPERATIONS {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for n in 0..args.calls {
            // What one call leaves to be done behind it must not fall on the same sort each time.
            for is_known in if n.is_multiple_of(2) { [true, false] } else { [false, true] } {
                let ms = once(&mut client, operation, is_known, n).await?;
                if is_known { &mut known } else { &mut unknown }.push(ms);
            }
        }
        report.insert(operation.0.into(), compared(&mut known, &mut unknown));
    }
    super::print(&Value::Object(report));
    Ok(())
}

fn compared(known: &mut [f64], unknown: &mut [f64]) -> Value {
    let (known, unknown) = (summary(known), summary(unknown));
    let median = |of: &Value| of.get("p50").and_then(Value::as_f64).unwrap_or(f64::NAN);
    let apart = (median(&known) / median(&unknown) - 1.0).abs();
    json!({"known_ms": known, "unknown_ms": unknown, "apart_percent": apart * 100.0})
}

/// How many milliseconds an answer took.
async fn once(client: &mut Client, operation: Operation, known: bool, n: usize) -> anyhow::Result<f64> {
    let (name, path, fields, status) = operation;
    // Of equal length; registering makes an unknown address known.
    let email = if known { format!("known-{n}@example.org") } else { format!("{name:.5}-{n}@example.net") };
    let body = format!(r#"{{"email":"{email}"{fields}}}"#);
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let asked = Instant::now();
    let answer = client.exchange(request.as_bytes(), Body::Keep).await.context("a request failed")?;
    let text = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == status, "{name} for {email} is answered {}: {text}", answer.status);
    Ok(answer.done.duration_since(asked).as_secs_f64() * 1e3)
}
