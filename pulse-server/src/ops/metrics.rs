//! `GET /metrics`: Prometheus text exposition, made from plain counters when it is asked for.

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering::Relaxed;

use crate::app::App;
use crate::live::{Life, Phase};

/// Renders all metrics.
pub(super) fn render(app: &App) -> String {
    let mut page = Page::default();
    totals(&mut page, app);
    let lives: Vec<_> = app
        .registry
        .all()
        .iter()
        .filter_map(|channel| match channel.phase() {
            Phase::Live(life) => Some((channel.id().clone(), life, true)),
            Phase::Away(life) => Some((channel.id().clone(), life, false)),
            Phase::Offline(_) | Phase::Restarted => None,
        })
        .collect();
    let viewers = app.viewers();
    let mut each = |name, kind, help, value: &dyn Fn(&Life, bool) -> f64| {
        page.family(name, kind, help);
        for (id, life, live) in &lives {
            page.sample(name, &format!("{{stream=\"{id}\"}}"), value(life, *live));
        }
    };
    each(
        "pulse_stream_live",
        "gauge",
        "1 while an encoder publishes, 0 while its return is awaited.",
        &|_, live| f64::from(u8::from(live)),
    );
    each("pulse_stream_bytes_in_total", "counter", "Media bytes received in this life.", &|life, _| {
        life.measured().bytes as f64
    });
    each("pulse_stream_bitrate_bps", "gauge", "Bits a second over the last 2 s of media.", &|life, _| {
        life.measured().bitrate_bps as f64
    });
    each("pulse_stream_fps", "gauge", "Video frames a second.", &|life, _| life.measured().fps);
    each("pulse_stream_retained_bytes", "gauge", "Media held for joining players.", &|life, _| {
        life.broadcast.retained_bytes() as f64
    });
    page.family(
        "pulse_stream_issues_total",
        "counter",
        "How often something was wrong in this life, by the code of `health`.",
    );
    for (id, life, _) in &lives {
        for issue in life.health.issues() {
            page.sample(
                "pulse_stream_issues_total",
                &format!("{{stream=\"{id}\",code=\"{}\"}}", issue.code),
                issue.count,
            );
        }
    }
    page.family("pulse_stream_viewers", "gauge", "Viewers by protocol.");
    for (id, life, _) in &lives {
        let hls = viewers.get(id).copied().unwrap_or(0);
        let protocols =
            [("hls", hls), ("rtmp", life.outputs.rtmp_players()), ("flv", life.outputs.flv_players())];
        for (protocol, count) in protocols {
            let labels = format!("{{stream=\"{id}\",protocol=\"{protocol}\"}}");
            page.sample("pulse_stream_viewers", &labels, count);
        }
    }
    page.0
}

fn totals(page: &mut Page, app: &App) {
    let counters = &app.counters;
    for (name, help, value) in [
        ("pulse_publishes_total", "Publishers admitted.", &counters.publishes),
        ("pulse_publishes_refused_total", "Publishers refused.", &counters.publishes_refused),
        ("pulse_plays_total", "RTMP and FLV players admitted.", &counters.plays),
        ("pulse_hls_sessions_total", "HLS sessions opened.", &counters.sessions),
        (
            "pulse_hls_requests_total",
            "HLS requests answered with a playlist or media.",
            &counters.hls_requests,
        ),
        ("pulse_hls_bytes_total", "Bytes of HLS answers, heads apart.", &counters.hls_bytes),
    ] {
        page.family(name, "counter", help);
        page.sample(name, "", value.load(Relaxed));
    }
    for (name, help, value) in [
        ("pulse_http_connections", "Open HTTP connections.", app.connections.open()),
        ("pulse_rtmp_connections", "Open RTMP connections.", app.rtmp_connections.open()),
        ("pulse_hls_blocked_requests", "Requests that wait for media.", app.blocked.load(Relaxed)),
        (
            "pulse_uptime_seconds",
            "Seconds since the server started.",
            app.started.elapsed().as_secs() as usize,
        ),
    ] {
        page.family(name, "gauge", help);
        page.sample(name, "", value);
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}
