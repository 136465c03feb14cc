//! Telling of refusals: who listens to an organization's events hears that a limit of its plan has refused something.
//!
//! What was refused is rolled back, so the event has a transaction of its own, after the answer. It is appended once a day, or a
//! month, for each resource; what was told lately is remembered here, so that a flood of refusals is no flood of writes.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use platform_core::sql::Db;
use platform_core::{OrganizationId, WallTime};
use tenancy::quota::{self, Resource};
use tenancy::{Error, Principal, Tenancy};
use tokio::task::JoinHandle;

/// Refusals that are remembered, 10,000 of some 40 bytes; then all are forgotten, and the database says what was told.
const REMEMBERED: usize = 10_000;
const DAY_MS: i64 = 86_400_000;

/// What was told lately.
#[derive(Debug, Default)]
pub(crate) struct QuotaNotices(Mutex<HashSet<(OrganizationId, Resource, i64)>>);

impl QuotaNotices {
    /// Tells of a refusal if the error is one, and it was not told today.
    pub(crate) fn tell(
        &self,
        db: &Db,
        tenancy: &Tenancy,
        now: WallTime,
        error: &Error,
    ) -> Option<JoinHandle<()>> {
        let Error::QuotaExceeded { organization_id, resource, limit, current } = *error else { return None };
        if !self.remember((organization_id, resource, now.unix_ms().div_euclid(DAY_MS))) {
            return None;
        }
        let (db, call) = (db.clone(), tenancy.call(Principal::System, now));
        Some(tokio::spawn(async move {
            let written = db.write(call, move |tx, call| {
                Box::pin(quota::refused(tx, call, organization_id, resource, limit, current))
            });
            if let Err(error) = written.await {
                tracing::warn!(%error, %organization_id, %resource, "that a quota was exceeded is in no event");
            }
        }))
    }

    fn remember(&self, refusal: (OrganizationId, Resource, i64)) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.clear();
        }
        told.insert(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform;

    const NOW: WallTime = WallTime::from_unix_ms(1_790_000_000_000);

    #[tokio::test]
    async fn of_many_refusals_one_is_told() {
        let (db, tenancy) = platform::in_memory(NOW).await;
        let notices = QuotaNotices::default();
        let organization_id = OrganizationId::from_uuid(1);
        let refusal =
            Error::QuotaExceeded { organization_id, resource: Resource::Streams, limit: 10, current: 10 };
        notices.tell(&db, &tenancy, NOW, &refusal).unwrap().await.unwrap();
        assert!(notices.tell(&db, &tenancy, NOW, &refusal).is_none());
        assert!(notices.tell(&db, &tenancy, NOW, &Error::NotFound).is_none());
        // Another process has not told yet, as far as it knows.
        QuotaNotices::default().tell(&db, &tenancy, NOW, &refusal).unwrap().await.unwrap();
        let sql = "SELECT data FROM pulse_outbox WHERE type = 'quota.exceeded'";
        let rows = db.read().await.unwrap().fetch_all(sql).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].text(0).unwrap(), r#"{"current":10,"limit":10,"resource":"streams"}"#);
    }
}
