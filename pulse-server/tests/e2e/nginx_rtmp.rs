//! nginx-rtmp as a neighbour: it pushes into the server, and pulls from it.

use std::time::Duration;

use crate::support::feed::Feed;
use crate::support::nginx::Nginx;
use crate::support::play::Play;
use crate::support::seats;
use crate::support::server::{Setup, key_of};
use crate::support::stage::Stage;
use crate::support::viewer::{self, Viewer};

const ID: &str = "relayed";

#[test]
fn nginx_rtmp_pushes_into_the_server() {
    let _seats = seats::some();
    let mut pulse = Setup::new().stream(ID).start();
    let stage = Stage::new("nginx");
    let nginx = Nginx::start(&stage, &format!("push rtmp://{}/live/{};", pulse.rtmp_address(), key_of(ID)));
    let _encoder = Feed::new().publish("encoder", stage.path(), &nginx.url("in"));
    pulse.wait_live(ID);
    pulse.wait_playable(ID);
    let viewer = Viewer::join(&pulse, ID);
    viewer.wait_shown(4.0, Duration::from_secs(20));
    for (follow, playback) in viewer.leave() {
        viewer::assert_smooth("viewer", follow, &playback);
        viewer::assert_decodes(&stage, "viewer", follow, &playback);
    }
    pulse.assert_sound();
}

#[test]
fn nginx_rtmp_pulls_from_the_server() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).start();
    let stage = Stage::new("nginx");
    let nginx = Nginx::start(&stage, &format!("pull rtmp://{}/play/{ID} name=copy;", pulse.rtmp_address()));
    let _encoder = Feed::new().publish("encoder", stage.path(), &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let played = Play::new(nginx.url("copy"), 4).run("player", &stage);
    assert!(!nginx.log().contains("[error]"), "{}", nginx.log());
    played.assert_clean("through nginx", 3.8);
    played.assert_video("through nginx", "h264");
    played.assert_stream("through nginx", "Audio", "aac", 1);
}
