//! Requests that are sent twice are carried out once.
//!
//! A request with an idempotency key first looks for the answer that its first sending got; if there is none, the answer is
//! kept in the transaction of the change itself. So there is an answer exactly if the change is there. Two that come at the
//! same time cannot both keep one: the second one's transaction ends with [`Error::Conflict`] for `idempotency_key`, and
//! nothing of it is done. Answers are sealed, and kept for a day. How large those of one project's API keys or of one person are
//! together is counted by the hour, and bounded so that who keeps to their rate of requests, and is answered in a normal way, does
//! not get there.

use std::time::Duration;

use platform_core::{Secret, WallTime};

use crate::principal::Principal;
use crate::store::{Condition, Tx, add, at_least, is, record};
use crate::vault::DataKey;
use crate::{Call, Error, UserId};

/// How long an answer is kept, 24 hours.
pub const KEPT: Duration = Duration::from_secs(86_400);
/// Characters of an idempotency key, 255.
pub const MAX_KEY: usize = 255;
/// Bytes that are kept for each request that a caller's rate allows, 1,500; a stream takes some 1,000. A project of 12,000 requests a
/// minute may so have 1.08 GB of answers of each hour.
pub const BYTES_PER_REQUEST: u64 = 1_500;
/// Bytes of the answers of an hour of a project's API keys together, or of a person, however low their rate: 16 MiB.
pub const MIN_BYTES: i64 = 16 << 20;
/// Bytes that an answer takes beside itself: its row.
const ROW_BYTES: i64 = 256;
/// An hour.
const HOUR_MS: i64 = 3_600_000;

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

record! {
    /// What is kept of somebody's answers of an hour.
    pub struct AnswerBudget in "tenancy_answer_budgets" {
        /// Whose, and which hour since 1970.
        pub id: String,
        /// How many there are.
        pub answers: i64,
        /// How many bytes they have.
        pub bytes: i64,
        /// From when on nobody asks for it.
        pub expires_at: WallTime,
    }
}

/// A request that can be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeatable {
    id: String,
    body: Vec<u8>,
    /// In whose budget the answer is: a project, a person, the operators.
    payer: String,
    /// Bytes of that budget.
    budget: i64,
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
        let (principal, payer) = match &call.principal {
            Principal::User(user) => (user.id.to_string(), user.id.to_string()),
            Principal::Key(key) => (key.id.to_string(), key.project_id.to_string()),
            Principal::Operator => {
                let who = call.operator.map_or_else(|| "operator".to_owned(), |id| format!("operator {id}"));
                (who.clone(), who)
            }
            Principal::Anonymous | Principal::System => return None,
        };
        let scope = [principal.as_str(), method, path, key].join("\n");
        let mac = call.keys().mac(DataKey::Idempotency, scope.as_bytes());
        let id = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { id, body: call.keys().mac(DataKey::Idempotency, body), payer, budget: MIN_BYTES })
    }

    /// The same, of a caller (with an API key: its project) who may send so many requests a minute: what is kept of them follows that.
    #[must_use]
    pub fn at_rate(self, requests_a_minute: u64) -> Self {
        let bytes = requests_a_minute.saturating_mul(60).saturating_mul(BYTES_PER_REQUEST);
        Self { budget: i64::try_from(bytes).unwrap_or(i64::MAX).max(MIN_BYTES), ..self }
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
    /// [`Error::Conflict`] for `idempotency_key` when another sending has come first; [`Error::RateLimited`] until the
    /// next hour when this one's budget is used. Nothing of this one is done.
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
        if !tx.insert_new(&row).await? {
            return Err(Error::Conflict { key: "idempotency_key" });
        }
        let bytes = i64::try_from(row.sealed.len()).unwrap_or(i64::MAX).saturating_add(ROW_BYTES);
        self.pay(tx, call, bytes).await
    }

    /// Counts an answer against the hour's budget, if it fits: one conditional update.
    async fn pay<T: Tx>(&self, tx: &mut T, call: &Call, bytes: i64) -> Result<(), Error> {
        let now = call.now.unix_ms();
        let id = format!("{}:{}", self.payer, now.div_euclid(HOUR_MS));
        for _ in 0..2 {
            let fits = vec![
                is("id", id.clone()),
                Condition::Fits { column: "bytes", add: bytes, limit: self.budget },
            ];
            if tx.update::<AnswerBudget>(fits, vec![add("answers", 1), add("bytes", bytes)]).await? == 1 {
                return Ok(());
            }
            let budget = AnswerBudget {
                id: id.clone(),
                answers: 0,
                bytes: 0,
                expires_at: call.now.plus(Duration::from_secs(2 * 3_600)),
            };
            if !tx.insert_new(&budget).await? {
                break;
            }
        }
        let rest_ms = u64::try_from(HOUR_MS - now.rem_euclid(HOUR_MS)).unwrap_or_default();
        Err(Error::RateLimited {
            detail: "What is kept of this hour's answers for idempotency keys is full; go on in the next hour, or without keys.",
            retry_after: Duration::from_secs(rest_ms.div_ceil(1000)),
        })
    }

    fn context(&self) -> String {
        format!("answer {}", self.id)
    }
}
