//! What is asked of the database for whoever comes: carried out also when they go away, so that the next who asks for the same finds it,
//! and once for all who ask for the same stream at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::WallTime;
use tenancy::admission::Admission;
use tenancy::{Error, StreamId};
use tokio::sync::watch;

use crate::v1::Api;

type Answer = Result<Arc<Admission>, Error>;

/// Streams that are being asked about: as many as there are in the questions of connections, and of those that have gone for as long as
/// the database takes.
#[derive(Default)]
pub(super) struct Loads(Mutex<HashMap<StreamId, watch::Receiver<Option<Answer>>>>);

impl Loads {
    /// What is to be known of a stream.
    ///
    /// # Errors
    /// As [`Cache::admission`](tenancy::cache::Cache::admission).
    pub(super) async fn admission(self: &Arc<Self>, api: &Arc<Api>, id: StreamId, now: WallTime) -> Answer {
        if let Some(fresh) = api.cache.fresh_admission(id) {
            return Ok(fresh);
        }
        let api = Arc::clone(api);
        let load = move || async move { api.cache.admission(&api.db, api.tenancy.keys(), id, now).await };
        self.join(id, load).await
    }

    /// Waits for the load of a stream that is under way, or for this one.
    async fn join<F>(self: &Arc<Self>, id: StreamId, load: impl FnOnce() -> F) -> Answer
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let mut answer = {
            let mut under_way = self.under_way();
            match under_way.get(&id) {
                Some(answer) => answer.clone(),
                None => {
                    let (tell, answer) = watch::channel(None);
                    under_way.insert(id, answer.clone());
                    let end = End { loads: Arc::clone(self), id };
                    let load = load();
                    tokio::spawn(async move {
                        let answer = load.await;
                        // Who comes from here on looks at what is known first.
                        drop(end);
                        tell.send_replace(Some(answer));
                    });
                    answer
                }
            }
        };
        let told = answer.wait_for(Option::is_some).await;
        told.ok().and_then(|answer| answer.clone()).unwrap_or_else(|| Err(broken_off()))
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<StreamId, watch::Receiver<Option<Answer>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A load that ends when this is dropped.
struct End {
    loads: Arc<Loads>,
    id: StreamId,
}

impl Drop for End {
    fn drop(&mut self) {
        self.loads.under_way().remove(&self.id);
    }
}

/// Carries out work of a publisher, whether or not that waits for it.
pub(super) fn detached<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> impl Future<Output = Result<T, E>>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let work = tokio::spawn(work);
    async move { work.await.unwrap_or_else(|_| Err(broken_off().into())) }
}

fn broken_off() -> Error {
    Error::internal("a question to the database was broken off")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_load_is_one_for_all_who_ask_and_goes_on_without_who_began_it() {
        let (loads, gate, begun, ended) = (
            Arc::<Loads>::default(),
            Arc::new(Semaphore::new(0)),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
        );
        let id = StreamId::from_uuid(1);
        let ask = || {
            let (loads, gate, begun, ended) =
                (Arc::clone(&loads), Arc::clone(&gate), Arc::clone(&begun), Arc::clone(&ended));
            async move {
                let load = move || async move {
                    begun.fetch_add(1, Ordering::SeqCst);
                    let _open = gate.acquire().await;
                    ended.fetch_add(1, Ordering::SeqCst);
                    Err(Error::NotFound)
                };
                loads.join(id, load).await
            }
        };
        let first = tokio::spawn(ask());
        while begun.load(Ordering::SeqCst) == 0 {
            yield_now().await;
        }
        first.abort();
        assert!(first.await.is_err(), "who began it has gone");
        let others: Vec<_> = (0..100).map(|_| tokio::spawn(ask())).collect();
        yield_now().await;
        gate.add_permits(1);
        for other in others {
            assert!(matches!(other.await.unwrap(), Err(Error::NotFound)));
        }
        assert_eq!((begun.load(Ordering::SeqCst), ended.load(Ordering::SeqCst)), (1, 1));
        assert!(loads.under_way().is_empty());
    }

    #[tokio::test]
    async fn a_publishers_question_is_carried_out_when_it_goes_away() {
        let (gate, ended) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (wait, done) = (Arc::clone(&gate), Arc::clone(&ended));
        let asked = tokio::spawn(detached::<(), Error>(async move {
            let _open = wait.acquire().await;
            done.add_permits(1);
            Ok(())
        }));
        yield_now().await;
        asked.abort();
        let _ = asked.await;
        gate.add_permits(1);
        let _ended = ended.acquire().await.unwrap();
    }
}
