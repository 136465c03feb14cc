//! The server under test: its configuration, its life, its addresses.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::clock;
use super::http::{Answer, Client};
use super::ports;
use super::process::{Process, command};
use super::stage::Stage;
use super::status::{self, Live};
use super::wait;

/// A debug build on a busy machine is ready well within this.
const START_PATIENCE: Duration = Duration::from_secs(15);

/// Covers the drain of a server with viewers attached.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Publish accepted → HLS playable, an encoder's start included.
const PLAYABLE_PATIENCE: Duration = Duration::from_secs(20);

/// What goes into `pulse.toml`.
#[derive(Default)]
pub(crate) struct Setup {
    streams: Vec<(String, String)>,
    sections: String,
    tls: Option<Tls>,
    open: bool,
    clock_s: i64,
    under: Vec<String>,
    in_memory: bool,
    variables: Vec<(String, PathBuf)>,
}

/// The listeners with TLS.
#[derive(Clone, Copy)]
struct Tls {
    https: SocketAddr,
    rtmps: SocketAddr,
}

/// The certificate's files, as the configuration names them.
const CERTIFICATE: &str = "certificate.pem";
const CERTIFICATE_KEY: &str = "certificate.key";

impl Setup {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A stream that is published with the key [`key_of`] names.
    pub(crate) fn stream(mut self, id: &str) -> Self {
        self.streams.push((id.to_owned(), key_of(id)));
        self
    }

    /// Tables of TOML that go in as they are.
    pub(crate) fn section(mut self, toml: &str) -> Self {
        self.sections.push_str(toml);
        self.sections.push('\n');
        self
    }

    /// Any key may publish.
    pub(crate) fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// The server's wall clock is so many seconds fast.
    pub(crate) fn clock(mut self, seconds: i64) -> Self {
        self.clock_s = seconds;
        self
    }

    /// The server's folder is in memory, for a test of thousands of writes that does not care what a disk keeps.
    pub(crate) fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// A variable of the server's environment that names a file.
    pub(crate) fn variable(mut self, name: &str, file: PathBuf) -> Self {
        self.variables.push((name.to_owned(), file));
        self
    }

    /// The server is started by this command, which leaves it its process id.
    pub(crate) fn under(mut self, command: Vec<String>) -> Self {
        self.under = command;
        self
    }

    /// HTTPS and RTMPS with a certificate of the test's own.
    pub(crate) fn tls(mut self) -> Self {
        self.tls = Some(Tls { https: ports::free(), rtmps: ports::free() });
        self
    }

    /// Starts a server with this configuration and an empty data folder.
    #[track_caller]
    pub(crate) fn start(self) -> Pulse {
        let stage = if self.in_memory { Stage::in_memory("pulse") } else { Stage::new("pulse") };
        let (http, rtmp, ops) = (ports::free(), ports::free(), ports::free());
        let mut pulse = Pulse {
            process: None,
            config: stage.path().join("pulse.toml"),
            stage,
            http,
            rtmp,
            ops,
            client: Client::new(),
            setup: self,
        };
        if pulse.setup.tls.is_some() {
            pulse.issue_certificate("pulse-e2e");
        }
        pulse.write_config();
        pulse.start_again();
        pulse
    }
}

/// The stream key of a stream that was set up by a test.
pub(crate) fn key_of(id: &str) -> String {
    format!("{id}_key_8f3a52c1")
}

/// A server and everything a test needs to know about it. Killed when dropped.
pub(crate) struct Pulse {
    process: Option<Process>,
    config: PathBuf,
    stage: Stage,
    http: SocketAddr,
    rtmp: SocketAddr,
    ops: SocketAddr,
    client: Client,
    setup: Setup,
}

impl Pulse {
    /// Starts the server, after a kill with the same addresses, configuration and data.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        let mut serve = match self.setup.under.split_first() {
            None => command(binary()),
            Some((tool, arguments)) => {
                let mut serve = command(tool);
                serve.args(arguments).arg(binary());
                serve
            }
        };
        serve.arg("serve").arg("--config").arg(&self.config).current_dir(self.stage.path());
        serve.envs(self.setup.variables.iter().cloned());
        clock::set(&mut serve, self.setup.clock_s);
        let mut process = Process::start("pulse", serve, self.stage.path());
        let ready = format!("http://{}/readyz", self.http);
        wait::until("the server to be ready", START_PATIENCE, || {
            process.alive()?;
            let answer = self.client.try_get(&ready)?;
            wait::check(answer.status == 200, format!("{ready} says {}", answer.status))
        });
        self.process = Some(process);
    }

    /// What the wall clock of the next start is: so many seconds fast.
    pub(crate) fn set_clock(&mut self, seconds: i64) {
        self.setup.clock_s = seconds;
    }

    /// `kill -9`.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("the server runs").kill();
    }

    /// SIGTERM, and the status with which the server ends; also how long it took.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> (ExitStatus, Duration) {
        let mut process = self.process.take().expect("the server runs");
        let asked = Instant::now();
        process.terminate();
        (process.wait(STOP_PATIENCE), asked.elapsed())
    }

    /// Takes a stream out of the configuration file.
    pub(crate) fn remove_stream(&mut self, id: &str) {
        self.setup.streams.retain(|(known, _)| known != id);
        self.write_config();
    }

    /// Replaces the configuration file by something that is none.
    pub(crate) fn spoil_config(&self) {
        self.stage.write("pulse.toml", "[hls]\npart_ms = \"soon\"\n");
    }

    /// SIGHUP.
    pub(crate) fn reload(&self) {
        self.process().signal(Signal::HUP);
    }

    /// The running process.
    #[track_caller]
    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().expect("the server runs")
    }

    /// The server's log of this process and those before it.
    pub(crate) fn log(&self) -> String {
        let process = self.process();
        process.errors() + &process.output()
    }

    /// Panics if a thread of the server has panicked.
    #[track_caller]
    pub(crate) fn assert_sound(&mut self) {
        let process = self.process.as_mut().expect("the server runs");
        process.alive().unwrap_or_else(|error| panic!("{error}"));
        let log = self.log();
        assert!(!log.contains("panicked at"), "the server panicked:\n{log}");
    }

    /// A folder for the clients of this server.
    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    pub(crate) fn http_address(&self) -> SocketAddr {
        self.http
    }

    pub(crate) fn rtmp_address(&self) -> SocketAddr {
        self.rtmp
    }

    #[track_caller]
    pub(crate) fn https_address(&self) -> SocketAddr {
        self.setup.tls.expect("the server has TLS").https
    }

    #[track_caller]
    pub(crate) fn rtmps_address(&self) -> SocketAddr {
        self.setup.tls.expect("the server has TLS").rtmps
    }

    /// Puts a self-signed certificate for `name` where the configuration says.
    #[track_caller]
    pub(crate) fn issue_certificate(&self, name: &str) {
        let mut openssl = command("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        openssl.args([
            "-days",
            "2",
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ]);
        // Written aside and moved, so that the server never reads a half.
        openssl.args(["-out", "new.pem", "-keyout", "new.key"]).current_dir(self.stage.path());
        let mut process = Process::start(&format!("openssl-{name}"), openssl, self.stage.path());
        let status = process.wait(START_PATIENCE);
        assert!(status.success(), "{status}: {}", process.errors());
        for (new, place) in [("new.key", CERTIFICATE_KEY), ("new.pem", CERTIFICATE)] {
            let folder = self.stage.path();
            std::fs::rename(folder.join(new), folder.join(place)).expect("a file can be moved on the stage");
        }
    }

    /// Where the stream's encoder publishes.
    pub(crate) fn publish_url(&self, id: &str) -> String {
        self.publish_url_with_key(&key_of(id))
    }

    pub(crate) fn publish_url_with_key(&self, key: &str) -> String {
        format!("rtmp://{}/live/{key}", self.rtmp)
    }

    pub(crate) fn rtmp_url(&self, id: &str) -> String {
        format!("rtmp://{}/play/{id}", self.rtmp)
    }

    pub(crate) fn flv_url(&self, id: &str) -> String {
        self.url(&format!("/flv/{id}.flv"))
    }

    pub(crate) fn hls_url(&self, id: &str) -> String {
        self.url(&format!("/hls/{id}/index.m3u8"))
    }

    /// An address on the public listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// `GET` on the public listener.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.client.get(&self.url(path))
    }

    /// `GET` on the operations listener.
    #[track_caller]
    pub(crate) fn get_ops(&self, path: &str) -> Answer {
        self.client.get(&format!("http://{}{path}", self.ops))
    }

    /// The live list.
    #[track_caller]
    pub(crate) fn live(&self) -> Vec<Live> {
        status::parse(&self.get_ops("/v1/streams").body)
    }

    /// The live list's entry of one stream.
    pub(crate) fn live_stream(&self, id: &str) -> Option<Live> {
        self.live().into_iter().find(|live| live.id == id)
    }

    /// Waits until an encoder is on the stream.
    #[track_caller]
    pub(crate) fn wait_live(&self, id: &str) -> Live {
        let what = format!("{id} to be live");
        wait::until(&what, PLAYABLE_PATIENCE, || match self.live_stream(id) {
            Some(live) if live.status == "live" => Ok(live),
            other => Err(format!("{other:?}")),
        })
    }

    /// Waits until HLS has something to play, and gives the multivariant playlist.
    #[track_caller]
    pub(crate) fn wait_playable(&self, id: &str) -> String {
        let url = self.hls_url(id);
        wait::until(&format!("{id} to be playable"), PLAYABLE_PATIENCE, || {
            let answer = self.client.try_get(&url)?;
            if answer.status == 200 {
                Ok(answer.text())
            } else {
                Err(format!("{}: {}", answer.status, answer.text()))
            }
        })
    }

    /// Waits for a health event and gives its detail.
    #[track_caller]
    pub(crate) fn wait_health(&self, id: &str, code: &str, patience: Duration) -> String {
        wait::until(&format!("{id} to report {code}"), patience, || {
            let live = self.live_stream(id).ok_or("it is not in the live list")?;
            let found = live.health.iter().find(|issue| issue.code == code);
            found.map(|issue| issue.detail.clone()).ok_or_else(|| format!("health is {:?}", live.health))
        })
    }

    fn write_config(&self) {
        let mut toml =
            format!("data_dir = {:?}\nopen = {}\n", self.stage.path().join("data"), self.setup.open);
        for (section, address) in [("http", self.http), ("rtmp", self.rtmp), ("ops", self.ops)] {
            toml.push_str(&format!("[{section}]\nlisten = \"{address}\"\n"));
            match (section, self.setup.tls) {
                ("http", Some(tls)) => toml.push_str(&format!(
                    "tls_listen = \"{}\"\ntls_cert = \"{CERTIFICATE}\"\ntls_key = \"{CERTIFICATE_KEY}\"\n",
                    tls.https
                )),
                ("rtmp", Some(tls)) => toml.push_str(&format!("tls_listen = \"{}\"\n", tls.rtmps)),
                _ => {}
            }
        }
        toml.push_str(&self.setup.sections);
        for (id, key) in &self.setup.streams {
            toml.push_str(&format!("[[streams]]\nid = \"{id}\"\nkeys = [\"{key}\"]\n"));
        }
        self.stage.write("pulse.toml", toml);
    }
}

/// The server's executable.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_pulse-server"))
}
