//! Whose an installation is: its files are its server's user's alone, so that another one gets nowhere.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use platform_core::sql::Location;

use super::socket;
use crate::config::Config;
use crate::platform;

/// Why a user can do nothing here.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} belongs to the user {name}{why}: run this as that user, with `sudo -u {quoted} pulse-server admin …`"
)]
pub(super) struct Foreign {
    path: String,
    name: String,
    quoted: String,
    why: &'static str,
}

impl Foreign {
    fn new(path: &Path, owner: u32, why: &'static str) -> Self {
        let name = name(owner);
        let quoted = name.clone().unwrap_or_else(|| format!("'#{owner}'"));
        let name = name.unwrap_or_else(|| owner.to_string());
        Self { path: path.display().to_string(), name, quoted, why }
    }
}

/// Refuses, before anything is done, whoever cannot open what an administrative command needs: the socket of a running server, or else
/// the master key and the database.
///
/// # Errors
///
/// [`Foreign`], boxed by who calls.
pub(super) fn check(config: &Config) -> Result<(), Foreign> {
    enter(&config.data_dir)?;
    let socket = socket::path(&config.data_dir);
    if socket.exists() {
        return enter(&socket);
    }
    enter(&platform::master_key_file(config))?;
    match platform::location(config) {
        Ok(Location::File(file)) => enter(&file),
        _ => Ok(()),
    }
}

/// Refuses to make files in a folder of somebody whose server could not read them.
///
/// # Errors
///
/// [`Foreign`]; none where the folder is to be made, too.
pub(super) fn check_making(config: &Config) -> Result<(), Foreign> {
    let theirs = |metadata: &Metadata| metadata.uid() != own();
    let key = config.database.master_key_file.is_none().then(|| platform::master_key_file(config));
    let database = match platform::location(config) {
        Ok(Location::File(file)) => Some(file),
        _ => None,
    };
    let makes = key.into_iter().chain(database).any(|file| !file.exists());
    match std::fs::metadata(&config.data_dir) {
        Ok(folder) if theirs(&folder) && makes => Err(Foreign::new(
            &config.data_dir,
            folder.uid(),
            ", whose server could not read what you make there",
        )),
        _ => Ok(()),
    }
}

/// The user that this process is.
pub(super) fn own() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// What a user is called, for a sentence.
pub(super) fn called(uid: u32) -> String {
    name(uid).unwrap_or_else(|| uid.to_string())
}

/// Whether a file may be opened. A socket may not, for another reason.
fn enter(path: &Path) -> Result<(), Foreign> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => match blocking(path) {
            Some((path, owner)) if owner != own() => Err(Foreign::new(path, owner, "")),
            // Their own file, which they can open to themselves: what needs it says so.
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The nearest of a path and the folders that it is in which can be looked at, and whose it is.
fn blocking(path: &Path) -> Option<(&Path, u32)> {
    path.ancestors().find_map(|path| Some((path, std::fs::metadata(path).ok()?.uid())))
}

/// The name of a user of this machine; of no other directory than its file.
fn name(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let uid = uid.to_string();
    let of = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    };
    users.lines().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_installation_names_its_user_and_the_command() {
        let text = Foreign::new(Path::new("/var/lib/pulse"), 0, "").to_string();
        assert_eq!(
            text,
            "/var/lib/pulse belongs to the user root: run this as that user, with `sudo -u root pulse-server admin …`"
        );
        let nobody_has = 4_000_000_000;
        let text = Foreign::new(Path::new("/d"), nobody_has, "").to_string();
        assert!(text.contains("the user 4000000000: ") && text.contains("sudo -u '#4000000000' "), "{text}");
    }
}
