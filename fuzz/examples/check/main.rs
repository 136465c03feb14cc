//! Runs targets without libFuzzer, in a way that is the same on every machine and every time: the corpus, then inputs that are made of it by
//! chance that is no chance. `scripts/fuzz check` calls it with the names of targets; without any it runs them all.
//!
//! libFuzzer's own choice of inputs depends on where the code lies in memory, on what earlier runs found and on the compiler, so a run of
//! it proves nothing about the next machine's.

mod inputs;
mod running;

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use inputs::Inputs;
use running::Running;

/// How many inputs are made of a corpus.
const FURTHER: usize = 20_000;

/// The same for the packager, where each input is a stream of up to a minute and a half.
const FURTHER_STREAMS: usize = 3_000;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let names: Vec<String> = env::args().skip(1).collect();
    let known = |name: &String| pulse_fuzz::TARGETS.iter().any(|(known, _)| known == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(format!("there is no target {unknown}").into());
    }
    let chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let mut all_passed = true;
    for (name, run) in pulse_fuzz::TARGETS.into_iter().filter(|(name, _)| chosen(name)) {
        all_passed &= check(name, run)?;
    }
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs one target up to the first input that it panics on. Returns whether there was none.
fn check(name: &str, run: fn(&[u8])) -> Result<bool, Box<dyn Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = seeds(&fuzz.join("corpus").join(name))?;
    let mut running = Running::new(&fuzz.join("artifacts").join(name))?;
    let count = if name == "packager" { FURTHER_STREAMS } else { FURTHER };
    let further = Inputs::new(name, &seeds).take(count);
    let mut digest = inputs::Digest::default();
    for input in seeds.iter().cloned().chain(further) {
        digest.add(&input);
        running.begins(&input)?;
        if catch_unwind(AssertUnwindSafe(|| run(&input))).is_err() {
            let path = running.failed(&input)?;
            eprintln!("{name}: the input that fails is {}", path.display());
            return Ok(false);
        }
        running.passed();
    }
    running.is_over()?;
    println!("{name}: {} inputs of the corpus and {count} made of them, {digest}", seeds.len());
    Ok(true)
}

/// What is in the corpus, in the order of names.
fn seeds(folder: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut paths: Vec<_> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    paths.sort();
    if paths.is_empty() {
        return Err(format!("{} is empty", folder.display()).into());
    }
    Ok(paths.iter().map(fs::read).collect::<Result<_, _>>()?)
}
