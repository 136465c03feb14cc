//! What was counted of each stream so far, so that what is reported is what came since.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use platform_core::{OrganizationId, ProjectId};
use tenancy::StreamId;
use tenancy::usage::Metric;

use crate::live::Life;

/// What a broadcast counts by itself, from its beginning on.
pub(super) trait Totals {
    /// Bytes from encoders.
    fn received(&self) -> u64;
    /// Bytes to viewers.
    fn delivered(&self) -> u64;
    /// For how long somebody has published.
    fn on_air(&self) -> Duration;
    /// How long ago it began.
    fn age(&self) -> Duration;
}

impl Totals for Life {
    fn received(&self) -> u64 {
        self.measured().bytes
    }

    fn delivered(&self) -> u64 {
        self.delivered_bytes()
    }

    fn on_air(&self) -> Duration {
        self.on_air()
    }

    fn age(&self) -> Duration {
        self.age()
    }
}

/// The streams that are here. A broadcast is held until it has been counted to its end: some seconds longer than its channel holds it.
pub(super) struct Books<L>(HashMap<StreamId, Book<L>>);

/// What was counted of a broadcast.
pub(super) struct Book<L> {
    pub(super) organization_id: OrganizationId,
    pub(super) project_id: ProjectId,
    life: Arc<L>,
    received: u64,
    delivered: u64,
    live_s: u64,
    /// Milliseconds that are no whole second yet.
    watched_ms: u64,
}

/// What was used since the last report.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) organization_id: OrganizationId,
    pub(super) project_id: ProjectId,
    pub(super) used: [(Metric, i64); 4],
}

impl<L> Default for Books<L> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<L: Totals> Books<L> {
    /// Whether a stream's book is of this broadcast.
    pub(super) fn is_of(&self, id: StreamId, life: &Arc<L>) -> bool {
        self.0.get(&id).is_some_and(|book| Arc::ptr_eq(&book.life, life))
    }

    /// Opens the book of a broadcast; what is left to be reported of the one before it.
    pub(super) fn open(
        &mut self,
        id: StreamId,
        organization_id: OrganizationId,
        project_id: ProjectId,
        life: &Arc<L>,
    ) -> Option<Report> {
        let life = Arc::clone(life);
        let book =
            Book { organization_id, project_id, life, received: 0, delivered: 0, live_s: 0, watched_ms: 0 };
        self.0.insert(id, book).map(|mut before| before.close())
    }

    /// What was used of a stream since the last time, by viewers who were there for what has elapsed since.
    pub(super) fn report(&mut self, id: StreamId, elapsed: Duration, watching: u64) -> Option<Report> {
        self.0.get_mut(&id).map(|book| book.report(elapsed, watching))
    }

    /// Closes the books of streams that are not here any more; what is left to be reported of them.
    pub(super) fn close_others(&mut self, here: &BTreeSet<StreamId>) -> Vec<Report> {
        self.0.extract_if(|id, _| !here.contains(id)).map(|(_, mut book)| book.close()).collect()
    }

    /// Whose streams are here.
    pub(super) fn organizations(&self) -> BTreeSet<OrganizationId> {
        self.0.values().map(|book| book.organization_id).collect()
    }
}

impl<L: Totals> Book<L> {
    fn report(&mut self, elapsed: Duration, watching: u64) -> Report {
        let (received, delivered) = (self.life.received(), self.life.delivered());
        let live_s = self.life.on_air().as_secs();
        // Nobody has watched a broadcast for longer than it has been there.
        let watched_ms = (elapsed.min(self.life.age()).as_millis() as u64).saturating_mul(watching);
        let used = [
            (Metric::StreamingSeconds, live_s.saturating_sub(self.live_s)),
            (Metric::ViewerSeconds, seconds(&mut self.watched_ms, watched_ms)),
            (Metric::ReceivedBytes, received.saturating_sub(self.received)),
            (Metric::DeliveredBytes, delivered.saturating_sub(self.delivered)),
        ];
        // The counts of fan-outs that are gone are gone with them.
        (self.received, self.delivered, self.live_s) = (received, delivered, live_s);
        let used = used.map(|(metric, amount)| (metric, i64::try_from(amount).unwrap_or(i64::MAX)));
        Report { organization_id: self.organization_id, project_id: self.project_id, used }
    }

    /// What came since the last report; viewers were counted until then.
    fn close(&mut self) -> Report {
        self.report(Duration::ZERO, 0)
    }
}

/// Adds milliseconds and takes the whole seconds.
fn seconds(ms: &mut u64, more: u64) -> u64 {
    *ms = ms.saturating_add(more);
    let whole = *ms / 1000;
    *ms %= 1000;
    whole
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Counts bytes, of which as many have come as milliseconds have passed.
    #[derive(Default)]
    struct Counter(AtomicU64);

    impl Totals for Counter {
        fn received(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }

        fn delivered(&self) -> u64 {
            self.0.load(Ordering::Relaxed) * 2
        }

        fn on_air(&self) -> Duration {
            Duration::from_millis(self.received())
        }

        fn age(&self) -> Duration {
            self.on_air()
        }
    }

    fn times(report: Option<Report>) -> (i64, i64) {
        let used = report.unwrap().used;
        let of = |metric| used.iter().find(|(one, _)| *one == metric).unwrap().1;
        (of(Metric::StreamingSeconds), of(Metric::ViewerSeconds))
    }

    fn bytes(report: Option<Report>) -> (i64, i64) {
        let used = report.unwrap().used;
        let of = |metric| used.iter().find(|(one, _)| *one == metric).unwrap().1;
        (of(Metric::ReceivedBytes), of(Metric::DeliveredBytes))
    }

    #[test]
    fn what_a_broadcast_used_after_its_last_report_is_reported_with_its_end() {
        let id = StreamId::from_uuid(1);
        let (organization, project) = (OrganizationId::from_uuid(2), ProjectId::from_uuid(3));
        let (first, second) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
        let mut books = Books::default();
        assert_eq!(books.open(id, organization, project, &first), None);
        first.0.store(100, Ordering::Relaxed);
        assert_eq!(bytes(books.report(id, Duration::from_secs(5), 1)), (100, 200));
        first.0.store(130, Ordering::Relaxed);
        assert!(books.is_of(id, &first) && !books.is_of(id, &second));
        assert_eq!(bytes(books.open(id, organization, project, &second)), (30, 60));
        assert_eq!(Arc::strong_count(&first), 1, "and not held any longer");
        second.0.store(7, Ordering::Relaxed);
        assert!(books.close_others(&BTreeSet::from([id])).is_empty());
        assert_eq!(bytes(books.close_others(&BTreeSet::new()).pop()), (7, 14));
        assert!(books.organizations().is_empty());
    }

    #[test]
    fn time_is_counted_from_the_beginning_to_the_end_and_for_nobody_longer_than_the_broadcast() {
        let id = StreamId::from_uuid(1);
        let life = Arc::new(Counter::default());
        let mut books = Books::default();
        books.open(id, OrganizationId::from_uuid(2), ProjectId::from_uuid(3), &life);
        life.0.store(2_600, Ordering::Relaxed);
        // The pass before this one was long ago.
        assert_eq!(times(books.report(id, Duration::from_secs(60), 10)), (2, 26));
        life.0.store(7_600, Ordering::Relaxed);
        assert_eq!(times(books.report(id, Duration::from_secs(5), 10)), (5, 50));
        life.0.store(9_000, Ordering::Relaxed);
        assert_eq!(times(books.close_others(&BTreeSet::new()).pop()), (2, 0));
    }

    #[test]
    fn parts_of_seconds_are_carried_on() {
        let mut ms = 0;
        let whole: u64 = (0..10).map(|_| seconds(&mut ms, 1_750)).sum();
        assert_eq!((whole, ms), (17, 500));
    }
}
