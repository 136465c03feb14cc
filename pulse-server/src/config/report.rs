//! What `check-config` prints.

use std::fmt::Write as _;

use super::error::ConfigErrors;
use super::load::{Sources, draft, sections};

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
        let _ = writeln!(text, "id = \"{}\" # {} keys", stream.id, stream.keys.len());
    }
    Ok(text)
}
