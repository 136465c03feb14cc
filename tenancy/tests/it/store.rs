//! What the rules rely on holds for every store.

use std::collections::BTreeMap;

use platform_core::sql::{Db, Dialect, query};
use tenancy::store::{
    Assign, Cell, Change, Condition, Kind, Order, Row, Select, Store, Table, Tx, Value, add, at_least, below,
    clear, is, null, set, some,
};
use tenancy::{Error, TABLES, stream};

use crate::world::{World, on_each_store, write};

on_each_store!(
    values_come_back_as_they_were,
    what_is_unique_is_there_once,
    conditions_hold,
    an_update_is_conditional_and_counts,
    an_update_that_collides_names_what_is_taken,
    changes_of_one_journey_each_tell_what_they_did,
    sums_stay_within_their_bounds,
    deletions_are_bounded_and_take_the_oldest,
    an_error_takes_everything_back,
    what_was_announced_is_there_exactly_if_the_change_is,
    readers_write_nothing,
);

/// The tables on which the stores are tried out.
fn table(name: &str) -> &'static Table {
    TABLES.into_iter().find(|table| table.name == name).unwrap()
}

fn reports() -> &'static Table {
    table("tenancy_usage_reports")
}

fn usage() -> &'static Table {
    table("tenancy_usage")
}

fn used(id: &str, project: &str, value: i64) -> Row {
    let text = |text: &str| Value::Text(text.to_owned());
    vec![text(id), text("org"), text(project), text("metric"), Value::Integer(0), Value::Integer(value)]
}

/// Does primitives in a transaction.
macro_rules! with {
    ($world:expr, $([$($name:ident),*])? |$tx:ident| $work:expr) => {{
        $($(let $name = $name.clone();)*)?
        let work = $world.store.write((), move |$tx, ()| {
            $($(let $name = $name.clone();)*)?
            Box::pin(async move { $work })
        });
        work.await
    }};
}

async fn ids<S: Store>(
    w: &World<S>,
    table: &'static Table,
    filter: Vec<Condition>,
    order: Order,
) -> Vec<String> {
    let select = Select { table, filter, order, limit: 1_000 };
    let rows = w.store.read().await.unwrap().select_rows(select).await.unwrap();
    rows.into_iter().map(|row| String::from_value(row[0].clone()).unwrap()).collect()
}

async fn fill<S: Store>(w: &World<S>) {
    let rows = [("a", "p", 1), ("b", "p_", 2), ("c", "p%", 3), ("d", "P", 4), ("e", "pü", 5), ("f", "q", 6)];
    with!(w, |tx| {
        for (id, project, value) in rows {
            assert!(tx.insert_row(usage(), used(id, project, value)).await?);
        }
        Ok(())
    })
    .unwrap();
}

async fn values_come_back_as_they_were<S: Store>(w: World<S>) {
    for text in ["", "ünï©ode \u{10FFFF} \u{1F3A5}", "'; DROP TABLE x; --", "$1 ? %s", "a\nb\tc"] {
        for number in [0, -1, i64::MIN, i64::MAX] {
            let row = used(text, text, number);
            let expected = row.clone();
            let came_back = with!(
                w,
                [row] | tx | {
                    tx.insert_row(usage(), row).await?;
                    let select =
                        Select { table: usage(), filter: Vec::new(), order: Order::Newest, limit: 1 };
                    let rows = tx.select_rows(select).await?;
                    tx.delete_rows(usage(), Vec::new(), 1).await?;
                    Ok(rows)
                }
            );
            assert!(came_back.unwrap() == [expected], "{text:?} {number}");
        }
    }
    let bytes = Value::Bytes((0..=255).collect());
    let row = vec![
        Value::Text("k".to_owned()),
        Value::Null,
        bytes.clone(),
        Value::Bytes(Vec::new()),
        Value::Integer(1),
    ];
    let answers = table("tenancy_answers");
    let expected = row.clone();
    with!(w, [row] | tx | tx.insert_row(answers, row).await).unwrap();
    let select = Select {
        table: answers,
        filter: vec![is("body", (0..=255).collect::<Vec<u8>>())],
        order: Order::Newest,
        limit: 5,
    };
    assert!(w.store.read().await.unwrap().select_rows(select).await.unwrap() == [expected]);
}

async fn what_is_unique_is_there_once<S: Store>(w: World<S>) {
    let plan = |id: &str, key: &str| {
        let text = |text: &str| Value::Text(text.to_owned());
        let (zero, soft) = (Value::Integer(0), text("soft"));
        vec![text(id), text(key), text(key), text("{}"), zero.clone(), zero, soft]
    };
    let plans = table("tenancy_plans");
    for (id, key, added) in [("1", "a", true), ("1", "b", false), ("2", "a", false), ("2", "A", true)] {
        let row = plan(id, key);
        assert_eq!(with!(w, [row] | tx | tx.insert_row(plans, row).await).unwrap(), added, "{id} {key}");
    }
    // After a row that was not added the transaction goes on.
    let (taken, free) = (plan("3", "a"), plan("3", "c"));
    with!(
        w,
        [taken, free] | tx | {
            assert!(!tx.insert_row(plans, taken).await?);
            assert!(tx.insert_row(plans, free).await?);
            Ok(())
        }
    )
    .unwrap();
    assert_eq!(ids(&w, plans, vec![is("name_key", "c".to_owned())], Order::Newest).await, ["3"]);
}

async fn conditions_hold<S: Store>(w: World<S>) {
    fill(&w).await;
    let text = |text: &str| text.to_owned();
    let cases: Vec<(Vec<Condition>, &str)> = vec![
        (vec![], "abcdef"),
        (vec![is("project_id", text("P"))], "d"),
        (vec![Condition::Not("project_id", Value::Text(text("P")))], "abcef"),
        (vec![below("value", 3_i64)], "ab"),
        (vec![at_least("value", 5_i64)], "ef"),
        (vec![below("id", text("c")), at_least("value", 2_i64)], "b"),
        (vec![Condition::Prefix("project_id", text("p"))], "abce"),
        (vec![Condition::Prefix("project_id", text("p_"))], "b"),
        (vec![Condition::Prefix("project_id", text("p%"))], "c"),
        (vec![Condition::Prefix("project_id", String::new())], "abcdef"),
        (vec![tenancy::store::one_of("id", [text("a"), text("f"), text("x")])], "af"),
        (vec![tenancy::store::one_of::<String>("id", [])], ""),
        (vec![Condition::Fits { column: "value", add: 4, limit: 8 }], "abcd"),
        (vec![Condition::Fits { column: "value", add: -3, limit: i64::MAX }], "cdef"),
        // By bytes: capital letters first, letters with marks last.
        (vec![below("project_id", text("p"))], "d"),
        (vec![at_least("project_id", text("p~"))], "ef"),
    ];
    for (filter, expected) in cases {
        assert_eq!(ids(&w, usage(), filter.clone(), Order::Oldest).await.concat(), expected, "{filter:?}");
        let newest: String = expected.chars().rev().collect();
        assert_eq!(ids(&w, usage(), filter.clone(), Order::Newest).await.concat(), newest, "{filter:?}");
    }
    w.person("a@example.org").await;
    let users = table("tenancy_users");
    assert_eq!(ids(&w, users, vec![null("suspended_at"), some("email")], Order::Newest).await.len(), 1);
    assert_eq!(ids(&w, users, vec![some("suspended_at")], Order::Newest).await.len(), 0);
    // An empty column is neither this nor another.
    let other = Condition::Not("suspended_at", Value::Integer(1));
    assert_eq!(ids(&w, users, vec![other], Order::Newest).await.len(), 0);
    assert_eq!(ids(&w, users, vec![below("suspended_at", i64::MAX)], Order::Newest).await.len(), 0);
    assert_eq!(ids(&w, users, vec![is("is_admin", false)], Order::Newest).await.len(), 1);
    assert_eq!(ids(&w, users, vec![is("is_admin", true)], Order::Newest).await.len(), 0);
}

async fn an_update_is_conditional_and_counts<S: Store>(w: World<S>) {
    fill(&w).await;
    let changed = with!(w, |tx| {
        let filter = vec![at_least("value", 5_i64)];
        tx.update_rows(usage(), filter, vec![add("value", 10), set("metric", "x".to_owned())]).await
    });
    assert_eq!(changed.unwrap(), 2);
    assert_eq!(
        ids(&w, usage(), vec![is("metric", "x".to_owned()), at_least("value", 15_i64)], Order::Oldest).await,
        ["e", "f"]
    );
    let none =
        with!(w, |tx| tx.update_rows(usage(), vec![is("id", "x".to_owned())], vec![add("value", 1)]).await);
    assert_eq!(none.unwrap(), 0);
    w.person("a@example.org").await;
    let users = table("tenancy_users");
    with!(w, |tx| tx.update_rows(users, vec![], vec![clear("email"), set("verified_at", None::<i64>)]).await)
        .unwrap();
    assert_eq!(ids(&w, users, vec![null("email"), null("verified_at")], Order::Newest).await.len(), 1);
}

async fn an_update_that_collides_names_what_is_taken<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    w.stream(&owner, project_id, "One").await.unwrap();
    let two = w.stream(&owner, project_id, "Two").await.unwrap().stream.id;
    let streams = table("tenancy_streams");
    let renamed = with!(w, |tx| {
        tx.update_rows(streams, vec![is("id", two)], vec![set("name_key", "one".to_owned())]).await
    });
    assert!(matches!(renamed, Err(Error::Conflict { key: "name" })), "{renamed:?}");
    let same = with!(w, |tx| tx
        .update_rows(streams, vec![is("id", two)], vec![set("name_key", "two".to_owned())])
        .await);
    assert_eq!(same.unwrap(), 1, "a row is not in its own way");
}

async fn changes_of_one_journey_each_tell_what_they_did<S: Store>(w: World<S>) {
    fill(&w).await;
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let update = |id: &str, limit| {
        let filter = vec![is("id", id.to_owned()), Condition::Fits { column: "value", add: 2, limit }];
        Change::Update { table: usage(), filter, assign: vec![add("value", 2)], tell: "value" }
    };
    let insert = |id: &str| Change::Insert { table: usage(), row: used(id, "p'$1;", 9) };
    let nothing = Change::Update {
        table: usage(),
        filter: vec![Condition::OneOf("id", Vec::new())],
        assign: vec![add("value", 1)],
        tell: "id",
    };
    let changes = [update("a", 10), update("b", 3), insert("a"), nothing, insert("z"), update("z", 20)];
    let told = with!(w, [changes] | tx | tx.change(changes).await).unwrap();
    assert_eq!(told, [Some(Value::Integer(3)), None, None, None, text("z"), Some(Value::Integer(11))]);
    assert_eq!(ids(&w, usage(), vec![is("value", 3_i64)], Order::Oldest).await, ["a", "c"]);
    assert_eq!(ids(&w, usage(), vec![is("value", 11_i64)], Order::Oldest).await, ["z"]);
    assert_eq!(with!(w, |tx| tx.change([]).await).unwrap(), []);
}

async fn sums_stay_within_their_bounds<S: Store>(w: World<S>) {
    with!(w, |tx| tx.insert_row(usage(), used("n", "p", 0)).await).unwrap();
    let adding: Vec<_> = (0..50)
        .map(|_| {
            let store = w.store.clone();
            tokio::spawn(async move {
                store
                    .write((), |tx, ()| {
                        Box::pin(async move {
                            let fits = Condition::Fits { column: "value", add: 3, limit: 20 };
                            tx.update_rows(
                                usage(),
                                vec![is("id", "n".to_owned()), fits],
                                vec![add("value", 3)],
                            )
                            .await
                        })
                    })
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut fitted = 0;
    for adding in adding {
        fitted += adding.await.unwrap();
    }
    assert_eq!(fitted, 6);
    assert_eq!(ids(&w, usage(), vec![is("value", 18_i64)], Order::Newest).await, ["n"]);
}

async fn deletions_are_bounded_and_take_the_oldest<S: Store>(w: World<S>) {
    fill(&w).await;
    assert_eq!(with!(w, |tx| tx.delete_rows(usage(), vec![below("value", 6_i64)], 3).await).unwrap(), 3);
    assert_eq!(ids(&w, usage(), vec![], Order::Oldest).await.concat(), "def");
    assert_eq!(with!(w, |tx| tx.delete_rows(usage(), vec![below("value", 6_i64)], 3).await).unwrap(), 2);
    assert_eq!(with!(w, |tx| tx.delete_rows(usage(), vec![below("value", 6_i64)], 3).await).unwrap(), 0);
}

async fn an_error_takes_everything_back<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    w.stream(&owner, project_id, "One").await.unwrap();
    let before = w.rows().await;
    let call = w.call(&owner);
    let failed: Result<(), Error> = w
        .store
        .write(call, move |tx, call| {
            Box::pin(async move {
                stream::create(tx, call, project_id, &stream::StreamInput::named("Two")).await?;
                tx.insert_row(reports(), vec![Value::Text("r".to_owned()), Value::Integer(0)]).await?;
                Err(Error::NotFound)
            })
        })
        .await;
    assert!(matches!(failed, Err(Error::NotFound)));
    assert!(w.rows().await == before);
    let log = tenancy::store::AuditFilter { project_id: Some(project_id), ..Default::default() };
    let log = w.store.read().await.unwrap().audit_counts(&log).await.unwrap();
    let counts: BTreeMap<_, _> = log.into_iter().collect();
    assert_eq!(counts.get("stream.created"), Some(&1));
}

async fn what_was_announced_is_there_exactly_if_the_change_is<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    write!(w, &owner, |tx, call| stream::delete(tx, call, id)).unwrap();
    let log = tenancy::store::AuditFilter { resource_id: Some(id.to_string()), ..Default::default() };
    let log = w.store.read().await.unwrap().audit_page(&log, None, 10).await.unwrap();
    let said: Vec<_> =
        log.iter().map(|entry| (entry.action.as_str(), entry.organization_id, entry.project_id)).collect();
    let of = (Some(organization_id), Some(project_id));
    assert_eq!(said, [("stream.deleted", of.0, of.1), ("stream.created", of.0, of.1)]);
    let after = Some(log[0].id);
    let filter = tenancy::store::AuditFilter { resource_id: Some(id.to_string()), ..Default::default() };
    let next = w.store.read().await.unwrap().audit_page(&filter, after, 10).await.unwrap();
    assert_eq!(next, log[1..]);
}

async fn readers_write_nothing<S: Store>(w: World<S>) {
    let mut tx = w.store.read().await.unwrap();
    let _ = tx.insert_row(reports(), vec![Value::Text("r".to_owned()), Value::Integer(0)]).await;
    drop(tx);
    assert!(ids(&w, reports(), vec![], Order::Newest).await.is_empty());
}

#[test]
fn memory_keeps_what_was_announced() {
    crate::world::in_memory(|w| async move {
        let (owner, _, project_id) = w.tenant("a@example.org").await;
        w.stream(&owner, project_id, "One").await.unwrap();
        let _: Result<_, _> = w.stream(&owner, project_id, "One").await;
        let events: Vec<_> = w.store.outbox().into_iter().filter_map(|(event, _)| event).collect();
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].kind.as_str(), events[0].project_id), ("stream.created", Some(project_id)));
    });
}

async fn outbox_has_the_events(w: World<Db>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    w.stream(&owner, project_id, "One").await.unwrap();
    let _: Result<_, _> = w.stream(&owner, project_id, "One").await;
    let sql = query("SELECT type, project_id FROM pulse_outbox WHERE type IS NOT NULL");
    let rows = w.store.read().await.unwrap().fetch_all(sql).await.unwrap();
    let rows: Vec<(String, String)> =
        rows.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap())).collect();
    assert_eq!(rows, [("stream.created".to_owned(), project_id.to_string())]);
}

/// A column as the database has it: its name, type, and whether it may be empty.
async fn columns(db: &Db, table: &str) -> Vec<(String, String, bool)> {
    let sql = match db.dialect() {
        Dialect::Sqlite => query("SELECT name, type, \"notnull\" = 0 FROM pragma_table_info(")
            .push_bind(table)
            .push(") ORDER BY cid"),
        Dialect::Postgres => query(
            "SELECT column_name::text, data_type::text, CASE is_nullable WHEN 'YES' THEN 1 ELSE 0 END \
             FROM information_schema.columns WHERE table_name = ",
        )
        .push_bind(table)
        .push(" ORDER BY ordinal_position"),
    };
    let rows = db.read().await.unwrap().fetch_all(sql).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0).unwrap(), row.get(1).unwrap(), row.get::<i64>(2).unwrap() != 0))
        .collect()
}

async fn the_schema_is_that_of_the_records(w: World<Db>) {
    let db = &w.store;
    for table in TABLES {
        let types = |kind| match (db.dialect(), kind) {
            (Dialect::Sqlite, Kind::Text) => "TEXT",
            (Dialect::Sqlite, Kind::Integer | Kind::Bool) => "INTEGER",
            (Dialect::Sqlite, Kind::Bytes) => "BLOB",
            (Dialect::Postgres, Kind::Text) => "text",
            (Dialect::Postgres, Kind::Integer) => "bigint",
            (Dialect::Postgres, Kind::Bytes) => "bytea",
            (Dialect::Postgres, Kind::Bool) => "boolean",
        };
        let expected: Vec<_> = table
            .columns
            .iter()
            .map(|column| (column.name.to_owned(), types(column.kind).to_owned(), column.nullable))
            .collect();
        assert_eq!(columns(db, table.name).await, expected, "{}", table.name);
        for unique in table.unique {
            let index = format!("{}_{}", table.name, unique.key);
            let sql = match db.dialect() {
                Dialect::Sqlite => query("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ")
                    .push_bind(index.as_str()),
                Dialect::Postgres => query("SELECT indexdef::text FROM pg_indexes WHERE indexname = ")
                    .push_bind(index.as_str()),
            };
            let definition: String = db.read().await.unwrap().fetch_one(sql).await.unwrap().get(0).unwrap();
            assert!(definition.starts_with("CREATE UNIQUE INDEX"), "{definition}");
            assert!(definition.contains(&format!("({})", unique.columns.join(", "))), "{definition}");
            match unique.while_null {
                Some(column) => assert!(definition.contains(&format!("{column} IS NULL")), "{definition}"),
                None => assert!(!definition.contains("WHERE"), "{definition}"),
            }
        }
    }
}

/// Texts that are compared sort by their bytes, whatever the database was set up with.
async fn every_text_column_sorts_by_bytes(w: World<Db>) {
    let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns \
               WHERE table_name LIKE 'tenancy_%' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'";
    assert_eq!(w.store.read().await.unwrap().fetch_all(sql).await.unwrap().len(), 0);
}

#[test]
fn sqlite_has_the_events() {
    crate::world::on_sqlite(outbox_has_the_events);
}

#[test]
fn postgres_has_the_events() {
    crate::world::on_postgres(outbox_has_the_events);
}

#[test]
fn sqlite_has_the_schema_of_the_records() {
    crate::world::on_sqlite(the_schema_is_that_of_the_records);
}

#[test]
fn postgres_has_the_schema_of_the_records() {
    crate::world::on_postgres(the_schema_is_that_of_the_records);
}

#[test]
fn postgres_sorts_by_bytes() {
    crate::world::on_postgres(every_text_column_sorts_by_bytes);
}

#[test]
fn a_fault_of_ours_is_no_conflict() {
    crate::world::in_memory(|w| async move {
        fill(&w).await;
        let wrong = with!(w, |tx| tx
            .update_rows(usage(), vec![is("nmae", 1_i64)], vec![Assign::Add("value", 1)])
            .await);
        assert!(matches!(wrong, Err(Error::Internal(_))));
    });
}
