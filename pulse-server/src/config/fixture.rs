//! Loads configurations from text, for the tests.

use std::ffi::OsString;
use std::io::Write;

use super::{Config, ConfigErrors, Flags, Sources, Warning};

/// Sources with this text as the file and these variables. The file's name is `pulse.toml`, in a folder that lives as long
/// as the first value.
pub(super) fn sources(toml: &str, env: &[(&str, &str)]) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pulse.toml");
    std::fs::File::create(&path).unwrap().write_all(toml.as_bytes()).unwrap();
    let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
    (folder, Sources { file: Some(path), env, flags: Flags::default() })
}

/// A configuration from a file alone.
pub(super) fn load(toml: &str) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    load_with(toml, &[])
}

/// A configuration from a file and the environment.
pub(super) fn load_with(toml: &str, env: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    let (_folder, sources) = sources(toml, env);
    Config::load(&sources)
}

/// The lines of all errors, without the file's folder.
pub(super) fn errors(toml: &str, env: &[(&str, &str)]) -> Vec<String> {
    let (folder, sources) = sources(toml, env);
    let errors = Config::load(&sources).map(|_| ()).expect_err("this configuration is wrong");
    lines(&errors.to_string(), &folder)
}

/// The lines of all warnings, without the file's folder.
pub(super) fn warnings(toml: &str, env: &[(&str, &str)]) -> Vec<String> {
    let (folder, sources) = sources(toml, env);
    let (_, warnings) = Config::load(&sources).unwrap();
    warnings.iter().flat_map(|warning| lines(&warning.to_string(), &folder)).collect()
}

fn lines(text: &str, folder: &tempfile::TempDir) -> Vec<String> {
    let prefix = format!("{}/", folder.path().display());
    text.lines().map(|line| line.replace(&prefix, "")).collect()
}
