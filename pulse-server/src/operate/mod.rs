//! `pulse-server admin`: what operators do from the command line, through the running server's socket where there is one.

mod command;
mod execute;
mod owner;
mod socket;

use serde::{Deserialize, Serialize};

pub(crate) use command::run;
pub(crate) use socket::{Socket, serve};

/// What is asked for; a line of JSON on the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    /// Creates an account that is an operator's.
    CreateOperator {
        /// Their address, which needs no proof.
        email: String,
        /// Their name.
        name: String,
        /// Their password.
        password: Password,
    },
    /// Lists organizations.
    ListOrganizations {
        /// Names that begin with this.
        search: Option<String>,
        /// Deleted ones instead.
        deleted: bool,
    },
    /// Suspends an organization, or lifts that.
    SuspendOrganization {
        /// Which.
        id: String,
        /// Or not.
        suspended: bool,
    },
    /// Brings a deleted organization back.
    RestoreOrganization {
        /// Which.
        id: String,
    },
    /// Suspends an account, or lifts that.
    SuspendUser {
        /// Whose: id or address.
        user: String,
        /// Or not.
        suspended: bool,
    },
    /// Gives all that is known of a person.
    ExportUser {
        /// Whose: id or address.
        user: String,
    },
    /// Erases a person.
    EraseUser {
        /// Whom: id or address.
        user: String,
    },
    /// Puts another master key in place.
    RotateMasterKey,
    /// Replaces the key that viewers' sessions are signed with.
    ReplaceSessionKey,
}

/// A password on its way through the socket, which only this server's user can open.
#[derive(Clone, Serialize, Deserialize)]
struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What became of it; a line of JSON on the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// It was done.
    Done(serde_json::Value),
    /// It was not.
    Failed(String),
}
