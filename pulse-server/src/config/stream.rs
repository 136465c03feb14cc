//! `[[streams]]`: which streams may be published, and with which keys.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin, Warning};
use super::file::Place;
use super::load::Draft;
use super::secret::Secret;
use super::suggest::nearest;
use crate::stream_id::is_valid_id;

/// Longest stream key, in characters.
pub const MAX_KEY_LEN: usize = 128;
/// Longest name of a stream, in characters.
const MAX_NAME_LEN: usize = 200;
/// Most keys of one stream.
pub const MAX_KEYS: usize = 16;
/// Most streams of one configuration; with [`MAX_KEYS`] keys of [`MAX_KEY_LEN`] each they take 30 MiB at worst.
pub const MAX_STREAMS: usize = 10_000;
/// Keys shorter than this, in characters, are warned about: they can be guessed.
pub const WEAK_KEY_LEN: usize = 16;

/// The variable that lists streams.
pub(super) const VARIABLE: &str = "PULSE_STREAMS";
/// How [`VARIABLE`] lists them.
pub(super) const VARIABLE_SYNTAX: &str = "id=key[,key…][;id=key…]";
const ID_ALLOWED: &str = "1 to 64 characters A-Z a-z 0-9 _ -";
const KEY_ALLOWED: &str = "1 to 128 characters A-Z a-z 0-9 _ - . ~";

/// One stream that may be published.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stream {
    /// Its name in URLs; everybody sees it.
    pub id: String,
    /// The keys that may publish it, all equal in rights; two or more let a key be replaced while in use.
    pub keys: Vec<Secret>,
    /// A name for people; the id where absent.
    pub name: Option<String>,
}

impl Stream {
    /// A stream with its keys and no name. Nothing is checked here.
    pub fn new(id: &str, keys: &[&str]) -> Self {
        Self { id: id.to_owned(), keys: keys.iter().map(|key| Secret::new(*key)).collect(), name: None }
    }
}

/// A field of `[[streams]]`, for the reference.
pub(super) struct StreamField {
    pub(super) name: &'static str,
    pub(super) allowed: &'static str,
    pub(super) doc: &'static str,
}

/// The fields of `[[streams]]`; names other than these are refused.
pub(super) const FIELDS: [StreamField; 3] = [
    StreamField {
        name: "id",
        allowed: ID_ALLOWED,
        doc: "Required. The stream's name in URLs (`/watch/ID`, `/hls/ID/index.m3u8`); everybody sees it.",
    },
    StreamField {
        name: "keys",
        allowed: "1 to 16 texts, each 1 to 128 characters `A-Z a-z 0-9 _ - . ~`",
        doc: "Required. The secret keys that may publish the stream. Two let a key be replaced without an interruption: add the \
              new one, reload, change the encoder, remove the old one, reload.",
    },
    StreamField { name: "name", allowed: "a text of at most 200 characters", doc: "A name for people." },
];

/// Whether `key` may be a stream key: nothing in it needs escaping in a URL.
fn is_valid_key(key: &str) -> bool {
    (1..=MAX_KEY_LEN).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.~".contains(&b))
}

/// A stream as it was written, with where.
pub(super) struct Written {
    pub(super) stream: Stream,
    pub(super) origin: Origin,
}

impl Written {
    fn new(id: String, keys: Vec<Secret>, name: Option<String>, origin: Origin) -> Self {
        Self { stream: Stream { id, keys, name }, origin }
    }
}

/// Reads the file's `[[streams]]`.
pub(super) fn read_file(value: &Spanned<DeValue<'_>>, place: &Place<'_>, draft: &mut Draft) {
    let tables =
        value.get_ref().as_array().map(|array| array.iter().map(|item| (item, item.get_ref().as_table())));
    let Some(tables) = tables else {
        let problem = format!("is a TOML {}", value.get_ref().type_str());
        let error = ConfigError::new(place.at(&value.span()), "streams", problem);
        return draft.errors.push(error.allowed("tables, [[streams]]"));
    };
    for (index, (item, table)) in tables.enumerate() {
        let path = format!("streams[{index}]");
        match table {
            Some(table) => read_table(&path, item, table, place, draft),
            None => {
                let problem = format!("is a TOML {}", item.get_ref().type_str());
                let error = ConfigError::new(place.at(&item.span()), path, problem);
                draft.errors.push(error.allowed("a table, [[streams]]"));
            }
        }
    }
}

/// Reads one table; its stream counts only if all of it is right.
fn read_table(
    path: &str,
    item: &Spanned<DeValue<'_>>,
    table: &DeTable<'_>,
    place: &Place<'_>,
    draft: &mut Draft,
) {
    let errors_before = draft.errors.len();
    let (mut id, mut keys, mut name) = (None, None, None);
    for (field, value) in table {
        let field_path = format!("{path}.{}", field.get_ref());
        let reader = Reader { path: field_path, value, place };
        match field.get_ref().as_ref() {
            "id" => id = reader.id(&mut draft.errors),
            "keys" => keys = reader.keys(&mut draft.errors),
            "name" => name = reader.name(&mut draft.errors),
            unknown => {
                let near = nearest(unknown, FIELDS.iter().map(|field| field.name));
                let error = ConfigError::new(place.at(&field.span()), reader.path, "is not a setting");
                draft.errors.push(error.suggesting(near));
            }
        }
    }
    for (required, allowed) in FIELDS.iter().take(2).map(|field| (field.name, field.allowed)) {
        if !table.iter().any(|(field, _)| field.get_ref() == required) {
            let error = ConfigError::new(place.at(&item.span()), format!("{path}.{required}"), "is missing");
            draft.errors.push(error.allowed(allowed));
        }
    }
    if let (Some(id), Some(keys), true) = (id, keys, draft.errors.len() == errors_before) {
        draft.streams.push(Written::new(id, keys, name, place.at(&item.span())));
    }
}

/// One field's value.
struct Reader<'a> {
    path: String,
    value: &'a Spanned<DeValue<'a>>,
    place: &'a Place<'a>,
}

impl Reader<'_> {
    fn error(&self, problem: impl Into<String>, allowed: &str) -> ConfigError {
        ConfigError::new(self.place.at(&self.value.span()), self.path.clone(), problem).allowed(allowed)
    }

    fn id(&self, errors: &mut Vec<ConfigError>) -> Option<String> {
        let id = self.value.get_ref().as_str();
        match id {
            Some(id) if is_valid_id(id) => return Some(id.to_owned()),
            // Not quoted: it could be a key in the wrong place.
            Some(_) => errors.push(self.error("is not a stream's id", ID_ALLOWED)),
            None => errors.push(self.error(self.of_wrong_type(), ID_ALLOWED)),
        }
        None
    }

    fn name(&self, errors: &mut Vec<ConfigError>) -> Option<String> {
        const ALLOWED: &str = "a text of at most 200 characters";
        match self.value.get_ref().as_str() {
            Some(name) if name.chars().count() <= MAX_NAME_LEN => return Some(name.to_owned()),
            Some(_) => errors.push(self.error("is too long", ALLOWED)),
            None => errors.push(self.error(self.of_wrong_type(), ALLOWED)),
        }
        None
    }

    /// The keys; messages name them by their place only.
    fn keys(&self, errors: &mut Vec<ConfigError>) -> Option<Vec<Secret>> {
        const ALLOWED: &str = "a list of 1 to 16 texts";
        let Some(items) = self.value.get_ref().as_array() else {
            errors.push(self.error(self.of_wrong_type(), ALLOWED));
            return None;
        };
        if !(1..=MAX_KEYS).contains(&items.len()) {
            errors.push(self.error(format!("has {} entries", items.len()), ALLOWED));
            return None;
        }
        let mut keys = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item.get_ref().as_str() {
                Some(key) if is_valid_key(key) => keys.push(Secret::new(key)),
                _ => errors.push(
                    ConfigError::new(
                        self.place.at(&item.span()),
                        format!("{}[{index}]", self.path),
                        "is not a stream key",
                    )
                    .allowed(KEY_ALLOWED),
                ),
            }
        }
        (keys.len() == items.len()).then_some(keys)
    }

    fn of_wrong_type(&self) -> String {
        format!("is a TOML {}", self.value.get_ref().type_str())
    }
}

/// Reads [`VARIABLE`]; its streams replace the file's.
pub(super) fn read_variable(text: &str, draft: &mut Draft) {
    let origin = Origin::Env(VARIABLE.to_owned());
    let mut streams = Vec::new();
    for (index, entry) in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()).enumerate() {
        match read_entry(entry) {
            Ok((id, keys)) => streams.push(Written::new(id, keys, None, origin.clone())),
            Err((problem, allowed)) => {
                let error = ConfigError::new(origin.clone(), format!("streams[{index}]"), problem);
                draft.errors.push(error.allowed(allowed));
            }
        }
    }
    draft.streams = streams;
}

/// One `id=key,key`.
fn read_entry(entry: &str) -> Result<(String, Vec<Secret>), (&'static str, &'static str)> {
    let (id, keys) = entry.split_once('=').ok_or(("has no `=`", VARIABLE_SYNTAX))?;
    let id = id.trim();
    if !is_valid_id(id) {
        return Err(("what stands before `=` is not a stream's id", ID_ALLOWED));
    }
    let keys: Vec<&str> = keys.split(',').map(str::trim).collect();
    if keys.len() > MAX_KEYS {
        return Err(("has too many keys", "at most 16 keys"));
    }
    if !keys.iter().all(|key| is_valid_key(key)) {
        return Err(("what stands behind `=` is not a list of stream keys", KEY_ALLOWED));
    }
    Ok((id.to_owned(), keys.into_iter().map(Secret::new).collect()))
}

/// The rules between streams: ids and keys are each used once, and a key is not an id that everybody sees.
pub(super) fn check(streams: &[Written], errors: &mut Vec<ConfigError>, warnings: &mut Vec<Warning>) {
    if let Some(extra) = streams.get(MAX_STREAMS) {
        let problem = format!("has {} streams", streams.len());
        let error = ConfigError::new(extra.origin.clone(), "streams", problem);
        errors.push(error.allowed(format!("at most {MAX_STREAMS}")));
        return;
    }
    let ids: BTreeSet<&str> = streams.iter().map(|written| written.stream.id.as_str()).collect();
    let mut seen_ids = BTreeSet::new();
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for Written { stream, origin } in streams {
        let error =
            |problem: String| ConfigError::new(origin.clone(), format!("stream {}", stream.id), problem);
        if !seen_ids.insert(stream.id.as_str()) {
            errors.push(error("is listed twice".to_owned()).allowed("each id once"));
        }
        for (index, key) in stream.keys.iter().enumerate() {
            if let Some(owner) = owners.insert(key.expose(), &stream.id) {
                let problem = format!("keys[{index}] is also a key of stream {owner}");
                errors.push(error(problem).allowed("each key once, for one stream"));
            }
            if ids.contains(key.expose()) {
                let problem = format!("keys[{index}] is the id of a stream, which every viewer sees");
                errors.push(error(problem).allowed("a key that nobody can guess"));
            } else if key.expose().len() < WEAK_KEY_LEN {
                let message =
                    format!("keys[{index}] is shorter than {WEAK_KEY_LEN} characters and can be guessed");
                let field = format!("stream {}", stream.id);
                warnings.push(Warning { origin: origin.clone(), field, message });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{errors, load, load_with, warnings};

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn streams_are_read_from_the_file() {
        let text = format!(
            "[[streams]]\nid = 'a'\nkeys = ['{KEY}', '{KEY}x']\n[[streams]]\nid = 'b_-9'\nkeys = ['{KEY}y']\nname = 'B'\n"
        );
        let (config, warnings) = load(&text).unwrap();
        assert_eq!(warnings, []);
        assert_eq!(config.streams.len(), 2);
        assert!(config.streams[0].keys[1].matches(&format!("{KEY}x")));
        assert_eq!(config.streams[1].id, "b_-9");
        assert_eq!(config.streams[1].name.as_deref(), Some("B"));
    }

    #[test]
    fn the_variable_replaces_the_files_streams() {
        let file = format!("[[streams]]\nid = 'file'\nkeys = ['{KEY}']\n");
        let variable = format!(" a={KEY}1, {KEY}2 ; b={KEY}3;");
        let (config, _) = load_with(&file, &[("PULSE_STREAMS", &variable)]).unwrap();
        let ids: Vec<_> =
            config.streams.iter().map(|stream| (stream.id.as_str(), stream.keys.len())).collect();
        assert_eq!(ids, [("a", 2), ("b", 1)]);
    }

    #[test]
    fn mistakes_are_told_by_their_place_and_never_show_a_key() {
        let file = "[[streams]]\nid = 'my secret id'\nkeys = []\n[[streams]]\nkeys = ['secret with blanks', 5]\nkey = 'secret'\n\
                    [[streams]]\nid = 'c'\nkeys = 'secret'\nname = 1\n";
        let lines = errors(file, &[("PULSE_STREAMS", "secret;x=;sec ret=k")]);
        assert_eq!(
            lines,
            [
                "pulse.toml:2:6: streams[0].id: is not a stream's id; allowed: 1 to 64 characters A-Z a-z 0-9 _ -",
                "pulse.toml:3:8: streams[0].keys: has 0 entries; allowed: a list of 1 to 16 texts",
                "pulse.toml:4:1: streams[1].id: is missing; allowed: 1 to 64 characters A-Z a-z 0-9 _ -",
                "pulse.toml:5:9: streams[1].keys[0]: is not a stream key; allowed: 1 to 128 characters A-Z a-z 0-9 _ - . ~",
                "pulse.toml:5:31: streams[1].keys[1]: is not a stream key; allowed: 1 to 128 characters A-Z a-z 0-9 _ - . ~",
                "pulse.toml:6:1: streams[1].key: is not a setting; did you mean `keys`?",
                "pulse.toml:9:8: streams[2].keys: is a TOML string; allowed: a list of 1 to 16 texts",
                "pulse.toml:10:8: streams[2].name: is a TOML integer; allowed: a text of at most 200 characters",
                "environment variable PULSE_STREAMS: streams[0]: has no `=`; allowed: id=key[,key…][;id=key…]",
                "environment variable PULSE_STREAMS: streams[1]: what stands behind `=` is not a list of stream keys; \
                 allowed: 1 to 128 characters A-Z a-z 0-9 _ - . ~",
                "environment variable PULSE_STREAMS: streams[2]: what stands before `=` is not a stream's id; allowed: \
                 1 to 64 characters A-Z a-z 0-9 _ -",
            ]
        );
    }

    #[test]
    fn ids_and_keys_are_used_once_and_no_key_is_an_id() {
        let text = format!(
            "[[streams]]\nid = 'a'\nkeys = ['{KEY}']\n[[streams]]\nid = 'b'\nkeys = ['{KEY}', 'a']\n[[streams]]\nid = 'a'\nkeys = ['{KEY}z']\n"
        );
        assert_eq!(
            errors(&text, &[]),
            [
                "pulse.toml:4:1: stream b: keys[0] is also a key of stream a; allowed: each key once, for one stream",
                "pulse.toml:4:1: stream b: keys[1] is the id of a stream, which every viewer sees; allowed: a key that \
                 nobody can guess",
                "pulse.toml:7:1: stream a: is listed twice; allowed: each id once",
            ]
        );
    }

    #[test]
    fn keys_that_can_be_guessed_are_warned_about() {
        assert_eq!(
            warnings("[[streams]]\nid = 'a'\nkeys = ['hunter2']\n", &[]),
            ["pulse.toml:1:1: stream a: keys[0] is shorter than 16 characters and can be guessed"]
        );
    }

    #[test]
    fn too_many_streams_are_refused() {
        let text: String = (0..=super::MAX_STREAMS)
            .map(|n| format!("[[streams]]\nid = 's{n}'\nkeys = ['{KEY}{n}']\n"))
            .collect();
        assert!(errors(&text, &[])[0].contains("has 10001 streams; allowed: at most 10000"));
    }
}
