//! Where many do the same at once, what they have counted or checked still holds when they commit.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platform_core::sql::Db;
use platform_core::{OrganizationId, ProjectId, Secret};
use tenancy::api_key::{self, ApiKeyInput};
use tenancy::authority::Role;
use tenancy::invitation::{self, InvitationInput};
use tenancy::signing_key::{self, SigningAlgorithm, SigningKeyInput};
use tenancy::store::{BoxFuture, Store};
use tenancy::stream_key::{self, StreamKeyInput};
use tenancy::{
    Call, Error, Permission, Principal, StreamId, organization, password, project, session, stream, user,
};

use crate::world::{PASSWORD, World, on_each_store, read, token_of, write};

on_each_store!(of_many_created_at_once_no_more_stay_than_may);

/// Does the same so many times at once; how often it succeeded.
async fn at_once<S: Store, T: Send + 'static>(
    w: &World<S>,
    by: &Principal,
    times: usize,
    work: impl for<'t> Fn(&'t mut S::Tx, &'t Call, usize) -> BoxFuture<'t, Result<T, Error>>
    + Clone
    + Send
    + Sync
    + 'static,
) -> usize {
    let tasks: Vec<_> = (0..times)
        .map(|number| {
            let (store, call, work) = (w.store.clone(), w.call(by), work.clone());
            tokio::spawn(
                async move { store.write(call, move |tx, call| work(tx, call, number)).await.is_ok() },
            )
        })
        .collect();
    let mut succeeded = 0;
    for task in tasks {
        succeeded += usize::from(task.await.unwrap());
    }
    succeeded
}

async fn of_many_created_at_once_no_more_stay_than_may<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let stream_id = w.stream(&owner, project_id, "Camera").await.unwrap().stream.id;
    keys(&w, &owner, project_id, stream_id).await;
    people(&w, &owner, organization_id).await;
}

async fn keys<S: Store>(w: &World<S>, owner: &Principal, project_id: ProjectId, stream_id: StreamId) {
    let made = at_once(w, owner, 30, move |tx, call, _| {
        Box::pin(async move {
            let input = SigningKeyInput { name: "k".to_owned(), algorithm: SigningAlgorithm::Hs256 };
            signing_key::create(tx, call, project_id, &input).await
        })
    });
    assert_eq!(made.await, 10, "signing keys");
    let made = at_once(w, owner, 40, move |tx, call, _| {
        Box::pin(async move {
            let input = StreamKeyInput { name: "k".to_owned(), expires_at: None };
            stream_key::create(tx, call, stream_id, &input).await
        })
    });
    assert_eq!(made.await, 19, "stream keys, beside the first");
    let made = at_once(w, owner, 120, move |tx, call, _| {
        Box::pin(async move {
            let scopes = vec![Permission::StreamsRead];
            let input = ApiKeyInput { name: "k".to_owned(), scopes, expires_at: None };
            api_key::create(tx, call, project_id, &input).await
        })
    });
    assert_eq!(made.await, 100, "API keys");
}

async fn people<S: Store>(w: &World<S>, owner: &Principal, organization_id: OrganizationId) {
    let made = at_once(w, owner, 120, move |tx, call, number| {
        Box::pin(async move {
            let email = format!("{number}@example.com");
            let input = InvitationInput { email, role: Role::Viewer };
            invitation::create(tx, call, organization_id, &input).await
        })
    });
    assert_eq!(made.await, 100, "invitations");
    let made = at_once(w, owner, 40, |tx, call, number| {
        Box::pin(async move { organization::create(tx, call, &number.to_string()).await })
    });
    assert_eq!(made.await, 19, "organizations, beside the first");
}

/// Waits until a transaction of this database waits for a lock, or `done` says that nobody will.
async fn waits(db: &Db, done: impl Fn() -> bool) {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting = async || db.read().await.unwrap().fetch_one(sql).await.unwrap().get::<i64>(0).unwrap();
    for _ in 0..5_000 {
        if done() || waiting().await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("nobody waits for anybody");
}

/// Does `first` and, before that commits, `second`.
async fn in_the_middle<T, F>(
    db: &Db,
    call: Call,
    first: impl for<'t> Fn(&'t mut platform_core::sql::Tx, &'t Call) -> BoxFuture<'t, Result<(), Error>>
    + Send
    + Sync
    + 'static,
    second: F,
) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (reached, wait_reached) = tokio::sync::oneshot::channel::<()>();
    let (go_on, wait_go_on) = tokio::sync::oneshot::channel::<()>();
    let signals = Arc::new(Mutex::new(Some((reached, wait_go_on))));
    let holding = tokio::spawn({
        let (db, signals, first) = (db.clone(), Arc::clone(&signals), Arc::new(first));
        async move {
            let job = (call, signals);
            db.write(job, move |tx, (call, signals)| {
                let first = Arc::clone(&first);
                Box::pin(async move {
                    first(tx, call).await?;
                    let signals = signals.lock().unwrap().take();
                    if let Some((reached, go_on)) = signals {
                        reached.send(()).unwrap();
                        go_on.await.unwrap();
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
        }
    });
    wait_reached.await.unwrap();
    let second = tokio::spawn(second);
    waits(db, || second.is_finished()).await;
    go_on.send(()).unwrap();
    holding.await.unwrap().unwrap();
    second.await.unwrap()
}

/// Only PostgreSQL has two writers at once.
#[test]
fn a_login_does_not_outlive_a_reset_that_was_under_way() {
    crate::world::on_postgres(|w: World<Db>| async move {
        let id = w.person("a@example.org").await;
        let mail =
            write!(w, &Principal::Anonymous, |tx, call| user::forgot(tx, call, "a@example.org")).unwrap();
        let token = token_of(&mail.unwrap().message);
        let new = password::hash(&Secret::from("another password")).unwrap();
        let attempt = user::attempt(&mut w.store.read().await.unwrap(), "a@example.org").await.unwrap();
        let checked = attempt.check(&Secret::from(PASSWORD)).unwrap();
        let (db, call) = (w.store.clone(), w.call(&Principal::Anonymous));
        let login = async move {
            Store::write(&db, (call, checked), |tx, (call, checked)| {
                Box::pin(session::login(tx, call, checked, None))
            })
            .await
        };
        let reset = (token, new);
        let logged_in = in_the_middle(
            &w.store,
            w.call(&Principal::Anonymous),
            move |tx, call| {
                let (token, new) = reset.clone();
                Box::pin(async move { user::reset(tx, call, &token, &new).await.map(drop) })
            },
            login,
        );
        assert!(matches!(logged_in.await, Err(Error::Unauthenticated)));
        let page = tenancy::PageRequest { after: None, limit: 10 };
        let session_id = w.tenancy.id(w.now);
        let person = Principal::User(tenancy::UserPrincipal { id, session_id, is_admin: false });
        let sessions = read!(w, &person, |tx, call| session::list(tx, call, page)).unwrap();
        assert!(sessions.data.is_empty());
    });
}

#[test]
fn a_stream_that_goes_while_its_project_goes_is_given_back_once() {
    crate::world::on_postgres(|w: World<Db>| async move {
        let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
        let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
        let input = project::ProjectInput { name: "Other".to_owned(), ..Default::default() };
        let other =
            write!(w, &owner, [input] | tx, call | project::create(tx, call, organization_id, &input))
                .unwrap()
                .id;
        w.stream(&owner, other, "Two").await.unwrap();
        let (db, call) = (w.store.clone(), w.call(&owner));
        let deletion = async move {
            Store::write(&db, call, move |tx, call| Box::pin(stream::delete(tx, call, id))).await
        };
        let _ = in_the_middle(
            &w.store,
            w.call(&owner),
            move |tx, call| Box::pin(project::delete(tx, call, project_id)),
            deletion,
        )
        .await;
        let target = tenancy::authority::Target::Organization(organization_id);
        let levels = read!(w, &owner, |tx, call| tenancy::usage::levels(tx, call, target)).unwrap();
        let streams = levels.iter().find(|level| level.resource == tenancy::quota::Resource::Streams);
        assert_eq!(streams.unwrap().current, 1);
    });
}
