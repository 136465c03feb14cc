//! This executable's other subcommands as processes of their own, so that their CPU time is not the suite's.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::context::Context;

/// What this process runs, even when a build has put another in its place since.
pub(super) const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// A running load.
pub(super) struct Tool {
    child: Child,
    lines: BufReader<ChildStdout>,
    name: String,
    /// What it said when it was ready.
    pub(super) ready: Value,
}

impl Tool {
    /// Starts a load that says when it is ready, and waits for that.
    pub(super) fn start(context: &Context, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut tool = Self::spawn(context, arguments)?;
        tool.ready = tool.line()?;
        Ok(tool)
    }

    /// Runs a load to its end, and returns its report.
    pub(super) fn run(context: &Context, arguments: &[&str]) -> anyhow::Result<Value> {
        Self::spawn(context, arguments)?.finish()
    }

    /// Waits for the report.
    pub(super) fn finish(mut self) -> anyhow::Result<Value> {
        loop {
            let line = self.line()?;
            if line.get("load").is_some() {
                return Ok(line);
            }
        }
    }

    /// Starts a load.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn spawn(context: &Context, arguments: &[&str]) -> anyhow::Result<Self> {
        let name = arguments.join(" ");
        let command = format!("pulse-bench {name}");
        // The same but for the server's process id is the same command.
        let shown = command.split(" --pid").next().unwrap_or(&command).to_owned();
        if !context.commands.borrow().contains(&shown) {
            context.commands.borrow_mut().push(shown);
        }
        let mut process = Command::new(OWN_EXECUTABLE);
        process.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).env("RUST_BACKTRACE", "0");
        let mut child = process.spawn().with_context(|| format!("starting {name}"))?;
        let lines = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { child, lines, name, ready: Value::Null })
    }

    fn line(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            bail!("`pulse-bench {}` failed (see above)", self.name);
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
