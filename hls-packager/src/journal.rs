//! What must outlive the process for a playlist's life to go on after it.

use std::fmt;
use std::str::FromStr;

/// What a life has promised its viewers, written ahead.
///
/// The driver keeps the newest one of each stream on disk: when [`Event::Journal`](crate::Event::Journal) comes, it is synced *before* later
/// events are applied to a window. A packager made from it goes on beyond everything that may have been shown: numbers are
/// reserved in blocks, so a crash skips some and repeats none.
///
/// Its text form ([`fmt::Display`], [`FromStr`]) is one `key=value` a line, in no particular order; unknown keys are ignored,
/// so that an older release reads a newer one's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// The life's number, from 1. It is in every segment's name.
    pub life: u64,
    /// Whether the life has ended (ENDLIST was written); the next packager begins the next one.
    pub ended: bool,
    /// The first media sequence number that was never shown.
    pub media_sequence: u64,
    /// The first part number that was never shown, in any rendition.
    pub part_number: u64,
    /// The discontinuity sequence number of the newest segment that may have been shown.
    pub discontinuity_sequence: u64,
    /// EXT-X-TARGETDURATION, in seconds.
    pub target_duration_s: u32,
    /// PART-TARGET, in milliseconds; 0 in a life without parts.
    pub part_target_ms: u32,
    /// The window, in seconds, on which CAN-SKIP-UNTIL depends.
    pub window_s: u32,
    /// Whether the life's playlists say EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// The longest GOP that this stream has shown in any life, in milliseconds; 0 where none was measured.
    pub longest_gop_ms: u64,
    /// How many GOPs were measured, in all lives.
    pub gops: u64,
    /// The wall clock when this was written, in milliseconds since 1970.
    pub wall_ms: i64,
    /// An upper bound of how far dates in the playlist were ahead of the wall clock, in milliseconds.
    pub ahead_ms: u64,
    /// The life's tracks when they settled, by rendition and codec (`video:h264 audio0:aac`): a continuation has to fit them.
    pub tracks: String,
}

/// Why a journal's text was refused. The file is damaged; without it the stream begins a first life.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A key that the journal needs is missing.
    #[error("the journal has no {key}")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value does not read as what its key holds.
    #[error("the journal's {key} is not valid")]
    Invalid {
        /// The key.
        key: &'static str,
    },
    /// The text is longer than any journal: see [`MAX_JOURNAL_BYTES`].
    #[error("the journal is {bytes} bytes long")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

/// The largest number in a journal: no stream counts as far in a lifetime, and sums stay in range.
const MAX_NUMBER: u64 = 1 << 53;

/// The longest text that is read as a journal. A real one has some 300 bytes.
pub const MAX_JOURNAL_BYTES: usize = 16 * 1024;

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "life={}", self.life)?;
        writeln!(f, "ended={}", self.ended)?;
        writeln!(f, "media_sequence={}", self.media_sequence)?;
        writeln!(f, "part_number={}", self.part_number)?;
        writeln!(f, "discontinuity_sequence={}", self.discontinuity_sequence)?;
        writeln!(f, "target_duration_s={}", self.target_duration_s)?;
        writeln!(f, "part_target_ms={}", self.part_target_ms)?;
        writeln!(f, "window_s={}", self.window_s)?;
        writeln!(f, "independent_segments={}", self.independent_segments)?;
        writeln!(f, "longest_gop_ms={}", self.longest_gop_ms)?;
        writeln!(f, "gops={}", self.gops)?;
        writeln!(f, "wall_ms={}", self.wall_ms)?;
        writeln!(f, "ahead_ms={}", self.ahead_ms)?;
        writeln!(f, "tracks={}", self.tracks)
    }
}

impl FromStr for Journal {
    type Err = JournalError;

    fn from_str(text: &str) -> Result<Self, JournalError> {
        if text.len() > MAX_JOURNAL_BYTES {
            return Err(JournalError::TooLong { bytes: text.len() });
        }
        let journal = Self {
            life: read(text, "life")?,
            ended: read(text, "ended")?,
            media_sequence: read(text, "media_sequence")?,
            part_number: read(text, "part_number")?,
            discontinuity_sequence: read(text, "discontinuity_sequence")?,
            target_duration_s: read(text, "target_duration_s")?,
            part_target_ms: read(text, "part_target_ms")?,
            window_s: read(text, "window_s")?,
            independent_segments: read(text, "independent_segments")?,
            longest_gop_ms: read(text, "longest_gop_ms")?,
            gops: read(text, "gops")?,
            wall_ms: read(text, "wall_ms")?,
            ahead_ms: read(text, "ahead_ms")?,
            tracks: read(text, "tracks")?,
        };
        if journal.life == 0 || journal.target_duration_s == 0 || journal.media_sequence == 0 {
            return Err(JournalError::Invalid { key: "life, target_duration_s or media_sequence" });
        }
        let counted =
            [journal.life, journal.media_sequence, journal.part_number, journal.discontinuity_sequence];
        let measured =
            [journal.longest_gop_ms, journal.gops, journal.ahead_ms, journal.wall_ms.unsigned_abs()];
        if counted.iter().chain(&measured).any(|number| *number > MAX_NUMBER) {
            return Err(JournalError::Invalid { key: "a number, which is larger than any can be," });
        }
        Ok(journal)
    }
}

/// The value of `key`; the last one wins.
fn read<T: FromStr>(text: &str, key: &'static str) -> Result<T, JournalError> {
    let value = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value.trim())
        .next_back()
        .ok_or(JournalError::Missing { key })?;
    value.parse().map_err(|_| JournalError::Invalid { key })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        Journal {
            life: 3,
            ended: false,
            media_sequence: 1_009,
            part_number: 40_000,
            discontinuity_sequence: 7,
            target_duration_s: 9,
            part_target_ms: 202,
            window_s: 60,
            independent_segments: true,
            longest_gop_ms: 8_333,
            gops: 77,
            wall_ms: 1_795_258_800_123,
            ahead_ms: 250,
            tracks: "video:h264 audio0:aac".into(),
        }
    }

    #[test]
    fn text_round_trips() {
        let text = journal().to_string();
        assert_eq!(text.parse(), Ok(journal()));
        assert_eq!(format!("{text}later_key=x\n").parse(), Ok(journal()));
    }

    #[test]
    fn damaged_text_is_refused() {
        let text = journal().to_string();
        let missing = text.replace("part_number", "part");
        assert_eq!(missing.parse::<Journal>(), Err(JournalError::Missing { key: "part_number" }));
        let invalid = text.replace("life=3", "life=-3");
        assert_eq!(invalid.parse::<Journal>(), Err(JournalError::Invalid { key: "life" }));
        let zero = text.replace("target_duration_s=9", "target_duration_s=0");
        assert!(matches!(zero.parse::<Journal>(), Err(JournalError::Invalid { .. })));
        for key in ["life=3", "media_sequence=1009", "part_number=40000", "gops=77", "ahead_ms=250"] {
            let name = key.split('=').next().unwrap();
            let absurd = text.replace(key, &format!("{name}={}", u64::MAX - 5));
            assert!(matches!(absurd.parse::<Journal>(), Err(JournalError::Invalid { .. })), "{key}");
        }
        for end in 0..text.len() {
            let _ = text[..end].parse::<Journal>();
        }
        assert!("".parse::<Journal>().is_err());
        assert!("=\n".repeat(MAX_JOURNAL_BYTES).parse::<Journal>().is_err());
    }
}
