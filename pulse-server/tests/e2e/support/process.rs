//! Child processes that end with their test, whatever happens to it.
//!
//! Each runs in a process group of its own, which is killed by id when the guard is dropped. Each is also started by one
//! thread that lives as long as the test run, under `setpriv --pdeathsig KILL`: the kernel then ends it with that thread,
//! so that an interrupted run leaves nothing behind.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::wait;

/// Lines of a log that are shown when a test fails.
const TAIL_LINES: usize = 40;

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// The thread that starts everything; see the module's doc for why it is one.
static STARTER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    thread::spawn(move || {
        for (mut command, reply) in inbox {
            // A test that is gone meanwhile has dropped its receiver, and the child is then killed by nobody: wait for it.
            if let Err(mpsc::SendError(Ok(mut child))) = reply.send(command.spawn()) {
                let _ = child.kill();
            }
        }
    });
    Mutex::new(orders)
});

/// A command that ends with this run.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// A running child. Dropping it kills its process group; while a test panics, its log's end is printed first.
pub(crate) struct Process {
    name: String,
    child: Child,
    pid: Pid,
    errors: PathBuf,
    output: PathBuf,
    started: Instant,
    killed: bool,
}

impl Process {
    /// Starts `command`, its standard error going to `<dir>/<name>.log` and its output to `<dir>/<name>.out`.
    #[track_caller]
    pub(crate) fn start(name: &str, mut command: Command, dir: &Path) -> Self {
        let errors = dir.join(format!("{name}.log"));
        let output = dir.join(format!("{name}.out"));
        let log = |path: &Path| {
            File::options().create(true).append(true).open(path).expect("a log in the test's folder")
        };
        command.stdin(Stdio::null()).stdout(log(&output)).stderr(log(&errors)).process_group(0);
        let described = format!("{command:?}");
        let (reply, answer) = mpsc::channel();
        STARTER
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send((command, reply))
            .expect("the starting thread lives as long as the run");
        let child = answer
            .recv()
            .expect("the starting thread answers")
            .unwrap_or_else(|error| panic!("{name} did not start: {error}\n{described}"));
        let pid = Pid::from_child(&child);
        Self { name: name.to_owned(), child, pid, errors, output, started: Instant::now(), killed: false }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// When it was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// What it wrote to standard error.
    pub(crate) fn errors(&self) -> String {
        read(&self.errors)
    }

    /// What it wrote to standard output.
    pub(crate) fn output(&self) -> String {
        read(&self.output)
    }

    /// Its exit status, if it has ended.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours can be waited for")
    }

    /// `Err` with the log's end if it has ended.
    pub(crate) fn alive(&mut self) -> Result<(), String> {
        match self.exited() {
            None => Ok(()),
            Some(status) => Err(format!("{} ended with {status}:\n{}", self.name, self.tail())),
        }
    }

    /// Waits for its end and returns the status; panics with its log at the deadline.
    #[track_caller]
    pub(crate) fn wait(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        wait::until(&what, patience, || self.exited().ok_or_else(|| format!("it runs on:\n{}", self.tail())))
    }

    /// Ends it as a crash or a power cut would.
    pub(crate) fn kill(&mut self) {
        // Once waited for, the id may be another process's.
        if std::mem::replace(&mut self.killed, true) {
            return;
        }
        let _ = kill_process_group(self.pid, Signal::KILL);
        let _ = self.child.wait();
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends a signal to the process itself.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process(self.pid, signal);
    }

    /// Stops it without closing its connections: what a peer looks like whose network is gone.
    pub(crate) fn freeze(&self) {
        let _ = kill_process_group(self.pid, Signal::STOP);
    }

    /// Lets a frozen process go on.
    pub(crate) fn thaw(&self) {
        let _ = kill_process_group(self.pid, Signal::CONT);
    }

    /// Resident memory in bytes.
    #[track_caller]
    pub(crate) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a running process has VmRSS");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("VmRSS is a number of kB");
        kib * 1024
    }

    fn tail(&self) -> String {
        let text = self.errors();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- {} (pid {}), the end of its log:\n{}", self.name, self.pid(), self.tail());
        }
        self.kill();
    }
}

/// Whether a status says that the process ended by itself with success.
pub(crate) fn succeeded(status: ExitStatus) -> Result<(), String> {
    match (status.success(), status.signal()) {
        (true, _) => Ok(()),
        (false, Some(signal)) => Err(format!("killed by signal {signal}")),
        (false, None) => Err(format!("{status}")),
    }
}

fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
