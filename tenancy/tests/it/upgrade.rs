//! A database of the first version of the schema opens, and all that was in it is there and works.

use platform_core::sql::{Config, Db, Location};
use platform_core::testing::Postgres;
use platform_core::{OrganizationId, ProjectId, Secret};
use serde_json::Value;
use tenancy::authority::Target;
use tenancy::idempotency::{Earlier, Repeatable};
use tenancy::store::{AuditFilter, Order, Select, Tx};
use tenancy::user;
use tenancy::vault::MasterKey;
use tenancy::{
    Error, PageRequest, Principal, SECOND_FACTOR_REQUIRED, StreamId, Tenancy, UserId, UserPrincipal, api_key,
    audit, invitation, session, settings, signing_key, stream, stream_key, usage,
};

use crate::world::{NOW, PASSWORD, World, block_on, open, read, write};

const SQLITE: &str = include_str!("../fixtures/schema_1/sqlite.sql");
const POSTGRES: &str = include_str!("../fixtures/schema_1/postgres.sql");

/// What was written down beside a database: its secrets and ids.
struct Known(Value);

impl Known {
    fn text(&self, name: &str) -> String {
        self.0[name].as_str().unwrap().to_owned()
    }

    fn secret(&self, name: &str) -> Secret {
        self.text(name).as_str().into()
    }

    fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, name: &str) -> T {
        self.text(name).parse().unwrap()
    }
}

/// The world in a database that was there before.
async fn world(location: Location, folder: Option<tempfile::TempDir>) -> World<Db> {
    let store = open(location.clone()).await;
    let master = MasterKey::new(Secret::new([7; 32])).unwrap();
    let tenancy = Tenancy::open(&store, &master, NOW).await.unwrap();
    World { store, tenancy, master, now: NOW, folder, location: Some(location) }
}

#[test]
fn sqlite_of_the_first_version_opens() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::File(folder.path().join("pulse.db"));
        let bare = Db::open(Config::new(location.clone())).await.unwrap();
        let written: Result<(), platform_core::sql::Error> = bare
            .write((), |tx, ()| {
                Box::pin(async move {
                    for statement in SQLITE.split(";\n").filter(|statement| !statement.trim().is_empty()) {
                        tx.execute(statement).await?;
                    }
                    Ok(())
                })
            })
            .await;
        written.unwrap();
        bare.close().await;
        let known = include_str!("../fixtures/schema_1/sqlite.json");
        all_is_there(world(location, Some(folder)).await, Known(serde_json::from_str(known).unwrap())).await;
    });
}

#[test]
fn postgres_of_the_first_version_opens() {
    block_on(async {
        let location = Postgres::shared().database();
        Postgres::shared().psql(&location, POSTGRES);
        let known = include_str!("../fixtures/schema_1/postgres.json");
        all_is_there(world(location, None).await, Known(serde_json::from_str(known).unwrap())).await;
    });
}

async fn all_is_there(w: World<Db>, known: Known) {
    every_table_has_rows(&w).await;
    let owner_id: UserId = known.id("owner_id");
    let owner =
        Principal::User(UserPrincipal { id: owner_id, session_id: w.tenancy.id(w.now), is_admin: false });
    credentials_work(&w, &known).await;
    what_lies_in_the_project(&w, &known, &owner).await;
    people(&w, &known).await;
    let settings = settings::current(&mut w.store.read().await.unwrap()).await.unwrap();
    assert_eq!((settings.registrations, settings.audit_days), (true, settings::AUDIT_DAYS));
    let call = w.call(&owner);
    let request = Repeatable::new(&call, "POST", "/v1/streams", "a key", b"{}").unwrap();
    let earlier = request.earlier(&mut w.store.read().await.unwrap(), &call).await.unwrap();
    assert_eq!(earlier, Earlier::Answer("the answer".into()));
    // And it goes on from there.
    let project_id: ProjectId = known.id("project_id");
    w.stream(&owner, project_id, "Another").await.unwrap();
    assert!(matches!(w.stream(&owner, project_id, "camera").await, Err(Error::Conflict { key: "name" })));
}

/// The fixture is worth something: the tables of its version have rows.
async fn every_table_has_rows(w: &World<Db>) {
    let mut tx = w.store.read().await.unwrap();
    let was_there =
        |table: &&'static tenancy::store::Table| SQLITE.contains(&format!("CREATE TABLE {} (", table.name));
    let tables: Vec<_> = tenancy::TABLES.into_iter().filter(was_there).collect();
    assert_eq!(tables.len(), 19);
    for table in tables {
        let select = Select { table, filter: Vec::new(), order: Order::Oldest, limit: 1 };
        assert_eq!(tx.select_rows(select).await.unwrap().len(), 1, "{}", table.name);
    }
}

async fn credentials_work(w: &World<Db>, known: &Known) {
    let mut tx = w.store.read().await.unwrap();
    let key = api_key::find(&mut tx, &known.text("api_key_public")).await.unwrap().unwrap();
    let key = key.check(w.tenancy.keys(), &known.secret("api_key_secret"), w.now).unwrap();
    assert_eq!(key.project_id, known.id::<ProjectId>("project_id"));
    let call = w.call(&Principal::Anonymous);
    let (found, _) = stream_key::resolve(&mut tx, &call, &known.secret("stream_key")).await.unwrap();
    assert_eq!(found.id, known.id::<StreamId>("stream_id"));
    drop(tx);
    let token = known.secret("refresh_token");
    let refreshed =
        write!(w, &Principal::Anonymous, [token] | tx, call | session::refresh(tx, call, &token)).unwrap();
    assert_eq!(refreshed.into_tokens().unwrap().user_id, known.id::<UserId>("owner_id"));
}

async fn what_lies_in_the_project(w: &World<Db>, known: &Known, owner: &Principal) {
    let (organization_id, project_id): (OrganizationId, ProjectId) =
        (known.id("organization_id"), known.id("project_id"));
    let stream_id = known.id("stream_id");
    let found = read!(w, owner, |tx, call| stream::read(tx, call, stream_id)).unwrap();
    assert_eq!((found.name.as_str(), found.project_id), ("Camera", project_id));
    let all = PageRequest { after: None, limit: 10 };
    let signing = read!(w, owner, |tx, call| signing_key::list(tx, call, project_id, all)).unwrap();
    assert_eq!(signing.data[0].id.to_string(), known.text("signing_key_id"));
    let (from, until) = (NOW.minus(std::time::Duration::from_secs(86_400)), NOW);
    let target = Target::Organization(organization_id);
    let used = read!(w, owner, |tx, call| usage::read(tx, call, target, from, until)).unwrap();
    assert_eq!(used.iter().map(|row| row.value).sum::<i64>(), 7);
    let filter = AuditFilter { organization_id: Some(organization_id), ..AuditFilter::default() };
    let all = PageRequest { after: None, limit: 100 };
    let log = read!(w, owner, |tx, call| audit::list(tx, call, &filter, all)).unwrap();
    assert!(log.data.iter().any(|entry| entry.action == "stream.created"));
}

async fn people(w: &World<Db>, known: &Known) {
    // The second factor is still asked for.
    let refused = w.login("careful@example.org").await.unwrap_err();
    assert_eq!(refused.problem().code, SECOND_FACTOR_REQUIRED);
    let attempt = user::attempt(&mut w.store.read().await.unwrap(), "OWNER@example.org").await.unwrap();
    attempt.check(&Secret::from(PASSWORD)).unwrap();
    let (invited, token) = (w.user("invited@example.org").await, known.secret("invitation_token"));
    let accepted = write!(w, &invited, [token] | tx, call | invitation::accept(tx, call, &token)).unwrap();
    assert_eq!(accepted.0.id, known.id::<OrganizationId>("organization_id"));
}
