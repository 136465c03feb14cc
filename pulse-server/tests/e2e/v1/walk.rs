//! `docs/quickstart.md`, its commands as they stand, in a shell that has curl and nothing for reading JSON.

use std::process::Command;

use super::rig::Rig;
use crate::support::seats;

/// The commands of the sections from the second on, up to the one on operators.
fn commands(text: &str) -> String {
    let (_, from_second) = text.split_once("## 2.").expect("a second section");
    let (walk, _) = from_second.split_once("## The first operator").expect("a last section");
    let blocks = walk.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_quick_start_runs_as_it_is_written() {
    let _seats = seats::some();
    let rig = Rig::start();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/quickstart.md");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(!text.contains("jq"), "curl alone");
    let commands = commands(&text);
    let (register, rest) = commands.split_once("TOKEN=").expect("the token out of the mail");
    let (_, rest) = rest.split_once('\n').expect("a line");
    let shell = |script: &str| {
        let (http, rtmp) = (rig.pulse.url(""), rig.pulse.rtmp_address());
        // Whatever fails, no encoder is left behind.
        let trap = "trap '[ -z \"${ENCODER:-}\" ] || kill \"$ENCODER\" 2> /dev/null || :' EXIT";
        let script = format!("set -eu\n{trap}\nHTTP={http}\nAPI=$HTTP/v1\nRTMP=rtmp://{rtmp}\n{script}");
        let mut sh = Command::new("sh");
        let output = sh.arg("-c").arg(&script).current_dir(rig.pulse.stage().path()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{script}\n{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(shell(register).contains("Follow the link"));
    let token = rig.mailed_token("sam@example.org");
    let (helper, _) = register.split_once("curl").expect("the first request");
    let answers = shell(&format!("{helper}\nTOKEN={token}\n{rest}"));
    let watched = ["/watch/str_", "#EXT-X-STREAM-INF", "video/index.m3u8", "\n403\n"];
    for expected in ["\"resource\":\"streams\"", "stream.created"].into_iter().chain(watched) {
        assert!(answers.contains(expected), "{expected} is not in {answers}");
    }
    for problem in ["\"code\":", "\"errors\":"] {
        assert!(!answers.contains(problem), "{answers}");
    }
}
