//! When a second encoder comes for a stream that has one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::config::Takeover;

/// How many takeovers a stream bears within [`SPAN`]; two live encoders with one key would otherwise evict each other for ever.
const MOST: usize = 2;
/// The span over which takeovers are counted.
const SPAN: Duration = Duration::from_secs(10);

/// Why the newcomer was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The configuration says that who is there stays.
    Occupied,
    /// Two encoders are fighting over the stream.
    Fight,
}

/// The takeovers of one stream.
#[derive(Debug, Default)]
pub(super) struct Takeovers(VecDeque<Instant>);

impl Takeovers {
    /// Decides on a newcomer while somebody publishes.
    ///
    /// # Errors
    /// [`Refused`] when the one who publishes stays.
    pub(super) fn admit(&mut self, policy: Takeover, now: Instant) -> Result<(), Refused> {
        if policy == Takeover::Reject {
            return Err(Refused::Occupied);
        }
        while self.0.front().is_some_and(|then| now.duration_since(*then) > SPAN) {
            self.0.pop_front();
        }
        if self.0.len() >= MOST {
            return Err(Refused::Fight);
        }
        self.0.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_19_two_encoders_do_not_evict_each_other_for_ever() {
        let mut takeovers = Takeovers::default();
        let start = Instant::now();
        let mut at = |seconds| takeovers.admit(Takeover::Accept, start + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(2), at(9)], [Ok(()), Ok(()), Err(Refused::Fight), Err(Refused::Fight)]);
        assert_eq!(at(12), Ok(()));
    }

    #[test]
    fn the_configuration_may_protect_who_is_there() {
        assert_eq!(Takeovers::default().admit(Takeover::Reject, Instant::now()), Err(Refused::Occupied));
    }
}
