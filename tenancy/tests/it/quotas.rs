//! Quotas: however many come at once, no more get through than the plan allows.

use std::time::Duration;

use tenancy::authority::Target;
use tenancy::plan::{self, BytesLimit, PlanInput};
use tenancy::project::{self, ProjectInput};
use tenancy::quota::{self, Resource};
use tenancy::store::{AuditFilter, Store};
use tenancy::stream::{self, StreamInput};
use tenancy::{Error, PageRequest, Principal, audit, usage};

use crate::world::{World, on_each_store, read, write};

on_each_store!(
    of_a_hundred_that_come_at_once_ten_get_through,
    a_deletion_makes_room,
    deleting_a_project_gives_its_streams_back_and_restoring_takes_them,
    a_lowered_limit_takes_nothing_away,
    an_empty_project_comes_back_above_a_lowered_limit_of_streams,
    of_many_that_come_and_go_at_once_the_count_is_right,
    a_refusal_names_limit_and_level_and_leaves_nothing,
    plans_are_the_operators,
    a_refusal_is_announced_once_a_day_and_once_a_month,
    new_organizations_have_limits_and_operators_may_lift_them,
);

async fn of_a_hundred_that_come_at_once_ten_get_through<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    w.limit(organization_id, &[(Resource::Streams, 10)]).await;
    let coming: Vec<_> = (0..100)
        .map(|number| {
            let (store, call) = (w.store.clone(), w.call(&owner));
            let input = StreamInput::named(format!("Stream {number}"));
            tokio::spawn(async move {
                store
                    .write((call, input), move |tx, (call, input)| {
                        Box::pin(stream::create(tx, call, project_id, input))
                    })
                    .await
            })
        })
        .collect();
    let mut created = 0;
    for coming in coming {
        match coming.await.unwrap() {
            Ok(_) => created += 1,
            Err(Error::QuotaExceeded { resource: Resource::Streams, limit: 10, current: 10, .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(created, 10);
    let page = PageRequest { after: None, limit: 100 };
    let filter = stream::StreamFilter::default();
    let listed = read!(w, &owner, |tx, call| stream::list(tx, call, project_id, &filter, page)).unwrap();
    assert_eq!(listed.data.len(), 10);
}

async fn a_deletion_makes_room<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    w.limit(organization_id, &[(Resource::Streams, 1)]).await;
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    assert!(matches!(w.stream(&owner, project_id, "Two").await, Err(Error::QuotaExceeded { .. })));
    write!(w, &owner, |tx, call| stream::delete(tx, call, id)).unwrap();
    w.stream(&owner, project_id, "Two").await.unwrap();
    let restored = write!(w, &Principal::Operator, |tx, call| stream::restore(tx, call, id));
    assert!(matches!(restored, Err(Error::QuotaExceeded { current: 1, .. })), "{restored:?}");
}

async fn deleting_a_project_gives_its_streams_back_and_restoring_takes_them<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    w.limit(organization_id, &[(Resource::Streams, 3), (Resource::Projects, 2)]).await;
    for name in ["One", "Two"] {
        w.stream(&owner, project_id, name).await.unwrap();
    }
    write!(w, &owner, |tx, call| project::delete(tx, call, project_id)).unwrap();
    let other = ProjectInput { name: "Other".to_owned(), ..ProjectInput::default() };
    let other =
        write!(w, &owner, [other] | tx, call | project::create(tx, call, organization_id, &other)).unwrap();
    for name in ["One", "Two"] {
        w.stream(&owner, other.id, name).await.unwrap();
    }
    let restored = write!(w, &Principal::Operator, |tx, call| project::restore(tx, call, project_id));
    assert!(
        matches!(restored, Err(Error::QuotaExceeded { resource: Resource::Streams, current: 2, .. })),
        "{restored:?}"
    );
    w.stream(&owner, other.id, "Three").await.unwrap();
    write!(w, &owner, |tx, call| project::delete(tx, call, other.id)).unwrap();
    let restored =
        write!(w, &Principal::Operator, |tx, call| project::restore(tx, call, project_id)).unwrap();
    assert_eq!(restored.streams, 2);
    w.stream(&owner, project_id, "Three").await.unwrap();
    assert!(matches!(w.stream(&owner, project_id, "Four").await, Err(Error::QuotaExceeded { .. })));
}

async fn an_empty_project_comes_back_above_a_lowered_limit_of_streams<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let empty = ProjectInput { name: "Empty".to_owned(), ..ProjectInput::default() };
    let empty = write!(w, &owner, [empty] | tx, call | project::create(tx, call, organization_id, &empty))
        .unwrap()
        .id;
    write!(w, &owner, |tx, call| project::delete(tx, call, empty)).unwrap();
    w.stream(&owner, project_id, "One").await.unwrap();
    w.limit(organization_id, &[(Resource::Streams, 0)]).await;
    write!(w, &Principal::Operator, |tx, call| project::restore(tx, call, empty)).unwrap();
}

async fn of_many_that_come_and_go_at_once_the_count_is_right<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    w.limit(organization_id, &[(Resource::Streams, 1_000)]).await;
    let coming: Vec<_> = (0..32)
        .map(|number| {
            let (store, call) = (w.store.clone(), w.call(&owner));
            let input = StreamInput::named(format!("Stream {number}"));
            tokio::spawn(async move {
                let id = store
                    .write((call.clone(), input), move |tx, (call, input)| {
                        Box::pin(stream::create(tx, call, project_id, input))
                    })
                    .await
                    .unwrap()
                    .stream
                    .id;
                if number % 2 == 0 {
                    store.write(call, move |tx, call| Box::pin(stream::delete(tx, call, id))).await.unwrap();
                }
            })
        })
        .collect();
    for coming in coming {
        coming.await.unwrap();
    }
    assert_eq!(read!(w, &owner, |tx, call| project::read(tx, call, project_id)).unwrap().streams, 16);
    let target = tenancy::authority::Target::Organization(organization_id);
    let levels = read!(w, &owner, |tx, call| tenancy::usage::levels(tx, call, target)).unwrap();
    assert_eq!(levels.iter().find(|level| level.resource == Resource::Streams).unwrap().current, 16);
}

async fn a_lowered_limit_takes_nothing_away<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let one = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    let two = w.stream(&owner, project_id, "Two").await.unwrap().stream.id;
    w.limit(organization_id, &[(Resource::Streams, 1)]).await;
    assert!(matches!(
        w.stream(&owner, project_id, "Three").await,
        Err(Error::QuotaExceeded { limit: 1, current: 2, .. })
    ));
    for id in [one, two] {
        read!(w, &owner, |tx, call| stream::read(tx, call, id)).unwrap();
    }
    write!(w, &owner, |tx, call| stream::delete(tx, call, one)).unwrap();
    assert!(matches!(w.stream(&owner, project_id, "Three").await, Err(Error::QuotaExceeded { .. })));
    write!(w, &owner, |tx, call| stream::delete(tx, call, two)).unwrap();
    w.stream(&owner, project_id, "Three").await.unwrap();
}

async fn a_refusal_names_limit_and_level_and_leaves_nothing<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    w.limit(organization_id, &[(Resource::Streams, 0)]).await;
    let before = w.rows().await;
    let problem = w.stream(&owner, project_id, "One").await.unwrap_err().problem();
    assert!(w.rows().await == before, "nothing half-written");
    let document = platform_core_json(&problem);
    assert!(
        document.contains(r#""code":"quota_exceeded""#) && document.contains(r#""limit":0"#),
        "{document}"
    );
    assert!(document.contains(r#""current":0"#) && document.contains("delete a stream"), "{document}");
    let filter = AuditFilter { project_id: Some(project_id), ..AuditFilter::default() };
    let log = read!(w, &owner, |tx, call| audit::list(tx, call, &filter, PageRequest::default())).unwrap();
    assert!(log.data.iter().all(|entry| entry.action != "stream.created"));
}

fn platform_core_json(problem: &platform_core::Problem) -> String {
    serde_json::to_string(problem).unwrap()
}

async fn plans_are_the_operators<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let input = PlanInput {
        name: "Mine".to_owned(),
        limits: [(Resource::Streams, 1)].into(),
        bytes_limit: BytesLimit::Soft,
    };
    let own = write!(w, &owner, [input] | tx, call | plan::create(tx, call, &input));
    assert!(matches!(own, Err(Error::Forbidden(_))));
    let created =
        write!(w, &Principal::Operator, [input] | tx, call | plan::create(tx, call, &input)).unwrap();
    let twice = write!(w, &Principal::Operator, [input] | tx, call | plan::create(tx, call, &input));
    assert!(matches!(twice, Err(Error::Conflict { key: "name" })));
    let id = created.id;
    let own = write!(w, &owner, |tx, call| plan::assign(tx, call, organization_id, id));
    assert!(matches!(own, Err(Error::Forbidden(_))));
    let negative = PlanInput {
        name: "Negative".to_owned(),
        limits: [(Resource::Streams, -1)].into(),
        bytes_limit: BytesLimit::Soft,
    };
    let negative = write!(w, &Principal::Operator, [negative] | tx, call | plan::create(tx, call, &negative));
    assert!(matches!(negative, Err(Error::Invalid(_))));
}

#[test]
fn crossing_four_fifths_is_announced_once() {
    crate::world::in_memory(|w| async move {
        let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
        w.limit(organization_id, &[(Resource::Streams, 5)]).await;
        let warnings = || {
            let events = w.store.outbox().into_iter().filter_map(|(event, _)| event);
            events.filter(|event| event.kind.as_str() == "quota.warning").collect::<Vec<_>>()
        };
        for (name, announced) in [("1", 0), ("2", 0), ("3", 0), ("4", 1), ("5", 1)] {
            w.stream(&owner, project_id, name).await.unwrap();
            assert_eq!(warnings().len(), announced, "{name}");
        }
        let event = &warnings()[0];
        assert_eq!(event.organization_id, Some(organization_id));
        assert_eq!(event.data.get(), r#"{"current":4,"limit":5,"resource":"streams"}"#);
    });
}

async fn a_refusal_is_announced_once_a_day_and_once_a_month<S: Store>(mut w: World<S>) {
    let (_, organization_id, _) = w.tenant("a@example.org").await;
    let tell = async |w: &World<S>, resource| {
        write!(w, &Principal::System, |tx, call| quota::refused(tx, call, organization_id, resource, 1, 1))
            .unwrap()
    };
    for resource in [Resource::Streams, Resource::ApiRequests] {
        assert!(tell(&w, resource).await && !tell(&w, resource).await, "{resource}");
    }
    w.pass(Duration::from_secs(86_400));
    assert!(tell(&w, Resource::Streams).await, "another day");
    assert!(!tell(&w, Resource::ApiRequests).await, "the same month");
    w.pass(Duration::from_secs(31 * 86_400));
    assert!(tell(&w, Resource::ApiRequests).await, "another month");
}

async fn new_organizations_have_limits_and_operators_may_lift_them<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let limit = async |w: &World<S>, resource| {
        let target = Target::Organization(organization_id);
        let levels = read!(w, &owner, |tx, call| usage::levels(tx, call, target)).unwrap();
        levels.iter().find(|level| level.resource == resource).unwrap().limit
    };
    for resource in [Resource::Projects, Resource::Streams, Resource::ApiRequests] {
        assert!(limit(&w, resource).await.is_some(), "{resource}");
    }
    let page = PageRequest { after: None, limit: 10 };
    let plans = read!(w, &Principal::Operator, |tx, call| plan::list(tx, call, page)).unwrap().data;
    let unlimited = plans.iter().find(|plan| plan.name == "Unlimited").unwrap().id;
    write!(w, &Principal::Operator, |tx, call| plan::assign(tx, call, organization_id, unlimited)).unwrap();
    assert_eq!(limit(&w, Resource::Streams).await, None);
}
