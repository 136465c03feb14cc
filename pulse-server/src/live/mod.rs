//! Live streams: who publishes, what is made of it, who watches.

mod channel;
mod factory;
mod feed;
mod health;
mod hls;
mod journal;
mod life;
mod meter;
mod outputs;
mod registry;
mod sessions;
mod takeover;

pub(crate) use channel::{Channel, Eviction, Newcomer, Phase};
pub(crate) use factory::Factory;
pub(crate) use feed::Feed;
pub(crate) use health::Issue;
pub(crate) use hls::Hls;
pub(crate) use journal::JournalStore;
pub(crate) use life::{Life, Superseded};
pub(crate) use outputs::Unplayable;
pub(crate) use registry::Registry;
pub(crate) use sessions::{Checked, HANDLE_CHARACTERS, Refused as SessionRefused, Sessions, Unknown};
pub(crate) use takeover::Refused;
