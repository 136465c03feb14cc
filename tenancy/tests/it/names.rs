//! Names are compared by what people see, and so are those of a store that compared them in lower case.

use tenancy::settings::Settings;
use tenancy::store::{Assign, Condition, Record as _, Store, Tx as _, Value};
use tenancy::stream::{self, Stream, StreamFilter};
use tenancy::{Error, PageRequest, Principal, StreamId, Tenancy};

use crate::world::{World, on_each_store, read};

on_each_store!(
    names_that_look_alike_are_one,
    a_store_that_compared_in_lower_case_compares_anew,
    of_two_names_that_are_one_now_both_stay,
);

async fn found<S: Store>(
    w: &World<S>,
    by: &Principal,
    project_id: platform_core::ProjectId,
    search: &str,
) -> Vec<String> {
    let filter = StreamFilter { search: Some(search.to_owned()), ..StreamFilter::default() };
    let page = PageRequest { after: None, limit: 100 };
    let page = read!(w, by, |tx, call| stream::list(tx, call, project_id, &filter, page)).unwrap();
    page.data.into_iter().map(|stream| stream.name).collect()
}

async fn names_that_look_alike_are_one<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let first = w.stream(&owner, project_id, "Cafe\u{301} 1").await.unwrap().stream;
    assert_eq!(first.name, "Caf\u{E9} 1");
    for same in ["caf\u{E9} 1", "CAFE\u{301} 1"] {
        let refused = w.stream(&owner, project_id, same).await;
        assert!(matches!(refused, Err(Error::Conflict { key: "name" })), "{same:?}");
    }
    w.stream(&owner, project_id, "ΟΔΟΣΑ").await.unwrap();
    for (search, name) in
        [("cafe\u{301}", "Caf\u{E9} 1"), ("caf\u{E9} ", "Caf\u{E9} 1"), ("ΟΔΟΣ", "ΟΔΟΣΑ"), ("οδος", "ΟΔΟΣΑ")]
    {
        assert_eq!(found(&w, &owner, project_id, search).await, [name], "{search:?}");
    }
    assert!(matches!(w.stream(&owner, project_id, "a\u{3164}b").await, Err(Error::Invalid(_))));
    let tx = &mut w.store.read().await.unwrap();
    for name in ["Caf\u{E9} 1", "Cafe\u{301} 1"] {
        assert_eq!(stream::of_name(tx, project_id, name).await.unwrap(), first.id, "{name:?}");
    }
}

/// Makes of a store one that an earlier version wrote: these streams have these names and keys.
async fn written_before<S: Store>(w: &World<S>, streams: &[(StreamId, &'static str, &'static str)]) {
    let old = w.store.write(streams.to_vec(), |tx, streams| {
        Box::pin(async move {
            for (id, name, key) in streams {
                let text = |text: &str| Value::Text(text.to_owned());
                let assign = vec![Assign::Set("name", text(name)), Assign::Set("name_key", text(key))];
                let this = vec![Condition::Is("id", text(&id.to_string()))];
                assert_eq!(tx.update_rows(Stream::TABLE, this, assign).await?, 1);
            }
            let assign = vec![Assign::Set("name_keys", Value::Integer(0))];
            tx.update_rows(Settings::TABLE, Vec::new(), assign).await.map(drop)
        })
    });
    old.await.unwrap();
}

async fn a_store_that_compared_in_lower_case_compares_anew<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let mut ids = Vec::new();
    for name in ["One", "Two", "Three"] {
        ids.push(w.stream(&owner, project_id, name).await.unwrap().stream.id);
    }
    let decomposed = ("Cafe\u{301}", "cafe\u{301}");
    written_before(&w, &[(ids[0], decomposed.0, decomposed.1), (ids[1], "Stra\u{DF}e", "stra\u{DF}e")]).await;
    assert!(found(&w, &owner, project_id, "caf\u{E9}").await.is_empty());
    Tenancy::open(&w.store, &w.master, w.now).await.unwrap();
    for (search, name) in [("caf\u{E9}", decomposed.0), ("STRASSE", "Stra\u{DF}e"), ("three", "Three")] {
        assert_eq!(found(&w, &owner, project_id, search).await, [name], "{search:?}");
    }
    let refused = w.stream(&owner, project_id, "strasse").await;
    assert!(matches!(refused, Err(Error::Conflict { key: "name" })));
    let tx = &mut w.store.read().await.unwrap();
    assert_eq!(stream::of_name(tx, project_id, decomposed.0).await.unwrap(), ids[0]);
}

async fn of_two_names_that_are_one_now_both_stay<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let one = w.stream(&owner, project_id, "Strasse").await.unwrap().stream.id;
    let two = w.stream(&owner, project_id, "Two").await.unwrap().stream.id;
    written_before(&w, &[(two, "Stra\u{DF}e", "stra\u{DF}e")]).await;
    Tenancy::open(&w.store, &w.master, w.now).await.unwrap();
    assert_eq!(found(&w, &owner, project_id, "strasse").await, ["Strasse"]);
    for id in [one, two] {
        assert!(read!(w, &owner, |tx, call| stream::read(tx, call, id)).is_ok());
    }
}
