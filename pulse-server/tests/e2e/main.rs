//! End-to-end tests: the server as a process, and the clients that people use.
//!
//! OBS Studio, ffmpeg, GStreamer, Chromium and nginx-rtmp are the distribution's; ffmpeg 9 (Enhanced RTMP) is put in place
//! by `make setup-test`. A client that is missing is a failure. Tests share the machine through [`support::seats`]; set
//! `PULSE_E2E_KEEP` to keep the folders of tests that fail.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends by panicking, and clippy's exemption for tests does not reach their helpers"
)]

mod support;

mod authority;
mod browser;
mod codecs;
mod demo;
mod enhanced;
mod full_disk;
mod grace;
mod hostile;
mod hostile_media;
mod http_answers;
mod nginx_rtmp;
mod obs;
mod play_clients;
mod publish_clients;
mod reload;
mod restart;
mod takeover;
mod tls;
mod v1;
mod wrong_keys;
