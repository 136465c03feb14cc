//! SIGHUP: a removed key drops its publisher, a bad file changes nothing.

use std::time::Duration;

use crate::support::feed::Feed;
use crate::support::server::Setup;
use crate::support::{seats, wait};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_removed_key_drops_its_publisher_and_a_bad_file_keeps_the_old_configuration() {
    let _seats = seats::some();
    let mut pulse = Setup::new().stream("stays").stream("goes").start();
    let folder = pulse.stage().path().to_owned();
    let mut stays = Feed::new().no_audio().publish("stays", &folder, &pulse.publish_url("stays"));
    let mut goes = Feed::new().no_audio().publish("goes", &folder, &pulse.publish_url("goes"));
    pulse.wait_live("stays");
    pulse.wait_live("goes");

    pulse.spoil_config();
    pulse.reload();
    wait::until("the bad file to be reported", PATIENCE, || {
        let log = pulse.log();
        wait::check(log.contains("hls.part_ms"), log)
    });
    wait::holds_for("both publishers", Duration::from_secs(1), || stays.alive().and(goes.alive()));

    pulse.remove_stream("goes");
    pulse.reload();
    assert!(!goes.wait(PATIENCE).success(), "the removed key's publisher was not dropped");
    wait::holds_for("the other publisher", Duration::from_secs(1), || stays.alive());
    let mut again = Feed::new().no_audio().publish("goes-again", &folder, &pulse.publish_url("goes"));
    assert!(!again.wait(PATIENCE).success(), "the removed key was accepted");
    pulse.assert_sound();
}
