//! Where to publish and watch, for people and as `demo.json`.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use serde::Serialize;

use super::tenant::DemoTenant;
use crate::Addresses;

/// Everything needed to try the stream.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Links {
    pub(super) stream_id: String,
    pub(super) stream_key: String,
    pub(super) rtmp_publish: String,
    pub(super) rtmp_play: String,
    pub(super) hls: String,
    pub(super) flv: String,
    pub(super) watch: String,
    pub(super) api: String,
    pub(super) organization_id: String,
    pub(super) project_id: String,
    pub(super) email: String,
    pub(super) password: String,
    pub(super) api_key: String,
    pub(super) api_secret: String,
    /// What the addresses above have as `token`.
    pub(super) playback_token: String,
}

impl Links {
    pub(super) fn new(
        tenant: &DemoTenant,
        token: String,
        addresses: Addresses,
        public_url: Option<&str>,
    ) -> Self {
        let rtmp = host(addresses.rtmp);
        let http = match public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", host(addresses.http)),
        };
        let (stream, key) = (tenant.stream_id, &tenant.stream_key);
        Self {
            stream_id: stream.to_string(),
            stream_key: key.clone(),
            rtmp_publish: format!("rtmp://{rtmp}/live/{key}"),
            rtmp_play: format!("rtmp://{rtmp}/play/{stream}?token={token}"),
            hls: format!("{http}/hls/{stream}/index.m3u8?token={token}"),
            flv: format!("{http}/flv/{stream}.flv?token={token}"),
            watch: format!("{http}/watch/{stream}?token={token}"),
            api: format!("{http}/v1"),
            organization_id: tenant.organization_id.clone(),
            project_id: tenant.project_id.to_string(),
            email: tenant.email.clone(),
            password: tenant.password.clone(),
            api_key: tenant.api_key.clone(),
            api_secret: tenant.api_secret.clone(),
            playback_token: token,
        }
    }

    /// The server that an encoder is given, without the key.
    fn rtmp_server(&self) -> &str {
        self.rtmp_publish.rsplit_once('/').map_or("", |(server, _)| server)
    }

    pub(super) fn print_waiting(&self) {
        println!("Waiting for your encoder.");
        self.print_encoder();
    }

    pub(super) fn print_playable(&self) {
        println!();
        println!("  Watch    {}", self.watch);
        println!();
        println!("  HLS      {}", self.hls);
        println!("  RTMP     {}", self.rtmp_play);
        println!("  FLV      {}", self.flv);
        println!();
        println!("  API      {}/docs", self.api.trim_end_matches("/v1"));
        println!("           log in as   {} / {}", self.email, self.password);
        println!("           API key     {}", self.api_key);
        println!("           secret      {}", self.api_secret);
        println!("           curl -u {}:{} {}/streams", self.api_key, self.api_secret, self.api);
        println!();
        self.print_encoder();
        println!("Stop with Ctrl-C.");
    }

    fn print_encoder(&self) {
        println!("  OBS      Settings, Stream: Service \"Custom…\"");
        println!("           Server      {}", self.rtmp_server());
        println!("           Stream Key  {}", self.stream_key);
        println!("           Settings, Output: Keyframe Interval 2 s");
        println!();
    }

    /// Writes `demo.json`, whole or not at all.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("json.new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        // There are secrets in it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        fs::rename(&new, path)
    }
}

/// The address as a person on this machine would write it.
fn host(address: Option<SocketAddr>) -> String {
    match address {
        Some(address) if address.ip().is_unspecified() => {
            // Not "localhost", which not every machine resolves, nor to the family that is listened on.
            let loopback: IpAddr =
                if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
            SocketAddr::new(loopback, address.port()).to_string()
        }
        Some(address) => address.to_string(),
        None => "127.0.0.1".to_owned(),
    }
}
