//! schemathesis (PyPI) against the running server: thousands of requests that it makes of the OpenAPI document, right ones and wrong
//! ones, whose answers it holds against the document.
//!
//! `pulse-server/tests/schemathesis/hooks.py` tells it what exists. The seed is fixed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::rig::{LOOSE, PASSWORD, Rig, text};
use crate::support::process::{Process, command};
use crate::support::seats;
use crate::support::server::Setup;

/// Well under a minute on an idle machine.
const PATIENCE: Duration = Duration::from_secs(900);
/// Random requests of each sort to an operation, beside some fifty that are worked out from its schema.
const EXAMPLES: &str = "4";
/// Operations of a hundred that must have answered a success.
const REACHED_PERCENT: usize = 95;
const OPERATOR: &str = "op@example.org";

/// The statuses of an operation's answers, with how often each came.
type Statuses = BTreeMap<u64, usize>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn start(rig: &Rig, token: &str) -> Process {
    let tool = root().join("target/tools/schemathesis/bin/schemathesis");
    assert!(tool.exists(), "no schemathesis at {}: run `make setup-test`", tool.display());
    let folder = rig.pulse.stage().path();
    let mut schemathesis = command(tool);
    schemathesis.args(["run", &rig.pulse.url("/openapi.json"), "--phases", "examples,coverage,fuzzing"]);
    // Without state, what is right by the document need not be accepted: a name may be taken.
    schemathesis.args(["--exclude-checks", "positive_data_acceptance", "--continue-on-failure"]);
    schemathesis.args(["--generation-deterministic", "--no-shrink", "--max-examples", EXAMPLES]);
    schemathesis.args(["--suppress-health-check", "all", "--warnings", "off", "--no-color"]);
    schemathesis.args(["--report", "ndjson", "--report-ndjson-path", "report.ndjson"]);
    schemathesis.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONDONTWRITEBYTECODE", "1");
    schemathesis.env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis"));
    schemathesis.env("PULSE_URL", rig.pulse.url("")).env("PULSE_LOG", folder.join("pulse.log"));
    schemathesis.env("PULSE_OPERATOR_TOKEN", token).env("PULSE_OPERATOR_EMAIL", OPERATOR);
    schemathesis.env("PULSE_PASSWORD", PASSWORD).current_dir(folder);
    Process::start("schemathesis", schemathesis, folder)
}

/// What every operation answered, by method and path, from the report: a line of JSON for each event.
fn statuses(report: &str) -> BTreeMap<String, Statuses> {
    let mut all: BTreeMap<String, Statuses> = BTreeMap::new();
    for line in report.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let recorder = &event["ScenarioFinished"]["recorder"];
        let Some(interactions) = recorder["interactions"].as_object() else { continue };
        let of = all.entry(text(&recorder["label"]).to_owned()).or_default();
        for status in interactions.values().filter_map(|one| one["response"]["status_code"].as_u64()) {
            *of.entry(status).or_default() += 1;
        }
    }
    all
}

fn operations(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, operations): (&String, &Value)| -> Vec<String> {
        let methods = operations.as_object().unwrap().keys();
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn no_request_that_schemathesis_makes_up_is_answered_otherwise_than_the_document_says() {
    let _seats = seats::some();
    let mut rig = Rig::with(Setup::new().section(LOOSE).in_memory());
    rig.operator(OPERATOR);
    let token = rig.login(OPERATOR)["access_token"].clone();
    let mut schemathesis = start(&rig, text(&token));
    let status = schemathesis.wait(PATIENCE);
    assert!(status.success(), "{status}:\n{}\n{}", schemathesis.output(), schemathesis.errors());

    let report = std::fs::read_to_string(rig.pulse.stage().path().join("report.ndjson")).unwrap();
    let all = statuses(&report);
    let described = operations(&rig.pulse.get("/openapi.json").json());
    assert_eq!(all.keys().cloned().collect::<BTreeSet<_>>(), described, "every operation is asked");
    let asked: usize = all.values().flat_map(BTreeMap::values).sum();
    assert!(asked > 30 * described.len(), "only {asked} requests");
    for (operation, statuses) in &all {
        assert!(statuses.keys().all(|status| *status < 500), "{operation}: {statuses:?}");
    }
    let reached = |statuses: &Statuses| statuses.keys().any(|status| (200..300).contains(status));
    let missed: Vec<_> = all.iter().filter(|(_, statuses)| !reached(statuses)).collect();
    let most = described.len() * (100 - REACHED_PERCENT) / 100;
    assert!(missed.len() <= most, "these had no success: {missed:?}");
    rig.pulse.assert_sound();
}
