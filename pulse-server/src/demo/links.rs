//! Where to publish and watch, for people and as `demo.json`.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use serde::Serialize;

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
}

impl Links {
    pub(super) fn new(stream: &str, key: &str, addresses: Addresses, public_url: Option<&str>) -> Self {
        let rtmp = host(addresses.rtmp);
        let http = match public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", host(addresses.http)),
        };
        Self {
            stream_id: stream.to_owned(),
            stream_key: key.to_owned(),
            rtmp_publish: format!("rtmp://{rtmp}/live/{key}"),
            rtmp_play: format!("rtmp://{rtmp}/play/{stream}"),
            hls: format!("{http}/hls/{stream}/index.m3u8"),
            flv: format!("{http}/flv/{stream}.flv"),
            watch: format!("{http}/watch/{stream}"),
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
        let mut file = fs::File::create(&new)?;
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
