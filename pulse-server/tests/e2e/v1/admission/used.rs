//! What streams use arrives in the usage as it was counted outside, and outlives a kill.

use std::time::{Duration, Instant};

use serde_json::json;

use super::studio::{Studio, quick};
use crate::support::http::Client;
use crate::support::{seats, wait};
use crate::v1::rig::{Rig, text};

/// Counts are taken and written down every 5 s: what a kill may lose, and what a busy machine takes besides.
const CHECKPOINT: Duration = Duration::from_secs(5 + 5);

/// All that was counted is written down within this.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long a viewer watches who is to be counted.
const WATCHED: Duration = Duration::from_secs(8);

/// What was used of a metric so far.
#[track_caller]
fn used(rig: &Rig, studio: &Studio, metric: &str) -> u64 {
    let usage = rig.get(&studio.tenant.key, "/v1/usage");
    let rows = usage["days"].as_array().unwrap();
    rows.iter().filter(|row| row["metric"] == metric).map(|row| row["value"].as_u64().unwrap()).sum()
}

/// A viewer who counts the bytes that it gets, heads apart, and when.
struct Counter {
    client: Client,
    bytes: u64,
    taken: Vec<(Instant, u64)>,
}

impl Counter {
    fn get(&mut self, url: &str) -> Result<String, String> {
        let answer = self.client.try_get(url)?;
        // What is refused is not media.
        wait::check(answer.status == 200, format!("{url}: {} {}", answer.status, answer.text()))?;
        self.bytes += answer.body.len() as u64;
        self.taken.push((Instant::now(), self.bytes));
        Ok(answer.text())
    }

    /// Watches with this token for a while.
    #[track_caller]
    fn watch(&mut self, rig: &Rig, studio: &Studio, token: &str, duration: Duration) {
        let multivariant = format!("{}?token={token}", rig.pulse.hls_url(&studio.id));
        let opened = wait::until("the stream to be playable", PATIENCE, || self.get(&multivariant));
        let child = opened.lines().find(|line| line.ends_with("video/index.m3u8")).unwrap();
        let playlist = rig.pulse.url(&format!("/hls/{}/{child}", studio.id));
        let folder = playlist.trim_end_matches("index.m3u8");
        let began = Instant::now();
        wait::until("the end of the show", duration + PATIENCE, || {
            let media = self.get(&playlist)?;
            if let Some(segment) =
                media.lines().rfind(|line| line.ends_with(".m4s") && !line.starts_with('#'))
            {
                self.get(&format!("{folder}{segment}"))?;
            }
            wait::check(began.elapsed() >= duration, "it goes on")
        });
    }

    /// What it had by a moment.
    fn by(&self, moment: Instant) -> u64 {
        self.taken.iter().rfind(|(at, _)| *at <= moment).map_or(0, |(_, bytes)| *bytes)
    }

    /// Waits until the usage says what was counted here, to the byte.
    #[track_caller]
    fn agrees(&self, rig: &Rig, studio: &Studio, besides: u64) {
        wait::until("the counts to agree", PATIENCE, || {
            let (delivered, own) = (used(rig, studio, "delivered_bytes"), self.bytes + besides);
            wait::check(delivered == own, format!("{delivered} in the usage, {own} counted here"))
        });
    }
}

#[test]
fn what_is_used_is_what_was_counted_outside_and_a_kill_takes_no_more_than_a_checkpoint_and_a_stop_nothing() {
    let _seats = seats::some();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let encoder = studio.publish(&rig);
    let live_since = Instant::now();
    let token = text(&studio.token(&rig, &json!({"viewer_id": "v1"}))["token"]).to_owned();
    let mut viewer = Counter { client: Client::new(), bytes: 0, taken: Vec::new() };
    viewer.watch(&rig, &studio, &token, WATCHED);
    viewer.agrees(&rig, &studio, 0);
    let (streamed, watched) =
        (used(&rig, &studio, "streaming_seconds"), used(&rig, &studio, "viewer_seconds"));
    let live = rig.pulse.live_stream(&studio.id).unwrap();
    assert!(used(&rig, &studio, "received_bytes") > 0);
    assert!(streamed as f64 <= live.uptime_seconds, "{streamed} s of {}", live.uptime_seconds);
    assert!(live_since.elapsed().as_secs() <= streamed + CHECKPOINT.as_secs(), "{streamed} s");
    assert!((1..=streamed).contains(&watched), "one viewer for {watched} of {streamed} s");

    viewer.watch(&rig, &studio, &token, CHECKPOINT + WATCHED);
    rig.pulse.kill();
    let (sure, most) = (viewer.by(Instant::now() - CHECKPOINT), viewer.bytes);
    drop(encoder);
    rig.pulse.start_again();
    let left = used(&rig, &studio, "delivered_bytes");
    println!("{left} of {most} bytes outlived the kill; {sure} were older than a checkpoint");
    assert!((sure..=most).contains(&left), "{left} of {most} are there, at least {sure} should be");

    // From there it goes on, and nothing that was written down counts again.
    let _encoder = studio.publish(&rig);
    let mut viewer = Counter { client: Client::new(), bytes: 0, taken: Vec::new() };
    viewer.watch(&rig, &studio, &token, WATCHED);
    viewer.agrees(&rig, &studio, left);

    // A stop in good order loses nothing of it.
    viewer.watch(&rig, &studio, &token, Duration::ZERO);
    rig.pulse.stop();
    rig.pulse.start_again();
    assert_eq!(used(&rig, &studio, "delivered_bytes"), left + viewer.bytes);
}
