//! Access tokens: short JWTs that carry a person and a login, and nothing that may change.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use platform_core::{Secret, WallTime};
use serde::{Deserialize, Serialize};

use crate::session::Session;
use crate::vault::{DataKey, Keys};
use crate::{Call, Error, SessionId, UserId};

/// How long an access token is valid, 15 minutes.
pub const VALID: Duration = Duration::from_secs(15 * 60);
/// What our access tokens are for, so that no other token of this server passes for one.
const AUDIENCE: &str = "pulse:api";
/// Bytes of a token that is looked at.
const MAX_BYTES: usize = 1024;

/// What an access token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who.
    pub user_id: UserId,
    /// By which login.
    pub session_id: SessionId,
    /// Until when.
    pub expires_at: WallTime,
}

#[derive(Serialize, Deserialize)]
struct Body {
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

pub(crate) fn mint(call: &Call, session: &Session) -> Result<(Secret, WallTime), Error> {
    let expires_at = call.now.plus(VALID).min(session.expires_at);
    let body = Body {
        aud: AUDIENCE.to_owned(),
        sub: session.user_id,
        sid: session.id,
        iat: call.now.unix_ms() / 1000,
        exp: expires_at.unix_ms() / 1000,
    };
    let key = EncodingKey::from_secret(call.keys().secret(DataKey::AccessToken).expose());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &body, &key);
    token.map(|token| (token.into(), expires_at)).map_err(|error| Error::internal(error.to_string()))
}

/// Reads an access token: HS256 under our key, ours by its audience, not expired. Whether the login goes on is
/// [`session::principal`](crate::session::principal)'s to say.
///
/// # Errors
///
/// [`Error::Unauthenticated`].
pub fn verify(keys: &Keys, token: &Secret, now: WallTime) -> Result<Claims, Error> {
    if token.len() > MAX_BYTES {
        return Err(Error::Unauthenticated);
    }
    let key = DecodingKey::from_secret(keys.secret(DataKey::AccessToken).expose());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "aud"]);
    // The library would ask the system's clock.
    validation.validate_exp = false;
    let body = jsonwebtoken::decode::<Body>(token.expose(), &key, &validation);
    let body = body.map_err(|_| Error::Unauthenticated)?.claims;
    let expires_at = WallTime::from_unix_ms(body.exp.saturating_mul(1000));
    if expires_at <= now {
        return Err(Error::Unauthenticated);
    }
    Ok(Claims { user_id: body.sub, session_id: body.sid, expires_at })
}
