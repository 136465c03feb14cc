//! The envelope of events: what webhooks deliver, streams of events show and caches listen to.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{EventId, OrganizationId, ProjectId, WallTime};

/// The name of an event: `stream.live`, `chat.message.new`. Words of lower-case letters and underscores, joined by dots.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct EventType(Cow<'static, str>);

impl EventType {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// A name that stands in the code. A wrong one in a `const` does not compile.
    ///
    /// # Panics
    ///
    /// When it is no name.
    #[expect(clippy::panic, reason = "the name is a literal; in a constant this is a compile error")]
    pub const fn of(name: &'static str) -> Self {
        if !is_event_type(name.as_bytes()) {
            panic!("an event's name is words of a-z and _, joined by dots");
        }
        Self(Cow::Borrowed(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event's name is words of a-z and _, joined by dots, 64 bytes at most")]
pub struct InvalidEventType;

impl TryFrom<String> for EventType {
    type Error = InvalidEventType;

    fn try_from(name: String) -> Result<Self, InvalidEventType> {
        if is_event_type(name.as_bytes()) { Ok(Self(Cow::Owned(name))) } else { Err(InvalidEventType) }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "slice patterns and iterators do not work in constants; the loop keeps to the length"
)]
const fn is_event_type(name: &[u8]) -> bool {
    if name.len() > EventType::MAX_BYTES {
        return false;
    }
    let mut word = false;
    let mut at = 0;
    while at < name.len() {
        match name[at] {
            b'a'..=b'z' | b'_' => word = true,
            b'.' if word => word = false,
            _ => return false,
        }
        at += 1;
    }
    word
}

/// Something that happened, in the one envelope that all channels use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// `evt_…`, the same in every delivery, so that a receiver can tell a repetition.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When.
    pub created_at: WallTime,
    /// The project it happened in, unless it concerns a whole organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// The organization it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// The particulars, a JSON object, kept as the text that it was written as.
    pub data: Box<RawValue>,
}

impl Event {
    /// An event outside of any project and organization; set the fields for one within.
    ///
    /// # Errors
    ///
    /// When `data` does not serialize to JSON, as a map with keys that are no strings.
    pub fn new(
        id: EventId,
        kind: EventType,
        created_at: WallTime,
        data: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        let data = serde_json::value::to_raw_value(data)?;
        Ok(Self { id, kind, created_at, project_id: None, organization_id: None, data })
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.kind == other.kind
            && self.created_at == other.created_at
            && self.project_id == other.project_id
            && self.organization_id == other.organization_id
            && self.data.get() == other.data.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: EventType = EventType::of("stream.live");

    #[test]
    fn the_envelope_is_that_of_the_api() {
        let mut event = Event::new(
            EventId::from_uuid(1),
            LIVE,
            WallTime::from_unix_ms(1_763_726_400_000),
            &serde_json::json!({"stream_id": "str_1"}),
        )
        .unwrap();
        event.project_id = Some(ProjectId::from_uuid(2));
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(
            json,
            r#"{"id":"evt_00000000000000000000000001","type":"stream.live","created_at":"2025-11-21T12:00:00.000Z","project_id":"prj_00000000000000000000000002","data":{"stream_id":"str_1"}}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }

    #[test]
    fn names_are_words_joined_by_dots() {
        for name in ["stream.live", "chat.message.new", "recording.ready", "stream.quality_changed"] {
            assert!(EventType::try_from(name.to_owned()).is_ok(), "{name}");
        }
        for name in [
            "",
            ".",
            "stream.",
            ".live",
            "a..b",
            "Stream.live",
            "stream live",
            "stream.live1",
            &"a".repeat(65),
        ] {
            assert_eq!(EventType::try_from(name.to_owned()), Err(InvalidEventType), "{name}");
        }
        assert!(serde_json::from_str::<EventType>(r#""no spaces""#).is_err());
    }
}
