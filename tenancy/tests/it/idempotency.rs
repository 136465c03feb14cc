//! Requests that are sent twice are carried out once.

use std::sync::Arc;
use std::time::Duration;

use platform_core::{ProjectId, Secret};
use tenancy::idempotency::{self, Earlier, Repeatable};
use tenancy::store::Store;
use tenancy::stream::{self, StreamInput};
use tenancy::{ApiKeyId, Call, Error, KeyPrincipal, PageRequest, Permission, Principal, gate, stream_key};

use crate::world::{World, on_each_store, read};

on_each_store!(
    a_repetition_gets_the_first_answer,
    of_many_at_once_one_is_carried_out,
    keys_belong_to_caller_method_and_path,
    answers_are_kept_for_a_day,
    nobody_fills_the_store_with_answers,
    what_is_kept_follows_the_rate_of_requests,
    one_projects_answers_leave_the_others_their_room,
    what_was_deleted_is_not_there,
);

/// Creates a stream under an idempotency key, as a server does; the answer and whether it was an earlier one.
async fn create<S: Store>(
    store: &S,
    call: Call,
    project_id: ProjectId,
    body: &str,
) -> Result<(Secret, bool), Error> {
    let request = Repeatable::new(&call, "POST", "/v1/streams", "key", body.as_bytes()).unwrap();
    let input = StreamInput::named(body);
    store
        .write((call, request, input), move |tx, (call, request, input)| {
            Box::pin(async move {
                match request.earlier(tx, call).await? {
                    Earlier::Answer(answer) => return Ok((answer, true)),
                    Earlier::Mismatch => return Err(Error::Conflict { key: "body" }),
                    Earlier::None => {}
                }
                let created = stream::create(tx, call, project_id, input).await?;
                let answer = Secret::from(created.stream.id.to_string());
                request.keep(tx, call, &answer).await?;
                Ok((answer, false))
            })
        })
        .await
}

async fn streams<S: Store>(w: &World<S>, owner: &Principal, project_id: ProjectId) -> usize {
    let filter = stream::StreamFilter::default();
    let page = PageRequest { after: None, limit: 100 };
    read!(w, owner, |tx, call| stream::list(tx, call, project_id, &filter, page)).unwrap().data.len()
}

async fn a_repetition_gets_the_first_answer<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let (first, earlier) = create(&w.store, w.call(&owner), project_id, "One").await.unwrap();
    assert!(!earlier);
    assert_eq!(create(&w.store, w.call(&owner), project_id, "One").await.unwrap(), (first, true));
    let other = create(&w.store, w.call(&owner), project_id, "Two").await;
    assert!(matches!(other, Err(Error::Conflict { key: "body" })));
    assert_eq!(streams(&w, &owner, project_id).await, 1);
}

async fn of_many_at_once_one_is_carried_out<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let sendings: Vec<_> = (0..16)
        .map(|_| {
            let (store, call) = (w.store.clone(), w.call(&owner));
            tokio::spawn(async move { create(&store, call, project_id, "One").await })
        })
        .collect();
    let mut carried_out = 0;
    for sending in sendings {
        match sending.await.unwrap() {
            Ok((_, earlier)) => carried_out += usize::from(!earlier),
            Err(Error::Conflict { key: "idempotency_key" | "name" }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(carried_out, 1);
    assert_eq!(streams(&w, &owner, project_id).await, 1);
}

async fn keys_belong_to_caller_method_and_path<S: Store>(w: World<S>) {
    let (one, two) = (w.user("a@example.org").await, w.user("b@example.org").await);
    let of = |who: &Principal, method: &str, path: &str, key: &str| {
        Repeatable::new(&w.call(who), method, path, key, b"{}").unwrap()
    };
    let first = of(&one, "POST", "/v1/streams", "k");
    assert_eq!(first, of(&one, "POST", "/v1/streams", "k"));
    for other in [
        of(&two, "POST", "/v1/streams", "k"),
        of(&one, "PATCH", "/v1/streams", "k"),
        of(&one, "POST", "/v1/projects", "k"),
        of(&one, "POST", "/v1/streams", "l"),
    ] {
        assert_ne!(first, other);
    }
    assert_eq!(Repeatable::new(&w.call(&Principal::Anonymous), "POST", "/", "k", b""), None);
}

async fn answers_are_kept_for_a_day<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let (first, _) = create(&w.store, w.call(&owner), project_id, "One").await.unwrap();
    let clear = first.expose().to_vec();
    let sealed = w
        .rows()
        .await
        .into_iter()
        .flatten()
        .all(|value| value != tenancy::store::Value::Bytes(clear.clone()));
    assert!(sealed, "the answer is not in the clear");
    w.pass(idempotency::KEPT);
    create(&w.store, w.call(&owner), project_id, "One").await.unwrap();
    w.pass(Duration::from_millis(1));
    let again = create(&w.store, w.call(&owner), project_id, "One").await;
    assert!(matches!(again, Err(Error::Conflict { key: "name" })), "it is carried out anew");
    let (other, earlier) = create(&w.store, w.call(&owner), project_id, "Two").await.unwrap();
    assert!(!earlier && other != first);
}

/// Keeps an answer of so many bytes under a key of its own.
async fn keep<S: Store>(w: &World<S>, by: &Principal, key: &str, bytes: usize) -> Result<(), Error> {
    keep_at(w, by, key, bytes, 0).await
}

/// The same, of a caller with this rate.
async fn keep_at<S: Store>(
    w: &World<S>,
    by: &Principal,
    key: &str,
    bytes: usize,
    requests_a_minute: u64,
) -> Result<(), Error> {
    let call = w.call(by);
    let request = Repeatable::new(&call, "POST", "/v1/streams", key, b"{}").unwrap();
    let request = request.at_rate(requests_a_minute);
    let answer = Secret::new(vec![b'x'; bytes]);
    let kept = w.store.write((call, request, answer), |tx, (call, request, answer)| {
        Box::pin(async move { request.keep(tx, call, answer).await })
    });
    kept.await
}

async fn nobody_fills_the_store_with_answers<S: Store>(mut w: World<S>) {
    let (one, other) = (w.user("a@example.org").await, w.user("b@example.org").await);
    const MIB: usize = 1 << 20;
    for number in 0..15 {
        keep(&w, &one, &number.to_string(), MIB).await.unwrap();
    }
    // The seals and rows take a few bytes, so that the sixteenth does not fit.
    w.pass(Duration::from_secs(60));
    let refused = keep(&w, &one, "more", MIB).await.unwrap_err();
    let Error::RateLimited { retry_after, .. } = refused else { panic!("{refused}") };
    let into_the_hour = u64::try_from(w.now.unix_ms()).unwrap() % 3_600_000;
    assert_eq!(retry_after.as_secs(), (3_600_000 - into_the_hour).div_ceil(1000), "at the next hour");
    assert!(matches!(
        Repeatable::new(&w.call(&one), "POST", "/v1/streams", "more", b"{}")
            .unwrap()
            .earlier(&mut w.store.read().await.unwrap(), &w.call(&one))
            .await,
        Ok(Earlier::None)
    ));
    keep(&w, &one, "small", 100).await.unwrap();
    keep(&w, &other, "more", MIB).await.unwrap();
    w.pass(retry_after);
    keep(&w, &one, "more", MIB).await.unwrap();
}

async fn what_is_kept_follows_the_rate_of_requests<S: Store>(w: World<S>) {
    let owner = w.user("a@example.org").await;
    const MIB: usize = 1 << 20;
    // 400 requests a minute are 24,000 an hour, and so 36 MB.
    let mut kept = 0;
    while keep_at(&w, &owner, &kept.to_string(), MIB, 400).await.is_ok() {
        kept += 1;
    }
    assert_eq!(kept, 34);
}

async fn one_projects_answers_leave_the_others_their_room<S: Store>(w: World<S>) {
    let (_, organization_id, project_id) = w.tenant("a@example.org").await;
    let by = |id: ApiKeyId, project_id: ProjectId| {
        Principal::Key(Arc::new(KeyPrincipal {
            id,
            project_id,
            organization_id,
            scopes: vec![Permission::StreamsWrite],
            limits: Arc::default(),
        }))
    };
    let key = || w.tenancy.id(w.now);
    let (first, beside, other) =
        (by(key(), project_id), by(key(), project_id), by(key(), w.tenancy.id(w.now)));
    keep(&w, &first, "all", (16 << 20) - (1 << 10)).await.unwrap();
    for (key, fits) in [(&first, false), (&beside, false), (&other, true)] {
        assert_eq!(keep(&w, key, "more", 1 << 10).await.is_ok(), fits);
    }
}

async fn what_was_deleted_is_not_there<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let make = |name: &str| {
        let input = StreamInput::named(name);
        w.store.write((w.call(&owner), input), move |tx, (call, input)| {
            Box::pin(stream::create(tx, call, project_id, input))
        })
    };
    let (one, two) = (make("One").await.unwrap(), make("Two").await.unwrap());
    let (one, two, key) = (one.stream.id, two.stream.id, two.key.id);
    let ids = [
        one.to_string(),
        two.to_string(),
        key.to_string(),
        organization_id.to_string(),
        project_id.to_string(),
    ];
    let mut tx = w.store.read().await.unwrap();
    for id in &ids {
        assert!(gate::is_there(&mut tx, id).await.unwrap(), "{id}");
    }
    assert!(gate::streams_are_there(&mut tx, &[one, two]).await.unwrap());
    drop(tx);
    let deleted = w.store.write(w.call(&owner), move |tx, call| {
        Box::pin(async move {
            stream::delete(tx, call, one).await?;
            stream_key::revoke(tx, call, two, key).await
        })
    });
    deleted.await.unwrap();
    let mut tx = w.store.read().await.unwrap();
    for (id, there) in ids.iter().zip([false, true, false, true, true]) {
        assert_eq!(gate::is_there(&mut tx, id).await.unwrap(), there, "{id}");
    }
    assert!(!gate::streams_are_there(&mut tx, &[one, two]).await.unwrap());
    assert!(gate::streams_are_there(&mut tx, &[two]).await.unwrap());
    assert!(gate::is_there(&mut tx, "no id").await.unwrap(), "what cannot be deleted");
}
