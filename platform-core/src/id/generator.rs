//! Making ids: UUIDv7 (RFC 9562 §5.7) that only grow within a process.

use std::sync::{Mutex, PoisonError};

use super::{Id, Kind};
use crate::WallTime;

/// Bits of a UUIDv7 beside time, version and variant.
const RANDOM_BITS: u32 = 74;

/// Makes ids. A process has one and shares it.
///
/// Each id is above all that came before, of whatever kind: within a millisecond, and while the clock stands behind an
/// earlier id, the next one is the last one plus a random step (RFC 9562 §6.2, method 2). Among processes ids differ by 73
/// random bits a millisecond.
#[derive(Debug)]
pub struct Generator {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Milliseconds and random bits of the last id, without version and variant, so that adding to it carries into the time.
    last: u128,
    source: Source,
}

#[derive(Debug)]
enum Source {
    System,
    /// splitmix64, for tests that want the same ids each time.
    Seeded(u64),
}

impl Generator {
    /// A generator that draws from the operating system.
    #[expect(clippy::new_without_default, reason = "it is not one of many equal values: a process makes one")]
    pub fn new() -> Self {
        Self::with(Source::System)
    }

    /// A generator whose ids are the same each time, for tests.
    pub fn seeded(seed: u64) -> Self {
        Self::with(Source::Seeded(seed))
    }

    fn with(source: Source) -> Self {
        Self { state: Mutex::new(State { last: 0, source }) }
    }

    /// The next id, made at `now`.
    pub fn next<K: Kind>(&self, now: WallTime) -> Id<K> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let random = state.source.draw();
        let now_ms = u128::from(now.unix_ms().unsigned_abs());
        state.last = if now_ms > state.last >> RANDOM_BITS {
            // The top bit stays clear, so that a busy millisecond does not run into the next one.
            (now_ms << RANDOM_BITS) | (random & ((1 << (RANDOM_BITS - 1)) - 1))
        } else {
            state.last + 1 + (random & u128::from(u32::MAX))
        };
        Id::from_uuid(uuid(state.last))
    }
}

impl Source {
    fn draw(&mut self) -> u128 {
        match self {
            Self::System => {
                let mut bytes = [0; 16];
                crate::secret::fill(&mut bytes);
                u128::from_ne_bytes(bytes)
            }
            Self::Seeded(state) => (u128::from(splitmix(state)) << 64) | u128::from(splitmix(state)),
        }
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Puts version 7 and the variant between 48 bits of time, 12 and 62 random bits.
fn uuid(bits: u128) -> u128 {
    let time_ms = (bits >> RANDOM_BITS) & 0xFFFF_FFFF_FFFF;
    let high = (bits >> 62) & 0xFFF;
    let low = bits & ((1 << 62) - 1);
    (time_ms << 80) | (7 << 76) | (high << 64) | (0b10 << 62) | low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventId, ProjectId};

    fn at(ms: i64) -> WallTime {
        WallTime::from_unix_ms(ms)
    }

    #[test]
    fn an_id_is_a_version_7_uuid_of_its_time() {
        let id: EventId = Generator::new().next(at(1_790_000_000_123));
        assert_eq!(id.uuid() >> 76 & 0xF, 7);
        assert_eq!(id.uuid() >> 62 & 0b11, 0b10);
        assert_eq!(id.created_at(), at(1_790_000_000_123));
    }

    #[test]
    fn ids_of_a_millisecond_grow() {
        let ids = Generator::new();
        let mut last = ids.next::<crate::id::EventKind>(at(5));
        for _ in 0..10_000 {
            let next = ids.next(at(5));
            assert!(next > last);
            assert_eq!(next.created_at(), at(5));
            last = next;
        }
    }

    #[test]
    fn ids_grow_while_the_clock_steps_back() {
        let ids = Generator::seeded(1);
        let before: EventId = ids.next(at(10_000));
        let during: EventId = ids.next(at(2_000));
        let after: EventId = ids.next(at(10_001));
        assert!(before < during && during < after);
        assert_eq!(during.created_at(), at(10_000));
        assert_eq!(after.created_at(), at(10_001));
    }

    #[test]
    fn a_full_millisecond_runs_into_the_next() {
        let ids = Generator::seeded(2);
        ids.state.lock().unwrap().last = (7 << RANDOM_BITS) | ((1 << RANDOM_BITS) - 1);
        let next: EventId = ids.next(at(7));
        assert_eq!(next.created_at(), at(8));
    }

    #[test]
    fn the_order_spans_kinds() {
        let ids = Generator::seeded(3);
        let project: ProjectId = ids.next(at(1));
        let event: EventId = ids.next(at(1));
        assert!(project.uuid() < event.uuid());
    }

    #[test]
    fn the_farthest_time_fits() {
        let id: EventId = Generator::seeded(4).next(WallTime::MAX);
        assert_eq!(id.created_at(), WallTime::MAX);
    }
}
