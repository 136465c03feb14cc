//! What goes on beside the API: counts are written down, what is past its time goes.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use platform_core::WallTime;
use platform_core::sql::outbox;
use tenancy::{Call, Error, Principal, api_key, retention};

use crate::v1::Api;

const MINUTE: Duration = Duration::from_secs(60);
/// How often what was counted is written down where no media is counted, which wants it sooner.
const WRITE_DOWN_EVERY: Duration = Duration::from_secs(10);
/// How often what is past its time is looked for.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// API keys whose last use is noted in one transaction.
const KEYS_BATCH: usize = 500;
/// Rows of the outbox that are removed at once.
const OUTBOX_BATCH: usize = 500;
/// The pause between two batches, so that a large purge holds nobody up.
const BREATH: Duration = Duration::from_millis(50);

/// Forgets whom rate limits need not know.
pub(super) async fn each_minute(api: Weak<Api>) {
    loop {
        tokio::time::sleep(MINUTE).await;
        let Some(api) = api.upgrade() else { return };
        api.sweep();
    }
}

/// Writes down what was counted: what a crash loses of it.
pub(super) async fn write_down(api: Weak<Api>) {
    let Some(due) = api.upgrade().map(|api| Arc::clone(&api.usage.due)) else { return };
    loop {
        // Either will do.
        let _ = tokio::time::timeout(WRITE_DOWN_EVERY, due.notified()).await;
        let Some(api) = api.upgrade() else { return };
        if let Err(error) = flush(&api).await {
            tracing::warn!(%error, "counts are not written down; they are kept for the next time");
        }
    }
}

/// Writes down what was counted.
pub(super) async fn flush(api: &Arc<Api>) -> Result<(), Error> {
    let call = api.tenancy.call(Principal::System, SystemTime::now().into());
    touch(api, &call).await?;
    api.usage.flush(api, &call).await
}

/// Notes which keys were used, some at a time. What is not written is kept for the next time.
async fn touch(api: &Arc<Api>, call: &Call) -> Result<(), Error> {
    let used = api.take_used_keys();
    for (done, batch) in used.chunks(KEYS_BATCH).enumerate() {
        let job = (call.clone(), batch.to_vec());
        let noted = api.db.write(job, |tx, (call, used)| Box::pin(api_key::touch(tx, call, used))).await;
        if let Err(error) = noted {
            api.put_back_used_keys(used.get(done * KEYS_BATCH..).unwrap_or_default());
            return Err(error);
        }
    }
    Ok(())
}

/// Removes what is past its time, batch by batch.
pub(super) async fn purge(api: Weak<Api>) {
    loop {
        let Some(strong) = api.upgrade() else { return };
        if let Err(error) = purge_once(&strong).await {
            tracing::warn!(%error, "what is past its time was not removed; tried again in an hour");
        }
        drop(strong);
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

async fn purge_once(api: &Arc<Api>) -> Result<(), Error> {
    let now = WallTime::from(SystemTime::now());
    loop {
        let rows = api.db.write(now, |tx, now| Box::pin(retention::purge(tx, *now))).await?;
        let before = now.minus(outbox::KEPT);
        let events = api
            .db
            .write(before, |tx, before| {
                Box::pin(async move { Ok::<_, Error>(outbox::purge(tx, *before, OUTBOX_BATCH).await?) })
            })
            .await?;
        if rows == 0 && events == 0 {
            return Ok(());
        }
        tokio::time::sleep(BREATH).await;
    }
}
