//! What the API says of streams while real encoders publish them with keys of a tenant.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Caller, LOOSE, Rig, Tenant, text};
use crate::support::feed::{Feed, x264};
use crate::support::seats;
use crate::support::viewer::Viewer;
use crate::support::wait;

/// An encoder's start, the first segments and the once-a-second counts.
const PATIENCE: Duration = Duration::from_secs(25);

/// A public stream, and the key for its encoder.
fn create(rig: &Rig, tenant: &Tenant, name: &str) -> (String, String) {
    let input = json!({"project_id": tenant.project, "name": name});
    let stream = rig.post(&tenant.owner, "/v1/streams", &input);
    assert_eq!((&stream["status"], &stream["live"]), (&json!("idle"), &Value::Null), "{stream}");
    (text(&stream["id"]).to_owned(), text(&stream["stream_key"]["key"]).to_owned())
}

/// Waits until the stream has this status.
#[track_caller]
fn until(rig: &Rig, caller: &Caller, id: &str, status: &str) -> Value {
    wait::until(&format!("{id} to be {status}"), PATIENCE, || {
        let stream = rig.get(caller, &format!("/v1/streams/{id}"));
        wait::check(stream["status"] == status, stream.to_string()).map(|()| stream.clone())
    })
}

/// Waits until the stream's health names this.
#[track_caller]
fn problem(rig: &Rig, caller: &Caller, id: &str, code: &str) -> Value {
    wait::until(&format!("{id} to report {code}"), PATIENCE, || {
        let health = rig.get(caller, &format!("/v1/streams/{id}/health"));
        let found = health["problems"].as_array().unwrap().iter().find(|one| one["code"] == code);
        found.cloned().ok_or_else(|| health.to_string())
    })
}

#[test]
fn a_stream_goes_from_idle_to_live_to_offline_and_says_what_comes_and_who_watches() {
    let _seats = seats::some();
    let mut rig = Rig::start_with(&format!("[ingest]\ngrace_s = 1\n{LOOSE}"));
    let tenant = Tenant::create(&rig, "owner@example.org");
    let (id, key) = create(&rig, &tenant, "Show");
    let stage = rig.pulse.stage();
    let mut encoder = Feed::new().publish("encoder", stage.path(), &rig.pulse.publish_url_with_key(&key));
    let live = until(&rig, &tenant.key, &id, "live");
    assert_eq!(live["status_reason"], Value::Null);
    assert_eq!(live["status_since"], live["live"]["started_at"]);
    let viewer = Viewer::join(&rig.pulse, &id);
    viewer.wait_shown(4.0, PATIENCE);
    let measured = wait::until("rates and a viewer", PATIENCE, || {
        let stream = rig.get(&tenant.key, &format!("/v1/streams/{id}"));
        let live = stream["live"].clone();
        let done = live["viewers"]["hls"].as_u64() > Some(0) && live["bitrate_bps"].as_u64() > Some(0);
        wait::check(done, stream.to_string()).map(|()| live)
    });
    let (video, audio) = (&measured["tracks"][0], &measured["tracks"][1]);
    assert_eq!(
        (&video["codec"], &video["width"], &video["height"]),
        (&json!("h264"), &json!(320), &json!(180))
    );
    assert_eq!(
        (&audio["codec"], &audio["sample_rate_hz"], &audio["channels"]),
        (&json!("aac"), &json!(48_000), &json!(2))
    );
    assert!(video["bitrate_bps"].as_u64() > audio["bitrate_bps"].as_u64(), "{measured}");
    assert!((24.0..26.0).contains(&measured["fps"].as_f64().unwrap()), "{measured}");
    assert_eq!(measured["keyframe_interval_seconds"], 1.0);
    assert!(measured["delivered_bytes"].as_u64() > Some(0), "{measured}");
    let listed = rig.get(&tenant.owner, &format!("/v1/streams?project_id={}", tenant.project));
    let states: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(states, [&json!("live"), &json!("idle")], "the newest first: {listed}");

    let plays = rig.get(&tenant.key, &format!("/v1/streams/{id}/qualities"));
    let variant = &plays["variants"][0];
    let names: Vec<&str> =
        variant["renditions"].as_array().unwrap().iter().map(|one| text(&one["name"])).collect();
    assert_eq!(names, ["video", "audio0"], "{plays}");
    assert_eq!(
        (&variant["renditions"][0]["width"], &variant["renditions"][1]["channels"]),
        (&json!(320), &json!(2))
    );
    assert!(text(&variant["renditions"][0]["codecs"][0]).starts_with("avc1."), "{plays}");
    let playlist = rig.pulse.wait_playable(&id);
    assert!(playlist.contains(text(&variant["renditions"][0]["codecs"][0])), "{playlist}");

    drop(viewer.leave());
    encoder.terminate();
    encoder.wait(PATIENCE);
    let ended = until(&rig, &tenant.key, &id, "offline");
    assert_eq!(ended["live"], Value::Null);
    assert!(text(&ended["status_since"]) > text(&live["status_since"]), "{ended}");
    let gone = rig.get(&tenant.key, &format!("/v1/streams/{id}/qualities"));
    assert_eq!(gone["variants"], json!([]));
    wait::until("the steps to have all that came", PATIENCE, || {
        let stats = rig.get(&tenant.key, &format!("/v1/streams/{id}/stats"));
        let steps = stats["steps"].as_array().unwrap();
        let sum = |name: &str| steps.iter().filter_map(|step| step[name].as_u64()).sum::<u64>();
        assert_eq!(stats["step_seconds"], 10);
        let all = sum("received_bytes") >= measured["received_bytes"].as_u64().unwrap()
            && sum("delivered_bytes") >= measured["delivered_bytes"].as_u64().unwrap();
        wait::check(all, stats.to_string())
    });
    rig.pulse.assert_sound();
}

#[test]
fn an_encoder_that_is_gone_is_an_error_while_it_is_waited_for() {
    let _seats = seats::some();
    let mut rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let (id, key) = create(&rig, &tenant, "Show");
    let url = rig.pulse.publish_url_with_key(&key);
    let mut encoder = Feed::new().publish("encoder", rig.pulse.stage().path(), &url);
    let live = until(&rig, &tenant.key, &id, "live");
    encoder.freeze();
    let silent = until(&rig, &tenant.key, &id, "error");
    assert_eq!(silent["status_reason"], "encoder_silent");
    encoder.thaw();
    until(&rig, &tenant.key, &id, "live");
    encoder.kill();
    let away = until(&rig, &tenant.key, &id, "error");
    assert_eq!(away["status_reason"], "encoder_away");
    assert_eq!(away["live"]["started_at"], live["live"]["started_at"]);
    assert!(text(&away["status_since"]) > text(&live["status_since"]), "{away}");
    let _encoder = Feed::new().publish("encoder-again", rig.pulse.stage().path(), &url);
    let again = until(&rig, &tenant.key, &id, "live");
    assert_eq!(again["status_since"], live["status_since"], "viewers see the same broadcast");
    rig.pulse.assert_sound();
}

#[test]
fn health_names_what_is_wrong_with_the_setting_that_mends_it() {
    let _seats = seats::some();
    let mut rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let (id, key) = create(&rig, &tenant, "Slow key frames");
    let (other, other_key) = create(&rig, &tenant, "No sound");
    let stage = rig.pulse.stage();
    let _long = Feed::new().gop(250).publish("long", stage.path(), &rig.pulse.publish_url_with_key(&key));
    let silent = Feed::new().no_audio().video(x264(25, &["-bf", "2"]));
    let _silent = silent.publish("silent", stage.path(), &rig.pulse.publish_url_with_key(&other_key));

    let gop = problem(&rig, &tenant.key, &id, "gop_too_long");
    assert_eq!((&gop["severity"], &gop["current"]), (&json!("warning"), &json!(true)), "{gop}");
    assert!(text(&gop["mend"]).contains("OBS: Settings, Output, Keyframe Interval: 2 s"), "{gop}");
    let health = rig.get(&tenant.key, &format!("/v1/streams/{id}/health"));
    assert_eq!(health["healthy"], false);
    let codes: Vec<&str> =
        health["problems"].as_array().unwrap().iter().map(|one| text(&one["code"])).collect();
    assert!(!codes.contains(&"gop_long"), "one word for one thing: {codes:?}");

    let order = problem(&rig, &tenant.key, &other, "b_frames");
    assert_eq!(order["severity"], "info");
    let sound = problem(&rig, &tenant.key, &other, "audio_missing");
    assert!(text(&sound["mend"]).contains("anullsrc"), "{sound}");
    let healthy = rig.get(&tenant.key, &format!("/v1/streams/{}/health", tenant.stream));
    assert_eq!(healthy, json!({"healthy": true, "problems": []}), "nobody publishes it");
    rig.pulse.assert_sound();
}
