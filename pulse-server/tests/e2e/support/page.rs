//! Chromium on the player page: test files of `web/e2e`, which run under node and say in lines of their output what they need.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::{Process, command};
use super::server::Pulse;
use super::wait;

/// A minute of playing, and a browser's start.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running test file.
pub(crate) struct Page(Process);

impl Page {
    /// Runs one of the files against a stream of a server.
    #[track_caller]
    pub(crate) fn start(pulse: &Pulse, stream: &str, file: &str, variables: &[(&str, &str)]) -> Self {
        let mut node = command("node");
        node.arg(format!("e2e/{file}")).current_dir(web());
        node.env("PULSE_URL", pulse.url("")).env("PULSE_STREAM", stream).envs(variables.iter().copied());
        Self(Process::start("node", node, pulse.stage().path()))
    }

    /// Waits for a line that asks for something.
    #[track_caller]
    pub(crate) fn wait_event(&mut self, event: &str) {
        let line = format!("pulse-e2e {{\"event\":\"{event}\"");
        wait::until(event, PATIENCE, || {
            self.0.alive().map_err(|ended| format!("{ended}\n{}", self.0.output()))?;
            let output = self.0.output();
            wait::check(output.contains(&line), output)
        });
    }

    /// Waits for its end; its figures are in the test's output.
    #[track_caller]
    pub(crate) fn assert_passes(mut self) {
        let status = self.0.wait(PATIENCE);
        println!("{}", self.0.output());
        assert!(status.success(), "{status}\n{}\n{}", self.0.output(), self.0.errors());
    }
}

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}
