//! Usage: what was streamed, delivered and asked, by project and UTC day.
//!
//! A server counts in memory and reports now and then. A report is named by the server and a number, and counts once however
//! often it is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use platform_core::{OrganizationId, ProjectId, WallTime};

use crate::authority::{Permission, Target, authorize};
use crate::organization::Organization;
use crate::plan::Plan;
use crate::quota::{self, Level, Resource};
use crate::store::{Tx, add, at_least, below, is, named, null, one_of, record};
use crate::{Call, Error, lease};

/// Rows that are read at once, 10,000: each metric for four years.
const MAX_ROWS: u32 = 10_000;

named! {
    /// What is counted.
    pub enum Metric {
        /// Seconds of streams that were live.
        StreamingSeconds = "streaming_seconds",
        /// Bytes from encoders.
        ReceivedBytes = "received_bytes",
        /// Bytes to viewers.
        DeliveredBytes = "delivered_bytes",
        /// Seconds that viewers watched.
        ViewerSeconds = "viewer_seconds",
        /// Requests to the API.
        ApiRequests = "api_requests",
        /// Playback tokens minted.
        TokensMinted = "tokens_minted",
    }
}

impl Metric {
    /// What counts a resource that is used by the month.
    fn of(resource: Resource) -> Option<Self> {
        match resource {
            Resource::StreamingSeconds => Some(Self::StreamingSeconds),
            Resource::DeliveredBytes => Some(Self::DeliveredBytes),
            Resource::ApiRequests => Some(Self::ApiRequests),
            _ => None,
        }
    }
}

record! {
    /// How much of something a project, or all of an organization, used on a day.
    pub struct Usage in "tenancy_usage" {
        /// Project or organization, metric and day.
        pub id: String,
        /// The organization.
        pub organization_id: OrganizationId,
        /// The project; `None` for the sum of the organization.
        pub project_id: Option<ProjectId>,
        /// Of what.
        pub metric: Metric,
        /// The day's beginning in UTC.
        pub day: WallTime,
        /// How much.
        pub value: i64,
    }
}

record! {
    /// A report that was counted.
    pub struct Report in "tenancy_usage_reports" {
        /// The server and its number.
        pub id: String,
        /// When it was counted.
        pub created_at: WallTime,
    }
}

/// How long a report is remembered, 7 days: within that a server that was away may send it again.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// Something that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// In which organization.
    pub organization_id: OrganizationId,
    /// In which project; `None` for what was of the organization alone.
    pub project_id: Option<ProjectId>,
    /// Of what.
    pub metric: Metric,
    /// On which day: any moment of it.
    pub at: WallTime,
    /// How much more.
    pub amount: i64,
}

pub(crate) fn day_of(time: WallTime) -> WallTime {
    const DAY_MS: i64 = 86_400_000;
    WallTime::from_unix_ms(time.unix_ms() / DAY_MS * DAY_MS)
}

/// Counts a report of a server, once for each `report`; `false` when it was counted before.
///
/// # Errors
///
/// The store's.
pub async fn count<T: Tx>(tx: &mut T, call: &Call, report: &str, used: &[Used]) -> Result<bool, Error> {
    if !tx.insert_new(&Report { id: report.to_owned(), created_at: call.now }).await? {
        return Ok(false);
    }
    // The sums are kept too, so that no limit has to be compared with thousands of rows. In one order, so that none of
    // several reports waits for another in a circle.
    let mut sums: BTreeMap<String, Usage> = BTreeMap::new();
    for one in used {
        for project_id in one.project_id.map(Some).into_iter().chain([None]) {
            let row = row(one, project_id);
            let sum = sums.entry(row.id.clone()).or_insert(Usage { value: 0, ..row });
            sum.value = sum.value.saturating_add(one.amount.max(0));
        }
    }
    for row in sums.into_values() {
        let (this, more) = (vec![is("id", row.id.clone())], vec![add("value", row.value)]);
        if tx.update::<Usage>(this.clone(), more.clone()).await? == 0 && !tx.insert_new(&row).await? {
            tx.update::<Usage>(this, more).await?;
        }
    }
    Ok(true)
}

fn row(used: &Used, project_id: Option<ProjectId>) -> Usage {
    let day = day_of(used.at);
    let of = project_id.map_or_else(|| used.organization_id.to_string(), |id| id.to_string());
    let id = format!("{of}:{}:{}", used.metric, day.unix_ms());
    Usage { id, organization_id: used.organization_id, project_id, metric: used.metric, day, value: 0 }
}

/// Usage of a project or a whole organization by day, the days from `from` to before `until`.
///
/// # Errors
///
/// See [`authorize`].
pub async fn read<T: Tx>(
    tx: &mut T,
    call: &Call,
    target: Target,
    from: WallTime,
    until: WallTime,
) -> Result<Vec<Usage>, Error> {
    let access = authorize(tx, call, Permission::UsageRead, target).await?;
    let mut filter = vec![at_least("day", day_of(from)), below("day", until)];
    filter.push(is("organization_id", access.organization_id));
    filter.push(access.project_id().map_or(null("project_id"), |id| is("project_id", id)));
    tx.list(filter, MAX_ROWS).await
}

/// What the organization of a project or it itself may use, and has: counted resources now, monthly ones since the month
/// began. Publishers are counted by their leases; concurrent viewers are known to the live path.
///
/// # Errors
///
/// See [`authorize`].
pub async fn levels<T: Tx>(tx: &mut T, call: &Call, target: Target) -> Result<Vec<Level>, Error> {
    let access = authorize(tx, call, Permission::UsageRead, target).await?;
    let limits = access.limits(tx).await?;
    let month = call.now.month_start();
    let filter =
        vec![is("organization_id", access.organization_id), null("project_id"), at_least("day", month)];
    let used: Vec<Usage> = tx.list(filter, MAX_ROWS).await?;
    let mut levels = Vec::new();
    for &resource in Resource::ALL {
        let metric = Metric::of(resource);
        let current = match metric {
            Some(metric) => used
                .iter()
                .filter(|one| one.metric == metric)
                .fold(0, |sum: i64, one| sum.saturating_add(one.value)),
            None if resource == Resource::ConcurrentPublishers => {
                let live = lease::of_organization(tx, call, access.organization_id).await?;
                i64::try_from(live).unwrap_or(i64::MAX)
            }
            None => quota::current(tx, access.organization_id, resource).await?,
        };
        levels.push(Level {
            resource,
            limit: limits.get(&resource).copied(),
            current,
            resets_at: metric.map(|_| call.now.next_month_start()),
        });
    }
    Ok(levels)
}

/// What an organization has used since the month began, of these metrics: for limits that are compared every few seconds. It
/// reads a row for each metric and day.
///
/// # Errors
///
/// The store's.
pub async fn of_month<T: Tx>(
    tx: &mut T,
    organization_id: OrganizationId,
    metrics: &[Metric],
    now: WallTime,
) -> Result<BTreeMap<Metric, i64>, Error> {
    let filter = vec![
        is("organization_id", organization_id),
        null("project_id"),
        at_least("day", now.month_start()),
        one_of("metric", metrics.iter().copied()),
    ];
    let rows: Vec<Usage> = tx.list(filter, MAX_ROWS).await?;
    let mut sums: BTreeMap<Metric, i64> = metrics.iter().map(|metric| (*metric, 0)).collect();
    for row in rows {
        let sum = sums.entry(row.metric).or_default();
        *sum = sum.saturating_add(row.value);
    }
    Ok(sums)
}

/// What an organization may use of these resources by the month, and has since it began; nothing of those that its plan does not
/// limit. For limits that are compared every few seconds: it reads the plan, and a row for each metric and day.
///
/// # Errors
///
/// [`Error::NotFound`]; the store's.
pub async fn monthly<T: Tx>(
    tx: &mut T,
    organization_id: OrganizationId,
    resources: &[Resource],
    now: WallTime,
) -> Result<Vec<Level>, Error> {
    let organization: Option<Organization> = tx.get(organization_id).await?;
    let organization = organization.filter(|one| one.deleted_at.is_none()).ok_or(Error::NotFound)?;
    let limits = Plan::limits_of(tx, &organization).await?;
    let limited = |resource: &Resource| Some((*resource, Metric::of(*resource)?, *limits.get(resource)?));
    let limited: Vec<_> = resources.iter().filter_map(limited).collect();
    if limited.is_empty() {
        return Ok(Vec::new());
    }
    let metrics: Vec<_> = limited.iter().map(|(_, metric, _)| *metric).collect();
    let used = of_month(tx, organization_id, &metrics, now).await?;
    let level = |(resource, metric, limit): (Resource, Metric, i64)| Level {
        resource,
        limit: Some(limit),
        current: used.get(&metric).copied().unwrap_or(0),
        resets_at: Some(now.next_month_start()),
    };
    Ok(limited.into_iter().map(level).collect())
}
