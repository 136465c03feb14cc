//! What a grant rests on, and what takes it back.

use std::collections::HashSet;
use std::sync::Arc;

use crate::stream_id::StreamId;

/// Names a credential without telling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credential(pub u64);

/// The credentials that a grant rests on, up to [`MOST`](Self::MOST): a stream key, or a token's id, its viewer and the key that signed it.
/// The grant falls with any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials([u64; Credentials::MOST]);

impl Credentials {
    /// As many as there may be.
    pub const MOST: usize = 3;

    /// These; what is beyond the most is not kept, so there must not be more.
    pub fn new(credentials: &[Credential]) -> Self {
        let mut held = [0; Self::MOST];
        for (slot, credential) in held.iter_mut().zip(credentials) {
            *slot = credential.0;
        }
        Self(held)
    }

    /// Whether one of them is `credential`. Nothing is the credential 0.
    pub fn contain(&self, credential: Credential) -> bool {
        credential.0 != 0 && self.0.contains(&credential.0)
    }

    pub(crate) fn to_words(self) -> [u64; Self::MOST] {
        self.0
    }

    pub(crate) fn from_words(words: [u64; Self::MOST]) -> Self {
        Self(words)
    }
}

impl From<Credential> for Credentials {
    fn from(credential: Credential) -> Self {
        Self::new(&[credential])
    }
}

/// What is done with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is published.
    Publisher,
    /// It is played or viewed.
    Viewer,
}

/// What a grant for a stream rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What it is for.
    pub role: Role,
    /// On which credentials it was given.
    pub credentials: Credentials,
    /// The stream's epoch for this role when it was given: [`Revocation::Before`] takes back all of earlier ones.
    pub epoch: u32,
}

impl Terms {
    /// Of a publisher with `credential`.
    pub fn publisher(credential: Credential) -> Self {
        Self { role: Role::Publisher, credentials: credential.into(), epoch: 0 }
    }

    /// Of a viewer with `credentials`.
    pub fn viewer(credentials: Credentials) -> Self {
        Self { role: Role::Viewer, credentials, epoch: 0 }
    }
}

/// Something that was granted and no longer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Whatever was granted on this credential for this stream.
    Credential {
        /// The stream.
        stream: StreamId,
        /// The credential.
        credential: Credential,
    },
    /// Whatever was granted for this role in an earlier epoch of the stream.
    Before {
        /// The stream.
        stream: StreamId,
        /// What it was granted for.
        role: Role,
        /// The epoch that has begun.
        epoch: u32,
    },
    /// Everything of the stream: publisher, players, sessions.
    Stream(StreamId),
    /// Everything of all streams but these, and those whose names have the form of tenants': no configuration opens them.
    AllBut(Arc<HashSet<StreamId>>),
}

impl Revocation {
    /// Whether a grant for `stream` on these terms falls.
    pub fn covers(&self, stream: &StreamId, terms: &Terms) -> bool {
        match self {
            Self::Credential { stream: of, credential } => {
                of == stream && terms.credentials.contain(*credential)
            }
            Self::Before { stream: of, role, epoch } => {
                of == stream && terms.role == *role && terms.epoch < *epoch
            }
            Self::Stream(of) => of == stream,
            Self::AllBut(kept) => !kept.contains(stream) && !stream.is_tenants(),
        }
    }

    /// The stream, where it is about one.
    pub(crate) fn stream(&self) -> Option<&StreamId> {
        match self {
            Self::Credential { stream, .. } | Self::Before { stream, .. } | Self::Stream(stream) => {
                Some(stream)
            }
            Self::AllBut(_) => None,
        }
    }

    /// What has become of a publisher's grant, for the log.
    pub(crate) fn why(&self) -> &'static str {
        match self {
            Self::Credential { .. } => "its key or token was revoked, or the key's time is over",
            Self::Before { .. } => "its leave to publish was taken back",
            Self::Stream(_) => "the stream is gone, or what it belongs to is suspended",
            Self::AllBut(_) => "the stream was taken out of the configuration",
        }
    }

    /// Whether grants of viewers can be covered.
    pub(crate) fn concerns_viewers(&self) -> bool {
        !matches!(self, Self::Before { role: Role::Publisher, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_falls_with_any_of_its_credentials_and_with_an_earlier_epoch_of_its_role() {
        let stream = StreamId::parse("show").unwrap();
        let terms = Terms {
            epoch: 2,
            ..Terms::viewer(Credentials::new(&[Credential(1), Credential(2), Credential(3)]))
        };
        let credential = |id| Revocation::Credential { stream: stream.clone(), credential: Credential(id) };
        let before = |role, epoch| Revocation::Before { stream: stream.clone(), role, epoch };
        let falls = |revocation: Revocation| revocation.covers(&stream, &terms);
        assert!(falls(credential(1)) && falls(credential(3)) && falls(before(Role::Viewer, 3)));
        assert!(!falls(credential(4)) && !falls(before(Role::Viewer, 2)));
        assert!(!falls(before(Role::Publisher, 3)));
        // An empty place is nobody's credential.
        let keyless = Terms::viewer(Credentials::default());
        assert!(!credential(0).covers(&stream, &keyless));
    }
}
