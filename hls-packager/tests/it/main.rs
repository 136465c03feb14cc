//! The packager seen from outside: its containers read by independent readers and by FFmpeg.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failing test panics; clippy's exemption does not reach functions outside #[test]"
)]

mod cmaf_ffmpeg;
mod cmaf_readers;
mod encoded;
mod fixture;
mod live;
mod mpegts;
mod ts_ffmpeg;
mod ts_readers;
