//! People.

mod account;
mod erase;
mod login;
mod operate;
mod register;
pub mod totp;

pub use account::{me, rename};
pub use erase::{erase, export, note_export};
pub use login::{Attempt, Checked, attempt, attempt_self, change_password};
pub use operate::{UserFilter, find, list_all, read, set_admin, suspend};
pub use register::{Registration, check, check_reset, create, forgot, register, reset, verify_email};

use platform_core::WallTime;

use crate::UserId;
use crate::call::About;
use crate::store::{Entity, record};

record! {
    /// A person. What is personal of them is here and in no other table but invitations; erasure empties it.
    pub struct User in "tenancy_users" {
        /// `usr_…`.
        pub id: UserId,
        /// The address, as it was written; `None` after erasure.
        pub email: Option<String>,
        /// What it is compared by.
        pub(crate) email_key: Option<String>,
        /// Their name; `None` after erasure.
        pub name: Option<String>,
        /// The password's hash, as a PHC string.
        pub(crate) password: Option<String>,
        /// When they showed that the address is theirs.
        pub verified_at: Option<WallTime>,
        /// Whether they are an operator of the server.
        pub is_admin: bool,
        /// The secret of the authenticator, sealed; of no effect before it was confirmed.
        pub(crate) totp_secret: Option<Vec<u8>>,
        /// Since when a second factor is asked for.
        pub totp_confirmed_at: Option<WallTime>,
        /// The time step of the last code that was used, so that none is used twice.
        pub(crate) totp_step: i64,
        /// When they registered.
        pub created_at: WallTime,
        /// When the account was changed.
        pub updated_at: WallTime,
        /// Since when an operator suspends them.
        pub suspended_at: Option<WallTime>,
        /// When they were erased.
        pub erased_at: Option<WallTime>,
    }
    unique "email" on "email_key"
}

pub(crate) fn about(id: UserId) -> About {
    About { organization_id: None, project_id: None, entity: Entity::of(id) }
}
