//! The configuration reference as Markdown, from the declarations.

use std::fmt::Write as _;

use super::env::FILE_VARIABLE;
use super::load::sections;
use super::sections::Config;
use super::stream;
use super::table::{Key, Section};

/// The text of `docs/configuration.md`.
pub fn reference() -> String {
    let mut page = introduction();
    let defaults = Config::default();
    for section in sections() {
        section_text(&mut page, &section, &defaults);
    }
    streams_text(&mut page);
    page
}

/// The file that the introduction shows.
const EXAMPLE: &str = r#"data_dir = "/var/lib/pulse"

[http]
public_url = "https://live.example.com"

[hls]
part_ms = 250
target_duration_s = 2

[[streams]]
id = "townhall"
keys = ["replace-me-PGgZ4uQnEJ2hLx8V"]
name = "Town hall"
"#;

fn introduction() -> String {
    format!(
        "\
# Configuration

<!-- Generated from pulse-server/src/config/. Do not edit: `make docs` writes it, and a test fails while it is stale. -->

Pulse runs without any configuration; then nobody may publish, unless `--open` admits everybody. A setting can be given

1. on the command line, for the few that have a flag,
2. in the environment, as `PULSE_SECTION_KEY` (`PULSE_HLS_PART_MS=250`), at the top level `PULSE_KEY` (`PULSE_OPEN=true`),
3. in a TOML file, named by `--config FILE` or by `{FILE_VARIABLE}`,

and the first of these that gives it wins. An empty variable counts as none. Relative paths start at the working directory.

```toml
{EXAMPLE}```

`pulse-server check-config --config FILE` prints the configuration that results, each value with where it comes from, or everything
that is wrong with it, each with file, line and column. Unknown names in the file are refused, so that a misspelt setting is never
silently ignored; so is a variable whose name is nearly that of a setting. Other variables beginning with `PULSE_` are left alone, as
PulseAudio and Kubernetes set some of their own.

SIGHUP reads the same sources again. If anything is wrong, the running configuration stays and the log says what; otherwise each
setting applies when its entry below says. A publisher whose key is no longer listed is dropped.
"
    )
}

fn section_text(page: &mut String, section: &Section, defaults: &Config) {
    let title =
        if section.name.is_empty() { "Top level".to_owned() } else { format!("`[{}]`", section.name) };
    let _ = write!(page, "\n## {title}\n\n{}\n", paragraph(section.doc));
    for key in &section.keys {
        key_text(page, key, defaults);
    }
}

fn key_text(page: &mut String, key: &Key, defaults: &Config) {
    let default = (key.show)(defaults).map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"));
    let flag = key.flag.map_or_else(String::new, |flag| format!(", flag `{flag}`"));
    let _ = write!(
        page,
        "\n### `{path}`\n\n{doc}\n\n- default: {default}\n- allowed: {allowed}\n- variable `{variable}`{flag}\n\
         - a change applies {apply}\n",
        path = key.path(),
        doc = paragraph(key.doc),
        allowed = (key.allowed)(),
        apply = key.apply.as_str(),
        variable = key.variable(),
    );
}

fn streams_text(page: &mut String) {
    let _ = write!(
        page,
        "\n## `[[streams]]`\n\nOne table for each stream that may be published, at most {streams}. In the environment \
         `{variable}={syntax}` lists them, without names; it replaces all of the file's. A key belongs to one stream, and is no \
         stream's id; keys shorter than {weak} characters are warned about (`openssl rand -hex 16` makes a good one). A change \
         applies at once: a stream or a key that is gone loses its publisher.\n",
        streams = stream::MAX_STREAMS,
        variable = stream::VARIABLE,
        syntax = stream::VARIABLE_SYNTAX,
        weak = stream::WEAK_KEY_LEN,
    );
    for field in &stream::FIELDS {
        let _ =
            write!(page, "\n### `streams.{}`\n\n{}\n\n- allowed: {}\n", field.name, field.doc, field.allowed);
    }
}

/// A doc comment as running text.
fn paragraph(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::fixture;
    use super::*;

    #[test]
    fn the_committed_reference_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, reference()).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == reference(), "docs/configuration.md is stale: run `make docs` and commit it");
    }

    #[test]
    fn the_example_is_a_valid_configuration() {
        let (config, warnings) = fixture::load(EXAMPLE).unwrap();
        assert_eq!(config.hls.part_ms, 250);
        assert_eq!(config.streams[0].name.as_deref(), Some("Town hall"));
        assert_eq!(warnings, []);
    }

    #[test]
    fn every_setting_is_documented_with_a_default_that_is_allowed() {
        let page = reference();
        for key in sections().iter().flat_map(|section| &section.keys) {
            assert!(page.contains(&format!("### `{}`\n", key.path())), "{}", key.path());
            assert!(paragraph(key.doc).len() > 20, "{} says nothing", key.path());
            // Setting a default again checks it against the setting's own limits.
            let Some(value) = (key.show)(&Config::default()) else { continue };
            let text = value.trim_matches('"');
            let again = (key.set)(&mut Config::default(), &super::super::value::Raw::Text(text));
            assert!(again.is_ok(), "{}: {again:?}", key.path());
        }
    }
}
