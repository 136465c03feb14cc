//! What streams use arrives in the usage, and outlives a kill.

use std::time::Duration;

use serde_json::json;

use super::studio::{Studio, quick};
use crate::support::http::Client;
use crate::support::{seats, wait};
use crate::v1::rig::{Rig, text};

/// What was used of a metric so far.
#[track_caller]
fn used(rig: &Rig, studio: &Studio, metric: &str) -> i64 {
    let usage = rig.get(&studio.tenant.key, "/v1/usage");
    let rows = usage["days"].as_array().unwrap();
    rows.iter().filter(|row| row["metric"] == metric).map(|row| row["value"].as_i64().unwrap()).sum()
}

#[test]
fn what_a_stream_uses_is_counted_and_a_kill_takes_no_more_than_the_last_seconds() {
    let _seats = seats::some();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let _encoder = studio.publish(&rig);
    let token = text(&studio.token(&rig, &json!({"viewer_id": "v1"}))["token"]).to_owned();
    let playlist = studio.session(&rig, &token);
    let client = Client::new();
    let mut fetched = 0;
    wait::until("all to be counted", Duration::from_secs(40), || {
        fetched += client.get(&playlist).body.len() as i64;
        for metric in ["streaming_seconds", "viewer_seconds", "received_bytes", "delivered_bytes"] {
            wait::check(used(&rig, &studio, metric) > 0, metric)?;
        }
        Ok::<(), String>(())
    });
    let delivered = used(&rig, &studio, "delivered_bytes");
    // A multivariant playlist or two besides; compression is not asked for.
    assert!(delivered <= fetched + 10_000, "{delivered} of {fetched}");
    let live = rig.pulse.live_stream(&studio.id).unwrap();
    let seconds = used(&rig, &studio, "streaming_seconds") as f64;
    assert!(seconds <= live.uptime_seconds + 1.0, "{seconds} of {}", live.uptime_seconds);
    rig.pulse.kill();
    rig.pulse.start_again();
    assert!(used(&rig, &studio, "delivered_bytes") >= delivered, "what was written down stays");
}
