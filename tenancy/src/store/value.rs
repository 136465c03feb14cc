//! Values of columns, and how Rust's types become them.

use std::fmt;

use platform_core::id::{Id, Kind as IdKind};
use platform_core::{Secret, WallTime};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, sorted by its bytes.
    Text,
    /// A signed integer of 64 bits; times are milliseconds since 1970.
    Integer,
    /// Bytes.
    Bytes,
    /// True or false.
    Bool,
}

/// What a row holds in a column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Nothing.
    Null,
    /// See [`Kind::Text`].
    Text(String),
    /// See [`Kind::Integer`].
    Integer(i64),
    /// See [`Kind::Bytes`].
    Bytes(Vec<u8>),
    /// See [`Kind::Bool`].
    Bool(bool),
}

impl Value {
    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it may stand in a column of this kind.
    pub fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::Null => true,
            Self::Text(_) => kind == Kind::Text,
            Self::Integer(_) => kind == Kind::Integer,
            Self::Bytes(_) => kind == Kind::Bytes,
            Self::Bool(_) => kind == Kind::Bool,
        }
    }
}

impl fmt::Debug for Value {
    /// Without what it is, which may be personal or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Text(_) => "Text",
            Self::Integer(_) => "Integer",
            Self::Bytes(_) => "Bytes",
            Self::Bool(_) => "Bool",
        })
    }
}

/// A type that can stand in a column.
pub trait Cell: Sized {
    /// The column's type.
    const KIND: Kind;
    /// Whether the column may hold nothing.
    const NULLABLE: bool = false;

    /// It as a value.
    fn into_value(self) -> Value;

    /// What a value says; `None` where it is of another kind or makes no sense.
    fn from_value(value: Value) -> Option<Self>;
}

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;

    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }

    fn from_value(value: Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_value(value).map(Some) }
    }
}

impl Cell for String {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        Value::Text(self)
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

impl Cell for i64 {
    const KIND: Kind = Kind::Integer;

    fn into_value(self) -> Value {
        Value::Integer(self)
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Integer(number) = value { Some(number) } else { None }
    }
}

impl Cell for bool {
    const KIND: Kind = Kind::Bool;

    fn into_value(self) -> Value {
        Value::Bool(self)
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Bool(truth) = value { Some(truth) } else { None }
    }
}

impl Cell for Vec<u8> {
    const KIND: Kind = Kind::Bytes;

    fn into_value(self) -> Value {
        Value::Bytes(self)
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Bytes(bytes) = value { Some(bytes) } else { None }
    }
}

impl Cell for Secret {
    const KIND: Kind = Kind::Bytes;

    fn into_value(self) -> Value {
        Value::Bytes(self.expose().to_vec())
    }

    fn from_value(value: Value) -> Option<Self> {
        Vec::from_value(value).map(Self::new)
    }
}

impl Cell for WallTime {
    const KIND: Kind = Kind::Integer;

    fn into_value(self) -> Value {
        Value::Integer(self.unix_ms())
    }

    fn from_value(value: Value) -> Option<Self> {
        i64::from_value(value).map(Self::from_unix_ms)
    }
}

impl<K: IdKind> Cell for Id<K> {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { Self::parse(&text).ok() } else { None }
    }
}

/// Something that is stored as JSON in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize + DeserializeOwned> Cell for Json<T> {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        // What is stored as JSON here has text for keys and no floats that are no numbers, so it serializes.
        Value::Text(serde_json::to_string(&self.0).unwrap_or_else(|_| "null".to_owned()))
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { serde_json::from_str(&text).ok().map(Self) } else { None }
    }
}

/// Reads one of a [`named!`] enum's names. A text and nothing else: what `serde` derives for an enum also takes `{"name": null}`, and
/// `serde_json` calls whatever else stands there no JSON.
pub(crate) struct Name<T> {
    /// The names there are.
    pub(crate) names: &'static [&'static str],
    /// The one with this name.
    pub(crate) named: fn(&str) -> Option<T>,
}

impl<T> serde::de::Visitor<'_> for Name<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of ")?;
        self.names.iter().enumerate().try_for_each(|(at, name)| {
            f.write_str(if at == 0 { "" } else { ", " })?;
            write!(f, "`{name}`")
        })
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<T, E> {
        (self.named)(name).ok_or_else(|| E::unknown_variant(name, self.names))
    }
}

/// Declares an enum whose variants have names, which are stored and shown: `as_str`, `ALL`, `FromStr`-like `named`, serde.
macro_rules! named {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[non_exhaustive]
        $vis enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in the database and the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The one with this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = $crate::store::Name { names: &[$($text),+], named: Self::named };
                deserializer.deserialize_str(name)
            }
        }

        impl $crate::store::Cell for $name {
            const KIND: $crate::store::Kind = $crate::store::Kind::Text;

            fn into_value(self) -> $crate::store::Value {
                $crate::store::Value::Text(self.as_str().to_owned())
            }

            fn from_value(value: $crate::store::Value) -> Option<Self> {
                if let $crate::store::Value::Text(text) = value { Self::named(&text) } else { None }
            }
        }
    };
}
pub(crate) use named;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::stream::LatencyMode;

    fn read(json: &str) -> Result<LatencyMode, String> {
        serde_json::from_str(json).map_err(|error| {
            assert!(error.is_data(), "{json} is JSON");
            error.to_string()
        })
    }

    #[test]
    fn a_name_is_a_text_and_nothing_else() {
        assert_eq!(read(r#""low""#), Ok(LatencyMode::Low));
        for other in
            ["null", "1", "1.5", "true", "[]", "{}", r#"["low"]"#, r#"{"low":null}"#, r#""Low""#, r#""""#]
        {
            let error = read(other).unwrap_err();
            assert!(
                error.contains("one of `low`, `standard`") || error.contains("`low` or `standard`"),
                "{error}"
            );
        }
        let keys: BTreeMap<LatencyMode, u8> = serde_json::from_str(r#"{"standard":1}"#).unwrap();
        assert_eq!(keys[&LatencyMode::Standard], 1);
    }
}
