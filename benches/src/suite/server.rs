//! The servers that are compared, each started anew for each run.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::context::Context;
use super::tool::OWN_EXECUTABLE;

/// How long a server may take to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// The ports are fixed, so that the commands in the table can be typed.
const RTMP: &str = "127.0.0.1:19350";
const HTTP: &str = "127.0.0.1:19380";
/// Of a server that runs beside another.
const RTMP_BESIDE: &str = "127.0.0.1:19351";
const HTTP_BESIDE: &str = "127.0.0.1:19381";

/// A server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// Pulse with these lines of configuration.
    Pulse(&'a str),
    /// Pulse over a data folder that is there, with these lines of configuration; its syncs counted into a file.
    PulseOver { data: &'a Path, config: &'a str, trace: Option<&'a Path> },
    /// The same, beside another server.
    PulseBeside { data: &'a Path, config: &'a str },
    /// nginx with its RTMP module: one worker, defaults, HLS only where it is told.
    Nginx { hls: bool },
    /// `pulse-bench floor` with a tick in milliseconds.
    Floor(u32),
}

/// A running server; it is stopped when dropped.
pub(super) struct Server {
    child: Child,
    subject: &'static str,
    rtmp: &'static str,
    http: &'static str,
}

impl Subject<'_> {
    pub(super) fn start(self, context: &Context) -> anyhow::Result<Server> {
        let (mut rtmp, mut http) = (RTMP, HTTP);
        let (subject, mut command, address) = match self {
            Self::Pulse(config) => ("pulse", pulse(context, config)?, RTMP),
            Self::PulseOver { data, config, trace } => {
                let mut command = pulse_over(context, "pulse", data, config, trace)?;
                command.args(["--rtmp", RTMP, "--http", HTTP]);
                ("pulse", command, HTTP)
            }
            Self::PulseBeside { data, config } => {
                (rtmp, http) = (RTMP_BESIDE, HTTP_BESIDE);
                let mut command = pulse_over(context, "pulse-beside", data, config, None)?;
                command.args(["--rtmp", rtmp, "--http", http]);
                ("pulse-beside", command, http)
            }
            Self::Nginx { hls } => ("nginx", nginx(context, hls)?, RTMP),
            Self::Floor(tick_ms) => {
                let mut command = Command::new(OWN_EXECUTABLE);
                command.args(["floor", "--listen", RTMP, "--seconds", "120", "--tick-ms"]);
                command.arg(tick_ms.to_string());
                ("floor", command, RTMP)
            }
        };
        let log = File::create(context.dir.join(format!("{subject}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("starting {subject}"))?;
        let mut server = Server { child, subject, rtmp, http };
        server.wait_for(address.parse()?)?;
        Ok(server)
    }
}

impl Server {
    /// Its process id, for `--pid`.
    pub(super) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Where a stream is published.
    pub(super) fn publish_url(&self, name: &str) -> String {
        format!("rtmp://{}/live/{name}", self.rtmp)
    }

    /// Where it takes RTMP.
    pub(super) fn rtmp(&self) -> &'static str {
        self.rtmp
    }

    /// Where it is played over RTMP.
    pub(super) fn play_url(&self, name: &str) -> String {
        let app = if self.subject == "pulse" { "play" } else { "live" };
        format!("rtmp://{}/{app}/{name}", self.rtmp)
    }

    /// Its multivariant playlist on Pulse.
    pub(super) fn hls_url(&self, name: &str) -> String {
        format!("http://{}/hls/{name}/index.m3u8", self.http)
    }

    /// Where its web server answers.
    pub(super) fn http(&self) -> &'static str {
        self.http
    }

    fn wait_for(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let patience = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once: {status}", self.subject);
            }
            anyhow::ensure!(Instant::now() < patience, "{} does not listen on {address}", self.subject);
            std::thread::sleep(Duration::from_millis(20));
        }
        // The probe itself is a connection; let it be forgotten, and the process settle.
        std::thread::sleep(Duration::from_millis(300));
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        let patience = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > patience {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn pulse(context: &Context, config: &str) -> anyhow::Result<Command> {
    let dir = context.dir.join("pulse");
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    let mut command = pulse_over(context, "pulse", &dir.join("data"), config, None)?;
    command.args(["--rtmp", RTMP, "--http", HTTP]);
    Ok(command)
}

/// A server whose configuration lies in the folder of this name. Where it listens is to be added.
fn pulse_over(
    context: &Context,
    folder: &str,
    data: &Path,
    config: &str,
    trace: Option<&Path>,
) -> anyhow::Result<Command> {
    let dir = context.dir.join(folder);
    std::fs::create_dir_all(&dir)?;
    let path = dir.join("pulse.toml");
    let fixed = format!(
        "data_dir = \"{}\"\nopen = true\n[log]\nlevel = \"warn\"\n[ops]\nlisten = \"off\"\ndrain_s = 0\n",
        data.display()
    );
    std::fs::write(&path, format!("{fixed}{config}\n"))?;
    let mut command = match trace {
        None => Command::new(&context.pulse),
        Some(counts) => {
            // -D: the tracer stands aside, so that the process that was started, and is stopped, is the server.
            let mut strace = Command::new("strace");
            strace.args(["-D", "-f", "--seccomp-bpf", "-c", "-e", "trace=fsync,fdatasync", "-o"]);
            strace.arg(counts).arg(&context.pulse);
            strace
        }
    };
    command.args(["serve", "--config"]).arg(path);
    Ok(command)
}

/// Debian's module has its own folder; the worker keeps the caller's user, because the folders are the caller's.
fn nginx(context: &Context, hls: bool) -> anyhow::Result<Command> {
    let dir = context.dir.join("nginx");
    std::fs::create_dir_all(dir.join("www"))?;
    let root = rustix::process::geteuid().is_root();
    // The module takes a relative path from where nginx was started, not from its prefix.
    let fragments = dir.join("hls");
    let hls = match hls {
        true => {
            format!("hls on; hls_path {}; hls_fragment 4s; hls_playlist_length 60s;", fragments.display())
        }
        false => String::new(),
    };
    let config = format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\n{user}\ndaemon off;\nworker_processes 1;\n\
         worker_rlimit_nofile 20000;\npid nginx.pid;\nerror_log error.log error;\n\
         events {{ worker_connections 16384; }}\n\
         rtmp {{ access_log off; server {{ listen {RTMP}; application live {{ live on; {hls} }} }} }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
         types {{ application/vnd.apple.mpegurl m3u8; video/mp4 m4s; }}\n\
         client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;\n\
         server {{ listen {HTTP}; root www; }} }}\n",
        user = if root { "user root;" } else { "" },
    );
    std::fs::write(dir.join("nginx.conf"), config)?;
    let mut command = Command::new(nginx_executable());
    command.arg("-p").arg(&dir).args(["-e", "error.log", "-c", "nginx.conf"]);
    Ok(command)
}

/// Where nginx serves files from.
pub(super) fn document_root(context: &Context) -> PathBuf {
    context.dir.join("nginx/www")
}

/// Debian puts it where users' paths do not lead.
pub(super) fn nginx_executable() -> PathBuf {
    let usual = PathBuf::from("/usr/sbin/nginx");
    if usual.exists() { usual } else { "nginx".into() }
}
