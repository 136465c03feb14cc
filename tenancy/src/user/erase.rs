//! Erasing a person, and giving them what is known of them.

use serde_json::{Value, json};

use super::{User, about, totp};
use crate::error::SOLE_OWNER;
use crate::idempotency::Answer;
use crate::invitation::{self, Invitation};
use crate::mail::MailToken;
use crate::member::{self, Member};
use crate::organization::{self, Organization};
use crate::principal::Principal;
use crate::session::{self, Session};
use crate::store::{AuditEntry, AuditFilter, Entity, Tx, clear, is, null, one_of, set};
use crate::{Call, Error, Role, UserId, authority};

/// Rows that a statement of an erasure removes.
const BATCH: u32 = 500;
/// Logins and invitations in an export, the newest.
const EXPORTED: u32 = 10_000;
/// Audit rows in an export, the newest 100,000: some 20 MB.
const EXPORTED_AUDIT: usize = 100_000;
/// Audit rows that are read at once.
const AUDIT_PAGE: u32 = 1_000;

/// Only the person themselves and operators.
fn own_or_operator(call: &Call, id: UserId) -> Result<(), Error> {
    match &call.principal {
        Principal::User(user) if user.id == id => Ok(()),
        _ => authority::operator(call),
    }
}

/// Erases a person: logins, tokens and codes go, memberships end, the account's personal columns are emptied, and so are
/// invitations, stored answers, events and audit rows of theirs. By themselves, after their password was checked, or by an
/// operator. The driver truncates the log of SQLite afterwards.
///
/// # Errors
///
/// [`Error::Refused`] with the code `sole_owner` as long as an organization would have no owner.
pub async fn erase<T: Tx>(tx: &mut T, call: &Call, id: UserId) -> Result<(), Error> {
    own_or_operator(call, id)?;
    // Nobody logs in meanwhile.
    tx.lock::<User>(id).await?;
    let user: User = tx.get(id).await?.ok_or(Error::NotFound)?;
    if user.erased_at.is_some() {
        return Err(Error::NotFound);
    }
    if organization::is_sole_owner(tx, id).await? {
        return Err(sole_owner());
    }
    leave(tx, call, id).await?;
    session::revoke_all(tx, call, id).await?;
    while tx.delete::<Session>(vec![is("user_id", id)], BATCH).await? > 0 {}
    while tx.delete::<MailToken>(vec![is("user_id", id)], BATCH).await? > 0 {}
    while tx.delete::<Answer>(vec![is("user_id", id)], BATCH).await? > 0 {}
    totp::forget_codes(tx, id).await?;
    if let Some(key) = user.email_key {
        let open = vec![is("email_key", key.clone()), null("closed_at")];
        tx.update::<Invitation>(open, vec![set("closed_at", call.now)]).await?;
        tx.update::<Invitation>(vec![is("email_key", key)], vec![clear("email"), clear("email_key")]).await?;
    }
    let assign = vec![
        clear("email"),
        clear("email_key"),
        clear("name"),
        clear("password"),
        clear("totp_secret"),
        clear("totp_confirmed_at"),
        set("is_admin", false),
        set("erased_at", call.now),
        set("updated_at", call.now),
    ];
    tx.update::<User>(vec![is("id", id)], assign).await?;
    call.record(tx, "user.erased", about(id), &[]).await?;
    tx.forget(&Entity::of(id)).await
}

fn sole_owner() -> Error {
    Error::refused(SOLE_OWNER, "Make somebody else an owner, or delete the organization, first.")
}

/// Ends all memberships.
async fn leave<T: Tx>(tx: &mut T, call: &Call, id: UserId) -> Result<(), Error> {
    for member in tx.list::<Member>(vec![is("user_id", id)], member::MAX_MEMBERSHIPS).await? {
        if member.role == Role::Owner && !organization::count_owners(tx, member.organization_id, -1).await? {
            // Nobody misses the owner of what was deleted; but another owner may have left a moment ago.
            let organization: Option<Organization> = tx.get(member.organization_id).await?;
            if organization.is_some_and(|organization| organization.deleted_at.is_none()) {
                return Err(sole_owner());
            }
        }
        tx.delete::<Member>(vec![is("id", member.id)], 1).await?;
        invitation::withdraw(tx, call, member.organization_id, id, None).await?;
    }
    Ok(())
}

/// Writes into the audit log that a person's data are given out, before [`export`] reads them.
///
/// # Errors
///
/// As [`export`]'s.
pub async fn note_export<T: Tx>(tx: &mut T, call: &Call, id: UserId) -> Result<(), Error> {
    own_or_operator(call, id)?;
    let _: User = tx.get(id).await?.ok_or(Error::NotFound)?;
    call.audit(tx, "user.exported", &about(id), &[]).await
}

/// What a person has done, page by page, the newest first.
async fn audit_rows<T: Tx>(tx: &mut T, id: UserId) -> Result<Vec<AuditEntry>, Error> {
    let filter = AuditFilter { actor_id: Some(id.to_string()), ..AuditFilter::default() };
    let mut rows: Vec<AuditEntry> = Vec::new();
    loop {
        let page = tx.audit_page(&filter, rows.last().map(|row| row.id), AUDIT_PAGE).await?;
        let last = page.len() < AUDIT_PAGE as usize;
        rows.extend(page);
        if last || rows.len() >= EXPORTED_AUDIT {
            return Ok(rows);
        }
    }
}

/// All that is known of a person, as one JSON object.
///
/// # Errors
///
/// [`Error::Forbidden`] for another person; [`Error::NotFound`].
pub async fn export<T: Tx>(tx: &mut T, call: &Call, id: UserId) -> Result<Value, Error> {
    own_or_operator(call, id)?;
    let user: User = tx.get(id).await?.ok_or(Error::NotFound)?;
    let members: Vec<Member> = tx.list(vec![is("user_id", id)], member::MAX_MEMBERSHIPS).await?;
    let organizations = members.iter().map(|member| member.organization_id);
    let organizations: Vec<Organization> =
        tx.list(vec![one_of("id", organizations)], member::MAX_MEMBERSHIPS).await?;
    let sessions: Vec<Session> = tx.list(vec![is("user_id", id)], EXPORTED).await?;
    let invitations: Vec<Invitation> = match &user.email_key {
        Some(key) => tx.list(vec![is("email_key", key.clone())], EXPORTED).await?,
        None => Vec::new(),
    };
    let audit = audit_rows(tx, id).await?;
    Ok(json!({
        "user": {
            "id": user.id,
            "email": user.email,
            "name": user.name,
            "is_admin": user.is_admin,
            "verified_at": user.verified_at,
            "totp_confirmed_at": user.totp_confirmed_at,
            "created_at": user.created_at,
            "updated_at": user.updated_at,
            "suspended_at": user.suspended_at,
        },
        "memberships": members.iter().map(|member| json!({
            "organization_id": member.organization_id,
            "organization": organizations.iter().find(|one| one.id == member.organization_id).map(|one| &one.name),
            "role": member.role,
            "created_at": member.created_at,
        })).collect::<Vec<_>>(),
        "sessions": sessions.iter().map(|session| json!({
            "id": session.id,
            "created_at": session.created_at,
            "rotated_at": session.rotated_at,
            "expires_at": session.expires_at,
            "revoked_at": session.revoked_at,
        })).collect::<Vec<_>>(),
        "invitations": invitations.iter().map(|invitation| json!({
            "id": invitation.id,
            "organization_id": invitation.organization_id,
            "role": invitation.role,
            "created_at": invitation.created_at,
            "closed_at": invitation.closed_at,
        })).collect::<Vec<_>>(),
        "audit": audit.iter().map(|entry| json!({
            "id": entry.id,
            "action": entry.action,
            "resource_id": entry.resource.as_ref().map(|resource| &resource.id),
            "address": entry.address,
            "created_at": entry.created_at,
        })).collect::<Vec<_>>(),
    }))
}
