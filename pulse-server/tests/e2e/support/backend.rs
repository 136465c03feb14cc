//! A tenant's backend that notes what it is asked, and answers by the path.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificate::Certificate;
use super::wait;

/// A question comes well within this.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    /// The fields of a form.
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

#[derive(Default)]
struct Notes {
    asked: Vec<Asked>,
    /// Connections that get no answer.
    hanging: Vec<Box<dyn Send>>,
}

/// The backend; its thread ends with the test's process.
pub(crate) struct Backend {
    scheme: &'static str,
    address: SocketAddr,
    notes: Arc<Mutex<Notes>>,
}

impl Backend {
    pub(crate) fn start() -> Self {
        Self::listen(None)
    }

    /// One that shows this certificate.
    pub(crate) fn start_tls(certificate: &Certificate) -> Self {
        Self::listen(Some(certificate.server_config()))
    }

    fn listen(tls: Option<Arc<ServerConfig>>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let notes = Arc::<Mutex<Notes>>::default();
        let noted = Arc::clone(&notes);
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (notes, tls) = (Arc::clone(&noted), tls.clone());
                thread::spawn(move || match tls {
                    None => answer(socket, &notes),
                    Some(tls) => {
                        let session = ServerConnection::new(tls).expect("a usable configuration");
                        answer(StreamOwned::new(session, socket), &notes);
                    }
                });
            }
        });
        Self { scheme, address, notes }
    }

    /// `/ok` allows, `/deny` denies, `/rename/NAME` redirects to a name, `/hang` does not answer.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// What was asked so far at this path.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// Waits for a form with this call at this path.
    #[track_caller]
    pub(crate) fn wait_call(&self, path: &str, call: &str) -> BTreeMap<String, String> {
        wait::until(&format!("{call} at {path}"), PATIENCE, || {
            let asked = self.asked(path);
            let form =
                asked.iter().map(Asked::form).find(|form| form.get("call").is_some_and(|one| one == call));
            form.ok_or_else(|| format!("{asked:?}"))
        })
    }
}

fn answer<S: Read + Write + Send + 'static>(mut socket: S, notes: &Mutex<Notes>) {
    let Some(asked) = read(&mut socket) else { return };
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, more) = match asked.path.strip_prefix("/rename/") {
        Some(name) => ("302 Found", format!("Location: {name}\r\n")),
        None if asked.path.starts_with("/deny") => ("403 Forbidden", String::new()),
        None => ("200 OK", String::new()),
    };
    let hang = asked.path.starts_with("/hang");
    notes.asked.push(asked);
    if hang {
        notes.hanging.push(Box::new(socket));
        return;
    }
    let head = format!("HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n");
    // The peer may have gone.
    let _ = socket.write_all(head.as_bytes());
}

fn read(socket: impl Read) -> Option<Asked> {
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { path, headers, body: String::from_utf8_lossy(&body).into_owned() })
}
