//! A signing key, made ready for verifying tokens.

use std::fmt;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Validation};
use platform_core::{Secret, WallTime};

use super::Refused;
use crate::signing_key::{SigningAlgorithm, SigningKey};
use crate::token::{self, AUDIENCE, Claims, LEEWAY, MAX_AHEAD, MAX_BYTES, MAX_VALID, PUBLISH_AUDIENCE};
use crate::vault::Keys;
use crate::{Error, SigningKeyId};

/// What a token is for: its audience, or one of them (RFC 7519 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To play: [`AUDIENCE`].
    Play,
    /// To publish: [`PUBLISH_AUDIENCE`].
    Publish,
}

impl Purpose {
    /// The audience of its tokens.
    pub const fn audience(self) -> &'static str {
        match self {
            Self::Play => AUDIENCE,
            Self::Publish => PUBLISH_AUDIENCE,
        }
    }
}

/// A signing key that verifies tokens. What does not depend on the token is made once.
pub struct Verifier {
    id: SigningKeyId,
    key: DecodingKey,
    play: Validation,
    publish: Validation,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Of a signing key.
    ///
    /// # Errors
    ///
    /// When its record does not make a key.
    pub(crate) fn new(keys: &Keys, key: &SigningKey) -> Result<Self, Error> {
        let decoding = match (key.algorithm, &key.public) {
            (SigningAlgorithm::EdDsa, Some(public)) => DecodingKey::from_ed_der(public),
            (SigningAlgorithm::EdDsa, None) => {
                return Err(Error::internal("an Ed25519 key has no public half"));
            }
            (SigningAlgorithm::Hs256, _) => DecodingKey::from_secret(key.secret(keys)?.expose()),
        };
        let validation = |purpose: Purpose| {
            let mut validation = Validation::new(token::algorithm(key.algorithm));
            validation.set_audience(&[purpose.audience()]);
            validation.set_required_spec_claims(&["exp", "aud", "sub"]);
            // The library would ask the system's clock.
            validation.validate_exp = false;
            validation.validate_nbf = false;
            validation
        };
        let (play, publish) = (validation(Purpose::Play), validation(Purpose::Publish));
        Ok(Self { id: key.id, key: decoding, play, publish })
    }

    /// Which key.
    pub fn id(&self) -> SigningKeyId {
        self.id
    }

    /// What a token says that this key has signed for this purpose. Stream and times are not compared.
    ///
    /// # Errors
    ///
    /// [`Refused::Malformed`], [`Refused::BadSignature`], [`Refused::OtherPurpose`].
    pub fn verify(&self, token: &Secret, purpose: Purpose) -> Result<Claims, Refused> {
        if token.len() > MAX_BYTES {
            return Err(Refused::Malformed);
        }
        let validation = match purpose {
            Purpose::Play => &self.play,
            Purpose::Publish => &self.publish,
        };
        let decoded = jsonwebtoken::decode::<Claims>(token.expose(), &self.key, validation);
        let claims = decoded.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => Refused::BadSignature,
            ErrorKind::InvalidAudience => Refused::OtherPurpose,
            _ => Refused::Malformed,
        })?;
        if claims.header.crit.is_some() {
            // There is nothing that must be understood which is (RFC 7515 §4.1.11).
            return Err(Refused::Malformed);
        }
        let claims = claims.claims;
        // What is longer cannot be revoked.
        let fits = |id: &Option<String>| id.as_ref().is_none_or(|id| id.len() <= token::MAX_VIEWER);
        if fits(&claims.jti) && fits(&claims.viewer_id) { Ok(claims) } else { Err(Refused::Malformed) }
    }
}

/// Whether a token may be used now. It is valid for a day at most, from a moment that is a week at most after it was signed,
/// so that what voids tokens need not be kept for ever.
pub(crate) fn in_time(claims: &Claims, now: WallTime) -> Result<(), Refused> {
    let time = |seconds: i64| WallTime::from_unix_ms(seconds.saturating_mul(1000));
    let leeway = LEEWAY.as_secs() as i64;
    let longest = MAX_VALID.as_secs() as i64 + leeway;
    let latest = MAX_AHEAD.as_secs() as i64 + longest;
    let second = now.unix_ms() / 1000;
    let Claims { iat, exp, nbf, .. } = *claims;
    if let Some(nbf) = nbf
        && nbf.saturating_sub(leeway) > second
    {
        return Err(Refused::NotYet(time(nbf)));
    }
    if exp.saturating_add(leeway) <= second {
        return Err(Refused::Expired(time(exp)));
    }
    if iat.saturating_sub(leeway) > second
        || exp.saturating_sub(longest) > second
        || exp.saturating_sub(latest) > iat
    {
        return Err(Refused::TooLong { issued_at: time(iat), expires_at: time(exp) });
    }
    Ok(())
}
