//! What is live: asked of the live path, which answers from memory, and of the leases of other servers on the same database.

mod elsewhere;
mod shown;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use platform_core::sql::{Db, Dialect, Tx};
use tenancy::lease::{self, Node};
use tenancy::stream::Stream;
use tenancy::{Call, Error, StreamId};

use elsewhere::Elsewhere;
pub(crate) use shown::{
    LiveStream, LiveTrack, Problem, Quality, QualityKind, STEP_SECONDS, Severity, State, Status,
    StatusReason, Step, Variant, Viewers,
};

/// The live path, as far as the API asks it. It answers from memory, at once.
pub(crate) trait LivePath: Send + Sync + 'static {
    /// A stream that is published here, or was within the last hour.
    fn state(&self, id: StreamId) -> Option<State>;

    /// What is or was wrong in the life of a stream that is published here, or has just ended.
    fn problems(&self, id: StreamId) -> Vec<Problem>;

    /// The last hour of a stream, the oldest step first.
    fn steps(&self, id: StreamId) -> Vec<Step>;

    /// What plays now.
    fn variants(&self, id: StreamId) -> Vec<Variant>;
}

/// The live path once the server has one, and what is known of other servers.
#[derive(Default)]
pub(crate) struct Live {
    path: OnceLock<(Weak<dyn LivePath>, Node)>,
    elsewhere: Elsewhere,
}

impl Live {
    /// From now on `path`, of this node, is asked.
    pub(crate) fn attach(&self, path: Weak<dyn LivePath>, node: Node) {
        // A server attaches once.
        let _ = self.path.set((path, node));
    }

    /// The live path.
    pub(crate) fn path(&self) -> Option<Arc<dyn LivePath>> {
        self.path.get()?.0.upgrade()
    }

    /// The state of a stream that is known here. It may have moved to another server since, unless an encoder
    /// [is here](State::has_encoder).
    fn here(&self, id: StreamId) -> Option<State> {
        self.path()?.state(id)
    }

    /// The state of a stream. The database is asked only if it is not here and other servers have any.
    pub(crate) async fn state(&self, db: &Db, call: &Call, id: StreamId) -> Result<State, Error> {
        let here = self.here(id);
        if here.as_ref().is_some_and(State::has_encoder)
            || self.is_alone(db.dialect())
            || self.elsewhere.known() == Some(false)
        {
            return Ok(here.unwrap_or_else(State::idle));
        }
        let states = self.states(&mut db.read().await?, call, &[id]).await?;
        Ok(states.of(id))
    }

    /// The states of streams: at most one query more, for leases of those whose encoders are not here.
    pub(crate) async fn states_of(
        &self,
        tx: &mut Tx,
        call: &Call,
        streams: &[Stream],
    ) -> Result<States, Error> {
        let ids: Vec<StreamId> = streams.iter().map(|stream| stream.id).collect();
        self.states(tx, call, &ids).await
    }

    async fn states(&self, tx: &mut Tx, call: &Call, ids: &[StreamId]) -> Result<States, Error> {
        let mut states = HashMap::with_capacity(ids.len());
        let mut rest = Vec::new();
        for id in ids {
            let here = self.here(*id);
            if !here.as_ref().is_some_and(State::has_encoder) {
                rest.push(*id);
            }
            states.extend(here.map(|state| (*id, state)));
        }
        if !rest.is_empty() && self.are_any_elsewhere(tx, call).await? {
            for lease in lease::of_streams(tx, call, &rest).await? {
                let own = self.path.get().is_some_and(|(_, node)| node.id == lease.node_id);
                // What was here last is shown until it is nobody's, or another's.
                if !own || !states.contains_key(&lease.id) {
                    states.insert(lease.id, State::leased(lease.since, own));
                }
            }
        }
        Ok(States(states))
    }

    /// Whether no other server can be on the database.
    fn is_alone(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Sqlite || self.path.get().is_none()
    }

    async fn are_any_elsewhere(&self, tx: &mut Tx, call: &Call) -> Result<bool, Error> {
        let Some((_, node)) = self.path.get().filter(|_| !self.is_alone(tx.dialect())) else {
            return Ok(false);
        };
        match self.elsewhere.known() {
            Some(any) => Ok(any),
            None => {
                let any = lease::are_any_elsewhere(tx, call, node).await?;
                self.elsewhere.learn(any);
                Ok(any)
            }
        }
    }
}

/// The states of some streams.
pub(crate) struct States(HashMap<StreamId, State>);

impl States {
    /// The state of one of them.
    pub(crate) fn of(&self, id: StreamId) -> State {
        self.0.get(&id).cloned().unwrap_or_else(State::idle)
    }
}
