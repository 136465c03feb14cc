//! Who asks.

use std::sync::Arc;

use platform_core::{OrganizationId, ProjectId};

use crate::authority::Permission;
use crate::plan::Limits;
use crate::{ApiKeyId, SessionId, UserId};

/// Who asks, after credentials were checked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Principal {
    /// Nobody who is known.
    Anonymous,
    /// A person who has logged in.
    User(UserPrincipal),
    /// A tenant's backend, by API key.
    Key(Arc<KeyPrincipal>),
    /// Whoever sits at the server's command line.
    Operator,
    /// The server itself: a clean-up, an expiry.
    System,
}

/// A person who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPrincipal {
    /// Who.
    pub id: UserId,
    /// By which login.
    pub session_id: SessionId,
    /// Whether they are an operator of the server.
    pub is_admin: bool,
}

/// A tenant's backend. Who lets a key in has seen to it that its project and organization are there and not suspended, so
/// the gate does not look at them again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPrincipal {
    /// By which key.
    pub id: ApiKeyId,
    /// Of which project; it reaches no other.
    pub project_id: ProjectId,
    /// The project's organization.
    pub organization_id: OrganizationId,
    /// What it may do, sorted.
    pub scopes: Vec<Permission>,
    /// The limits of the organization's plan.
    pub limits: Arc<Limits>,
}
