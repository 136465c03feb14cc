//! Live streams: who publishes, what is made of it, who watches.

mod channel;
mod factory;
mod feed;
mod health;
mod history;
mod hls;
mod journal;
mod life;
mod meter;
mod outputs;
mod registry;
pub(crate) mod remedy;
mod sessions;
mod signs;
mod takeover;

pub(crate) use channel::{Channel, Eviction, Newcomer, Phase};
pub(crate) use factory::Factory;
pub(crate) use feed::Feed;
pub(crate) use health::Issue;
pub(crate) use history::{Histories, STEP, Sample};
pub(crate) use hls::{Hls, JOURNAL_NOT_WRITTEN};
pub(crate) use journal::JournalStore;
pub(crate) use life::{Life, Superseded};
pub(crate) use outputs::Unplayable;
pub(crate) use registry::Registry;
pub(crate) use sessions::{Checked, HANDLE_CHARACTERS, Refused as SessionRefused, Sessions, Unknown};
pub(crate) use takeover::Refused;
