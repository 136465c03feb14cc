//! E-mail: a durable queue in the database, and who sends what is in it.
//!
//! A mail is queued in the transaction of the change that wants it sent, sealed, because its links are secrets. It leaves
//! the queue when the SMTP server has taken it, when the server says that there is no such mailbox, or after two days of trying.

mod queue;
mod refusal;
mod sender;
mod server;
mod text;

pub(crate) use queue::{enqueue, enqueue_notice, forget, recipient};
pub(crate) use sender::{Sender, run};
pub(crate) use server::{SMTP_URLS, SenderError, check_url};
