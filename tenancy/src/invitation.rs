//! Invitations into organizations: single use, seven days, only for the person whose verified address they were sent to.

use std::time::Duration;

use platform_core::{OrganizationId, Secret, WallTime};

use crate::authority::{Permission, Role, Target, authorize};
use crate::call::About;
use crate::error::INVALID_TOKEN;
use crate::field::{Fields, email_key};
use crate::mail::{self, Mail, Message};
use crate::member::{self, Member, may_grant};
use crate::organization::{self, Organization};
use crate::page::{Page, PageRequest, page};
use crate::store::{Condition, Entity, Tx, at_least, is, null, record, set};
use crate::user::User;
use crate::{Call, Error, InvitationId, UserId};

/// How long an invitation can be accepted, 7 days.
pub const VALID: Duration = Duration::from_secs(7 * 86_400);
/// Open invitations of an organization, 100.
const MAX_OPEN: u32 = 100;
/// The time within which invitations are counted, a day.
const DAY: Duration = Duration::from_secs(86_400);
/// Invitations that an organization sends in a day, 200, those that were taken back or replaced included: each is a mail.
const MAX_DAILY: u32 = 200;
/// Invitations that are sent to one address in a day, 5, whoever sends them.
const MAX_DAILY_TO_ONE: u32 = 5;

record! {
    /// An invitation.
    pub struct Invitation in "tenancy_invitations" {
        /// `inv_…`.
        pub id: InvitationId,
        /// Into which organization.
        pub organization_id: OrganizationId,
        /// To whom; `None` after the person was erased.
        pub email: Option<String>,
        /// What the address is compared by.
        pub(crate) email_key: Option<String>,
        /// As what.
        pub role: Role,
        /// The token's HMAC.
        pub(crate) token: Vec<u8>,
        /// By whom; `None` for an operator.
        pub invited_by: Option<UserId>,
        /// When.
        pub created_at: WallTime,
        /// Until when it can be accepted.
        pub expires_at: WallTime,
        /// When it was accepted or revoked.
        pub closed_at: Option<WallTime>,
    }
    unique "token" on "token"
    unique "email" on "organization_id", "email_key"; while "closed_at" is null
}

fn about(organization_id: OrganizationId, id: InvitationId) -> About {
    About { organization_id: Some(organization_id), project_id: None, entity: Entity::of(id) }
}

/// Somebody to be invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationInput {
    /// To which address.
    pub email: String,
    /// As what; not above the own role.
    pub role: Role,
}

/// Invites somebody. An open invitation to the same address is replaced. The mail is the caller's to queue, in the same
/// transaction.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Conflict`] when they are a member; [`Error::RateLimited`] beyond 200 a day of the organization, and 5
/// a day to the address.
pub async fn create<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    input: &InvitationInput,
) -> Result<(Invitation, Mail), Error> {
    let access =
        authorize(tx, call, Permission::MembersManage, Target::Organization(organization_id)).await?;
    may_grant(access.role, input.role)?;
    let mut fields = Fields::new();
    let email = fields.email("/email", &input.email);
    fields.check()?;
    let key = email_key(&email);
    // Open ones are counted, so they are added one after the other.
    tx.lock::<Organization>(organization_id).await?;
    if is_member(tx, organization_id, &key).await? {
        return Err(Error::Conflict { key: "email" });
    }
    let detail = "Your organization has sent 200 invitations within a day, which is as many as it may.";
    daily(tx, call, is("organization_id", organization_id), MAX_DAILY, detail).await?;
    let detail = "This address has got 5 invitations within a day, which is as many as it may.";
    daily(tx, call, is("email_key", key.clone()), MAX_DAILY_TO_ONE, detail).await?;
    let open = vec![is("organization_id", organization_id), null("closed_at")];
    let close = vec![set("closed_at", call.now)];
    let mut replaced = open.clone();
    replaced.push(is("email_key", key.clone()));
    if let Some(open) = tx.find::<Invitation>(replaced.clone()).await? {
        // Nobody takes back what they could not have given.
        may_grant(access.role, open.role)?;
    }
    tx.update::<Invitation>(replaced, close).await?;
    let mut counted = open;
    counted.push(at_least("expires_at", call.now));
    if tx.list::<Invitation>(counted, MAX_OPEN).await?.len() >= MAX_OPEN as usize {
        return Err(Error::refused(crate::error::STATE, "At most 100 invitations are open; revoke some."));
    }
    let token = mail::new_token();
    let invitation = Invitation {
        id: call.id(),
        organization_id,
        email: Some(email.clone()),
        email_key: Some(key),
        role: input.role,
        token: mail::stored(call, &token),
        invited_by: call.user().ok(),
        created_at: call.now,
        expires_at: call.now.plus(VALID),
        closed_at: None,
    };
    tx.insert(&invitation).await?;
    call.record(tx, "invitation.created", about(organization_id, invitation.id), &[]).await?;
    let message =
        Message::Invitation { organization: access.organization()?.name.clone(), role: input.role, token };
    Ok((invitation, Mail { to: email, message }))
}

/// Refuses one more invitation when there have been `most` of this kind within a day.
async fn daily<T: Tx>(
    tx: &mut T,
    call: &Call,
    which: Condition,
    most: u32,
    detail: &'static str,
) -> Result<(), Error> {
    let filter = vec![which, at_least("created_at", call.now.minus(DAY))];
    let sent: Vec<Invitation> = tx.list(filter, most).await?;
    match sent.iter().map(|invitation| invitation.created_at).min() {
        Some(oldest) if sent.len() >= most as usize => {
            Err(Error::RateLimited { detail, retry_after: oldest.plus(DAY).since(call.now) })
        }
        _ => Ok(()),
    }
}

async fn is_member<T: Tx>(tx: &mut T, organization_id: OrganizationId, key: &str) -> Result<bool, Error> {
    let Some(user) = tx.find::<User>(vec![is("email_key", key.to_owned())]).await? else { return Ok(false) };
    let filter = vec![is("organization_id", organization_id), is("user_id", user.id)];
    Ok(tx.find::<Member>(filter).await?.is_some())
}

/// The open invitations of an organization, expired ones included.
///
/// # Errors
///
/// See [`authorize`].
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    request: PageRequest<InvitationId>,
) -> Result<Page<Invitation, InvitationId>, Error> {
    authorize(tx, call, Permission::MemberEmailsRead, Target::Organization(organization_id)).await?;
    let filter = vec![is("organization_id", organization_id), null("closed_at")];
    page(tx, filter, request, |invitation: &Invitation| invitation.id).await
}

/// Takes the open invitations back that somebody has sent and could not send any more as `now`; `None`: who has left.
pub(crate) async fn withdraw<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    inviter: UserId,
    now: Option<Role>,
) -> Result<(), Error> {
    let open = vec![is("organization_id", organization_id), is("invited_by", inviter), null("closed_at")];
    for invitation in tx.list::<Invitation>(open, MAX_OPEN).await? {
        let could = now.is_some_and(|role| {
            Permission::MembersManage.granted_to(role) && may_grant(Some(role), invitation.role).is_ok()
        });
        if !could {
            let this = vec![is("id", invitation.id), null("closed_at")];
            tx.update::<Invitation>(this, vec![set("closed_at", call.now)]).await?;
            call.record(tx, "invitation.revoked", about(organization_id, invitation.id), &[]).await?;
        }
    }
    Ok(())
}

/// Takes an invitation back.
///
/// # Errors
///
/// See [`authorize`].
pub async fn revoke<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    id: InvitationId,
) -> Result<(), Error> {
    let access =
        authorize(tx, call, Permission::MembersManage, Target::Organization(organization_id)).await?;
    let filter = vec![is("id", id), is("organization_id", organization_id), null("closed_at")];
    let open: Invitation = tx.find(filter.clone()).await?.ok_or(Error::NotFound)?;
    may_grant(access.role, open.role)?;
    if tx.update::<Invitation>(filter, vec![set("closed_at", call.now)]).await? == 0 {
        return Err(Error::NotFound);
    }
    call.record(tx, "invitation.revoked", about(organization_id, id), &[]).await
}

/// Accepts an invitation, as the person to whose verified address it was sent.
///
/// # Errors
///
/// [`Error::Refused`] with the code `invalid_token` for any other token, person or time.
pub async fn accept<T: Tx>(tx: &mut T, call: &Call, token: &Secret) -> Result<(Organization, Member), Error> {
    let user_id = call.user()?;
    let user: User = tx.get(user_id).await?.ok_or(Error::Unauthenticated)?;
    let filter =
        vec![is("token", mail::stored(call, token)), null("closed_at"), at_least("expires_at", call.now)];
    let invitation: Invitation = tx.find(filter).await?.ok_or_else(invalid)?;
    if user.verified_at.is_none() || invitation.email_key.is_none() || invitation.email_key != user.email_key
    {
        return Err(invalid());
    }
    let organization: Option<Organization> = tx.get(invitation.organization_id).await?;
    let organization = organization
        .filter(|organization| organization.deleted_at.is_none() && organization.suspended_at.is_none())
        .ok_or_else(invalid)?;
    let close = vec![is("id", invitation.id), null("closed_at")];
    if tx.update::<Invitation>(close, vec![set("closed_at", call.now)]).await? == 0 {
        return Err(invalid());
    }
    let member = member::insert(tx, call, organization.id, user_id, invitation.role).await?;
    if invitation.role == Role::Owner {
        organization::count_owners(tx, organization.id, 1).await?;
    }
    call.record(tx, "invitation.accepted", about(organization.id, invitation.id), &[]).await?;
    Ok((organization, member))
}

fn invalid() -> Error {
    Error::refused(
        INVALID_TOKEN,
        "The invitation was used, revoked or has expired, or was sent to another address.",
    )
}
