//! HTTP/1.1 as the load tools need it: GET over a connection that is kept.

pub mod client;
pub mod playlist;
pub mod session;
