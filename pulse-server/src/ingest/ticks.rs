//! Publishers asked at ticks, many by one task.
//!
//! With a task each, hundreds of publishers cost more in timers, wake-ups and task switches than in media. So there is a task for each
//! thread of the runtime, which at every tick asks those that are due, one after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep_until};

/// Asked in one go before other tasks of the thread have their turn.
const IN_ONE_GO: usize = 32;

/// What is asked at ticks.
pub(super) trait Ticked: Send {
    /// Takes what has come, without waiting. The period until it wants to be asked again, counted from a moment that all share; nothing
    /// when it is over.
    fn tick(self: Box<Self>, now: Instant) -> Option<(Duration, Box<dyn Ticked>)>;
}

/// The tasks, started with the first publisher.
#[derive(Default)]
pub struct Ticks(OnceLock<Vec<Lane>>);

struct Lane {
    newcomers: UnboundedSender<Box<dyn Ticked>>,
    seated: Arc<AtomicUsize>,
}

impl Ticks {
    /// Asks a newcomer from now on.
    pub(super) fn seat(&self, newcomer: Box<dyn Ticked>) {
        let lanes = self.0.get_or_init(|| {
            let epoch = Instant::now();
            (0..Handle::current().metrics().num_workers()).map(|_| Lane::start(epoch)).collect()
        });
        if let Some(lane) = lanes.iter().min_by_key(|lane| lane.seated.load(Relaxed)) {
            lane.seated.fetch_add(1, Relaxed);
            // A lane ends only with the runtime.
            let _ = lane.newcomers.send(newcomer);
        }
    }
}

impl Lane {
    fn start(epoch: Instant) -> Self {
        let (newcomers, arriving) = mpsc::unbounded_channel();
        let seated = Arc::new(AtomicUsize::new(0));
        tokio::spawn(run(Seats { epoch, seats: Vec::new(), seated: Arc::clone(&seated) }, arriving));
        Self { newcomers, seated }
    }
}

async fn run(mut seats: Seats, mut arriving: UnboundedReceiver<Box<dyn Ticked>>) {
    loop {
        let next = seats.next();
        tokio::select! {
            biased;
            () = async { sleep_until(next.unwrap_or(seats.epoch)).await }, if next.is_some() => seats.ask().await,
            newcomer = arriving.recv() => match newcomer {
                Some(what) => seats.seats.push(Seat { due: seats.epoch, what: Some(what) }),
                None => return,
            },
        }
    }
}

struct Seats {
    /// Ticks of all periods are counted from here.
    epoch: Instant,
    seats: Vec<Seat>,
    seated: Arc<AtomicUsize>,
}

struct Seat {
    due: Instant,
    /// Gone once it is over.
    what: Option<Box<dyn Ticked>>,
}

impl Seats {
    fn next(&self) -> Option<Instant> {
        self.seats.iter().map(|seat| seat.due).min()
    }

    /// Asks all that are due.
    async fn ask(&mut self) {
        let (mut now, mut asked) = (Instant::now(), 0);
        for seat in self.seats.iter_mut() {
            if seat.due > now {
                continue;
            }
            seat.ask(now, self.epoch);
            asked += 1;
            if asked % IN_ONE_GO == 0 {
                tokio::task::yield_now().await;
                now = Instant::now();
            }
        }
        let before = self.seats.len();
        self.seats.retain(|seat| seat.what.is_some());
        self.seated.fetch_sub(before - self.seats.len(), Relaxed);
        if self.seats.len() < self.seats.capacity() / 8 {
            self.seats.shrink_to(self.seats.len() * 2);
        }
    }
}

impl Seat {
    fn ask(&mut self, now: Instant, epoch: Instant) {
        let Some(what) = self.what.take() else { return };
        // A fault in one must not end the others; the panic hook has reported it.
        if let Ok(Some((period, what))) = catch_unwind(AssertUnwindSafe(|| what.tick(now))) {
            self.what = Some(what);
            self.due = next_tick(now, period, epoch);
        }
    }
}

/// The first multiple of `period` after `now`, so that all of one period are asked together; at once where it is zero.
fn next_tick(now: Instant, period: Duration, epoch: Instant) -> Instant {
    let (since, length) = (now.saturating_duration_since(epoch).as_nanos(), period.as_nanos());
    let gone = since.checked_rem(length).and_then(|gone| u64::try_from(gone).ok());
    now + period.saturating_sub(Duration::from_nanos(gone.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const LONG: Duration = Duration::from_millis(20);
    const SHORT: Duration = Duration::from_millis(5);

    /// Notes when it is asked, so many times.
    struct Noting {
        left: usize,
        period: Duration,
        asked: Arc<Mutex<Vec<Duration>>>,
        start: Instant,
    }

    impl Ticked for Noting {
        fn tick(mut self: Box<Self>, now: Instant) -> Option<(Duration, Box<dyn Ticked>)> {
            self.asked.lock().unwrap().push(now - self.start);
            self.left = self.left.checked_sub(1)?;
            Some((self.period, self))
        }
    }

    struct Faulty;

    impl Ticked for Faulty {
        fn tick(self: Box<Self>, _: Instant) -> Option<(Duration, Box<dyn Ticked>)> {
            panic!("a fault of one publisher");
        }
    }

    fn noting(ticks: &Ticks, period: Duration, start: Instant) -> Arc<Mutex<Vec<Duration>>> {
        let asked = Arc::<Mutex<Vec<Duration>>>::default();
        ticks.seat(Box::new(Noting { left: 40, period, asked: Arc::clone(&asked), start }));
        asked
    }

    #[tokio::test(start_paused = true)]
    async fn all_of_a_period_are_asked_together_and_a_fault_ends_only_its_own() {
        let (ticks, start) = (Ticks::default(), Instant::now());
        ticks.seat(Box::new(Faulty));
        let first = noting(&ticks, LONG, start);
        tokio::time::sleep(Duration::from_millis(7)).await;
        let (second, quick) = (noting(&ticks, LONG, start), noting(&ticks, SHORT, start));
        tokio::time::sleep(Duration::from_secs(2)).await;
        let [first, second, quick] = [first, second, quick].map(|asked| asked.lock().unwrap().clone());
        assert_eq!((first.len(), second.len(), quick.len()), (41, 41, 41));
        for (asked, period) in [(first, LONG), (second, LONG), (quick, SHORT)] {
            let at_ticks = |at: &Duration| at.as_nanos().is_multiple_of(period.as_nanos());
            assert!(asked[1..].iter().all(at_ticks), "{asked:?}");
            assert!(asked[1..].windows(2).all(|pair| pair[1] - pair[0] == period), "{asked:?}");
        }
        let lane = &ticks.0.get().unwrap()[0];
        assert_eq!(lane.seated.load(Relaxed), 0, "all have gone");
    }

    #[test]
    fn ticks_are_multiples_of_the_period() {
        let epoch = Instant::now();
        for offset in [0, 1, 19_999_999] {
            assert_eq!(next_tick(epoch + Duration::from_nanos(offset), LONG, epoch), epoch + LONG);
        }
        assert_eq!(next_tick(epoch + LONG, LONG, epoch), epoch + 2 * LONG);
        assert_eq!(next_tick(epoch + SHORT, Duration::ZERO, epoch), epoch + SHORT);
    }
}
