//! The server's configuration: a TOML file, `PULSE_*` environment variables and flags, checked as a whole.
//!
//! Flags win over the environment, the environment over the file, the file over the defaults. Every setting is declared
//! once, in [`sections`]; `docs/configuration.md` is generated from there.
//!
//! ```
//! use pulse_server::config::{Config, Flags, Sources};
//!
//! let flags = Flags { http: Some("127.0.0.1:9000".to_owned()), open: true, ..Flags::default() };
//! let (config, warnings) = Config::load(&Sources { file: None, env: Vec::new(), flags })?;
//! assert_eq!(config.http.listen.port(), 9000);
//! assert_eq!(config.hls.part_ms, 200);
//! # let _ = warnings;
//! # Ok::<(), pulse_server::config::ConfigErrors>(())
//! ```

mod check;
mod env;
mod error;
mod file;
#[cfg(test)]
mod fixture;
mod list;
mod load;
mod reference;
mod reload;
mod report;
mod secret;
mod sections;
mod stream;
mod suggest;
mod table;
mod value;

pub use error::{ConfigError, ConfigErrors, Origin, Warning};
pub use load::{Flags, Sources};
pub use reference::reference;
pub use reload::{Change, Changes};
pub use report::report;
pub use secret::Secret;
pub(crate) use secret::fingerprint;
pub use sections::{
    AfterOutageGrace, Api, Config, Container, Database, Hls, Hooks, Http, Ingest, Limits, Log, LogFormat,
    LogLevel, Mail, Ops, Rtmp, Takeover,
};
pub use stream::{MAX_KEY_LEN, MAX_KEYS, MAX_STREAMS, Stream, WEAK_KEY_LEN};
pub use table::Apply;

pub use crate::stream_id::{MAX_ID_LEN, is_valid_id};
