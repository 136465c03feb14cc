//! Rules of fields that people fill in, and their normal forms.

use std::borrow::Cow;
use std::collections::BTreeMap;

use platform_core::FieldError;
use platform_core::problem::pointer;
use serde_json::Value;

use crate::{Error, name};

/// Characters of a name, 100.
pub const MAX_NAME: usize = 100;
/// Characters of a description, 2,000.
pub const MAX_DESCRIPTION: usize = 2_000;
/// Bytes of an e-mail address (RFC 5321 §4.5.3.1.3, less the brackets), 254.
pub const MAX_EMAIL: usize = 254;
/// Labels of a stream, 32.
pub const MAX_LABELS: usize = 32;
/// Characters of a label's key, 63, and value, 255.
pub const MAX_LABEL: (usize, usize) = (63, 255);
/// Bytes of all labels as JSON, 4 KiB.
pub const MAX_LABELS_BYTES: usize = 4 * 1024;
/// Bytes of metadata as JSON, 8 KiB.
pub const MAX_METADATA: usize = 8 * 1024;

/// Collects what is wrong with a request, so that all of it is told at once.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<FieldError>);

impl Fields {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Says what was wrong, if anything was.
    pub(crate) fn check(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }

    pub(crate) fn wrong(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        rule: &'static str,
        detail: &'static str,
    ) {
        self.0.push(FieldError::body(pointer, rule, detail));
    }

    /// A name: 1 to [`MAX_NAME`] characters on one line, in its [normal form](name::normal).
    pub(crate) fn name(&mut self, pointer: &'static str, text: &str) -> String {
        let name = name::normal(text);
        if name.is_empty() {
            self.wrong(pointer, "required", "A name has at least one character.");
        } else if name.chars().count() > MAX_NAME {
            self.wrong(pointer, "too_long", "A name has at most 100 characters.");
        } else if !name::is_seen(&name) {
            self.wrong(pointer, "control_character", "A name has no invisible or control characters.");
        }
        name
    }

    /// A description: at most [`MAX_DESCRIPTION`] characters, line breaks and tabs allowed.
    pub(crate) fn description(&mut self, pointer: &'static str, text: &str) -> String {
        if text.chars().count() > MAX_DESCRIPTION {
            self.wrong(pointer, "too_long", "A description has at most 2,000 characters.");
        } else if text.chars().any(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t')) {
            self.wrong(
                pointer,
                "control_character",
                "A description has no control characters but line breaks.",
            );
        }
        text.to_owned()
    }

    /// An e-mail address, blanks around it removed.
    pub(crate) fn email(&mut self, pointer: &'static str, text: &str) -> String {
        let email = text.trim();
        if email.is_empty() {
            self.wrong(pointer, "required", "An e-mail address is needed.");
        } else if !is_email(email) {
            self.wrong(pointer, "not_an_email", "This is not an e-mail address.");
        }
        email.to_owned()
    }

    /// Labels: at most [`MAX_LABELS`], keys of letters, digits, `_`, `-`, `.` and `/`.
    pub(crate) fn labels(&mut self, at: &'static str, labels: &BTreeMap<String, String>) {
        if labels.len() > MAX_LABELS {
            self.wrong(at, "too_many", "At most 32 labels.");
        } else if json_bytes(labels) > MAX_LABELS_BYTES {
            self.wrong(at, "too_large", "All labels together have at most 4,096 bytes as JSON.");
        }
        for (key, value) in labels.iter().take(MAX_LABELS) {
            let key_ok = !key.is_empty()
                && key.len() <= MAX_LABEL.0
                && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
            if !key_ok {
                let detail = "A label's key has 1 to 63 letters, digits, `_`, `-`, `.` or `/`.";
                self.0.push(FieldError::body(pointer(at, key), "label_key", detail));
            } else if value.chars().count() > MAX_LABEL.1 || value.chars().any(char::is_control) {
                let detail = "A label's value has at most 255 characters and no control characters.";
                self.0.push(FieldError::body(pointer(at, key), "label_value", detail));
            }
        }
    }

    /// Metadata: a JSON object of at most [`MAX_METADATA`] bytes.
    pub(crate) fn metadata(&mut self, pointer: &'static str, metadata: &serde_json::Map<String, Value>) {
        if json_bytes(metadata) > MAX_METADATA {
            self.wrong(pointer, "too_large", "Metadata has at most 8,192 bytes as JSON.");
        }
    }
}

/// How many bytes it has as JSON.
fn json_bytes(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |text| text.len())
}

/// How e-mail addresses are compared: without regard to case, as nearly all mail servers do.
pub(crate) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Whether this looks like an address. Whether mail arrives there is seen by sending some.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    text.len() <= MAX_EMAIL
        && (1..=64).contains(&local.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.bytes().any(|byte| b"()<>,;:\\\"[]".contains(&byte))
        && !local.contains('@')
        && domain.contains('.')
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for email in ["a@b.co", "first.last+tag@sub.example.org", "x_y@xn--bcher-kva.example"] {
            assert!(is_email(email), "{email}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for email in [
            "",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a b@c.de",
            "a@b..co",
            "a@-b.co",
            "a@b@c.de",
            "a@b.co\r\nBcc: x@y.z",
            &long,
        ] {
            assert!(!is_email(email), "{email}");
        }
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        let mut fields = Fields::new();
        assert_eq!(fields.name("/name", "  My \t stream "), "My stream");
        assert_eq!(fields.name("/name", &"é".repeat(100)).chars().count(), 100);
        fields.check().unwrap();
        for wrong in ["", " \n ", "a\u{0}b", "a\u{202E}b", "a\u{200B}b", &"x".repeat(101)] {
            let mut fields = Fields::new();
            fields.name("/name", wrong);
            assert!(fields.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn labels_are_bounded_together() {
        let labels = |count: usize, value: &str| -> BTreeMap<_, _> {
            (0..count).map(|number| (format!("{number:063}"), value.to_owned())).collect()
        };
        let mut fields = Fields::new();
        fields.labels("/labels", &labels(32, &"x".repeat(50)));
        fields.check().unwrap();
        // Each is within its own bounds.
        for many in [labels(32, &"x".repeat(255)), labels(4, &"\u{1F3A5}".repeat(255))] {
            let mut fields = Fields::new();
            fields.labels("/labels", &many);
            let Err(Error::Invalid(errors)) = fields.check() else { panic!("not refused") };
            assert_eq!(
                errors,
                [FieldError::body(
                    "/labels",
                    "too_large",
                    "All labels together have at most 4,096 bytes as JSON."
                )]
            );
        }
    }

    #[test]
    fn labels_name_the_wrong_key() {
        let mut fields = Fields::new();
        fields.labels("/labels", &BTreeMap::from([("a/b c".to_owned(), "x".to_owned())]));
        let Err(Error::Invalid(errors)) = fields.check() else { panic!("not refused") };
        assert_eq!(
            errors,
            [FieldError::body(
                "/labels/a~1b c",
                "label_key",
                "A label's key has 1 to 63 letters, digits, `_`, `-`, `.` or `/`."
            )]
        );
    }
}
