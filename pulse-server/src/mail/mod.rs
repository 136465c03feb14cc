//! E-mail: a durable queue in the database, and who sends what is in it.
//!
//! A mail is queued in the transaction of the change that wants it sent, sealed, because its links are secrets. It leaves
//! the queue when the SMTP server has taken it, or after two days of trying.

mod queue;
mod sender;
mod text;

pub(crate) use queue::enqueue;
pub(crate) use sender::{Sender, SenderError, run};
