//! Everything, side by side.

/// Arguments of `suite`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {}

/// Runs.
pub fn run(_args: &Args) -> anyhow::Result<()> { Ok(()) }
