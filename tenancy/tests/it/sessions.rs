//! Refresh tokens: rotated, given again for a moment, and a theft ends the login.

use std::time::Duration;

use platform_core::Secret;
use tenancy::session::{self, Tokens};
use tenancy::store::Store;
use tenancy::{Error, Principal, access, organization, user};

use crate::world::{World, on_each_store, read, refused, write};

on_each_store!(
    a_refresh_token_is_used_once,
    two_tabs_that_refresh_at_once_stay_logged_in,
    a_replay_after_ten_seconds_ends_the_login,
    a_token_of_two_generations_ago_ends_the_login,
    a_login_ends_after_thirty_days_however_often_it_is_refreshed,
    tokens_that_are_none_are_refused,
    logout_suspension_and_password_change_end_logins,
    access_tokens_carry_person_and_login_and_expire,
    the_oldest_of_too_many_logins_ends,
);

async fn refresh<S: Store>(w: &World<S>, token: &Secret) -> Result<Tokens, Error> {
    let token = token.clone();
    write!(w, &Principal::Anonymous, [token] | tx, call | session::refresh(tx, call, &token))?.into_tokens()
}

async fn principal<S: Store>(w: &World<S>, access: &Secret) -> Result<tenancy::UserPrincipal, Error> {
    let claims = access::verify(w.tenancy.keys(), access, w.now)?;
    session::principal(&mut w.store.read().await?, &claims, w.now).await
}

async fn a_refresh_token_is_used_once<S: Store>(mut w: World<S>) {
    w.person("a@example.org").await;
    let first = w.login("a@example.org").await.unwrap();
    w.pass(Duration::from_secs(60));
    let second = refresh(&w, &first.refresh).await.unwrap();
    assert_ne!(first.refresh, second.refresh);
    assert_eq!(first.session_id, second.session_id);
    w.pass(Duration::from_secs(60));
    refresh(&w, &second.refresh).await.unwrap();
}

async fn two_tabs_that_refresh_at_once_stay_logged_in<S: Store>(mut w: World<S>) {
    w.person("a@example.org").await;
    let first = w.login("a@example.org").await.unwrap();
    w.pass(Duration::from_secs(900));
    let tabs: Vec<_> = (0..8)
        .map(|_| {
            let (store, call) = (w.store.clone(), w.call(&Principal::Anonymous));
            let token = first.refresh.clone();
            tokio::spawn(async move {
                store
                    .write((call, token), |tx, (call, token)| Box::pin(session::refresh(tx, call, token)))
                    .await
                    .unwrap()
                    .into_tokens()
            })
        })
        .collect();
    let mut successors = Vec::new();
    for tab in tabs {
        successors.push(tab.await.unwrap().unwrap().refresh);
    }
    assert!(successors.iter().all(|token| *token == successors[0]), "all have the same successor");
    w.pass(Duration::from_secs(9));
    assert_eq!(refresh(&w, &first.refresh).await.unwrap().refresh, successors[0], "a late tab");
    w.pass(Duration::from_secs(60));
    refresh(&w, &successors[0]).await.unwrap();
}

async fn a_replay_after_ten_seconds_ends_the_login<S: Store>(mut w: World<S>) {
    w.person("a@example.org").await;
    let first = w.login("a@example.org").await.unwrap();
    let second = refresh(&w, &first.refresh).await.unwrap();
    w.pass(session::REPLAY + Duration::from_millis(1));
    principal(&w, &second.access).await.unwrap();
    assert!(matches!(refresh(&w, &first.refresh).await, Err(Error::Unauthenticated)));
    assert!(
        matches!(refresh(&w, &second.refresh).await, Err(Error::Unauthenticated)),
        "the thief's and the owner's"
    );
    assert!(matches!(principal(&w, &second.access).await, Err(Error::Unauthenticated)), "access tokens too");
}

async fn a_token_of_two_generations_ago_ends_the_login<S: Store>(w: World<S>) {
    w.person("a@example.org").await;
    let first = w.login("a@example.org").await.unwrap();
    let second = refresh(&w, &first.refresh).await.unwrap();
    let third = refresh(&w, &second.refresh).await.unwrap();
    assert!(refresh(&w, &first.refresh).await.is_err());
    assert!(refresh(&w, &third.refresh).await.is_err());
}

async fn a_login_ends_after_thirty_days_however_often_it_is_refreshed<S: Store>(mut w: World<S>) {
    w.person("a@example.org").await;
    let mut tokens = w.login("a@example.org").await.unwrap();
    let end = tokens.refresh_expires_at;
    for _ in 0..29 {
        w.pass(Duration::from_secs(86_400));
        tokens = refresh(&w, &tokens.refresh).await.unwrap();
        assert_eq!(tokens.refresh_expires_at, end);
    }
    w.pass(Duration::from_secs(86_400 - 60));
    tokens = refresh(&w, &tokens.refresh).await.unwrap();
    assert!(tokens.access_expires_at <= end);
    w.pass(Duration::from_secs(61));
    assert!(refresh(&w, &tokens.refresh).await.is_err());
}

async fn tokens_that_are_none_are_refused<S: Store>(w: World<S>) {
    w.person("a@example.org").await;
    let tokens = w.login("a@example.org").await.unwrap();
    let good = Secret::from_base64url(tokens.refresh.expose_str().unwrap()).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.expose().to_vec();
        bytes[at] ^= 1;
        assert!(refresh(&w, &Secret::new(bytes).base64url()).await.is_err(), "byte {at}");
    }
    for text in ["", "x", "not a token at all", &"A".repeat(10_000)] {
        assert!(refresh(&w, &Secret::from(text)).await.is_err());
    }
    refresh(&w, &tokens.refresh).await.unwrap();
}

async fn logout_suspension_and_password_change_end_logins<S: Store>(w: World<S>) {
    let id = w.person("a@example.org").await;
    let tokens = w.login("a@example.org").await.unwrap();
    let by = Principal::User(principal(&w, &tokens.access).await.unwrap());
    write!(w, &by, |tx, call| session::logout(tx, call)).unwrap();
    assert!(principal(&w, &tokens.access).await.is_err());
    assert!(refresh(&w, &tokens.refresh).await.is_err());

    let tokens = w.login("a@example.org").await.unwrap();
    let refresh_token = tokens.refresh.clone();
    write!(
        w,
        &Principal::Anonymous,
        [refresh_token] | tx,
        call | session::logout_by_token(tx, call, &refresh_token)
    )
    .unwrap();
    assert!(refresh(&w, &tokens.refresh).await.is_err());

    let tokens = w.login("a@example.org").await.unwrap();
    write!(w, &Principal::Operator, |tx, call| user::suspend(tx, call, id, true)).unwrap();
    assert!(principal(&w, &tokens.access).await.is_err());
    assert!(refresh(&w, &tokens.refresh).await.is_err());
    assert!(refused(&w.login("a@example.org").await.unwrap_err(), tenancy::SUSPENDED));
    write!(w, &Principal::Operator, |tx, call| user::suspend(tx, call, id, false)).unwrap();

    let tokens = w.login("a@example.org").await.unwrap();
    let by = Principal::User(principal(&w, &tokens.access).await.unwrap());
    let attempt = read!(w, &by, |tx, call| user::attempt_self(tx, call)).unwrap();
    let checked = attempt.check(&Secret::from(crate::world::PASSWORD)).unwrap();
    let hash = crate::world::hash();
    write!(w, &by, [checked, hash] | tx, call | user::change_password(tx, call, &checked, &hash)).unwrap();
    assert!(refresh(&w, &tokens.refresh).await.is_err());
}

async fn the_oldest_of_too_many_logins_ends<S: Store>(w: World<S>) {
    w.person("a@example.org").await;
    let attempt = user::attempt(&mut w.store.read().await.unwrap(), "a@example.org").await.unwrap();
    let checked = attempt.check(&Secret::from(crate::world::PASSWORD)).unwrap();
    let mut logins = Vec::new();
    for _ in 0..101 {
        let login =
            write!(w, &Principal::Anonymous, [checked] | tx, call | session::login(tx, call, &checked, None));
        logins.push(login.unwrap());
    }
    assert!(refresh(&w, &logins[0].refresh).await.is_err());
    refresh(&w, &logins[1].refresh).await.unwrap();
    refresh(&w, &logins[100].refresh).await.unwrap();
}

async fn access_tokens_carry_person_and_login_and_expire<S: Store>(mut w: World<S>) {
    let id = w.person("a@example.org").await;
    let tokens = w.login("a@example.org").await.unwrap();
    let claims = access::verify(w.tenancy.keys(), &tokens.access, w.now).unwrap();
    assert_eq!((claims.user_id, claims.session_id), (id, tokens.session_id));
    let (body, _) = tokens.access.expose_str().unwrap().rsplit_once('.').unwrap();
    let forged = Secret::from(format!("{body}.{}", Secret::random(32).base64url().expose_str().unwrap()));
    assert!(access::verify(w.tenancy.keys(), &forged, w.now).is_err());
    let by = Principal::User(principal(&w, &tokens.access).await.unwrap());
    write!(w, &by, |tx, call| organization::create(tx, call, "Mine")).unwrap();
    w.pass(access::VALID);
    assert!(matches!(access::verify(w.tenancy.keys(), &tokens.access, w.now), Err(Error::Unauthenticated)));
}
