//! Requests that are sent twice are carried out once.
//!
//! A request with an idempotency key first looks for the answer that its first sending got; if there is none, the answer is
//! kept in the transaction of the change itself. So there is an answer exactly if the change is there. Two that come at the
//! same time cannot both keep one: the second one's transaction ends with [`Error::Conflict`] for `idempotency_key`, and
//! nothing of it is done. Answers are sealed, and kept for a day.

use std::time::Duration;

use platform_core::{Secret, WallTime};

use crate::principal::Principal;
use crate::store::{Tx, at_least, is, record};
use crate::vault::DataKey;
use crate::{Call, Error, UserId};

/// How long an answer is kept, 24 hours.
pub const KEPT: Duration = Duration::from_secs(86_400);
/// Characters of an idempotency key, 255.
pub const MAX_KEY: usize = 255;

record! {
    /// The answer to a request.
    pub struct Answer in "tenancy_answers" {
        /// The HMAC of who asked for what under which key, in hexadecimal.
        pub id: String,
        /// Who asked, if a person did.
        pub user_id: Option<UserId>,
        /// The HMAC of the body that was sent.
        pub(crate) body: Vec<u8>,
        /// The answer, sealed.
        pub(crate) sealed: Vec<u8>,
        /// Until when it is kept.
        pub expires_at: WallTime,
    }
}

/// A request that can be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeatable {
    id: String,
    body: Vec<u8>,
}

/// What became of an earlier sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// There was none.
    None,
    /// It got this answer.
    Answer(Secret),
    /// It had another body.
    Mismatch,
}

impl Repeatable {
    /// A request by the caller: its method, path, idempotency key and body. `None` for nobody, who has no keys.
    pub fn new(call: &Call, method: &str, path: &str, key: &str, body: &[u8]) -> Option<Self> {
        let principal = match &call.principal {
            Principal::User(user) => user.id.to_string(),
            Principal::Key(key) => key.id.to_string(),
            Principal::Operator => "operator".to_owned(),
            Principal::Anonymous | Principal::System => return None,
        };
        let scope = [principal.as_str(), method, path, key].join("\n");
        let mac = call.keys().mac(DataKey::Idempotency, scope.as_bytes());
        let id = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { id, body: call.keys().mac(DataKey::Idempotency, body) })
    }

    /// What became of an earlier sending.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn earlier<T: Tx>(&self, tx: &mut T, call: &Call) -> Result<Earlier, Error> {
        let filter = vec![is("id", self.id.clone()), at_least("expires_at", call.now)];
        let Some(answer) = tx.find::<Answer>(filter).await? else { return Ok(Earlier::None) };
        if answer.body != self.body {
            return Ok(Earlier::Mismatch);
        }
        let opened = call.keys().open(DataKey::Sealing, &self.context(), &answer.sealed);
        opened.map(Earlier::Answer).ok_or_else(|| Error::internal("a stored answer does not unseal"))
    }

    /// Keeps the answer, in the transaction of the change.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] for `idempotency_key` when another sending has come first; nothing of this one is done.
    pub async fn keep<T: Tx>(&self, tx: &mut T, call: &Call, answer: &Secret) -> Result<(), Error> {
        let expired = vec![is("id", self.id.clone()), crate::store::below("expires_at", call.now)];
        tx.delete::<Answer>(expired, 1).await?;
        let row = Answer {
            id: self.id.clone(),
            user_id: call.user().ok(),
            body: self.body.clone(),
            sealed: call.keys().seal(DataKey::Sealing, &self.context(), answer.expose())?,
            expires_at: call.now.plus(KEPT),
        };
        if tx.insert_new(&row).await? { Ok(()) } else { Err(Error::Conflict { key: "idempotency_key" }) }
    }

    fn context(&self) -> String {
        format!("answer {}", self.id)
    }
}
