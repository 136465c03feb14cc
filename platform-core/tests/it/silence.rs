//! A connection to PostgreSQL that is half open, as behind a firewall that has forgotten it: nothing waits for it for ever, a
//! commit is in doubt, and caches are told that they may miss something.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use platform_core::sql::changes::{self, Change, FlushCause};
use platform_core::sql::{Config, Db, Entity, Error, Location};
use platform_core::testing::Postgres;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::fixture::{NOW, soon};

/// Something between client and server that passes bytes on, or swallows them.
struct Firewall {
    silent: watch::Sender<bool>,
    /// The database, seen through it.
    location: Location,
    _folder: tempfile::TempDir,
}

impl Firewall {
    /// Before a new database.
    fn new() -> (Self, Location) {
        let direct = Postgres::shared().database();
        let Location::Postgres(url) = &direct else { panic!("no PostgreSQL") };
        let url = url.expose_str().unwrap();
        let (before, server) = url.split_once("?host=").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let silent = watch::Sender::new(false);
        let socket = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        tokio::spawn(accept(socket, PathBuf::from(server).join(".s.PGSQL.5432"), silent.subscribe()));
        let location = format!("{before}?host={}", folder.path().display());
        (Self { silent, location: Location::Postgres(location.as_str().into()), _folder: folder }, direct)
    }

    async fn open(&self) -> Db {
        let mut config = Config::new(self.location.clone());
        config.answer_timeout = Duration::from_millis(200);
        config.acquire_timeout = Duration::from_millis(200);
        config.poll_interval = Duration::from_millis(20);
        config.connections = 2;
        let db = Db::open(config).await.unwrap();
        db.migrate(NOW, &[]).await.unwrap();
        db
    }
}

async fn accept(socket: UnixListener, server: PathBuf, silent: watch::Receiver<bool>) {
    while let Ok((client, _)) = socket.accept().await {
        let Ok(server) = UnixStream::connect(&server).await else { return };
        let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
        tokio::spawn(pass(client_in, server_out, silent.clone()));
        tokio::spawn(pass(server_in, client_out, silent.clone()));
    }
}

/// Passes bytes on; what comes once it was silent is lost for good, as the connection is forgotten.
async fn pass(
    mut from: tokio::net::unix::OwnedReadHalf,
    mut to: tokio::net::unix::OwnedWriteHalf,
    mut silent: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            biased;
            _ = async { silent.wait_for(|silent| *silent).await.map(drop) } => break,
            read = from.read(&mut bytes) => read.unwrap_or(0),
        };
        if read == 0 || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
    // Neither closed nor read from again.
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_does_not_come_is_in_doubt() {
    let (firewall, _) = Firewall::new();
    let db = firewall.open().await;
    let silent = firewall.silent.clone();
    let written: Result<(), Error> = soon(db.write(silent, |tx, silent| {
        Box::pin(async move {
            tx.execute("CREATE TABLE one (id BIGINT)").await?;
            silent.send_replace(true);
            Ok(())
        })
    }))
    .await;
    assert!(matches!(written, Err(Error::InDoubt(_))), "{written:?}");
    // Once the network is back, so is the database, by new connections.
    firewall.silent.send_replace(false);
    soon(async { while db.write((), |tx, ()| Box::pin(tx.execute("SELECT 1"))).await.is_err() {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_whose_answer_does_not_come_gives_up() {
    let (firewall, _) = Firewall::new();
    let db = firewall.open().await;
    let mut tx = db.read().await.unwrap();
    firewall.silent.send_replace(true);
    let read = soon(tx.fetch_one("SELECT 1")).await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caches_are_told_to_flush_and_hear_again_afterwards() {
    let (firewall, direct) = Firewall::new();
    let db = firewall.open().await;
    let other = Db::open(Config::new(direct)).await.unwrap();
    let (tell, told) = mpsc::channel();
    db.observe(move |change| drop(tell.send(change.clone()))).await.unwrap();
    firewall.silent.send_replace(true);
    let next = || tokio::task::block_in_place(|| told.recv_timeout(Duration::from_secs(20)).unwrap());
    assert_eq!(next(), Change::Flush(FlushCause::Disconnected));
    let change = async |id| {
        let entity = Entity::named("stream", id);
        other.write(entity, |tx, entity| Box::pin(changes::append(tx, entity, NOW))).await.unwrap();
    };
    change("missed").await;
    firewall.silent.send_replace(false);
    // What was missed may be anything.
    assert_eq!(next(), Change::Flush(FlushCause::Disconnected));
    change("after").await;
    loop {
        if let Change::Entity { entity, .. } = next() {
            assert_eq!(entity.id, "after");
            return;
        }
    }
}
