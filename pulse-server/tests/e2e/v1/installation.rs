//! What the command line makes and leaves alone where no server runs, and whose files they are afterwards. That another user is kept out
//! can be seen by root alone, who can be both: as anybody else those tests have nothing to say.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use super::rig::PASSWORD;
use crate::support::server::binary;
use crate::support::stage::Stage;

/// The user `nobody`, who is not root.
const OTHER: u32 = 65_534;
/// A command as that user.
const AS_OTHER: [&str; 5] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
/// A command as root who cannot give files away, as in a container.
const WITHOUT_CHOWN: [&str; 4] = ["setpriv", "--inh-caps=-chown", "--bounding-set=-chown", "--"];
const CREATE: [&str; 5] = ["create-operator", "--email", "op@example.org", "--name", "Op"];

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs `pulse-server admin`, under another command perhaps; what it printed, and what it said.
fn admin(under: &[&str], data: &Path, arguments: &[&str]) -> Result<(String, String), String> {
    let program = binary();
    let mut command = match under.split_first() {
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.arg("admin").arg("--data").arg(data).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that is refused before does not read it.
    let _ = child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok((text(&output.stdout), text(&output.stderr)))
    } else {
        Err(text(&output.stderr))
    }
}

#[test]
fn a_mistyped_folder_is_not_made_into_an_installation_but_for_a_first_operator_who_is_told() {
    let stage = Stage::new("installation");
    let data = stage.path().join("data");
    for command in [&["list-organizations"][..], &["rotate-master-key"], &["erase-user", "sam@example.org"]] {
        let refused = admin(&[], &data, command).unwrap_err();
        assert!(refused.contains("there is no installation") && refused.contains("--data"), "{refused}");
        assert!(!data.exists(), "{command:?}");
    }
    let (_, told) = admin(&[], &data, &CREATE).unwrap();
    assert!(told.contains("a new one was made") && told.contains("master.key"), "{told}");
    assert!(data.join("pulse.db").exists() && data.join("master.key").exists());
    let (listed, told) = admin(&[], &data, &["list-organizations"]).unwrap();
    assert_eq!((listed.trim(), told.as_str()), ("[]", ""));
}

#[test]
fn a_rotation_leaves_the_master_key_to_its_owner_whoever_rotates() {
    if !is_root() {
        return;
    }
    let stage = Stage::new("installation");
    let data = stage.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for folder in [stage.path(), &data] {
        chown(folder, Some(OTHER), Some(OTHER)).unwrap();
    }
    let refused = admin(&[], &data, &CREATE).unwrap_err();
    assert!(
        refused.contains("belongs to the user nobody") && refused.contains("sudo -u nobody"),
        "{refused}"
    );
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0, "nothing that the server could not read");

    admin(&AS_OTHER, &data, &CREATE).unwrap();
    let key = data.join("master.key");
    let before = std::fs::read(&key).unwrap();
    admin(&[], &data, &["rotate-master-key"]).unwrap();
    assert_ne!(std::fs::read(&key).unwrap(), before);
    for file in std::fs::read_dir(&data).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().uid(), OTHER, "{:?}", file.file_name());
    }
    assert_eq!(std::fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
    admin(&AS_OTHER, &data, &["list-organizations"]).unwrap();

    // Where it cannot be given to its owner it is not rotated.
    let before = std::fs::read(&key).unwrap();
    let refused = admin(&WITHOUT_CHOWN, &data, &["rotate-master-key"]).unwrap_err();
    assert!(refused.contains("nothing was changed") && refused.contains("sudo -u '#65534'"), "{refused}");
    assert_eq!(std::fs::read(&key).unwrap(), before);
    assert!(!data.join("master.next").exists() && !data.join("master.new").exists());
    admin(&AS_OTHER, &data, &["list-organizations"]).unwrap();
}

#[test]
fn another_user_is_told_whose_an_installation_is() {
    if !is_root() {
        return;
    }
    let stage = Stage::new("installation");
    let data = stage.path().join("data");
    admin(&[], &data, &CREATE).unwrap();
    chown(stage.path(), Some(OTHER), None).unwrap();
    let said = |refused: &str| {
        refused.contains("belongs to the user root") && refused.contains("sudo -u root pulse-server admin")
    };
    let refused = admin(&AS_OTHER, &data, &["list-organizations"]).unwrap_err();
    assert!(refused.contains("master.key") && said(&refused), "{refused}");
    // As beside a running server, whose socket is its user's.
    let socket = std::os::unix::net::UnixListener::bind(data.join("admin.sock")).unwrap();
    std::fs::set_permissions(data.join("admin.sock"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let refused = admin(&AS_OTHER, &data, &CREATE).unwrap_err();
    assert!(refused.contains("admin.sock") && said(&refused), "{refused}");
    drop(socket);
}
