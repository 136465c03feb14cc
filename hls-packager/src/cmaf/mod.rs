//! CMAF: fragmented MP4 with one track a file (ISO/IEC 23000-19 over ISO/IEC 14496-12).
//!
//! [`init_segment`] once a track, then one [`fragment`] a part. A segment is the concatenation of its parts' bytes.
//!
//! Boxes are written by hand. Sample entries carry the publisher's decoder configuration byte for byte, which typed
//! encoders re-interpret, and fragments are on the hot path; independent readers check both in the tests.
//!
//! A fragment opens with its `moof`: no `styp`, which no player looks at and which would cost each part 24 bytes, and no
//! `prft`, since PROGRAM-DATE-TIME in the playlist ties media time to wall time.

mod boxes;
mod entry;
mod fragment;
mod init;

pub use fragment::{MAX_FRAGMENT_BYTES, MAX_FRAGMENT_FRAMES, fragment};
pub use init::{MAX_CONFIG_BYTES, init_segment};

/// The `track_ID` of the one track in every file.
pub const TRACK_ID: u32 = 1;
