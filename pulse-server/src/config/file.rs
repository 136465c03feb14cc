//! The TOML file: which table and key a value belongs to, and at which line it stands.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::error::{ConfigError, Origin};
use super::load::Draft;
use super::stream;
use super::suggest::nearest;
use super::table::Section;
use super::value::Raw;

/// Largest configuration file, in bytes; room for [`stream::MAX_STREAMS`] streams with several keys each.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Most syntax errors that are told, one a line: later ones are often only consequences.
const MAX_SYNTAX_ERRORS: usize = 10;

/// Reads `path` into the draft.
pub(super) fn read(path: &Path, sections: &[Section], draft: &mut Draft) {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) => return draft.errors.push(*error),
    };
    let place = Place::new(path, &text);
    let (root, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        // What the parser recovered may have keys under the wrong table; its mistakes would not be the operator's.
        let mut errors: Vec<_> = errors.iter().map(|error| place.syntax_error(error)).collect();
        errors.dedup_by_key(|error| error.origin.line());
        errors.truncate(MAX_SYNTAX_ERRORS);
        return draft.errors.append(&mut errors);
    }
    for (name, value) in root.get_ref() {
        top_level(name, value, &place, sections, draft);
    }
}

fn read_text(path: &Path) -> Result<String, Box<ConfigError>> {
    let whole = || Origin::File { path: path.to_owned(), position: None };
    let failed =
        |error: &std::io::Error| Box::new(ConfigError::new(whole(), "", format!("cannot be read: {error}")));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| failed(&error))?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(Box::new(
            ConfigError::new(whole(), "", "is too large").allowed(format!("at most {MAX_FILE_BYTES} bytes")),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
        let place = Place::new(path, &before);
        Box::new(ConfigError::new(place.at(&(valid..valid)), "", "is not UTF-8 text"))
    })
}

/// The file as errors name it.
pub(super) struct Place<'a> {
    path: &'a Path,
    text: &'a str,
    /// Where each line begins, so that thousands of streams are placed without reading the file thousands of times.
    lines: Vec<usize>,
}

impl<'a> Place<'a> {
    fn new(path: &'a Path, text: &'a str) -> Self {
        let lines =
            std::iter::once(0).chain(text.match_indices('\n').map(|(newline, _)| newline + 1)).collect();
        Self { path, text, lines }
    }

    /// Line and column of a span's beginning.
    pub(super) fn at(&self, span: &Range<usize>) -> Origin {
        let line = self.lines.partition_point(|start| *start <= span.start);
        let start = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or(0);
        let before = self.text.get(start..span.start).unwrap_or_default();
        Origin::File { path: self.path.to_owned(), position: Some((line, before.chars().count() + 1)) }
    }

    /// The parser's message alone: its excerpt of the file could show a key.
    fn syntax_error(&self, error: &toml::de::Error) -> ConfigError {
        let origin = match error.span() {
            Some(span) => self.at(&span),
            None => Origin::File { path: self.path.to_owned(), position: None },
        };
        ConfigError::new(origin, "", format!("is not TOML: {}", error.message()))
    }
}

fn top_level(
    name: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    place: &Place<'_>,
    sections: &[Section],
    draft: &mut Draft,
) {
    let word: &str = name.get_ref();
    if word == "streams" {
        stream::read_file(value, place, draft);
        return;
    }
    if let Some(section) = sections.iter().find(|section| section.name == word && !word.is_empty()) {
        match value.get_ref() {
            DeValue::Table(table) => section_table(section, table, place, sections, draft),
            other => draft.errors.push(
                ConfigError::new(place.at(&value.span()), word, format!("is a TOML {}", other.type_str()))
                    .allowed(format!("a table, [{word}]")),
            ),
        }
        return;
    }
    let root = sections.iter().find(|section| section.name.is_empty());
    match root.and_then(|root| root.keys.iter().find(|key| key.name == word)) {
        Some(key) => draft.set(key, &Raw::Toml(value.get_ref()), place.at(&value.span())),
        None => draft.errors.push(
            ConfigError::new(place.at(&name.span()), word, "is not a setting")
                .suggesting(suggestion_at_top(word, sections)),
        ),
    }
}

fn section_table(
    section: &Section,
    table: &DeTable<'_>,
    place: &Place<'_>,
    sections: &[Section],
    draft: &mut Draft,
) {
    for (name, value) in table {
        let word: &str = name.get_ref();
        match section.keys.iter().find(|key| key.name == word) {
            Some(key) => draft.set(key, &Raw::Toml(value.get_ref()), place.at(&value.span())),
            None => draft.errors.push(
                ConfigError::new(
                    place.at(&name.span()),
                    format!("{}.{word}", section.name),
                    "is not a setting",
                )
                .suggesting(suggestion_in(section, word, sections)),
            ),
        }
    }
}

/// A table or top-level setting of a near name, else a section's setting of this very name.
fn suggestion_at_top(word: &str, sections: &[Section]) -> Option<String> {
    let names = sections.iter().map(|section| section.name).filter(|name| !name.is_empty());
    let root = sections.iter().filter(|section| section.name.is_empty());
    let keys = root.flat_map(|root| root.keys.iter().map(|key| key.name));
    nearest(word, names.chain(keys).chain(["streams"]))
        .map(str::to_owned)
        .or_else(|| same_name_elsewhere(word, sections))
}

fn suggestion_in(section: &Section, word: &str, sections: &[Section]) -> Option<String> {
    nearest(word, section.keys.iter().map(|key| key.name))
        .map(|name| format!("{}.{name}", section.name))
        .or_else(|| same_name_elsewhere(word, sections))
}

fn same_name_elsewhere(word: &str, sections: &[Section]) -> Option<String> {
    sections
        .iter()
        .flat_map(|section| &section.keys)
        .find(|key| key.name == word)
        .map(super::table::Key::path)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{errors, load};
    use super::super::{Container, Takeover};

    #[test]
    fn every_kind_of_value_is_read() {
        let (config, _) = load(
            "open = true\n[http]\nlisten = '[::1]:81'\ntls_listen = 'off'\n[hls]\ncontainer = 'ts'\npart_ms = 3_00\n\
             [ingest]\ntakeover = 'reject'\n[limits]\nring_bytes = 0x20_0000\n",
        )
        .unwrap();
        assert!(config.open);
        assert_eq!(config.http.listen.to_string(), "[::1]:81");
        assert_eq!(config.http.tls_listen, None);
        assert_eq!(config.hls.container, Container::Ts);
        assert_eq!(config.hls.part_ms, 300);
        assert_eq!(config.ingest.takeover, Takeover::Reject);
        assert_eq!(config.limits.ring_bytes, 2 << 20);
        assert_eq!(config.hls.window_s, 60);
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_line_column_and_what_is_allowed() {
        let text = "opne = true\n[hls]\npart_ms = 5\n  container = 'mp4' # häh\nwindow_s = \"60\"\n[http]\nlisten = 8080\n";
        assert_eq!(
            errors(text, &[]),
            [
                "pulse.toml:1:1: opne: is not a setting; did you mean `open`?",
                "pulse.toml:3:11: hls.part_ms: `5` is too small; allowed: a whole number, 50 to 1000",
                "pulse.toml:4:15: hls.container: `mp4` is not one of the choices; allowed: \"cmaf\" or \"ts\"",
                "pulse.toml:5:12: hls.window_s: `60` is not a whole number; allowed: a whole number, 6 to 1800",
                "pulse.toml:7:10: http.listen: `8080` is not an address and port; allowed: IP:PORT, such as 0.0.0.0:8080, \
                 [::]:8080 or localhost:8080",
            ]
        );
    }

    #[test]
    fn unknown_names_are_refused_with_the_name_that_was_meant() {
        let text = "part_ms = 200\n[hsl]\n[http]\npart_ms = 1\nlisten_tls = ''\ncolour = 1\n[x.y]\n";
        assert_eq!(
            errors(text, &[]),
            [
                "pulse.toml:1:1: part_ms: is not a setting; did you mean `hls.part_ms`?",
                "pulse.toml:2:2: hsl: is not a setting; did you mean `hls`?",
                "pulse.toml:4:1: http.part_ms: is not a setting; did you mean `hls.part_ms`?",
                "pulse.toml:5:1: http.listen_tls: is not a setting",
                "pulse.toml:6:1: http.colour: is not a setting",
                "pulse.toml:7:2: x: is not a setting",
            ]
        );
    }

    #[test]
    fn syntax_errors_are_told_without_quoting_the_line() {
        let text = "[[streams]]\nid = 'a'\nkeys = ['very-secret-key-indeed]\n[hls]\npart_ms = = 5\n";
        let lines = errors(text, &[]);
        assert_eq!(lines[0], "pulse.toml:3:33: is not TOML: invalid literal string, expected `'`");
        assert!(!lines.concat().contains("very-secret"), "{lines:?}");
        let independent = errors("open = = true\n[hls]\npart_ms = 200 200\n", &[]);
        assert_eq!(independent.len(), 2, "{independent:?}");
        assert!(independent[1].starts_with("pulse.toml:3:"), "{independent:?}");
    }

    #[test]
    fn a_section_that_is_no_table_a_missing_file_and_binary_files_are_told() {
        assert_eq!(
            errors("hls = 3\n", &[]),
            ["pulse.toml:1:7: hls: is a TOML integer; allowed: a table, [hls]"]
        );
        let missing =
            super::super::Sources { file: Some("/nonexistent/pulse.toml".into()), ..Default::default() };
        let text = super::super::Config::load(&missing).unwrap_err().to_string();
        assert_eq!(text, "/nonexistent/pulse.toml: cannot be read: No such file or directory (os error 2)");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        std::fs::write(&path, b"open = true\n# \xff\n").unwrap();
        let binary = super::super::Sources { file: Some(path), ..Default::default() };
        let text = super::super::Config::load(&binary).unwrap_err().to_string();
        assert!(text.ends_with("p:2:3: is not UTF-8 text"), "{text}");
    }

    #[test]
    fn numbers_beyond_every_type_are_wrong_not_wrapped() {
        let text = "[limits]\nhttp_connections = 99999999999999999999\nring_s = -1\n[hls]\npart_ms = 1.5\n";
        let lines = errors(text, &[]);
        assert_eq!(lines.len(), 3, "{lines:?}");
    }
}
