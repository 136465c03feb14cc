//! The types a setting can have: how each is read from TOML and from text, and how it is written down.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use platform_core::sql::{self, Location};
use toml::de::DeValue;

use super::secret::Secret;
use crate::mail;

/// A value as it was written.
pub(super) enum Raw<'a> {
    /// A TOML value of the configuration file.
    Toml(&'a DeValue<'a>),
    /// The text of an environment variable or a flag.
    Text(&'a str),
}

impl Raw<'_> {
    /// The value for an error message, shortened. Never called for secrets.
    fn quoted(&self) -> String {
        const LONGEST: usize = 60;
        let text = match self {
            Self::Text(text) => format!("`{text}`"),
            Self::Toml(DeValue::String(text)) => format!("`{text}`"),
            Self::Toml(DeValue::Integer(integer)) => format!("`{integer}`"),
            Self::Toml(DeValue::Float(float)) => format!("`{float}`"),
            Self::Toml(DeValue::Boolean(boolean)) => format!("`{boolean}`"),
            Self::Toml(other) => format!("a TOML {}", other.type_str()),
        };
        let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        if text.chars().count() <= LONGEST {
            return text;
        }
        text.chars().take(LONGEST).chain("…`".chars()).collect()
    }

    /// The text of a string value or of a variable; `None` for TOML values of other types.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Toml(DeValue::String(text)) => Some(text),
            Self::Toml(_) => None,
        }
    }
}

/// A value that is not one of its setting's.
#[derive(Debug)]
pub(super) struct Wrong {
    /// What is wrong, naming the value as written.
    pub(super) problem: String,
}

impl Wrong {
    fn not(expected: &str, written: &str) -> Self {
        Self { problem: format!("{written} is not {expected}") }
    }
}

/// A type of setting.
pub(super) trait Setting: Sized {
    /// What a value of this type is called, for "… is not …".
    const WHAT: &'static str;
    /// How a value of this type is written, where [`WHAT`](Self::WHAT) does not say it all.
    const ALLOWED: &'static str = Self::WHAT;

    /// Whether a value is left out of messages.
    const SECRET: bool = false;

    /// Reads a value as it was written.
    fn read(raw: &Raw<'_>) -> Option<Self>;

    /// The value in TOML's syntax; `None` where it is not set.
    fn show(&self) -> Option<String>;
}

/// Which values of a type a setting takes.
pub(super) trait Rule<T> {
    /// What `value` breaks; `None` when it is fine.
    fn broken(&self, value: &T) -> Option<String>;

    /// What is allowed, for messages and the reference.
    fn allowed(&self) -> String;
}

/// Reads and checks one value.
pub(super) fn read_checked<T: Setting>(raw: &Raw<'_>, rule: &impl Rule<T>) -> Result<T, Wrong> {
    let written = if T::SECRET { "the value".to_owned() } else { raw.quoted() };
    let value = T::read(raw).ok_or_else(|| Wrong::not(T::WHAT, &written))?;
    match rule.broken(&value) {
        None => Ok(value),
        Some(problem) => Err(Wrong { problem: format!("{written} {problem}") }),
    }
}

/// Every value of the type.
pub(super) struct Any;

impl<T: Setting> Rule<T> for Any {
    fn broken(&self, _: &T) -> Option<String> {
        None
    }

    fn allowed(&self) -> String {
        T::ALLOWED.to_owned()
    }
}

macro_rules! integer_setting {
    ($($type:ty),*) => {$(
        impl Setting for $type {
            const WHAT: &'static str = "a whole number";

            fn read(raw: &Raw<'_>) -> Option<Self> {
                match raw {
                    Raw::Toml(DeValue::Integer(integer)) => Self::from_str_radix(integer.as_str(), integer.radix()).ok(),
                    Raw::Toml(_) => None,
                    Raw::Text(text) => text.trim().replace('_', "").parse().ok(),
                }
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }

        impl Rule<$type> for RangeInclusive<$type> {
            fn broken(&self, value: &$type) -> Option<String> {
                if value < self.start() {
                    Some("is too small".to_owned())
                } else if value > self.end() {
                    Some("is too large".to_owned())
                } else {
                    None
                }
            }

            fn allowed(&self) -> String {
                format!("a whole number, {} to {}", self.start(), self.end())
            }
        }
    )*};
}
integer_setting!(u64, usize);

impl Setting for bool {
    const WHAT: &'static str = "a boolean";
    const ALLOWED: &'static str = "true or false";

    fn read(raw: &Raw<'_>) -> Option<Self> {
        match raw {
            Raw::Toml(DeValue::Boolean(boolean)) => Some(*boolean),
            Raw::Toml(_) => None,
            Raw::Text(text) => match text.trim() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Setting for PathBuf {
    const WHAT: &'static str = "a path";

    fn read(raw: &Raw<'_>) -> Option<Self> {
        raw.text().filter(|text| !text.is_empty() && !text.contains(char::is_control)).map(Self::from)
    }

    fn show(&self) -> Option<String> {
        Some(toml_string(&self.to_string_lossy()))
    }
}

impl Setting for Option<PathBuf> {
    const WHAT: &'static str = "the path of a file";

    fn read(raw: &Raw<'_>) -> Option<Self> {
        PathBuf::read(raw).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(PathBuf::show)
    }
}

impl Setting for SocketAddr {
    const WHAT: &'static str = "an address and port";
    const ALLOWED: &'static str = "IP:PORT, such as 0.0.0.0:8080, [::]:8080 or localhost:8080";

    fn read(raw: &Raw<'_>) -> Option<Self> {
        let text = raw.text()?.trim();
        match text.strip_prefix("localhost:") {
            Some(port) => port.parse().ok().map(|port| Self::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
            None => text.parse().ok(),
        }
    }

    fn show(&self) -> Option<String> {
        Some(toml_string(&self.to_string()))
    }
}

/// `None` is a listener that is off.
impl Setting for Option<SocketAddr> {
    const WHAT: &'static str = "an address and port";
    const ALLOWED: &'static str = "IP:PORT, such as 0.0.0.0:8080, [::]:8080 or localhost:8080, or \"off\"";

    fn read(raw: &Raw<'_>) -> Option<Self> {
        if raw.text()?.trim() == "off" {
            return Some(None);
        }
        SocketAddr::read(raw).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().map_or_else(|| Some("\"off\"".to_owned()), SocketAddr::show)
    }
}

/// An optional text; what it may be is its rule's affair.
impl Setting for Option<String> {
    const WHAT: &'static str = "a text";

    fn read(raw: &Raw<'_>) -> Option<Self> {
        raw.text().map(|text| Some(text.to_owned()))
    }

    fn show(&self) -> Option<String> {
        self.as_deref().map(toml_string)
    }
}

/// An optional secret, such as a URL with a password; what it is for checks it.
impl Setting for Option<Secret> {
    const WHAT: &'static str = "a text on one line";
    const SECRET: bool = true;

    fn read(raw: &Raw<'_>) -> Option<Self> {
        raw.text().filter(|text| !text.contains(char::is_control)).map(|text| Some(Secret::new(text)))
    }

    fn show(&self) -> Option<String> {
        self.as_ref().map(|secret| toml_string(&secret.to_string()))
    }
}

/// A URL under which others reach the server: scheme, host, optional port and path.
pub(super) struct HttpUrl;

impl Rule<Option<String>> for HttpUrl {
    fn broken(&self, value: &Option<String>) -> Option<String> {
        let url = value.as_deref()?;
        let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
            return Some("begins with neither http:// nor https://".to_owned());
        };
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() {
            return Some("names no host".to_owned());
        }
        if rest.contains(|c: char| c.is_whitespace() || c.is_control() || "?#@\\\"<>".contains(c)) {
            return Some("contains a character that has no place in it".to_owned());
        }
        rest.ends_with('/').then(|| "ends with a slash".to_owned())
    }

    fn allowed(&self) -> String {
        "http:// or https://, a host, optionally a port and a path, no slash at the end".to_owned()
    }
}

/// Where the database is, as far as the URL says. Whether it is there is known when it is opened.
pub(super) struct DatabaseUrl;

impl Rule<Option<Secret>> for DatabaseUrl {
    fn broken(&self, value: &Option<Secret>) -> Option<String> {
        match Location::parse(value.as_ref()?.expose(), Path::new("")) {
            Ok(_) => None,
            Err(sql::Error::Location(reason)) => Some(format!("names no database: {reason}")),
            Err(error) => Some(format!("cannot be used: {error}")),
        }
    }

    fn allowed(&self) -> String {
        "sqlite:, sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE".to_owned()
    }
}

/// A server that sends mails, which are not sent in the clear to another machine.
pub(super) struct SmtpUrl;

impl Rule<Option<Secret>> for SmtpUrl {
    fn broken(&self, value: &Option<Secret>) -> Option<String> {
        mail::check_url(value.as_ref()?.expose()).err().map(|error| error.problem().to_owned())
    }

    fn allowed(&self) -> String {
        mail::SMTP_URLS.to_owned()
    }
}

/// Who sends mails.
pub(super) struct Mailbox;

impl Rule<Option<String>> for Mailbox {
    fn broken(&self, value: &Option<String>) -> Option<String> {
        let wrong = value.as_ref()?.parse::<lettre::message::Mailbox>().is_err();
        wrong.then(|| "is no e-mail address".to_owned())
    }

    fn allowed(&self) -> String {
        "an address, such as pulse@example.org or Pulse <pulse@example.org>".to_owned()
    }
}

/// A TOML basic string.
pub(super) fn toml_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Declares an enum whose variants are written as fixed words.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $Name:ident { $($(#[doc = $doc:literal])* $Variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $Name { $($(#[doc = $doc])* $Variant),+ }

        impl $Name {
            /// The word that stands for this value in the file.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$Variant => $word),+ }
            }
        }

        impl $crate::config::value::Setting for $Name {
            const WHAT: &'static str = "one of the choices";
            const ALLOWED: &'static str = $crate::config::value::one_of!($($word),+);

            fn read(raw: &$crate::config::value::Raw<'_>) -> Option<Self> {
                match raw.word()? {
                    $($word => Some(Self::$Variant),)+
                    _ => None,
                }
            }

            fn show(&self) -> Option<String> {
                Some($crate::config::value::toml_string(self.as_str()))
            }
        }
    };
}

/// `"a"`, `"b"` or `"c"`.
macro_rules! one_of {
    ($last:literal) => { concat!("\"", $last, "\"") };
    ($first:literal, $last:literal) => { concat!("\"", $first, "\" or \"", $last, "\"") };
    ($first:literal, $($rest:literal),+) => { concat!("\"", $first, "\", ", $crate::config::value::one_of!($($rest),+)) };
}
pub(super) use {choice, one_of};

impl Raw<'_> {
    /// The text without blanks around it, for [`choice!`].
    pub(super) fn word(&self) -> Option<&str> {
        self.text().map(str::trim)
    }
}
