//! Playback tokens: JWTs by which a viewer plays one stream; and such by which an encoder publishes it.
//!
//! Minting writes no row: what is needed is loaded once into a [`Minter`], which a cache keeps, and signing is computation.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use platform_core::{ProjectId, Secret, WallTime};
use serde::{Deserialize, Serialize};

use crate::admission::verifier::{self, Purpose, Verifier};
use crate::authority::{Permission, Target, authorize};
pub use crate::claim::Audience;
use crate::claim::{rounded_down, rounded_up};
use crate::error::STATE;
use crate::field::Fields;
use crate::signing_key::{SigningAlgorithm, SigningKey};
use crate::store::{Tx, is, null};
use crate::stream::Stream;
use crate::vault::Keys;
use crate::{Call, Error, SigningKeyId, StreamId};

/// How long a token may be valid, 24 hours; it is checked when playing begins.
pub const MAX_VALID: Duration = Duration::from_secs(86_400);
/// How far ahead a token's first moment may lie, 7 days.
pub const MAX_AHEAD: Duration = Duration::from_secs(7 * 86_400);
/// By how much the clocks of who signs and who checks may differ, 5 s.
pub const LEEWAY: Duration = Duration::from_secs(5);
/// What playback tokens are for, so that no other token passes for one.
pub const AUDIENCE: &str = "pulse:playback";
/// What tokens are for with which an encoder publishes.
pub const PUBLISH_AUDIENCE: &str = "pulse:publish";
/// Bytes of a viewer's id, and of a token's own, 128.
pub(crate) const MAX_VIEWER: usize = 128;
/// Renditions that a token may name, 16 of at most 64 characters.
const MAX_RENDITIONS: (usize, usize) = (16, 64);
/// Bytes of a token that is looked at.
pub(crate) const MAX_BYTES: usize = 8 * 1024;

/// What a token says. Dates are read with fractions of a second, and rounded so that a token is valid for no longer than it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// [`AUDIENCE`], [`PUBLISH_AUDIENCE`], or both: then it is good for both.
    pub aud: Audience,
    /// The stream.
    pub sub: StreamId,
    /// When it was signed, in seconds since 1970.
    #[serde(deserialize_with = "rounded_down")]
    pub iat: i64,
    /// Until when it may be used, in seconds since 1970.
    #[serde(deserialize_with = "rounded_down")]
    pub exp: i64,
    /// From when on, in seconds since 1970.
    #[serde(default, deserialize_with = "rounded_up", skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The token's own id, by which it can be revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The stream's epoch; without it the token outlives "revoke all".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// Who plays, in the tenant's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_id: Option<String>,
    /// From which network, in CIDR notation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// On which site: what the referrer begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// Which renditions; all if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renditions: Option<Vec<String>>,
}

/// A token to be minted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenInput {
    /// For how long; an hour if it is `None`.
    pub valid: Option<Duration>,
    /// From when on.
    pub not_before: Option<WallTime>,
    /// Who plays.
    pub viewer_id: Option<String>,
    /// From which network.
    pub ip: Option<String>,
    /// On which site.
    pub referrer: Option<String>,
    /// Which renditions.
    pub renditions: Option<Vec<String>>,
}

impl TokenInput {
    fn check(&self, now: WallTime) -> Result<(), Error> {
        let mut fields = Fields::new();
        if self.valid.is_some_and(|valid| valid.is_zero() || valid > MAX_VALID) {
            fields.wrong("/valid_seconds", "out_of_range", "From 1 to 86,400 seconds, which is a day.");
        }
        if self.not_before.is_some_and(|time| time > now.plus(MAX_AHEAD)) {
            fields.wrong("/not_before", "too_late", "At most 7 days from now.");
        }
        if self.viewer_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > MAX_VIEWER) {
            fields.wrong("/viewer_id", "length", "A viewer's id has 1 to 128 bytes.");
        }
        if self.ip.as_ref().is_some_and(|ip| !is_network(ip)) {
            fields.wrong("/ip", "not_a_network", "An address, or a network as `203.0.113.0/24`.");
        }
        if self.referrer.as_ref().is_some_and(|referrer| referrer.len() > 255) {
            fields.wrong("/referrer", "too_long", "At most 255 bytes.");
        }
        let wrong = |names: &Vec<String>| {
            names.is_empty()
                || names.len() > MAX_RENDITIONS.0
                || names.iter().any(|name| name.is_empty() || name.len() > MAX_RENDITIONS.1)
        };
        if self.renditions.as_ref().is_some_and(wrong) {
            fields.wrong("/renditions", "length", "1 to 16 names of 1 to 64 bytes.");
        }
        fields.check()
    }
}

/// Whether this is an address, or one with the length of a prefix.
fn is_network(text: &str) -> bool {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.parse::<std::net::IpAddr>() else { return false };
    let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= bits))
}

/// All that is needed to mint tokens of a stream.
pub struct Minter {
    stream_id: StreamId,
    project_id: ProjectId,
    epoch: i64,
    key_id: SigningKeyId,
    header: Header,
    key: EncodingKey,
    purpose: Purpose,
}

impl std::fmt::Debug for Minter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minter")
            .field("stream_id", &self.stream_id)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// A minted token.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The JWT.
    pub token: Secret,
    /// What it says.
    pub claims: Claims,
}

pub(crate) fn algorithm(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
        SigningAlgorithm::Hs256 => Algorithm::HS256,
    }
}

impl Minter {
    fn new(keys: &Keys, stream: &Stream, key: &SigningKey, purpose: Purpose) -> Result<Self, Error> {
        let secret = key.secret(keys)?;
        let encoding = match key.algorithm {
            SigningAlgorithm::EdDsa => EncodingKey::from_ed_der(secret.expose()),
            SigningAlgorithm::Hs256 => EncodingKey::from_secret(secret.expose()),
        };
        let mut header = Header::new(algorithm(key.algorithm));
        header.kid = Some(key.id.to_string());
        Ok(Self {
            stream_id: stream.id,
            project_id: stream.project_id,
            epoch: stream.epoch,
            key_id: key.id,
            header,
            key: encoding,
            purpose,
        })
    }

    /// In which project.
    pub fn project_id(&self) -> ProjectId {
        self.project_id
    }

    /// With which key.
    pub fn key_id(&self) -> SigningKeyId {
        self.key_id
    }

    /// Mints a token.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`].
    pub fn mint(&self, call: &Call, input: &TokenInput) -> Result<Minted, Error> {
        input.check(call.now)?;
        let valid = input.valid.unwrap_or(Duration::from_secs(3_600));
        let now = call.now.max(input.not_before.unwrap_or(WallTime::MIN));
        let claims = Claims {
            aud: self.purpose.audience().into(),
            sub: self.stream_id,
            iat: call.now.unix_ms() / 1000,
            exp: now.plus(valid).unix_ms() / 1000,
            nbf: input.not_before.map(|time| time.unix_ms() / 1000),
            jti: Some(Secret::random(16).base64url().expose_str().unwrap_or_default().to_owned()),
            epoch: Some(self.epoch),
            viewer_id: input.viewer_id.clone(),
            ip: input.ip.clone(),
            referrer: input.referrer.clone(),
            renditions: input.renditions.clone(),
        };
        let token = jsonwebtoken::encode(&self.header, &claims, &self.key);
        let token = token.map_err(|error| Error::internal(error.to_string()))?;
        Ok(Minted { token: token.into(), claims })
    }
}

/// What is needed to mint tokens of a stream, with the key that is named, or the newest of its project.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Refused`] when the project has no such key.
pub async fn minter<T: Tx>(
    tx: &mut T,
    call: &Call,
    stream_id: StreamId,
    key_id: Option<SigningKeyId>,
) -> Result<Minter, Error> {
    minter_for(tx, call, stream_id, key_id, Purpose::Play).await
}

/// What is needed to mint tokens with which an encoder publishes a stream: who may make its keys may.
///
/// # Errors
///
/// As [`minter`].
pub async fn publish_minter<T: Tx>(
    tx: &mut T,
    call: &Call,
    stream_id: StreamId,
    key_id: Option<SigningKeyId>,
) -> Result<Minter, Error> {
    minter_for(tx, call, stream_id, key_id, Purpose::Publish).await
}

async fn minter_for<T: Tx>(
    tx: &mut T,
    call: &Call,
    stream_id: StreamId,
    key_id: Option<SigningKeyId>,
    purpose: Purpose,
) -> Result<Minter, Error> {
    let permission = match purpose {
        Purpose::Play => Permission::TokensMint,
        Purpose::Publish => Permission::StreamKeysWrite,
    };
    let access = authorize(tx, call, permission, Target::Stream(stream_id)).await?;
    let stream = access.stream()?;
    let mut filter = vec![is("project_id", stream.project_id), null("revoked_at")];
    filter.extend(key_id.map(|id| is("id", id)));
    let none = || Error::refused(STATE, "The project has no such signing key; create one.");
    let key: SigningKey = tx.find(filter).await?.ok_or_else(none)?;
    Minter::new(call.keys(), stream, &key, purpose)
}

/// Which key a token says it was signed with, before anything is believed; `None` for what is no token of ours.
pub fn key_id(token: &Secret) -> Option<SigningKeyId> {
    if token.len() > MAX_BYTES {
        return None;
    }
    jsonwebtoken::decode_header(token.expose()).ok()?.kid?.parse().ok()
}

/// Which stream a token says it is for, before anything is believed; `None` for what is no token of ours.
pub fn stream_of(token: &Secret) -> Option<StreamId> {
    #[derive(Deserialize)]
    struct Subject {
        sub: StreamId,
    }
    if token.len() > MAX_BYTES {
        return None;
    }
    let claims = jsonwebtoken::dangerous::insecure_decode::<Subject>(token.expose()).ok()?;
    Some(claims.claims.sub)
}

/// Checks a token against the key that it names, whose record says the algorithm: signature, audience, stream, time and
/// epoch. Network, referrer and renditions are the caller's to compare.
///
/// # Errors
///
/// [`Error::Unauthenticated`], without a reason.
pub fn verify(
    keys: &Keys,
    key: &SigningKey,
    stream: &Stream,
    token: &Secret,
    now: WallTime,
) -> Result<Claims, Error> {
    let denied = |_| Error::Unauthenticated;
    if token.len() > MAX_BYTES || key.revoked_at.is_some() || key.project_id != stream.project_id {
        return Err(Error::Unauthenticated);
    }
    let verifier = Verifier::new(keys, key)?;
    let claims = verifier.verify(token, Purpose::Play).map_err(denied)?;
    verifier::in_time(&claims, now).map_err(denied)?;
    let in_epoch = claims.epoch.is_none_or(|epoch| epoch >= stream.epoch);
    if !in_epoch || claims.sub != stream.id {
        return Err(Error::Unauthenticated);
    }
    Ok(claims)
}
