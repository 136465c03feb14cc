//! Typed ids: TypeIDs (specification v0.3), a prefix that names the kind and a UUIDv7 in 26 digits of base32.
//!
//! `org_01h455vb4pex5vsknk084sn02q` is 128 bits in memory and 30 characters everywhere else. Texts sort as ids do, and ids
//! of one process in the order in which they were made. A crate names its kinds with [`id_kinds!`](crate::id_kinds); the ones
//! that the event envelope needs are here.

mod generator;
mod text;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

pub use generator::Generator;
pub use text::IdText;

use crate::WallTime;

/// What an id is of. Declared with [`id_kinds!`](crate::id_kinds).
pub trait Kind: 'static {
    /// The prefix, without the underscore that ends it: 1 to [`MAX_PREFIX`] letters from `a` to `z`.
    const PREFIX: &'static str;
    /// What people call it, for messages: `organization`.
    const NAME: &'static str;
}

/// The longest prefix, in letters. The specification allows 63; a bound of ours lets an id's text lie on the stack.
pub const MAX_PREFIX: usize = 8;

/// Declares kinds of ids: a type alias, the marker behind it, prefix and name.
///
/// ```
/// platform_core::id_kinds! {
///     /// The id of a stream.
///     pub StreamId(StreamKind) = "str", "stream";
/// }
/// assert!("str_01h455vb4pex5vsknk084sn02q".parse::<StreamId>().is_ok());
/// ```
///
/// A prefix that TypeID does not allow does not compile:
///
/// ```compile_fail
/// platform_core::id_kinds! {
///     /// Not lower case.
///     pub StreamId(StreamKind) = "Str", "stream";
/// }
/// ```
#[macro_export]
macro_rules! id_kinds {
    ($($(#[$doc:meta])* $vis:vis $id:ident($kind:ident) = $prefix:literal, $name:literal;)+) => {$(
        #[doc = concat!("What an id with the prefix `", $prefix, "` is of: ", $name, ".")]
        #[derive(Clone, Copy, Debug)]
        $vis enum $kind {}

        impl $crate::id::Kind for $kind {
            const PREFIX: &'static str = $prefix;
            const NAME: &'static str = $name;
        }

        const _: () = $crate::id::check_prefix($prefix);

        $(#[$doc])*
        $vis type $id = $crate::id::Id<$kind>;
    )+};
}

/// Refuses, at compile time, a prefix that is not 1 to [`MAX_PREFIX`] letters.
#[doc(hidden)]
#[expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only evaluated at compile time, where it is a compile error"
)]
pub const fn check_prefix(prefix: &str) {
    let bytes = prefix.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_PREFIX {
        panic!("an id's prefix has 1 to 8 letters");
    }
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_lowercase() {
            panic!("an id's prefix is lower-case letters");
        }
        at += 1;
    }
}

id_kinds! {
    /// The id of an organization, the tenant.
    pub OrganizationId(OrganizationKind) = "org", "organization";
    /// The id of a project within an organization.
    pub ProjectId(ProjectKind) = "prj", "project";
    /// The id of an event.
    pub EventId(EventKind) = "evt", "event";
    /// The id of an audit row.
    pub AuditId(AuditKind) = "aud", "audit log entry";
}

/// An id of kind `K`. Sixteen bytes; ordered by the time at which it was made.
pub struct Id<K> {
    uuid: u128,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Id<K> {
    /// The id with this UUID, of whatever version.
    pub const fn from_uuid(uuid: u128) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The UUID, big-endian: the first byte is the most significant.
    pub const fn uuid(self) -> u128 {
        self.uuid
    }

    /// When the id was made, to the millisecond (RFC 9562 §5.7). Means something only for ids that a [`Generator`] made;
    /// a peer may send any.
    pub fn created_at(self) -> WallTime {
        WallTime::from_unix_ms((self.uuid >> 80) as i64)
    }

    /// The text, without an allocation.
    pub fn text(self) -> IdText {
        IdText::new(K::PREFIX, self.uuid)
    }

    /// Reads the text of an id of this kind. There is one text for each id: no upper case, no other form.
    ///
    /// # Errors
    ///
    /// [`ParseIdError::WrongKind`] for a well-formed id with another prefix, [`ParseIdError::Malformed`] for all else.
    pub fn parse(text: &str) -> Result<Self, ParseIdError> {
        let malformed = ParseIdError::Malformed { expected: K::NAME, prefix: K::PREFIX };
        let (prefix, suffix) = text.rsplit_once('_').ok_or(malformed)?;
        let uuid = text::decode(suffix).ok_or(malformed)?;
        if prefix == K::PREFIX {
            Ok(Self::from_uuid(uuid))
        } else if text::is_prefix(prefix) {
            Err(ParseIdError::WrongKind { expected: K::NAME, prefix: K::PREFIX })
        } else {
            Err(malformed)
        }
    }
}

/// Why a text is no id of the kind that was expected. The peer's fault; asking again does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdError {
    /// It is an id, of another kind.
    #[error("is the id of something else; must be {}", shape(expected, prefix))]
    WrongKind {
        /// What was expected: `organization`.
        expected: &'static str,
        /// How that one's ids begin, without the underscore.
        prefix: &'static str,
    },
    /// It is no id.
    #[error("must be {}", shape(expected, prefix))]
    Malformed {
        /// What was expected: `organization`.
        expected: &'static str,
        /// How that one's ids begin, without the underscore.
        prefix: &'static str,
    },
}

/// What an id of a kind looks like, for messages: "the id of a stream: `str_` and 26 characters of 0-9 and a-z".
fn shape(name: &str, prefix: &str) -> String {
    // Names that begin with `u` are spoken as "you": a user.
    let article = if name.starts_with(|c: char| "aeioAEIO".contains(c)) { "an" } else { "a" };
    format!("the id of {article} {name}: `{prefix}_` and 26 characters of 0-9 and a-z")
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Self::parse(text)
    }
}

impl<K: Kind> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de, K: Kind> serde::Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<K>(PhantomData<K>);
        impl<K: Kind> serde::de::Visitor<'_> for Text<K> {
            type Value = Id<K>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&shape(K::NAME, K::PREFIX))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id<K>, E> {
                Id::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // From the specification's `spec/valid.yml`: prefix `prefix` there, the same UUIDs here.
    const KNOWN: [(&str, u128); 4] = [
        ("org_00000000000000000000000000", 0),
        ("org_0000000000000000000000000g", 16),
        ("org_0123456789abcdefghjkmnpqrs", 0x0110_c853_1d09_52d8_d73e_1194_e95b_5f19),
        ("org_7zzzzzzzzzzzzzzzzzzzzzzzzz", u128::MAX),
    ];

    #[test]
    fn texts_are_those_of_the_specification() {
        for (text, uuid) in KNOWN {
            assert_eq!(OrganizationId::from_uuid(uuid).to_string(), text);
            assert_eq!(OrganizationId::parse(text).map(Id::uuid), Ok(uuid));
        }
    }

    #[test]
    fn an_id_of_another_kind_is_told_apart_from_no_id() {
        let wrong = ParseIdError::WrongKind { expected: "project", prefix: "prj" };
        let malformed = ParseIdError::Malformed { expected: "project", prefix: "prj" };
        let cases = [
            ("org_01h455vb4pex5vsknk084sn02q", wrong),
            ("or_g_01h455vb4pex5vsknk084sn02q", wrong),
            ("", malformed),
            ("prj", malformed),
            ("prj_", malformed),
            ("01h455vb4pex5vsknk084sn02q", malformed),
            ("_01h455vb4pex5vsknk084sn02q", malformed),
            ("PRJ_01h455vb4pex5vsknk084sn02q", malformed),
            ("prj_01H455VB4PEX5VSKNK084SN02Q", malformed),
            ("prj_81h455vb4pex5vsknk084sn02q", malformed),
            ("prj_01h455vb4pex5vsknk084sn02", malformed),
            ("prj_01h455vb4pex5vsknk084sn02qq", malformed),
            ("prj_01h455vb4pex5vsknk084sn0lq", malformed),
            ("prj_01h455vb4pex5vsknk084sn02é", malformed),
            ("prj__01h455vb4pex5vsknk084sn02q", malformed),
            (" prj_01h455vb4pex5vsknk084sn02q", malformed),
        ];
        for (text, error) in cases {
            assert_eq!(ProjectId::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_no_id_is_told_what_one_looks_like() {
        let told = |text: &str| ProjectId::parse(text).unwrap_err().to_string();
        assert_eq!(told("7"), "must be the id of a project: `prj_` and 26 characters of 0-9 and a-z");
        assert_eq!(
            told("org_01h455vb4pex5vsknk084sn02q"),
            "is the id of something else; must be the id of a project: `prj_` and 26 characters of 0-9 and a-z"
        );
        for (name, begins) in [
            ("organization", "the id of an organization:"),
            ("API key", "the id of an API key:"),
            ("user", "the id of a user:"),
        ] {
            assert!(shape(name, "x").starts_with(begins), "{name}");
        }
    }

    #[test]
    fn json_is_the_text() {
        let id = ProjectId::from_uuid(16);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, r#""prj_0000000000000000000000000g""#);
        assert_eq!(serde_json::from_str::<ProjectId>(&json).unwrap(), id);
        let error = serde_json::from_str::<OrganizationId>(&json).unwrap_err().to_string();
        assert!(error.contains("organization") && error.contains("`org_`"), "{error}");
        assert!(serde_json::from_str::<ProjectId>("16").is_err());
    }

    proptest! {
        #[test]
        fn texts_sort_as_ids_do(a: u128, b: u128) {
            let (a, b) = (EventId::from_uuid(a), EventId::from_uuid(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
            prop_assert_eq!(EventId::parse(&a.text()), Ok(a));
        }

        #[test]
        fn any_text_parses_or_is_refused(text in ".{0,40}|evt_[0-9a-z]{25,27}") {
            if let Ok(id) = EventId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
