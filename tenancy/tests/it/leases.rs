//! Leases: one place for each stream, no more than the plan allows, and gone with the node that held them.

use std::time::Duration;

use tenancy::lease::{self, Node, TERM, Taken};
use tenancy::quota::Resource;
use tenancy::store::{Entity, Store};
use tenancy::{Error, Principal, StreamId, retention};

use crate::world::{World, on_each_store, read, write};

on_each_store!(
    a_stream_has_one_place,
    a_place_ends_unless_it_is_renewed,
    no_more_publish_than_the_plan_allows,
    a_node_gives_back_what_it_held_before,
);

fn node(id: &str, boot: &str) -> Node {
    Node { id: id.to_owned(), boot_id: boot.to_owned() }
}

async fn take<S: Store>(w: &World<S>, node: &Node, id: StreamId, takeover: bool) -> Result<Taken, Error> {
    write!(w, &Principal::System, [node] | tx, call | lease::take(tx, call, &node, id, None, takeover))
}

async fn renew<S: Store>(w: &World<S>, node: &Node, ids: &[StreamId]) -> Vec<StreamId> {
    let ids = ids.to_vec();
    write!(w, &Principal::System, [node, ids] | tx, call | lease::renew(tx, call, &node, &ids)).unwrap()
}

async fn holders<S: Store>(w: &World<S>, ids: &[StreamId]) -> Vec<String> {
    let leases = read!(w, &Principal::System, |tx, call| lease::of_streams(tx, call, ids)).unwrap();
    leases.into_iter().map(|lease| lease.node_id).collect()
}

/// Lets a lease run out. PostgreSQL goes by its own clock, so there the lease is made older instead.
async fn pass<S: Store>(w: &mut World<S>, duration: Duration) {
    w.pass(duration);
    let ms = duration.as_millis() as i64;
    if !matches!(w.location, Some(platform_core::sql::Location::Postgres(_))) {
        return;
    }
    let older = w.store.write((), move |tx, ()| {
        Box::pin(async move {
            let table = tenancy::TABLES.into_iter().find(|table| table.name == "tenancy_leases").unwrap();
            let assign = vec![tenancy::store::add("expires_at", -ms)];
            tenancy::store::Tx::update_rows(tx, table, Vec::new(), assign).await
        })
    });
    older.await.unwrap();
}

async fn a_stream_has_one_place<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    let (a, b) = (node("a", "1"), node("b", "1"));
    assert!(holders(&w, &[id]).await.is_empty());
    assert_eq!(take(&w, &a, id, false).await.unwrap(), Taken::New);
    assert_eq!(take(&w, &a, id, false).await.unwrap(), Taken::Kept);
    assert_eq!(take(&w, &b, id, false).await.unwrap(), Taken::Busy);
    assert_eq!(holders(&w, &[id]).await, ["a"]);
    assert!(renew(&w, &a, &[id]).await.is_empty());
    assert_eq!(take(&w, &b, id, true).await.unwrap(), Taken::Moved);
    assert_eq!(renew(&w, &a, &[id]).await, [id]);
    // What was lost is not given back by who lost it.
    write!(
        w,
        &Principal::System,
        [a] | tx,
        call | async {
            let _ = call;
            lease::release(tx, &a, id).await
        }
    )
    .unwrap();
    assert_eq!(holders(&w, &[id]).await, ["b"]);
    write!(
        w,
        &Principal::System,
        [b] | tx,
        call | async {
            let _ = call;
            lease::release(tx, &b, id).await
        }
    )
    .unwrap();
    assert_eq!(take(&w, &a, id, false).await.unwrap(), Taken::New);
    let unknown: StreamId = w.tenancy.id(w.now);
    assert!(matches!(take(&w, &a, unknown, false).await, Err(Error::NotFound)));
}

async fn a_place_ends_unless_it_is_renewed<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let one = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    let two = w.stream(&owner, project_id, "Two").await.unwrap().stream.id;
    let (a, b) = (node("a", "1"), node("b", "1"));
    take(&w, &a, one, false).await.unwrap();
    take(&w, &a, two, false).await.unwrap();
    pass(&mut w, Duration::from_secs(20)).await;
    assert!(renew(&w, &a, &[one]).await.is_empty());
    pass(&mut w, Duration::from_secs(20)).await;
    assert_eq!(holders(&w, &[one, two]).await, ["a"]);
    assert_eq!(renew(&w, &a, &[one, two]).await, [two]);
    assert_eq!(take(&w, &b, two, false).await.unwrap(), Taken::New);
    pass(&mut w, TERM * 3).await;
    write!(w, &Principal::System, |tx, call| retention::purge(tx, call.now)).unwrap();
    let rows = w.rows().await.len();
    write!(w, &Principal::System, |tx, call| retention::purge(tx, call.now)).unwrap();
    assert_eq!(w.rows().await.len(), rows);
    assert_eq!(take(&w, &b, one, false).await.unwrap(), Taken::New);
}

async fn no_more_publish_than_the_plan_allows<S: Store>(mut w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    w.limit(organization_id, &[(Resource::ConcurrentPublishers, 3)]).await;
    let mut streams = Vec::new();
    for name in 0..8 {
        streams.push(w.stream(&owner, project_id, &name.to_string()).await.unwrap().stream.id);
    }
    let mut takers = Vec::new();
    for (place, id) in streams.iter().copied().enumerate() {
        let (store, call) = (w.store.clone(), w.call(&Principal::System));
        takers.push(tokio::spawn(async move {
            let node = node(if place % 2 == 0 { "a" } else { "b" }, "1");
            let work = store.write((call, node), move |tx, (call, node)| {
                Box::pin(lease::take(tx, call, node, id, None, false))
            });
            (id, work.await)
        }));
    }
    let mut taken = Vec::new();
    for taker in takers {
        match taker.await.unwrap() {
            (id, Ok(Taken::New)) => taken.push(id),
            (_, Err(Error::QuotaExceeded { resource, limit: 3, current: 3, .. })) => {
                assert_eq!(resource, Resource::ConcurrentPublishers);
            }
            (_, other) => panic!("{other:?}"),
        }
    }
    assert_eq!(taken.len(), 3);
    // A takeover needs no place more.
    assert_eq!(take(&w, &node("c", "1"), taken[0], true).await.unwrap(), Taken::Moved);
    pass(&mut w, TERM).await;
    let other = *streams.iter().find(|id| !taken.contains(id)).unwrap();
    assert_eq!(take(&w, &node("a", "1"), other, false).await.unwrap(), Taken::New);
}

async fn a_node_gives_back_what_it_held_before<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let one = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    let two = w.stream(&owner, project_id, "Two").await.unwrap().stream.id;
    take(&w, &node("a", "1"), one, false).await.unwrap();
    take(&w, &node("b", "1"), two, false).await.unwrap();
    let new = node("a", "2");
    let forgotten = write!(
        w,
        &Principal::System,
        [new] | tx,
        call | async {
            let _ = call;
            lease::forget_others(tx, &new).await
        }
    );
    assert_eq!(forgotten.unwrap(), 1);
    assert_eq!(holders(&w, &[one, two]).await, ["b"]);
    assert_eq!(take(&w, &new, one, false).await.unwrap(), Taken::New);
}

#[test]
fn who_loses_a_place_is_told() {
    crate::world::in_memory(|w| async move {
        let (owner, _, project_id) = w.tenant("a@example.org").await;
        let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
        take(&w, &node("a", "1"), id, false).await.unwrap();
        let told =
            || w.store.outbox().into_iter().any(|(_, about)| about == Entity::named("lease", id.to_string()));
        assert!(!told());
        take(&w, &node("b", "1"), id, true).await.unwrap();
        assert!(told());
    });
}
