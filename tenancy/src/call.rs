//! The rules' own state, and calls: who asks, when and from where.

use std::net::IpAddr;
use std::sync::Arc;

use platform_core::id::{Generator, Id, Kind};
use platform_core::{Event, EventType, OrganizationId, ProjectId, WallTime};
use serde::Serialize;

use crate::gate::{Noted, Passed};
use crate::principal::Principal;
use crate::store::{ActorKind, AuditEntry, Entity, Store, Tx};
use crate::vault::{self, Keys, MasterKey, VaultError};
use crate::{Error, UserId};

/// What the rules need beside a transaction: ids and unlocked keys. One for a process; cloning it gives another handle.
#[derive(Clone, Debug)]
pub struct Tenancy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ids: Generator,
    keys: Keys,
}

impl Tenancy {
    /// Unlocks the store with the master key, with which a new store is set up: keys, the plan that new organizations get
    /// and one without limits. In a store of an earlier version names are compared as in this one from now on.
    ///
    /// # Errors
    ///
    /// [`VaultError::WrongMasterKey`] when the store was written under another one.
    pub async fn open<S: Store>(store: &S, master: &MasterKey, now: WallTime) -> Result<Self, VaultError> {
        let input = master.clone();
        let keys = store.write(input, move |tx, master| Box::pin(vault::unlock(tx, master, now))).await?;
        let keys = keys.ok_or(VaultError::WrongMasterKey)?;
        let tenancy = Self(Arc::new(Inner { ids: Generator::new(), keys }));
        let call = tenancy.call(Principal::System, now);
        store.write(call, |tx, call| Box::pin(crate::plan::set_up(tx, call))).await?;
        crate::name::bring_up(store).await?;
        Ok(tenancy)
    }

    /// A call by `principal` at `now`.
    pub fn call(&self, principal: Principal, now: WallTime) -> Call {
        Call {
            tenancy: self.clone(),
            principal,
            now,
            address: None,
            request_id: None,
            operator: None,
            noted: Noted::default(),
        }
    }

    /// The next id, made at `now`.
    pub fn id<K: Kind>(&self, now: WallTime) -> Id<K> {
        self.0.ids.next(now)
    }

    /// The unlocked keys.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }
}

/// Who asks, when and from where: what every rule is given beside its transaction and input.
#[derive(Clone, Debug)]
pub struct Call {
    tenancy: Tenancy,
    /// Who.
    pub principal: Principal,
    /// When.
    pub now: WallTime,
    /// From where, for the audit log.
    pub address: Option<IpAddr>,
    /// The request's id, for the audit log.
    pub request_id: Option<String>,
    /// Which person acts as [`Principal::Operator`], for the audit log; `None` at the command line.
    pub operator: Option<UserId>,
    noted: Noted,
}

/// What a change is about, for events and the audit log.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) organization_id: Option<OrganizationId>,
    pub(crate) project_id: Option<ProjectId>,
    pub(crate) entity: Entity,
}

impl Call {
    /// The same call by somebody else.
    #[must_use]
    pub fn by(&self, principal: Principal) -> Self {
        Self { principal, ..self.clone() }
    }

    /// The same call as the server's operator's, by a person who is one: what they do for others than themselves, in
    /// organizations of which they are no member.
    ///
    /// # Errors
    ///
    /// See [`operator`](crate::authority::operator).
    pub fn as_operator(&self) -> Result<Self, Error> {
        crate::authority::operator(self)?;
        let operator = match &self.principal {
            Principal::User(user) => Some(user.id),
            _ => self.operator,
        };
        Ok(Self { operator, ..self.by(Principal::Operator) })
    }

    /// The same call, of which it is noted what the gate lets it through to. Clones note in the same place.
    #[must_use]
    pub fn noting(&self) -> Self {
        Self { noted: Noted::on(), ..self.clone() }
    }

    /// What the gate has let this call through to, if it is [noted](Self::noting).
    pub fn passed(&self) -> Vec<Passed> {
        self.noted.all()
    }

    /// Notes what the gate has let this call through to.
    pub(crate) fn note(&self, passed: impl FnOnce() -> Passed) {
        self.noted.note(passed);
    }

    /// Ids and keys.
    pub fn tenancy(&self) -> &Tenancy {
        &self.tenancy
    }

    /// The unlocked keys.
    pub fn keys(&self) -> &Keys {
        self.tenancy.keys()
    }

    /// The next id.
    pub fn id<K: Kind>(&self) -> Id<K> {
        self.tenancy.id(self.now)
    }

    /// The person who asks. [`Error::Unauthenticated`] for nobody, [`Error::NotFound`] for a key.
    pub(crate) fn user(&self) -> Result<UserId, Error> {
        match &self.principal {
            Principal::User(user) => Ok(user.id),
            Principal::Anonymous => Err(Error::Unauthenticated),
            _ => Err(Error::NotFound),
        }
    }

    /// Writes who did what into the audit log. `changed` names fields.
    pub(crate) async fn audit<T: Tx>(
        &self,
        tx: &mut T,
        action: &str,
        about: &About,
        changed: &[&str],
    ) -> Result<(), Error> {
        let (actor_kind, actor_id) = match &self.principal {
            Principal::User(user) => (ActorKind::User, Some(user.id.to_string())),
            Principal::Key(key) => (ActorKind::Key, Some(key.id.to_string())),
            Principal::Operator => (ActorKind::Operator, self.operator.map(|id| id.to_string())),
            Principal::Anonymous | Principal::System => (ActorKind::System, None),
        };
        tx.audit(AuditEntry {
            id: self.id(),
            organization_id: about.organization_id,
            project_id: about.project_id,
            actor_kind,
            actor_id,
            action: action.to_owned(),
            resource: Some(about.entity.clone()),
            changed: changed.iter().map(|&name| name.to_owned()).collect(),
            address: self.address,
            request_id: self.request_id.clone(),
            created_at: self.now,
        })
        .await
    }

    /// Appends an event about a change.
    pub(crate) async fn announce<T: Tx>(
        &self,
        tx: &mut T,
        kind: EventType,
        about: &About,
        data: &(impl Serialize + Sync),
    ) -> Result<(), Error> {
        let event = Event::new(self.id(), kind, self.now, data);
        let mut event = event.map_err(|error| Error::internal(error.to_string()))?;
        event.organization_id = about.organization_id;
        event.project_id = about.project_id;
        tx.announce(event, about.entity.clone()).await
    }

    /// Writes the audit row of a change that is no event, and tells caches of it.
    pub(crate) async fn record<T: Tx>(
        &self,
        tx: &mut T,
        action: &str,
        about: About,
        changed: &[&str],
    ) -> Result<(), Error> {
        self.audit(tx, action, &about, changed).await?;
        tx.changed(about.entity, self.now).await
    }
}
