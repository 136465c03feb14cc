//! The running server's socket, which only its own user can open.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::{Answer, Request, execute};
use crate::v1::Api;

/// Bytes of a request, 64 KiB.
const MAX_REQUEST: u64 = 64 * 1024;
/// Bytes of an answer, 64 MiB: a list of all organizations.
const MAX_ANSWER: u64 = 64 << 20;
/// How long the command line may take for its request.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take to read the answer, as one waits for the other.
const READING: Duration = Duration::from_secs(30);
/// The pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the socket is.
pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.sock")
}

/// The open socket, whose file goes with it.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Opens it in a data folder that this process holds: what a killed server left behind is replaced.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let path = path(data_dir);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Made in a folder that nobody else can enter, and moved once its own mode is right: there is no moment in between.
        let folder = data_dir.join("admin.new");
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let new = folder.join("sock");
        // A path beyond the system's 108 bytes is short by way of the folder's descriptor.
        let listener = UnixListener::bind(short(&new, &std::fs::File::open(&folder)?))?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&new, &path)?;
        std::fs::remove_dir(&folder)?;
        Ok(Self { listener, path })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A name of `path` that is short enough for a socket's address; `folder` is the one that it lies in.
fn short(path: &Path, folder: &std::fs::File) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    const LONGEST: usize = 100;
    if path.as_os_str().len() <= LONGEST {
        return path.to_owned();
    }
    let name = path.file_name().unwrap_or_default();
    Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name)
}

/// Answers until the server drains, one at a time.
pub(crate) async fn serve(api: Arc<Api>, socket: Socket, mut draining: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = socket.listener.accept() => accepted,
            _ = draining.wait_for(|draining| *draining) => return,
        };
        let answered = match accepted {
            Ok((stream, _)) => answer(&api, stream).await,
            Err(error) => Err(error),
        };
        if let Err(error) = answered {
            tracing::warn!(%error, "the socket of the command line");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn answer(api: &Arc<Api>, stream: UnixStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut limited = (&mut stream).take(MAX_REQUEST);
    tokio::time::timeout(PATIENCE, limited.read_line(&mut line)).await??;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(request) => Box::pin(execute::execute(&api.db, &api.tenancy, &api.config(), request)).await,
        Err(error) => Answer::Failed(format!("the server does not understand this command: {error}")),
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    let written = async {
        stream.write_all(&text).await?;
        stream.flush().await
    };
    tokio::time::timeout(READING, written).await?
}

/// Asks the server that holds the data folder; `None` where none does.
pub(super) async fn ask(data_dir: &Path, request: &Request) -> io::Result<Option<Answer>> {
    let path = path(data_dir);
    let Ok(folder) = std::fs::File::open(data_dir) else { return Ok(None) };
    let stream = match UnixStream::connect(short(&path, &folder)).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut stream = BufReader::new(stream);
    let mut text = serde_json::to_vec(request)?;
    text.push(b'\n');
    stream.write_all(&text).await?;
    stream.flush().await?;
    let mut line = String::new();
    (&mut stream).take(MAX_ANSWER).read_line(&mut line).await?;
    Ok(Some(serde_json::from_str(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_its_owners_and_replaces_what_a_killed_server_left() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("x".repeat(120));
        for data_dir in [folder.path(), long.as_path()] {
            std::fs::create_dir_all(data_dir).unwrap();
            std::fs::create_dir_all(data_dir.join("admin.new")).unwrap();
            std::fs::write(data_dir.join("admin.new/sock"), "left").unwrap();
            std::fs::write(data_dir.join("admin.sock"), "left").unwrap();
            let socket = Socket::open(data_dir).unwrap();
            let mode = std::fs::metadata(path(data_dir)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(!data_dir.join("admin.new").exists());
            let folder = std::fs::File::open(data_dir).unwrap();
            let short = short(&path(data_dir), &folder);
            let (connected, accepted) = tokio::join!(UnixStream::connect(short), socket.listener.accept());
            assert!(connected.is_ok() && accepted.is_ok());
            drop(socket);
            assert!(!path(data_dir).exists());
        }
    }
}
