//! Settings of the server that operators change while it runs.

use platform_core::WallTime;

use crate::authority;
use crate::call::About;
use crate::plan::Plan;
use crate::store::{Entity, Tx, is, record, set};
use crate::{Call, Error, PlanId, name};

/// The one row's id.
const ID: &str = "settings";
/// For how many days the audit log is kept unless an operator says otherwise, a year.
pub const AUDIT_DAYS: i64 = 365;
/// The most days that an operator may have it kept, ten years.
pub const MAX_AUDIT_DAYS: i64 = 3_650;

record! {
    /// Settings of the server.
    pub struct Settings in "tenancy_settings" {
        /// Always the same.
        pub id: String,
        /// Whether anybody may register.
        pub registrations: bool,
        /// Whether the API reads only. Who publishes and plays is not concerned.
        pub maintenance: bool,
        /// The plan of new organizations.
        pub default_plan_id: PlanId,
        /// When they were changed.
        pub updated_at: WallTime,
        /// For how many days the audit log is kept.
        pub audit_days: i64,
        /// How names are compared in this store.
        pub(crate) name_keys: i64,
    }
}

/// What of the settings is to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsPatch {
    /// Whether anybody may register.
    pub registrations: Option<bool>,
    /// Whether the API reads only.
    pub maintenance: Option<bool>,
    /// The plan of new organizations.
    pub default_plan_id: Option<PlanId>,
    /// For how many days the audit log is kept, from 1 to [`MAX_AUDIT_DAYS`].
    pub audit_days: Option<i64>,
}

impl Settings {
    /// What caches know them as.
    pub fn entity() -> Entity {
        Entity::named("settings", ID)
    }

    pub(crate) async fn load<T: Tx>(tx: &mut T) -> Result<Option<Self>, Error> {
        tx.get(ID.to_owned()).await
    }

    pub(crate) async fn insert<T: Tx>(tx: &mut T, plan: PlanId, now: WallTime) -> Result<(), Error> {
        let settings = Self {
            id: ID.to_owned(),
            registrations: true,
            maintenance: false,
            default_plan_id: plan,
            updated_at: now,
            audit_days: AUDIT_DAYS,
            name_keys: name::VERSION,
        };
        tx.insert_new(&settings).await.map(drop)
    }

    /// Writes down how names are compared.
    pub(crate) async fn names_are_keyed<T: Tx>(tx: &mut T, version: i64) -> Result<(), Error> {
        tx.update::<Self>(vec![is("id", ID.to_owned())], vec![set("name_keys", version)]).await.map(drop)
    }
}

/// The settings, for the server itself and the rules.
///
/// # Errors
///
/// The store's.
pub async fn current<T: Tx>(tx: &mut T) -> Result<Settings, Error> {
    Settings::load(tx).await?.ok_or_else(|| Error::internal("the store was not set up"))
}

/// The settings. For operators.
///
/// # Errors
///
/// See [`operator`](authority::operator).
pub async fn read<T: Tx>(tx: &mut T, call: &Call) -> Result<Settings, Error> {
    authority::operator(call)?;
    current(tx).await
}

/// Changes settings. For operators.
///
/// # Errors
///
/// [`Error::Invalid`] for a plan that does not exist, or days out of range.
pub async fn update<T: Tx>(tx: &mut T, call: &Call, patch: &SettingsPatch) -> Result<Settings, Error> {
    authority::operator(call)?;
    let (mut assign, mut changed) = (vec![set("updated_at", call.now)], Vec::new());
    if let Some(registrations) = patch.registrations {
        assign.push(set("registrations", registrations));
        changed.push("registrations");
    }
    if let Some(maintenance) = patch.maintenance {
        assign.push(set("maintenance", maintenance));
        changed.push("maintenance");
    }
    if let Some(plan_id) = patch.default_plan_id {
        if tx.get::<Plan>(plan_id).await?.is_none() {
            return Err(Error::field("/default_plan_id", "unknown", "There is no such plan."));
        }
        assign.push(set("default_plan_id", plan_id));
        changed.push("default_plan_id");
    }
    if let Some(days) = patch.audit_days {
        if !(1..=MAX_AUDIT_DAYS).contains(&days) {
            return Err(Error::field("/audit_days", "out_of_range", "From 1 to 3,650 days."));
        }
        assign.push(set("audit_days", days));
        changed.push("audit_days");
    }
    tx.update::<Settings>(vec![is("id", ID.to_owned())], assign).await?;
    let about = About { organization_id: None, project_id: None, entity: Settings::entity() };
    call.record(tx, "settings.updated", about, &changed).await?;
    current(tx).await
}
