//! Organizations, the tenants.

use platform_core::{OrganizationId, WallTime};

use crate::authority::{self, Permission, Role, Target, authorize};
use crate::call::About;
use crate::error::STATE;
use crate::field::Fields;
use crate::member::{self, Member};
use crate::name::{name_key, search_key};
use crate::page::{Page, PageRequest, page};
use crate::principal::Principal;
use crate::quota::{self, Resource};
use crate::store::{Condition, Entity, Tx, at_least, clear, is, null, one_of, record, set, some};
use crate::user::User;
use crate::{Call, Error, PlanId, UserId, retention, settings};

/// Organizations of which a person may be the owner, 20, so that nobody fills the server without a plan's limits.
const MAX_OWNED: usize = 20;

record! {
    /// An organization. Names need not differ: one that is taken would tell of another tenant.
    pub struct Organization in "tenancy_organizations" {
        /// `org_…`.
        pub id: OrganizationId,
        /// Its name.
        pub name: String,
        /// What is searched.
        pub(crate) name_key: String,
        /// Its plan.
        pub plan_id: PlanId,
        /// How many owners it has, so that the last cannot leave however many leave at once.
        pub(crate) owners: i64,
        /// When it was created.
        pub created_at: WallTime,
        /// When it was changed.
        pub updated_at: WallTime,
        /// Since when an operator suspends it.
        pub suspended_at: Option<WallTime>,
        /// When it was deleted.
        pub deleted_at: Option<WallTime>,
    }
}

impl Organization {
    pub(crate) fn about(&self) -> About {
        about(self.id)
    }
}

pub(crate) fn about(id: OrganizationId) -> About {
    About { organization_id: Some(id), project_id: None, entity: Entity::of(id) }
}

/// Creates an organization, whose owner is the person who asks.
///
/// # Errors
///
/// [`Error::Refused`] when they own 20 already.
pub async fn create<T: Tx>(tx: &mut T, call: &Call, name: &str) -> Result<Organization, Error> {
    let user_id = call.user()?;
    let mut fields = Fields::new();
    let name = fields.name("/name", name);
    fields.check()?;
    // What they own is counted, so it is created one after the other.
    tx.lock::<User>(user_id).await?;
    let owned = owned_by(tx, user_id).await?;
    if owned.len() >= MAX_OWNED {
        return Err(Error::refused(STATE, "A person owns at most 20 organizations."));
    }
    let organization = Organization {
        id: call.id(),
        name_key: name_key(&name),
        name,
        plan_id: settings::current(tx).await?.default_plan_id,
        owners: 1,
        created_at: call.now,
        updated_at: call.now,
        suspended_at: None,
        deleted_at: None,
    };
    tx.insert(&organization).await?;
    for resource in [Resource::Projects, Resource::Streams] {
        quota::start(tx, organization.id, resource).await?;
    }
    member::insert(tx, call, organization.id, user_id, Role::Owner).await?;
    call.record(tx, "organization.created", organization.about(), &[]).await?;
    Ok(organization)
}

/// An organization.
///
/// # Errors
///
/// See [`authorize`].
pub async fn read<T: Tx>(tx: &mut T, call: &Call, id: OrganizationId) -> Result<Organization, Error> {
    authorize(tx, call, Permission::OrganizationRead, Target::Organization(id)).await?.organization().cloned()
}

/// The organizations of the person who asks.
///
/// # Errors
///
/// [`Error::Unauthenticated`]; [`Error::Forbidden`] for a key.
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    request: PageRequest<OrganizationId>,
) -> Result<Page<Organization, OrganizationId>, Error> {
    if let Principal::Key(_) = call.principal {
        return Err(Error::Forbidden(Permission::OrganizationRead));
    }
    let ids = member::organizations_of(tx, call.user()?).await?;
    let filter = vec![one_of("id", ids), null("deleted_at")];
    page(tx, filter, request, |organization: &Organization| organization.id).await
}

/// Renames an organization.
///
/// # Errors
///
/// See [`authorize`].
pub async fn rename<T: Tx>(
    tx: &mut T,
    call: &Call,
    id: OrganizationId,
    name: &str,
) -> Result<Organization, Error> {
    authorize(tx, call, Permission::OrganizationUpdate, Target::Organization(id)).await?;
    let mut fields = Fields::new();
    let name = fields.name("/name", name);
    fields.check()?;
    let assign = vec![set("name_key", name_key(&name)), set("name", name), set("updated_at", call.now)];
    tx.update::<Organization>(vec![is("id", id), null("deleted_at")], assign).await?;
    call.record(tx, "organization.updated", about(id), &["name"]).await?;
    tx.get(id).await?.ok_or(Error::NotFound)
}

/// Deletes an organization. Only it is marked; all that lies in it is out of reach with it. An operator can bring it back
/// for 30 days.
///
/// # Errors
///
/// See [`authorize`].
pub async fn delete<T: Tx>(tx: &mut T, call: &Call, id: OrganizationId) -> Result<(), Error> {
    authorize(tx, call, Permission::OrganizationDelete, Target::Organization(id)).await?;
    let assign = vec![set("deleted_at", call.now), set("updated_at", call.now)];
    if tx.update::<Organization>(vec![is("id", id), null("deleted_at")], assign).await? == 0 {
        return Err(Error::NotFound);
    }
    call.record(tx, "organization.deleted", about(id), &[]).await
}

/// Brings a deleted organization back. For operators.
///
/// # Errors
///
/// [`Error::NotFound`] when it was not deleted in the last 30 days; [`Error::Refused`] when no owner of it is left.
pub async fn restore<T: Tx>(tx: &mut T, call: &Call, id: OrganizationId) -> Result<Organization, Error> {
    authority::operator(call)?;
    let owners = vec![is("organization_id", id), is("role", Role::Owner)];
    let ownerless = tx.find::<Member>(owners).await?.is_none();
    let since = call.now.minus(retention::KEPT);
    let filter = vec![is("id", id), at_least("deleted_at", since)];
    let assign = vec![clear("deleted_at"), set("updated_at", call.now)];
    if tx.update::<Organization>(filter, assign).await? == 0 {
        return Err(Error::NotFound);
    }
    if ownerless {
        return Err(Error::refused(STATE, "Its owners were erased, so that nobody could reach it."));
    }
    call.record(tx, "organization.restored", about(id), &[]).await?;
    tx.get(id).await?.ok_or(Error::NotFound)
}

/// Suspends an organization, or lifts that: its people and keys reach nothing in it, and its streams end. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn suspend<T: Tx>(
    tx: &mut T,
    call: &Call,
    id: OrganizationId,
    suspended: bool,
) -> Result<Organization, Error> {
    authority::operator(call)?;
    let mark = if suspended { set("suspended_at", call.now) } else { clear("suspended_at") };
    let unmarked = if suspended { null("suspended_at") } else { some("suspended_at") };
    let filter = vec![is("id", id), null("deleted_at"), unmarked];
    if tx.update::<Organization>(filter, vec![mark, set("updated_at", call.now)]).await? == 1 {
        let action = if suspended { "organization.suspended" } else { "organization.resumed" };
        call.record(tx, action, about(id), &["suspended_at"]).await?;
    }
    let found: Option<Organization> = tx.get(id).await?;
    found.filter(|organization| organization.deleted_at.is_none()).ok_or(Error::NotFound)
}

/// Which organizations an operator wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationFilter {
    /// Names that begin with this, without regard to case.
    pub search: Option<String>,
    /// Suspended or not.
    pub suspended: Option<bool>,
    /// Deleted ones, which can be restored, instead of those that are there.
    pub deleted: bool,
}

/// All organizations. For operators.
///
/// # Errors
///
/// See [`operator`](authority::operator).
pub async fn list_all<T: Tx>(
    tx: &mut T,
    call: &Call,
    wanted: &OrganizationFilter,
    request: PageRequest<OrganizationId>,
) -> Result<Page<Organization, OrganizationId>, Error> {
    authority::operator(call)?;
    let mut filter = vec![if wanted.deleted { some("deleted_at") } else { null("deleted_at") }];
    filter.extend(wanted.search.as_ref().map(|text| Condition::Prefix("name_key", search_key(text))));
    filter.extend(wanted.suspended.map(|yes| if yes { some("suspended_at") } else { null("suspended_at") }));
    page(tx, filter, request, |organization: &Organization| organization.id).await
}

/// Counts an owner more or less; `false` when the last one would go.
pub(crate) async fn count_owners<T: Tx>(tx: &mut T, id: OrganizationId, change: i64) -> Result<bool, Error> {
    // One remains: `owners - 1` stays from 1 on.
    let filter =
        if change < 0 { vec![is("id", id), at_least("owners", 1 - change)] } else { vec![is("id", id)] };
    Ok(tx.update::<Organization>(filter, vec![crate::store::add("owners", change)]).await? == 1)
}

/// The organizations that a person owns and that are there.
async fn owned_by<T: Tx>(tx: &mut T, user_id: UserId) -> Result<Vec<Organization>, Error> {
    let filter = vec![is("user_id", user_id), is("role", Role::Owner)];
    let owned: Vec<Member> = tx.list(filter, member::MAX_MEMBERSHIPS).await?;
    let ids = owned.iter().map(|member| member.organization_id);
    tx.list(vec![one_of("id", ids), null("deleted_at")], member::MAX_MEMBERSHIPS).await
}

/// Whether a person is the only owner of an organization that is there.
pub(crate) async fn is_sole_owner<T: Tx>(tx: &mut T, user_id: UserId) -> Result<bool, Error> {
    Ok(owned_by(tx, user_id).await?.iter().any(|organization| organization.owners <= 1))
}
