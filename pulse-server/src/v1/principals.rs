//! Who credentials belong to, from memory where it is known.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use platform_core::WallTime;
use tenancy::api_key::PUBLIC_PREFIX;
use tenancy::{ApiKeyId, Principal, access};

use super::api::Api;
use super::credentials::Credentials;
use super::failure::Failure;

/// Characters of a key's public part; longer ones are looked up by nobody.
const MAX_PUBLIC: usize = 64;

/// The API keys that were used since they were last written down.
#[derive(Default)]
pub(super) struct Used(Mutex<HashSet<ApiKeyId>>);

impl Used {
    fn note(&self, id: ApiKeyId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// The keys that were used since the last call.
    pub(super) fn take(&self) -> Vec<ApiKeyId> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *used).into_iter().collect()
    }

    /// Takes keys back that were taken and not written down.
    pub(super) fn put_back(&self, ids: &[ApiKeyId]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }
}

/// Who brings these credentials.
pub(super) async fn of(api: &Api, credentials: Credentials, now: WallTime) -> Result<Principal, Failure> {
    let keys = api.tenancy.keys();
    match credentials {
        Credentials::None => Ok(Principal::Anonymous),
        Credentials::Broken => Err(Failure::unauthenticated()),
        Credentials::Token(token) => {
            let claims = access::verify(keys, &token, now)?;
            Ok(Principal::User(api.cache.session(&api.db, &claims, now).await?))
        }
        Credentials::Key { public, secret } => {
            let strange = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'_';
            if !public.starts_with(PUBLIC_PREFIX) || public.len() > MAX_PUBLIC || public.bytes().any(strange)
            {
                return Err(Failure::unauthenticated());
            }
            let principal = api.cache.key(&api.db, keys, &public, &secret, now).await?;
            api.used.note(principal.id);
            Ok(Principal::Key(principal))
        }
    }
}
