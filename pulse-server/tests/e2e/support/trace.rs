//! What strace saw of a process: its system calls in the order in which they began and ended.

use std::collections::HashMap;
use std::path::Path;

/// A system call. Places are lines of the trace.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// As strace writes them: files by descriptor and path, text in quotes.
    pub(crate) arguments: String,
    pub(crate) began: usize,
    /// `None` for one that was under way at the end.
    pub(crate) ended: Option<usize>,
    /// Whether it returned no error.
    pub(crate) succeeded: bool,
}

/// The command that traces these calls of what is run under it into `trace`, text of up to 8 KiB and paths of files included. The
/// process keeps its id: the tracer is beside it.
pub(crate) fn command(calls: &str) -> Vec<String> {
    let words = ["strace", "-D", "-f", "-y", "-q", "-s", "8192", "-e", "signal=none", "-o", "trace", "-e"];
    words.into_iter().map(str::to_owned).chain([format!("trace={calls}")]).collect()
}

/// Whether the process has ended, so that the trace is whole.
pub(crate) fn is_whole(trace: &Path, pid: i32) -> bool {
    let pid = pid.to_string();
    // Short numbers are followed by more than one blank.
    let is_end = |line: &str| {
        line.split_once(' ')
            .is_some_and(|(of, what)| of == pid && what.trim_start().starts_with("+++ exited"))
    };
    std::fs::read(trace).is_ok_and(|text| String::from_utf8_lossy(&text).lines().any(is_end))
}

/// Reads a trace: `PID name(arguments) = result`, or that in two halves where other threads ran meanwhile.
pub(crate) fn read(trace: &Path) -> Vec<Call> {
    let text = std::fs::read(trace).unwrap_or_else(|error| panic!("strace has written no trace: {error}"));
    let (mut calls, mut open) = (Vec::<Call>::new(), HashMap::new());
    for (line, text) in String::from_utf8_lossy(&text).lines().enumerate() {
        let Some((pid, what)) = text.split_once(' ') else { continue };
        let what = what.trim_start();
        if let Some(resumed) = what.strip_prefix("<... ") {
            let Some(index) = open.remove(pid) else { continue };
            let call: &mut Call = &mut calls[index];
            call.ended = Some(line);
            call.succeeded = succeeded(resumed);
        } else if let Some((name, arguments)) = what.split_once('(') {
            let unfinished = arguments.ends_with("<unfinished ...>");
            if unfinished {
                open.insert(pid.to_owned(), calls.len());
            }
            calls.push(Call {
                name: name.to_owned(),
                arguments: arguments.to_owned(),
                began: line,
                ended: (!unfinished).then_some(line),
                succeeded: !unfinished && succeeded(arguments),
            });
        }
    }
    calls
}

fn succeeded(line: &str) -> bool {
    line.rsplit_once(" = ").is_some_and(|(_, result)| !result.starts_with('-') && !result.starts_with('?'))
}
