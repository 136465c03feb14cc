//! Counts the instructions of every hot path: `cargo bench -p pulse-bench --bench instructions`.
//!
//! Times differ from run to run and machine to machine; instructions differ when the code does. The executable runs itself under
//! valgrind, once a case, and callgrind counts within [`measured`] only. Each case's first pass is not counted: it fills what
//! later passes find.

use std::process::Command;

use anyhow::{Context, bail};

const CASE: &str = "PULSE_BENCH_CASE";
/// Passes that are counted.
const PASSES: u64 = 5;

fn main() -> anyhow::Result<()> {
    if let Ok(name) = std::env::var(CASE) {
        return run(&name);
    }
    // cargo bench adds --bench; anything else is a part of names.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    println!("{:<28} {:>14}  one pass", "case", "instructions");
    for case in pulse_bench::cases::all()? {
        if wanted.as_ref().is_none_or(|wanted| case.name.contains(wanted.as_str())) {
            println!("{:<28} {:>14}  {}", case.name, count(case.name)? / PASSES, case.pass);
        }
    }
    Ok(())
}

fn run(name: &str) -> anyhow::Result<()> {
    let cases = pulse_bench::cases::beginning_with(name)?;
    let mut case = cases.into_iter().find(|case| case.name == name).context("no such case")?;
    (case.run)();
    for _ in 0..PASSES {
        measured(&mut case.run);
    }
    Ok(())
}

/// Where callgrind counts; never inlined, because it is found by its name.
#[inline(never)]
fn measured(pass: &mut dyn FnMut()) {
    pass();
    // Keeps the call above from becoming a jump out of this function.
    std::hint::black_box(());
}

fn count(name: &str) -> anyhow::Result<u64> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*instructions::measured*",
        ])
        .arg(std::env::current_exe()?)
        .env(CASE, name)
        .output()
        .context("starting valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{name}: {said}");
    }
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")).context("no count")?;
    Ok(collected.1.trim().parse()?)
}
