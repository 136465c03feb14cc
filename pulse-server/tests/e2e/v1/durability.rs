//! What was answered is there after `kill -9`, as it was synced before.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::rig::{LOOSE, Rig, Tenant, text};
use crate::support::http::Client;
use crate::support::server::Setup;
use crate::support::trace::{self, Call};
use crate::support::{seats, wait};

/// Writes that are answered before the server is killed, and how long that may take.
const ENOUGH: usize = 200;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_server_killed_under_writes_has_lost_none_that_it_answered() {
    let _seats = seats::some();
    let mut rig = Rig::start();
    let tenant = Tenant::create(&rig, "sam@example.org");
    let (answered, stop) = (Mutex::new(BTreeSet::new()), AtomicBool::new(false));
    let url = rig.pulse.url("/v1/streams");
    let headers = tenant.key.headers();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (answered, stop, url, headers) = (&answered, &stop, &url, &headers);
            scope.spawn(move || {
                let client = Client::new();
                for number in 0.. {
                    let name = format!("Stream {thread} {number}");
                    let body = json!({ "name": name }).to_string();
                    match client.try_post(url, headers, &body) {
                        Ok(answer) if answer.status == 201 => answered.lock().unwrap().insert(name),
                        _ => false,
                    };
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        let begun = Instant::now();
        while answered.lock().unwrap().len() <= ENOUGH && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
        rig.pulse.kill();
        stop.store(true, Ordering::Relaxed);
    });
    rig.pulse.start_again();
    let (mut there, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = rig.get(&tenant.key, &format!("/v1/streams?limit=100&cursor={cursor}"));
        there.extend(page["data"].as_array().unwrap().iter().map(|one| text(&one["name"]).to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
    }
    let answered = answered.into_inner().unwrap();
    assert!(answered.len() > ENOUGH, "only {} writes", answered.len());
    let lost: Vec<_> = answered.difference(&there).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), answered.len());
}

/// Streams that each of some clients creates under strace, which slows the server down.
const TRACED: usize = 12;

#[test]
fn no_creation_is_answered_before_what_it_wrote_is_synced() {
    let _seats = seats::some();
    let under = trace::command("write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync");
    let mut rig = Rig::with(Setup::new().section(LOOSE).under(under));
    let tenant = Tenant::create(&rig, "sam@example.org");
    let ids = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for client in 0..6 {
            let (rig, key, ids) = (&rig, &tenant.key, &ids);
            scope.spawn(move || {
                for number in 0..TRACED {
                    let input = json!({"name": format!("Stream {client} {number}")});
                    let id = text(&rig.post(key, "/v1/streams", &input)["id"]).to_owned();
                    ids.lock().unwrap().push(id);
                }
            });
        }
    });
    let (pid, file) = (rig.pulse.process().pid(), rig.pulse.stage().path().join("trace"));
    rig.pulse.stop();
    wait::until("the end of the trace", Duration::from_secs(10), || {
        wait::check(trace::is_whole(&file, pid), "strace still writes")
    });
    let calls = trace::read(&file);
    let is_sync = |call: &&Call| matches!(call.name.as_str(), "fsync" | "fdatasync") && call.succeeded;
    let syncs: Vec<_> = calls.iter().filter(is_sync).collect();
    assert!(!syncs.is_empty(), "nothing was synced, or strace does not see it");
    for id in ids.into_inner().unwrap() {
        let about: Vec<_> = calls.iter().filter(|call| call.arguments.contains(&id)).collect();
        let written =
            about.iter().find(|call| call.arguments.contains("pulse.db-wal>")).and_then(|call| call.ended);
        let written = written.unwrap_or_else(|| panic!("{id} is not written to the log of the database"));
        let answered =
            about.iter().find(|call| call.arguments.contains("HTTP/1.1 201")).map(|call| call.began);
        let answered = answered.unwrap_or_else(|| panic!("the answer with {id} is not seen"));
        let between = |call: &&Call| call.began > written && call.ended.is_some_and(|ended| ended < answered);
        assert!(
            syncs.iter().any(|call| call.arguments.contains("pulse.db-wal>") && between(call)),
            "{id} is written at {written}, answered at {answered}, and not synced between"
        );
    }
}
