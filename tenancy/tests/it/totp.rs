//! The second factor: no code counts twice, and recovery codes stand in for it.

use std::time::Duration;

use platform_core::Secret;
use tenancy::session::{self, Tokens};
use tenancy::store::Store;
use tenancy::user::{self, totp};
use tenancy::{Error, Principal, STATE, UserPrincipal};

use crate::world::{PASSWORD, World, on_each_store, read, refused, write};

on_each_store!(
    a_code_is_asked_for_once_it_was_confirmed,
    a_code_counts_once,
    a_recovery_code_counts_once,
    it_is_disabled_by_password_and_code,
    an_operator_turns_it_off,
);

struct Somebody {
    principal: Principal,
    authenticator: totp_rs::Totp,
    recovery: Vec<Secret>,
}

impl Somebody {
    fn code<S>(&self, w: &World<S>) -> String {
        self.authenticator.generate(u64::try_from(w.now.unix_ms()).unwrap() / 1000).to_string()
    }
}

async fn login<S: Store>(w: &World<S>, code: Option<&str>) -> Result<Tokens, Error> {
    let checked = checked(w).await;
    let code = code.map(str::to_owned);
    write!(
        w,
        &Principal::Anonymous,
        [checked, code] | tx,
        call | session::login(tx, call, &checked, code.as_deref())
    )
}

async fn checked<S: Store>(w: &World<S>) -> user::Checked {
    let attempt = user::attempt(&mut w.store.read().await.unwrap(), "a@example.org").await.unwrap();
    attempt.check(&Secret::from(PASSWORD)).unwrap()
}

/// Somebody with an authenticator, a minute after it was confirmed.
async fn with_authenticator<S: Store>(w: &mut World<S>) -> Somebody {
    let id = w.person("a@example.org").await;
    let session_id = w.tenancy.id(w.now);
    let principal = Principal::User(UserPrincipal { id, session_id, is_admin: false });
    let checked = checked(w).await;
    let other = w.user("b@example.org").await;
    let stolen = write!(w, &other, [checked] | tx, call | totp::setup(tx, call, &checked));
    assert!(matches!(stolen, Err(Error::Unauthenticated)));
    let setup = write!(w, &principal, [checked] | tx, call | totp::setup(tx, call, &checked)).unwrap();
    login(w, None).await.unwrap();
    let authenticator = totp_rs::Totp::from_url(setup.uri.expose_str().unwrap()).unwrap();
    let mut somebody = Somebody { principal, authenticator, recovery: Vec::new() };
    let wrong = write!(w, &somebody.principal, |tx, call| totp::confirm(tx, call, "000000x"));
    assert!(matches!(wrong, Err(Error::Invalid(_))));
    let code = somebody.code(w);
    somebody.recovery =
        write!(w, &somebody.principal, [code] | tx, call | totp::confirm(tx, call, &code)).unwrap();
    assert_eq!(somebody.recovery.len(), 10);
    w.pass(Duration::from_secs(60));
    somebody
}

async fn a_code_is_asked_for_once_it_was_confirmed<S: Store>(mut w: World<S>) {
    let somebody = with_authenticator(&mut w).await;
    assert!(matches!(login(&w, None).await, Err(Error::SecondFactor)));
    assert!(matches!(login(&w, Some("12345")).await, Err(Error::SecondFactor)));
    login(&w, Some(&somebody.code(&w))).await.unwrap();
    let checked = checked(&w).await;
    let again = write!(w, &somebody.principal, [checked] | tx, call | totp::setup(tx, call, &checked));
    assert!(refused(&again.unwrap_err(), STATE), "what is there cannot be replaced unseen");
}

async fn a_code_counts_once<S: Store>(mut w: World<S>) {
    let somebody = with_authenticator(&mut w).await;
    let code = somebody.code(&w);
    login(&w, Some(&code)).await.unwrap();
    assert!(matches!(login(&w, Some(&code)).await, Err(Error::SecondFactor)));
    w.pass(Duration::from_secs(30));
    login(&w, Some(&somebody.code(&w))).await.unwrap();
    assert!(matches!(login(&w, Some(&code)).await, Err(Error::SecondFactor)), "of the step before");
}

async fn a_recovery_code_counts_once<S: Store>(mut w: World<S>) {
    let somebody = with_authenticator(&mut w).await;
    let code = somebody.recovery[3].expose_str().unwrap().to_uppercase();
    login(&w, Some(&code)).await.unwrap();
    assert!(matches!(login(&w, Some(&code)).await, Err(Error::SecondFactor)));
    login(&w, Some(somebody.recovery[4].expose_str().unwrap())).await.unwrap();
}

async fn it_is_disabled_by_password_and_code<S: Store>(mut w: World<S>) {
    let somebody = with_authenticator(&mut w).await;
    let checked = checked(&w).await;
    let wrong = write!(w, &somebody.principal, [checked] | tx, call | totp::disable(tx, call, &checked, "0"));
    assert!(matches!(wrong, Err(Error::SecondFactor)));
    let code = somebody.code(&w);
    let other = w.user("c@example.org").await;
    let stolen = write!(w, &other, [checked, code] | tx, call | totp::disable(tx, call, &checked, &code));
    assert!(matches!(stolen, Err(Error::Unauthenticated)));
    write!(w, &somebody.principal, [checked, code] | tx, call | totp::disable(tx, call, &checked, &code))
        .unwrap();
    login(&w, None).await.unwrap();
}

async fn an_operator_turns_it_off<S: Store>(mut w: World<S>) {
    let somebody = with_authenticator(&mut w).await;
    let Principal::User(user) = &somebody.principal else { panic!() };
    let id = user.id;
    let own = write!(w, &somebody.principal, |tx, call| totp::reset(tx, call, id));
    assert!(matches!(own, Err(Error::Forbidden(_))));
    write!(w, &Principal::Operator, |tx, call| totp::reset(tx, call, id)).unwrap();
    login(&w, None).await.unwrap();
    let me = read!(w, &somebody.principal, |tx, call| user::me(tx, call)).unwrap();
    assert_eq!(me.totp_confirmed_at, None);
}
