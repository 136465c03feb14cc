//! The places of publishers that this node holds: taken when an encoder comes, renewed, given back when the life ends.
//!
//! While the database is away, or slow, an encoder that is known by what is in memory has its place on credit: the lease is written
//! when the database is back, and whoever finds then that the place is another's, or that the plan has none, is sent away.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use platform_core::WallTime;
use tenancy::lease::{self, Node, RENEW, Taken};
use tenancy::{Call, Error, Principal, StreamId, StreamKeyId};
use tokio::sync::{Mutex as Turn, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::active::stream;
use super::{Shared, denied};
use crate::authority::{Denied, DeniedCode, Revocation, Role};
use crate::config::Takeover;
use crate::v1::Api;

/// What is done to one stream's lease at a time, so that giving one back never meets taking it anew. Streams share these.
const TURNS: usize = 64;
/// How long a lease's writing is waited for.
const SOON: Duration = Duration::from_secs(1);

/// The leases of this node.
pub(super) struct Leases {
    node: Node,
    held: Mutex<Held>,
    turns: [Turn<()>; TURNS],
    /// At most one for each that was held.
    news: mpsc::UnboundedSender<News>,
}

#[derive(Default)]
struct Held {
    places: HashMap<StreamId, Place>,
    /// Of places, so far.
    numbers: u64,
    /// The process ends: nothing is taken or renewed any more.
    over: bool,
}

/// A stream's place: from when the first publisher comes until the last has gone or it is lost.
struct Place {
    number: u64,
    guards: usize,
    /// Whether its lease was written down.
    written: bool,
}

/// What has become of a lease.
pub(super) enum News {
    /// Its last guard is gone.
    Left(StreamId),
    /// It was refused after the publisher had been let in.
    Refused(StreamId, u64),
}

/// A lease in use. The last of a stream gives it back.
pub(super) struct Leased {
    leases: Arc<Leases>,
    id: StreamId,
    number: u64,
}

impl Drop for Leased {
    fn drop(&mut self) {
        if self.leases.leave(self.id, self.number) {
            // Fails when the server is gone; then the lease ends by itself.
            let _ = self.leases.news.send(News::Left(self.id));
        }
    }
}

impl Leases {
    /// None yet, of a node, and where it is told what becomes of them.
    pub(super) fn new(node: Node) -> (Arc<Self>, mpsc::UnboundedReceiver<News>) {
        let (news, heard) = mpsc::unbounded_channel();
        let turns = std::array::from_fn(|_| Turn::default());
        (Arc::new(Self { node, held: Mutex::default(), turns, news }), heard)
    }

    /// Takes the place of a stream's publisher, as a newcomer of this node or beside another one of it.
    pub(super) async fn take(
        self: &Arc<Self>,
        api: &Arc<Api>,
        id: StreamId,
        key_id: Option<StreamKeyId>,
        takeover: Takeover,
    ) -> Result<Leased, Denied> {
        let leased = self.enter(id);
        let mut written = self.write_by_itself(api, &leased, key_id, takeover == Takeover::Accept);
        let answer = match timeout(SOON, &mut written).await {
            Ok(answer) => answer.ok(),
            Err(_) => {
                // What comes from now on is late.
                written.close();
                written.try_recv().ok()
            }
        };
        match answer {
            Some(Ok(Taken::Busy)) => {
                Err(denied(DeniedCode::LimitReached, "another server has a publisher of this stream"))
            }
            Some(Ok(_)) => Ok(leased),
            Some(Err(error @ Error::QuotaExceeded { .. })) => {
                api.quota_notices.tell(&api.db, &api.tenancy, now(), &error);
                Err(denied(DeniedCode::LimitReached, error.to_string()))
            }
            Some(Err(Error::NotFound)) => {
                Err(denied(DeniedCode::BadCredential, "the stream was deleted meanwhile"))
            }
            Some(Err(error)) if !may_have_been_written(&error) => {
                Err(denied(DeniedCode::Unavailable, error.to_string()))
            }
            Some(Err(_)) | None => {
                tracing::warn!(stream = %id, "the database is away; a publisher's lease is written down when it is back");
                Ok(leased)
            }
        }
    }

    /// Writes a lease down, whether or not whoever wants it stays: what is given back is given back after that.
    fn write_by_itself(
        self: &Arc<Self>,
        api: &Arc<Api>,
        leased: &Leased,
        key_id: Option<StreamKeyId>,
        takeover: bool,
    ) -> oneshot::Receiver<Result<Taken, Error>> {
        let (answer, written) = oneshot::channel();
        let (leases, api, id, number) = (Arc::clone(self), Arc::clone(api), leased.id, leased.number);
        tokio::spawn(async move {
            let _turn = leases.turn(id).lock().await;
            // For whom nobody waits, and who has it already: however often somebody comes, no queue of writes keeps others.
            if answer.is_closed() && leases.is_written(id, number) {
                return;
            }
            // Nobody gives back what is written for somebody who has gone; what is lost is another's.
            let taken = if leases.is_held(id, number) {
                leases.write(&api, id, key_id, takeover).await
            } else {
                Ok(Taken::Busy)
            };
            if taken.is_ok() && !refuses(&taken) {
                leases.note_written(id, number);
            }
            if let Err(late) = answer.send(taken)
                && refuses(&late)
            {
                // Fails when the server is gone, and its publishers with it.
                let _ = leases.news.send(News::Refused(id, number));
            }
        });
        written
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
        if self.held().places.contains_key(&id) {
            return Ok(());
        }
        let work = (self.node.clone(), id);
        api.db.write(work, |tx, (node, id)| Box::pin(lease::release(tx, node, *id))).await
    }

    /// Renews all; which were lost, those that another node has first.
    async fn renew(&self, api: &Api) -> Result<Vec<(StreamId, u64)>, Error> {
        let numbers: HashMap<StreamId, u64> =
            self.held().places.iter().map(|(id, place)| (*id, place.number)).collect();
        if numbers.is_empty() || self.held().over {
            return Ok(Vec::new());
        }
        let call = api.tenancy.call(Principal::System, now());
        let work = (call.clone(), self.node.clone(), numbers.keys().copied().collect::<Vec<_>>());
        let lost =
            api.db.write(work, |tx, (call, node, all)| Box::pin(lease::renew(tx, call, node, all))).await?;
        if lost.is_empty() {
            return Ok(Vec::new());
        }
        let elsewhere = self.elsewhere(api, &call, &lost).await?;
        let (first, then): (Vec<_>, Vec<_>) = lost.into_iter().partition(|id| elsewhere.contains(id));
        let with_number = |id| Some((id, *numbers.get(&id)?));
        Ok(first.into_iter().chain(then).filter_map(with_number).collect())
    }

    /// Which of these streams another node has.
    async fn elsewhere(&self, api: &Api, call: &Call, ids: &[StreamId]) -> Result<HashSet<StreamId>, Error> {
        let leases = lease::of_streams(&mut api.db.read().await?, call, ids).await?;
        Ok(leases.into_iter().filter(|lease| lease.node_id != self.node.id).map(|lease| lease.id).collect())
    }

    /// Takes a place again that was lost: ended while the database was away, or never written down, it may be free still. Whether it
    /// cannot be had.
    async fn is_gone(&self, api: &Api, id: StreamId, number: u64) -> Result<bool, Error> {
        let _turn = self.turn(id).lock().await;
        if !self.is_held(id, number) || self.held().over {
            return Ok(false);
        }
        match self.write(api, id, None, false).await {
            taken if refuses(&taken) => Ok(true),
            taken => taken.map(|_| false),
        }
    }

    /// The number of a stream's place, if another node has it now.
    async fn moved(&self, api: &Api, id: StreamId) -> Result<Option<u64>, Error> {
        let number = || self.held().places.get(&id).map(|place| place.number);
        if number().is_none() {
            return Ok(None);
        }
        // Nobody takes it back while it is looked at.
        let _turn = self.turn(id).lock().await;
        let Some(number) = number() else { return Ok(None) };
        let call = api.tenancy.call(Principal::System, now());
        Ok(self.elsewhere(api, &call, &[id]).await?.contains(&id).then_some(number))
    }

    fn enter(self: &Arc<Self>, id: StreamId) -> Leased {
        let mut held = self.held();
        held.numbers += 1;
        let number = held.numbers;
        let place = held.places.entry(id).or_insert(Place { number, guards: 0, written: false });
        place.guards += 1;
        let number = place.number;
        drop(held);
        Leased { leases: Arc::clone(self), id, number }
    }

    /// One guard less; whether it was the last one of a place that was not lost.
    fn leave(&self, id: StreamId, number: u64) -> bool {
        let mut held = self.held();
        let Some(place) = held.places.get_mut(&id).filter(|place| place.number == number) else {
            return false;
        };
        place.guards -= 1;
        let last = place.guards == 0;
        if last {
            held.places.remove(&id);
        }
        last
    }

    /// From now on the place is not this node's, whoever still has a guard of it; whether it was.
    fn lose(&self, id: StreamId, number: u64) -> bool {
        let mut held = self.held();
        let is_this = held.places.get(&id).is_some_and(|place| place.number == number);
        if is_this {
            held.places.remove(&id);
        }
        is_this
    }

    fn is_held(&self, id: StreamId, number: u64) -> bool {
        self.held().places.get(&id).is_some_and(|place| place.number == number)
    }

    fn is_written(&self, id: StreamId, number: u64) -> bool {
        self.held().places.get(&id).is_some_and(|place| place.number == number && place.written)
    }

    fn note_written(&self, id: StreamId, number: u64) {
        if let Some(place) = self.held().places.get_mut(&id).filter(|place| place.number == number) {
            place.written = true;
        }
    }

    fn turn(&self, id: StreamId) -> &Turn<()> {
        let [first, rest @ ..] = &self.turns;
        rest.get(id.uuid() as usize % TURNS).unwrap_or(first)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a lease cannot be had.
fn refuses(taken: &Result<Taken, Error>) -> bool {
    matches!(taken, Ok(Taken::Busy) | Err(Error::QuotaExceeded { .. } | Error::NotFound))
}

/// Whether the database did not say what became of it.
fn may_have_been_written(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::InDoubt(_))
}

fn now() -> WallTime {
    SystemTime::now().into()
}

/// Renews leases and gives back those that were left, as long as the authority is there. What an earlier process of this node held is
/// given up first.
pub(super) async fn keep(shared: Weak<Shared>, mut heard: mpsc::UnboundedReceiver<News>) {
    let mut renewals = interval(RENEW);
    renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut fresh = false;
    loop {
        let news = tokio::select! {
            news = heard.recv() => match news {
                Some(news) => Some(news),
                None => return,
            },
            _ = renewals.tick() => None,
        };
        let Some(shared) = shared.upgrade() else { return };
        let done = match news {
            Some(News::Left(id)) => shared.leases.give_back(&shared.api, id).await,
            Some(News::Refused(id, number)) => {
                shared.lose(id, number).await;
                Ok(())
            }
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
        self.leases.held().over = true;
        // Of no process: all of the node's are another's.
        let node = Node { boot_id: String::new(), ..self.leases.node.clone() };
        self.api.db.write(node, |tx, node| Box::pin(lease::forget_others(tx, node))).await
    }

    async fn renew_leases(&self) -> Result<(), Error> {
        for (id, number) in self.leases.renew(&self.api).await? {
            if self.leases.is_gone(&self.api, id, number).await? {
                self.lose(id, number).await;
            }
        }
        Ok(())
    }

    /// This node has no place for the stream's publisher any more, if it is this place that it has.
    async fn lose(&self, id: StreamId, number: u64) {
        let Some(stream) = stream(id).filter(|_| self.leases.lose(id, number)) else { return };
        tracing::warn!(%stream, "the stream's place is another server's now, or the plan has none for it");
        self.revoke(Revocation::Before { stream, role: Role::Publisher, epoch: u32::MAX }).await;
    }

    /// A lease was moved by somebody; if it was ours, it is lost.
    pub(super) async fn look_at_lease(&self, id: StreamId) -> Result<(), Error> {
        if let Some(number) = self.leases.moved(&self.api, id).await? {
            self.lose(id, number).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
