//! What can go wrong, by whose fault.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use platform_core::problem::code;
use platform_core::{Code, FieldError, OrganizationId, Problem};

use crate::authority::Permission;
use crate::quota::Resource;

/// An error below, for the log; never for a client.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Why it was not done. Nothing was changed, but for [`InDoubt`](Self::InDoubt).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The credentials are missing, wrong, expired or revoked. Which of these is not told.
    #[error("the credentials are not valid")]
    Unauthenticated,
    /// The password was right; a code of the second factor is wanted, or the given one is wrong.
    #[error("a code of the second factor is needed")]
    SecondFactor,
    /// The caller is known and may not do this.
    #[error("this needs the permission {}", .0.as_str())]
    Forbidden(Permission),
    /// The caller may not do this for another reason.
    #[error("{detail}")]
    Refused {
        /// The machine code.
        code: Code,
        /// A sentence that says what to do.
        detail: &'static str,
    },
    /// The caller has done this too often.
    #[error("{detail}")]
    RateLimited {
        /// A sentence that says which limit.
        detail: &'static str,
        /// When it can be done again.
        retry_after: Duration,
    },
    /// There is no such thing, or the caller may not know of it. The two cannot be told apart.
    #[error("there is no such thing")]
    NotFound,
    /// Fields break rules. The caller's fault.
    #[error("{} fields break a rule", .0.len())]
    Invalid(Vec<FieldError>),
    /// There is one already.
    #[error("there is one with this {key} already")]
    Conflict {
        /// What is taken: `name`.
        key: &'static str,
    },
    /// A limit of the plan is reached.
    #[error("{current} of {limit} {} are used", resource.as_str())]
    QuotaExceeded {
        /// Whose plan. Not told: whoever is refused knows it, and who answers may announce it.
        organization_id: OrganizationId,
        /// Of what.
        resource: Resource,
        /// How many the plan allows.
        limit: i64,
        /// How many there are.
        current: i64,
    },
    /// The database is away or busy. It passes.
    #[error("the store is not available: {0}")]
    Unavailable(#[source] Cause),
    /// The database's answer to the commit was lost: whether it was done is not known.
    #[error("whether it was done is not known: {0}")]
    InDoubt(#[source] Cause),
    /// A fault of ours, or of who edited the database.
    #[error("internal: {0}")]
    Internal(#[source] Cause),
}

/// The code of [`Error::SecondFactor`].
pub const SECOND_FACTOR_REQUIRED: Code =
    Code::new("second_factor_required", 401, "A code of the second factor is needed");
/// The user is the only owner of an organization.
pub const SOLE_OWNER: Code = Code::new("sole_owner", 409, "The organization would have no owner");
/// An operator has closed registrations.
pub const REGISTRATIONS_CLOSED: Code = Code::new("registrations_closed", 403, "Registrations are closed");
/// A token out of a mail is unknown, used or expired.
pub const INVALID_TOKEN: Code = Code::new("invalid_token", 400, "The token is not valid");
/// The tenant is suspended by an operator.
pub const SUSPENDED: Code = Code::new("suspended", 403, "Suspended by the operator");
/// The server is in maintenance: it reads, and changes nothing.
pub const MAINTENANCE: Code = Code::new("maintenance", 503, "In maintenance");
/// It cannot be done in the present state.
pub const STATE: Code = Code::new("wrong_state", 409, "Not possible in the present state");

/// When to ask again while the store is away, 2 s.
const AWAY: std::time::Duration = std::time::Duration::from_secs(2);

impl Error {
    /// A fault of ours.
    pub fn internal(what: impl Into<Cow<'static, str>>) -> Self {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Fault(Cow<'static, str>);
        Self::Internal(Arc::new(Fault(what.into())))
    }

    /// Something that passes.
    pub(crate) fn busy(what: &'static str) -> Self {
        match Self::internal(what) {
            Self::Internal(cause) => Self::Unavailable(cause),
            other => other,
        }
    }

    /// One field of the body that breaks a rule.
    pub fn field(
        pointer: impl Into<Cow<'static, str>>,
        rule: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Invalid(vec![FieldError::body(pointer, rule, detail)])
    }

    pub(crate) const fn refused(code: Code, detail: &'static str) -> Self {
        Self::Refused { code, detail }
    }

    /// Whether the same may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// The error below, which is the server's or its database's, and which whoever answers logs.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Unavailable(cause) | Self::InDoubt(cause) | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }

    /// What a client is told. The [cause](Self::cause) is not in it.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Unauthenticated => {
                code::UNAUTHENTICATED.problem("Credentials are missing, wrong or expired.")
            }
            Self::SecondFactor => SECOND_FACTOR_REQUIRED
                .problem("Send a current code of the authenticator, or a recovery code."),
            Self::Forbidden(permission) => code::FORBIDDEN
                .problem(format!("This needs the permission `{}`.", permission.as_str()))
                .with("permission", permission.as_str()),
            Self::Refused { code, detail } => code.problem(*detail),
            Self::RateLimited { detail, retry_after } => {
                code::RATE_LIMITED.problem(*detail).retry_after(*retry_after)
            }
            Self::NotFound => code::NOT_FOUND.problem("There is no such thing, or it is not yours."),
            Self::Invalid(errors) => Problem::invalid(errors.clone()),
            Self::Conflict { key } => code::CONFLICT
                .problem(format!("There is one with this `{key}` already."))
                .with("conflict", *key),
            Self::QuotaExceeded { resource, limit, current, .. } => code::QUOTA_EXCEEDED
                .problem(format!("{current} of {limit} are used; {}", resource.remedy()))
                .with("resource", resource.as_str())
                .with("limit", *limit)
                .with("current", *current),
            Self::Unavailable(_) => {
                code::UNAVAILABLE.problem("Nothing was changed; try again in a moment.").retry_after(AWAY)
            }
            Self::InDoubt(_) => code::UNAVAILABLE.problem(
                "Whether this was done is not known; look, or repeat it under the same idempotency key.",
            ),
            Self::Internal(_) => code::INTERNAL.problem("A fault of the server; its log has it."),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.problem()
    }
}
