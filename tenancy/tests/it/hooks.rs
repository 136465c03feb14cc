//! Hooks of projects, and application names that are bound to them.

use std::time::Duration;

use tenancy::admission::{self, Affected, concerns};
use tenancy::app;
use tenancy::cache::Cache;
use tenancy::hook::{self, HookEvent, HookFormat, HookInput, OnFailure};
use tenancy::store::{Entity, Store};
use tenancy::{Error, PageRequest, Principal, project, retention, stream};

use crate::world::{World, on_each_store, read, write};

on_each_store!(
    a_hook_is_configured_and_its_secret_shown_once,
    what_a_hook_may_not_be,
    an_app_belongs_to_one_project,
    what_a_project_has_goes_with_it,
);

fn input() -> HookInput {
    HookInput {
        url: "https://backend.example.org/hook?x=1".to_owned(),
        events: vec![HookEvent::Publish, HookEvent::Play],
        format: HookFormat::Json,
        timeout: hook::TIMEOUT,
        on_failure: OnFailure::Deny,
        enabled: true,
    }
}

async fn a_hook_is_configured_and_its_secret_shown_once<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let (stranger, _, _) = w.tenant("b@example.org").await;
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    let cache = Cache::new();
    macro_rules! known {
        () => {
            cache.admission(&w.store, w.tenancy.keys(), id, w.now).await.unwrap().tenant.hook.clone()
        };
    }
    assert!(known!().is_none());
    assert!(matches!(read!(w, &owner, |tx, call| hook::read(tx, call, project_id)), Err(Error::NotFound)));
    let wanted = input();
    let shown = write!(w, &owner, [wanted] | tx, call | hook::put(tx, call, project_id, &wanted)).unwrap();
    let secret = shown.secret.unwrap();
    cache.forget(&Entity::of(project_id));
    let setup = known!().unwrap();
    assert_eq!(setup.secret, secret);
    assert_eq!((setup.hook.url.as_str(), setup.hook.timeout()), (wanted.url.as_str(), hook::TIMEOUT));
    assert!(setup.hook.asks(HookEvent::Publish) && !setup.hook.asks(HookEvent::Done));
    let wanted = HookInput { format: HookFormat::Form, on_failure: OnFailure::Allow, ..wanted };
    let again = write!(w, &owner, [wanted] | tx, call | hook::put(tx, call, project_id, &wanted)).unwrap();
    assert!(again.secret.is_none() && again.hook.format == HookFormat::Form);
    let rotated = write!(w, &owner, |tx, call| hook::rotate(tx, call, project_id)).unwrap();
    assert_ne!(rotated.secret.unwrap(), secret);
    let theirs = write!(w, &stranger, [wanted] | tx, call | hook::put(tx, call, project_id, &wanted));
    assert!(matches!(theirs, Err(Error::NotFound)));
    let wanted = HookInput { enabled: false, ..wanted };
    write!(w, &owner, [wanted] | tx, call | hook::put(tx, call, project_id, &wanted)).unwrap();
    cache.forget(&Entity::of(project_id));
    assert!(known!().is_none(), "it is not enabled");
    write!(w, &owner, |tx, call| hook::delete(tx, call, project_id)).unwrap();
    let gone = write!(w, &owner, |tx, call| hook::rotate(tx, call, project_id));
    assert!(matches!(gone, Err(Error::NotFound)));
}

async fn what_a_hook_may_not_be<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let with = |change: fn(&mut HookInput)| {
        let mut input = input();
        change(&mut input);
        input
    };
    let wrong = [
        with(|input| input.url = "ftp://example.org/".to_owned()),
        with(|input| input.url = "https://user:word@example.org/".to_owned()),
        with(|input| input.url = "/hook".to_owned()),
        with(|input| input.url = format!("https://example.org/{}", "x".repeat(2_048))),
        with(|input| input.events.clear()),
        with(|input| input.events = vec![HookEvent::Play, HookEvent::Play]),
        with(|input| input.timeout = Duration::ZERO),
        with(|input| input.timeout = Duration::from_millis(10_001)),
    ];
    for wrong in wrong {
        let put = write!(w, &owner, [wrong] | tx, call | hook::put(tx, call, project_id, &wrong));
        assert!(matches!(put, Err(Error::Invalid(_))), "{wrong:?}");
    }
    // Where a name leads is looked at when it is called; an operator may allow what lies inside.
    let inside = with(|input| input.url = "http://10.0.0.7:8080/on_publish".to_owned());
    write!(w, &owner, [inside] | tx, call | hook::put(tx, call, project_id, &inside)).unwrap();
}

async fn an_app_belongs_to_one_project<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let (_, _, other) = w.tenant("b@example.org").await;
    let cache = Cache::new();
    let operator = &Principal::Operator;
    macro_rules! known {
        () => {
            cache.app(&w.store, "studio", w.now).await.map(|app| (app.project_id, app.allow_rename))
        };
    }
    assert!(matches!(known!(), Err(Error::NotFound)));
    let own = write!(w, &owner, |tx, call| app::bind(tx, call, "studio", project_id, false));
    assert!(matches!(own, Err(Error::Forbidden(_))));
    let bound = write!(w, operator, |tx, call| app::bind(tx, call, "studio", project_id, false)).unwrap();
    assert!(matches!(known!(), Err(Error::NotFound)), "it is not asked for again");
    let changed = Entity::named("app name", "studio");
    assert_eq!(concerns(&changed), Some(Affected::App("studio".to_owned())));
    cache.forget(&changed);
    assert_eq!(known!().unwrap(), (project_id, false));
    let id = bound.id;
    write!(w, operator, |tx, call| app::update(tx, call, id, true)).unwrap();
    cache.forget(&changed);
    assert_eq!(known!().unwrap(), (project_id, true));
    let taken = write!(w, operator, |tx, call| app::bind(tx, call, "studio", other, false));
    assert!(matches!(taken, Err(Error::Conflict { key: "name" })));
    for wrong in ["", "play", "a/b", "ä", &"x".repeat(65)] {
        let wrong = wrong.to_owned();
        let bound = write!(w, operator, [wrong] | tx, call | app::bind(tx, call, &wrong, other, false));
        assert!(matches!(bound, Err(Error::Invalid(_))), "{wrong:?}");
    }
    write!(w, operator, |tx, call| app::bind(tx, call, "annex", other, false)).unwrap();
    let page = read!(w, operator, |tx, call| app::list(tx, call, PageRequest::default())).unwrap();
    assert_eq!(page.data.iter().map(|app| app.name.as_str()).collect::<Vec<_>>(), ["annex", "studio"]);
    write!(w, operator, |tx, call| app::unbind(tx, call, id)).unwrap();
    let twice = write!(w, operator, |tx, call| app::unbind(tx, call, id));
    assert!(matches!(twice, Err(Error::NotFound)));
    cache.forget(&changed);
    assert!(matches!(known!(), Err(Error::NotFound)));
    // A stream of the project by what an encoder calls it.
    let id = w.stream(&owner, project_id, "Main Hall").await.unwrap().stream.id;
    let mut tx = w.store.read().await.unwrap();
    for name in ["main hall", &id.to_string()] {
        assert_eq!(stream::named(&mut tx, project_id, name).await.unwrap(), Some(id), "{name}");
        assert_eq!(stream::named(&mut tx, other, name).await.unwrap(), None, "{name}");
    }
    assert!(admission::of_stream(&mut tx, w.tenancy.keys(), id, w.now).await.is_ok());
}

async fn what_a_project_has_goes_with_it<S: Store>(mut w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let before = w.rows().await.len();
    let second = {
        let input = project::ProjectInput { name: "Second".to_owned(), ..project::ProjectInput::default() };
        write!(w, &owner, [input] | tx, call | project::create(tx, call, organization_id, &input)).unwrap().id
    };
    let wanted = input();
    write!(w, &owner, [wanted] | tx, call | hook::put(tx, call, second, &wanted)).unwrap();
    write!(w, &Principal::Operator, |tx, call| app::bind(tx, call, "studio", second, false)).unwrap();
    let preset =
        tenancy::preset::PresetInput { name: "P".to_owned(), ..tenancy::preset::PresetInput::default() };
    write!(w, &owner, [preset] | tx, call | tenancy::preset::create(tx, call, second, &preset)).unwrap();
    let draft = tenancy::preset::StreamDraft {
        name: "S".to_owned(),
        stream: tenancy::preset::StreamDefaults {
            labels: [("a".to_owned(), "b".to_owned())].into(),
            ..tenancy::preset::StreamDefaults::default()
        },
        preset: None,
    };
    let created = write!(w, &owner, [draft] | tx, call | tenancy::bulk::create(tx, call, second, &[draft]));
    let id = created.unwrap().remove(0).unwrap().stream.id;
    let revoke = tenancy::revocation::Revoke::Viewer("v".to_owned());
    write!(w, &owner, [revoke] | tx, call | tenancy::revocation::revoke(tx, call, id, &revoke)).unwrap();
    assert!(w.rows().await.len() > before);
    write!(w, &owner, |tx, call| project::delete(tx, call, second)).unwrap();
    w.pass(retention::KEPT + Duration::from_secs(1));
    while write!(w, &Principal::System, |tx, call| retention::purge(tx, call.now)).unwrap() > 0 {}
    // The counter of streams stays.
    assert!(w.rows().await.len() <= before + 1, "{before} {}", w.rows().await.len());
    read!(w, &owner, |tx, call| project::read(tx, call, project_id)).unwrap();
}
