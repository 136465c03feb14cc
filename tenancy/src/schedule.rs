//! When a stream may be published.
//!
//! A stream without a schedule may be published at any time. With one, from `lead` before its start, so that an encoder can be
//! tried out, until its end, at which the publisher is dropped. Who watches is not concerned.

use std::time::Duration;

use platform_core::WallTime;

use crate::authority::{Permission, Target, authorize};
use crate::field::Fields;
use crate::store::{Entity, Tx, is, null, set};
use crate::stream::Stream;
use crate::{Call, Error, StreamId};

/// How long before its start a stream may be published, if nothing else is said: 15 minutes.
pub const LEAD: Duration = Duration::from_secs(900);
/// How long before its start a stream may be published at most: a day.
pub const MAX_LEAD: Duration = Duration::from_secs(86_400);

/// When a stream is planned to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When it starts; `None`: it may be published at once.
    pub starts_at: Option<WallTime>,
    /// When it ends; `None`: whenever its encoder does.
    pub ends_at: Option<WallTime>,
    /// How long before the start it may be published, in whole seconds.
    pub lead: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { starts_at: None, ends_at: None, lead: LEAD }
    }
}

impl Schedule {
    /// The one of a stream.
    pub fn of(stream: &Stream) -> Self {
        let lead = Duration::from_secs(stream.lead_seconds.unsigned_abs());
        Self { starts_at: stream.starts_at, ends_at: stream.ends_at, lead }
    }

    /// From when on the stream may be published.
    pub fn opens_at(&self) -> Option<WallTime> {
        self.starts_at.map(|start| start.minus(self.lead))
    }

    /// Whether the stream may be published.
    pub fn is_open(&self, now: WallTime) -> bool {
        self.opens_at().is_none_or(|opens| opens <= now) && self.ends_at.is_none_or(|end| now < end)
    }

    pub(crate) fn check(&self, fields: &mut Fields, now: WallTime) {
        if let (Some(start), Some(end)) = (self.starts_at, self.ends_at)
            && end <= start
        {
            fields.wrong("/ends_at", "before_start", "A stream ends after it starts.");
        }
        if self.ends_at.is_some_and(|end| end <= now) {
            fields.wrong("/ends_at", "in_the_past", "A stream ends in the future, or is not planned to.");
        }
        if self.lead > MAX_LEAD {
            fields.wrong("/lead_seconds", "too_large", "At most 86,400 seconds, which is a day.");
        }
    }
}

/// When a stream is planned to run.
///
/// # Errors
///
/// See [`authorize`].
pub async fn read<T: Tx>(tx: &mut T, call: &Call, id: StreamId) -> Result<Schedule, Error> {
    let access = authorize(tx, call, Permission::StreamsRead, Target::Stream(id)).await?;
    Ok(Schedule::of(access.stream()?))
}

/// Says when a stream is planned to run; the default schedule is none. A publisher who is out of it is dropped.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Invalid`] for an end that is not after now and the start.
pub async fn put<T: Tx>(
    tx: &mut T,
    call: &Call,
    id: StreamId,
    schedule: &Schedule,
) -> Result<Schedule, Error> {
    let access = authorize(tx, call, Permission::StreamsWrite, Target::Stream(id)).await?;
    let mut fields = Fields::new();
    schedule.check(&mut fields, call.now);
    fields.check()?;
    let assign = vec![
        set("starts_at", schedule.starts_at),
        set("ends_at", schedule.ends_at),
        set("lead_seconds", schedule.lead.as_secs().min(MAX_LEAD.as_secs()) as i64),
        set("updated_at", call.now),
    ];
    if tx.update::<Stream>(vec![is("id", id), null("deleted_at")], assign).await? == 0 {
        return Err(Error::NotFound);
    }
    let changed = ["starts_at", "ends_at", "lead_seconds"];
    call.record(tx, "stream.scheduled", access.about(Entity::of(id)), &changed).await?;
    let stream: Stream = tx.get(id).await?.ok_or(Error::NotFound)?;
    Ok(Schedule::of(&stream))
}
