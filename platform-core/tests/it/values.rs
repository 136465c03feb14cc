//! Values go in and come out the same on either database, and one of another type is refused instead of converted.

use platform_core::sql::{Error, Value, query};
use platform_core::{OrganizationId, Secret, WallTime};

use crate::fixture::{Fixture, NOW, on_each_database, run};

on_each_database!(
    values_come_back,
    nulls_come_back,
    another_type_is_refused,
    a_list_with_filters,
    ids_sort_as_bytes_do
);

/// One statement for both: `BLOB` is no type of PostgreSQL, `BYTEA` any name to SQLite.
const TABLE: &[&str] = &["CREATE TABLE thing (id TEXT, number BIGINT, bytes BYTEA, truth BOOLEAN)"];

async fn values_come_back(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    let id: OrganizationId = fixture.ids.next(NOW);
    let texts = ["", "ascii", "ünï ©ode 🎥", "quote ' and \" and ; --", "$1"];
    for text in texts {
        for number in [0, 1, -1, i64::MAX, i64::MIN] {
            let row = db
                .write((), move |tx, ()| {
                    Box::pin(async move {
                        let bytes: &[u8] = &[0, 255, 1];
                        let insert = query(
                            "INSERT INTO thing VALUES ($1, $2, $3, $4) RETURNING id, number, bytes, truth",
                        );
                        tx.fetch_one(insert.bind(text).bind(number).bind(bytes).bind(true)).await
                    })
                })
                .await
                .unwrap();
            assert_eq!(row.text("id").unwrap(), text);
            assert_eq!(row.get::<i64>(1).unwrap(), number);
            assert_eq!(row.get::<Vec<u8>>("bytes").unwrap(), [0, 255, 1]);
            assert_eq!(row.get::<Secret>(2).unwrap(), Secret::new([0, 255, 1]));
            assert!(row.get::<bool>(3).unwrap());
        }
    }
    let mut read = db.read().await.unwrap();
    let row = read
        .fetch_one(query("SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT)").bind(id).bind(NOW))
        .await
        .unwrap();
    assert_eq!(row.get::<OrganizationId>(0).unwrap(), id);
    assert_eq!(row.get::<WallTime>(1).unwrap(), NOW);
}

async fn nulls_come_back(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    let row = db
        .write((), |tx, ()| {
            Box::pin(async move {
                let insert =
                    query("INSERT INTO thing VALUES ($1, $2, $3, $4) RETURNING id, number, bytes, truth")
                        .bind(None::<&str>)
                        .bind(None::<i64>)
                        .bind(Value::Bytes(None))
                        .bind(None::<bool>);
                tx.fetch_one(insert).await
            })
        })
        .await
        .unwrap();
    assert_eq!(row.get::<Option<String>>(0).unwrap(), None);
    assert_eq!(row.get::<Option<i64>>(1).unwrap(), None);
    assert_eq!(row.get::<Option<Vec<u8>>>(2).unwrap(), None);
    assert_eq!(row.get::<Option<bool>>(3).unwrap(), None);
    let error = row.get::<i64>(1).unwrap_err();
    assert!(matches!(&error, Error::Column { reason, .. } if reason == "is NULL"), "{error:?}");
}

async fn another_type_is_refused(fixture: Fixture) {
    let db = fixture.bare().await;
    let mut read = db.read().await.unwrap();
    let row =
        read.fetch_one("SELECT CAST('12' AS TEXT) AS text, CAST(300 AS BIGINT) AS number").await.unwrap();
    assert!(row.get::<i64>("text").is_err());
    assert!(row.get::<Vec<u8>>("number").is_err());
    assert!(row.text("number").is_err());
    assert!(row.get::<u8>("number").is_err(), "300 does not fit a byte");
    assert!(row.get::<OrganizationId>("text").is_err());
    assert!(row.get::<i64>("none").is_err());
    assert!(row.get::<i64>(2).is_err());
    // What is printed is not what is in it.
    assert_eq!(format!("{row:?}"), "Row(2 columns)");
}

async fn a_list_with_filters(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    run(&db, &["INSERT INTO thing (id, number) VALUES ('a', 1), ('b', 2), ('c', 3)"]).await;
    let mut read = db.read().await.unwrap();
    let mut found = Vec::new();
    for (least, most) in [(None, None), (Some(2_i64), None), (None, Some(2_i64)), (Some(2), Some(2))] {
        let mut list = query("SELECT id FROM thing WHERE id <> $1").bind("z");
        if let Some(least) = least {
            list = list.push(" AND number >= ").push_bind(least);
        }
        if let Some(most) = most {
            list = list.push(" AND number <= ").push_bind(most);
        }
        let rows = read.fetch_all(list.push(" ORDER BY id")).await.unwrap();
        found.push(rows.iter().map(|row| row.text(0).unwrap()).collect::<String>());
    }
    assert_eq!(found, ["abc", "bc", "ab", "b"]);
}

async fn ids_sort_as_bytes_do(fixture: Fixture) {
    let db = fixture.open().await;
    // Where words are sorted as in a dictionary, `_` does not count and `z` comes before `Z`.
    run(&db, &["INSERT INTO pulse_outbox_reader VALUES ('a_b', 0, 0), ('ab', 0, 0), ('aA', 0, 0), ('a-c', 0, 0), ('Z', 0, 0)"])
        .await;
    let rows = db
        .read()
        .await
        .unwrap()
        .fetch_all("SELECT name FROM pulse_outbox_reader ORDER BY name")
        .await
        .unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.text(0).unwrap()).collect();
    assert_eq!(names, ["Z", "a-c", "aA", "a_b", "ab"]);
}
