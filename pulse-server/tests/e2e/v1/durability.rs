//! What was answered is there after `kill -9`.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use super::rig::{Rig, Tenant, text};
use crate::support::http::Client;
use crate::support::seats;

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
        std::thread::sleep(Duration::from_secs(1));
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
    assert!(answered.len() > 50, "only {} writes in a second", answered.len());
    let lost: Vec<_> = answered.difference(&there).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), answered.len());
}
