//! What all measurements share.

use std::cell::RefCell;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Args;
use crate::clip::{Clip, target_dir};

/// Attempts at a run whose load tool was too busy for it to count.
const ATTEMPTS: usize = 3;
/// Runs of two subjects that differ by a few per cent at most.
pub(super) const PAIRS: usize = 5;

/// The measurements' surroundings.
pub(super) struct Context {
    /// Short runs.
    pub(super) quick: bool,
    /// Runs of each measurement.
    pub(super) rounds: usize,
    /// pulse-server's executable.
    pub(super) pulse: PathBuf,
    /// For configurations, data and logs; in memory where there is /dev/shm, so that no disk is measured.
    pub(super) dir: PathBuf,
    /// Bytes a second of the clip.
    pub(super) clip_bytes_per_s: f64,
    /// Processes that wanted to run in the minute before, on average.
    pub(super) load_before: f64,
    /// Every run, one line each.
    log: RefCell<std::fs::File>,
    /// The load tools' command lines, as they were.
    pub(super) commands: RefCell<Vec<String>>,
}

impl Context {
    pub(super) fn new(args: &Args) -> anyhow::Result<Self> {
        let clip = Clip::load()?;
        let pulse = args.pulse.clone().unwrap_or_else(|| target_dir().join("release/pulse-server"));
        anyhow::ensure!(pulse.exists(), "{} is not there: cargo build --release", pulse.display());
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let dir = base.join(format!("pulse-bench-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let log = target_dir().join("bench/runs.jsonl");
        Ok(Self {
            quick: args.quick,
            rounds: args.rounds.unwrap_or(if args.quick { 1 } else { 3 }).max(1),
            pulse: pulse.canonicalize()?,
            dir,
            load_before: load_average(),
            clip_bytes_per_s: clip.media_bytes() as f64 / f64::from(crate::clip::PERIOD_MS) * 1e3,
            log: RefCell::new(std::fs::File::create(&log).with_context(|| log.display().to_string())?),
            commands: RefCell::default(),
        })
    }

    /// `full`, or `quick` in short runs.
    pub(super) fn seconds(&self, full: u32, quick: u32) -> String {
        if self.quick { quick } else { full }.to_string()
    }

    /// Runs each subject as often as there are rounds, one after the other in each round, and returns the runs that count, by subject.
    /// A run that fails is logged and leaves its subject one less; a subject without any run fails.
    pub(super) fn alternate<S: Copy>(
        &self,
        name: &str,
        subjects: &[(&str, S)],
        run: impl Fn(S) -> anyhow::Result<Value>,
    ) -> anyhow::Result<Vec<Runs>> {
        let mut all: Vec<Runs> = subjects.iter().map(|_| Runs::default()).collect();
        let mut failure = None;
        for round in 0..self.rounds {
            for ((label, subject), runs) in subjects.iter().zip(&mut all) {
                match self.attempt(name, label, round, || run(*subject)) {
                    Ok(value) => runs.0.push(value),
                    Err(error) => failure = Some(error),
                }
            }
        }
        if let Some(position) = all.iter().position(|runs| runs.0.is_empty()) {
            let label = subjects.get(position).map_or("", |(label, _)| label);
            let why = failure.map_or(String::new(), |error| format!("{error:#}"));
            anyhow::bail!("no run of {label} counts: {why}");
        }
        Ok(all)
    }

    /// Runs two subjects [`PAIRS`] times, both at once, so that whatever else the machine does falls on both.
    pub(super) fn pairs(
        &self,
        name: &str,
        run: impl Fn() -> anyhow::Result<[Value; 2]>,
    ) -> anyhow::Result<[Runs; 2]> {
        let mut pairs = [Runs::default(), Runs::default()];
        let mut failure = None;
        for round in 0..if self.quick { 1 } else { PAIRS } {
            // One value, so that one that does not count takes the other with it.
            let both = || {
                let [one, other] = run()?;
                let is_void = [&one, &other].iter().any(|run| run.get("void") == Some(&Value::Bool(true)));
                Ok(json!({"void": is_void, "both": [one, other]}))
            };
            match self.attempt(name, "both", round, both) {
                Ok(value) => {
                    for (n, runs) in pairs.iter_mut().enumerate() {
                        runs.0.extend(value.pointer(&format!("/both/{n}")).cloned());
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if pairs.iter().any(|runs| runs.0.is_empty()) => Err(error),
            _ => Ok(pairs),
        }
    }

    /// A run that counts.
    fn attempt(
        &self,
        name: &str,
        label: &str,
        round: usize,
        run: impl Fn() -> anyhow::Result<Value>,
    ) -> anyhow::Result<Value> {
        for attempt in 0..ATTEMPTS {
            let result = run();
            self.log(name, label, round, attempt, &result);
            let value = result?;
            if value.get("void") != Some(&Value::Bool(true)) {
                return Ok(value);
            }
        }
        anyhow::bail!("the load tool needed more than 90 % of a core")
    }

    /// Logs a run that is alone.
    pub(super) fn note(&self, name: &str, run: &Value) {
        self.log(name, "pulse", 0, 0, &Ok(run.clone()));
    }

    fn log(&self, name: &str, label: &str, round: usize, attempt: usize, result: &anyhow::Result<Value>) {
        let outcome = match result {
            Ok(value) => value.clone(),
            Err(error) => json!({"failed": format!("{error:#}")}),
        };
        let line = json!({"measurement": name, "subject": label, "round": round, "attempt": attempt, "run": outcome});
        eprintln!("  {label}: {outcome}");
        // The log is for people; the figures do not depend on it.
        let _ = writeln!(self.log.borrow_mut(), "{line}");
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The kernel's load average of the last minute; 0 where there is none.
fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

/// Runs of one subject.
#[derive(Debug, Default)]
pub(super) struct Runs(pub(super) Vec<Value>);

impl Runs {
    /// A figure of every run.
    pub(super) fn each(&self, figure: impl Fn(&Value) -> Option<f64>) -> Figure {
        Figure(self.0.iter().filter_map(figure).collect())
    }

    /// The figure at a JSON pointer.
    pub(super) fn at(&self, pointer: &str) -> Figure {
        self.each(|run| run.pointer(pointer)?.as_f64())
    }

    /// CPU seconds of the server for each gigabit that was moved.
    pub(super) fn cpu_per_gbit(&self) -> Figure {
        self.each(|run| {
            let gbit = number(run, "bytes")? * 8.0 / 1e9;
            (gbit > 0.0).then_some(number(run, "server_cpu_s")? / gbit)
        })
    }

    /// Memory in KiB that each of `count` added.
    pub(super) fn memory_each_kib(&self) -> Figure {
        self.each(|run| {
            let added = number(run, "memory_kib")? - number(run, "memory_before_kib")?;
            Some(added / number(run, "count")?)
        })
    }
}

/// One figure, as often as it was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Figure(Vec<f64>);

impl Figure {
    /// The middle one.
    pub(super) fn median(&self) -> Option<f64> {
        crate::stats::median(&self.0)
    }

    /// The median's ratio to another's.
    pub(super) fn ratio(&self, other: &Self) -> Option<f64> {
        Some(self.median()? / other.median().filter(|median| *median != 0.0)?)
    }

    /// The ratio to another's, pair by pair.
    pub(super) fn ratios(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one / other).collect())
    }

    /// The same in another unit.
    pub(super) fn map(&self, convert: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().copied().map(convert).collect())
    }

    /// "median unit (lowest–highest)".
    pub(super) fn text(&self, unit: &str) -> String {
        let Some(median) = self.median() else { return "–".into() };
        let low = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        if self.0.len() == 1 {
            return format!("{}{unit}", digits(median));
        }
        format!("{}{unit} ({}–{})", digits(median), digits(low), digits(high))
    }
}

/// A figure of a run.
pub(super) fn number(run: &Value, name: &str) -> Option<f64> {
    run.get(name)?.as_f64()
}

/// Three significant digits.
pub(super) fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let places = (2 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 5) as usize;
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(digits(0.132_4), "0.132");
        assert_eq!(digits(12.34), "12.3");
        assert_eq!(digits(1234.5), "1234");
        assert_eq!(digits(0.0), "0");
        assert_eq!(Figure(vec![3.0, 1.0, 2.0]).text("ms"), "2.00 ms (1.00–3.00)");
    }
}
