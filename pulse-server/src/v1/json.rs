//! JSON read into a request's type, strictly, with a JSON pointer for what is wrong.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use platform_core::problem::{code, pointer};
use platform_core::{FieldError, Problem};
use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_path_to_error::Segment;

use super::failure::Failure;

/// What [`Strict`] says of text that PostgreSQL cannot store.
const NULL_CHARACTER: &str = "text cannot have the character U+0000";
/// What [`Strict`] says of a name that an object has twice.
const TWICE: &str = "this field is there twice";
/// What [`Strict`] says of a name with a meaning of its own to `serde_json`: its value would be read as JSON within text, unchecked.
const RESERVED: &str = "this name is reserved";
/// What such names begin with.
const PRIVATE: &str = "$serde_json::private::";

/// Reads JSON into `T`.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    // serde would take an array for an object without its names.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Failure::field("", "wrong_type", "Expected an object."));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    if Strict.deserialize(&mut json).is_err() {
        return Err(place_of_looseness(bytes));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = place(error.path());
        problem(place, error.inner())
    })?;
    json.end().map_err(|error| problem(String::new(), &error))?;
    Ok(value)
}

/// Once more, and slower, now that something is wrong: where.
fn place_of_looseness(bytes: &[u8]) -> Failure {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let read = Strict.deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    let Err(error) = read else { return code::INVALID_JSON.problem("The body is not JSON.").into() };
    problem(place(&track.path()), &error)
}

/// Reads any JSON and keeps none of it: an object's names are there once, and no text has U+0000. What is read into maps and free JSON
/// would otherwise lose all but the last of a name's values without a word.
#[derive(Clone, Copy)]
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') { Err(E::custom(NULL_CHARACTER)) } else { Ok(()) }
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while fields.next_key_seed(Name(&mut seen))?.is_some() {
            fields.next_value_seed(self)?;
        }
        Ok(())
    }
}

/// A name of an object that has had these.
struct Name<'a>(&'a mut HashSet<String>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let name: Cow<'de, str> = serde::Deserialize::deserialize(deserializer)?;
        Strict.visit_str(&name)?;
        if name.starts_with(PRIVATE) {
            return Err(D::Error::custom(RESERVED));
        }
        if self.0.insert(name.into_owned()) { Ok(()) } else { Err(D::Error::custom(TWICE)) }
    }
}

fn place(path: &serde_path_to_error::Path) -> String {
    path.iter().fold(String::new(), |parent, segment| match segment {
        Segment::Seq { index } => pointer(&parent, &index.to_string()),
        Segment::Map { key } => pointer(&parent, key),
        Segment::Enum { .. } | Segment::Unknown => parent,
    })
}

/// What serde says, as a problem. Values are not repeated: they may be secret.
fn problem(place: String, error: &serde_json::Error) -> Failure {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let (place, rule, detail) = match error.classify() {
        Category::Data => wrong(place, text),
        // JSON it is; what no number of ours holds is refused rather than rounded to something else.
        Category::Syntax if text == "number out of range" => {
            (place, "out_of_range", "A number is at most about 1.8e308.".into())
        }
        _ => {
            let detail =
                format!("The body is not JSON: see line {}, column {}.", error.line(), error.column());
            return code::INVALID_JSON.problem(detail).into();
        }
    };
    Problem::invalid(vec![FieldError::body(place, rule, detail)]).into()
}

/// Place, rule and detail of what serde says of a field.
fn wrong(place: String, text: &str) -> (String, &'static str, Cow<'static, str>) {
    let named = text.split('`').nth(1).unwrap_or_default();
    // A value may itself have these words; what is expected never has.
    let expected = || text.rsplit_once("expected ").map(|(_, expected)| expected);
    if text.starts_with("missing field") {
        (pointer(&place, named), "required", "This field is needed.".into())
    } else if text.starts_with("unknown field") {
        // The path may or may not have the name already.
        let last = pointer("", named);
        let place = if place.ends_with(&last) { place } else { pointer(&place, named) };
        (place, "unknown_field", "There is no such field, or what it is for does not exist yet.".into())
    } else if text == TWICE {
        (place, "duplicate_field", "This field is there twice.".into())
    } else if text == RESERVED {
        (place, "reserved_name", "This name is reserved.".into())
    } else if text == NULL_CHARACTER {
        (place, "invalid_text", "Text cannot have the character U+0000.".into())
    } else if text.starts_with("unknown variant") {
        (place, "unknown_value", format!("Allowed: {}.", expected().unwrap_or_default()).into())
    } else if let Some(expected) = expected().filter(|_| text.starts_with("invalid ")) {
        (place, "wrong_type", format!("Expected {}.", in_words(expected)).into())
    } else {
        // Messages of our own types, which name no value.
        (place, "invalid", format!("{text}.").into())
    }
}

/// What serde expects, for people who do not write Rust.
fn in_words(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65,535",
        "u32" => "a whole number from 0 to 4,294,967,295",
        "u64" | "usize" => "a whole number of 0 or more",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a boolean" => "`true` or `false`",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use tenancy::quota::Resource;
    use tenancy::stream::LatencyMode;

    use super::*;
    use crate::v1::body::{given, objects};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Inner {
        #[serde(default, deserialize_with = "given")]
        count: Option<u8>,
        #[serde(default)]
        total: u64,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Body {
        name: String,
        #[serde(default, deserialize_with = "objects")]
        inner: Vec<Inner>,
        #[serde(default)]
        labels: BTreeMap<String, String>,
        #[serde(default)]
        metadata: serde_json::Map<String, serde_json::Value>,
        #[serde(default)]
        limits: BTreeMap<Resource, i64>,
        #[serde(default, deserialize_with = "given")]
        latency_mode: Option<LatencyMode>,
    }

    /// Pointer, rule and detail of the first thing that is wrong.
    fn first(text: &str) -> [String; 3] {
        let failure = parse::<Body>(text.as_bytes()).unwrap_err();
        let document: serde_json::Value = serde_json::from_slice(&failure.document("r")).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        match document["errors"].get(0) {
            Some(error) => [text(&error["pointer"]), text(&error["rule"]), text(&error["detail"])],
            None => [String::new(), text(&document["code"]), text(&document["detail"])],
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_pointer_and_rule() {
        let cases = [
            (r#"{}"#, "/name", "required"),
            (r#"{"name":7}"#, "/name", "wrong_type"),
            (r#"{"name":"a","nmae":"b"}"#, "/nmae", "unknown_field"),
            (r#"{"name":"a","a/b":1}"#, "/a~1b", "unknown_field"),
            (r#"{"name":"a","name":"b"}"#, "/name", "duplicate_field"),
            (r#"{"name":"a","inner":[{},{"count":999}]}"#, "/inner/1/count", "wrong_type"),
            (r#"{"name":"a","inner":[{"count":null}]}"#, "/inner/0/count", "wrong_type"),
            (r#"{"name":"a","inner":[{"x":1}]}"#, "/inner/0/x", "unknown_field"),
            (r#"{"name":"a","inner":[{},[1,2]]}"#, "/inner/1", "wrong_type"),
            (r#"{"name":"a","labels":{"a/b":1}}"#, "/labels/a~1b", "wrong_type"),
            (r#"{"name":"a","limits":{"streams":1.5}}"#, "/limits/streams", "wrong_type"),
            (r#"{"name":"a","limits":{"streams":null}}"#, "/limits/streams", "wrong_type"),
            (r#"{"name":"a","limits":{"foo":1}}"#, "/limits/foo", "unknown_value"),
            (r#"{"name":"#, "", "invalid_json"),
            (r#"{"name":"a"} x"#, "", "invalid_json"),
            ("[]", "", "wrong_type"),
            (r#"["a"]"#, "", "wrong_type"),
            ("null", "", "wrong_type"),
        ];
        for (text, pointer, rule) in cases {
            assert_eq!(first(text)[..2], [pointer, rule], "{text}");
        }
    }

    #[test]
    fn one_of_several_names_is_a_text() {
        for other in ["null", "1", "true", "[]", "{}", r#"{"low":null}"#] {
            let body = format!(r#"{{"name":"a","latency_mode":{other}}}"#);
            let wanted = ["/latency_mode", "wrong_type", "Expected one of `low`, `standard`."];
            assert_eq!(first(&body), wanted, "{other}");
        }
        let body = r#"{"name":"a","latency_mode":"Low"}"#;
        assert_eq!(first(body), ["/latency_mode", "unknown_value", "Allowed: `low` or `standard`."]);
    }

    #[test]
    fn types_are_named_for_people() {
        for (text, detail) in [
            ("null", "Expected an object."),
            (r#"{"name":"a","inner":[null]}"#, "Expected an object."),
            (r#"{"name":"a","inner":1}"#, "Expected a list."),
            (r#"{"name":"a","inner":[{"total":-1}]}"#, "Expected a whole number of 0 or more."),
            (r#"{"name":"a","inner":[{"count":256}]}"#, "Expected a whole number from 0 to 255."),
            (r#"{"name":"a","limits":{"streams":"x"}}"#, "Expected a whole number."),
            (r#"{"name":"a","metadata":[]}"#, "Expected an object."),
        ] {
            assert_eq!(first(text)[2], detail, "{text}");
        }
    }

    #[test]
    fn text_that_not_every_database_stores_is_refused_where_it_is() {
        for (json, place) in [
            (r#"{"name":"a\u0000"}"#, "/name"),
            (r#"{"name":"\\\u0000"}"#, "/name"),
            (r#"{"name":"a","labels":{"k":"\u0000"}}"#, "/labels/k"),
            (r#"{"name":"a","metadata":{"k":[1,{"l":"\u0000"}]}}"#, "/metadata/k/1/l"),
            (r#"{"name":"a","metadata":{"k\u0000":1}}"#, "/metadata/k\0"),
        ] {
            assert_eq!(first(json)[..2], [place, "invalid_text"], "{json}");
        }
        for json in [r#"{"name":"\\u0000"}"#, r#"{"name":"u0000"}"#] {
            assert!(parse::<Body>(json.as_bytes()).is_ok(), "{json}");
        }
    }

    #[test]
    fn what_free_json_has_twice_is_refused_rather_than_lost() {
        for (json, place) in [
            (r#"{"name":"a","labels":{"k":"1","k":"2"}}"#, "/labels/k"),
            (r#"{"name":"a","metadata":{"k":{"l":1,"m":2,"l":1}}}"#, "/metadata/k/l"),
            (r#"{"name":"a","metadata":{"l":[{},{"a`b":1,"a\u0060b":1}]}}"#, "/metadata/l/1/a`b"),
        ] {
            assert_eq!(first(json)[..2], [place, "duplicate_field"], "{json}");
        }
        assert!(parse::<Body>(br#"{"name":"a","metadata":{"k":{"l":1},"m":{"l":1}}}"#).is_ok());
    }

    #[test]
    fn names_that_have_a_meaning_of_their_own_to_the_parser_are_refused_wherever_they_stand() {
        let name = "$serde_json::private::RawValue";
        for inner in
            [format!(r#""{name}":"x""#), format!(r#""a":1,"{name}":"x""#), format!(r#""{name}":"[]","a":1"#)]
        {
            let json = format!(r#"{{"name":"a","metadata":{{"k":{{{inner}}}}}}}"#);
            assert_eq!(first(&json)[1], "reserved_name", "{json}");
        }
        let json = r#"{"name":"a","metadata":{"k":{"\u0024serde_json::private::RawValue":"x"}}}"#;
        assert_eq!(first(json)[1], "reserved_name");
        let json = format!(r#"{{"name":"a","metadata":{{"{name}":"x"}}}}"#);
        assert_eq!(first(&json)[1], "reserved_name");
    }

    #[test]
    fn a_number_that_is_too_large_is_a_number() {
        let json = r#"{"name":"a","metadata":{"k":1e400}}"#;
        assert_eq!(first(json)[..2], ["/metadata/k", "out_of_range"]);
    }

    #[test]
    fn values_are_not_repeated() {
        for body in [
            r#"{"name":["hunter2"]}"#,
            r#"{"name":"a","inner":"expected hunter2"}"#,
            r#"{"name":"a","latency_mode":"expected hunter2"}"#,
        ] {
            let failure = parse::<Body>(body.as_bytes()).unwrap_err();
            assert!(!String::from_utf8(failure.document("r")).unwrap().contains("hunter2"), "{body}");
        }
    }
}
