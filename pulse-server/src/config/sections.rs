//! Every setting of the server. The doc comments are the reference's text (`docs/configuration.md`).

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use platform_core::AddressPolicy;
use platform_core::address::Exception;

use super::list::Origins;
use super::secret::Secret;
use super::stream::Stream;
use super::table::settings;
use super::value::{Any, DatabaseUrl, HttpUrl, Mailbox, SmtpUrl, choice};

/// A listener on all IPv4 interfaces: encoders, viewers and load balancers are other machines, and a container that has no
/// IPv6 cannot bind `[::]`.
fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))
}

/// A listener that only this machine reaches.
fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

settings! {
    /// Settings of the server as a whole.
    pub struct Config in "" {
        /// Folder for what must survive a restart: the journal of each stream's playlist, the database (where that
        /// is not PostgreSQL) and the master key. Created when missing. One server per folder.
        data_dir: PathBuf = PathBuf::from("./pulse-data"), Any, Restart, flag "--data";
        /// Development mode: any stream key made of 1 to 64 characters `A-Z a-z 0-9 _ -` may publish, and the key is the stream's
        /// id, which everybody sees. Only for publishers and viewers on this machine, unless `open_remote` is set. Streams listed under
        /// `[[streams]]` still need one of their own keys. Switched off, it drops whoever publishes without a listed key.
        open: bool = false, Any, Live, flag "--open";
        /// Whether open mode is for other machines too: whoever reaches the server can then publish and watch without any key. Behind
        /// a reverse proxy on this machine everybody seems to be on it, unless `api.trusted_proxies` names it.
        open_remote: bool = false, Any, Live;
    }
    with {
        /// HTTP and HTTPS: playlists, segments, FLV, the player page.
        http: Http,
        /// RTMP and RTMPS.
        rtmp: Rtmp,
        /// HLS packaging.
        hls: Hls,
        /// What happens to publishers.
        ingest: Ingest,
        /// The database of tenants, keys and streams.
        database: Database,
        /// The HTTP API, `/v1`.
        api: Api,
        /// Hooks of projects.
        hooks: Hooks,
        /// E-mail.
        mail: Mail,
        /// The operator's listener and shutdown.
        ops: Ops,
        /// Logging.
        log: Log,
        /// Bounds that protect the server.
        limits: Limits,
        /// The streams that may be published, and their keys.
        streams: Vec<Stream>,
    }
}

settings! {
    /// The listeners for viewers: HLS, HTTP-FLV, the player page, `/healthz` and `/readyz`.
    pub struct Http in "http" at http {
        /// Address of the HTTP listener. All IPv4 interfaces by default, because viewers are other machines; use `127.0.0.1:8080`
        /// behind a reverse proxy on the same machine, `[::]:8080` for IPv4 and IPv6. Port 0 takes any free port.
        listen: SocketAddr = everywhere(8080), Any, Restart, flag "--http";
        /// Address of the HTTPS listener (HTTP/1.1 and HTTP/2, which Apple's low-latency player needs). Only used when `tls_cert`
        /// and `tls_key` are set.
        tls_listen: Option<SocketAddr> = Some(everywhere(8443)), Any, Restart;
        /// PEM file with the certificate and its chain, for HTTPS and RTMPS. Read again whenever it changes.
        tls_cert: Option<PathBuf> = None, Any, Restart;
        /// PEM file with the certificate's private key. Read again whenever it changes.
        tls_key: Option<PathBuf> = None, Any, Restart;
        /// The URL under which viewers reach this server, where that is not the address it listens on (behind a proxy). Used in
        /// what is printed for people and in the links of mails; playlists are relative and do not need it. The pages that mails
        /// lead to, `/verify-email`, `/reset-password` and `/invitation`, are served here; where this is the URL of a dashboard of
        /// yours, it serves pages of its own there.
        public_url: Option<String> = None, HttpUrl, Live;
    }
}

settings! {
    /// The listeners for encoders and for RTMP players.
    pub struct Rtmp in "rtmp" at rtmp {
        /// Address of the RTMP listener. All IPv4 interfaces by default, because encoders are other machines. Port 0 takes any
        /// free port.
        listen: Option<SocketAddr> = Some(everywhere(1935)), Any, Restart, flag "--rtmp";
        /// Address of the RTMPS listener. Only used when `http.tls_cert` and `http.tls_key` are set.
        tls_listen: Option<SocketAddr> = Some(everywhere(1936)), Any, Restart;
        /// How long, in milliseconds, messages for RTMP and FLV players are gathered before they are written at once: the more, the
        /// less a player costs. 0 writes at every video frame, with the audio that is waiting.
        batch_ms: u64 = 50, 0..=1_000, NewLives;
        /// Whether a joining player first gets everything since the last key frame, so that it shows a picture at once. Without it
        /// a player waits for the next key frame and is closer to live.
        gop_cache: bool = true, Any, NewLives;
        /// How long, in milliseconds, bytes of a publisher may wait to be read together with those that follow. Saves wake-ups;
        /// adds this much latency: at most 5 ms of it while somebody plays the stream over RTMP or FLV, none with `batch_ms = 0`.
        /// 0 reads at once.
        read_merge_ms: u64 = 20, 0..=100, NewConnections;
        /// Largest message, in bytes, that a peer may send; one video frame is one message. A larger one closes the connection.
        max_message_bytes: usize = 8 << 20, (64 << 10)..=(16 << 20) - 1, NewConnections;
        /// Seconds within which a new connection must have finished its handshake.
        handshake_timeout_s: u64 = 5, 1..=60, NewConnections;
        /// Seconds from connecting until a connection must publish or play.
        command_timeout_s: u64 = 10, 1..=60, NewConnections;
        /// Seconds after which a player that takes nothing is dropped.
        stall_timeout_s: u64 = 10, 1..=300, NewConnections;
    }
}

choice! {
    /// How media is packaged for HLS. A stream has one container for all its viewers.
    pub enum Container {
        /// Fragmented MP4, audio tracks as renditions of their own.
        Cmaf = "cmaf",
        /// MPEG-TS, audio and video muxed.
        Ts = "ts",
    }
}

settings! {
    /// HLS packaging. Changes apply to playlists that begin later: a playlist's targets are fixed for its life.
    pub struct Hls in "hls" at hls {
        /// Whether streams are packaged for HLS at all. Without it RTMP and FLV go on.
        enabled: bool = true, Any, NewLives;
        /// `cmaf` carries H.264, HEVC, AV1, VP9, AAC, Opus, MP3, AC-3 and FLAC; `ts` carries H.264, HEVC, AAC, MP3 and AC-3, for old
        /// players.
        container: Container = Container::Cmaf, Any, NewLives;
        /// Whether playlists offer partial segments and blocking reload (Low-Latency HLS). Players that do not know them see
        /// ordinary segments either way.
        low_latency: bool = true, Any, NewLives;
        /// Length of a partial segment in milliseconds; the whole number of video frames nearest to it is used.
        part_ms: u64 = 200, 50..=1_000, NewLives;
        /// Longest segment in seconds, as playlists declare it. Segments begin at key frames, so an encoder should send one at least
        /// this often; a longer stretch without any is cut inside and reported. A stream whose earlier key frames were further
        /// apart gets a longer target.
        target_duration_s: u64 = 4, 1..=12, NewLives;
        /// Seconds of media that a playlist lists, and that are kept in memory for each stream (60 s of 2 Mbit/s are 15 MB). More
        /// than six target durations make playlist updates small.
        window_s: u64 = 60, 6..=1_800, NewLives;
    }
}

choice! {
    /// What happens when a key that is publishing connects again.
    pub enum Takeover {
        /// The newcomer takes over at once; after two take-overs in 10 s further ones are refused.
        Accept = "accept",
        /// The newcomer is refused while the earlier connection is alive.
        Reject = "reject",
    }
}

settings! {
    /// What happens to publishers.
    pub struct Ingest in "ingest" at ingest {
        /// Seconds for which a stream waits for its encoder to come back. Meanwhile its playlist goes on with gaps; afterwards it
        /// ends. 0 ends it at once.
        grace_s: u64 = 60, 0..=3_600, NewLives;
        /// What happens when an encoder connects with the key of a stream that is live: `accept` lets it take over (the earlier
        /// connection is usually dead), `reject` refuses it until the earlier one has gone.
        takeover: Takeover = Takeover::Accept, Any, NewConnections;
        /// Seconds after which a publisher is dropped that sends no whole audio, video or data message, nor a good part of one (16
        /// KiB). Pings, acknowledgements and commands are not enough.
        silent_timeout_s: u64 = 10, 1..=300, NewConnections;
        /// How many streams may be live at the same time in open mode.
        max_open_streams: usize = 100, 1..=10_000, Live;
    }
}

choice! {
    /// What holds once the database has been away for longer than `outage_grace_s`.
    pub enum AfterOutageGrace {
        /// Nobody new is admitted until it is back.
        Closed = "closed",
        /// What was known last goes on admitting those who bring what it asks for.
        Open = "open",
    }
}

settings! {
    /// The database of organizations, people, keys and streams that are managed by the API.
    pub struct Database in "database" at database {
        /// `sqlite:` for the file `pulse.db` in the data folder (what is meant where this is not set), `sqlite:FILE` for another
        /// one, relative to the data folder, or `postgres://USER:PASSWORD@HOST/DATABASE`. Never shown again.
        url: Option<Secret> = None, DatabaseUrl, Restart;
        /// The file with the master key, which wraps all keys that protect secrets in the database: 32 bytes, readable by the
        /// server alone. Where it is not set, `master.key` in the data folder, made at the first start; one that is named here has to
        /// be there (for a new database: `umask 077; head -c 32 /dev/urandom > FILE`, as the server's user). Without it the database
        /// is worth nothing, so back it up, and elsewhere than the database.
        master_key_file: Option<PathBuf> = None, Any, Restart;
        /// Seconds for which, while the database is away, what this server knows of a stream, its keys and its project goes on
        /// admitting publishers and viewers. Who is there stays, however long it takes. 0 admits nobody while the database is away.
        outage_grace_s: u64 = 300, 0..=86_400, Restart;
        /// What holds after that. `closed` admits nobody until the database is back. `open` goes on by what was known last, for as
        /// long as the server runs: keys and tokens are still checked, and nobody is admitted to a stream, or with a key, that this
        /// server has not seen before; but what is revoked by another server that still reaches the database is not heard of.
        after_outage_grace: AfterOutageGrace = AfterOutageGrace::Closed, Any, Restart;
    }
}

settings! {
    /// The HTTP API, `/v1`, on the listeners for viewers. Rates are requests a minute; beyond one, requests are answered 429.
    pub struct Api in "api" at api {
        /// Networks of reverse proxies whose `X-Forwarded-For` is believed, such as `["10.0.0.0/8"]`, for viewers too. A client's
        /// address is the last one there that is not in these.
        trusted_proxies: Vec<IpNet> = Vec::new(), Any, Live;
        /// Origins of the dashboard, such as `["https://dashboard.example.org"]`, if it is served from elsewhere: its pages may call
        /// the API, and log in by cookie.
        dashboard_origins: Vec<String> = Vec::new(), Origins, Live;
        /// Requests a minute of one address, or of one IPv6 network of 64 bits.
        requests_per_address: u64 = 12_000, 1..=100_000_000, Restart;
        /// Requests a minute with one API key.
        requests_per_key: u64 = 6_000, 1..=100_000_000, Restart;
        /// Requests a minute with all API keys of one project.
        requests_per_project: u64 = 12_000, 1..=100_000_000, Restart;
        /// Requests a minute of one person.
        requests_per_user: u64 = 1_200, 1..=100_000_000, Restart;
        /// Log-ins, registrations and forgotten passwords a minute, together, of one address or IPv6 network of 64 bits.
        logins_per_address: u64 = 5, 1..=100_000_000, Restart;
        /// Passwords that are hashed at the same time, each with 19 MiB; sixteen times as many wait, and beyond that requests are
        /// answered 503.
        password_threads: usize = 2, 1..=64, Restart;
    }
}

settings! {
    /// Hooks: backends of projects that are asked by HTTP who may publish and play.
    pub struct Hooks in "hooks" at hooks {
        /// Networks to which hooks may lead although they are not public, such as `["10.1.0.0/16"]`. Without them nothing of this
        /// machine's or its neighbours' can be reached.
        allowed_networks: Vec<IpNet> = Vec::new(), Any, Live;
    }
}

impl Hooks {
    /// Where hooks may lead: everywhere that is public, and to what the operator allows.
    pub(crate) fn policy(&self) -> AddressPolicy {
        let mut policy = AddressPolicy::for_schemes(["https", "http"]);
        policy.exceptions = self.allowed_networks.iter().copied().map(Exception::Net).collect();
        policy
    }
}

settings! {
    /// E-mail: links to verify an address and to reset a password, invitations. The links lead to `http.public_url`.
    pub struct Mail in "mail" at mail {
        /// The SMTP server: `smtps://USER:PASSWORD@HOST` (TLS from the start, port 465), `smtp://USER:PASSWORD@HOST?tls=required`
        /// (STARTTLS, port 587) or, on this machine only, `smtp://localhost`. Never shown again. Where it is not set, mails are
        /// written to the log, links included: for development.
        smtp_url: Option<Secret> = None, SmtpUrl, Restart;
        /// The sender, such as `Pulse <pulse@example.org>`. Needed for sending.
        from: Option<String> = None, Mailbox, Restart;
    }
}

settings! {
    /// The operator's listener and shutdown.
    pub struct Ops in "ops" at ops {
        /// Address of `/metrics` (Prometheus) and `/v1/streams` (what is live). Without authentication, hence only this machine by
        /// default.
        listen: Option<SocketAddr> = Some(loopback(9090)), Any, Restart;
        /// Seconds that SIGTERM leaves to connections and playlists before the process ends.
        drain_s: u64 = 10, 0..=300, Live;
    }
}

choice! {
    /// How much is logged.
    pub enum LogLevel {
        /// Only what needs somebody.
        Error = "error",
        /// And what may.
        Warn = "warn",
        /// And one line for each event in the life of a stream or a connection.
        Info = "info",
        /// And decisions within them.
        Debug = "debug",
        /// And messages.
        Trace = "trace",
    }
}

choice! {
    /// What log lines look like.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

settings! {
    /// Logging, to standard error. Stream keys and tokens are never logged.
    pub struct Log in "log" at log {
        /// The least important lines that are written.
        level: LogLevel = LogLevel::Info, Any, Live;
        /// `text` for people, `json` for machines.
        format: LogFormat = LogFormat::Text, Any, Restart;
    }
}

settings! {
    /// Bounds that protect the server from its peers. Beyond one, the newcomer is refused; nobody who is connected suffers.
    pub struct Limits in "limits" at limits {
        /// Open HTTP and HTTPS connections.
        http_connections: usize = 16_384, 1..=1_000_000, Live;
        /// Playlist and part requests that wait for media which does not exist yet.
        blocked_requests: usize = 16_384, 1..=1_000_000, Live;
        /// Open RTMP and RTMPS connections.
        rtmp_connections: usize = 16_384, 1..=1_000_000, Live;
        /// Open RTMP and RTMPS connections of one address, or of one IPv6 network of 64 bits.
        rtmp_connections_per_address: usize = 8_192, 1..=1_000_000, Live;
        /// Refused publishers and players of one address, or of one IPv6 network of 64 bits, whose answer is being delayed (1 to 2 s,
        /// against guessing of keys). Beyond it they are disconnected without an answer.
        pending_rejections_per_address: usize = 64, 1..=10_000, Live;
        /// HLS sessions of tenants' streams that one address, or one IPv6 network of 64 bits, may open a minute. All networks of one of
        /// 48 bits may open ten times as many.
        sessions_per_address: u64 = 3_000, 1..=10_000_000, Restart;
        /// Most bytes of a stream that are kept for its RTMP and FLV players; also bounds what a joining player gets first.
        ring_bytes: usize = 16 << 20, (1 << 20)..=(1 << 30), NewLives;
        /// Most seconds of a stream that are kept for its RTMP and FLV players.
        ring_s: u64 = 30, 1..=300, NewLives;
    }
}
