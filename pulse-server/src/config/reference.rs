//! The configuration reference as Markdown, from the declarations.

use std::fmt::Write as _;

use super::env::FILE_VARIABLE;
use super::load::sections;
use super::sections::Config;
use super::stream;
use super::table::{Key, Section};

/// The text of `docs/configuration.md`.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    let defaults = Config::default();
    for section in sections() {
        section_text(&mut page, &section, &defaults);
    }
    streams_text(&mut page);
    page
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from pulse-server/src/config/sections.rs; `make docs` writes it, a test compares it. -->
";

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
    let flag = key.flag.map_or_else(String::new, |flag| format!(" · flag `{flag}`"));
    let _ = write!(
        page,
        "\n### `{path}`\n\n{doc}\n\nDefault: {default} · allowed: {allowed} · a change applies {apply} · `{variable}`{flag}\n",
        path = key.path(),
        doc = paragraph(key.doc),
        allowed = (key.allowed)(),
        apply = key.apply.as_str(),
        variable = key.variable(),
    );
}

fn streams_text(page: &mut String) {
    let _ = write!(page, "\n## `[[streams]]`\n\n{} {}\n", stream::VARIABLE, FILE_VARIABLE);
    for field in &stream::FIELDS {
        let _ = write!(page, "\n### `{}`\n\n{}\n\nAllowed: {}\n", field.name, field.doc, field.allowed);
    }
}

/// A doc comment as running text.
fn paragraph(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}
