//! What `check-config` prints.

use std::fmt::Write as _;

use super::error::ConfigErrors;
use super::load::{Sources, draft, sections};
use super::value::toml_string;

/// The effective configuration as TOML, each value with where it comes from, stream keys left out; warnings first.
///
/// # Errors
/// All mistakes, as in [`Config::load`](super::Config::load).
pub fn report(sources: &Sources) -> Result<String, ConfigErrors> {
    let draft = draft(sources);
    if !draft.errors.is_empty() {
        return Err(ConfigErrors(draft.errors));
    }
    let mut text = String::new();
    for warning in &draft.warnings {
        let _ = writeln!(text, "# warning: {warning}");
    }
    for section in sections() {
        if !section.name.is_empty() {
            let _ = writeln!(text, "\n[{}]", section.name);
        }
        for key in &section.keys {
            let origin = draft.origin(&key.path());
            let _ = match (key.show)(&draft.config) {
                Some(value) => writeln!(text, "{} = {value} # {origin}", key.name),
                None => writeln!(text, "# {} is not set", key.name),
            };
        }
    }
    for written in &draft.streams {
        let stream = &written.stream;
        let _ = writeln!(text, "\n[[streams]] # {}", written.origin);
        let _ = writeln!(text, "id = \"{}\"", stream.id);
        let plural = if stream.keys.len() == 1 { "" } else { "s" };
        let _ = writeln!(text, "# {} key{plural}, not shown", stream.keys.len());
        if let Some(name) = &stream.name {
            let _ = writeln!(text, "name = {}", toml_string(name));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::sources;
    use super::super::{Config, Sources};
    use super::report;

    #[test]
    fn the_report_shows_values_with_their_origin_and_no_key() {
        let file = "[hls]\npart_ms = 250\n[[streams]]\nid = 'a'\nkeys = ['very-secret-key-0123456789']\n";
        let (folder, sources) = sources(file, &[("PULSE_LOG_LEVEL", "debug")]);
        let text = report(&sources).unwrap().replace(&format!("{}/", folder.path().display()), "");
        assert!(text.contains("\npart_ms = 250 # pulse.toml:2:11\n"), "{text}");
        assert!(text.contains("\nlevel = \"debug\" # environment variable PULSE_LOG_LEVEL\n"), "{text}");
        assert!(text.contains("\nwindow_s = 60 # default\n"), "{text}");
        assert!(text.contains("\n# tls_cert is not set\n"), "{text}");
        assert!(text.contains("\n[[streams]] # pulse.toml:3:1\nid = \"a\"\n# 1 key, not shown\n"), "{text}");
        assert!(!text.contains("very-secret"), "{text}");
    }

    #[test]
    fn the_report_without_streams_is_itself_a_configuration_with_the_same_values() {
        let file = "open = true\n[http]\npublic_url = 'https://a.example'\n[ops]\nlisten = 'off'\n[rtmp]\nbatch_ms = 0\n";
        let (folder, first) = sources(file, &[]);
        let again = folder.path().join("again.toml");
        std::fs::write(&again, report(&first).unwrap()).unwrap();
        let second = Sources { file: Some(again), ..Sources::default() };
        assert_eq!(Config::load(&first).unwrap().0, Config::load(&second).unwrap().0);
    }
}
