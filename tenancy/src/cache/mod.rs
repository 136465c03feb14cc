//! What is asked for again and again, kept in memory: API keys, logins, streams, what mints tokens, settings, and what
//! the live path must know of streams and stream keys.
//!
//! A cache is told of every change, by [`forget`](Cache::forget), and forgets. What changed while it was being loaded is not
//! kept, so nothing stale stays, whatever comes in between. The server feeds it with what platform-core's `changes` say.

mod admissions;
mod known;
mod shelf;
mod turns;
mod weight;

use std::sync::Arc;

use platform_core::id::{Id, Kind};
use platform_core::{ProjectId, Secret, WallTime};

use crate::access::Claims;
use crate::admission::{Admission, KnownStreamKey, Tenant};
use crate::api_key::{self, KnownKey};
use crate::app::Apps;
use crate::authority::{Permission, Target, authorize};
use crate::ids::{ApiKeyKind, PlanKind, SessionKind, StreamKind, UserKind};
use crate::principal::{KeyPrincipal, Principal, UserPrincipal};
use crate::session;
use crate::settings::{self, Settings};
use crate::signing_key;
use crate::store::{Entity, Store};
use crate::stream::Stream;
use crate::token::{self, Minter};
use crate::vault::Keys;
use crate::{Call, Error, SessionId, SigningKeyId, StreamId};
use known::Known;
pub use known::{GOOD_WITHOUT_STORE, WithoutStore};
use shelf::Shelf;

/// Memory of the streams, whose size tenants choose: 128 MiB, 100,000 and more of a usual size. When they take more, a sixteenth
/// goes.
const STREAMS_BYTES: usize = 128 << 20;
/// Memory of the API keys, of the logins and of what mints tokens, 96 MiB each: some 100,000.
const OTHERS_BYTES: usize = 96 << 20;

/// A cache. A process has one.
#[derive(Debug)]
pub struct Cache {
    keys: Shelf<String, KnownKey>,
    sessions: Shelf<SessionId, UserPrincipal>,
    streams: Shelf<StreamId, Stream>,
    /// With the newest key; tokens with another one are minted without a cache.
    minters: Shelf<StreamId, Minter>,
    settings: Shelf<(), Settings>,
    admissions: Known<StreamId, Admission>,
    tenants: Known<ProjectId, Tenant>,
    /// By the HMACs of the keys.
    stream_keys: Known<Vec<u8>, KnownStreamKey>,
    /// All of them.
    apps: Known<(), Apps>,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}

impl Cache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::with(WithoutStore::default())
    }

    /// An empty cache, and what holds of what the live path knows while the store is away.
    pub fn with(without_store: WithoutStore) -> Self {
        Self {
            keys: Shelf::weighed(OTHERS_BYTES, weight::of_key),
            sessions: Shelf::weighed(OTHERS_BYTES, weight::of_login),
            streams: Shelf::weighed(STREAMS_BYTES, weight::of_stream),
            minters: Shelf::weighed(OTHERS_BYTES, weight::of_minter),
            settings: Shelf::new(1),
            admissions: Known::new(admissions::BYTES, admissions::ABSENT, without_store),
            tenants: Known::new(admissions::BYTES, admissions::ABSENT, without_store),
            stream_keys: Known::new(admissions::BYTES, admissions::ABSENT, without_store),
            apps: Known::new(admissions::BYTES, 1, without_store),
        }
    }

    /// Who brings this API key: one HMAC, if the key is known here.
    ///
    /// # Errors
    ///
    /// See [`KnownKey::check`].
    pub async fn key<S: Store>(
        &self,
        store: &S,
        keys: &Keys,
        public: &str,
        secret: &Secret,
        now: WallTime,
    ) -> Result<Arc<KeyPrincipal>, Error> {
        if let Some(known) = self.keys.get(public) {
            return known.check(keys, secret, now);
        }
        let ticket = self.keys.ticket(public);
        let found = api_key::find(&mut store.read().await?, public).await?;
        let known = Arc::new(found.ok_or(Error::Unauthenticated)?);
        let principal = known.check(keys, secret, now)?;
        self.keys.put(ticket, public.to_owned(), known);
        Ok(principal)
    }

    /// Who a verified access token speaks for.
    ///
    /// # Errors
    ///
    /// See [`session::principal`].
    pub async fn session<S: Store>(
        &self,
        store: &S,
        claims: &Claims,
        now: WallTime,
    ) -> Result<UserPrincipal, Error> {
        let id = claims.session_id;
        if let Some(known) = self.sessions.get(&id) {
            return if known.id == claims.user_id {
                Ok((*known).clone())
            } else {
                Err(Error::Unauthenticated)
            };
        }
        let ticket = self.sessions.ticket(&id);
        let principal = session::principal(&mut store.read().await?, claims, now).await?;
        self.sessions.put(ticket, id, Arc::new(principal.clone()));
        Ok(principal)
    }

    /// A stream, as [`stream::read`](crate::stream::read) gives it.
    ///
    /// # Errors
    ///
    /// See [`authorize`].
    pub async fn stream<S: Store>(&self, store: &S, call: &Call, id: StreamId) -> Result<Arc<Stream>, Error> {
        let Some(project_id) = of_key(call, Permission::StreamsRead)? else {
            return crate::stream::read(&mut store.read().await?, call, id).await.map(Arc::new);
        };
        if let Some(stream) = self.streams.get(&id) {
            return if stream.project_id == project_id { Ok(stream) } else { Err(Error::NotFound) };
        }
        let ticket = self.streams.ticket(&id);
        let target = Target::Stream(id);
        let access = authorize(&mut store.read().await?, call, Permission::StreamsRead, target).await?;
        let stream = Arc::new(access.stream()?.clone());
        self.streams.put(ticket, id, Arc::clone(&stream));
        Ok(stream)
    }

    /// What mints tokens of a stream, as [`token::minter`] gives it.
    ///
    /// # Errors
    ///
    /// See [`token::minter`].
    pub async fn minter<S: Store>(
        &self,
        store: &S,
        call: &Call,
        id: StreamId,
        key_id: Option<SigningKeyId>,
    ) -> Result<Arc<Minter>, Error> {
        let (Some(project_id), None) = (of_key(call, Permission::TokensMint)?, key_id) else {
            return token::minter(&mut store.read().await?, call, id, key_id).await.map(Arc::new);
        };
        if let Some(minter) = self.minters.get(&id) {
            return if minter.project_id() == project_id { Ok(minter) } else { Err(Error::NotFound) };
        }
        let ticket = self.minters.ticket(&id);
        let minter = Arc::new(token::minter(&mut store.read().await?, call, id, key_id).await?);
        self.minters.put(ticket, id, Arc::clone(&minter));
        Ok(minter)
    }

    /// The server's settings.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn settings<S: Store>(&self, store: &S) -> Result<Arc<Settings>, Error> {
        if let Some(settings) = self.settings.get(&()) {
            return Ok(settings);
        }
        let ticket = self.settings.ticket(&());
        let settings = Arc::new(settings::current(&mut store.read().await?).await?);
        self.settings.put(ticket, (), Arc::clone(&settings));
        Ok(settings)
    }

    /// Forgets what rests on something that has changed.
    pub fn forget(&self, entity: &Entity) {
        self.forget_admissions(entity);
        match &*entity.kind {
            StreamKind::NAME => {
                let Some(id) = parsed::<StreamKind>(entity) else { return };
                self.streams.forget(&id);
                self.minters.forget(&id);
            }
            ApiKeyKind::NAME => self.keys.forget_where(|_, known| known.id().text().as_str() == entity.id),
            SessionKind::NAME => {
                if let Some(id) = parsed::<SessionKind>(entity) {
                    self.sessions.forget(&id);
                }
            }
            UserKind::NAME => self.sessions.forget_where(|_, user| user.id.text().as_str() == entity.id),
            signing_key::ENTITY => {
                self.minters.forget_where(|_, minter| minter.project_id().text().as_str() == entity.id);
            }
            "project" | "organization" => {
                // Keys and what they may reach stand or fall with these.
                self.keys.forget_where(|_, known| known.rests_on(&entity.id));
                self.streams.forget_where(|_, stream| stream.project_id.text().as_str() == entity.id);
                self.minters.forget_where(|_, minter| minter.project_id().text().as_str() == entity.id);
            }
            // Keys know the limits of their organization's plan.
            PlanKind::NAME => self.keys.forget_where(|_, _| true),
            "settings" => self.settings.forget(&()),
            _ => {}
        }
    }

    /// Forgets all, where changes may have been missed.
    pub fn flush(&self) {
        self.flush_all_but_admissions();
        self.admissions.forget_where(|_, _| true);
        self.tenants.forget_where(|_, _| true);
        self.stream_keys.forget_where(|_, _| true);
        self.apps.forget_where(|_, _| true);
    }

    /// Changes may be missed from now on, because the store is away. What is known of streams and stream keys is asked for
    /// again, and good for as long as [`WithoutStore`] says while there is no answer; all else is forgotten.
    pub fn doubt(&self, now: WallTime) {
        self.flush_all_but_admissions();
        self.admissions.doubt(now);
        self.tenants.doubt(now);
        self.stream_keys.doubt(now);
        self.apps.doubt(now);
    }

    fn flush_all_but_admissions(&self) {
        self.keys.forget_where(|_, _| true);
        self.sessions.forget_where(|_, _| true);
        self.streams.forget_where(|_, _| true);
        self.minters.forget_where(|_, _| true);
        self.settings.forget_where(|(), _| true);
    }
}

/// The project of a key that has this scope; `None` for other callers, who go through the gate. A key that was let in rests
/// on a project and an organization that are there, so within its project the stream is all that is left to look at.
fn of_key(call: &Call, permission: Permission) -> Result<Option<ProjectId>, Error> {
    match &call.principal {
        Principal::Key(key) if key.scopes.contains(&permission) => Ok(Some(key.project_id)),
        Principal::Key(_) => Err(Error::Forbidden(permission)),
        _ => Ok(None),
    }
}

fn parsed<K: Kind>(entity: &Entity) -> Option<Id<K>> {
    Id::parse(&entity.id).ok()
}
