//! Runs one input of one target without libFuzzer, for a debugger: `cargo run --manifest-path fuzz/Cargo.toml --example replay -- packager FILE`.

use std::error::Error;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let target = arguments.next().ok_or("which target?")?;
    let found = pulse_fuzz::TARGETS.into_iter().find(|(name, _)| *name == target);
    let (_, run) = found.ok_or_else(|| format!("there is no target {target}"))?;
    arguments.try_for_each(|path| {
        run(&fs::read(path)?);
        Ok(())
    })
}
