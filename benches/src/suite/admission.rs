//! Letting viewers in, and letting them go on, without a network.

use super::context::Context;
use super::table::Row;
use super::tool::Tool;

/// The hot paths of admission, alone.
pub(super) fn admission(context: &Context) -> anyhow::Result<Vec<Row>> {
    let seconds = context.seconds(3, 1);
    let runs = context.alternate("admission", &[("pulse", ())], |()| {
        Tool::run(context, &["hot", "admission_", "--seconds", &seconds])
    })?;
    let [pulse] = runs.as_slice() else { anyhow::bail!("one subject") };
    let row = |what: &str, case: &str, bar_us: f64| {
        let us = pulse.at(&format!("/admission_{case}/ns/p50")).map(|ns| ns / 1e3);
        Row::new(what, format!("≤ {bar_us} µs")).pulse(&us, "µs").at_most(bar_us, &us)
    };
    Ok(vec![
        row("admission of a viewer: token, network, plan, session, place; HS256", "hs256", 20.0),
        row("the same, Ed25519", "eddsa", 100.0),
        row("the handle of a media request, 5,000 sessions", "handle_known", 1.0),
        row("the same, of a session that this server does not know: its signature", "handle_unknown", 1.0),
    ])
}
