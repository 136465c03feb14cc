//! Taking back what was given out: playback tokens and the sessions that they opened, and a publisher's place.
//!
//! What is revoked was signed until now: a token that is signed a second later is another, and plays. A row keeps 64 bits of a
//! hash, not who it is about, and is kept as long as a token that was signed before may be valid, [`KEPT`]. Sessions of
//! signed streams end with their tokens, so that no handle outlives its revocation either.

use std::time::Duration;

use aws_lc_rs::digest;
use platform_core::WallTime;

use crate::authority::{Permission, Target, authorize};
use crate::error::STATE;
use crate::field::Fields;
use crate::store::{Entity, Tx, add, is, null, record, set};
use crate::stream::Stream;
use crate::token::{self, Claims};
use crate::{Call, Error, StreamId};

/// How long a revocation is kept: as long as a token that was signed before it may be valid, 8 days and some seconds.
pub const KEPT: Duration = Duration::from_secs(
    token::MAX_AHEAD.as_secs() + token::MAX_VALID.as_secs() + 2 * token::LEEWAY.as_secs(),
);
/// Revocations of a stream that are in force, 2,000: 32 KB of each [admission](crate::admission). Beyond that there is
/// [`Revoke::All`], which needs no row and replaces all.
pub const MAX_REVOCATIONS: u32 = 2_000;
/// Rows that are removed at once when a stream's tokens are all revoked.
const REMOVED_AT_ONCE: u32 = MAX_REVOCATIONS + 100;

record! {
    /// A token or a viewer whose tokens of one stream are void.
    pub struct Revocation in "tenancy_revocations" {
        /// The stream's id and the tag.
        pub id: String,
        /// Of which stream.
        pub stream_id: StreamId,
        /// What is void.
        pub(crate) tag: i64,
        /// What was signed until then is void.
        pub revoked_at: WallTime,
        /// When nothing can be valid any more that it concerns.
        pub expires_at: WallTime,
    }
}

/// What is to be void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// The token with this `jti`.
    Token(String),
    /// All tokens of this viewer that were signed until now.
    Viewer(String),
    /// All tokens of the stream that were signed until now.
    All,
}

/// 64 bits of a SHA-256 over a token's id or a viewer's, and the stream: what revocations and session handles keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u64);

impl Tag {
    /// That of a token.
    pub fn of_token(stream_id: StreamId, jti: &str) -> Self {
        Self::of(b"token", stream_id, jti)
    }

    /// That of a viewer.
    pub fn of_viewer(stream_id: StreamId, viewer_id: &str) -> Self {
        Self::of(b"viewer", stream_id, viewer_id)
    }

    fn of(kind: &[u8], stream_id: StreamId, text: &str) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [kind, b" ", stream_id.text().as_str().as_bytes(), b" ", text.as_bytes()] {
            hash.update(part);
        }
        let hash = hash.finish();
        let bytes = hash.as_ref().first_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(bytes))
    }

    fn column(self) -> i64 {
        self.0.cast_signed()
    }
}

/// What of a token, or of the session that it opened, decides whether it is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The epoch that it names.
    pub epoch: Option<i64>,
    /// When the token was signed.
    pub issued_at: WallTime,
    /// The token.
    pub token: Option<Tag>,
    /// The viewer.
    pub viewer: Option<Tag>,
}

impl Bearer {
    /// Of a token.
    pub fn of(claims: &Claims) -> Self {
        Self {
            epoch: claims.epoch,
            issued_at: WallTime::from_unix_ms(claims.iat.saturating_mul(1000)),
            token: claims.jti.as_deref().map(|jti| Tag::of_token(claims.sub, jti)),
            viewer: claims.viewer_id.as_deref().map(|viewer| Tag::of_viewer(claims.sub, viewer)),
        }
    }
}

/// What is void by whom it is about, of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked(Box<[(Tag, WallTime)]>);

impl Revoked {
    pub(crate) async fn of<T: Tx>(tx: &mut T, stream_id: StreamId) -> Result<Self, Error> {
        let rows: Vec<Revocation> = tx.list(vec![is("stream_id", stream_id)], REMOVED_AT_ONCE).await?;
        let mut tags: Vec<_> =
            rows.iter().map(|row| (Tag(row.tag.cast_unsigned()), row.revoked_at)).collect();
        tags.sort_unstable();
        Ok(Self(tags.into()))
    }

    /// Until when what was signed for this is void.
    pub fn until(&self, tag: Tag) -> Option<WallTime> {
        let place = self.0.binary_search_by_key(&tag, |(tag, _)| *tag).ok()?;
        self.0.get(place).map(|(_, until)| *until)
    }

    /// What has become void, or is void for longer, since `earlier`.
    pub fn since(&self, earlier: &Self) -> impl Iterator<Item = Tag> {
        self.0.iter().filter(|(tag, until)| earlier.until(*tag) != Some(*until)).map(|(tag, _)| *tag)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Revoke {
    fn check(&self) -> Result<(), Error> {
        let mut fields = Fields::new();
        match self {
            Self::Token(id) if id.is_empty() || id.len() > token::MAX_VIEWER => {
                fields.wrong("/jti", "length", "A token's id has 1 to 128 bytes.");
            }
            Self::Viewer(id) if id.is_empty() || id.len() > token::MAX_VIEWER => {
                fields.wrong("/viewer_id", "length", "A viewer's id has 1 to 128 bytes.");
            }
            _ => {}
        }
        fields.check()
    }
}

/// Voids playback tokens of a stream and ends the sessions that they opened. Whoever may mint may take back.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Refused`] when [`MAX_REVOCATIONS`] are in force.
pub async fn revoke<T: Tx>(tx: &mut T, call: &Call, stream_id: StreamId, what: &Revoke) -> Result<(), Error> {
    let access = authorize(tx, call, Permission::TokensMint, Target::Stream(stream_id)).await?;
    what.check()?;
    let changed: &[&str] = match what {
        Revoke::All => {
            let raise = vec![add("epoch", 1), set("epoch_at", call.now)];
            tx.update::<Stream>(vec![is("id", stream_id), null("deleted_at")], raise).await?;
            // What they were about was signed until now too.
            tx.delete::<Revocation>(vec![is("stream_id", stream_id)], REMOVED_AT_ONCE).await?;
            &["epoch"]
        }
        Revoke::Token(jti) => {
            keep(tx, call, stream_id, Tag::of_token(stream_id, jti)).await?;
            &["jti"]
        }
        Revoke::Viewer(viewer) => {
            keep(tx, call, stream_id, Tag::of_viewer(stream_id, viewer)).await?;
            &["viewer_id"]
        }
    };
    call.record(tx, "stream.tokens_revoked", access.about(Entity::of(stream_id)), changed).await
}

async fn keep<T: Tx>(tx: &mut T, call: &Call, stream_id: StreamId, tag: Tag) -> Result<(), Error> {
    // One at a time for each stream, so that the bound holds.
    tx.lock::<Stream>(stream_id).await?;
    let row = Revocation {
        id: format!("{stream_id}:{:016x}", tag.0),
        stream_id,
        tag: tag.column(),
        revoked_at: call.now,
        expires_at: call.now.plus(KEPT),
    };
    let times = vec![set("revoked_at", row.revoked_at), set("expires_at", row.expires_at)];
    if tx.update::<Revocation>(vec![is("id", row.id.clone())], times).await? == 1 {
        return Ok(());
    }
    if tx.count::<Revocation>(vec![is("stream_id", stream_id)]).await? >= u64::from(MAX_REVOCATIONS) {
        let detail = "2,000 revocations of this stream are in force; revoke `all`.";
        return Err(Error::refused(STATE, detail));
    }
    tx.insert_new(&row).await.map(drop)
}

/// Drops who publishes a stream. Its key is as good as before.
///
/// # Errors
///
/// See [`authorize`].
pub async fn disconnect<T: Tx>(tx: &mut T, call: &Call, stream_id: StreamId) -> Result<i64, Error> {
    let access = authorize(tx, call, Permission::StreamsWrite, Target::Stream(stream_id)).await?;
    let raise = vec![add("publish_epoch", 1)];
    tx.update::<Stream>(vec![is("id", stream_id), null("deleted_at")], raise).await?;
    let about = access.about(Entity::of(stream_id));
    call.record(tx, "stream.disconnected", about, &["publish_epoch"]).await?;
    let stream: Stream = tx.get(stream_id).await?.ok_or(Error::NotFound)?;
    Ok(stream.publish_epoch)
}
