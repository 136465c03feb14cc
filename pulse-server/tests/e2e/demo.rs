//! `pulse-server demo`: one command from nothing to a picture.

use std::time::Duration;

use crate::support::http::Client;
use crate::support::play::Play;
use crate::support::process::{Process, command, succeeded};
use crate::support::server::binary;
use crate::support::stage::Stage;
use crate::support::{ports, seats, wait};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn the_demonstration_writes_where_to_watch_and_plays_there() {
    let _seats = seats::some();
    let stage = Stage::new("demo");
    let mut demo = command(binary());
    demo.args([
        "demo",
        "--data",
        "data",
        "--http",
        &ports::free().to_string(),
        "--rtmp",
        &ports::free().to_string(),
    ]);
    demo.env("PULSE_OPS_LISTEN", "off").current_dir(stage.path());
    let mut demo = Process::start("demo", demo, stage.path());
    let links: serde_json::Value = wait::until("demo.json", PATIENCE, || {
        demo.alive()?;
        let text = std::fs::read_to_string(stage.path().join("data/demo.json"))
            .map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    });
    let link = |name: &str| links[name].as_str().unwrap_or_else(|| panic!("{name} in {links}")).to_owned();
    let id = link("stream_id");
    assert!(id.starts_with("str_"), "{links}");
    assert!(link("rtmp_publish").ends_with(&link("stream_key")), "{links}");
    // The addresses are signed, and are worth nothing without their token.
    for url in [link("hls"), link("flv")] {
        let (bare, token) = url.split_once("?token=").unwrap();
        assert_eq!(token, link("playback_token"));
        assert_eq!(Client::new().get(bare).status, 403, "{bare}");
    }
    let api = |path: &str| format!("{}{path}", link("api"));
    let key = [("x-pulse-key", link("api_key")), ("x-pulse-secret", link("api_secret"))];
    let headers: Vec<_> = key.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let listed = Client::new().try_get_with(&api("/streams"), &headers).unwrap().json();
    assert_eq!(listed["data"][0]["id"], id.as_str());
    let login = serde_json::json!({"email": link("email"), "password": link("password")});
    let login = Client::new().try_post(&api("/auth/login"), &[], &login.to_string()).unwrap();
    assert_eq!(login.status, 200, "{}", login.text());
    let page = Client::new().get(&link("watch"));
    assert_eq!(page.status, 200, "{}", page.text());
    for (name, url) in [("rtmp", link("rtmp_play")), ("flv", link("flv")), ("hls", link("hls"))] {
        let played = Play::new(url, 3).run(name, &stage);
        played.assert_clean(name, 2.8);
        played.assert_video(name, "h264");
        played.assert_stream(name, "Audio", "aac", 1);
    }
    demo.terminate();
    succeeded(demo.wait(PATIENCE))
        .unwrap_or_else(|how| panic!("the demonstration: {how}\n{}", demo.errors()));
}
