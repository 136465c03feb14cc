//! Labels of streams, by which they are found: a row for each, beside the stream's own JSON.

use std::str::FromStr;

use platform_core::ProjectId;

use crate::field::MAX_LABELS;
use crate::store::{Condition, Record as _, Tx, is, record};
use crate::stream::Stream;
use crate::{Error, StreamId};

record! {
    /// A label of a stream.
    pub struct StreamLabel in "tenancy_stream_labels" {
        /// The stream's id and the label's key.
        pub id: String,
        /// Of which stream.
        pub stream_id: StreamId,
        /// In which project.
        pub project_id: ProjectId,
        /// Key and value: `room:main`.
        pub label: String,
    }
}

/// A label that streams are looked for by: `room:main`. A key has no colon, so that the first one ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// `room`.
    pub key: String,
    /// `main`.
    pub value: String,
}

impl FromStr for Label {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::field("/label", "not_a_label", "A key, a colon and a value: `room:main`.");
        let (key, value) = text.split_once(':').ok_or_else(wrong)?;
        if key.is_empty() {
            return Err(wrong());
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl Label {
    fn text(key: &str, value: &str) -> String {
        format!("{key}:{value}")
    }

    /// That a stream has it.
    pub(crate) fn condition(&self, project_id: Option<ProjectId>) -> Condition {
        let mut filter = vec![is("label", Self::text(&self.key, &self.value))];
        filter.extend(project_id.map(|id| is("project_id", id)));
        Condition::Within { column: "id", table: StreamLabel::TABLE, select: "stream_id", filter }
    }
}

/// Writes the labels of a new stream.
pub(crate) async fn put<T: Tx>(tx: &mut T, stream: &Stream) -> Result<(), Error> {
    for (key, value) in &stream.labels.0 {
        let row = StreamLabel {
            id: format!("{}:{key}", stream.id),
            stream_id: stream.id,
            project_id: stream.project_id,
            label: Label::text(key, value),
        };
        tx.append(&row).await?;
    }
    Ok(())
}

/// Writes the labels of a stream in place of those that it had.
pub(crate) async fn replace<T: Tx>(tx: &mut T, stream: &Stream) -> Result<(), Error> {
    tx.delete::<StreamLabel>(vec![is("stream_id", stream.id)], MAX_LABELS as u32).await?;
    put(tx, stream).await
}
