//! Answers from memory, against nginx's static files of the same bytes.

use anyhow::Context as _;
use serde_json::Value;

use super::context::{Context, number};
use super::rtmp::publisher;
use super::server::{Server, Subject, document_root};
use super::table::Row;
use super::tool::Tool;
use crate::http::client::{Body, Client, split_url};
use crate::http::playlist::{renditions, resolve};

/// Segments of one GOP: 500 KB.
const PULSE: Subject<'_> = Subject::Pulse("[hls]\ntarget_duration_s = 2");

/// What is asked for.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Segment,
    Playlist,
}

/// Segments and playlists.
pub(super) fn get(context: &Context) -> anyhow::Result<Vec<Row>> {
    let nginx = Subject::Nginx { hls: false };
    let subjects = [
        ("pulse, segments", (PULSE, What::Segment)),
        ("nginx, segments", (nginx, What::Segment)),
        ("pulse, playlists", (PULSE, What::Playlist)),
        ("nginx, playlists", (nginx, What::Playlist)),
    ];
    save_files(context)?;
    let runs = context.alternate("get", &subjects, |(subject, what)| once(context, subject, what))?;
    let [pulse, nginx, pulse_playlists, nginx_playlists] = runs.as_slice() else {
        anyhow::bail!("four subjects")
    };
    let per_request = |run: &Value| Some(number(run, "server_cpu_s")? * 1e6 / number(run, "requests")?);
    let (cpu, peer) = (pulse.cpu_per_gbit(), nginx.cpu_per_gbit());
    let (request, peers) = (pulse_playlists.each(per_request), nginx_playlists.each(per_request));
    Ok(vec![
        Row::new("HTTP/1.1 from memory: 500 KB segments", "≤ 2.5 × nginx static")
            .pulse(&cpu, "CPU-s/Gbit")
            .peer("nginx", &peer, "CPU-s/Gbit")
            .at_most_times(2.5, &cpu, &peer),
        Row::new("HTTP/1.1 from memory: playlists", "≤ 1.2 × nginx static")
            .pulse(&request, "CPU-µs per request")
            .peer("nginx", &peers, "CPU-µs per request")
            .at_most_times(1.2, &request, &peers),
    ])
}

fn once(context: &Context, subject: Subject<'_>, what: What) -> anyhow::Result<Value> {
    let server = subject.start(context)?;
    let _publisher;
    let url = if matches!(subject, Subject::Nginx { .. }) {
        let name = if what == What::Segment { "segment.m4s" } else { "playlist.m3u8" };
        format!("http://{}/{name}", server.http())
    } else {
        _publisher = publisher(context, &server.publish_url("bench"))?;
        std::thread::sleep(std::time::Duration::from_secs(8));
        newest(&server, what)?.0
    };
    let window = context.seconds(6, 4);
    let rate = if what == What::Segment { "600" } else { "6000" };
    let pid = server.pid();
    let mut arguments = vec!["get", "--connections", "32", "--rate", rate, "--warm", "1"];
    arguments.extend(["--seconds", &window, "--url", &url, "--pid", &pid]);
    Tool::run(context, &arguments)
}

/// Puts the bytes that Pulse answers into nginx's folder.
fn save_files(context: &Context) -> anyhow::Result<()> {
    let server = PULSE.start(context)?;
    let _publisher = publisher(context, &server.publish_url("bench"))?;
    // As much of a playlist as a window's worth, or nearly.
    let fill = if context.quick { 10 } else { 40 };
    std::thread::sleep(std::time::Duration::from_secs(fill));
    let root = document_root(context);
    std::fs::create_dir_all(&root)?;
    std::fs::write(root.join("segment.m4s"), newest(&server, What::Segment)?.1)?;
    std::fs::write(root.join("playlist.m3u8"), newest(&server, What::Playlist)?.1)?;
    Ok(())
}

/// URL and bytes of the newest video segment, or of the video playlist.
fn newest(server: &Server, what: What) -> anyhow::Result<(String, Vec<u8>)> {
    let (address, path) = split_url(&server.hls_url("bench"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut client = Client::connect(address).await?;
        let multivariant = client.get(&path, Body::Keep).await?;
        let playlist = renditions(&multivariant.body)?.first().map(|uri| resolve(&path, uri));
        let playlist = playlist.context("no variant")?;
        let listed = client.get(&playlist, Body::Keep).await?;
        let text = String::from_utf8(listed.body)?;
        let segment = text.lines().rfind(|line| line.ends_with(".m4s") && !line.starts_with('#'));
        if what == What::Playlist {
            return Ok((format!("http://{address}{playlist}"), text.into_bytes()));
        }
        let segment = resolve(&playlist, segment.context("no segment yet")?);
        let answer = client.get(&segment, Body::Keep).await?;
        anyhow::ensure!(answer.status == 200, "{} for {segment}", answer.status);
        Ok((format!("http://{address}{segment}"), answer.body))
    })
}
