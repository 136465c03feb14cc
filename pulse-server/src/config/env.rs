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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::super::fixture::{errors, load_with, sources, warnings};
    use super::super::load::sections;
    use super::super::{Config, Flags, Sources};

    #[test]
    fn every_setting_has_a_variable_that_sets_it() {
        for key in sections().iter().flat_map(|section| &section.keys) {
            let variable = key.variable();
            let lines = errors("", &[(&variable, "\u{1}")]);
            // A path may be anything, but this certificate has no key and no file.
            let found =
                lines.iter().any(|line| line.starts_with(&format!("environment variable {variable}: ")));
            assert!(found, "{variable}: {lines:?}");
        }
    }

    #[test]
    fn flags_win_over_the_environment_over_the_file_over_defaults() {
        let file = "[http]\nlisten = '127.0.0.1:1'\n[rtmp]\nlisten = '127.0.0.1:2'\nbatch_ms = 7\n";
        let env = [("PULSE_HTTP_LISTEN", "127.0.0.1:3"), ("PULSE_RTMP_LISTEN", "localhost:4")];
        let (_folder, mut sources) = sources(file, &env);
        sources.flags = Flags { http: Some("127.0.0.1:5".to_owned()), open: true, ..Flags::default() };
        let (config, _) = Config::load(&sources).unwrap();
        assert_eq!(config.http.listen.port(), 5);
        assert_eq!(config.rtmp.listen.unwrap().to_string(), "127.0.0.1:4");
        assert_eq!(config.rtmp.batch_ms, 7);
        assert_eq!(config.rtmp.read_merge_ms, 20);
        assert!(config.open);
    }

    #[test]
    fn mistakes_name_the_variable_or_the_flag() {
        let env = [("PULSE_HLS_PART_MS", "fast"), ("PULSE_OPEN", "yes"), ("PULSE_OPS_LISTEN", "of")];
        let (_folder, mut sources) = sources("", &env);
        sources.flags.rtmp = Some("1935".to_owned());
        let lines: Vec<String> =
            Config::load(&sources).unwrap_err().0.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(
            lines[0],
            "environment variable PULSE_HLS_PART_MS: hls.part_ms: `fast` is not a whole number; allowed: a whole \
             number, 50 to 1000"
        );
        assert!(lines[1].starts_with(
            "environment variable PULSE_OPEN: open: `yes` is not a boolean; allowed: true or false"
        ));
        assert!(
            lines[2].starts_with("environment variable PULSE_OPS_LISTEN: ops.listen: `of` is not an address")
        );
        assert!(lines[3].starts_with("flag --rtmp: rtmp.listen: `1935` is not an address and port"));
    }

    #[test]
    fn near_misses_are_refused_and_other_programs_variables_left_alone() {
        assert_eq!(
            errors("", &[("PULSE_HLS_PARTMS", "200")]),
            ["environment variable PULSE_HLS_PARTMS: is not a setting; did you mean `PULSE_HLS_PART_MS`?"]
        );
        let kubernetes = [
            ("PULSE_HTTP_SERVICE_HOST", "10.0.0.1"),
            ("PULSE_HTTP_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("PULSE_SERVER", "unix:/run/pulse"),
        ];
        assert_eq!(
            warnings("open = true\n[http]\nlisten = 'localhost:1'\n[rtmp]\nlisten = 'off'\n", &kubernetes),
            [
                "environment variable PULSE_HTTP_PORT_8080_TCP: is not a setting; ignored",
                "environment variable PULSE_HTTP_SERVICE_HOST: is not a setting; ignored",
            ]
        );
    }

    #[test]
    fn an_empty_variable_counts_as_none() {
        let (config, _) = load_with("[hls]\npart_ms = 300\n", &[("PULSE_HLS_PART_MS", "")]).unwrap();
        assert_eq!(config.hls.part_ms, 300);
    }

    #[test]
    fn the_environment_can_name_the_file() {
        let (_folder, mut sources) = sources("[hls]\npart_ms = 300\n", &[]);
        let file = sources.file.take().unwrap();
        sources.env.push(("PULSE_CONFIG".into(), file.into_os_string()));
        assert_eq!(Config::load(&sources).unwrap().0.hls.part_ms, 300);
    }

    #[test]
    fn a_value_that_is_not_text_is_told() {
        let env = vec![("PULSE_DATA_DIR".into(), OsString::from_vec(vec![0xff]))];
        let text = Config::load(&Sources { env, ..Sources::default() }).unwrap_err().to_string();
        assert_eq!(text, "environment variable PULSE_DATA_DIR: is not UTF-8 text");
    }
}
