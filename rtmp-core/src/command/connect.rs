//! The `connect` command (Adobe RTMP §7.2.1.1).

use std::fmt;

use crate::amf::{Object, Value};
use crate::capability::Capabilities;
use crate::name::MAX_FIELD_BYTES;

/// How much of a peer's name for itself is kept, in bytes.
const MAX_SOFTWARE_BYTES: usize = 128;
/// How much is kept of where a peer says it comes from, in bytes.
const MAX_ORIGIN_BYTES: usize = 1024;

/// What a client said of itself and of where it wants to go.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ConnectInfo {
    /// The application, as sent; may carry a query with secrets.
    pub app: Box<str>,
    /// The URL as the client understood it, as sent; may carry secrets.
    pub tc_url: Box<str>,
    /// The client's `flashVer`, such as `FMLE/3.0 (compatible; FMSc/1.0)`; at most 128 bytes.
    pub software: Box<str>,
    /// The client's `swfUrl`, as sent; at most 1,024 bytes, and empty for most.
    pub swf_url: Box<str>,
    /// The client's `pageUrl`, as sent; at most 1,024 bytes, and empty for most.
    pub page_url: Box<str>,
    /// What it can receive.
    pub capabilities: Capabilities,
    /// Its `objectEncoding` is 3: it may send AMF3.
    pub amf3: bool,
}

impl ConnectInfo {
    pub(crate) fn from_object(object: &Object) -> Self {
        let text = |name: &str, max| bounded(object.text(name).unwrap_or_default(), max).into();
        Self {
            app: text("app", MAX_FIELD_BYTES),
            tc_url: text("tcUrl", MAX_FIELD_BYTES),
            software: text("flashVer", MAX_SOFTWARE_BYTES),
            swf_url: text("swfUrl", MAX_ORIGIN_BYTES),
            page_url: text("pageUrl", MAX_ORIGIN_BYTES),
            capabilities: Capabilities::from_object(object),
            amf3: object.get("objectEncoding").and_then(Value::as_number) == Some(3.0),
        }
    }
}

/// The application and URL are left out: encoders put tokens into both.
impl fmt::Debug for ConnectInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectInfo")
            .field("software", &self.software)
            .field("capabilities", &self.capabilities)
            .field("amf3", &self.amf3)
            .finish_non_exhaustive()
    }
}

/// At most `max` bytes of `text`, cut between characters.
pub(crate) fn bounded(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
