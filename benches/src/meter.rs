//! A window of time over which a load is measured.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Map, Value, json};

use crate::probe::{Probe, own_cpu_s};

/// Most of a core that the load tool may need for a run to count.
pub const MAX_TOOL_SHARE: f64 = 0.9;

/// When to measure, and whom.
#[derive(Args, Clone, Debug)]
pub struct Span {
    /// Seconds between the last connection and the window.
    #[arg(long, default_value_t = 3.0)]
    pub warm: f64,
    /// Seconds of the window.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// The server's process, whose CPU time and memory are reported; its children count with it.
    #[arg(long)]
    pub pid: Option<u32>,
}

impl Span {
    /// Time to settle.
    pub fn warm(&self) -> Duration {
        Duration::from_secs_f64(self.warm.max(0.0))
    }

    /// The window.
    pub fn window(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.max(0.1))
    }
}

/// Measures a window. Make it before the load connects: memory is reported as of then and as of the end.
#[derive(Debug)]
pub struct Meter {
    server: Option<Probe>,
    memory_before_kib: f64,
    made: Instant,
    began: Instant,
    own_cpu: f64,
    server_cpu: f64,
}

impl Meter {
    /// A meter for a load that has not connected yet.
    pub fn new(span: &Span) -> Self {
        let server = span.pid.map(Probe::new);
        let memory_before_kib = server.as_ref().map_or(0.0, Probe::memory_kib);
        let made = Instant::now();
        Self { server, memory_before_kib, made, began: made, own_cpu: 0.0, server_cpu: 0.0 }
    }

    /// The window begins.
    pub fn begin(&mut self) {
        self.began = Instant::now();
        self.own_cpu = own_cpu_s();
        self.server_cpu = self.server.as_ref().map_or(0.0, Probe::cpu_s);
    }

    /// The window ends; `results` are added to what it cost.
    pub fn end(&self, results: Value) -> Value {
        let elapsed = self.began.elapsed().as_secs_f64();
        let tool_share = (own_cpu_s() - self.own_cpu) / elapsed;
        let mut report = Map::new();
        report.insert("seconds".into(), json!(elapsed));
        report.insert("tool_share".into(), json!(tool_share));
        report.insert("void".into(), json!(tool_share > MAX_TOOL_SHARE));
        if let Some(server) = &self.server {
            report.insert("server_cpu_s".into(), json!(server.cpu_s() - self.server_cpu));
            report.insert("memory_before_kib".into(), json!(self.memory_before_kib));
            report.insert("memory_kib".into(), json!(server.memory_kib()));
            report.insert("memory_apart_s".into(), json!(self.made.elapsed().as_secs_f64()));
        }
        if let Value::Object(results) = results {
            report.extend(results);
        }
        Value::Object(report)
    }
}
