//! Load tools and benches of Pulse.
//!
//! The binary has a subcommand for each kind of load (players, publishers, LL-HLS viewers, …), which prints what it measured as one
//! line of JSON, and `suite`, which runs them against Pulse, nginx-rtmp and a bare TCP broadcast in turn and writes
//! `benches/RESULTS.md`. `benches/README.md` says how each number is measured. Nothing here is shipped to users.

pub mod api;
pub mod cases;
pub mod clip;
pub mod http;
pub mod load;
pub mod meter;
pub mod probe;
pub mod rtmp;
pub mod stamps;
pub mod stats;
pub mod suite;
pub mod wire;
