//! What the tests stand on: processes that end with their test, a server to start and kill, the real clients, and an
//! LL-HLS viewer that keeps a playback clock.

pub(crate) mod backend;
pub(crate) mod certificate;
pub(crate) mod clock;
pub(crate) mod embedded;
pub(crate) mod feed;
pub(crate) mod follower;
pub(crate) mod gstreamer;
pub(crate) mod http;
pub(crate) mod listener;
pub(crate) mod nginx;
pub(crate) mod obs;
pub(crate) mod page;
pub(crate) mod play;
pub(crate) mod playback;
pub(crate) mod playlist;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod publisher;
pub(crate) mod recording;
pub(crate) mod rtmp_wire;
pub(crate) mod seats;
pub(crate) mod server;
pub(crate) mod stage;
pub(crate) mod status;
pub(crate) mod trace;
pub(crate) mod viewer;
pub(crate) mod wait;
