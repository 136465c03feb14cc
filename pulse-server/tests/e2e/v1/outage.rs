//! A database that goes away under load: requests are told so, nothing is half-written, and all goes on when it is back.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use platform_core::sql::Location;
use platform_core::testing::Postgres;
use serde_json::{Value, json};

use super::rig::{Caller, LOOSE, PASSWORD, Rig, Tenant, text};
use crate::support::http::Client;
use crate::support::{seats, wait};

/// A pool that notices the outage by its timeouts, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const WRITERS: usize = 6;

/// What a stream's creation writes, for those of one project: streams, and of each kind how many of them have exactly one.
const WHOLE: &str = "
    SELECT count(*),
        count(*) FILTER (WHERE (SELECT count(*) FROM tenancy_stream_keys k WHERE k.stream_id = s.id) = 1),
        count(*) FILTER (WHERE (SELECT count(*) FROM pulse_audit a WHERE a.resource_id = s.id) = 1),
        count(*) FILTER (WHERE (SELECT count(*) FROM pulse_outbox o
            WHERE o.entity_id = s.id AND o.type = 'stream.created') = 1),
        (SELECT p.streams FROM tenancy_projects p WHERE p.id = min(s.project_id))
    FROM tenancy_streams s";

/// Ends the writers, also when the test fails: it would wait for them.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Creates streams, each under an idempotency key of its own, until told to stop; answers by name.
fn write(
    rig: &Rig,
    caller: &Caller,
    writer: usize,
    stop: &AtomicBool,
    answers: &Mutex<BTreeMap<String, u16>>,
) {
    let (client, url) = (Client::new(), rig.pulse.url("/v1/streams"));
    for number in 0.. {
        let name = format!("Stream {writer} {number}");
        let caller = caller.with("idempotency-key", &name);
        let answer = client.try_post(&url, &caller.headers(), &json!({"name": name}).to_string());
        // No answer at all is told by a status that there is not.
        let status = answer.map_or(0, |answer| answer.status);
        answers.lock().unwrap().insert(name, status);
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[test]
fn while_the_database_is_down_requests_get_503_nothing_is_half_written_and_all_goes_on_when_it_is_back() {
    let _seats = seats::some();
    let postgres = Postgres::own();
    let database = postgres.database();
    let Location::Postgres(url) = &database else { panic!("not PostgreSQL") };
    let mut rig = Rig::start_with(&format!("[database]\nurl = {:?}\n{LOOSE}", url.expose_str().unwrap()));
    let tenant = Tenant::create(&rig, "sam@example.org");
    let (answers, stop) = (Mutex::new(BTreeMap::new()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (rig, key, stop, answers) = (&rig, &tenant.key, &stop, &answers);
            scope.spawn(move || write(rig, key, writer, stop, answers));
        }
        let ended = Stop(&stop);
        let created = |least: usize| {
            let count = answers.lock().unwrap().values().filter(|status| **status == 201).count();
            wait::check(count >= least, format!("{count} created"))
        };
        wait::until("some streams", PATIENCE, || created(20));
        postgres.stop();
        wait::until("a request that is refused", PATIENCE, || {
            let refused = answers.lock().unwrap().values().any(|status| *status == 503);
            wait::check(refused, "none is")
        });
        assert_down(&rig, &tenant);
        postgres.start_again();
        let before = answers.lock().unwrap().values().filter(|status| **status == 201).count();
        wait::until("streams again", PATIENCE, || created(before + 10));
        drop(ended);
    });
    let answers = answers.into_inner().unwrap();
    let odd: Vec<_> = answers.iter().filter(|(_, status)| !matches!(**status, 201 | 503)).collect();
    assert!(odd.is_empty(), "{odd:?}");

    let whole = postgres.psql(&database, WHOLE);
    let counts: Vec<usize> = whole.trim().split('|').map(|count| count.parse().unwrap()).collect();
    assert!(counts.iter().all(|count| *count == counts[0]), "half-written: {counts:?}");
    let names = postgres.psql(&database, "SELECT name FROM tenancy_streams");
    for (name, _) in answers.iter().filter(|(_, status)| **status == 201) {
        assert!(names.lines().any(|line| line == name), "{name} was answered and is lost");
    }
    // What was refused, or is in doubt, is repeated under its key: it is there once in the end.
    for (name, _) in answers.iter().filter(|(_, status)| **status == 503) {
        let caller = tenant.key.with("idempotency-key", name);
        rig.post(&caller, "/v1/streams", &json!({"name": name}));
        rig.post(&caller, "/v1/streams", &json!({"name": name}));
    }
    let names = postgres.psql(&database, "SELECT count(*) FROM tenancy_streams WHERE name LIKE 'Stream %'");
    assert_eq!(names.trim(), answers.len().to_string());
    rig.login("sam@example.org");
    rig.pulse.assert_sound();
}

/// What each sort of request is answered while there is no database.
fn assert_down(rig: &Rig, tenant: &Tenant) {
    let login = json!({"email": "sam@example.org", "password": PASSWORD});
    let (list, key, nobody) = ("/v1/streams", &tenant.key, Caller::nobody());
    let requests: [(&Caller, &str, &str, Value); 4] = [
        (key, "GET", list, Value::Null),
        (key, "POST", list, json!({"name": "Down"})),
        (&tenant.owner, "GET", "/v1/audit-logs", Value::Null),
        (&nobody, "POST", "/v1/auth/login", login),
    ];
    for (caller, method, path, body) in requests {
        let answer = rig.ask(caller, method, path, &body);
        let place = format!("{method} {path}: {}", answer.text());
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (503, "application/problem+json"),
            "{place}"
        );
        assert_eq!(text(&answer.json()["code"]), "unavailable", "{place}");
        if method == "GET" {
            assert_eq!(answer.header("retry-after"), "2", "{place}");
        }
        for inside in ["postgres", "sql", "pool", "socket", "tenancy_"] {
            assert!(!answer.text().to_lowercase().contains(inside), "{place} tells of {inside}");
        }
    }
    assert_eq!(rig.pulse.get("/healthz").status, 200, "the server itself is well");
}
