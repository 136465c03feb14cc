//! The environment: `PULSE_SECTION_KEY` for every setting, `PULSE_STREAMS`, `PULSE_CONFIG`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::error::{ConfigError, Origin, Warning};
use super::load::Draft;
use super::stream;
use super::suggest::nearest;
use super::table::Section;
use super::value::Raw;

/// Names the configuration file where `--config` does not.
pub(super) const FILE_VARIABLE: &str = "PULSE_CONFIG";

/// The variables that begin with `PULSE_` and are not empty: an empty one is as good as none, so that Compose's
/// `${X:-}` works.
pub(super) struct Environment<'a> {
    variables: BTreeMap<&'a str, &'a OsStr>,
}

impl<'a> Environment<'a> {
    pub(super) fn new(variables: &'a [(OsString, OsString)]) -> Self {
        let ours = variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value.as_os_str())));
        let ours = ours.filter(|(name, value)| name.starts_with("PULSE_") && !value.is_empty());
        Self { variables: ours.collect() }
    }

    /// The configuration file that the environment names.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.variables.get(FILE_VARIABLE).map(PathBuf::from)
    }

    /// Sets what the environment says, over what the file said.
    pub(super) fn apply(&self, sections: &[Section], draft: &mut Draft) {
        let keys: BTreeMap<String, _> =
            sections.iter().flat_map(|section| &section.keys).map(|key| (key.variable(), key)).collect();
        for (name, value) in &self.variables {
            let origin = Origin::Env((*name).to_owned());
            let key = keys.get(*name);
            if key.is_none() && *name != stream::VARIABLE {
                self.unknown(name, sections, &keys.keys().map(String::as_str).collect::<Vec<_>>(), draft);
                continue;
            }
            match (value.to_str(), key) {
                (None, _) => draft.errors.push(ConfigError::new(origin, "", "is not UTF-8 text")),
                (Some(text), Some(key)) => draft.set(key, &Raw::Text(text), origin),
                (Some(text), None) => stream::read_variable(text, draft),
            }
        }
    }

    /// A near miss of a setting's variable is refused. Anything else may be somebody else's: PulseAudio's
    /// (`PULSE_SERVER`), or what Kubernetes sets for a service called `pulse-http` (`PULSE_HTTP_PORT`); it is left alone,
    /// with a warning where it looks like a section's.
    fn unknown(&self, name: &str, sections: &[Section], known: &[&str], draft: &mut Draft) {
        let all = known.iter().copied().chain([FILE_VARIABLE, stream::VARIABLE]);
        if name == FILE_VARIABLE {
            return;
        }
        let origin = Origin::Env(name.to_owned());
        if let Some(near) = nearest(name, all) {
            draft.errors.push(ConfigError::new(origin, "", "is not a setting").suggesting(Some(near)));
            return;
        }
        let prefixes = sections.iter().filter(|section| !section.name.is_empty());
        if prefixes
            .map(|section| format!("PULSE_{}_", section.name.to_uppercase()))
            .any(|p| name.starts_with(&p))
        {
            let message = "is not a setting; ignored".to_owned();
            draft.warnings.push(Warning { origin, field: String::new(), message });
        }
    }
}
