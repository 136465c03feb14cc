//! Whose a place is while publishers come, go away in between, and lose it.

use arc_swap::ArcSwap;
use platform_core::sql::Db;
use tenancy::project::ProjectInput;
use tenancy::stream::StreamInput;
use tenancy::user::Registration;
use tenancy::{Tenancy, UserPrincipal, organization, project, user};

use super::*;
use crate::config::Config;
use crate::platform;

/// A stream of a new tenant.
async fn stream_of_tenant(db: &Db, tenancy: &Tenancy, email: &str) -> StreamId {
    let work = (tenancy.call(Principal::Operator, now()), tenancy.id(now()), email.to_owned());
    let created = db.write(work, |tx, (operator, session_id, email)| {
        Box::pin(async move {
            let password = tenancy::password::hash(&"correct horse battery".into())?;
            let (email, name) = (email.clone(), "Sam".to_owned());
            let id = user::create(tx, operator, &Registration { email, name, password }, false).await?.id;
            let owner =
                operator.by(Principal::User(UserPrincipal { id, session_id: *session_id, is_admin: false }));
            let organization_id = organization::create(tx, &owner, "Acme").await?.id;
            let input = ProjectInput { name: "Live".to_owned(), ..ProjectInput::default() };
            let project_id = project::create(tx, &owner, organization_id, &input).await?.id;
            let input = StreamInput::named("Show");
            Ok::<_, Error>(tenancy::stream::create(tx, &owner, project_id, &input).await?.stream.id)
        })
    });
    created.await.unwrap()
}

/// The leases of a node over an empty database, and a stream.
async fn scene() -> (Arc<Api>, Arc<Leases>, mpsc::UnboundedReceiver<News>, StreamId) {
    let (db, tenancy) = platform::in_memory(now()).await;
    let id = stream_of_tenant(&db, &tenancy, "sam@example.org").await;
    let api = Arc::new(Api::new(db, tenancy, &Arc::new(ArcSwap::from_pointee(Config::default()))));
    let (leases, news) = Leases::new(Node { id: "one".to_owned(), boot_id: "first".to_owned() });
    (api, leases, news, id)
}

/// The lease of a stream is not there any more, as if it had ended.
async fn ends(api: &Api, leases: &Leases, id: StreamId) {
    let work = (leases.node.clone(), id);
    api.db.write(work, |tx, (node, id)| Box::pin(lease::release(tx, node, *id))).await.unwrap();
}

async fn leased(api: &Api, id: StreamId) -> usize {
    let call = api.tenancy.call(Principal::System, now());
    lease::of_streams(&mut api.db.read().await.unwrap(), &call, &[id]).await.unwrap().len()
}

#[tokio::test]
async fn a_lease_is_held_by_all_who_publish_and_given_back_after_the_last() {
    let (api, leases, mut news, id) = scene().await;
    let first = leases.take(&api, id, None, Takeover::Accept).await.unwrap();
    let second = leases.take(&api, id, None, Takeover::Accept).await.unwrap();
    drop(first);
    assert!(news.try_recv().is_err());
    drop(second);
    assert!(matches!(news.try_recv(), Ok(News::Left(left)) if left == id));
    assert_eq!(leased(&api, id).await, 1);
    leases.give_back(&api, id).await.unwrap();
    assert_eq!(leased(&api, id).await, 0);
}

#[tokio::test]
async fn who_goes_away_while_its_lease_is_written_leaves_none_behind() {
    let (api, leases, mut news, id) = scene().await;
    let turn = leases.turn(id).lock().await;
    tokio::select! {
        biased;
        _ = leases.take(&api, id, None, Takeover::Accept) => panic!("it is not its turn"),
        () = async {} => {}
    }
    assert!(matches!(news.try_recv(), Ok(News::Left(_))));
    // It is given back before it was written.
    let (given_back, ()) = tokio::join!(leases.give_back(&api, id), async { drop(turn) });
    given_back.unwrap();
    tokio::task::yield_now().await;
    drop(leases.turn(id).lock().await);
    assert_eq!(leased(&api, id).await, 0);
}

#[tokio::test]
async fn a_place_that_is_lost_is_neither_renewed_nor_given_back_and_the_next_is_another() {
    let (api, leases, mut news, id) = scene().await;
    let lost = leases.take(&api, id, None, Takeover::Accept).await.unwrap();
    assert!(!leases.lose(id, lost.number + 1), "another place");
    assert!(leases.lose(id, lost.number));
    assert!(!leases.lose(id, lost.number), "once");
    assert_eq!(leases.renew(&api).await.unwrap(), [], "nothing is held, whoever has a guard");
    let next = leases.take(&api, id, None, Takeover::Accept).await.unwrap();
    drop(lost);
    assert!(news.try_recv().is_err(), "it was not the last");
    assert!(leases.is_held(id, next.number));
    drop(next);
    assert!(matches!(news.try_recv(), Ok(News::Left(_))));
}

#[tokio::test]
async fn who_was_let_in_before_the_database_refused_is_told_of() {
    let (api, leases, mut news, _) = scene().await;
    let id = StreamId::from_uuid(7);
    let here = leases.enter(id);
    drop(leases.write_by_itself(&api, &here, None, true));
    assert!(
        matches!(news.recv().await, Some(News::Refused(of, number)) if of == id && number == here.number)
    );
}

#[tokio::test]
async fn a_lease_that_is_written_is_not_written_again_for_those_who_have_gone() {
    let (api, leases, _news, id) = scene().await;
    let _here = leases.take(&api, id, None, Takeover::Accept).await.unwrap();
    // As a renewal will find it; a write would make another one.
    ends(&api, &leases, id).await;
    let turn = leases.turn(id).lock().await;
    for _ in 0..50 {
        drop(leases.write_by_itself(&api, &leases.enter(id), None, true));
    }
    drop(turn);
    tokio::task::yield_now().await;
    drop(leases.turn(id).lock().await);
    assert_eq!(leased(&api, id).await, 0);
}

#[tokio::test]
async fn after_an_outage_what_another_server_has_is_lost_first_and_the_rest_is_had_again() {
    let (api, leases, _news, here) = scene().await;
    let there = stream_of_tenant(&api.db, &api.tenancy, "kim@example.org").await;
    let (other, _other_news) = Leases::new(Node { id: "two".to_owned(), boot_id: "first".to_owned() });
    let _first = leases.take(&api, here, None, Takeover::Accept).await.unwrap();
    let second = leases.take(&api, there, None, Takeover::Accept).await.unwrap();
    assert_eq!(leases.renew(&api).await.unwrap(), []);
    ends(&api, &leases, here).await;
    ends(&api, &leases, there).await;
    assert_eq!(leases.moved(&api, there).await.unwrap(), None, "nobody has it");
    let _theirs = other.take(&api, there, None, Takeover::Accept).await.unwrap();
    assert_eq!(leases.moved(&api, there).await.unwrap(), Some(second.number));
    let lost = leases.renew(&api).await.unwrap();
    assert_eq!(lost.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [there, here]);
    let mut gone = Vec::new();
    for (id, number) in lost {
        gone.push(leases.is_gone(&api, id, number).await.unwrap());
    }
    assert_eq!((gone, leased(&api, here).await), (vec![true, false], 1));
    assert_eq!(leases.renew(&api).await.unwrap(), [(there, second.number)]);
}
