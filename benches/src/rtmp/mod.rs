//! RTMP's two ends as the load tools need them: thousands in one process, for as little CPU as can be.

pub mod play;
pub mod publish;
pub mod walker;
