//! Operators: over HTTP and from the command line, with and without a running server.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::rig::{Caller, LOOSE, PASSWORD, Rig, Tenant};
use crate::support::seats;
use crate::support::server::{Pulse, Setup};

#[test]
fn the_command_line_goes_through_the_running_server_and_without_one() {
    let _seats = seats::some();
    let mut rig = Rig::start();
    let socket = rig.pulse.stage().path().join("data/admin.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let operator = rig.operator("op@example.org");
    assert_eq!(rig.get(&operator, "/v1/auth/me")["is_admin"], true);
    let tenant = Tenant::create(&rig, "sam@example.org");
    let listed = rig.admin(&["list-organizations"], "").unwrap();
    assert_eq!(listed[0]["id"], json!(tenant.organization));

    rig.admin(&["suspend-organization", &tenant.organization], "").unwrap();
    let path = format!("/v1/streams/{}", tenant.stream);
    let answer = rig.ask(&tenant.key, "GET", &path, &Value::Null);
    assert_eq!((answer.status, answer.problem_code().as_str()), (403, "suspended"), "{}", answer.text());
    rig.admin(&["resume-organization", &tenant.organization], "").unwrap();
    rig.get(&tenant.key, &path);
    assert!(
        rig.admin(&["suspend-organization", "org_nonsense"], "")
            .unwrap_err()
            .contains("the id of an organization: `org_`")
    );

    // The key is rotated under the running server, which goes on; the next start takes the new one.
    rig.admin(&["rotate-master-key"], "").unwrap();
    rig.get(&tenant.key, &format!("{path}/keys"));
    rig.pulse.stop();
    assert!(!socket.exists());
    let listed = rig.admin(&["list-organizations", "--search", "ac"], "").unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "without a server");
    rig.pulse.start_again();
    rig.get(&tenant.key, &format!("{path}/keys"));
}

#[test]
fn a_persons_data_are_exported() {
    let _seats = seats::some();
    let rig = Rig::start();
    rig.register("sam@example.org");
    let export = rig.admin(&["export-user", "sam@example.org"], "").unwrap();
    assert_eq!(export["user"]["email"], "sam@example.org");
}

#[test]
fn operators_restore_what_was_deleted_and_close_the_server() {
    let _seats = seats::some();
    let rig = Rig::start();
    let operator = rig.operator("op@example.org");
    let tenant = Tenant::create(&rig, "sam@example.org");
    let nothing = Value::Null;
    for (kind, id) in
        [("streams", &tenant.stream), ("projects", &tenant.project), ("organizations", &tenant.organization)]
    {
        let path = format!("/v1/{kind}/{id}");
        rig.done(&tenant.owner, "DELETE", &path, &nothing, 204);
        rig.done(&tenant.owner, "GET", &path, &nothing, 404);
        rig.done(&tenant.owner, "POST", &format!("/v1/admin/{kind}/{id}/restore"), &nothing, 403);
        rig.done(&operator, "POST", &format!("/v1/admin/{kind}/{id}/restore"), &nothing, 200);
        rig.done(&tenant.owner, "GET", &path, &nothing, 200);
    }

    let plan = rig.post(&operator, "/v1/admin/plans", &json!({"name": "One", "limits": {"streams": 1}}));
    let path = format!("/v1/admin/organizations/{}", tenant.organization);
    rig.done(&operator, "PATCH", &path, &json!({"plan_id": plan["id"]}), 200);
    let input = json!({"project_id": tenant.project, "name": "One too many"});
    let refused = rig.done(&tenant.owner, "POST", "/v1/streams", &input, 403);
    assert_eq!((&refused["code"], &refused["limit"]), (&json!("quota_exceeded"), &json!(1)), "{refused}");

    let settings = "/v1/admin/settings";
    rig.done(&operator, "PATCH", settings, &json!({"maintenance": true, "registrations": false}), 200);
    assert_eq!(rig.get(&Caller::nobody(), "/v1/status")["status"], "maintenance");
    let path = format!("/v1/streams/{}", tenant.stream);
    let closed = rig.done(&tenant.owner, "PATCH", &path, &json!({"description": "x"}), 503);
    assert_eq!(closed["code"], "maintenance");
    rig.get(&tenant.owner, &path);
    rig.done(&operator, "PATCH", settings, &json!({"maintenance": false}), 200);
    let input = json!({"email": "late@example.org", "password": PASSWORD, "name": "Late"});
    let refused = rig.done(&Caller::nobody(), "POST", "/v1/auth/register", &input, 403);
    assert_eq!(refused["code"], "registrations_closed");
}

/// What a server says that does not start.
#[track_caller]
fn refusal(pulse: &Pulse, name: &str) -> String {
    let mut serve = crate::support::process::command(crate::support::server::binary());
    serve.arg("serve").arg("--config").arg(pulse.stage().path().join("pulse.toml"));
    serve.current_dir(pulse.stage().path());
    let mut process = crate::support::process::Process::start(name, serve, pulse.stage().path());
    assert!(!process.wait(std::time::Duration::from_secs(15)).success());
    process.errors()
}

#[test]
fn a_server_with_the_wrong_master_key_does_not_start() {
    let _seats = seats::some();
    let mut pulse = Setup::new().section(LOOSE).start();
    pulse.stop();
    let key = pulse.stage().path().join("data/master.key");
    std::fs::write(&key, [7_u8; 32]).unwrap();
    let refused = refusal(&pulse, "wrong-key");
    assert!(refused.contains("data/master.key is not the master key"), "{refused}");
}

#[test]
fn a_server_whose_master_key_is_lost_makes_no_other_one_and_starts_when_it_is_back() {
    let _seats = seats::some();
    let mut pulse = Setup::new().section(LOOSE).start();
    pulse.stop();
    let key = pulse.stage().path().join("data/master.key");
    let backup = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let refused = refusal(&pulse, "lost-key");
    assert!(refused.contains("data/master.key is missing; put it back from your backup"), "{refused}");
    assert!(!refused.contains("was made") && !key.exists(), "{refused}");
    std::fs::write(&key, backup).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    pulse.start_again();
}

#[test]
fn commands_and_a_server_that_meet_an_empty_folder_at_once_all_succeed_under_one_master_key() {
    let _seats = seats::some();
    let mut rig = Rig::start();
    rig.pulse.stop();
    let data = rig.pulse.stage().path().join("data");
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::create_dir(&data).unwrap();
    let people = ["one@example.org", "two@example.org", "three@example.org"];
    let password = format!("{PASSWORD}\n");
    let create = |email| ["create-operator", "--email", email, "--name", "Op"];
    let commands = people.map(|email| rig.begin_admin(&create(email), &password));
    rig.pulse.start_again();
    for command in commands {
        let output = command.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    rig.pulse.stop();
    rig.pulse.start_again();
    people.iter().for_each(|email| drop(rig.login(email)));
}
