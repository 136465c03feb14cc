//! The Pulse server: wiring of the crates, as a library.

pub mod cli;
pub mod config;
