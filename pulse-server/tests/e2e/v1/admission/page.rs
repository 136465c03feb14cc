//! Signed streams and full ones on the player page, in Chromium.

use std::time::Duration;

use serde_json::json;

use super::studio::{Studio, limit, quick};
use crate::support::http::Client;
use crate::support::page::Page;
use crate::support::{seats, wait};
use crate::v1::rig::text;

/// A second, and the five by which clocks may differ.
const TOKEN_ENDS: Duration = Duration::from_secs(20);

#[test]
fn a_signed_stream_plays_in_the_page_with_a_token_and_ends_when_that_does_or_is_revoked() {
    let _seats = seats::all();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let _encoder = studio.publish(&rig);
    let [first, second, ended] =
        [json!({"viewer_id": "v1"}), json!({"viewer_id": "v2"}), json!({"valid_seconds": 1})]
            .map(|input| studio.token(&rig, &input));
    let url = format!("{}?token={}", rig.pulse.hls_url(&studio.id), text(&ended["token"]));
    wait::until("the token's end", TOKEN_ENDS, || {
        let status = Client::new().ask("HEAD", &url, &[]).status;
        wait::check(status == 403, status.to_string())
    });
    // Long enough for a browser to start and to open it.
    let short = studio.token(&rig, &json!({"viewer_id": "v3", "valid_seconds": 30}));
    let tokens = [
        ("PULSE_SHORT_TOKEN", text(&short["token"])),
        ("PULSE_TOKEN", text(&first["token"])),
        ("PULSE_OTHER_TOKEN", text(&second["token"])),
        ("PULSE_ENDED_TOKEN", text(&ended["token"])),
    ];
    let mut page = Page::start(&rig.pulse, &studio.id, "signed.test.mjs", &tokens);
    let revoke = |what| rig.done(&studio.tenant.key, "POST", &studio.path("/tokens/revoke"), &what, 204);
    page.wait_event("revoke-token");
    revoke(json!({"jti": first["token_id"]}));
    page.wait_event("revoke-viewer");
    revoke(json!({"viewer_id": "v2"}));
    page.assert_passes();
    rig.pulse.assert_sound();
}

#[test]
fn a_plan_of_three_viewers_lets_in_three_browsers_and_the_fourth_when_one_has_gone() {
    let _seats = seats::all();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let operator = rig.operator("op@example.org");
    limit(&rig, &operator, &studio.tenant, "three", &json!({"concurrent_viewers": 3}));
    let _encoder = studio.publish(&rig);
    let tokens: Vec<_> = (0..4)
        .map(|n| text(&studio.token(&rig, &json!({"viewer_id": format!("v{n}")}))["token"]).to_owned())
        .collect();
    let page = Page::start(&rig.pulse, &studio.id, "places.test.mjs", &[("PULSE_TOKENS", &tokens.join(" "))]);
    page.assert_passes();
    rig.pulse.assert_sound();
}
