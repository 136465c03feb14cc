//! Which pages may read a tenant's media, as its project's settings say.

use std::time::Duration;

use serde_json::json;

use super::rig::{Caller, Rig, Tenant, text};
use crate::support::feed::Feed;
use crate::support::seats;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(10);

/// The origin that may read the answer, by its headers, and whether caches are told that it depends.
fn readable(rig: &Rig, method: &str, path: &str, origin: &str) -> (String, bool) {
    let answer = rig.ask(&Caller::nobody().with("origin", origin), method, path, &json!(null));
    let vary = answer.header("vary").to_ascii_lowercase().contains("origin");
    (answer.header("access-control-allow-origin").to_owned(), vary)
}

#[test]
fn pages_of_the_origins_that_a_project_names_read_its_media_and_others_do_not() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "sam@example.org");
    let stream = rig.post(&tenant.key, "/v1/streams", &json!({"name": "Open air"}));
    let (id, key) = (text(&stream["id"]), text(&stream["stream_key"]["key"]));
    let url = rig.pulse.publish_url_with_key(key);
    let _encoder = Feed::new().publish("encoder", rig.pulse.stage().path(), &url);
    rig.pulse.wait_playable(id);
    let playlist = format!("/hls/{id}/index.m3u8");
    let any = ("*".to_owned(), false);
    assert_eq!(readable(&rig, "HEAD", &playlist, "https://evil.example"), any, "no origin is named");

    let settings = format!("/v1/projects/{}/settings", tenant.project);
    rig.done(&tenant.owner, "PUT", &settings, &json!({"allowed_origins": ["https://show.example"]}), 200);
    let none = (String::new(), true);
    wait::until("the settings to be known", PATIENCE, || {
        let now = readable(&rig, "HEAD", &playlist, "https://evil.example");
        wait::check(now == none, format!("{now:?}"))
    });
    let own = ("https://show.example".to_owned(), true);
    let flv = format!("/flv/{id}.flv");
    for path in [&playlist, &format!("/hls/{id}/-/video/index.m3u8"), &format!("/hls/{id}/-/nothing"), &flv] {
        for method in ["HEAD", "OPTIONS"] {
            assert_eq!(readable(&rig, method, path, "https://show.example"), own, "{method} {path}");
            assert_eq!(readable(&rig, method, path, "https://evil.example"), none, "{method} {path}");
        }
    }
    // Of a stream that is not here there is nothing to read.
    let elsewhere = format!("/hls/{}/index.m3u8", tenant.stream);
    assert_eq!(readable(&rig, "HEAD", &elsewhere, "https://evil.example"), any);
}
