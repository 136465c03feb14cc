//! Everybody who watches a stream is cut off at once.

use std::time::Duration;

use anyhow::Context as _;

use super::context::Context;
use super::rtmp::publisher;
use super::signed::{PROJECT, invite, start};
use super::table::Row;
use super::tenants::Tenants;
use super::tool::Tool;

/// Viewers over HLS, players over RTMP, players over HTTP-FLV.
type Audience = (&'static str, &'static str, &'static str);

const BLOCKED: Audience = ("5000", "0", "0");
const MIXED: Audience = ("4500", "250", "250");

/// From the API's request to the last viewer's last byte, on a disk.
pub(super) fn revoke(context: &Context) -> anyhow::Result<Vec<Row>> {
    let tenants = Tenants::watched(context)?;
    let stream = {
        let server = start(context, tenants.data())?;
        let invited = invite(context, &server, &tenants, "signed", "1")?;
        invited.get("stream").and_then(|id| id.as_str()).context("no stream")?.to_owned()
    };
    let (key, catalogue) =
        (format!("@{}", tenants.data().join("signed.publish").display()), tenants.catalogue());
    let turns = context.seconds(3, 1);
    let runs = context.alternate("revoke", &[("HLS", BLOCKED), ("mixed", MIXED)], |(hls, rtmp, flv)| {
        let server = start(context, tenants.data())?;
        let _publisher = publisher(context, &key)?;
        std::thread::sleep(Duration::from_secs(3));
        let mut arguments = vec!["revoke", "--server", server.http(), "--rtmp", server.rtmp()];
        arguments.extend(["--catalogue", &catalogue, "--project", PROJECT, "--stream", &stream]);
        arguments.extend(["--hls", hls, "--rtmp-players", rtmp, "--flv-players", flv, "--rounds", &turns]);
        Tool::run(context, &arguments)
    })?;
    let [blocked, mixed] = runs.as_slice() else { anyhow::bail!("two audiences") };
    let row = |what: &str, last| Row::new(what, "≤ 1000 ms").pulse(&last, "ms").at_most(1_000.0, &last);
    Ok(vec![
        row(
            "`tokens/revoke` of a stream's 5,000 LL-HLS viewers: request → the last one's 403",
            blocked.at("/last_ms/max"),
        ),
        row(
            "the same of 4,500, 250 RTMP and 250 HTTP-FLV players: request → last 403 and last byte",
            mixed.at("/last_ms/max"),
        ),
        Row::new("the same: last byte of half the players", "")
            .pulse(&mixed.at("/rtmp_ms/p50"), "ms over RTMP")
            .peer("over HTTP-FLV", &mixed.at("/flv_ms/p50"), "ms"),
    ])
}
