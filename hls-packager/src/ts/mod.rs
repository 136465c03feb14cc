//! MPEG transport stream, all tracks muxed (ISO/IEC 13818-1), as HLS takes it (RFC 8216bis §3.1.1).
//!
//! A [`Muxer`] turns the frames of a part into packets: every video frame is one PES packet with the program clock in
//! its first packet, audio frames share PES packets of up to 100 ms. Media is copied once, into an exactly sized buffer.

mod access_unit;
mod adts;
mod bits;
mod elementary;
mod muxer;
mod packet;
mod pes;
mod program_config;
mod psi;

pub use muxer::{MAX_TRACKS, Muxer, TIME_OFFSET_TICKS, Tables};
