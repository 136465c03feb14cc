//! Hot paths that need a server's insides, timed in this process.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Map, json};

use crate::cases::{self, Case};
use crate::stats::summary;

/// How long a batch of passes is, about. Each is one measurement, so that a pass that was interrupted spoils few.
const BATCH: Duration = Duration::from_millis(1);
/// What comes before the measurements, of each case.
const WARM: Duration = Duration::from_millis(500);

/// Arguments of `hot`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What the cases' names begin with.
    pub name: String,
    /// Seconds of each.
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
}

/// Times the cases, a batch of each in turn, and reports nanoseconds a pass: of the batch in the middle, and of the slowest in a hundred.
///
/// # Errors
/// When there are none, or they cannot be prepared.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut cases = cases::beginning_with(&args.name)?;
    cases.retain(|case| case.name.starts_with(&args.name));
    ensure!(!cases.is_empty(), "no case begins with {}", args.name);
    let mut timed: Vec<_> = cases.into_iter().map(Timed::warm).collect();
    let batches = (args.seconds / BATCH.as_secs_f64()).max(1.0) as u32;
    for _ in 0..batches {
        timed.iter_mut().for_each(Timed::batch);
    }
    let mut report = Map::from_iter([("load".to_owned(), json!("hot"))]);
    for mut timed in timed {
        report.insert(
            timed.case.name.to_owned(),
            json!({"ns": summary(&mut timed.ns), "pass": timed.case.pass}),
        );
    }
    super::print(&report.into());
    Ok(())
}

struct Timed {
    case: Case,
    /// Passes of a batch.
    passes: u32,
    /// Of a pass, batch by batch.
    ns: Vec<f64>,
}

impl Timed {
    /// Runs a case for a while, and finds out how many passes a batch is.
    fn warm(mut case: Case) -> Self {
        (case.run)();
        let (began, mut passes) = (Instant::now(), 0_u32);
        while began.elapsed() < WARM {
            (case.run)();
            passes += 1;
        }
        let batch = f64::from(passes) * BATCH.as_secs_f64() / WARM.as_secs_f64();
        Self { case, passes: (batch as u32).max(1), ns: Vec::new() }
    }

    fn batch(&mut self) {
        let began = Instant::now();
        (0..self.passes).for_each(|_| (self.case.run)());
        self.ns.push(began.elapsed().as_nanos() as f64 / f64::from(self.passes));
    }
}
