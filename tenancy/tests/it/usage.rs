//! Usage: a report counts once, and months are calendar months.

use platform_core::{OrganizationId, WallTime};
use tenancy::authority::Target;
use tenancy::quota::{Level, Resource};
use tenancy::store::Store;
use tenancy::usage::{self, Metric, Used};
use tenancy::{Error, Principal};

use crate::world::{World, on_each_store, read, write};

on_each_store!(a_report_counts_once, levels_are_of_this_month_and_of_what_exists);

fn at(text: &str) -> WallTime {
    text.parse().unwrap()
}

async fn a_report_counts_once<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let used = |at, amount| Used {
        organization_id,
        project_id: Some(project_id),
        metric: Metric::DeliveredBytes,
        at,
        amount,
    };
    let first = vec![used(at("2026-09-30T23:59:59.999Z"), 5), used(at("2026-10-01T00:00:00Z"), 7)];
    for (report, counted) in [("node:1", true), ("node:1", false), ("node:2", true)] {
        let first = first.clone();
        let was = write!(w, &Principal::System, [first] | tx, call | usage::count(tx, call, report, &first));
        assert_eq!(was.unwrap(), counted);
    }
    let (from, until) = (at("2026-09-01T00:00:00Z"), at("2026-11-01T00:00:00Z"));
    let rows =
        read!(w, &owner, |tx, call| usage::read(tx, call, Target::Project(project_id), from, until)).unwrap();
    let mut days: Vec<_> = rows.iter().map(|row| (row.day.to_string(), row.value)).collect();
    days.sort();
    assert_eq!(
        days,
        [("2026-09-30T00:00:00.000Z".to_owned(), 10), ("2026-10-01T00:00:00.000Z".to_owned(), 14)]
    );
    let until = at("2026-10-01T00:00:00Z");
    let rows = read!(w, &owner, |tx, call| usage::read(
        tx,
        call,
        Target::Organization(organization_id),
        from,
        until
    ));
    let rows = rows.unwrap();
    assert_eq!(rows.iter().map(|row| (row.project_id, row.value)).collect::<Vec<_>>(), [(None, 10)]);
    let (stranger, ..) = w.tenant("b@example.org").await;
    let foreign =
        read!(w, &stranger, |tx, call| usage::read(tx, call, Target::Project(project_id), from, until));
    assert!(matches!(foreign, Err(Error::NotFound)));
}

async fn levels_are_of_this_month_and_of_what_exists<S: Store>(mut w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    w.limit(organization_id, &[(Resource::Streams, 10), (Resource::DeliveredBytes, 1_000)]).await;
    w.stream(&owner, project_id, "One").await.unwrap();
    w.now = at("2026-10-31T23:59:00Z");
    let used = vec![
        Used {
            organization_id,
            project_id: Some(project_id),
            metric: Metric::DeliveredBytes,
            at: at("2026-09-30T12:00:00Z"),
            amount: 900,
        },
        Used {
            organization_id,
            project_id: Some(project_id),
            metric: Metric::DeliveredBytes,
            at: at("2026-10-01T12:00:00Z"),
            amount: 30,
        },
        Used {
            organization_id,
            project_id: Some(project_id),
            metric: Metric::DeliveredBytes,
            at: w.now,
            amount: 3,
        },
        Used {
            organization_id,
            project_id: Some(project_id),
            metric: Metric::TokensMinted,
            at: w.now,
            amount: 77,
        },
    ];
    write!(w, &Principal::System, [used] | tx, call | usage::count(tx, call, "node:1", &used)).unwrap();
    let levels =
        read!(w, &owner, |tx, call| usage::levels(tx, call, Target::Organization(organization_id))).unwrap();
    let level = |resource| *levels.iter().find(|level| level.resource == resource).unwrap();
    assert_eq!(
        level(Resource::Streams),
        Level { resource: Resource::Streams, limit: Some(10), current: 1, resets_at: None }
    );
    let next = Some(at("2026-11-01T00:00:00Z"));
    let delivered =
        Level { resource: Resource::DeliveredBytes, limit: Some(1_000), current: 33, resets_at: next };
    assert_eq!(level(Resource::DeliveredBytes), delivered);
    assert_eq!((level(Resource::Projects).limit, level(Resource::Projects).current), (None, 1));
    // The same, as the live path asks: of what the plan limits.
    let mut tx = w.store.read().await.unwrap();
    let media = [Resource::StreamingSeconds, Resource::DeliveredBytes];
    assert_eq!(usage::monthly(&mut tx, organization_id, &media, w.now).await.unwrap(), [delivered]);
    let nobody = OrganizationId::from_uuid(1);
    assert!(matches!(usage::monthly(&mut tx, nobody, &media, w.now).await, Err(Error::NotFound)));
}
