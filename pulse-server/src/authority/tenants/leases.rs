//! The places of publishers that this node holds: taken when an encoder comes, renewed, given back when the life ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use platform_core::WallTime;
use tenancy::lease::{self, Node, RENEW, Taken};
use tenancy::{Error, Principal, StreamId, StreamKeyId};
use tokio::sync::{Mutex as Turn, mpsc};
use tokio::time::{MissedTickBehavior, interval};

use super::active::stream;
use super::{Shared, denied};
use crate::authority::{Denied, DeniedCode, Revocation, Role};
use crate::config::Takeover;
use crate::v1::Api;

/// What is done to one stream's lease at a time, so that giving one back never meets taking it anew. Streams share these.
const TURNS: usize = 64;

/// The leases of this node.
pub(super) struct Leases {
    node: Node,
    held: Mutex<HashMap<StreamId, usize>>,
    turns: [Turn<()>; TURNS],
    /// Streams whose last guard is gone: as many as were held.
    left: mpsc::UnboundedSender<StreamId>,
}

/// A lease in use. The last of a stream gives it back.
pub(super) struct Leased {
    leases: Arc<Leases>,
    id: StreamId,
}

impl Drop for Leased {
    fn drop(&mut self) {
        if self.leases.leave(self.id) {
            // Fails when the server is gone; then the lease ends by itself.
            let _ = self.leases.left.send(self.id);
        }
    }
}

impl Leases {
    /// None yet, of a node, and where those that are left are told.
    pub(super) fn new(node: Node) -> (Arc<Self>, mpsc::UnboundedReceiver<StreamId>) {
        let (left, leaving) = mpsc::unbounded_channel();
        let turns = std::array::from_fn(|_| Turn::default());
        (Arc::new(Self { node, held: Mutex::default(), turns, left }), leaving)
    }

    /// Takes the place of a stream's publisher, as a newcomer of this node or beside another one of it.
    pub(super) async fn take(
        self: &Arc<Self>,
        api: &Api,
        id: StreamId,
        key_id: Option<StreamKeyId>,
        takeover: Takeover,
    ) -> Result<Leased, Denied> {
        let _turn = self.turn(id).lock().await;
        *self.held().entry(id).or_default() += 1;
        let leased = Leased { leases: Arc::clone(self), id };
        match self.write(api, id, key_id, takeover == Takeover::Accept).await {
            Ok(Taken::Busy) => {
                Err(denied(DeniedCode::LimitReached, "another server has a publisher of this stream"))
            }
            Ok(_) => Ok(leased),
            Err(error @ Error::QuotaExceeded { .. }) => {
                api.quota_notices.tell(&api.db, &api.tenancy, now(), &error);
                Err(denied(DeniedCode::LimitReached, error.to_string()))
            }
            Err(Error::NotFound) => {
                Err(denied(DeniedCode::BadCredential, "the stream was deleted meanwhile"))
            }
            Err(error) => Err(denied(DeniedCode::Unavailable, error.to_string())),
        }
    }

    async fn write(
        &self,
        api: &Api,
        id: StreamId,
        key_id: Option<StreamKeyId>,
        takeover: bool,
    ) -> Result<Taken, Error> {
        let call = api.tenancy.call(Principal::System, now());
        let work = (call, self.node.clone(), id, key_id, takeover);
        let taken = api.db.write(work, |tx, (call, node, id, key_id, takeover)| {
            Box::pin(lease::take(tx, call, node, *id, *key_id, *takeover))
        });
        taken.await
    }

    /// Gives a lease back, unless somebody has come for it since.
    async fn give_back(&self, api: &Api, id: StreamId) -> Result<(), Error> {
        let _turn = self.turn(id).lock().await;
        if self.held().contains_key(&id) {
            return Ok(());
        }
        let work = (self.node.clone(), id);
        api.db.write(work, |tx, (node, id)| Box::pin(lease::release(tx, node, *id))).await
    }

    /// Renews all; which were lost and could not be had again.
    async fn renew(&self, api: &Api) -> Result<Vec<StreamId>, Error> {
        let all: Vec<StreamId> = self.held().keys().copied().collect();
        if all.is_empty() {
            return Ok(all);
        }
        let call = api.tenancy.call(Principal::System, now());
        let work = (call, self.node.clone(), all);
        let lost =
            api.db.write(work, |tx, (call, node, all)| Box::pin(lease::renew(tx, call, node, all))).await?;
        let mut gone = Vec::new();
        for id in lost {
            // Ended while the database was away, it may be free still.
            let _turn = self.turn(id).lock().await;
            if !self.held().contains_key(&id) {
                continue;
            }
            match self.write(api, id, None, false).await {
                Ok(Taken::Busy) | Err(Error::QuotaExceeded { .. } | Error::NotFound) => gone.push(id),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }

    fn leave(&self, id: StreamId) -> bool {
        let mut held = self.held();
        let Some(count) = held.get_mut(&id) else { return false };
        *count -= 1;
        let last = *count == 0;
        if last {
            held.remove(&id);
        }
        last
    }

    fn turn(&self, id: StreamId) -> &Turn<()> {
        let [first, rest @ ..] = &self.turns;
        rest.get(id.uuid() as usize % TURNS).unwrap_or(first)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<StreamId, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> WallTime {
    SystemTime::now().into()
}

/// Renews leases and gives back those that were left, as long as the authority is there. What an earlier process of this node held is
/// given up first.
pub(super) async fn keep(shared: Weak<Shared>, mut leaving: mpsc::UnboundedReceiver<StreamId>) {
    let mut renewals = interval(RENEW);
    renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut fresh = false;
    loop {
        let left = tokio::select! {
            left = leaving.recv() => match left {
                Some(id) => Some(id),
                None => return,
            },
            _ = renewals.tick() => None,
        };
        let Some(shared) = shared.upgrade() else { return };
        let done = match left {
            Some(id) => shared.leases.give_back(&shared.api, id).await,
            None => {
                if !fresh {
                    fresh = shared.forget_earlier().await.is_ok();
                }
                shared.renew_leases().await
            }
        };
        if let Err(error) = done {
            tracing::warn!(%error, "publishers' leases were not written down; what is live goes on");
        }
    }
}

impl Shared {
    async fn forget_earlier(&self) -> Result<u64, Error> {
        let node = self.leases.node.clone();
        self.api.db.write(node, |tx, node| Box::pin(lease::forget_others(tx, node))).await
    }

    /// Gives up all leases, so that another server can have the streams at once. For the end of the process.
    pub(super) async fn give_up_leases(&self) -> Result<u64, Error> {
        // Of no process: all of the node's are another's.
        let node = Node { boot_id: String::new(), ..self.leases.node.clone() };
        self.api.db.write(node, |tx, node| Box::pin(lease::forget_others(tx, node))).await
    }

    async fn renew_leases(&self) -> Result<(), Error> {
        for id in self.leases.renew(&self.api).await? {
            self.lose(id).await;
        }
        Ok(())
    }

    /// Another server has this stream's publisher now.
    pub(super) async fn lose(&self, id: StreamId) {
        let Some(stream) = stream(id) else { return };
        tracing::warn!(%stream, "the stream's publisher is another server's now");
        self.revoke(Revocation::Before { stream, role: Role::Publisher, epoch: u32::MAX }).await;
    }

    /// A lease was moved by somebody; if it was ours, it is lost.
    pub(super) async fn look_at_lease(&self, id: StreamId) -> Result<(), Error> {
        if !self.leases.held().contains_key(&id) {
            return Ok(());
        }
        let call = self.api.tenancy.call(Principal::System, now());
        let leases = lease::of_streams(&mut self.api.db.read().await?, &call, &[id]).await?;
        if leases.iter().any(|lease| lease.node_id != self.leases.node.id) {
            self.lose(id).await;
        }
        Ok(())
    }
}
