//! Members of organizations and their roles.

use platform_core::{OrganizationId, WallTime};

use crate::authority::{Permission, Role, Target, authorize};
use crate::call::About;
use crate::error::{SOLE_OWNER, STATE};
use crate::organization::Organization;
use crate::page::{Page, PageRequest, page};
use crate::principal::Principal;
use crate::store::{Entity, Tx, is, one_of, record, set};
use crate::user::User;
use crate::{Call, Error, MemberId, UserId, invitation, organization};

/// Members of an organization, 1,000.
pub const MAX_MEMBERS: u32 = 1_000;
/// Organizations in which a person is a member, 200.
pub(crate) const MAX_MEMBERSHIPS: u32 = 200;

record! {
    /// A person's membership in an organization.
    pub struct Member in "tenancy_members" {
        /// `mem_…`.
        pub id: MemberId,
        /// Where.
        pub organization_id: OrganizationId,
        /// Who.
        pub user_id: UserId,
        /// As what.
        pub role: Role,
        /// Since when.
        pub created_at: WallTime,
    }
    unique "user_id" on "organization_id", "user_id"
}

/// A member as shown.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberView {
    /// The membership.
    pub member: Member,
    /// The person's name; `None` after erasure.
    pub name: Option<String>,
    /// The person's address, for those who may see it.
    pub email: Option<String>,
}

fn about(organization_id: OrganizationId, id: MemberId) -> About {
    About { organization_id: Some(organization_id), project_id: None, entity: Entity::of(id) }
}

/// Adds a member, without asking whether that is allowed.
pub(crate) async fn insert<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    user_id: UserId,
    role: Role,
) -> Result<Member, Error> {
    // Members are counted, so they are added one after the other: everybody locks the organization first.
    tx.lock::<Organization>(organization_id).await?;
    tx.lock::<User>(user_id).await?;
    let memberships: Vec<Member> = tx.list(vec![is("user_id", user_id)], MAX_MEMBERSHIPS).await?;
    if memberships.len() >= MAX_MEMBERSHIPS as usize {
        return Err(Error::refused(STATE, "A person is a member of at most 200 organizations."));
    }
    let members: Vec<Member> = tx.list(vec![is("organization_id", organization_id)], MAX_MEMBERS).await?;
    if members.len() >= MAX_MEMBERS as usize {
        return Err(Error::refused(STATE, "An organization has at most 1,000 members."));
    }
    let member = Member { id: call.id(), organization_id, user_id, role, created_at: call.now };
    tx.insert(&member).await?;
    Ok(member)
}

/// In which organizations a person is a member, deleted ones included.
pub(crate) async fn organizations_of<T: Tx>(
    tx: &mut T,
    user_id: UserId,
) -> Result<Vec<OrganizationId>, Error> {
    let members: Vec<Member> = tx.list(vec![is("user_id", user_id)], MAX_MEMBERSHIPS).await?;
    Ok(members.into_iter().map(|member| member.organization_id).collect())
}

/// The members of an organization. Addresses are shown to those who may see them.
///
/// # Errors
///
/// See [`authorize`].
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    request: PageRequest<MemberId>,
) -> Result<Page<MemberView, MemberId>, Error> {
    let access = authorize(tx, call, Permission::MembersRead, Target::Organization(organization_id)).await?;
    let emails = access.role.is_none_or(|role| Permission::MemberEmailsRead.granted_to(role));
    let filter = vec![is("organization_id", organization_id)];
    let members = page(tx, filter, request, |member: &Member| member.id).await?;
    let ids = members.data.iter().map(|member| member.user_id);
    let users: Vec<User> = tx.list(vec![one_of("id", ids)], members.data.len() as u32).await?;
    Ok(members.map(|member| {
        let user = users.iter().find(|user| user.id == member.user_id);
        MemberView {
            name: user.and_then(|user| user.name.clone()),
            email: user.filter(|_| emails).and_then(|user| user.email.clone()),
            member,
        }
    }))
}

/// Changes a member's role. Nobody grants or takes a role above their own, and the last owner stays one.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Refused`] with the code `sole_owner`.
pub async fn change_role<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    id: MemberId,
    role: Role,
) -> Result<Member, Error> {
    let access =
        authorize(tx, call, Permission::MembersManage, Target::Organization(organization_id)).await?;
    let member = in_organization(tx, organization_id, id).await?;
    may_grant(access.role, member.role)?;
    may_grant(access.role, role)?;
    let change = i64::from(role == Role::Owner) - i64::from(member.role == Role::Owner);
    if change != 0 && !organization::count_owners(tx, organization_id, change).await? {
        return Err(sole_owner());
    }
    if role == member.role {
        return Ok(member);
    }
    // Only if it is still the role that was looked at: the count of owners rests on it.
    let filter = vec![is("id", id), is("role", member.role)];
    if tx.update::<Member>(filter, vec![set("role", role)]).await? == 0 {
        return Err(Error::refused(STATE, "The member was changed meanwhile; look again."));
    }
    invitation::withdraw(tx, call, organization_id, member.user_id, Some(role)).await?;
    call.record(tx, "member.role_changed", about(organization_id, id), &["role"]).await?;
    Ok(Member { role, ..member })
}

/// Removes a member; anybody may remove themselves, unless they are the last owner.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Refused`] with the code `sole_owner`.
pub async fn remove<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    id: MemberId,
) -> Result<(), Error> {
    // Any member may read members, and so leave.
    let access = authorize(tx, call, Permission::MembersRead, Target::Organization(organization_id)).await?;
    let member = in_organization(tx, organization_id, id).await?;
    let leaves = matches!(&call.principal, Principal::User(user) if user.id == member.user_id);
    if !leaves {
        if access.role.is_some_and(|role| !Permission::MembersManage.granted_to(role)) {
            return Err(Error::Forbidden(Permission::MembersManage));
        }
        may_grant(access.role, member.role)?;
    }
    if member.role == Role::Owner && !organization::count_owners(tx, organization_id, -1).await? {
        return Err(sole_owner());
    }
    if tx.delete::<Member>(vec![is("id", id), is("role", member.role)], 1).await? == 0 {
        return Err(Error::refused(STATE, "The member was changed meanwhile; look again."));
    }
    invitation::withdraw(tx, call, organization_id, member.user_id, None).await?;
    call.record(tx, "member.removed", about(organization_id, id), &[]).await
}

async fn in_organization<T: Tx>(
    tx: &mut T,
    organization_id: OrganizationId,
    id: MemberId,
) -> Result<Member, Error> {
    let filter = vec![is("id", id), is("organization_id", organization_id)];
    tx.find(filter).await?.ok_or(Error::NotFound)
}

/// Whether somebody with the role `own` may grant or take `role`. Operators (no role) may all.
pub(crate) fn may_grant(own: Option<Role>, role: Role) -> Result<(), Error> {
    let Some(own) = own else { return Ok(()) };
    if role == Role::Owner && !Permission::OwnersManage.granted_to(own) {
        return Err(Error::Forbidden(Permission::OwnersManage));
    }
    if own.reaches(role) { Ok(()) } else { Err(Error::Forbidden(Permission::MembersManage)) }
}

fn sole_owner() -> Error {
    Error::refused(SOLE_OWNER, "Make somebody else an owner first.")
}
