//! The packager and its window in virtual time: every version of every playlist is read by a checker that was written from
//! RFC 8216bis alone, and every part is taken apart.

mod boxes;
mod checker;
mod encoder;
mod media;
mod playlist;
mod renditions;
mod rig;

mod asking;
mod clocks;
mod dates;
mod interruptions;
mod lengths;
mod limits;
mod rates;
mod snapshots;
mod starting;
