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

pub use channel::{Beget, Channel, Eviction, Phase};
pub use factory::Factory;
pub use feed::Feed;
pub use health::{Health, Issue};
pub use hls::Hls;
pub use journal::JournalStore;
pub use life::{Life, Superseded};
pub use meter::Measured;
pub use outputs::Outputs;
pub use registry::{Full, Registry};
pub use sessions::{Handle, Key, Refused as SessionRefused, Sessions};
pub use takeover::Refused;
