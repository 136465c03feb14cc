//! Tenancy: users, organizations, projects, keys, streams, plans and quotas.
//!
//! The rules of a multi-tenant service without HTTP and without a clock. Each rule is a function over a transaction of a
//! [store](store), a [`Call`] (who asks, when, from where) and an input:
//!
//! ```text
//! stream::create(&mut tx, &call, project_id, &input) -> Result<stream::Created, Error>
//! ```
//!
//! So one transaction can hold several rules, and what other crates write beside them. What changes, the event that
//! announces it and the audit row commit together.
//!
//! All of it runs against a [store in memory](store::memory), and with the feature `sql` against SQLite and PostgreSQL.
//!
//! Nothing here reads a clock, opens a socket, spawns or sends a mail: `now` is part of the call, and a rule that wants a mail
//! sent returns it. Passwords are hashed and checked outside of transactions, by plain functions that take their time.
//!
//! ```
//! use platform_core::{Secret, WallTime};
//! use tenancy::store::{Store as _, memory::Memory};
//! use tenancy::{Principal, Tenancy, password, session, user, vault::MasterKey};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let (store, now) = (Memory::new(), WallTime::from_unix_ms(1_790_000_000_000));
//! let tenancy = Tenancy::open(&store, &MasterKey::generate(), now).await?;
//! let password = Secret::from("correct horse battery");
//!
//! let ada = user::Registration {
//!     email: "ada@example.org".to_owned(),
//!     name: "Ada".to_owned(),
//!     password: password::hash(&password)?,
//! };
//! let operator = tenancy.call(Principal::Operator, now);
//! store.write((operator, ada), |tx, (call, ada)| Box::pin(user::create(tx, call, ada, false))).await?;
//!
//! let attempt = user::attempt(&mut store.read().await?, "ada@example.org").await?;
//! let checked = attempt.check(&password)?;
//! let anybody = tenancy.call(Principal::Anonymous, now);
//! let login = store.write((anybody, checked), |tx, (call, checked)| {
//!     Box::pin(session::login(tx, call, checked, None))
//! });
//! let tokens = login.await?;
//! assert!(tokens.access_expires_at > now);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

pub mod access;
pub mod admission;
pub mod api_key;
pub mod app;
pub mod audit;
pub mod authority;
pub mod bulk;
pub mod cache;
mod call;
mod claim;
mod error;
pub mod field;
pub mod gate;
pub mod hook;
pub mod idempotency;
pub mod ids;
pub mod invitation;
pub mod label;
pub mod lease;
pub mod mail;
pub mod member;
mod name;
pub mod organization;
mod page;
pub mod password;
pub mod plan;
pub mod preset;
mod principal;
pub mod project;
pub mod quota;
pub mod retention;
pub mod revocation;
pub mod schedule;
mod schema;
pub mod session;
pub mod settings;
pub mod signing_key;
pub mod store;
pub mod stream;
pub mod stream_key;
pub mod token;
pub mod usage;
pub mod user;
pub mod vault;

pub use authority::{Permission, Role};
pub use call::{Call, Tenancy};
pub use error::{
    Cause, Error, INVALID_TOKEN, MAINTENANCE, REGISTRATIONS_CLOSED, SECOND_FACTOR_REQUIRED, SOLE_OWNER,
    STATE, SUSPENDED,
};
pub use ids::{
    ApiKeyId, AppId, InvitationId, MailTokenId, MemberId, PlanId, PresetId, RecoveryCodeId, SessionId,
    SigningKeyId, StreamId, StreamKeyId, UserId,
};
pub use page::{MAX_LIMIT, Page, PageRequest};
pub use principal::{KeyPrincipal, Principal, UserPrincipal};
pub use schema::TABLES;
