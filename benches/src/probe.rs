//! What a process costs, from /proc.

use std::fs;

/// A process and its children (nginx has a master and a worker), as found when the probe was made.
#[derive(Clone, Debug)]
pub struct Probe {
    pids: Vec<u32>,
}

impl Probe {
    /// Of this process and its children.
    pub fn new(pid: u32) -> Self {
        let mut pids = vec![pid];
        pids.extend(children(pid));
        Self { pids }
    }

    /// CPU time so far, in seconds.
    pub fn cpu_s(&self) -> f64 {
        self.pids.iter().map(|pid| cpu_ns(*pid) as f64 / 1e9).sum()
    }

    /// Memory in KiB: the proportional share of what is mapped, or the resident set where that is not told.
    pub fn memory_kib(&self) -> f64 {
        self.pids.iter().map(|pid| memory_kib(*pid) as f64).sum()
    }
}

/// CPU time of this process so far, in seconds.
pub fn own_cpu_s() -> f64 {
    cpu_ns(std::process::id()) as f64 / 1e9
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| stat_field(*pid, 3) == Some(u64::from(parent))).collect()
}

/// The scheduler's account of every thread's run time; where the kernel keeps none, the clock ticks of the whole process. Threads that
/// have ended are in the ticks only, but servers keep theirs.
fn cpu_ns(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let times = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    let total: u64 = times.sum();
    if total > 0 {
        return total;
    }
    let ticks = stat_field(pid, 13).unwrap_or(0) + stat_field(pid, 14).unwrap_or(0);
    // USER_HZ is 100 on every Linux architecture in use.
    ticks * 10_000_000
}

/// A field of /proc/PID/stat counted from 0. The name in parentheses may hold anything, so fields count from behind it.
fn stat_field(pid: u32, field: usize) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    rest.split(' ').nth(field.checked_sub(2)?)?.parse().ok()
}

fn memory_kib(pid: u32) -> u64 {
    let named = |file: &str, name: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    named("smaps_rollup", "Pss:").or_else(|| named("status", "VmRSS:")).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_costs_time_and_memory() {
        let probe = Probe::new(std::process::id());
        let before = probe.cpu_s();
        let mut sum = 0u64;
        while probe.cpu_s() - before < 0.01 {
            sum = (0..100_000u64).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        }
        assert!(probe.memory_kib() > 100.0);
    }
}
