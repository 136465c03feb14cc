//! Quotas: what is counted, and how no more than allowed is taken.

use std::time::Duration;

use platform_core::{EventType, OrganizationId, WallTime};
use serde_json::json;

use crate::authority::Access;
use crate::call::About;
use crate::store::{Cell as _, Change, Condition, Entity, Tx, Value, add, is, named, record};
use crate::{Call, Error, usage};

const WARNING: EventType = EventType::of("quota.warning");
const EXCEEDED: EventType = EventType::of("quota.exceeded");

/// How long it is remembered that an organization was told, 40 days: longer than any month.
pub(crate) const NOTICE_KEPT: Duration = Duration::from_secs(40 * 86_400);

named! {
    /// What a plan limits.
    pub enum Resource {
        /// Projects that exist.
        Projects = "projects",
        /// Streams that exist.
        Streams = "streams",
        /// Encoders that publish at the same time.
        ConcurrentPublishers = "concurrent_publishers",
        /// Viewers at the same time.
        ConcurrentViewers = "concurrent_viewers",
        /// Seconds of streams that were live in a month.
        StreamingSeconds = "streaming_seconds",
        /// Bytes of recordings that exist.
        StorageBytes = "storage_bytes",
        /// Bytes delivered to viewers in a month.
        DeliveredBytes = "delivered_bytes",
        /// Requests to the API in a month.
        ApiRequests = "api_requests",
    }
}

impl Resource {
    /// Whether it is counted by the calendar month, and not by what there is.
    pub const fn is_monthly(self) -> bool {
        matches!(self, Self::StreamingSeconds | Self::DeliveredBytes | Self::ApiRequests)
    }

    /// What to do when there is no more of it.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Projects => "delete a project or ask for a larger plan.",
            Self::Streams => "delete a stream or ask for a larger plan.",
            Self::ConcurrentPublishers => "end a stream or ask for a larger plan.",
            Self::ConcurrentViewers => "wait until some have left or ask for a larger plan.",
            Self::StorageBytes => "delete recordings or ask for a larger plan.",
            Self::StreamingSeconds | Self::DeliveredBytes | Self::ApiRequests => {
                "wait for the next month or ask for a larger plan."
            }
        }
    }
}

record! {
    /// How much of a counted resource an organization has.
    pub struct Counter in "tenancy_counters" {
        /// The organization's id and the resource's name.
        pub id: String,
        /// The organization.
        pub organization_id: OrganizationId,
        /// What is counted.
        pub resource: Resource,
        /// How much there is.
        pub value: i64,
    }
}

record! {
    /// That an organization was told of a limit which it has reached.
    pub struct Notice in "tenancy_quota_notices" {
        /// The organization, the resource and the day or month.
        pub id: String,
        /// When it was told.
        pub created_at: WallTime,
    }
}

fn key(organization_id: OrganizationId, resource: Resource) -> String {
    format!("{organization_id}:{}", resource.as_str())
}

/// Counts `amount` more, if the plan allows.
pub(crate) async fn take<T: Tx>(
    tx: &mut T,
    call: &Call,
    access: &Access,
    resource: Resource,
    amount: i64,
) -> Result<(), Error> {
    if amount == 0 {
        // Nothing fits even where more is used than a lowered limit allows.
        return Ok(());
    }
    let taking = Taking::of(tx, access, resource, amount).await?;
    let [taken] = tx.change([taking.change()]).await?;
    taking.finish(tx, call, taken).await
}

/// That more of a resource is to be counted, if the plan allows: one conditional update, so that however many come at once,
/// no more than the limit get through.
pub(crate) struct Taking {
    organization_id: OrganizationId,
    resource: Resource,
    amount: i64,
    /// What the plan allows; `None`: as much as there is.
    limit: Option<i64>,
}

impl Taking {
    pub(crate) async fn of<T: Tx>(
        tx: &mut T,
        access: &Access,
        resource: Resource,
        amount: i64,
    ) -> Result<Self, Error> {
        let limit = access.limits(tx).await?.get(&resource).copied();
        Ok(Self { organization_id: access.organization_id, resource, amount, limit })
    }

    fn bound(&self) -> i64 {
        self.limit.unwrap_or(i64::MAX)
    }

    /// The update, which tells how much there is then, and finds nothing where it would be too much.
    pub(crate) fn change(&self) -> Change {
        let fits = Condition::Fits { column: "value", add: self.amount, limit: self.bound() };
        let filter = vec![is("id", key(self.organization_id, self.resource)), fits];
        Change::update::<Counter>(filter, vec![add("value", self.amount)], "value")
    }

    /// What follows from what the update told.
    pub(crate) async fn finish<T: Tx>(
        &self,
        tx: &mut T,
        call: &Call,
        taken: Option<Value>,
    ) -> Result<(), Error> {
        let (organization_id, resource) = (self.organization_id, self.resource);
        if let Some(value) = taken {
            return self.warn(tx, call, value).await;
        }
        let counter: Option<Counter> = tx.get(key(organization_id, resource)).await?;
        let current = match counter {
            Some(counter) => counter.value,
            // The first of its organization.
            None => {
                start(tx, organization_id, resource).await?;
                let [taken] = tx.change([self.change()]).await?;
                if let Some(value) = taken {
                    return self.warn(tx, call, value).await;
                }
                current(tx, organization_id, resource).await?
            }
        };
        Err(Error::QuotaExceeded { organization_id, resource, limit: self.bound(), current })
    }

    /// Announces that most of a resource is used, by whoever crosses that mark.
    async fn warn<T: Tx>(&self, tx: &mut T, call: &Call, value: Value) -> Result<(), Error> {
        let Some(limit) = self.limit else { return Ok(()) };
        let current = i64::from_value(value).ok_or_else(|| Error::internal("a counter holds a number"))?;
        // At least 80 %, rounded up.
        let mark = limit - limit / 5;
        if current < mark || current - self.amount >= mark {
            return Ok(());
        }
        announce(tx, call, WARNING, self.organization_id, (self.resource, limit, current)).await
    }
}

/// Announces that a limit has refused something; once a day for what there is, once a month for what is counted by the month.
/// Whether it was announced now. What was refused is rolled back, so this has a transaction of its own.
///
/// # Errors
///
/// The store's.
pub async fn refused<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
    resource: Resource,
    limit: i64,
    current: i64,
) -> Result<bool, Error> {
    let since = if resource.is_monthly() { call.now.month_start() } else { usage::day_of(call.now) };
    let id = format!("{}:{}", key(organization_id, resource), since.unix_ms());
    if !tx.insert_new(&Notice { id, created_at: call.now }).await? {
        return Ok(false);
    }
    announce(tx, call, EXCEEDED, organization_id, (resource, limit, current)).await?;
    Ok(true)
}

/// Announces how much of a resource is used.
async fn announce<T: Tx>(
    tx: &mut T,
    call: &Call,
    kind: EventType,
    organization_id: OrganizationId,
    (resource, limit, current): (Resource, i64, i64),
) -> Result<(), Error> {
    let entity = Entity::named("quota", key(organization_id, resource));
    let about = About { organization_id: Some(organization_id), project_id: None, entity };
    let data = json!({ "resource": resource, "limit": limit, "current": current });
    call.announce(tx, kind, &about, &data).await
}

/// Counts as much of `amount` more as the plan allows: how much that was, and what whoever gets nothing is told.
pub(crate) async fn take_up_to<T: Tx>(
    tx: &mut T,
    call: &Call,
    access: &Access,
    resource: Resource,
    amount: i64,
) -> Result<(i64, Option<Error>), Error> {
    // Nobody else takes any between the first attempt and the second.
    lock(tx, access.organization_id, resource).await?;
    let (limit, current) = match take(tx, call, access, resource, amount).await {
        Ok(()) => return Ok((amount, None)),
        Err(Error::QuotaExceeded { limit, current, .. }) => (limit, current),
        Err(error) => return Err(error),
    };
    let rest = limit.saturating_sub(current).clamp(0, amount);
    take(tx, call, access, resource, rest).await?;
    let organization_id = access.organization_id;
    let full =
        Error::QuotaExceeded { organization_id, resource, limit, current: current.saturating_add(rest) };
    Ok((rest, Some(full)))
}

/// Counts `amount` less.
pub(crate) async fn give_back<T: Tx>(
    tx: &mut T,
    organization_id: OrganizationId,
    resource: Resource,
    amount: i64,
) -> Result<(), Error> {
    let floor = Condition::Fits { column: "value", add: -amount, limit: i64::MAX };
    let filter = vec![is("id", key(organization_id, resource)), floor];
    tx.update::<Counter>(filter, vec![add("value", -amount)]).await.map(drop)
}

/// Holds the counter of a resource until the transaction ends: who counts by rows of its own waits for others who do.
pub(crate) async fn lock<T: Tx>(
    tx: &mut T,
    organization_id: OrganizationId,
    resource: Resource,
) -> Result<(), Error> {
    for _ in 0..2 {
        let counter = vec![is("id", key(organization_id, resource))];
        if tx.update::<Counter>(counter, vec![add("value", 0)]).await? == 1 {
            return Ok(());
        }
        start(tx, organization_id, resource).await?;
    }
    Err(Error::internal("a counter that was made is gone"))
}

/// Makes the counter of a resource.
pub(crate) async fn start<T: Tx>(
    tx: &mut T,
    organization_id: OrganizationId,
    resource: Resource,
) -> Result<(), Error> {
    let id = key(organization_id, resource);
    tx.insert_new(&Counter { id, organization_id, resource, value: 0 }).await.map(drop)
}

/// How much of a counted resource there is.
pub(crate) async fn current<T: Tx>(
    tx: &mut T,
    organization_id: OrganizationId,
    resource: Resource,
) -> Result<i64, Error> {
    let counter: Option<Counter> = tx.get(key(organization_id, resource)).await?;
    Ok(counter.map_or(0, |counter| counter.value))
}

/// A resource of an organization, as `/v1/usage` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// What.
    pub resource: Resource,
    /// How much the plan allows; `None`: as much as there is.
    pub limit: Option<i64>,
    /// How much there is, or was used this month.
    pub current: i64,
    /// When the count begins anew, for what is counted by the month.
    pub resets_at: Option<WallTime>,
}
