//! What the binary does: serve until told to stop, reload on SIGHUP.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::{Cli, Command, ServeArgs};
use crate::config::{Config, Sources, Warning, report};
use crate::logging::{self, Level};
use crate::{Server, demo};

/// Runs a command line to its end.
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::CheckConfig(args) => check_config(&args),
        Command::Serve(args) => block_on(serve(args.sources())),
        Command::Demo(args) => block_on(demo::run(args)),
        Command::Admin(args) => block_on(crate::operate::run(args)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pulse-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Anything that ends the process with an error.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

fn check_config(args: &ServeArgs) -> Result<(), Failure> {
    Ok(print(report(&args.sources())?)?)
}

/// Writes a line to standard output. A reader that has seen enough, as `head` has, is no error.
pub(crate) fn print(text: impl std::fmt::Display) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Lets the process have as many connections as the system allows it: the soft limit is usually 1,024.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("pulse-server: cannot raise the limit of open files ({error}); connections may be refused");
    }
}

/// Makes a write beyond the limit of a file's size fail as one to a full disk does, where it would end the process. The handler stays when
/// its receiver goes.
fn survive_file_size_limit() {
    let size_exceeded = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    if let Err(error) = signal(size_exceeded) {
        tracing::warn!(%error, "a limit of file sizes may end this process");
    }
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    raise_file_limit();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn serve(sources: Sources) -> Result<(), Failure> {
    let (config, warnings) = Config::load(&sources)?;
    let level = logging::start(&config.log);
    warn(&warnings);
    let server = start(config).await?;
    serve_until_stopped(server, &sources, &level).await
}

/// Starts a server and says where it listens.
pub(crate) async fn start(config: Config) -> Result<Server, Failure> {
    survive_file_size_limit();
    let folder = config.data_dir.clone();
    let server = Server::start(config).await?;
    let shown = |address: Option<std::net::SocketAddr>| {
        address.map_or("off".to_owned(), |address| address.to_string())
    };
    let addresses = server.addresses();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        http = shown(addresses.http),
        https = shown(addresses.https),
        rtmp = shown(addresses.rtmp),
        rtmps = shown(addresses.rtmps),
        ops = shown(addresses.ops),
        data = %folder.display(),
        "pulse-server is ready"
    );
    if !crate::http::page::is_built() {
        tracing::warn!("this build has no player page; see /watch/STREAM for how to add it");
    }
    Ok(server)
}

/// Serves until SIGTERM or SIGINT, then drains.
pub(crate) async fn serve_until_stopped(
    server: Server,
    sources: &Sources,
    level: &Level,
) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => reload(&server, sources, level).await,
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
        }
    }
    tracing::info!("stopping: draining connections");
    server.drain().await;
    tracing::info!("stopped");
    Ok(())
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

async fn reload(server: &Server, sources: &Sources, level: &Level) {
    match Config::load(sources) {
        Ok((config, warnings)) => {
            warn(&warnings);
            level.set(config.log.level);
            server.reload(&config).await;
        }
        Err(errors) => {
            let file: Option<PathBuf> = sources.file.clone();
            tracing::error!(file = ?file, %errors, "configuration not reloaded; the running one stays in force");
        }
    }
}

pub(crate) fn warn(warnings: &[Warning]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}
