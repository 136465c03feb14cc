//! What the live path must know of a stream to let somebody publish or play: loaded once, kept in a
//! [`Cache`](crate::cache::Cache), and forgotten when something of it changes.
//!
//! An [`Admission`] answers by computation alone. What it does not know is who publishes at this moment (see
//! [`lease`](crate::lease)) and how many watch, which the live path counts.

pub mod affected;
mod refused;
mod tenant;
pub mod verifier;

use std::sync::Arc;

use platform_core::{OrganizationId, ProjectId, Secret, WallTime};

pub use affected::{Affected, concerns};
pub use refused::{Closed, Refused};
pub(crate) use tenant::tenant;
pub use tenant::{HookSetup, Tenant};
pub use verifier::Purpose;

use crate::revocation::{Bearer, Revoked};
use crate::schedule::Schedule;
use crate::store::{Tx, is};
use crate::stream::{PlaybackPolicy, Stream};
use crate::stream_key::{self, StreamKey};
use crate::token::{self, Claims};
use crate::vault::Keys;
use crate::{Error, SigningKeyId, StreamId, StreamKeyId};

/// What the live path knows of a stream.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The stream, without its description, labels and metadata.
    pub stream: Stream,
    /// What it has in common with the other streams of its project.
    pub tenant: Arc<Tenant>,
    /// Its stream keys that are not revoked and had not ended when this was loaded.
    pub keys: Box<[GoodKey]>,
    /// What was revoked and may still be valid otherwise.
    pub revoked: Revoked,
}

/// A key that was given out for a stream. That it was never changes; whether it is good says the stream's [`Admission`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownStreamKey {
    /// Which.
    pub id: StreamKeyId,
    /// Of which stream.
    pub stream_id: StreamId,
}

/// A key with which a stream may be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoodKey {
    /// Which.
    pub id: StreamKeyId,
    /// From when on it cannot be used.
    pub expires_at: Option<WallTime>,
}

/// Leave to publish: a key that is good for now, and its stream.
#[derive(Clone, Debug)]
pub struct Publishing {
    /// The key; `None` for a token.
    pub key_id: Option<StreamKeyId>,
    /// What a token was signed with, and what can void it.
    pub token: Option<(SigningKeyId, Bearer)>,
    /// From which network the token may be used, where it says so: the caller's to compare.
    pub network: Option<String>,
    /// The stream.
    pub admission: Arc<Admission>,
    /// When the leave ends: with the key, or with the schedule. A token is checked when publishing begins.
    pub expires_at: Option<WallTime>,
}

/// Loads what is to be known of a stream.
///
/// # Errors
///
/// [`Error::NotFound`] when it does not exist, or it or what it lies in is deleted.
pub async fn of_stream<T: Tx>(
    tx: &mut T,
    keys: &Keys,
    id: StreamId,
    now: WallTime,
) -> Result<Admission, Error> {
    let stream = present(tx, id).await?;
    let tenant = Arc::new(tenant(tx, keys, stream.project_id).await?);
    assemble(tx, stream, tenant, now).await
}

/// A stream that is there; whether what it lies in is, is not looked at.
pub(crate) async fn present<T: Tx>(tx: &mut T, id: StreamId) -> Result<Stream, Error> {
    let stream: Option<Stream> = tx.get(id).await?;
    stream.filter(|stream| stream.deleted_at.is_none()).ok_or(Error::NotFound)
}

pub(crate) async fn assemble<T: Tx>(
    tx: &mut T,
    mut stream: Stream,
    tenant: Arc<Tenant>,
    now: WallTime,
) -> Result<Admission, Error> {
    let revoked = Revoked::of(tx, stream.id).await?;
    let keys = stream_key::good(tx, stream.id, now).await?;
    let keys = keys.iter().map(|key| GoodKey { id: key.id, expires_at: key.expires_at }).collect();
    // What the tenant writes into them is long, and admits nobody.
    stream.description = String::new();
    stream.labels.0.clear();
    stream.metadata.0.clear();
    Ok(Admission { stream, tenant, keys, revoked })
}

/// What is known of a stream key.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn of_key<T: Tx>(tx: &mut T, keys: &Keys, key: &Secret) -> Result<KnownStreamKey, Error> {
    let lookup = stream_key::lookup(keys, key.expose());
    let found: StreamKey = tx.find(vec![is("lookup", lookup)]).await?.ok_or(Error::NotFound)?;
    Ok(KnownStreamKey { id: found.id, stream_id: found.stream_id })
}

impl Admission {
    /// Of which project.
    pub fn project_id(&self) -> ProjectId {
        self.stream.project_id
    }

    /// Of which organization.
    pub fn organization_id(&self) -> OrganizationId {
        self.tenant.organization_id
    }

    /// Whether it may be published or played at all.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn open(&self) -> Result<(), Closed> {
        if self.tenant.suspended {
            return Err(Closed::OrganizationSuspended);
        }
        if self.stream.suspended_at.is_some() { Err(Closed::StreamSuspended) } else { Ok(()) }
    }

    /// Whether an encoder may publish, or go on publishing, with this key: until when, if it ends.
    ///
    /// # Errors
    ///
    /// [`Refused::KeyEnded`].
    pub fn stream_key(&self, id: StreamKeyId, now: WallTime) -> Result<Option<WallTime>, Refused> {
        let key = self.keys.iter().find(|key| key.id == id);
        let key = key.filter(|key| key.expires_at.is_none_or(|end| now < end));
        key.map(|key| key.expires_at).ok_or(Refused::KeyEnded(id))
    }

    /// When it is planned to run.
    pub fn schedule(&self) -> Schedule {
        Schedule::of(&self.stream)
    }

    /// Whether it may be published now. How many others are published is for [`lease::take`](crate::lease::take) to say.
    ///
    /// # Errors
    ///
    /// [`Refused::Closed`], [`Refused::OutsideSchedule`].
    pub fn publishable(&self, now: WallTime) -> Result<(), Refused> {
        self.open()?;
        let schedule = self.schedule();
        if schedule.is_open(now) { Ok(()) } else { Err(Refused::OutsideSchedule { schedule }) }
    }

    /// Whether tokens are needed to play it.
    pub fn is_signed(&self) -> bool {
        self.stream.playback_policy == PlaybackPolicy::Signed
    }

    /// Checks a token for this stream: the key that it names, whose record says the algorithm; signature, audience, stream,
    /// times with [`LEEWAY`](token::LEEWAY), epoch, and that it is not revoked. Network, referrer and renditions are the
    /// caller's to compare.
    ///
    /// # Errors
    ///
    /// Why not, for the operator's log. The peer is told nothing of it.
    pub fn verify(&self, token: &Secret, purpose: Purpose, now: WallTime) -> Result<Claims, Refused> {
        let id = token::key_id(token).ok_or(Refused::Malformed)?;
        let key = self.tenant.verifiers.iter().find(|key| key.id() == id);
        let claims = key.ok_or(Refused::UnknownSigningKey(id))?.verify(token, purpose)?;
        if claims.sub != self.stream.id {
            return Err(Refused::OtherStream(claims.sub));
        }
        verifier::in_time(&claims, now)?;
        self.revokes(&Bearer::of(&claims))?;
        Ok(claims)
    }

    /// Whether a token, or a session that it opened, is void by now.
    ///
    /// # Errors
    ///
    /// By what.
    pub fn revokes(&self, bearer: &Bearer) -> Result<(), Refused> {
        let current = self.stream.epoch;
        match bearer.epoch {
            Some(epoch) if epoch < current => return Err(Refused::OldEpoch { epoch, current }),
            None if self.stream.epoch_at.is_some_and(|at| bearer.issued_at <= at) => {
                return Err(Refused::SignedBeforeEpoch);
            }
            _ => {}
        }
        let void = |tag| self.revoked.until(tag).is_some_and(|until| bearer.issued_at <= until);
        // A token is one, whenever its signer's clock says that it was signed.
        if bearer.token.is_some_and(|tag| self.revoked.until(tag).is_some()) {
            return Err(Refused::TokenRevoked);
        }
        if bearer.viewer.is_some_and(void) { Err(Refused::ViewerRevoked) } else { Ok(()) }
    }

    /// Whether tokens of this key are accepted.
    pub fn has_signing_key(&self, id: SigningKeyId) -> bool {
        self.tenant.verifiers.iter().any(|key| key.id() == id)
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.stream.name.len() * 2 + self.revoked.len() * 16 + self.keys.len() * 32
    }
}
