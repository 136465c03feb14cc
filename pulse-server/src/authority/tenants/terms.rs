//! How tenants' credentials are named in grants and session handles.
//!
//! A viewer's are, in this order: the token and the viewer, each by its tag in the store, and the signing key.

use tenancy::revocation::Tag;
use tenancy::{SigningKeyId, StreamKeyId};

use crate::authority::{Credential, Credentials, Terms};

/// The credential of who needed none. A tag is this one with a chance of 2^-64.
pub(super) const PUBLIC: Credential = Credential(1);

/// Of who watches what is public, in this epoch.
pub(super) fn public(stream_epoch: i64) -> Terms {
    let credentials = Credentials::new(&[Credential(0), Credential(0), PUBLIC]);
    Terms { epoch: epoch(stream_epoch), ..Terms::viewer(credentials) }
}

/// Of who watches by a token.
pub(super) fn signed(stream_epoch: i64, token: Option<Tag>, viewer: Option<Tag>, key: SigningKeyId) -> Terms {
    let tag = |tag: Option<Tag>| tag.map_or(Credential(0), of_tag);
    let credentials = Credentials::new(&[tag(token), tag(viewer), of_signing_key(key)]);
    Terms { epoch: epoch(stream_epoch), ..Terms::viewer(credentials) }
}

/// The token, the viewer and the signing key of a viewer's terms.
pub(super) fn parts(terms: &Terms) -> (Option<Tag>, Option<Tag>, Credential) {
    let [token, viewer, key] = terms.credentials.to_words();
    let tag = |word| (word != 0).then_some(Tag(word));
    (tag(token), tag(viewer), Credential(key))
}

pub(super) fn of_tag(tag: Tag) -> Credential {
    Credential(tag.0)
}

/// The random half of its id.
pub(super) fn of_signing_key(id: SigningKeyId) -> Credential {
    Credential(id.uuid() as u64)
}

/// The random half of its id.
pub(super) fn of_stream_key(id: StreamKeyId) -> Credential {
    Credential(id.uuid() as u64)
}

/// An epoch as handles have it: 4,294,967,295 disconnections or revocations of all tokens of a stream are more than anybody makes.
pub(super) fn epoch(epoch: i64) -> u32 {
    u32::try_from(epoch).unwrap_or(u32::MAX - 1)
}
