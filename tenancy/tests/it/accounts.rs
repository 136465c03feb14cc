//! Registering, verifying, logging in and forgotten passwords: nothing tells who has an account.

use std::time::Duration;

use platform_core::Secret;
use tenancy::mail::Message;
use tenancy::settings::{self, SettingsPatch};
use tenancy::store::Store;
use tenancy::{Error, INVALID_TOKEN, Principal, REGISTRATIONS_CLOSED, password, session, user};

use crate::world::{PASSWORD, World, on_each_store, refused, registration, token_of, write};

on_each_store!(
    a_person_registers_verifies_and_logs_in,
    registering_twice_answers_alike,
    registering_many_times_at_once_answers_alike,
    a_stranger_cannot_slip_a_password_into_an_unverified_account,
    a_wrong_password_and_an_unknown_address_are_alike,
    a_forgotten_password_is_reset_once_and_ends_logins,
    a_newer_link_voids_the_older,
    whose_link_is_void_gets_in_as_the_answer_says,
    registrations_can_be_closed,
    wrong_fields_are_named_together,
    the_same_address_in_other_case_is_the_same,
);

async fn a_person_registers_verifies_and_logs_in<S: Store>(w: World<S>) {
    let mail =
        write!(w, &Principal::Anonymous, |tx, call| user::register(tx, call, &registration("a@example.org")));
    let mail = mail.unwrap();
    assert_eq!(mail.to, "a@example.org");
    assert!(matches!(w.login("a@example.org").await, Err(Error::Unauthenticated)));
    let token = token_of(&mail.message);
    write!(w, &Principal::Anonymous, [token] | tx, call | user::verify_email(tx, call, &token)).unwrap();
    let again = write!(w, &Principal::Anonymous, [token] | tx, call | user::verify_email(tx, call, &token));
    assert!(refused(&again.unwrap_err(), INVALID_TOKEN));
    w.login("a@example.org").await.unwrap();
}

async fn whose_link_is_void_gets_in_as_the_answer_says<S: Store>(mut w: World<S>) {
    let mail =
        write!(w, &Principal::Anonymous, |tx, call| user::register(tx, call, &registration("a@example.org")));
    let token = token_of(&mail.unwrap().message);
    w.pass(tenancy::mail::VERIFY_VALID + Duration::from_millis(1));
    let late = write!(w, &Principal::Anonymous, [token] | tx, call | user::verify_email(tx, call, &token));
    let detail = late.unwrap_err().problem().detail;
    assert!(detail.contains("POST /v1/auth/password/forgot"), "{detail}");
    let mail = write!(w, &Principal::Anonymous, |tx, call| user::forgot(tx, call, "a@example.org"));
    let token = token_of(&mail.unwrap().unwrap().message);
    let new = password::hash(&Secret::from(PASSWORD)).unwrap();
    write!(w, &Principal::Anonymous, [token, new] | tx, call | user::reset(tx, call, &token, &new)).unwrap();
    w.login("a@example.org").await.unwrap();
}

async fn registering_twice_answers_alike<S: Store>(w: World<S>) {
    w.person("a@example.org").await;
    let mail =
        write!(w, &Principal::Anonymous, |tx, call| user::register(tx, call, &registration("A@Example.org")));
    let mail = mail.unwrap();
    assert_eq!((mail.to.as_str(), &mail.message), ("a@example.org", &Message::AlreadyRegistered));
}

async fn registering_many_times_at_once_answers_alike<S: Store>(w: World<S>) {
    let registering: Vec<_> = (0..8)
        .map(|_| {
            let (store, call) = (w.store.clone(), w.call(&Principal::Anonymous));
            let input = registration("a@example.org");
            tokio::spawn(async move {
                store
                    .write((call, input), |tx, (call, input)| Box::pin(user::register(tx, call, input)))
                    .await
            })
        })
        .collect();
    for registering in registering {
        let mail = registering.await.unwrap().unwrap();
        assert!(matches!(mail.message, Message::VerifyEmail { .. }));
    }
}

async fn a_stranger_cannot_slip_a_password_into_an_unverified_account<S: Store>(w: World<S>) {
    let _ =
        write!(w, &Principal::Anonymous, |tx, call| user::register(tx, call, &registration("a@example.org")))
            .unwrap();
    let strange = user::Registration {
        password: password::hash(&Secret::from("a stranger's password")).unwrap(),
        ..registration("a@example.org")
    };
    let mail =
        write!(w, &Principal::Anonymous, [strange] | tx, call | user::register(tx, call, &strange)).unwrap();
    let token = token_of(&mail.message);
    write!(w, &Principal::Anonymous, [token] | tx, call | user::verify_email(tx, call, &token)).unwrap();
    let attempt = user::attempt(&mut w.store.read().await.unwrap(), "a@example.org").await.unwrap();
    assert!(attempt.check(&Secret::from("a stranger's password")).is_err());
    // Which of the two was the stranger nobody knows.
    let attempt = user::attempt(&mut w.store.read().await.unwrap(), "a@example.org").await.unwrap();
    assert!(attempt.check(&Secret::from(PASSWORD)).is_err());
    let mail = write!(w, &Principal::Anonymous, |tx, call| user::forgot(tx, call, "a@example.org")).unwrap();
    let (token, chosen) =
        (token_of(&mail.unwrap().message), password::hash(&Secret::from(PASSWORD)).unwrap());
    write!(w, &Principal::Anonymous, [token, chosen] | tx, call | user::reset(tx, call, &token, &chosen))
        .unwrap();
    w.login("a@example.org").await.unwrap();
}

async fn a_wrong_password_and_an_unknown_address_are_alike<S: Store>(w: World<S>) {
    w.person("a@example.org").await;
    for (email, password) in [("a@example.org", "not the password"), ("b@example.org", PASSWORD)] {
        let attempt = user::attempt(&mut w.store.read().await.unwrap(), email).await.unwrap();
        let error = attempt.check(&Secret::from(password)).unwrap_err();
        assert!(matches!(error, Error::Unauthenticated), "{email}: {error}");
    }
}

async fn a_forgotten_password_is_reset_once_and_ends_logins<S: Store>(mut w: World<S>) {
    w.person("a@example.org").await;
    let tokens = w.login("a@example.org").await.unwrap();
    let unknown = write!(w, &Principal::Anonymous, |tx, call| user::forgot(tx, call, "b@example.org"));
    assert_eq!(unknown.unwrap(), None);
    let mail = write!(w, &Principal::Anonymous, |tx, call| user::forgot(tx, call, " A@example.org "))
        .unwrap()
        .unwrap();
    let token = token_of(&mail.message);
    let new = password::hash(&Secret::from("another password")).unwrap();
    write!(w, &Principal::Anonymous, [token, new] | tx, call | user::reset(tx, call, &token, &new)).unwrap();
    let again =
        write!(w, &Principal::Anonymous, [token, new] | tx, call | user::reset(tx, call, &token, &new));
    assert!(refused(&again.unwrap_err(), INVALID_TOKEN));
    assert!(matches!(w.login("a@example.org").await, Err(Error::Unauthenticated)));
    let refresh = tokens.refresh;
    let refreshed =
        write!(w, &Principal::Anonymous, [refresh] | tx, call | session::refresh(tx, call, &refresh))
            .unwrap();
    assert!(refreshed.into_tokens().is_err(), "the login has ended");

    let mail = write!(w, &Principal::Anonymous, |tx, call| user::forgot(tx, call, "a@example.org"))
        .unwrap()
        .unwrap();
    w.pass(tenancy::mail::RESET_VALID + Duration::from_millis(1));
    let token = token_of(&mail.message);
    let late =
        write!(w, &Principal::Anonymous, [token, new] | tx, call | user::reset(tx, call, &token, &new));
    assert!(refused(&late.unwrap_err(), INVALID_TOKEN));
}

async fn a_newer_link_voids_the_older<S: Store>(w: World<S>) {
    w.person("a@example.org").await;
    let old = write!(w, &Principal::Anonymous, |tx, call| user::forgot(tx, call, "a@example.org"))
        .unwrap()
        .unwrap();
    let new = write!(w, &Principal::Anonymous, |tx, call| user::forgot(tx, call, "a@example.org"))
        .unwrap()
        .unwrap();
    let hash = crate::world::hash();
    for (mail, accepted) in [(old, false), (new, true)] {
        let token = token_of(&mail.message);
        let reset =
            write!(w, &Principal::Anonymous, [token, hash] | tx, call | user::reset(tx, call, &token, &hash));
        assert_eq!(reset.is_ok(), accepted);
    }
}

async fn registrations_can_be_closed<S: Store>(w: World<S>) {
    w.person("a@example.org").await;
    let patch = SettingsPatch { registrations: Some(false), ..SettingsPatch::default() };
    write!(w, &Principal::Operator, [patch] | tx, call | settings::update(tx, call, &patch)).unwrap();
    for email in ["a@example.org", "new@example.org"] {
        let result =
            write!(w, &Principal::Anonymous, |tx, call| user::register(tx, call, &registration(email)));
        assert!(refused(&result.unwrap_err(), REGISTRATIONS_CLOSED), "{email}");
    }
}

async fn wrong_fields_are_named_together<S: Store>(w: World<S>) {
    let input = user::Registration { name: " ".to_owned(), ..registration("no address") };
    let result = write!(w, &Principal::Anonymous, [input] | tx, call | user::register(tx, call, &input));
    let Err(Error::Invalid(errors)) = result else { panic!("not refused") };
    let rules: Vec<_> = errors.iter().map(|error| error.rule).collect();
    assert_eq!(rules, ["not_an_email", "required"]);
}

async fn the_same_address_in_other_case_is_the_same<S: Store>(w: World<S>) {
    w.person("First.Last@Example.org").await;
    w.login("first.last@example.ORG").await.unwrap();
    let twice = write!(w, &Principal::Operator, |tx, call| user::create(
        tx,
        call,
        &registration("FIRST.last@example.org"),
        false
    ));
    assert!(matches!(twice, Err(Error::Conflict { key: "email" })));
}
