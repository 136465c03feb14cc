//! The built-in authority: the configured streams, and open mode.

use std::collections::{HashMap, HashSet};
use std::future::ready;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{
    Authority, Credential, Credentials, Decision, Denied, DeniedCode, Grant, Publish, Resume, Revocation,
    Terms, View,
};
use crate::config::Config;
use crate::stream_id::StreamId;

/// Revocations waiting to be carried out; each is a few words.
const PENDING_REVOCATIONS: usize = 1024;

/// What the log says of peers that open mode is not for.
const ELSEWHERE: &str = "open mode is for this machine; see the setting open_remote";

/// Admits the keys of `[[streams]]`, and any key where the configuration is open. All streams are public.
pub struct Configured {
    table: ArcSwap<Table>,
    revoked: mpsc::Sender<Revocation>,
    receiver: Mutex<Option<mpsc::Receiver<Revocation>>>,
}

/// Keys by their SHA-256, so that looking one up takes no longer the nearer a guess comes.
struct Table {
    open: bool,
    /// Whether open mode is for other machines too.
    open_remote: bool,
    streams: HashSet<StreamId>,
    keys: HashMap<[u8; 32], StreamId>,
}

impl Table {
    fn of(config: &Config) -> Self {
        let (open, open_remote) = (config.open, config.open_remote);
        let mut table = Self { open, open_remote, streams: HashSet::new(), keys: HashMap::new() };
        for stream in &config.streams {
            let Some(id) = StreamId::parse(&stream.id) else { continue };
            for key in &stream.keys {
                table.keys.insert(digest(key.expose()), id.clone());
            }
            table.streams.insert(id);
        }
        table
    }

    fn publish(&self, key: &str, remote: IpAddr) -> Result<(StreamId, Credential), Denied> {
        let digest = digest(key);
        if let Some(stream) = self.keys.get(&digest) {
            return Ok((stream.clone(), credential(&digest)));
        }
        let open = self.is_open_to(remote);
        match StreamId::parse(key) {
            Some(stream) if open && !self.streams.contains(&stream) => Ok((stream, credential(&digest))),
            _ if self.open && !open => Err(denied(DeniedCode::BadCredential, ELSEWHERE)),
            None if open => Err(denied(
                DeniedCode::BadCredential,
                "in open mode a key is 1 to 64 characters A-Z a-z 0-9 _ -",
            )),
            _ => Err(denied(DeniedCode::BadCredential, "no stream has this key")),
        }
    }

    fn knows(&self, stream: &StreamId) -> bool {
        self.open || self.streams.contains(stream)
    }

    fn is_open_to(&self, remote: IpAddr) -> bool {
        self.open && (self.open_remote || remote.to_canonical().is_loopback())
    }

    fn see(&self, stream: &StreamId, remote: IpAddr) -> Result<(), Denied> {
        if self.streams.contains(stream) || self.is_open_to(remote) {
            return Ok(());
        }
        let why = if self.open { ELSEWHERE } else { "no such stream is configured" };
        Err(denied(DeniedCode::UnknownStream, why))
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn credential(digest: &[u8; 32]) -> Credential {
    let head = digest.first_chunk().copied().unwrap_or_default();
    Credential(u64::from_be_bytes(head))
}

fn denied(code: DeniedCode, why: &str) -> Denied {
    Denied { code, retry_after: None, why: why.to_owned() }
}

impl Configured {
    /// The authority of a configuration.
    pub fn new(config: &Config) -> Self {
        let (revoked, receiver) = mpsc::channel(PENDING_REVOCATIONS);
        Self {
            table: ArcSwap::from_pointee(Table::of(config)),
            revoked,
            receiver: Mutex::new(Some(receiver)),
        }
    }

    /// Whether this stream is configured.
    pub(super) fn has_stream(&self, stream: &StreamId) -> bool {
        self.table.load().streams.contains(stream)
    }

    /// Whether a configured stream has this key.
    pub(super) fn has_key(&self, key: &str) -> bool {
        self.table.load().keys.contains_key(&digest(key))
    }

    /// Whether open mode admits this publisher.
    pub(super) fn opens_to(&self, ask: &Publish) -> bool {
        self.table.load().publish(ask.key.expose(), ask.remote.ip()).is_ok()
    }

    /// Takes a new configuration: removed keys lose what they opened, removed streams lose everything.
    pub async fn reload(&self, config: &Config) {
        let new = Arc::new(Table::of(config));
        let old = self.table.swap(Arc::clone(&new));
        let removed_streams = old.streams.difference(&new.streams).filter(|stream| !new.knows(stream));
        for stream in removed_streams {
            self.revoke(Revocation::Stream(stream.clone())).await;
        }
        // What was open to anybody and now has keys of its own.
        for stream in new.streams.difference(&old.streams).filter(|_| old.open) {
            let digest = digest(stream.as_str());
            if new.keys.get(&digest) != Some(stream) {
                self.revoke(Revocation::Credential {
                    stream: stream.clone(),
                    credential: credential(&digest),
                })
                .await;
            }
        }
        for (digest, stream) in
            old.keys.iter().filter(|(digest, stream)| new.keys.get(*digest) != Some(stream))
        {
            let credential = credential(digest);
            self.revoke(Revocation::Credential { stream: stream.clone(), credential }).await;
        }
        if (old.open && !new.open) || (old.open && old.open_remote && !new.open_remote) {
            self.revoke(Revocation::AllBut(Arc::new(new.streams.clone()))).await;
        }
    }

    async fn revoke(&self, revocation: Revocation) {
        // Fails only when the server is gone, and with it everything that was granted.
        let _ = self.revoked.send(revocation).await;
    }

    fn see(&self, View { stream, remote, .. }: View) -> Result<Grant, Denied> {
        self.table.load().see(&stream, remote.ip())?;
        Ok(Grant::new(stream, Terms::viewer(Credentials::default())))
    }

    /// Whoever has a session was admitted once.
    fn go_on(&self, stream: StreamId) -> Result<Grant, Denied> {
        if self.table.load().knows(&stream) {
            Ok(Grant::new(stream, Terms::viewer(Credentials::default())))
        } else {
            Err(denied(DeniedCode::UnknownStream, "no such stream is configured"))
        }
    }
}

impl Authority for Configured {
    fn publish(&self, ask: Publish) -> Decision {
        let decision = self.table.load().publish(ask.key.expose(), ask.remote.ip());
        let grant = |(stream, credential)| Grant::new(stream, Terms::publisher(credential));
        Box::pin(ready(decision.map(grant)))
    }

    fn play(&self, ask: View) -> Decision {
        Box::pin(ready(self.see(ask)))
    }

    fn view(&self, ask: View) -> Decision {
        Box::pin(ready(self.see(ask)))
    }

    fn resume(&self, ask: Resume) -> Decision {
        Box::pin(ready(self.go_on(ask.stream)))
    }

    fn revocations(&self) -> mpsc::Receiver<Revocation> {
        let taken = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Asked a second time, it has nothing more to say.
        taken.unwrap_or_else(|| mpsc::channel(1).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Client;
    use crate::config::{Secret, Stream};

    fn config(open: bool, streams: &[(&str, &[&str])]) -> Config {
        let streams = streams.iter().map(|(id, keys)| Stream::new(id, keys)).collect();
        let mut config = Config::default();
        (config.open, config.streams) = (open, streams);
        config
    }

    async fn publish(authority: &Configured, key: &str) -> Result<String, DeniedCode> {
        let remote = "127.0.0.1:1".parse().unwrap();
        let ask = Publish {
            key: Secret::new(key),
            token: None,
            app: "live".into(),
            remote,
            client: Client::default(),
        };
        authority.publish(ask).await.map(|grant| grant.stream.to_string()).map_err(|denied| denied.code)
    }

    #[tokio::test]
    async fn a_key_opens_its_stream_and_nothing_else_does() {
        let authority = Configured::new(&config(false, &[("show", &["k1", "k2"]), ("other", &["k3"])]));
        assert_eq!(publish(&authority, "k2").await.as_deref(), Ok("show"));
        assert_eq!(publish(&authority, "k3").await.as_deref(), Ok("other"));
        for wrong in ["show", "k", "k11", "", "K1"] {
            assert_eq!(publish(&authority, wrong).await, Err(DeniedCode::BadCredential), "{wrong}");
        }
    }

    #[tokio::test]
    async fn open_mode_admits_any_id_but_not_that_of_a_configured_stream() {
        let authority = Configured::new(&config(true, &[("show", &["secret"])]));
        assert_eq!(publish(&authority, "anything").await.as_deref(), Ok("anything"));
        assert_eq!(publish(&authority, "secret").await.as_deref(), Ok("show"));
        assert_eq!(publish(&authority, "show").await, Err(DeniedCode::BadCredential));
        assert_eq!(publish(&authority, "a/b").await, Err(DeniedCode::BadCredential));
    }

    #[tokio::test]
    async fn open_mode_is_for_this_machine_unless_the_operator_says_otherwise() {
        let ask = |authority: &Configured, key: &str, remote: &str| {
            let remote: std::net::SocketAddr = remote.parse().unwrap();
            let client = Client::default();
            let publish = Publish {
                key: Secret::new(key),
                token: None,
                app: "live".into(),
                remote,
                client: client.clone(),
            };
            let stream = StreamId::parse(key).unwrap();
            let view = View { stream, token: None, remote, referrer: None, session: true, client };
            let decisions = (authority.publish(publish), authority.view(view));
            async move { (decisions.0.await.is_ok(), decisions.1.await.is_ok()) }
        };
        let mut config = config(true, &[("show", &["secret"])]);
        let authority = Configured::new(&config);
        for (remote, admitted) in
            [("127.0.0.1:1", true), ("[::1]:1", true), ("[::ffff:127.0.0.1]:1", true), ("192.0.2.7:1", false)]
        {
            assert_eq!(ask(&authority, "anything", remote).await, (admitted, admitted), "{remote}");
        }
        // What the operator has listed is for everybody.
        assert_eq!(ask(&authority, "show", "192.0.2.7:1").await, (false, true));
        assert_eq!(ask(&authority, "secret", "192.0.2.7:1").await, (true, false));
        config.open_remote = true;
        authority.reload(&config).await;
        assert_eq!(ask(&authority, "anything", "192.0.2.7:1").await, (true, true));
        let mut revoked = authority.revocations();
        config.open_remote = false;
        authority.reload(&config).await;
        assert!(matches!(revoked.try_recv(), Ok(Revocation::AllBut(_))));
    }

    #[tokio::test]
    async fn a_stream_that_gets_keys_of_its_own_is_no_longer_open_to_who_has_it() {
        let authority = Configured::new(&config(true, &[]));
        let mut revoked = authority.revocations();
        assert_eq!(publish(&authority, "show").await.as_deref(), Ok("show"));
        authority.reload(&config(true, &[("show", &["secret"]), ("same", &["same"])])).await;
        let falls = |revocation: &Revocation, id: &str| {
            revocation.covers(&StreamId::parse(id).unwrap(), &Terms::publisher(credential(&digest(id))))
        };
        let revocation = revoked.try_recv().unwrap();
        assert!(falls(&revocation, "show") && !falls(&revocation, "other"));
        assert!(revoked.try_recv().is_err(), "the key of `same` still opens it");
    }

    #[tokio::test]
    async fn a_reload_revokes_what_it_removed() {
        let authority = Configured::new(&config(true, &[("show", &["k1", "k2"]), ("gone", &["k3"])]));
        let mut revoked = authority.revocations();
        authority.reload(&config(false, &[("show", &["k2"])])).await;
        let mut seen = Vec::new();
        while let Ok(revocation) = revoked.try_recv() {
            seen.push(revocation);
        }
        let falls = |stream: &str, key: &str| {
            let stream = StreamId::parse(stream).unwrap();
            seen.iter()
                .any(|revocation| revocation.covers(&stream, &Terms::publisher(credential(&digest(key)))))
        };
        assert!(falls("show", "k1") && falls("gone", "k3") && falls("opened", "opened"));
        assert!(!falls("show", "k2"));
        assert_eq!(publish(&authority, "k1").await, Err(DeniedCode::BadCredential));
        assert_eq!(publish(&authority, "k2").await.as_deref(), Ok("show"));
    }
}
