//! Names are compared by what people see, and so are those of a store that compared them in lower case.

use tenancy::preset::{self, Preset, PresetInput, StreamDefaults, StreamDraft};
use tenancy::settings::Settings;
use tenancy::store::{Assign, Condition, Record as _, Store, Table, Tx as _, Value};
use tenancy::stream::{self, PlaybackPolicy, Stream, StreamFilter};
use tenancy::{Error, PageRequest, Principal, StreamId, Tenancy};

use crate::world::{World, on_each_store, read, write};

on_each_store!(
    names_that_look_alike_are_one,
    a_store_that_compared_in_lower_case_compares_anew,
    of_two_names_that_are_one_now_both_stay,
    of_two_names_that_are_one_now_the_exact_one_is_meant,
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
    for (id, name, key) in streams {
        named_before(w, Stream::TABLE, id.to_string(), name, key).await;
    }
    let old = w.store.write((), |tx, ()| {
        Box::pin(async move {
            let assign = vec![Assign::Set("name_keys", Value::Integer(0))];
            tx.update_rows(Settings::TABLE, Vec::new(), assign).await.map(drop)
        })
    });
    old.await.unwrap();
}

/// Gives something the name and the key that an earlier version gave it.
async fn named_before<S: Store>(
    w: &World<S>,
    table: &'static Table,
    id: String,
    name: &'static str,
    key: &'static str,
) {
    let named = w.store.write(id, move |tx, id| {
        Box::pin(async move {
            let text = |text: &str| Value::Text(text.to_owned());
            let assign = vec![Assign::Set("name", text(name)), Assign::Set("name_key", text(key))];
            tx.update_rows(table, vec![Condition::Is("id", text(id))], assign).await
        })
    });
    assert_eq!(named.await.unwrap(), 1);
}

async fn of_two_names_that_are_one_now_the_exact_one_is_meant<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let decomposed = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    // The newer one, which is listed first.
    let composed = w.stream(&owner, project_id, "Caf\u{E9}").await.unwrap().stream.id;
    written_before(&w, &[(decomposed, "Cafe\u{301}", "cafe\u{301}")]).await;
    for (name, id) in [("Cafe\u{301}", decomposed), ("Caf\u{E9}", composed)] {
        let tx = &mut w.store.read().await.unwrap();
        assert_eq!(stream::of_name(tx, project_id, name).await.unwrap(), id, "{name:?}");
    }
    let policy = |policy| StreamDefaults { playback_policy: Some(policy), ..StreamDefaults::default() };
    let mut presets = Vec::new();
    for (name, of) in [("MASSE", PlaybackPolicy::Public), ("Two", PlaybackPolicy::Signed)] {
        let input = PresetInput { name: name.to_owned(), stream: policy(of) };
        let made = write!(w, &owner, [input] | tx, call | preset::create(tx, call, project_id, &input));
        presets.push(made.unwrap().id);
    }
    named_before(&w, Preset::TABLE, presets[1].to_string(), "Ma\u{DF}e", "ma\u{DF}e").await;
    for (name, of) in [
        ("Ma\u{DF}e", PlaybackPolicy::Signed),
        ("MASSE", PlaybackPolicy::Public),
        ("masse", PlaybackPolicy::Public),
    ] {
        let draft = StreamDraft {
            name: format!("By {name}"),
            preset: Some(name.to_owned()),
            stream: StreamDefaults::default(),
        };
        let filled = write!(
            w,
            &owner,
            [draft] | tx,
            call | preset::fill(tx, call, project_id, std::slice::from_ref(&draft))
        );
        assert_eq!(filled.unwrap().remove(0).unwrap().playback_policy, of, "{name:?}");
    }
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
