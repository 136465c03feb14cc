//! Streams at scale: many at once, presets, labels.

use std::collections::BTreeMap;

use platform_core::ProjectId;
use platform_core::sql::{Config, Db, Location, Migrations};
use platform_core::testing::Postgres;
use tenancy::bulk::{self, MAX_ITEMS};
use tenancy::label::Label;
use tenancy::preset::{self, MAX_PRESETS, PresetInput, StreamDefaults, StreamDraft};
use tenancy::quota::Resource;
use tenancy::store::Store;
use tenancy::store::sql::MIGRATIONS;
use tenancy::stream::{self, LatencyMode, PlaybackPolicy, StreamFilter, StreamPatch};
use tenancy::vault::MasterKey;
use tenancy::{Error, PageRequest, Principal, STATE, StreamId, Tenancy, project};

use crate::world::{NOW, World, block_on, on_each_store, read, refused, write};

on_each_store!(
    what_one_item_gets_wrong_does_not_undo_the_others,
    no_more_are_created_than_the_plan_allows,
    many_are_deleted_and_what_is_not_there_is_said,
    a_request_of_many_is_bounded,
    presets_say_what_a_stream_does_not,
    streams_are_found_by_their_labels,
);

fn draft(name: &str) -> StreamDraft {
    StreamDraft { name: name.to_owned(), ..StreamDraft::default() }
}

fn labels(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn create<S: Store>(
    w: &World<S>,
    by: &Principal,
    project_id: ProjectId,
    drafts: &[StreamDraft],
) -> Result<Vec<Result<stream::Created, Error>>, Error> {
    let drafts = drafts.to_vec();
    write!(w, by, [drafts] | tx, call | bulk::create(tx, call, project_id, &drafts))
}

async fn count<S: Store>(w: &World<S>, by: &Principal, project_id: ProjectId) -> (i64, usize) {
    let project = read!(w, by, |tx, call| project::read(tx, call, project_id)).unwrap();
    let filter = StreamFilter::default();
    let request = PageRequest { after: None, limit: 100 };
    let page = read!(w, by, |tx, call| stream::list(tx, call, project_id, &filter, request)).unwrap();
    (project.streams, page.data.len())
}

async fn what_one_item_gets_wrong_does_not_undo_the_others<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    w.stream(&owner, project_id, "There").await.unwrap();
    let drafts = [
        draft("One"),
        draft(""),
        draft("THERE"),
        draft("one"),
        draft("Two"),
        StreamDraft { preset: Some("none".to_owned()), ..draft("Three") },
    ];
    let done = create(&w, &owner, project_id, &drafts).await.unwrap();
    let created = done[0].as_ref().unwrap();
    assert_eq!((created.stream.name.as_str(), created.key.stream_id), ("One", created.stream.id));
    assert!(matches!(done[1], Err(Error::Invalid(_))));
    assert!(matches!(done[2], Err(Error::Conflict { key: "name" })));
    assert!(matches!(done[3], Err(Error::Conflict { key: "name" })));
    assert_eq!(done[4].as_ref().unwrap().stream.name, "Two");
    assert!(matches!(done[5], Err(Error::Invalid(_))));
    assert_eq!(count(&w, &owner, project_id).await, (3, 3));
    let (stranger, _, _) = w.tenant("b@example.org").await;
    assert!(matches!(create(&w, &stranger, project_id, &drafts).await, Err(Error::NotFound)));
}

async fn no_more_are_created_than_the_plan_allows<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    w.limit(organization_id, &[(Resource::Streams, 3)]).await;
    w.stream(&owner, project_id, "There").await.unwrap();
    let drafts = [draft("One"), draft("there"), draft("Two"), draft("Three")];
    let done = create(&w, &owner, project_id, &drafts).await.unwrap();
    assert!(done[0].is_ok() && done[2].is_ok());
    assert!(matches!(done[3], Err(Error::QuotaExceeded { limit: 3, current: 3, .. })));
    assert_eq!(count(&w, &owner, project_id).await, (3, 3));
    let full = create(&w, &owner, project_id, &[draft("Four")]).await.unwrap();
    assert!(matches!(full[0], Err(Error::QuotaExceeded { limit: 3, current: 3, .. })));
    // What was counted is what is there.
    let first = done[0].as_ref().unwrap().stream.id;
    write!(w, &owner, |tx, call| stream::delete(tx, call, first)).unwrap();
    // Whose name an earlier item has, that found no room, finds none either: there is no such stream.
    let drafts = [draft("Four"), draft("Five"), draft("four"), draft("five")];
    let done = create(&w, &owner, project_id, &drafts).await.unwrap();
    assert!(done[0].is_ok());
    assert!(matches!(done[2], Err(Error::Conflict { key: "name" })));
    for full in [&done[1], &done[3]] {
        assert!(matches!(full, Err(Error::QuotaExceeded { limit: 3, current: 3, .. })));
    }
}

async fn many_are_deleted_and_what_is_not_there_is_said<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let (stranger, _, foreign) = w.tenant("b@example.org").await;
    w.limit(organization_id, &[(Resource::Streams, 2)]).await;
    let theirs = w.stream(&stranger, foreign, "Theirs").await.unwrap().stream.id;
    let one = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    let two = w.stream(&owner, project_id, "Two").await.unwrap().stream.id;
    let ids = [one, theirs, two, one];
    let done = write!(w, &owner, |tx, call| bulk::delete(tx, call, project_id, &ids)).unwrap();
    assert!(done[0].is_ok() && done[2].is_ok());
    assert!(matches!(done[1], Err(Error::NotFound)) && matches!(done[3], Err(Error::NotFound)));
    assert_eq!(count(&w, &owner, project_id).await, (0, 0));
    read!(w, &stranger, |tx, call| stream::read(tx, call, theirs)).unwrap();
    for name in ["One", "Two"] {
        w.stream(&owner, project_id, name).await.unwrap();
    }
}

async fn a_request_of_many_is_bounded<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let many: Vec<_> = (0..=MAX_ITEMS).map(|name| draft(&name.to_string())).collect();
    for wrong in [&many[..], &[]] {
        assert!(matches!(create(&w, &owner, project_id, wrong).await, Err(Error::Invalid(_))));
    }
    let id: StreamId = w.tenancy.id(w.now);
    let many = vec![id; MAX_ITEMS + 1];
    let wrong = write!(w, &owner, [many] | tx, call | bulk::delete(tx, call, project_id, &many));
    assert!(matches!(wrong, Err(Error::Invalid(_))));
}

async fn presets_say_what_a_stream_does_not<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let (stranger, _, _) = w.tenant("b@example.org").await;
    let stream = StreamDefaults {
        description: Some("Of the council".to_owned()),
        latency_mode: Some(LatencyMode::Standard),
        playback_policy: Some(PlaybackPolicy::Signed),
        labels: labels(&[("room", "main"), ("city", "Bern")]),
        ..StreamDefaults::default()
    };
    let input = PresetInput { name: "Council".to_owned(), stream };
    let created =
        write!(w, &owner, [input] | tx, call | preset::create(tx, call, project_id, &input)).unwrap();
    let twice = write!(w, &owner, [input] | tx, call | preset::create(tx, call, project_id, &input));
    assert!(matches!(twice, Err(Error::Conflict { key: "name" })));
    let theirs = write!(w, &stranger, [input] | tx, call | preset::create(tx, call, project_id, &input));
    assert!(matches!(theirs, Err(Error::NotFound)));
    let draft = StreamDraft {
        name: "Monday".to_owned(),
        preset: Some(" council".to_owned()),
        stream: StreamDefaults {
            playback_policy: Some(PlaybackPolicy::Public),
            labels: labels(&[("room", "side")]),
            ..StreamDefaults::default()
        },
    };
    let made = create(&w, &owner, project_id, std::slice::from_ref(&draft)).await.unwrap().remove(0).unwrap();
    assert_eq!(made.stream.description, "Of the council");
    assert_eq!(made.stream.latency_mode, LatencyMode::Standard);
    assert_eq!(made.stream.playback_policy, PlaybackPolicy::Public);
    assert_eq!(made.stream.labels.0, labels(&[("room", "side"), ("city", "Bern")]));
    let id = created.id;
    let changed = PresetInput { name: "Council 2".to_owned(), stream: StreamDefaults::default() };
    write!(w, &owner, [changed] | tx, call | preset::replace(tx, call, project_id, id, &changed)).unwrap();
    let found = read!(w, &owner, |tx, call| preset::read(tx, call, project_id, id)).unwrap();
    assert_eq!((found.name.as_str(), found.stream.0), ("Council 2", StreamDefaults::default()));
    let gone = create(&w, &owner, project_id, &[draft]).await.unwrap().remove(0);
    assert!(matches!(gone, Err(Error::Invalid(_))));
    write!(w, &owner, |tx, call| preset::delete(tx, call, project_id, id)).unwrap();
    assert!(matches!(
        read!(w, &owner, |tx, call| preset::read(tx, call, project_id, id)),
        Err(Error::NotFound)
    ));
    for name in 0..MAX_PRESETS {
        let input = PresetInput { name: name.to_string(), stream: StreamDefaults::default() };
        write!(w, &owner, [input] | tx, call | preset::create(tx, call, project_id, &input)).unwrap();
    }
    let full = write!(w, &owner, [input] | tx, call | preset::create(tx, call, project_id, &input));
    assert!(refused(&full.unwrap_err(), STATE));
}

async fn streams_are_found_by_their_labels<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let (stranger, _, foreign) = w.tenant("b@example.org").await;
    let with = |name: &str, of: &[(&str, &str)]| StreamDraft {
        stream: StreamDefaults { labels: labels(of), ..StreamDefaults::default() },
        ..draft(name)
    };
    let drafts = [
        with("One", &[("room", "main"), ("a", "b")]),
        with("Two", &[("room", "side")]),
        with("Three", &[("room", "main")]),
    ];
    create(&w, &owner, project_id, &drafts).await.unwrap();
    create(&w, &stranger, foreign, &[with("Theirs", &[("room", "main")])]).await.unwrap();
    macro_rules! found {
        ($label:expr, $search:expr) => {{
            let label = Some($label.parse::<Label>().unwrap());
            let filter = StreamFilter { label, search: $search, ..StreamFilter::default() };
            let page = PageRequest::default();
            let found =
                read!(w, &owner, |tx, call| stream::list(tx, call, project_id, &filter, page)).unwrap();
            found.data.into_iter().map(|stream| stream.name).collect::<Vec<_>>()
        }};
    }
    assert_eq!(found!("room:main", None), ["Three", "One"]);
    assert_eq!(found!("room:main", Some("on".to_owned())), ["One"]);
    assert_eq!(found!("a:b", None), ["One"]);
    for none in ["room:", "room:mai", "a:main", "room:main:x"] {
        assert!(found!(none, None).is_empty(), "{none}");
    }
    let filter = StreamFilter { label: Some("room:main".parse().unwrap()), ..StreamFilter::default() };
    let page = PageRequest { after: None, limit: 1 };
    let first = read!(w, &owner, |tx, call| stream::list(tx, call, project_id, &filter, page)).unwrap();
    let page = PageRequest { after: first.next, limit: 1 };
    let second = read!(w, &owner, |tx, call| stream::list(tx, call, project_id, &filter, page)).unwrap();
    assert_eq!((first.data[0].name.as_str(), second.data[0].name.as_str()), ("Three", "One"));
    assert_eq!(second.next, None);
    let all = read!(w, &Principal::Operator, |tx, call| stream::list_all(
        tx,
        call,
        &filter,
        PageRequest::default()
    ));
    assert_eq!(all.unwrap().data.len(), 3);
    let id = second.data[0].id;
    let patch = StreamPatch { labels: Some(labels(&[("room", "side")])), ..StreamPatch::default() };
    write!(w, &owner, [patch] | tx, call | stream::update(tx, call, id, &patch)).unwrap();
    assert_eq!(found!("room:main", None), ["Three"]);
    assert_eq!(found!("room:side", None), ["Two", "One"]);
    assert!(found!("a:b", None).is_empty());
    for wrong in ["", "room", ":main"] {
        assert!(wrong.parse::<Label>().is_err(), "{wrong:?}");
    }
}

/// Streams that were there before labels had rows of their own.
async fn labelled_before(location: Location) {
    let (sqlite, postgres) = (&MIGRATIONS.sqlite[..2], &MIGRATIONS.postgres[..2]);
    let db = Db::open(Config::new(location)).await.unwrap();
    db.migrate(NOW, &[Migrations { sqlite, postgres, ..MIGRATIONS }]).await.unwrap();
    let written: Result<(), platform_core::sql::Error> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                for statement in BEFORE {
                    tx.execute(statement).await?;
                }
                Ok(())
            })
        })
        .await;
    written.unwrap();
    db.migrate(NOW, &[MIGRATIONS]).await.unwrap();
    let project_id: ProjectId = "prj_01m3250v00eyytffb070h2h08m".parse().unwrap();
    let tenancy = Tenancy::open(&db, &MasterKey::generate(), NOW).await.unwrap();
    let call = tenancy.call(Principal::Operator, NOW);
    for (label, found) in [("room:main", 1), ("who:\"Ann\" & Ünal", 1), ("room:side", 0)] {
        let filter = StreamFilter { label: Some(label.parse().unwrap()), ..StreamFilter::default() };
        let mut tx = Store::read(&db).await.unwrap();
        let page = stream::list(&mut tx, &call, project_id, &filter, PageRequest::default()).await.unwrap();
        assert_eq!(page.data.len(), found, "{label}");
    }
}

/// A stream with labels, and what it lies in.
const BEFORE: [&str; 4] = [
    "INSERT INTO tenancy_plans (id, name, name_key, limits, created_at, updated_at) \
     VALUES ('pln_01m3250v00eyytffb0755fapz5', 'P', 'p', '{}', 0, 0)",
    "INSERT INTO tenancy_organizations (id, name, name_key, plan_id, owners, created_at, updated_at) \
     VALUES ('org_01m3250v00eyytffb06rtc3spx', 'O', 'o', 'pln_01m3250v00eyytffb0755fapz5', 1, 0, 0)",
    "INSERT INTO tenancy_projects \
     (id, organization_id, name, name_key, description, settings, streams, created_at, updated_at) \
     VALUES ('prj_01m3250v00eyytffb070h2h08m', 'org_01m3250v00eyytffb06rtc3spx', 'M', 'm', '', '{}', 1, 0, 0)",
    "INSERT INTO tenancy_streams (id, project_id, name, name_key, description, latency_mode, playback_policy, \
     labels, metadata, epoch, created_at, updated_at) \
     VALUES ('str_01m3250v00eyytffb07jfsqv6b', 'prj_01m3250v00eyytffb070h2h08m', 'S', 's', '', 'low', 'public', \
     '{\"room\":\"main\",\"who\":\"\\\"Ann\\\" & Ünal\"}', '{}', 0, 0, 0)",
];

#[test]
fn labels_that_were_there_are_found_on_sqlite() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        labelled_before(Location::File(folder.path().join("pulse.db"))).await;
    });
}

#[test]
fn labels_that_were_there_are_found_on_postgres() {
    block_on(async { labelled_before(Postgres::shared().database()).await });
}
