//! Why somebody was not let in, for the operator's log.

use platform_core::WallTime;

use crate::schedule::Schedule;
use crate::{Error, SigningKeyId, StreamId, StreamKeyId};

/// Why a stream can be neither published nor played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Closed {
    /// An operator suspends it.
    #[error("the stream is suspended")]
    StreamSuspended,
    /// An operator suspends its organization.
    #[error("the organization is suspended")]
    OrganizationSuspended,
}

/// Why somebody may not publish or play. The peer is told none of it but whether to come again.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is no such stream, or it is deleted.
    #[error("there is no such stream")]
    UnknownStream,
    /// There is no such stream key.
    #[error("there is no such stream key")]
    UnknownKey,
    /// The stream key was revoked or has ended.
    #[error("stream key {0} was revoked or has ended")]
    KeyEnded(StreamKeyId),
    /// Neither published nor played.
    #[error("{0}")]
    Closed(#[from] Closed),
    /// It is published at another time.
    #[error("out of its schedule")]
    OutsideSchedule {
        /// When.
        schedule: Schedule,
    },
    /// This is no token of ours.
    #[error("the token is malformed")]
    Malformed,
    /// The project has no such key, or it was revoked.
    #[error("the project has no signing key {0}")]
    UnknownSigningKey(SigningKeyId),
    /// The key did not sign this, or not with its algorithm.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// It is for something else.
    #[error("the token is for another purpose")]
    OtherPurpose,
    /// It is for another stream.
    #[error("the token is for stream {0}")]
    OtherStream(StreamId),
    /// It begins later.
    #[error("the token may be used from {0} on")]
    NotYet(WallTime),
    /// It has ended.
    #[error("the token ended at {0}")]
    Expired(WallTime),
    /// It says that it was signed in the future, or is valid for longer than tokens are.
    #[error("the token's times are not allowed: signed at {issued_at}, valid until {expires_at}")]
    TooLong {
        /// When it says that it was signed.
        issued_at: WallTime,
        /// Until when it wants to be valid.
        expires_at: WallTime,
    },
    /// The stream's tokens were all revoked since.
    #[error("the token is of epoch {epoch}, the stream of {current}")]
    OldEpoch {
        /// The token's.
        epoch: i64,
        /// The stream's.
        current: i64,
    },
    /// The stream's tokens were all revoked since, and this one names no epoch.
    #[error("the token was signed before all were revoked")]
    SignedBeforeEpoch,
    /// The token was revoked.
    #[error("the token was revoked")]
    TokenRevoked,
    /// The viewer's tokens were revoked.
    #[error("the viewer's tokens were revoked")]
    ViewerRevoked,
    /// It could not be decided.
    #[error("it could not be decided: {0}")]
    Undecided(#[from] Error),
}
