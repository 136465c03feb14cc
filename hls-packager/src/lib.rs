//! Live HLS: frames in; init segments, parts, segments and playlists out.

pub mod cmaf;
pub mod container;
pub mod ts;
