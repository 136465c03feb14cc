//! The audit log: who changed what, committed with the change.
//!
//! A row names the fields that changed, not their values, which may be personal. Rows are sorted by their ids, which sort by
//! time.

use std::net::IpAddr;

use super::changes::Entity;
use super::{Error, FromColumn, Query, Row, Tx, query};
use crate::{AuditId, OrganizationId, ProjectId, WallTime};

/// Fields that a row names, 64 at most; further ones are left out.
pub const MAX_CHANGED: usize = 64;

/// Most rows of a [`page`].
pub const MAX_PAGE: usize = 1000;

/// Most actions that [`counts`] tells apart.
const MAX_ACTIONS: i64 = 200;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ActorKind {
    /// A person.
    User,
    /// An API key.
    Key,
    /// A person as operator of the server.
    Operator,
    /// The server itself: a clean-up, an expiry.
    System,
}

impl ActorKind {
    /// Its name in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Key => "key",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }
}

impl FromColumn for ActorKind {
    fn from_column(column: super::Column<'_>) -> Result<Self, super::row::Mismatch> {
        let kinds = [Self::User, Self::Key, Self::Operator, Self::System];
        let text = column.text()?;
        kinds.into_iter().find(|kind| kind.as_str() == text).ok_or("is no kind of actor".into())
    }
}

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `aud_…`, made at `created_at`, so that rows sort by time.
    pub id: AuditId,
    /// The organization it concerns; `None` for what concerns the server.
    pub organization_id: Option<OrganizationId>,
    /// The project it concerns.
    pub project_id: Option<ProjectId>,
    /// What kind of caller did it.
    pub actor_kind: ActorKind,
    /// Which; `None` for the server itself, and after [`erase`].
    pub actor_id: Option<String>,
    /// What was done: `stream.created`.
    pub action: String,
    /// What it was done to.
    pub resource: Option<Entity>,
    /// The names of the fields that changed, without values.
    pub changed: Vec<String>,
    /// From where. `None` where no connection was involved, and after [`erase`].
    pub address: Option<IpAddr>,
    /// The request's id, as in the log and the answer.
    pub request_id: Option<String>,
    /// When.
    pub created_at: WallTime,
}

/// Appends a row to the transaction.
///
/// # Errors
///
/// [`Error`].
pub async fn append(tx: &mut Tx, entry: &Entry) -> Result<(), Error> {
    let changed = entry.changed.get(..MAX_CHANGED).unwrap_or(&entry.changed);
    let insert = query(
        "INSERT INTO pulse_audit (id, organization_id, project_id, actor_kind, actor_id, action, resource_kind, \
         resource_id, changed, address, request_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(entry.id)
    .bind(entry.organization_id)
    .bind(entry.project_id)
    .bind(entry.actor_kind.as_str())
    .bind(entry.actor_id.as_ref())
    .bind(&entry.action)
    .bind(entry.resource.as_ref().map(|resource| &*resource.kind))
    .bind(entry.resource.as_ref().map(|resource| &resource.id))
    // Names of fields have no commas.
    .bind(changed.join(","))
    .bind(entry.address.map(|address| address.to_string()))
    .bind(entry.request_id.as_ref())
    .bind(entry.created_at);
    tx.execute_later(insert).await
}

/// Which rows. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Of this organization. Only operators leave it out.
    pub organization_id: Option<OrganizationId>,
    /// Of this project.
    pub project_id: Option<ProjectId>,
    /// By this actor.
    pub actor_id: Option<String>,
    /// With this action.
    pub action: Option<String>,
    /// On this resource.
    pub resource_id: Option<String>,
    /// Not before.
    pub from: Option<WallTime>,
    /// Before.
    pub until: Option<WallTime>,
    /// Without what operators of the server did.
    pub without_operators: bool,
}

impl Filter {
    fn push<'q>(&'q self, mut query: Query<'q>) -> Query<'q> {
        query = query.push(" WHERE 1 = 1");
        if let Some(id) = self.organization_id {
            query = query.push(" AND organization_id = ").push_bind(id);
        }
        if let Some(id) = self.project_id {
            query = query.push(" AND project_id = ").push_bind(id);
        }
        if let Some(id) = &self.actor_id {
            query = query.push(" AND actor_id = ").push_bind(id);
        }
        if let Some(action) = &self.action {
            query = query.push(" AND action = ").push_bind(action);
        }
        if let Some(id) = &self.resource_id {
            query = query.push(" AND resource_id = ").push_bind(id);
        }
        if let Some(from) = self.from {
            query = query.push(" AND created_at >= ").push_bind(from);
        }
        if let Some(until) = self.until {
            query = query.push(" AND created_at < ").push_bind(until);
        }
        if self.without_operators {
            query = query.push(" AND actor_kind <> ").push_bind(ActorKind::Operator.as_str());
        }
        query
    }
}

/// Rows that `filter` lets through, the newest first, from before `before`; `limit` of them, [`MAX_PAGE`] at most. An export
/// streams page after page, each from before the last row of the one that came ahead.
///
/// # Errors
///
/// [`Error`].
pub async fn page(
    tx: &mut Tx,
    filter: &Filter,
    before: Option<AuditId>,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    let mut select = filter.push(query(
        "SELECT id, organization_id, project_id, actor_kind, actor_id, action, resource_kind, resource_id, changed, \
         address, request_id, created_at FROM pulse_audit",
    ));
    if let Some(before) = before {
        select = select.push(" AND id < ").push_bind(before);
    }
    let limit = i64::try_from(limit.min(MAX_PAGE)).unwrap_or(i64::MAX);
    let rows = tx.fetch_all(select.push(" ORDER BY id DESC LIMIT ").push_bind(limit)).await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Entry, Error> {
    let resource = match (row.get::<Option<String>>(6)?, row.get::<Option<String>>(7)?) {
        (Some(kind), Some(id)) => Some(Entity { kind: kind.into(), id }),
        _ => None,
    };
    let address = match row.get::<Option<String>>(9)? {
        Some(text) => Some(text.parse().map_err(|_| Error::column("address", "is no address"))?),
        None => None,
    };
    Ok(Entry {
        id: row.get(0)?,
        organization_id: row.get(1)?,
        project_id: row.get(2)?,
        actor_kind: row.get(3)?,
        actor_id: row.get(4)?,
        action: row.get(5)?,
        resource,
        changed: row.text(8)?.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        address,
        request_id: row.get(10)?,
        created_at: row.get(11)?,
    })
}

/// How often each action occurs in what `filter` lets through, the most frequent first; the 200 most frequent.
///
/// # Errors
///
/// [`Error`].
pub async fn counts(tx: &mut Tx, filter: &Filter) -> Result<Vec<(String, u64)>, Error> {
    let select = filter
        .push(query("SELECT action, COUNT(*) FROM pulse_audit"))
        .push(" GROUP BY action ORDER BY COUNT(*) DESC, action LIMIT ")
        .push_bind(MAX_ACTIONS);
    let rows = tx.fetch_all(select).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Makes the rows by and about somebody anonymous: who and from where is removed from what they did, from where from what was
/// done to them. What was done stays. How many rows were theirs.
///
/// # Errors
///
/// [`Error`].
pub async fn erase(tx: &mut Tx, id: &str) -> Result<u64, Error> {
    let done = tx.execute(query(ERASE_ACTOR).bind(id)).await?;
    let suffered = tx.execute(query(ERASE_RESOURCE).bind(id)).await?;
    Ok(done + suffered)
}

pub(super) const ERASE_ACTOR: &str =
    "UPDATE pulse_audit SET actor_id = NULL, address = NULL WHERE actor_id = $1";
pub(super) const ERASE_RESOURCE: &str =
    "UPDATE pulse_audit SET address = NULL WHERE resource_id = $1 AND address IS NOT NULL";

/// Removes rows from before `before` among the `batch` oldest; how many. Called until it is 0.
///
/// # Errors
///
/// [`Error`].
pub async fn purge(tx: &mut Tx, before: WallTime, batch: usize) -> Result<u64, Error> {
    tx.execute(query(PURGE).bind(before).bind(i64::try_from(batch).unwrap_or(i64::MAX))).await
}

/// Rows sort by time, so that the oldest are the first, and only those are looked at.
pub(super) const PURGE: &str = "DELETE FROM pulse_audit WHERE created_at < $1 AND id IN (SELECT id FROM pulse_audit ORDER BY id LIMIT $2)";
