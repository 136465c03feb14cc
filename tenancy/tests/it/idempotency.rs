//! Requests that are sent twice are carried out once.

use std::time::Duration;

use platform_core::{ProjectId, Secret};
use tenancy::idempotency::{self, Earlier, Repeatable};
use tenancy::store::Store;
use tenancy::stream::{self, StreamInput};
use tenancy::{Call, Error, PageRequest, Principal};

use crate::world::{World, on_each_store, read};

on_each_store!(
    a_repetition_gets_the_first_answer,
    of_many_at_once_one_is_carried_out,
    keys_belong_to_caller_method_and_path,
    answers_are_kept_for_a_day,
    nobody_fills_the_store_with_answers,
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
    let call = w.call(by);
    let request = Repeatable::new(&call, "POST", "/v1/streams", key, b"{}").unwrap();
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
    // The seals take a few bytes, so that the sixteenth does not fit.
    let refused = keep(&w, &one, "more", MIB).await.unwrap_err();
    assert!(crate::world::refused(&refused, platform_core::problem::code::RATE_LIMITED), "{refused}");
    assert!(matches!(
        Repeatable::new(&w.call(&one), "POST", "/v1/streams", "more", b"{}")
            .unwrap()
            .earlier(&mut w.store.read().await.unwrap(), &w.call(&one))
            .await,
        Ok(Earlier::None)
    ));
    keep(&w, &one, "small", 100).await.unwrap();
    keep(&w, &other, "more", MIB).await.unwrap();
    w.pass(Duration::from_secs(3_600));
    keep(&w, &one, "more", MIB).await.unwrap();
}
