//! Who publishes: a lease of a stream's one place for an encoder, held by a node of the service.
//!
//! A node takes a lease when an encoder comes, renews it every [`RENEW`], and gives it back when the life ends. A node that is
//! gone loses its leases after [`TERM`], by the store's clock. Whether a stream is live is whether it is leased; no row says
//! so besides.

use std::time::Duration;

use platform_core::{OrganizationId, WallTime};

use crate::authority::{Access, Permission, Target, authorize};
use crate::quota::{self, Resource};
use crate::store::{Condition, Entity, Tx, at_least, below, is, one_of, record, set};
use crate::{Call, Error, Principal, StreamId, StreamKeyId};

/// How long a lease lasts that is not renewed, 30 s.
pub const TERM: Duration = Duration::from_secs(30);
/// How often a lease is renewed, 10 s: two renewals may fail.
pub const RENEW: Duration = Duration::from_secs(10);
/// Streams that a statement names, 1,000.
const AT_ONCE: usize = 1_000;

record! {
    /// A stream's lease.
    pub struct Lease in "tenancy_leases" {
        /// Which stream.
        pub id: StreamId,
        /// Of which organization.
        pub organization_id: OrganizationId,
        /// Held by which node.
        pub node_id: String,
        /// By which of the node's processes, one after the other.
        pub boot_id: String,
        /// Who publishes with which key; `None` for a token.
        pub stream_key_id: Option<StreamKeyId>,
        /// Since when it has been held without a break, whoever held it.
        pub since: WallTime,
        /// When it ends, unless it is renewed.
        pub expires_at: WallTime,
    }
}

/// A process of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is called: lasting, and no other has it.
    pub id: String,
    /// This process: a new one with each start.
    pub boot_id: String,
}

/// How a lease was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// Nobody had it.
    New,
    /// This node had it.
    Kept,
    /// Another node had it, and finds it lost.
    Moved,
    /// Another node has it, and keeps it: nothing was changed.
    Busy,
}

/// What caches and other nodes know a lease as that was taken from them.
pub(crate) const ENTITY: &str = "lease";

/// Takes the lease of a stream for a node, with whatever key its encoder has. A live lease of another node is left alone,
/// unless this is a `takeover`: then the other finds it lost, and is told so by a change.
///
/// No more leases of an organization are live than its plan allows [publishers](Resource::ConcurrentPublishers), however many
/// come at once.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::QuotaExceeded`].
pub async fn take<T: Tx>(
    tx: &mut T,
    call: &Call,
    node: &Node,
    stream_id: StreamId,
    key_id: Option<StreamKeyId>,
    takeover: bool,
) -> Result<Taken, Error> {
    let system = call.by(Principal::System);
    let access = authorize(tx, &system, Permission::StreamsRead, Target::Stream(stream_id)).await?;
    hold(tx, access.organization_id).await?;
    // After the wait for whoever was in the way.
    let now = tx.clock(call.now).await?;
    let found: Option<Lease> = tx.get(stream_id).await?;
    let live = found.as_ref().filter(|lease| now < lease.expires_at);
    let own = live.is_some_and(|lease| lease.node_id == node.id);
    if live.is_some() && !own && !takeover {
        return Ok(Taken::Busy);
    }
    if live.is_none() {
        room(tx, &access, now).await?;
    }
    let lease = Lease {
        id: stream_id,
        organization_id: access.organization_id,
        node_id: node.id.clone(),
        boot_id: node.boot_id.clone(),
        stream_key_id: key_id,
        since: live.map_or(now, |lease| lease.since),
        expires_at: now.plus(TERM),
    };
    match (live, &found) {
        (None, None) => tx.insert(&lease).await?,
        _ => replace(tx, &lease).await?,
    }
    Ok(match live {
        None => Taken::New,
        Some(_) if own => Taken::Kept,
        Some(_) => {
            tx.changed(Entity::named(ENTITY, stream_id.to_string()), now).await?;
            Taken::Moved
        }
    })
}

/// Waits for whoever takes a lease of the same organization, until that is done.
async fn hold<T: Tx>(tx: &mut T, organization_id: OrganizationId) -> Result<(), Error> {
    quota::lock(tx, organization_id, Resource::ConcurrentPublishers).await
}

async fn room<T: Tx>(tx: &mut T, access: &Access, now: WallTime) -> Result<(), Error> {
    let resource = Resource::ConcurrentPublishers;
    let Some(limit) = access.limits(tx).await?.get(&resource).copied() else { return Ok(()) };
    let current = i64::try_from(live(tx, access.organization_id, now).await?).unwrap_or(i64::MAX);
    let organization_id = access.organization_id;
    if current < limit {
        Ok(())
    } else {
        Err(Error::QuotaExceeded { organization_id, resource, limit, current })
    }
}

async fn replace<T: Tx>(tx: &mut T, lease: &Lease) -> Result<(), Error> {
    let assign = vec![
        set("organization_id", lease.organization_id),
        set("node_id", lease.node_id.clone()),
        set("boot_id", lease.boot_id.clone()),
        set("stream_key_id", lease.stream_key_id),
        set("since", lease.since),
        set("expires_at", lease.expires_at),
    ];
    if tx.update::<Lease>(vec![is("id", lease.id)], assign).await? == 0 {
        // It was given back, or swept up, since it was looked at.
        tx.insert(lease).await?;
    }
    Ok(())
}

/// Leases that have not ended.
fn unexpired(now: WallTime) -> Condition {
    at_least("expires_at", now.plus(Duration::from_millis(1)))
}

/// How many streams of an organization are published.
pub(crate) async fn live<T: Tx>(
    tx: &mut T,
    organization_id: OrganizationId,
    now: WallTime,
) -> Result<u64, Error> {
    tx.count::<Lease>(vec![is("organization_id", organization_id), unexpired(now)]).await
}

/// Renews leases of a node; which of them it has lost. One that has ended is lost even if nobody took it: its place may be
/// another's.
///
/// # Errors
///
/// The store's.
pub async fn renew<T: Tx>(
    tx: &mut T,
    call: &Call,
    node: &Node,
    streams: &[StreamId],
) -> Result<Vec<StreamId>, Error> {
    let now = tx.clock(call.now).await?;
    let mut lost = Vec::new();
    for streams in streams.chunks(AT_ONCE) {
        let mut filter = held_by(node);
        filter.extend([one_of("id", streams.iter().copied()), unexpired(now)]);
        let renewed = tx.update::<Lease>(filter, vec![set("expires_at", now.plus(TERM))]).await?;
        if renewed == streams.len() as u64 {
            continue;
        }
        let mut filter = held_by(node);
        filter.extend([one_of("id", streams.iter().copied()), unexpired(now)]);
        let kept: Vec<Lease> = tx.list(filter, AT_ONCE as u32).await?;
        lost.extend(streams.iter().filter(|id| kept.iter().all(|lease| lease.id != **id)));
    }
    Ok(lost)
}

fn held_by(node: &Node) -> Vec<Condition> {
    vec![is("node_id", node.id.clone()), is("boot_id", node.boot_id.clone())]
}

/// Gives a lease back, unless it was lost.
///
/// # Errors
///
/// The store's.
pub async fn release<T: Tx>(tx: &mut T, node: &Node, stream_id: StreamId) -> Result<(), Error> {
    let mut filter = held_by(node);
    filter.push(is("id", stream_id));
    tx.delete::<Lease>(filter, 1).await.map(drop)
}

/// Gives back what earlier processes of this node held; how many. A node does so when it starts.
///
/// # Errors
///
/// The store's.
pub async fn forget_others<T: Tx>(tx: &mut T, node: &Node) -> Result<u64, Error> {
    let others = Condition::Not("boot_id", crate::store::Value::Text(node.boot_id.clone()));
    let mut forgotten = 0;
    loop {
        let filter = vec![is("node_id", node.id.clone()), others.clone()];
        let batch = tx.delete::<Lease>(filter, AT_ONCE as u32).await?;
        forgotten += batch;
        if batch < AT_ONCE as u64 {
            return Ok(forgotten);
        }
    }
}

/// The leases of those of these streams that are published, for a caller who may see the streams.
///
/// # Errors
///
/// The store's.
pub async fn of_streams<T: Tx>(tx: &mut T, call: &Call, streams: &[StreamId]) -> Result<Vec<Lease>, Error> {
    let now = tx.clock(call.now).await?;
    let mut leases = Vec::new();
    for streams in streams.chunks(AT_ONCE) {
        let filter = vec![one_of("id", streams.iter().copied()), unexpired(now)];
        leases.extend(tx.list::<Lease>(filter, AT_ONCE as u32).await?);
    }
    Ok(leases)
}

/// Whether any stream is published on another node.
///
/// # Errors
///
/// The store's.
pub async fn are_any_elsewhere<T: Tx>(tx: &mut T, call: &Call, node: &Node) -> Result<bool, Error> {
    let now = tx.clock(call.now).await?;
    let others = Condition::Not("node_id", crate::store::Value::Text(node.id.clone()));
    Ok(!tx.list::<Lease>(vec![others, unexpired(now)], 1).await?.is_empty())
}

/// How many streams of an organization are published.
///
/// # Errors
///
/// The store's.
pub async fn of_organization<T: Tx>(
    tx: &mut T,
    call: &Call,
    organization_id: OrganizationId,
) -> Result<u64, Error> {
    let now = tx.clock(call.now).await?;
    live(tx, organization_id, now).await
}

/// Removes a batch of leases that ended long ago.
pub(crate) async fn purge<T: Tx>(tx: &mut T, now: WallTime, limit: u32) -> Result<u64, Error> {
    let now = tx.clock(now).await?;
    tx.delete::<Lease>(vec![below("expires_at", now.minus(TERM))], limit).await
}
