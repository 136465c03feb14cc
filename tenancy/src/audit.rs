//! The audit log: who changed what.

use platform_core::AuditId;

use crate::authority::{self, Permission, Target, authorize};
use crate::page::{MAX_LIMIT, Page, PageRequest};
use crate::store::{ActorKind, AuditEntry, AuditFilter, Tx};
use crate::{Call, Error};

/// Goes through the gate: of an organization or project those who may, of all only operators. What is to be looked for: in one
/// organization's rows, wherever that is known, as the log of the whole server is long.
async fn open<T: Tx>(tx: &mut T, call: &Call, filter: &AuditFilter) -> Result<AuditFilter, Error> {
    let mut filter = filter.clone();
    match (filter.project_id, filter.organization_id) {
        (Some(id), organization_id) => {
            let access = authorize(tx, call, Permission::AuditRead, Target::Project(id)).await?;
            if organization_id.is_some_and(|id| id != access.organization_id) {
                return Err(Error::NotFound);
            }
            filter.organization_id = Some(access.organization_id);
        }
        (None, Some(id)) => {
            authorize(tx, call, Permission::AuditRead, Target::Organization(id)).await?;
        }
        (None, None) => authority::operator(call)?,
    }
    // Which operator it was is not the tenant's to find out by asking for one after the other.
    filter.without_operators = filter.actor_id.is_some() && !sees_operators(call);
    Ok(filter)
}

/// Whether the caller may know which operator did something, and from where.
fn sees_operators(call: &Call) -> bool {
    authority::operator(call).is_ok()
}

/// A page of the audit log, the newest first. An export asks for page after page.
///
/// # Errors
///
/// See [`authorize`].
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    filter: &AuditFilter,
    request: PageRequest<AuditId>,
) -> Result<Page<AuditEntry, AuditId>, Error> {
    let filter = open(tx, call, filter).await?;
    let limit = request.limit.clamp(1, MAX_LIMIT);
    let mut data = tx.audit_page(&filter, request.after, limit + 1).await?;
    let more = data.len() > limit as usize;
    data.truncate(limit as usize);
    if !sees_operators(call) {
        for entry in data.iter_mut().filter(|entry| entry.actor_kind == ActorKind::Operator) {
            entry.actor_id = None;
            entry.address = None;
        }
    }
    let next = if more { data.last().map(|entry| entry.id) } else { None };
    Ok(Page { data, next })
}

/// How often each action occurs, the most frequent first.
///
/// # Errors
///
/// See [`authorize`].
pub async fn statistics<T: Tx>(
    tx: &mut T,
    call: &Call,
    filter: &AuditFilter,
) -> Result<Vec<(String, u64)>, Error> {
    let filter = open(tx, call, filter).await?;
    tx.audit_counts(&filter).await
}
