//! The API's state.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use platform_core::sql::{Change, Db};
use tenancy::cache::{Cache, WithoutStore};
use tenancy::settings::Settings;
use tenancy::{ApiKeyId, Tenancy};

use super::audit_logs::Running;
use super::backoff::{self, BackOff};
use super::failure::Failure;
use super::idempotency::InFlight;
use super::limits::{Limits, Rates};
use super::live::Live;
use super::metering::Metering;
use super::passwords::Passwords;
use super::principals::Used;
use super::quota_notices::QuotaNotices;
use crate::config::{AfterOutageGrace, Config, Database};

/// The API's state. One for a server.
pub(crate) struct Api {
    /// The database.
    pub(crate) db: Db,
    /// Ids and keys.
    pub(crate) tenancy: Tenancy,
    /// Wakes who sends mails.
    pub(crate) mail_queued: Arc<tokio::sync::Notify>,
    /// Wakes who carries out what was left to be done after an answer.
    pub(crate) requested: Arc<tokio::sync::Notify>,
    pub(super) limits: Limits,
    /// Wrong passwords, by account.
    pub(super) wrong_passwords: BackOff,
    /// Mails that anybody can have sent, by address.
    pub(super) wanted_mails: BackOff,
    pub(super) in_flight: InFlight,
    /// What is asked for again and again.
    pub(crate) cache: Cache,
    pub(super) used: Used,
    /// Reports that are being made.
    pub(super) reports: Running,
    pub(super) passwords: Passwords,
    /// What is counted.
    pub(crate) usage: Metering,
    /// Which refusals were told of.
    pub(crate) quota_notices: QuotaNotices,
    /// What is live.
    pub(crate) live: Live,
    config: Arc<ArcSwap<Config>>,
}

impl Api {
    /// The state over an open database.
    pub(crate) fn new(db: Db, tenancy: Tenancy, config: &Arc<ArcSwap<Config>>) -> Self {
        let initial = config.load();
        let settings = &initial.api;
        let rates = Rates {
            per_address: settings.requests_per_address,
            per_key: settings.requests_per_key,
            per_project: settings.requests_per_project,
            per_user: settings.requests_per_user,
            logins_per_address: settings.logins_per_address,
        };
        let passwords = Passwords::new(settings.password_threads);
        Self {
            db,
            tenancy,
            mail_queued: Arc::default(),
            requested: Arc::default(),
            limits: Limits::new(rates),
            wrong_passwords: BackOff::new(backoff::PASSWORDS),
            wanted_mails: BackOff::new(backoff::MAILS),
            in_flight: InFlight::default(),
            cache: Cache::with(without_database(&initial.database)),
            used: Used::default(),
            reports: Running::default(),
            passwords,
            usage: Metering::default(),
            quota_notices: QuotaNotices::default(),
            live: Live::default(),
            config: Arc::clone(config),
        }
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// The settings that operators change while the server runs.
    pub(crate) async fn settings(&self) -> Result<Arc<Settings>, Failure> {
        Ok(self.cache.settings(&self.db).await?)
    }

    /// Forgets what has changed.
    pub(crate) fn forget(&self, change: Change) {
        match change {
            Change::Entity { entity, .. } => self.cache.forget(&entity.into()),
            // What streams are admitted on stays good for a while, should the database be away.
            _ => self.cache.doubt(SystemTime::now().into()),
        }
    }

    /// API keys that were used since the last call.
    pub(crate) fn take_used_keys(&self) -> Vec<ApiKeyId> {
        self.used.take()
    }

    /// Takes back what was not written down.
    pub(crate) fn put_back_used_keys(&self, ids: &[ApiKeyId]) {
        self.used.put_back(ids);
    }

    /// Forgets callers who have their full allowance again.
    pub(crate) fn sweep(&self) {
        self.limits.sweep();
        self.wrong_passwords.sweep(Instant::now());
        self.wanted_mails.sweep(Instant::now());
    }
}

/// What holds of what is known while the database is away, as the operator says.
fn without_database(config: &Database) -> WithoutStore {
    match config.after_outage_grace {
        AfterOutageGrace::Closed => WithoutStore::For(Duration::from_secs(config.outage_grace_s)),
        // The grace differs from what follows it by what follows alone.
        AfterOutageGrace::Open => WithoutStore::UntilBack,
    }
}
