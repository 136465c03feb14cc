//! What all streams of a project have in common.

use std::sync::Arc;

use platform_core::{OrganizationId, ProjectId, Secret};

use super::verifier::Verifier;
use crate::hook::Hook;
use crate::organization::Organization;
use crate::plan::{BytesLimit, Limits, Plan};
use crate::project::{Project, ProjectSettings};
use crate::quota::Resource;
use crate::signing_key::{self, SigningKey};
use crate::store::{Tx, is, null};
use crate::vault::Keys;
use crate::{Error, PlanId};

/// What all streams of a project have in common.
#[derive(Debug)]
pub struct Tenant {
    /// The project.
    pub project_id: ProjectId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Whether an operator suspends the organization.
    pub suspended: bool,
    /// What verifies tokens: the project's signing keys that are not revoked.
    pub verifiers: Box<[Verifier]>,
    /// The organization's plan.
    pub plan_id: PlanId,
    /// What it allows.
    pub limits: Arc<Limits>,
    /// What happens to running sessions when the month's bytes are used up.
    pub bytes_limit: BytesLimit,
    /// How the project behaves.
    pub settings: ProjectSettings,
    /// Who is asked when somebody publishes or plays.
    pub hook: Option<HookSetup>,
}

/// A project's hook, made ready for use.
#[derive(Clone, Debug)]
pub struct HookSetup {
    /// Who is asked, when and how.
    pub hook: Hook,
    /// What signs.
    pub secret: Secret,
}

impl Tenant {
    /// How much of a resource the organization may use; `None`: as much as there is.
    pub fn limit(&self, resource: Resource) -> Option<i64> {
        self.limits.get(&resource).copied()
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        let origins: usize = self.settings.allowed_origins.iter().map(|origin| origin.len() + 24).sum();
        let hook = self.hook.as_ref().map_or(0, |setup| setup.hook.url.len() + 512);
        size_of::<Self>() + 64 + hook + origins + self.limits.len() * 32 + self.verifiers.len() * 1_024
    }
}

/// Loads what the streams of a project have in common.
pub(crate) async fn tenant<T: Tx>(tx: &mut T, keys: &Keys, id: ProjectId) -> Result<Tenant, Error> {
    let project: Project = tx.get(id).await?.ok_or(Error::NotFound)?;
    let organization: Organization = tx.get(project.organization_id).await?.ok_or(Error::NotFound)?;
    if project.deleted_at.is_some() || organization.deleted_at.is_some() {
        return Err(Error::NotFound);
    }
    let plan = Plan::of(tx, &organization).await?;
    let filter = vec![is("project_id", id), null("revoked_at")];
    let signing: Vec<SigningKey> = tx.list(filter, signing_key::MAX_KEYS).await?;
    let verifiers = signing.iter().map(|key| Verifier::new(keys, key)).collect::<Result<_, _>>()?;
    let hook = match tx.get::<Hook>(id).await?.filter(|hook| hook.enabled) {
        Some(hook) => Some(HookSetup { secret: hook.secret(keys)?, hook }),
        None => None,
    };
    Ok(Tenant {
        project_id: id,
        organization_id: organization.id,
        suspended: organization.suspended_at.is_some(),
        verifiers,
        plan_id: plan.id,
        limits: Arc::new(plan.limits.0),
        bytes_limit: plan.bytes_limit,
        settings: project.settings.0,
        hook,
    })
}
