//! How tenants' credentials are named in grants and session handles.
//!
//! Of who comes with a token they are, in this order: the token and the viewer, each by its tag in the store, and the signing key.

use tenancy::revocation::{Bearer, Tag};
use tenancy::{AppId, SigningKeyId, StreamKeyId};

use crate::authority::{Credential, Credentials, Role, Terms};

/// The credential of who needed none. A tag is this one with a chance of 2^-64.
pub(super) const PUBLIC: Credential = Credential(1);

/// Of who watches what is public, in this epoch.
pub(super) fn public(stream_epoch: i64) -> Terms {
    let credentials = Credentials::new(&[Credential(0), Credential(0), PUBLIC]);
    Terms { epoch: epoch(stream_epoch), ..Terms::viewer(credentials) }
}

/// Of who watches by a token.
pub(super) fn signed(stream_epoch: i64, token: Option<Tag>, viewer: Option<Tag>, key: SigningKeyId) -> Terms {
    Terms { epoch: epoch(stream_epoch), ..Terms::viewer(of_token(token, viewer, key)) }
}

/// Of who publishes: by a stream key, by a token, or by what the hook says of a project to which an application is bound.
pub(super) fn publisher(
    publish_epoch: i64,
    key_id: Option<StreamKeyId>,
    token: Option<&(SigningKeyId, Bearer)>,
    app: Option<AppId>,
) -> Terms {
    let credentials = match (key_id, token, app) {
        (Some(id), ..) => of_stream_key(id).into(),
        (None, Some((key, bearer)), _) => of_token(bearer.token, bearer.viewer, *key),
        (None, None, Some(id)) => of_app(id).into(),
        (None, None, None) => Credentials::default(),
    };
    Terms { role: Role::Publisher, credentials, epoch: epoch(publish_epoch) }
}

fn of_token(token: Option<Tag>, viewer: Option<Tag>, key: SigningKeyId) -> Credentials {
    let tag = |tag: Option<Tag>| tag.map_or(Credential(0), of_tag);
    Credentials::new(&[tag(token), tag(viewer), of_signing_key(key)])
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

/// The random half of its id.
pub(super) fn of_app(id: AppId) -> Credential {
    Credential(id.uuid() as u64)
}

/// An epoch as handles have it: 4,294,967,295 disconnections or revocations of all tokens of a stream are more than anybody makes.
pub(super) fn epoch(epoch: i64) -> u32 {
    u32::try_from(epoch).unwrap_or(u32::MAX - 1)
}
