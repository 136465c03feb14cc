//! How names are resolved: by whoever has a runtime.

use std::future::Future;
use std::io;
use std::net::IpAddr;

/// Resolves host names. The driver implements it over its runtime, a test over a table.
pub trait Resolve {
    /// All addresses of `host`, a name without a dot at the end. Bounded in time by the implementation.
    fn resolve(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}
