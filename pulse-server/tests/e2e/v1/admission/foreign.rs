//! What one stream's token or session opens of another: nothing, at any kind of address.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::studio::{Studio, publish, quick, stream};
use crate::support::http::Client;
use crate::support::{play, seats, wait};
use crate::v1::rig::{Rig, text};

/// A stream's playlists get all kinds of lines well within this.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every address below a session: of playlists, init segments, segments, parts and what is hinted at.
struct Offer {
    session: String,
    files: BTreeSet<String>,
}

impl Offer {
    /// What a stream offers to who has this token, as soon as there is one of each kind.
    #[track_caller]
    fn of(rig: &Rig, id: &str, token: &str) -> Self {
        wait::until("an address of each kind", PATIENCE, || {
            let opened = rig.pulse.get(&format!("/hls/{id}/index.m3u8?token={token}")).text();
            let playlists: BTreeSet<_> =
                addresses(&opened).filter_map(|child| child.split_once('/')).collect();
            let (session, _) = playlists.first().ok_or(opened.clone())?;
            let mut files = BTreeSet::new();
            for (_, playlist) in &playlists {
                let folder = playlist.trim_end_matches("index.m3u8");
                files.insert((*playlist).to_owned());
                let media = rig.pulse.get(&format!("/hls/{id}/{session}/{playlist}")).text();
                for tag in ["#EXT-X-MAP:", "#EXTINF:", "#EXT-X-PART:", "#EXT-X-PRELOAD-HINT:"] {
                    wait::check(media.contains(tag), format!("no {tag} in {media}"))?;
                }
                files.extend(addresses(&media).map(|file| format!("{folder}{file}")));
            }
            // Of two tracks a playlist, an init segment, a segment and some parts.
            wait::check(playlists.len() == 2 && files.len() >= 10, format!("{files:?}"))?;
            Ok::<_, String>(Self { session: (*session).to_owned(), files })
        })
    }
}

/// The addresses that a playlist names, tags' attributes included; those of other renditions' reports aside.
fn addresses(playlist: &str) -> impl Iterator<Item = &str> {
    playlist.lines().filter_map(|line| match line.split_once("URI=\"") {
        Some(_) if line.starts_with("#EXT-X-RENDITION-REPORT") => None,
        Some((_, rest)) => rest.split('"').next(),
        None => Some(line).filter(|line| !line.is_empty() && !line.starts_with('#')),
    })
}

/// 403 with a code, of an answer that pages may read, whatever the method.
#[track_caller]
fn assert_refused(rig: &Rig, client: &Client, path: &str) {
    let url = rig.pulse.url(path);
    for method in ["GET", "HEAD"] {
        let answer = client.ask(method, &url, &[("range", "bytes=0-9"), ("origin", "https://evil.example")]);
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{method} {path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
        assert!(method == "HEAD" || answer.problem_code() == "access_denied", "{path}: {}", answer.text());
    }
}

/// The text with another character at this place.
fn changed(text: &str, at: usize) -> String {
    let other = if text[at..].starts_with('A') { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

#[test]
fn a_token_and_a_session_open_nothing_of_another_stream_at_any_address() {
    let _seats = seats::some();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    // A sibling of the same project, whose tokens the same key signs.
    let (other, other_key) = stream(&rig, &studio.tenant, "Other", "signed");
    let _encoder = studio.publish(&rig);
    let _other = publish(&rig, "other", &other_key);
    let token = text(&studio.token(&rig, &json!({"viewer_id": "v1"}))["token"]).to_owned();
    let others = rig.post(&studio.tenant.key, &format!("/v1/streams/{other}/tokens"), &json!({}));
    let (own, theirs) =
        (Offer::of(&rig, &studio.id, &token), Offer::of(&rig, &other, text(&others["token"])));
    let client = Client::new();
    for file in &theirs.files {
        assert_refused(&rig, &client, &format!("/hls/{other}/{}/{file}", own.session));
        assert_refused(&rig, &client, &format!("/hls/{other}/{token}/{file}"));
        assert_refused(&rig, &client, &format!("/hls/{other}/-/{file}"));
    }
    // What would wait, or be told that there is no such thing, is refused before.
    for file in
        ["video/index.m3u8?_HLS_msn=9999", "video/index.m3u8?_HLS_part=1", "video/nothing.m4s", "none"]
    {
        assert_refused(&rig, &client, &format!("/hls/{other}/{}/{file}", own.session));
    }
    assert_refused(&rig, &client, &format!("/hls/{other}/index.m3u8?token={token}"));
    assert_refused(&rig, &client, &format!("/hls/{other}/index.m3u8?token={}", own.session));
    assert_refused(&rig, &client, &format!("/flv/{other}.flv?token={token}"));
    assert_refused(&rig, &client, &format!("/flv/{other}.flv?token={}", own.session));
    let rtmp = format!("{}?token={token}", rig.pulse.rtmp_url(&other));
    let (log, _) = play::refused(rig.pulse.stage(), "rtmp-of-another", &rtmp, Duration::from_secs(20));
    assert!(!log.contains("Stream #0"), "{log}");

    // A session with one character changed opens nothing of its own stream either.
    for file in &own.files {
        for at in [0, 3, own.session.len() / 2, own.session.len() - 1] {
            assert_refused(
                &rig,
                &client,
                &format!("/hls/{}/{}/{file}", studio.id, changed(&own.session, at)),
            );
        }
    }
    let playlist = own.files.first().unwrap();
    for at in 0..own.session.len() {
        assert_refused(
            &rig,
            &client,
            &format!("/hls/{}/{}/{playlist}", studio.id, changed(&own.session, at)),
        );
    }
    for path in [
        format!("/hls/{}/{}/{playlist}", studio.id, own.session),
        format!("/hls/{}/{}/{playlist}", other, theirs.session),
    ] {
        assert_eq!(rig.pulse.get(&path).status, 200, "and the right one still does");
    }
    rig.pulse.assert_sound();
}
