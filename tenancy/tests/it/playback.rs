//! Playback tokens: for one stream, for a time, under the key's own algorithm.

use std::time::Duration;

use platform_core::{ProjectId, Secret};
use tenancy::admission::{self, Purpose};
use tenancy::revocation::{self, Revoke};
use tenancy::signing_key::{self, SigningAlgorithm, SigningKey, SigningKeyInput};
use tenancy::store::{Store, Tx};
use tenancy::stream::{self, Stream};
use tenancy::token::{self, Claims, Minted, TokenInput};
use tenancy::{Error, Principal, STATE};

use crate::world::{World, on_each_store, read, refused, write};

on_each_store!(
    a_token_opens_one_stream_for_a_time,
    a_token_is_void_after_its_key_or_epoch,
    the_algorithm_is_the_keys_and_never_the_tokens,
    tokens_are_read_as_common_libraries_write_them,
    minting_needs_a_key_and_writes_nothing,
    wrong_wishes_are_named,
);

async fn key<S: Store>(
    w: &World<S>,
    by: &Principal,
    project_id: ProjectId,
    algorithm: SigningAlgorithm,
) -> signing_key::Shown {
    let input = SigningKeyInput { name: algorithm.to_string(), algorithm };
    write!(w, by, [input] | tx, call | signing_key::create(tx, call, project_id, &input)).unwrap()
}

async fn mint<S: Store>(
    w: &World<S>,
    by: &Principal,
    stream: &Stream,
    input: &TokenInput,
) -> Result<Minted, Error> {
    let id = stream.id;
    let minter = read!(w, by, |tx, call| token::minter(tx, call, id, None))?;
    minter.mint(&w.call(by), input)
}

async fn verify<S: Store>(w: &World<S>, stream: &Stream, token: &Secret) -> Result<Claims, Error> {
    let id = token::key_id(token).ok_or(Error::Unauthenticated)?;
    let mut tx = w.store.read().await?;
    let key: SigningKey = tx.get(id).await?.ok_or(Error::Unauthenticated)?;
    token::verify(w.tenancy.keys(), &key, stream, token, w.now)
}

async fn a_token_opens_one_stream_for_a_time<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let one = w.stream(&owner, project_id, "One").await.unwrap().stream;
    let two = w.stream(&owner, project_id, "Two").await.unwrap().stream;
    for algorithm in SigningAlgorithm::ALL {
        key(&w, &owner, project_id, *algorithm).await;
        let input = TokenInput {
            valid: Some(Duration::from_secs(60)),
            viewer_id: Some("viewer 7".to_owned()),
            ip: Some("203.0.113.0/24".to_owned()),
            renditions: Some(vec!["720p".to_owned()]),
            ..TokenInput::default()
        };
        let Minted { token, claims } = mint(&w, &owner, &one, &input).await.unwrap();
        assert_eq!(verify(&w, &one, &token).await.unwrap(), claims, "{algorithm}");
        assert_eq!(claims.viewer_id.as_deref(), Some("viewer 7"));
        assert!(verify(&w, &two, &token).await.is_err(), "of another stream");
        let text = token.expose_str().unwrap().to_owned();
        for at in [text.len() / 2, text.len() - 5] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(verify(&w, &one, &Secret::new(bytes)).await.is_err(), "changed");
        }
        w.pass(Duration::from_secs(64));
        verify(&w, &one, &token).await.unwrap();
        w.pass(Duration::from_secs(2));
        assert!(verify(&w, &one, &token).await.is_err(), "expired");
        let later =
            TokenInput { not_before: Some(w.now.plus(Duration::from_secs(60))), ..TokenInput::default() };
        let later = mint(&w, &owner, &one, &later).await.unwrap().token;
        assert!(verify(&w, &one, &later).await.is_err(), "too early");
        w.pass(Duration::from_secs(56));
        verify(&w, &one, &later).await.unwrap();
    }
}

async fn a_token_is_void_after_its_key_or_epoch<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let stream = w.stream(&owner, project_id, "One").await.unwrap().stream;
    let (id, key) = (stream.id, key(&w, &owner, project_id, SigningAlgorithm::Hs256).await.key.id);
    let old = mint(&w, &owner, &stream, &TokenInput::default()).await.unwrap().token;
    write!(w, &owner, |tx, call| revocation::revoke(tx, call, id, &Revoke::All)).unwrap();
    let stream = read!(w, &owner, |tx, call| stream::read(tx, call, id)).unwrap();
    assert!(verify(&w, &stream, &old).await.is_err());
    let new = mint(&w, &owner, &stream, &TokenInput::default()).await.unwrap().token;
    verify(&w, &stream, &new).await.unwrap();
    write!(w, &owner, |tx, call| signing_key::revoke(tx, call, project_id, key)).unwrap();
    assert!(verify(&w, &stream, &new).await.is_err());
}

async fn the_algorithm_is_the_keys_and_never_the_tokens<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let stream = w.stream(&owner, project_id, "One").await.unwrap().stream;
    let shown = key(&w, &owner, project_id, SigningAlgorithm::EdDsa).await;
    let genuine = mint(&w, &owner, &stream, &TokenInput::default()).await.unwrap();
    // HS256 with the public key for a secret, and none at all.
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some(shown.key.id.to_string());
    let public = jsonwebtoken::EncodingKey::from_secret(shown.key.public.as_ref().unwrap());
    let confused = jsonwebtoken::encode(&header, &genuine.claims, &public).unwrap();
    assert!(verify(&w, &stream, &confused.into()).await.is_err());
    let (_, rest) = genuine.token.expose_str().unwrap().split_once('.').unwrap();
    let none = format!(r#"{{"alg":"none","kid":"{}"}}"#, shown.key.id);
    let none = Secret::new(none).base64url();
    let unsigned = format!("{}.{}.", none.expose_str().unwrap(), rest.split_once('.').unwrap().0);
    assert!(verify(&w, &stream, &unsigned.into()).await.is_err());
    // What the tenant signs by itself with the secret that it was shown.
    let header = jsonwebtoken::Header { alg: jsonwebtoken::Algorithm::EdDSA, ..header };
    let own = jsonwebtoken::EncodingKey::from_ed_der(shown.secret.expose());
    let own = jsonwebtoken::encode(&header, &genuine.claims, &own).unwrap();
    verify(&w, &stream, &own.into()).await.unwrap();
    // A key of another project signs nothing here.
    let (stranger, _, foreign) = w.tenant("b@example.org").await;
    let theirs = key(&w, &stranger, foreign, SigningAlgorithm::Hs256).await;
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some(theirs.key.id.to_string());
    let secret = jsonwebtoken::EncodingKey::from_secret(theirs.secret.expose());
    let forged = jsonwebtoken::encode(&header, &genuine.claims, &secret).unwrap();
    assert!(verify(&w, &stream, &forged.into()).await.is_err());
    for text in ["", "a.b.c", "....", &"x".repeat(100_000)] {
        assert_eq!(token::key_id(&Secret::from(text)), None);
    }
}

async fn tokens_are_read_as_common_libraries_write_them<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let stream = w.stream(&owner, project_id, "One").await.unwrap().stream;
    let shown = key(&w, &owner, project_id, SigningAlgorithm::Hs256).await;
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some(shown.key.id.to_string());
    let secret = jsonwebtoken::EncodingKey::from_secret(shown.secret.expose());
    let id = stream.id;
    let known = {
        let mut tx = w.store.read().await.unwrap();
        admission::of_stream(&mut tx, w.tenancy.keys(), id, w.now).await.unwrap()
    };
    let now = w.now.unix_ms() / 1000;
    let read = |aud: serde_json::Value, iat: f64, exp: f64, nbf: f64, purpose: Purpose| {
        let claims = serde_json::json!({"aud": aud, "sub": id, "iat": iat, "exp": exp, "nbf": nbf});
        let token = jsonwebtoken::encode(&header, &claims, &secret).unwrap();
        known.verify(&token.into(), purpose, w.now)
    };
    let (n, soon) = (now as f64, now as f64 + 600.5);
    let (play, publish) = ("pulse:playback", "pulse:publish");
    // golang-jwt writes a list of one; Python's time.time() has a fraction.
    for (aud, plays, publishes) in [
        (serde_json::json!(play), true, false),
        (serde_json::json!([play]), true, false),
        (serde_json::json!([publish]), false, true),
        (serde_json::json!(["other", play]), true, false),
        (serde_json::json!([publish, play]), true, true),
        (serde_json::json!(["other"]), false, false),
        (serde_json::json!([]), false, false),
        (serde_json::json!([play, 1]), false, false),
    ] {
        for (purpose, good) in [(Purpose::Play, plays), (Purpose::Publish, publishes)] {
            let read = read(aud.clone(), n - 0.25, soon, n, purpose);
            assert_eq!(read.is_ok(), good, "{aud} {purpose:?}: {read:?}");
            assert!(read.is_ok_and(|claims| claims.exp == now + 600) == good, "it ends early, not late");
        }
    }
    // With the leeway of 5 s: over at 5 s past, at once from 5 s ahead on, for 24 hours and 5 s at most.
    for (iat, exp, nbf, good) in [
        (-9.0, -4.0, -9.0, true),
        (-9.0, -4.5, -9.0, false),
        (0.0, 600.0, 5.0, true),
        (0.0, 600.0, 5.25, false),
        (0.0, 86_405.75, 0.0, true),
        (0.0, 86_406.0, 0.0, false),
        (0.0, 1e300, 0.0, false),
        (-1e300, 600.0, 0.0, false),
        (0.0, 600.0, -1e300, false),
    ] {
        let read = read(play.into(), n + iat, n + exp, n + nbf, Purpose::Play);
        assert_eq!(read.is_ok(), good, "{iat} {exp} {nbf}: {read:?}");
    }
}

async fn minting_needs_a_key_and_writes_nothing<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let stream = w.stream(&owner, project_id, "One").await.unwrap().stream;
    let none = mint(&w, &owner, &stream, &TokenInput::default()).await;
    assert!(refused(&none.unwrap_err(), STATE));
    key(&w, &owner, project_id, SigningAlgorithm::Hs256).await;
    let before = w.rows().await;
    mint(&w, &owner, &stream, &TokenInput::default()).await.unwrap();
    assert!(w.rows().await == before);
    let (stranger, ..) = w.tenant("b@example.org").await;
    let foreign = mint(&w, &stranger, &stream, &TokenInput::default()).await;
    assert!(matches!(foreign, Err(Error::NotFound)));
}

async fn wrong_wishes_are_named<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let stream = w.stream(&owner, project_id, "One").await.unwrap().stream;
    key(&w, &owner, project_id, SigningAlgorithm::Hs256).await;
    let day = Duration::from_secs(86_400);
    for wrong in [
        TokenInput { valid: Some(Duration::ZERO), ..TokenInput::default() },
        TokenInput { valid: Some(day + Duration::from_secs(1)), ..TokenInput::default() },
        TokenInput { ip: Some("203.0.113.0/33".to_owned()), ..TokenInput::default() },
        TokenInput { ip: Some("somewhere".to_owned()), ..TokenInput::default() },
        TokenInput { viewer_id: Some(String::new()), ..TokenInput::default() },
        TokenInput { renditions: Some(Vec::new()), ..TokenInput::default() },
    ] {
        assert!(matches!(mint(&w, &owner, &stream, &wrong).await, Err(Error::Invalid(_))), "{wrong:?}");
    }
    let longest =
        TokenInput { valid: Some(day), ip: Some("2001:db8::/32".to_owned()), ..TokenInput::default() };
    mint(&w, &owner, &stream, &longest).await.unwrap();
}
