//! Plans: what an organization may use.

use std::sync::Arc;

use platform_core::WallTime;

use crate::authority;
use crate::call::About;
use crate::field::Fields;
use crate::organization::Organization;
use crate::page::{Page, PageRequest, page};
use crate::quota::Resource;
use crate::settings::Settings;
use crate::store::{Entity, Json, Tx, is, named, null, record, set};
use crate::{Call, Error, PlanId};
use platform_core::OrganizationId;
use platform_core::problem::pointer;

named! {
    /// What happens to running sessions when the bytes of a month are used up. New ones are refused in any case.
    #[derive(Default)]
    pub enum BytesLimit {
        /// They go on until their handles end.
        #[default]
        Soft = "soft",
        /// They end.
        Hard = "hard",
    }
}

record! {
    /// A plan. Months are calendar months in UTC.
    pub struct Plan in "tenancy_plans" {
        /// `pln_…`.
        pub id: PlanId,
        /// Its name.
        pub name: String,
        /// What it is compared by.
        pub(crate) name_key: String,
        /// What it allows; what is not named is not limited.
        pub limits: Json<Limits>,
        /// When it was created.
        pub created_at: WallTime,
        /// When it was changed.
        pub updated_at: WallTime,
        /// What happens to running sessions at the limit of [`Resource::DeliveredBytes`].
        pub bytes_limit: BytesLimit,
    }
    unique "name" on "name_key"
}

/// How much of each resource, by its name. What is not named is not limited.
pub type Limits = std::collections::BTreeMap<Resource, i64>;

impl Plan {
    /// How much of a resource; `None`: as much as there is.
    pub fn limit(&self, resource: Resource) -> Option<i64> {
        self.limits.0.get(&resource).copied()
    }

    /// The limits of an organization's plan.
    pub(crate) async fn limits_of<T: Tx>(
        tx: &mut T,
        organization: &Organization,
    ) -> Result<Arc<Limits>, Error> {
        Ok(Arc::new(Self::of(tx, organization).await?.limits.0))
    }

    /// An organization's plan.
    pub(crate) async fn of<T: Tx>(tx: &mut T, organization: &Organization) -> Result<Self, Error> {
        let plan: Option<Self> = tx.get(organization.plan_id).await?;
        plan.ok_or_else(|| Error::internal("an organization's plan is gone"))
    }
}

/// A plan to be created, or what becomes of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanInput {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub limits: Limits,
    /// What happens to running sessions at the limit of [`Resource::DeliveredBytes`].
    pub bytes_limit: BytesLimit,
}

/// What the plan of new organizations allows in a new store, so that whoever registers fills no disk before an operator has had
/// a look: more than most will need, and an operator's to change. What follows viewers and encoders is not limited.
const DEFAULT_LIMITS: [(Resource, i64); 3] =
    [(Resource::Projects, 50), (Resource::Streams, 5_000), (Resource::ApiRequests, 50_000_000)];

/// Makes the plans and the settings of a new store: one that new organizations get, and one without limits.
pub(crate) async fn set_up<T: Tx>(tx: &mut T, call: &Call) -> Result<(), Error> {
    if Settings::load(tx).await?.is_some() {
        return Ok(());
    }
    let plan = |name: &str, limits| Plan {
        id: call.id(),
        name: name.to_owned(),
        name_key: crate::name::name_key(name),
        limits: Json(limits),
        created_at: call.now,
        updated_at: call.now,
        bytes_limit: BytesLimit::default(),
    };
    tx.insert_new(&plan("Unlimited", Limits::new())).await?;
    let default = plan("Default", Limits::from(DEFAULT_LIMITS));
    // Unless another server has made it meanwhile, with the settings.
    if tx.insert_new(&default).await? { Settings::insert(tx, default.id, call.now).await } else { Ok(()) }
}

/// Creates a plan. For operators.
///
/// # Errors
///
/// [`Error::Conflict`] when there is one of this name.
pub async fn create<T: Tx>(tx: &mut T, call: &Call, input: &PlanInput) -> Result<Plan, Error> {
    authority::operator(call)?;
    let name = check(input)?;
    let plan = Plan {
        id: call.id(),
        name_key: crate::name::name_key(&name),
        name,
        limits: Json(input.limits.clone()),
        created_at: call.now,
        updated_at: call.now,
        bytes_limit: input.bytes_limit,
    };
    tx.insert(&plan).await?;
    call.audit(tx, "plan.created", &about(plan.id), &[]).await?;
    Ok(plan)
}

/// Replaces a plan's name and limits. A lowered limit refuses what is new and takes nothing away. For operators.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Conflict`].
pub async fn update<T: Tx>(tx: &mut T, call: &Call, id: PlanId, input: &PlanInput) -> Result<Plan, Error> {
    authority::operator(call)?;
    let name = check(input)?;
    let assign = vec![
        set("name_key", crate::name::name_key(&name)),
        set("name", name),
        set("limits", Json(input.limits.clone())),
        set("bytes_limit", input.bytes_limit),
        set("updated_at", call.now),
    ];
    tx.update::<Plan>(vec![is("id", id)], assign).await?;
    let plan = tx.get(id).await?.ok_or(Error::NotFound)?;
    call.record(tx, "plan.updated", about(id), &["name", "limits", "bytes_limit"]).await?;
    Ok(plan)
}

/// A plan. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn read<T: Tx>(tx: &mut T, call: &Call, id: PlanId) -> Result<Plan, Error> {
    authority::operator(call)?;
    tx.get(id).await?.ok_or(Error::NotFound)
}

/// All plans. For operators.
///
/// # Errors
///
/// See [`operator`](authority::operator).
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    request: PageRequest<PlanId>,
) -> Result<Page<Plan, PlanId>, Error> {
    authority::operator(call)?;
    page(tx, Vec::new(), request, |plan: &Plan| plan.id).await
}

/// Puts an organization on a plan. For operators.
///
/// # Errors
///
/// [`Error::NotFound`] for the organization or the plan.
pub async fn assign<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    plan_id: PlanId,
) -> Result<(), Error> {
    authority::operator(call)?;
    let _: Plan = tx.get(plan_id).await?.ok_or(Error::NotFound)?;
    let filter = vec![is("id", organization_id), null("deleted_at")];
    let assign = vec![set("plan_id", plan_id), set("updated_at", call.now)];
    if tx.update::<Organization>(filter, assign).await? == 0 {
        return Err(Error::NotFound);
    }
    let about = About {
        organization_id: Some(organization_id),
        project_id: None,
        entity: Entity::of(organization_id),
    };
    call.record(tx, "organization.plan_changed", about, &["plan_id"]).await
}

fn check(input: &PlanInput) -> Result<String, Error> {
    let mut fields = Fields::new();
    let name = fields.name("/name", &input.name);
    for (resource, _) in input.limits.iter().filter(|(_, limit)| **limit < 0) {
        let detail = "A limit is 0 or more; leave out what is not limited.";
        fields.wrong(pointer("/limits", resource.as_str()), "negative", detail);
    }
    fields.check()?;
    Ok(name)
}

fn about(id: PlanId) -> About {
    About { organization_id: None, project_id: None, entity: Entity::of(id) }
}
