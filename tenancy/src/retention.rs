//! What is deleted stays for a while, and then goes for good.

use std::time::Duration;

use platform_core::{OrganizationId, ProjectId, WallTime};

use crate::api_key::ApiKey;
use crate::app::App;
use crate::hook::Hook;
use crate::idempotency::{Answer, AnswerBudget};
use crate::invitation::Invitation;
use crate::label::StreamLabel;
use crate::mail::MailToken;
use crate::member::Member;
use crate::organization::Organization;
use crate::preset::Preset;
use crate::project::Project;
use crate::quota::{self, Counter, Notice};
use crate::revocation::Revocation;
use crate::session::Session;
use crate::signing_key::SigningKey;
use crate::store::{Cell, Condition, Order, Record, Select, Tx, below, is, null, one_of, some};
use crate::stream::Stream;
use crate::stream_key::StreamKey;
use crate::usage::{self, Report, Usage};
use crate::user::User;
use crate::{Error, StreamId, UserId, lease, settings};

/// How long an operator can bring something back that was deleted, 30 days.
pub const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long an account may wait for its address to be verified, 7 days.
pub const UNVERIFIED_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Rows of a table that a batch removes, 500, so that none holds others up for long.
pub const BATCH: u32 = 500;

/// Removes a batch of what is past its time; how many rows. A driver calls it, each in a transaction of its own, until it
/// is 0.
///
/// # Errors
///
/// The store's.
pub async fn purge<T: Tx>(tx: &mut T, now: WallTime) -> Result<u64, Error> {
    let gone = now.minus(KEPT);
    let mut removed = tx.delete::<Answer>(vec![below("expires_at", now)], BATCH).await?;
    removed += tx.delete::<AnswerBudget>(vec![below("expires_at", now)], BATCH).await?;
    removed += tx.delete::<Notice>(vec![below("created_at", now.minus(quota::NOTICE_KEPT))], BATCH).await?;
    removed += audit(tx, now).await?;
    removed += tx.delete::<Session>(vec![below("expires_at", now)], BATCH).await?;
    removed += tx.delete::<MailToken>(vec![below("expires_at", now)], BATCH).await?;
    removed += tx.delete::<Invitation>(vec![below("expires_at", gone)], BATCH).await?;
    removed += tx.delete::<Report>(vec![below("created_at", now.minus(usage::REMEMBERED))], BATCH).await?;
    removed += tx.delete::<Revocation>(vec![below("expires_at", now)], BATCH).await?;
    removed += lease::purge(tx, now, BATCH).await?;
    removed += tx.delete::<StreamKey>(vec![below("revoked_at", gone)], BATCH).await?;
    removed += tx.delete::<StreamKey>(vec![below("expires_at", gone)], BATCH).await?;
    removed += tx.delete::<ApiKey>(vec![below("revoked_at", gone)], BATCH).await?;
    removed += tx.delete::<ApiKey>(vec![below("expires_at", gone)], BATCH).await?;
    removed += tx.delete::<SigningKey>(vec![below("revoked_at", gone)], BATCH).await?;
    removed += unverified(tx, now.minus(UNVERIFIED_KEPT)).await?;
    removed += streams(tx, vec![below("deleted_at", gone)]).await?;
    for project in oldest::<T, Project>(tx, vec![below("deleted_at", gone)], 1).await? {
        removed += self::project(tx, project.id).await?;
    }
    for organization in oldest::<T, Organization>(tx, vec![below("deleted_at", gone)], 1).await? {
        removed += self::organization(tx, organization.id).await?;
    }
    Ok(removed)
}

/// Removes a batch of audit rows that are older than operators want them kept.
async fn audit<T: Tx>(tx: &mut T, now: WallTime) -> Result<u64, Error> {
    let days = u64::try_from(settings::current(tx).await?.audit_days).unwrap_or_default();
    tx.purge_audit(now.minus(Duration::from_secs(days.saturating_mul(86_400))), BATCH).await
}

/// What would be removed first.
async fn oldest<T: Tx, R: Record>(tx: &mut T, filter: Vec<Condition>, limit: u32) -> Result<Vec<R>, Error> {
    let select = Select { table: R::TABLE, order: Order::of_removal(&filter), filter, limit };
    tx.select_rows(select).await?.into_iter().map(R::from_row).collect()
}

/// Their ids alone: what cannot be read must go as well, and keep nothing behind it.
async fn oldest_ids<T: Tx, R: Record, I: Cell>(
    tx: &mut T,
    filter: Vec<Condition>,
    limit: u32,
) -> Result<Vec<I>, Error> {
    let select = Select { table: R::TABLE, order: Order::of_removal(&filter), filter, limit };
    let place = R::TABLE.place("id")?;
    let rows = tx.select_rows(select).await?;
    Ok(rows.iter().filter_map(|row| row.get(place).cloned().and_then(I::from_value)).collect())
}

/// Removes accounts whose address was never verified.
async fn unverified<T: Tx>(tx: &mut T, before: WallTime) -> Result<u64, Error> {
    let filter = vec![null("verified_at"), some("email_key"), below("created_at", before)];
    let users: Vec<User> = oldest(tx, filter, BATCH).await?;
    let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    let tokens = children::<T, MailToken, _>(tx, "user_id", &ids).await?;
    // Whoever is not verified has not logged in, and so is no member and has no codes.
    if tokens > 0 { Ok(tokens) } else { children::<T, User, _>(tx, "id", &ids).await }
}

/// Removes a batch of rows that hang on `parents`.
async fn children<T: Tx, R: Record, I: Cell + Copy + Send + Sync>(
    tx: &mut T,
    column: &'static str,
    parents: &[I],
) -> Result<u64, Error> {
    if parents.is_empty() {
        return Ok(0);
    }
    tx.delete::<R>(vec![one_of(column, parents.iter().copied())], BATCH).await
}

/// Removes streams, what hangs on them first.
async fn streams<T: Tx>(tx: &mut T, filter: Vec<Condition>) -> Result<u64, Error> {
    let ids: Vec<StreamId> = oldest_ids::<T, Stream, _>(tx, filter, BATCH).await?;
    let keys = children::<T, StreamKey, _>(tx, "stream_id", &ids).await?
        + children::<T, Revocation, _>(tx, "stream_id", &ids).await?
        + children::<T, StreamLabel, _>(tx, "stream_id", &ids).await?;
    if keys > 0 { Ok(keys) } else { children::<T, Stream, _>(tx, "id", &ids).await }
}

/// Removes a batch of what is in a project; the project, once it is empty.
async fn project<T: Tx>(tx: &mut T, id: ProjectId) -> Result<u64, Error> {
    let mut removed = streams(tx, vec![is("project_id", id)]).await?;
    removed += children::<T, ApiKey, _>(tx, "project_id", &[id]).await?;
    removed += children::<T, SigningKey, _>(tx, "project_id", &[id]).await?;
    removed += children::<T, Preset, _>(tx, "project_id", &[id]).await?;
    removed += children::<T, App, _>(tx, "project_id", &[id]).await?;
    removed += children::<T, Hook, _>(tx, "id", &[id]).await?;
    if removed > 0 { Ok(removed) } else { tx.delete::<Project>(vec![is("id", id)], 1).await }
}

/// Removes a batch of what is in an organization; the organization, once it is empty.
async fn organization<T: Tx>(tx: &mut T, id: OrganizationId) -> Result<u64, Error> {
    let mut removed = 0;
    for project in oldest::<T, Project>(tx, vec![is("organization_id", id)], 1).await? {
        removed += self::project(tx, project.id).await?;
    }
    removed += children::<T, Member, _>(tx, "organization_id", &[id]).await?;
    removed += children::<T, Invitation, _>(tx, "organization_id", &[id]).await?;
    removed += children::<T, Counter, _>(tx, "organization_id", &[id]).await?;
    removed += children::<T, Usage, _>(tx, "organization_id", &[id]).await?;
    if removed > 0 { Ok(removed) } else { tx.delete::<Organization>(vec![is("id", id)], 1).await }
}
