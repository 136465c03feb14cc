//! Playing with tokens: HLS, RTMP and FLV; what a token does not open, and what ends who plays.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::studio::{AT_ONCE, Studio, assert_becomes, limit, publish, quick, stream};
use crate::support::http::Client;
use crate::support::play::{self, Play};
use crate::support::{seats, wait};
use crate::v1::rig::{LOOSE, Rig, text};

#[track_caller]
fn assert_denied(rig: &Rig, path: &str, status: u16) {
    let answer = rig.pulse.get(path);
    assert_eq!(answer.status, status, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("access-control-allow-origin"), "*", "a page learns why");
}

#[test]
fn a_token_opens_its_stream_over_hls_rtmp_and_flv_and_nothing_else() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let (other, other_key) = stream(&rig, &studio.tenant, "Other", "signed");
    let _encoder = studio.publish(&rig);
    let _other = publish(&rig, "other", &other_key);
    rig.pulse.wait_live(&other);
    let token = text(&studio.token(&rig, &json!({"viewer_id": "v1"}))["token"]).to_owned();
    let playlist = studio.session(&rig, &token);
    let client = Client::new();
    let media = client.get(&playlist);
    assert_eq!(media.status, 200, "{}", media.text());

    // Without a token, with one of another stream, with one that was changed.
    let id = &studio.id;
    // One character of the signature is another.
    let (head, tail) = token.split_at(token.len() - 10);
    let other_character = if tail.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{head}{other_character}{}", &tail[1..]);
    for path in [
        format!("/hls/{id}/index.m3u8"),
        format!("/hls/{other}/index.m3u8?token={token}"),
        format!("/hls/{id}/index.m3u8?token={forged}"),
        format!("/hls/{id}/-/video/index.m3u8"),
        format!("/flv/{id}.flv"),
        format!("/flv/{other}.flv?token={token}"),
    ] {
        assert_denied(&rig, &path, 403);
    }
    // A session of one stream opens nothing of another: no playlist, no init segment, no part.
    let session = playlist.split('/').nth(5).unwrap();
    let text_of = media.text();
    let map = text_of.split("#EXT-X-MAP:URI=\"").nth(1).unwrap().split('"').next().unwrap();
    for file in ["index.m3u8", map, "l1-p1.m4s"] {
        assert_denied(&rig, &format!("/hls/{other}/{session}/video/{file}"), 403);
    }
    for at in [0, 1, 40, session.len() - 1] {
        let mut changed = session.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_denied(&rig, &format!("/hls/{id}/{changed}/video/index.m3u8"), 403);
    }

    let rtmp = format!("{}?token={token}", rig.pulse.rtmp_url(id));
    Play::new(rtmp, 2).run("rtmp", rig.pulse.stage()).assert_clean("RTMP with a token", 1.5);
    let flv = format!("{}?token={token}", rig.pulse.flv_url(id));
    Play::new(flv, 2).run("flv", rig.pulse.stage()).assert_clean("FLV with a token", 1.5);
    play::refused(rig.pulse.stage(), "rtmp-none", &rig.pulse.rtmp_url(id), Duration::from_secs(20));
}

#[test]
fn a_token_is_for_its_network_its_site_and_its_renditions() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let _encoder = studio.publish(&rig);
    let any = text(&studio.token(&rig, &json!({}))["token"]).to_owned();
    studio.session(&rig, &any);
    let path = |input: Value| {
        let token = text(&studio.token(&rig, &input)["token"]).to_owned();
        format!("/hls/{}/index.m3u8?token={token}", studio.id)
    };
    assert_denied(&rig, &path(json!({"ip": "203.0.113.0/24"})), 403);
    assert_eq!(rig.pulse.get(&path(json!({"ip": "127.0.0.0/8"}))).status, 200);
    let site = path(json!({"referrer": "https://example.com"}));
    assert_denied(&rig, &site, 403);
    let from = |referrer| {
        Client::new().try_get_with(&rig.pulse.url(&site), &[("referer", referrer)]).unwrap().status
    };
    assert_eq!((from("https://example.com/live"), from("https://example.com.evil.net/")), (200, 403));

    let opened = rig.pulse.get(&path(json!({"renditions": ["audio0"]}))).text();
    assert!(opened.contains("audio0/index.m3u8") && !opened.contains("video"), "{opened}");
    let audio = opened.lines().find(|line| line.ends_with("audio0/index.m3u8")).unwrap();
    let url = |path: &str| format!("/hls/{}/{path}", studio.id);
    assert_eq!(rig.pulse.get(&url(audio)).status, 200);
    assert_eq!(rig.pulse.get(&url(&audio.replace("audio0", "video"))).status, 404);
}

#[test]
fn a_revoked_signing_key_ends_sessions_that_wait_and_players() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let _encoder = studio.publish(&rig);
    let token = text(&studio.token(&rig, &json!({"viewer_id": "v1"}))["token"]).to_owned();
    let playlist = studio.session(&rig, &token);
    let rtmp = format!("{}?token={token}", rig.pulse.rtmp_url(&studio.id));
    let mut player = Play::new(rtmp, 60).start("player", rig.pulse.stage());
    wait::until("the player", Duration::from_secs(20), || {
        let live = rig.pulse.live_stream(&studio.id).ok_or("not live")?;
        wait::check(live.viewers.rtmp == 1, format!("{:?}", live.viewers))
    });
    // One who waits for a segment that comes in seconds.
    let last: u64 = Client::new()
        .get(&playlist)
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:").map(|number| number.parse().unwrap()))
        .unwrap();
    let segments = Client::new().get(&playlist).text().matches("#EXTINF").count() as u64;
    let waiting = format!("{playlist}?_HLS_msn={}", last + segments + 1);
    let blocked = thread::spawn(move || {
        let started = Instant::now();
        (Client::new().get(&waiting).status, started.elapsed())
    });
    let path = format!("/v1/projects/{}/signing-keys/{}", studio.tenant.project, studio.tenant.signing_key);
    thread::sleep(Duration::from_millis(200));
    rig.done(&studio.tenant.owner, "DELETE", &path, &Value::Null, 204);
    assert_becomes(&Client::new(), &playlist, 403);
    let (status, after) = blocked.join().unwrap();
    assert_eq!(status, 403, "who waited {after:?} is told");
    wait::until("the player's end", AT_ONCE, || player.process().exited().ok_or("it plays on"));
    assert_eq!(studio.open_playlist(&rig, &token).status, 403);
}

#[test]
fn a_stream_that_becomes_signed_keeps_nobody_who_came_without_a_token() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    rig.done(&studio.tenant.owner, "PATCH", &studio.path(""), &json!({"playback_policy": "public"}), 200);
    let _encoder = studio.publish(&rig);
    let playlist = studio.session(&rig, "");
    assert_eq!(Client::new().get(&playlist).status, 200);
    rig.done(&studio.tenant.owner, "PATCH", &studio.path(""), &json!({"playback_policy": "signed"}), 200);
    assert_becomes(&Client::new(), &playlist, 403);
}

#[test]
fn a_plan_of_three_viewers_lets_in_exactly_three_and_a_place_is_free_again() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let operator = rig.operator("op@example.org");
    limit(&rig, &operator, &studio.tenant, "three", &json!({"concurrent_viewers": 3}));
    let _encoder = studio.publish(&rig);
    let client = Client::new();
    let watch = |viewer: &str| {
        let input = json!({"viewer_id": viewer});
        let token = text(&studio.token(&rig, &input)["token"]).to_owned();
        studio.session(&rig, &token)
    };
    let sessions: Vec<_> = (0..5).map(|n| watch(&format!("v{n}"))).collect();
    let again = watch("v0");
    let statuses: Vec<_> = sessions.iter().map(|url| client.get(url).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let full = sessions[4].replace(&rig.pulse.url(""), "");
    assert_denied(&rig, &full, 429);
    let answer = client.get(&sessions[4]);
    assert_eq!((answer.problem_code().as_str(), answer.header("retry-after")), ("limit_reached", "5"));
    assert_eq!(client.get(&again).status, 200, "the same viewer once more");
    // Two go on; the others are gone three target durations later, and those who wait come in.
    let stay = [&sessions[0], &sessions[1]];
    wait::until("a place", Duration::from_secs(30), || {
        assert_eq!(stay.map(|url| client.get(url).status), [200, 200]);
        let status = client.get(&sessions[3]).status;
        wait::check(status == 200, status.to_string())
    });
    assert_eq!(client.get(&sessions[4]).status, 429);
}

#[test]
fn a_session_outlives_a_restart_and_what_was_revoked_does_not_come_back_with_it() {
    let _seats = seats::some();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let encoder = studio.publish(&rig);
    let signed = text(&studio.token(&rig, &json!({"viewer_id": "v1"}))["token"]).to_owned();
    let playlist = studio.session(&rig, &signed);
    let client = Client::new();
    assert_eq!(client.get(&playlist).status, 200);
    drop(encoder);
    rig.pulse.kill();
    rig.pulse.start_again();
    let _encoder = studio.publish(&rig);
    wait::until("the session to go on", Duration::from_secs(20), || {
        let answer = client.try_get(&playlist)?;
        wait::check(answer.status == 200, format!("{}: {}", answer.status, answer.text()))
    });
    rig.pulse.kill();
    rig.pulse.start_again();
    let path = format!("/v1/projects/{}/signing-keys/{}", studio.tenant.project, studio.tenant.signing_key);
    rig.done(&studio.tenant.owner, "DELETE", &path, &Value::Null, 204);
    let answer = client.get(&playlist);
    assert_eq!(
        (answer.status, answer.problem_code().as_str()),
        (403, "session_revoked"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_session_that_was_revoked_is_so_after_a_kill_too_and_what_was_never_good_is_told_nothing() {
    let _seats = seats::some();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let mint = |input: &Value| {
        let minted = studio.token(&rig, input);
        (text(&minted["token"]).to_owned(), text(&minted["token_id"]).to_owned())
    };
    let encoder = studio.publish(&rig);
    let tokens = ["all", "gone", "jti"].map(|viewer| mint(&json!({"viewer_id": viewer})));
    let sessions = tokens.each_ref().map(|(token, _)| studio.session(&rig, token));
    let client = Client::new();
    assert_eq!(sessions.each_ref().map(|url| client.get(url).status), [200; 3]);
    let revoke = |rig: &Rig, what: &Value| {
        rig.done(&studio.tenant.owner, "POST", &studio.path("/tokens/revoke"), what, 204);
    };
    revoke(&rig, &json!({"viewer_id": "gone"}));
    revoke(&rig, &json!({"jti": tokens[2].1}));
    drop(encoder);
    rig.pulse.kill();
    rig.pulse.start_again();
    let _encoder = studio.publish(&rig);
    let code = |url: &str| {
        let answer = client.get(url);
        (answer.status, answer.problem_code())
    };
    let revoked = (403, "session_revoked".to_owned());
    assert_eq!([code(&sessions[1]), code(&sessions[2])], [revoked.clone(), revoked.clone()]);
    wait::until("the session that nobody revoked", Duration::from_secs(20), || {
        let answer = client.try_get(&sessions[0])?;
        wait::check(answer.status == 200, format!("{}: {}", answer.status, answer.text()))
    });
    revoke(&rig, &json!({"all": true}));
    rig.pulse.kill();
    rig.pulse.start_again();
    assert_eq!(code(&sessions[0]), revoked, "of an earlier epoch");
    // A handle with one other character, and the token itself.
    let (head, tail) = sessions[0].split_at(sessions[0].find("/hls/").unwrap() + 60);
    let changed = if tail.starts_with('A') { 'B' } else { 'A' };
    let denied = (403, "access_denied".to_owned());
    assert_eq!(code(&format!("{head}{changed}{}", &tail[1..])), denied);
    let url = rig.pulse.url(&format!("/hls/{}/index.m3u8?token={}", studio.id, tokens[0].0));
    assert_eq!(code(&url), denied);
}

#[test]
fn one_address_that_opens_ten_thousand_sessions_fills_neither_a_plan_nor_the_memory() {
    const LOOP: usize = 10_000;
    /// `limits.sessions_per_address`, as it comes.
    const OPENED: usize = 3_000;
    let _seats = seats::all();
    // What `LOOSE` begins is `[api]`.
    let rig = Rig::start_with(&format!("{LOOSE}\ntrusted_proxies = [\"127.0.0.1\"]"));
    let studio = Studio::open(&rig, "a@example.org");
    let operator = rig.operator("op@example.org");
    limit(&rig, &operator, &studio.tenant, "sixty", &json!({"concurrent_viewers": 60}));
    rig.done(&studio.tenant.owner, "PATCH", &studio.path(""), &json!({"playback_policy": "public"}), 200);
    let _encoder = studio.publish(&rig);
    studio.session(&rig, "");
    let client = Client::new();
    let url = rig.pulse.url(&format!("/hls/{}/index.m3u8", studio.id));
    // A session, and its first media: 200 twice, or what refused it.
    let watch = |address: &str| {
        let headers = [("x-forwarded-for", address)];
        let opened = client.try_get_with(&url, &headers).unwrap();
        let text = opened.text();
        let Some(child) = text.lines().find(|line| line.ends_with("video/index.m3u8")) else {
            return (opened.status, 0);
        };
        let child = rig.pulse.url(&format!("/hls/{}/{child}", studio.id));
        (opened.status, client.try_get_with(&child, &headers).unwrap().status)
    };
    let (before, began) = (rig.pulse.process().resident_bytes(), Instant::now());
    let loop_of_one: Vec<_> = (0..LOOP).map(|_| watch("203.0.113.7")).collect();
    let (grown, took) = (rig.pulse.process().resident_bytes().saturating_sub(before), began.elapsed());
    let count = |wanted: &dyn Fn(&(u16, u16)) -> bool| loop_of_one.iter().filter(|got| wanted(got)).count();
    let opened = count(&|(opened, _)| *opened == 200);
    // What comes back to it meanwhile is fifty a second.
    let most = OPENED + 50 * (took.as_secs() as usize + 2);
    assert!((OPENED..most).contains(&opened), "{opened} sessions in {took:?}");
    assert_eq!(opened + count(&|(opened, _)| *opened == 429), LOOP, "the others are told so");
    assert!(count(&|(_, media)| *media == 200) >= 50, "it has some places");
    assert_eq!(watch("198.51.100.1"), (200, 200), "others have theirs");
    let viewers = rig.pulse.live_stream(&studio.id).unwrap().viewers;
    println!("{LOOP} in {took:?}: {opened} sessions, {viewers:?}, {grown} bytes more");
    assert!(viewers.hls <= 60, "no more than the plan allows: {viewers:?}");
    assert!(grown < 32 << 20, "{grown} bytes more");
}
