//! The `pulse-server` binary.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    pulse_server::run(pulse_server::cli::Cli::parse())
}
