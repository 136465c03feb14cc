//! Housekeeping and erasure find their rows by an index, however large the tables are: what SQLite says of each statement.

use std::collections::BTreeSet;
use std::time::Duration;

use platform_core::sql::{self, Config, Db, Location, Query};
use platform_core::{AuditId, Event, WallTime};

use super::{MIGRATIONS, statement};
use crate::store::announce::{AuditEntry, AuditFilter, Entity};
use crate::store::filter::{Assign, Change, Condition, Select};
use crate::store::record::{Row, Table};
use crate::store::value::Value;
use crate::store::{Store, Tx};
use crate::user::Registration;
use crate::vault::MasterKey;
use crate::{Error, Principal, Tenancy, organization, project, retention, stream, user};

const NOW: WallTime = WallTime::from_unix_ms(1_790_000_000_000);

/// Tables of a handful of rows, which may be read from one end to the other.
const SMALL: [&str; 3] = ["tenancy_plans", "tenancy_settings", "tenancy_data_keys"];

/// A transaction that notes how each of its statements is carried out.
struct Explained<'t> {
    tx: &'t mut sql::Tx,
    scans: BTreeSet<String>,
    statements: usize,
}

impl Explained<'_> {
    async fn note(&mut self, query: &Query<'_>) -> Result<(), Error> {
        self.statements += 1;
        for step in self.tx.plan(query).await? {
            let scanned = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
            if scanned.is_some_and(|table| !SMALL.contains(&table)) {
                self.scans.insert(format!("{step}: {}", query.sql()));
            }
        }
        Ok(())
    }
}

impl Tx for Explained<'_> {
    async fn insert_row(&mut self, table: &'static Table, row: Row) -> Result<bool, Error> {
        self.tx.insert_row(table, row).await
    }

    async fn append_row(&mut self, table: &'static Table, row: Row) -> Result<(), Error> {
        self.tx.append_row(table, row).await
    }

    async fn select_rows(&mut self, select: Select) -> Result<Vec<Row>, Error> {
        if let Some(query) = statement::select(select.clone())? {
            self.note(&query).await?;
        }
        self.tx.select_rows(select).await
    }

    async fn update_rows(
        &mut self,
        table: &'static Table,
        filter: Vec<Condition>,
        assign: Vec<Assign>,
    ) -> Result<u64, Error> {
        if let Some(query) = statement::update(table, filter.clone(), assign.clone())? {
            self.note(&query).await?;
        }
        self.tx.update_rows(table, filter, assign).await
    }

    async fn change_rows(&mut self, changes: Vec<Change>) -> Result<Vec<Option<Value>>, Error> {
        for change in &changes {
            if let Change::Update { table, filter, assign, .. } = change
                && let Some(query) = statement::update(table, filter.clone(), assign.clone())?
            {
                self.note(&query).await?;
            }
        }
        self.tx.change_rows(changes).await
    }

    async fn lock_row(&mut self, table: &'static Table, id: Value) -> Result<(), Error> {
        self.tx.lock_row(table, id).await
    }

    async fn delete_rows(
        &mut self,
        table: &'static Table,
        filter: Vec<Condition>,
        limit: u32,
    ) -> Result<u64, Error> {
        if let Some(query) = statement::delete(table, filter.clone(), limit)? {
            self.note(&query).await?;
        }
        self.tx.delete_rows(table, filter, limit).await
    }

    async fn count_rows(&mut self, table: &'static Table, filter: Vec<Condition>) -> Result<u64, Error> {
        self.tx.count_rows(table, filter).await
    }

    async fn clock(&mut self, now: WallTime) -> Result<WallTime, Error> {
        self.tx.clock(now).await
    }

    async fn announce(&mut self, event: Event, entity: Entity) -> Result<(), Error> {
        self.tx.announce(event, entity).await
    }

    async fn changed(&mut self, entity: Entity, now: WallTime) -> Result<(), Error> {
        self.tx.changed(entity, now).await
    }

    async fn audit(&mut self, entry: AuditEntry) -> Result<(), Error> {
        self.tx.audit(entry).await
    }

    async fn audit_page(
        &mut self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Error> {
        self.tx.audit_page(filter, before, limit).await
    }

    async fn audit_counts(&mut self, filter: &AuditFilter) -> Result<Vec<(String, u64)>, Error> {
        self.tx.audit_counts(filter).await
    }

    async fn forget(&mut self, entity: &Entity) -> Result<(), Error> {
        self.tx.forget(entity).await
    }

    async fn purge_audit(&mut self, before: WallTime, limit: u32) -> Result<u64, Error> {
        self.tx.purge_audit(before, limit).await
    }
}

/// A database with a deleted stream, project and organization in it, and an account that was never verified.
async fn lived() -> (Db, Tenancy, Principal) {
    let db = Db::open(Config::new(Location::Memory)).await.unwrap();
    db.migrate(NOW, &[MIGRATIONS]).await.unwrap();
    let tenancy = Tenancy::open(&db, &MasterKey::generate(), NOW).await.unwrap();
    let call = tenancy.call(Principal::Operator, NOW);
    let owner = Store::write(&db, call, |tx, call| {
        Box::pin(async move {
            let mut ada = Registration {
                email: "ada@example.org".to_owned(),
                name: "Ada".to_owned(),
                password: crate::password::hash(&"correct horse battery".into())?,
            };
            let _ = user::register(tx, call, &ada).await?;
            ada.email = "owner@example.org".to_owned();
            let id = user::create(tx, call, &ada, false).await?.id;
            let owner = crate::UserPrincipal { id, session_id: call.id(), is_admin: false };
            let by = call.by(Principal::User(owner));
            let kept = organization::create(tx, &by, "Kept").await?;
            let gone = organization::create(tx, &by, "Gone").await?;
            let input = project::ProjectInput { name: "Main".to_owned(), ..Default::default() };
            let main = project::create(tx, &by, kept.id, &input).await?;
            let created = stream::create(tx, &by, main.id, &stream::StreamInput::named("One")).await?;
            stream::delete(tx, &by, created.stream.id).await?;
            let within = project::create(tx, &by, gone.id, &input).await?;
            stream::create(tx, &by, within.id, &stream::StreamInput::named("One")).await?;
            let old = project::ProjectInput { name: "Old".to_owned(), ..Default::default() };
            let old = project::create(tx, &by, kept.id, &old).await?;
            stream::create(tx, &by, old.id, &stream::StreamInput::named("One")).await?;
            project::delete(tx, &by, old.id).await?;
            organization::delete(tx, &by, gone.id).await?;
            // Somebody else has to own what is kept, or its owner is not erased.
            ada.email = "second@example.org".to_owned();
            let second = user::create(tx, call, &ada, false).await?.id;
            crate::member::insert(tx, call, kept.id, second, crate::Role::Owner).await?;
            organization::count_owners(tx, kept.id, 1).await?;
            Ok(by.principal)
        })
    });
    let owner = owner.await.unwrap();
    (db, tenancy, owner)
}

#[tokio::test]
async fn housekeeping_and_erasure_scan_no_large_table() {
    let (db, tenancy, owner) = lived().await;
    let later = NOW.plus(Duration::from_secs(100 * 86_400));
    let Principal::User(person) = owner else { panic!("no person") };
    let work = (tenancy.call(Principal::Operator, later), person.id);
    let (removed, statements, scans) = Store::write(&db, work, |tx, (call, person)| {
        Box::pin(async move {
            let mut tx = Explained { tx, scans: BTreeSet::new(), statements: 0 };
            user::erase(&mut tx, call, *person).await?;
            let mut removed = 0;
            loop {
                let batch = retention::purge(&mut tx, call.now).await?;
                if batch == 0 {
                    return Ok((removed, tx.statements, tx.scans));
                }
                removed += batch;
            }
        })
    })
    .await
    .unwrap();
    assert!(removed > 10 && statements > 50, "the test can fail: {removed} rows, {statements} statements");
    assert!(scans.is_empty(), "{scans:#?}");
}
