//! nginx with its RTMP module as a peer: it relays to a server, or from one.
//!
//! It runs as one process: a worker would outlive a test run that is killed.

use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use super::process::{Process, command};
use super::stage::Stage;
use super::{ports, wait};

/// Where Debian's libnginx-mod-rtmp puts the module.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/// A running nginx; killed when dropped.
pub(crate) struct Nginx {
    process: Process,
    address: SocketAddr,
}

impl Nginx {
    /// Starts nginx with an RTMP application `relay` that is live and has the further `directives`.
    #[track_caller]
    pub(crate) fn start(stage: &Stage, directives: &str) -> Self {
        let address = ports::free();
        let folder = stage.path().display();
        let config = stage.write(
            "nginx.conf",
            format!(
                "load_module {MODULE};\n\
                 daemon off;\nmaster_process off;\nuser root;\npid {folder}/nginx.pid;\nerror_log stderr info;\n\
                 events {{ worker_connections 256; }}\n\
                 rtmp {{\n  access_log off;\n  server {{\n    listen {address};\n    chunk_size 4096;\n    \
                 application relay {{\n      live on;\n      {directives}\n    }}\n  }}\n}}\n"
            ),
        );
        let mut nginx = command("nginx");
        nginx.arg("-p").arg(stage.path()).arg("-c").arg(config).arg("-e").arg("stderr");
        let mut process = Process::start("nginx", nginx, stage.path());
        wait::until("nginx to listen", Duration::from_secs(10), || {
            process.alive()?;
            TcpStream::connect(address).map(drop).map_err(|error| error.to_string())
        });
        Self { process, address }
    }

    /// An address of the application `relay`.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("rtmp://{}/relay/{name}", self.address)
    }

    pub(crate) fn log(&self) -> String {
        self.process.errors()
    }
}
