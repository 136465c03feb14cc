//! RTMP and Enhanced RTMP as sans-IO sessions.

pub mod flv;
