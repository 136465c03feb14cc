//! The vocabulary of the platform.
//!
//! What tenancy, webhooks and chat share, so that they need not know each other: [typed ids](id), [secrets](secret), the
//! [event envelope](event), [problems](problem), [wall time](time) and
//! the [policy for outbound addresses](address).
//!
//! Nothing here reads a clock, opens a socket or spawns: `now` is an argument.
//!
//! ```
//! use platform_core::{EventId, WallTime, id::Generator};
//!
//! let ids = Generator::new();
//! let now = WallTime::from_unix_ms(1_790_000_000_000);
//! let id: EventId = ids.next(now);
//! assert!(id.to_string().starts_with("evt_"));
//! assert_eq!(id.to_string().parse(), Ok(id));
//! ```

pub mod address;
mod base32;
pub mod event;
pub mod id;
pub mod problem;
pub mod secret;
#[cfg(feature = "sql")]
pub mod sql;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;

pub use address::AddressPolicy;
pub use event::{Event, EventType};
pub use id::{AuditId, EventId, Id, OrganizationId, ParseIdError, ProjectId};
pub use problem::{Code, FieldError, Problem};
pub use secret::Secret;
pub use time::WallTime;
