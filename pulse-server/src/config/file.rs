//! The TOML file: which table and key a value belongs to, and at which line it stands.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin};
use super::load::Draft;
use super::stream;
use super::suggest::nearest;
use super::table::Section;
use super::value::Raw;

/// Largest configuration file, in bytes; room for [`stream::MAX_STREAMS`] streams with several keys each.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Reads `path` into the draft.
pub(super) fn read(path: &Path, sections: &[Section], draft: &mut Draft) {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) => return draft.errors.push(*error),
    };
    let place = Place { path: path.to_owned(), text: &text };
    let (root, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        // What the parser recovered may have keys under the wrong table; its mistakes would not be the operator's.
        draft.errors.extend(errors.iter().map(|error| place.syntax_error(error)));
        return;
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
        let place = Place { path: path.to_owned(), text: &before };
        Box::new(ConfigError::new(place.at(&(valid..valid)), "", "is not UTF-8 text"))
    })
}

/// The file as errors name it.
pub(super) struct Place<'a> {
    path: PathBuf,
    text: &'a str,
}

impl Place<'_> {
    /// Line and column of a span's beginning.
    pub(super) fn at(&self, span: &Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Origin::File { path: self.path.clone(), position: Some((line, column)) }
    }

    /// The parser's message alone: its excerpt of the file could show a key.
    fn syntax_error(&self, error: &toml::de::Error) -> ConfigError {
        let origin = match error.span() {
            Some(span) => self.at(&span),
            None => Origin::File { path: self.path.clone(), position: None },
        };
        ConfigError::new(origin, "", format!("is not TOML: {}", error.message()))
    }
}

fn top_level(
    name: &Spanned<std::borrow::Cow<'_, str>>,
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
