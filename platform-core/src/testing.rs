//! A real PostgreSQL for tests, from the distribution's package.
//!
//! A test binary starts one server, in a folder of its own, reached only by a Unix socket there. It ends, and its folder goes,
//! when the process that started it ends, in whatever way: a shell stands by and waits for the end of a pipe. A PostgreSQL
//! that is not installed is a failure, not a reason to skip.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use crate::Secret;
use crate::sql::Location;

/// The role that owns everything.
const ROLE: &str = "pulse";

/// How long the server may take to answer, in steps of [`STEP`].
const STEPS: u32 = 1200;
const STEP: Duration = Duration::from_millis(50);

/// Sets the server up, runs it, and ends it when its own input ends. The order of texts is one that a COLLATE has to overrule.
/// Nothing is synced: no test turns the machine off, and creating databases would take most of the time. What nobody waits for is written
/// late, so that a crash loses it.
const SCRIPT: &str = r#"
trap '' INT TERM
cd "$1" || exit 1
"$2/initdb" --no-sync -D data -U "$3" -A trust -E UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US >log 2>&1 || exit 1
start() {
    "$2/postgres" -D data -k "$1" -c listen_addresses= -c fsync=off -c wal_writer_delay=10s -c max_connections=400 -c shared_buffers=32MB >>log 2>&1 </dev/null &
    server=$!
}
start "$1" "$2"
while read -r order; do
    case $order in
    stop) kill -INT $server; wait $server; touch stopped ;;
    crash) kill -QUIT $server; wait $server; touch stopped ;;
    start) rm stopped; start "$1" "$2" ;;
    esac
done
kill -QUIT $server
wait $server
cd / && rm -rf "$1"
"#;

/// A server that runs as long as this process.
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    databases: AtomicU32,
    creating: Mutex<()>,
    /// Its input is the pipe whose end tells it to stop for good.
    shell: Mutex<Child>,
}

impl Postgres {
    /// The server of this process, started by the first call.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed or does not start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server that nobody else uses, for a test that [stops](Self::stop) it. It ends when it is dropped.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed or does not start.
    pub fn own() -> Self {
        Self::start()
    }

    /// Stops the server as its operator would (fast: what is under way is rolled back, clients are sent away).
    ///
    /// # Panics
    ///
    /// When it does not stop.
    pub fn stop(&self) {
        self.order("stop\n");
        self.wait_until("stop", || self.folder.join("stopped").exists());
    }

    /// Ends the server as a crash would: what it had not written yet, and no commit needed, is lost.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn crash(&self) {
        self.order("crash\n");
        self.wait_until("crash", || self.folder.join("stopped").exists());
    }

    /// Starts a server again that was stopped, or has crashed.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_again(&self) {
        self.order("start\n");
        self.wait();
    }

    fn order(&self, order: &str) {
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        let input = shell.stdin.as_mut().expect("the shell's input is a pipe");
        input.write_all(order.as_bytes()).expect("the shell reads");
    }

    #[expect(clippy::panic, reason = "a test cannot go on without its server")]
    fn start() -> Self {
        /// Servers that this process has started.
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let programs = programs().unwrap_or_else(|| {
            panic!("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin/initdb (make setup-test, or apt-get install postgresql)")
        });
        let folder = std::env::temp_dir().join(format!("pulse-postgres-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for PostgreSQL");
        let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let mut shell = if root {
            // The server refuses to run as root.
            let owned = Command::new("chown").arg("postgres:").arg(&folder).status();
            assert!(owned.is_ok_and(|status| status.success()), "there is no user named postgres");
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        shell.args(["-c", SCRIPT, "sh"]).arg(&folder).arg(&programs).arg(ROLE);
        let shell = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell for PostgreSQL");
        let (databases, creating) = (AtomicU32::new(0), Mutex::new(()));
        let server = Self { folder, programs, databases, creating, shell: Mutex::new(shell) };
        server.wait();
        server
    }

    fn wait(&self) {
        self.wait_until("start", || {
            let ready = self.program("pg_isready").arg("-q").status();
            ready.is_ok_and(|status| status.success())
        });
    }

    #[expect(clippy::panic, reason = "a test cannot go on without its server")]
    fn wait_until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..STEPS {
            if done() {
                return;
            }
            sleep(STEP);
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("PostgreSQL did not {what}:\n{log}");
    }

    /// A new, empty database.
    ///
    /// # Panics
    ///
    /// When it cannot be created.
    pub fn database(&self) -> Location {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let _one_at_a_time = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        let created = self.program("createdb").arg(&name).status();
        assert!(created.is_ok_and(|status| status.success()), "createdb {name}");
        let url = format!("postgres://{ROLE}@localhost/{name}?host={}", self.folder.display());
        Location::Postgres(Secret::from(url))
    }

    /// Runs `sql` in a database, as its owner could with psql; what it prints, unaligned.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn psql(&self, database: &Location, sql: &str) -> String {
        let Location::Postgres(url) = database else { return String::new() };
        let name = url.expose_str().and_then(|url| url.split(['/', '?']).nth(3)).unwrap_or_default();
        let mut psql = self.program("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", name]);
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql");
        if let Some(mut input) = child.stdin.take() {
            input.write_all(sql.as_bytes()).expect("psql reads");
        }
        let output = child.wait_with_output().expect("psql ends");
        assert!(output.status.success(), "psql failed: {sql}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.args(["-h".as_ref(), self.folder.as_os_str()]).args(["-U", ROLE]);
        command
    }
}

/// The newest PostgreSQL's programs, where Debian puts them.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions
        .filter_map(|version| Some(version.ok()?.path()))
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| number(path))
        .map(|path| path.join("bin"))
}
