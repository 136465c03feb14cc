//! Logins: families of refresh tokens, and access tokens.
//!
//! A refresh token is a login's id, a generation and a MAC over both, under a key that only this login and this server have.
//! So the store keeps a generation and no token, rotation is one conditional update, and the successor of a token can be
//! given again to a second tab that comes a moment later.

use std::time::Duration;

use platform_core::{Secret, WallTime};

use crate::access;
use crate::call::About;
use crate::error::SUSPENDED;
use crate::page::{Page, PageRequest, page};
use crate::principal::{Principal, UserPrincipal};
use crate::store::{Entity, Tx, add, at_least, is, null, record, set};
use crate::user::{Checked, User, totp};
use crate::vault::DataKey;
use crate::{Call, Error, SessionId, UserId};

/// How long a login lasts, however often it is refreshed: 30 days.
pub const VALID: Duration = Duration::from_secs(30 * 86_400);
/// For how long a refresh token that was used already yields its successor again, 10 s; later it ends the login.
pub const REPLAY: Duration = Duration::from_secs(10);
/// Logins of a person that go on at once, 100. One more ends the oldest.
const MAX_SESSIONS: usize = 100;
/// Bytes of a login's own secret.
const SALT: usize = 32;

record! {
    /// A login.
    pub struct Session in "tenancy_sessions" {
        /// `ses_…`.
        pub id: SessionId,
        /// Whose.
        pub user_id: UserId,
        /// The login's own secret, without which the server's key makes no token of it.
        pub(crate) salt: Vec<u8>,
        /// Which refresh token is the present one.
        pub(crate) generation: i64,
        /// When it became that.
        pub rotated_at: WallTime,
        /// When the person logged in.
        pub created_at: WallTime,
        /// When it ends at the latest.
        pub expires_at: WallTime,
        /// When it was ended.
        pub revoked_at: Option<WallTime>,
    }
}

/// What a login or a refresh yields.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Whose.
    pub user_id: UserId,
    /// Which login.
    pub session_id: SessionId,
    /// The access token, a JWT, valid for [`access::VALID`].
    pub access: Secret,
    /// Until when.
    pub access_expires_at: WallTime,
    /// The refresh token, used once.
    pub refresh: Secret,
    /// Until when.
    pub refresh_expires_at: WallTime,
}

/// What became of a refresh token. The transaction commits in any case: a refusal may have ended the login.
#[must_use]
#[derive(Clone, Debug)]
pub enum Refresh {
    /// Its successor.
    Tokens(Box<Tokens>),
    /// It is unknown, expired or ended, or it was used before, which has ended the login.
    Refused,
}

impl Refresh {
    /// The tokens, after the commit.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`].
    pub fn into_tokens(self) -> Result<Tokens, Error> {
        match self {
            Self::Tokens(tokens) => Ok(*tokens),
            Self::Refused => Err(Error::Unauthenticated),
        }
    }
}

/// Logs a person in whose password was checked, and their second factor here if they have one.
///
/// # Errors
///
/// [`Error::SecondFactor`] without a right code; [`Error::Refused`] with the code `suspended`; [`Error::Unauthenticated`] before
/// the address was verified, or when the password was changed meanwhile.
pub async fn login<T: Tx>(
    tx: &mut T,
    call: &Call,
    checked: &Checked,
    code: Option<&str>,
) -> Result<Tokens, Error> {
    let user = checked.user(tx).await?;
    if user.suspended_at.is_some() {
        return Err(Error::refused(SUSPENDED, "The account is suspended; ask the operator of this server."));
    }
    // As for a wrong password: who has just registered an address would learn whether it had an account before.
    if user.verified_at.is_none() {
        return Err(Error::Unauthenticated);
    }
    if user.totp_confirmed_at.is_some() {
        let code = code.ok_or(Error::SecondFactor)?;
        if !totp::verify(tx, call, &user, code).await? {
            return Err(Error::SecondFactor);
        }
    }
    end_oldest(tx, call, user.id).await?;
    let session = Session {
        id: call.id(),
        user_id: user.id,
        salt: Secret::random(SALT).expose().to_vec(),
        generation: 0,
        rotated_at: call.now,
        created_at: call.now,
        expires_at: call.now.plus(VALID),
        revoked_at: None,
    };
    tx.insert(&session).await?;
    let by = UserPrincipal { id: user.id, session_id: session.id, is_admin: user.is_admin };
    call.by(Principal::User(by)).audit(tx, "session.created", &about(session.id), &[]).await?;
    tokens(call, &session, 0)
}

/// Makes room for another login.
async fn end_oldest<T: Tx>(tx: &mut T, call: &Call, user_id: UserId) -> Result<(), Error> {
    let filter = vec![is("user_id", user_id), null("revoked_at"), at_least("expires_at", call.now)];
    let sessions: Vec<Session> = tx.list(filter, MAX_SESSIONS as u32 + 1).await?;
    for session in sessions.iter().skip(MAX_SESSIONS - 1) {
        end(tx, call, session, "session.ended").await?;
    }
    Ok(())
}

fn about(id: SessionId) -> About {
    About { organization_id: None, project_id: None, entity: Entity::of(id) }
}

/// Exchanges a refresh token for the next ones.
///
/// # Errors
///
/// The store's. What is wrong with the token is in [`Refresh`], so that the transaction commits.
pub async fn refresh<T: Tx>(tx: &mut T, call: &Call, token: &Secret) -> Result<Refresh, Error> {
    let Some((id, generation, mac)) = parse(token) else { return Ok(Refresh::Refused) };
    let Some(session) = tx.get::<Session>(id).await? else { return Ok(Refresh::Refused) };
    if !call.keys().verify(DataKey::RefreshToken, &signed(&session, generation), &mac) {
        return Ok(Refresh::Refused);
    }
    let current = vec![
        is("id", id),
        is("generation", generation),
        null("revoked_at"),
        at_least("expires_at", call.now),
    ];
    if tx.update::<Session>(current, vec![add("generation", 1), set("rotated_at", call.now)]).await? == 1 {
        return tokens(call, &session, generation + 1).map(|tokens| Refresh::Tokens(Box::new(tokens)));
    }
    // Somebody else has used it, perhaps between the two statements.
    let Some(session) = tx.get::<Session>(id).await? else { return Ok(Refresh::Refused) };
    if session.revoked_at.is_some() || session.expires_at < call.now {
        return Ok(Refresh::Refused);
    }
    if session.generation == generation + 1 && call.now.since(session.rotated_at) <= REPLAY {
        return tokens(call, &session, generation + 1).map(|tokens| Refresh::Tokens(Box::new(tokens)));
    }
    end(tx, &by_token(call, &session), &session, "session.replayed").await?;
    Ok(Refresh::Refused)
}

/// The tokens of a login's generation.
fn tokens(call: &Call, session: &Session, generation: i64) -> Result<Tokens, Error> {
    let (access, access_expires_at) = access::mint(call, session)?;
    let mac = call.keys().mac(DataKey::RefreshToken, &signed(session, generation));
    let mut bytes = session.id.uuid().to_be_bytes().to_vec();
    bytes.extend_from_slice(&generation.to_be_bytes());
    bytes.extend_from_slice(&mac);
    Ok(Tokens {
        user_id: session.user_id,
        session_id: session.id,
        access,
        access_expires_at,
        refresh: Secret::new(bytes).base64url(),
        refresh_expires_at: session.expires_at,
    })
}

/// What the MAC of a refresh token covers.
fn signed(session: &Session, generation: i64) -> Vec<u8> {
    [&session.salt, session.id.uuid().to_be_bytes().as_slice(), generation.to_be_bytes().as_slice()].concat()
}

/// The parts of a refresh token: login, generation, MAC.
fn parse(token: &Secret) -> Option<(SessionId, i64, Vec<u8>)> {
    let bytes = Secret::from_base64url(token.expose_str()?)?;
    let (id, rest) = bytes.expose().split_first_chunk::<16>()?;
    let (generation, mac) = rest.split_first_chunk::<8>()?;
    let generation = i64::from_be_bytes(*generation);
    if !(0..i64::MAX).contains(&generation) {
        return None;
    }
    Some((SessionId::from_uuid(u128::from_be_bytes(*id)), generation, mac.to_vec()))
}

/// Who a verified access token speaks for now: the login goes on, and the person is not suspended. What is cached under the
/// login's id is forgotten when the login or the person changes.
///
/// # Errors
///
/// [`Error::Unauthenticated`].
pub async fn principal<T: Tx>(
    tx: &mut T,
    claims: &access::Claims,
    now: WallTime,
) -> Result<UserPrincipal, Error> {
    let session: Session = tx.get(claims.session_id).await?.ok_or(Error::Unauthenticated)?;
    let user: User = tx.get(claims.user_id).await?.ok_or(Error::Unauthenticated)?;
    let ended = session.revoked_at.is_some() || session.expires_at <= now || session.user_id != user.id;
    if ended || user.suspended_at.is_some() || user.erased_at.is_some() {
        return Err(Error::Unauthenticated);
    }
    Ok(UserPrincipal { id: user.id, session_id: session.id, is_admin: user.is_admin })
}

/// Ends the login by which the person asks.
///
/// # Errors
///
/// [`Error::Unauthenticated`].
pub async fn logout<T: Tx>(tx: &mut T, call: &Call) -> Result<(), Error> {
    let Principal::User(user) = &call.principal else { return Err(Error::Unauthenticated) };
    let session: Session = tx.get(user.session_id).await?.ok_or(Error::Unauthenticated)?;
    end(tx, call, &session, "session.ended").await
}

/// Ends the login of a refresh token, for whoever has no access token any more. An unknown token is nothing to end.
///
/// # Errors
///
/// The store's.
pub async fn logout_by_token<T: Tx>(tx: &mut T, call: &Call, token: &Secret) -> Result<(), Error> {
    let Some((id, generation, mac)) = parse(token) else { return Ok(()) };
    let Some(session) = tx.get::<Session>(id).await? else { return Ok(()) };
    if call.keys().verify(DataKey::RefreshToken, &signed(&session, generation), &mac) {
        end(tx, &by_token(call, &session), &session, "session.ended").await?;
    }
    Ok(())
}

/// A call by whoever has a login's refresh token. In the audit log it is the person's, so that their erasure finds it.
fn by_token(call: &Call, session: &Session) -> Call {
    call.by(Principal::User(UserPrincipal { id: session.user_id, session_id: session.id, is_admin: false }))
}

/// The logins of the person who asks that have not ended.
///
/// # Errors
///
/// [`Error::Unauthenticated`].
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    request: PageRequest<SessionId>,
) -> Result<Page<Session, SessionId>, Error> {
    let filter = vec![is("user_id", call.user()?), null("revoked_at"), at_least("expires_at", call.now)];
    page(tx, filter, request, |session: &Session| session.id).await
}

async fn end<T: Tx>(tx: &mut T, call: &Call, session: &Session, action: &str) -> Result<(), Error> {
    let filter = vec![is("id", session.id), null("revoked_at")];
    if tx.update::<Session>(filter, vec![set("revoked_at", call.now)]).await? == 1 {
        call.record(tx, action, about(session.id), &["revoked_at"]).await?;
    }
    Ok(())
}

/// Ends all logins of a person. Caches are told of the person.
pub(crate) async fn revoke_all<T: Tx>(tx: &mut T, call: &Call, user_id: UserId) -> Result<(), Error> {
    let filter = vec![is("user_id", user_id), null("revoked_at")];
    tx.update::<Session>(filter, vec![set("revoked_at", call.now)]).await?;
    tx.changed(Entity::of(user_id), call.now).await
}
