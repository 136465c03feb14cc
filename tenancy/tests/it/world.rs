//! A store of its own for each test, and people in it.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use platform_core::sql::{Config, Db, Location};
use platform_core::testing::Postgres;
use platform_core::{OrganizationId, ProjectId, Secret, WallTime};
use tenancy::authority::Role;
use tenancy::organization;
use tenancy::password::{self, PasswordHash};
use tenancy::plan::{self, PlanInput};
use tenancy::project::{self, ProjectInput};
use tenancy::quota::Resource;
use tenancy::session::{self, Tokens};
use tenancy::store::memory::Memory;
use tenancy::store::{Row, Select, Store, Tx};
use tenancy::stream::{self, Created, StreamInput};
use tenancy::user::{self, Registration};
use tenancy::vault::MasterKey;
use tenancy::{Call, Error, Principal, Tenancy, UserId, UserPrincipal, invitation, member};

/// When all tests begin.
pub(crate) const NOW: WallTime = WallTime::from_unix_ms(1_790_000_000_000);
/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A store with the rules over it, at some time.
pub(crate) struct World<S> {
    pub(crate) store: S,
    pub(crate) tenancy: Tenancy,
    pub(crate) master: MasterKey,
    pub(crate) now: WallTime,
    /// Where SQLite's file is.
    pub(crate) folder: Option<tempfile::TempDir>,
    /// Where the database is, unless the store is in memory.
    pub(crate) location: Option<Location>,
}

/// Writes by a rule: `write!(world, principal, |tx, call| rule(tx, call, …))`, with variables that it needs in brackets.
macro_rules! write {
    ($world:expr, $principal:expr, $([$($name:ident),*])? |$tx:ident, $call:ident| $rule:expr) => {{
        $($(let $name = $name.clone();)*)?
        let call = $world.call($principal);
        tenancy::store::Store::write(&$world.store, call, move |$tx, $call| {
            $($(let $name = $name.clone();)*)?
            Box::pin(async move { $rule.await })
        })
        .await
    }};
}
pub(crate) use write;

/// Reads by a rule.
macro_rules! read {
    ($world:expr, $principal:expr, |$tx:ident, $call:ident| $rule:expr) => {{
        let $call = &$world.call($principal);
        let $tx = &mut tenancy::store::Store::read(&$world.store).await.unwrap();
        $rule.await
    }};
}
pub(crate) use read;

/// Declares tests that run on each store: functions over `World<impl Store>`.
macro_rules! on_each_store {
    ($($name:ident),+ $(,)?) => {
        mod memory { $(#[test] fn $name() { $crate::world::in_memory(super::$name); })+ }
        mod sqlite { $(#[test] fn $name() { $crate::world::on_sqlite(super::$name); })+ }
        mod postgres { $(#[test] fn $name() { $crate::world::on_postgres(super::$name); })+ }
    };
}
pub(crate) use on_each_store;

pub(crate) fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

pub(crate) fn in_memory<F: Future<Output = ()>>(test: impl FnOnce(World<Memory>) -> F) {
    block_on(async { test(World::over(Memory::new(), None, None).await).await });
}

pub(crate) fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(World<Db>) -> F) {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::File(folder.path().join("pulse.db"));
        test(World::over(open(location.clone()).await, Some(folder), Some(location)).await).await;
    });
}

pub(crate) fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(World<Db>) -> F) {
    block_on(async {
        let location = Postgres::shared().database();
        test(World::over(open(location.clone()).await, None, Some(location)).await).await;
    });
}

pub(crate) async fn open(location: Location) -> Db {
    let mut config = Config::new(location);
    config.connections = 8;
    let db = Db::open(config).await.unwrap();
    db.migrate(NOW, &[tenancy::store::sql::MIGRATIONS]).await.unwrap();
    db
}

/// The hash of [`PASSWORD`], computed once.
pub(crate) fn hash() -> PasswordHash {
    static HASH: OnceLock<PasswordHash> = OnceLock::new();
    HASH.get_or_init(|| password::hash(&Secret::from(PASSWORD)).unwrap()).clone()
}

pub(crate) fn registration(email: &str) -> Registration {
    Registration { email: email.to_owned(), name: "Somebody".to_owned(), password: hash() }
}

impl<S: Store> World<S> {
    async fn over(store: S, folder: Option<tempfile::TempDir>, location: Option<Location>) -> Self {
        let master = MasterKey::generate();
        let tenancy = Tenancy::open(&store, &master, NOW).await.unwrap();
        Self { store, tenancy, master, now: NOW, folder, location }
    }

    pub(crate) fn call(&self, principal: &Principal) -> Call {
        self.tenancy.call(principal.clone(), self.now)
    }

    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now = self.now.plus(duration);
    }

    /// A person whose address is verified.
    pub(crate) async fn person(&self, email: &str) -> UserId {
        let email = email.to_owned();
        write!(
            self,
            &Principal::Operator,
            [email] | tx,
            call | user::create(tx, call, &registration(&email), false)
        )
        .unwrap()
        .id
    }

    /// Logs a person in.
    pub(crate) async fn login(&self, email: &str) -> Result<Tokens, Error> {
        let attempt = user::attempt(&mut self.store.read().await?, email).await?;
        let checked = attempt.check(&Secret::from(PASSWORD))?;
        write!(self, &Principal::Anonymous, [checked] | tx, call | session::login(tx, call, &checked, None))
    }

    /// A person who has logged in, without the cost of a password.
    pub(crate) async fn user(&self, email: &str) -> Principal {
        let id = self.person(email).await;
        Principal::User(UserPrincipal { id, session_id: self.tenancy.id(self.now), is_admin: false })
    }

    pub(crate) async fn organization(&self, owner: &Principal) -> OrganizationId {
        write!(self, owner, |tx, call| organization::create(tx, call, "Acme")).unwrap().id
    }

    pub(crate) async fn project(&self, owner: &Principal, organization_id: OrganizationId) -> ProjectId {
        let input = ProjectInput { name: "Main".to_owned(), ..ProjectInput::default() };
        write!(self, owner, [input] | tx, call | project::create(tx, call, organization_id, &input))
            .unwrap()
            .id
    }

    pub(crate) async fn stream(
        &self,
        by: &Principal,
        project_id: ProjectId,
        name: &str,
    ) -> Result<Created, Error> {
        let name = name.to_owned();
        write!(
            self,
            by,
            [name] | tx,
            call | stream::create(tx, call, project_id, &StreamInput::named(name.as_str()))
        )
    }

    /// An owner with organization and project.
    pub(crate) async fn tenant(&self, email: &str) -> (Principal, OrganizationId, ProjectId) {
        let owner = self.user(email).await;
        let organization_id = self.organization(&owner).await;
        let project_id = self.project(&owner, organization_id).await;
        (owner, organization_id, project_id)
    }

    /// A new member.
    pub(crate) async fn member(
        &self,
        owner: &Principal,
        organization_id: OrganizationId,
        email: &str,
        role: Role,
    ) -> Principal {
        let principal = self.user(email).await;
        let input = invitation::InvitationInput { email: email.to_owned(), role };
        let (_, mail) =
            write!(self, owner, [input] | tx, call | invitation::create(tx, call, organization_id, &input))
                .unwrap();
        let token = token_of(&mail.message);
        write!(self, &principal, [token] | tx, call | invitation::accept(tx, call, &token)).unwrap();
        principal
    }

    /// Puts an organization on a plan with these limits.
    pub(crate) async fn limit(&self, organization_id: OrganizationId, limits: &[(Resource, i64)]) {
        let limits = limits.iter().copied().collect();
        let input = PlanInput {
            name: format!("plan {organization_id}"),
            limits,
            bytes_limit: plan::BytesLimit::Soft,
        };
        let plan =
            write!(self, &Principal::Operator, [input] | tx, call | plan::create(tx, call, &input)).unwrap();
        let id = plan.id;
        write!(self, &Principal::Operator, |tx, call| plan::assign(tx, call, organization_id, id)).unwrap();
    }

    /// The membership of a person.
    pub(crate) async fn membership(
        &self,
        by: &Principal,
        organization_id: OrganizationId,
        of: &Principal,
    ) -> member::Member {
        let Principal::User(person) = of else { panic!("no person") };
        let page = tenancy::PageRequest { after: None, limit: 100 };
        let members = read!(self, by, |tx, call| member::list(tx, call, organization_id, page)).unwrap();
        members.data.into_iter().find(|view| view.member.user_id == person.id).unwrap().member
    }

    /// All rows of all tables.
    pub(crate) async fn rows(&self) -> Vec<Row> {
        let mut tx = self.store.read().await.unwrap();
        let mut rows = Vec::new();
        for table in tenancy::TABLES {
            let order = tenancy::store::Order::Oldest;
            rows.extend(
                tx.select_rows(Select { table, filter: Vec::new(), order, limit: 10_000 }).await.unwrap(),
            );
        }
        rows
    }
}

/// The token in a mail.
pub(crate) fn token_of(message: &tenancy::mail::Message) -> Secret {
    use tenancy::mail::Message;
    match message {
        Message::VerifyEmail { token }
        | Message::ResetPassword { token }
        | Message::Invitation { token, .. } => token.clone(),
        other => panic!("no token in {other:?}"),
    }
}

/// Whether an error is a refusal with this code.
pub(crate) fn refused(error: &Error, code: platform_core::Code) -> bool {
    matches!(error, Error::Refused { code: given, .. } if *given == code)
}
