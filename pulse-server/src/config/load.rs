//! The order of the sources, and what is gathered on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::error::{ConfigError, ConfigErrors, Origin, Warning};
use super::sections::{Api, Config, Database, Hls, Hooks, Http, Ingest, Limits, Log, Mail, Ops, Rtmp};
use super::stream::{self, Written};
use super::table::{Key, Section};
use super::value::Raw;
use super::{check, env, file};

/// Where a configuration comes from. Kept by the server, so that a reload reads the same sources again.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The configuration file; where absent, the one that `PULSE_CONFIG` names, if any.
    pub file: Option<PathBuf>,
    /// The environment; variables that do not begin with `PULSE_` are left alone.
    pub env: Vec<(OsString, OsString)>,
    /// What was given on the command line.
    pub flags: Flags,
}

/// Settings given on the command line, as text; they win over everything else.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--http ADDR`.
    pub http: Option<String>,
    /// `--rtmp ADDR`.
    pub rtmp: Option<String>,
    /// `--data DIR`.
    pub data: Option<PathBuf>,
    /// `--open`.
    pub open: bool,
}

impl Flags {
    /// The value of a flag by its name in the table.
    fn value(&self, flag: &str) -> Option<&OsStr> {
        match flag {
            "--http" => self.http.as_deref().map(OsStr::new),
            "--rtmp" => self.rtmp.as_deref().map(OsStr::new),
            "--data" => self.data.as_deref().map(Path::as_os_str),
            "--open" => self.open.then(|| OsStr::new("true")),
            _ => None,
        }
    }
}

/// The top level, then every TOML table in the order of the reference.
pub(super) fn sections() -> Vec<Section> {
    vec![
        Config::section(),
        Http::section(),
        Rtmp::section(),
        Hls::section(),
        Ingest::section(),
        Database::section(),
        Api::section(),
        Hooks::section(),
        Mail::section(),
        Ops::section(),
        Log::section(),
        Limits::section(),
    ]
}

/// A configuration being put together, with everything found wrong so far.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) streams: Vec<Written>,
    origins: BTreeMap<String, Origin>,
    failed: BTreeSet<String>,
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<Warning>,
}

impl Draft {
    /// Sets one value, or notes why it cannot be.
    pub(super) fn set(&mut self, key: &Key, raw: &Raw<'_>, origin: Origin) {
        let path = key.path();
        match (key.set)(&mut self.config, raw) {
            Ok(()) => {
                self.origins.insert(path, origin);
            }
            Err(wrong) => {
                self.failed.insert(path.clone());
                self.errors.push(ConfigError::new(origin, path, wrong.problem).allowed((key.allowed)()));
            }
        }
    }

    /// Where a setting was last written.
    pub(super) fn origin(&self, path: &str) -> Origin {
        self.origins.get(path).cloned().unwrap_or(Origin::Default)
    }

    /// Whether all of these settings were read without an error, so that a rule between them says something.
    pub(super) fn sound(&self, paths: &[&str]) -> bool {
        paths.iter().all(|path| !self.failed.contains(*path))
    }

    pub(super) fn warn(&mut self, path: &str, message: impl Into<String>) {
        self.warnings.push(Warning {
            origin: self.origin(path),
            field: path.to_owned(),
            message: message.into(),
        });
    }

    fn set_flags(&mut self, flags: &Flags, sections: &[Section]) {
        for key in sections.iter().flat_map(|section| &section.keys) {
            let Some(flag) = key.flag else { continue };
            match flags.value(flag).map(OsStr::to_str) {
                None => {}
                Some(Some(value)) => self.set(key, &Raw::Text(value), Origin::Flag(flag)),
                Some(None) => {
                    self.errors.push(ConfigError::new(Origin::Flag(flag), key.path(), "is not UTF-8 text"));
                }
            }
        }
    }
}

/// Reads all sources; what is wrong is in the draft.
pub(super) fn draft(sources: &Sources) -> Draft {
    let sections = sections();
    let mut draft = Draft::default();
    let environment = env::Environment::new(&sources.env);
    if let Some(path) = sources.file.clone().or_else(|| environment.config_file()) {
        file::read(&path, &sections, &mut draft);
    }
    environment.apply(&sections, &mut draft);
    draft.set_flags(&sources.flags, &sections);
    stream::check(&draft.streams, &mut draft.errors, &mut draft.warnings);
    check::check(&mut draft);
    draft.errors.sort_by(|a, b| a.origin.cmp(&b.origin));
    draft.warnings.sort_by(|a, b| a.origin.cmp(&b.origin));
    draft.config.streams = draft.streams.iter().map(|written| written.stream.clone()).collect();
    draft
}

impl Config {
    /// Reads and checks everything: flags win over the environment, that over the file, that over the defaults.
    ///
    /// # Errors
    /// All mistakes at once; then nothing of the configuration should be used.
    pub fn load(sources: &Sources) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let draft = draft(sources);
        if draft.errors.is_empty() {
            Ok((draft.config, draft.warnings))
        } else {
            Err(ConfigErrors(draft.errors))
        }
    }
}
