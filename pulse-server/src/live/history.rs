//! The last hour of each stream, in steps: what `/v1/streams/{id}/stats` shows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use super::channel::Phase;
use super::life::Life;
use crate::stream_id::StreamId;

/// The length of a step.
pub(crate) const STEP: Duration = Duration::from_secs(10);
/// Steps that are kept of a stream, an hour: 64 bytes each, so 23 KiB of a stream that was live for as long. It grows as it is needed.
const STEPS: usize = 360;
/// How long the steps of a stream that has ended are kept.
const KEPT: Duration = Duration::from_secs(3600);
/// Streams that have ended and are kept, at most: 92 MiB if each of them was live for an hour. The one that ended first goes first.
const MAX_ENDED: usize = 4096;

/// A step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// When it began.
    pub(crate) at: SystemTime,
    /// Its length, in milliseconds: the first and the last of a stream may be shorter.
    pub(crate) duration_ms: u32,
    /// Video frames a second, at its end.
    pub(crate) fps: f32,
    /// Media bytes from the encoder.
    pub(crate) received_bytes: u64,
    /// Bytes to viewers.
    pub(crate) delivered_bytes: u64,
    /// Viewers over HLS at its end.
    pub(crate) hls: u32,
    /// Players over RTMP at its end.
    pub(crate) rtmp: u32,
    /// Players over HTTP-FLV at its end.
    pub(crate) flv: u32,
}

/// What is kept of a stream.
#[derive(Debug, Default)]
struct History {
    steps: VecDeque<Sample>,
    life: Weak<Life>,
    /// Until when it has been looked at.
    until: Option<SystemTime>,
    received: u64,
    delivered: u64,
    ended: Option<SystemTime>,
}

/// What is kept of all streams that are live, or were within the last hour.
#[derive(Debug, Default)]
pub(crate) struct Histories(Mutex<HashMap<StreamId, History>>);

/// What a stream shows at a moment.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Video frames a second.
    fps: f64,
    /// Media bytes from the encoder, since the life began.
    received: u64,
    /// Bytes to viewers, since the life began.
    delivered: u64,
    /// Viewers over HLS, RTMP and FLV.
    viewers: [usize; 3],
}

impl Histories {
    /// Notes where a stream stands; to be called each [`STEP`], and when it has ended.
    pub(crate) fn note(&self, now: SystemTime, id: &StreamId, phase: &Phase, hls: usize) {
        let (life, ended) = match phase {
            Phase::Live(life) | Phase::Away(life) => (life, None),
            Phase::Offline(Some(life)) => (life, Some(life.ended().unwrap_or(now))),
            Phase::Offline(None) | Phase::Restarted => return,
        };
        let mut all = self.lock();
        if !all.contains_key(id) && ended.is_none_or(|ended| is_kept(now, ended)) {
            all.insert(id.clone(), History::default());
        }
        if let Some(history) = all.get_mut(id) {
            history.look(now, life, ended, &counts(life, matches!(phase, Phase::Live(_)), hls));
        }
    }

    /// Forgets what ended long ago, and what ended first when there are too many.
    pub(crate) fn sweep(&self, now: SystemTime) {
        let mut all = self.lock();
        all.retain(|_, history| history.ended.is_none_or(|ended| is_kept(now, ended)));
        let mut ended: Vec<(SystemTime, StreamId)> =
            all.iter().filter_map(|(id, history)| Some((history.ended?, id.clone()))).collect();
        if let Some(many @ 1..) = ended.len().checked_sub(MAX_ENDED) {
            ended.sort();
            for (_, id) in ended.iter().take(many) {
                all.remove(id);
            }
        }
    }

    /// When a stream ended, if it did so within the last hour.
    pub(crate) fn ended(&self, id: &StreamId) -> Option<SystemTime> {
        self.lock().get(id)?.ended
    }

    /// The steps of a stream, oldest first.
    pub(crate) fn steps(&self, id: &StreamId) -> Vec<Sample> {
        self.lock().get(id).map(|history| history.steps.iter().copied().collect()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, History>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_kept(now: SystemTime, ended: SystemTime) -> bool {
    now.duration_since(ended).map_or(true, |since| since < KEPT)
}

fn counts(life: &Life, live: bool, hls: usize) -> Counts {
    let measured = life.measured();
    Counts {
        fps: if live { measured.fps } else { 0.0 },
        received: measured.bytes,
        delivered: life.delivered_bytes(),
        viewers: [hls, life.outputs.rtmp_players(), life.outputs.flv_players()],
    }
}

impl History {
    fn look(&mut self, now: SystemTime, life: &Arc<Life>, ended: Option<SystemTime>, counts: &Counts) {
        if !Weak::ptr_eq(&self.life, &Arc::downgrade(life)) {
            *self = Self { steps: std::mem::take(&mut self.steps), ..Self::default() };
            self.life = Arc::downgrade(life);
            self.until = Some(life.since);
        }
        if self.ended.is_none() {
            self.step(ended.unwrap_or(now), counts);
        }
        self.ended = ended;
        let hour_ago = now.checked_sub(STEP * STEPS as u32);
        while self.steps.front().is_some_and(|first| hour_ago.is_some_and(|ago| first.at < ago)) {
            self.steps.pop_front();
        }
    }

    fn step(&mut self, until: SystemTime, counts: &Counts) {
        let at = self.until.replace(until).unwrap_or(until);
        let duration_ms = until.duration_since(at).map_or(0, |lasted| lasted.as_millis());
        let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let [hls, rtmp, flv] = counts.viewers.map(narrow);
        let sample = Sample {
            at,
            duration_ms: u32::try_from(duration_ms).unwrap_or(u32::MAX),
            fps: counts.fps as f32,
            received_bytes: counts.received.saturating_sub(self.received),
            // The counts of fan-outs that are gone are gone with them.
            delivered_bytes: counts.delivered.saturating_sub(self.delivered),
            hls,
            rtmp,
            flv,
        };
        (self.received, self.delivered) = (counts.received, counts.delivered);
        if self.steps.len() >= STEPS {
            self.steps.pop_front();
        }
        self.steps.push_back(sample);
    }
}

#[cfg(test)]
mod tests {
    use media_core::broadcast;
    use rtmp_core::tokio::fanout;

    use super::*;
    use crate::live::health::Health;

    fn life() -> Arc<Life> {
        let (broadcast, fanout) = (broadcast::Config::default(), fanout::Config::default());
        Arc::new(Life::new(broadcast, fanout, Arc::new(Health::default()), |_| None))
    }

    fn counts(received: u64, delivered: u64) -> Counts {
        Counts { fps: 25.0, received, delivered, viewers: [3, 2, 1] }
    }

    fn id(name: &str) -> StreamId {
        StreamId::parse(name).unwrap()
    }

    #[tokio::test]
    async fn steps_have_what_came_since_the_one_before_and_go_on_over_lives() {
        let (first, second) = (life(), life());
        let start = first.since;
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut history = History::default();
        history.look(at(10), &first, None, &counts(1_000, 500));
        history.look(at(20), &first, None, &counts(1_800, 400));
        history.look(at(30), &first, Some(at(25)), &counts(2_000, 600));
        // It was over before.
        history.look(at(40), &first, Some(at(25)), &counts(2_000, 600));
        assert_eq!(history.ended, Some(at(25)));
        let seen: Vec<_> = history
            .steps
            .iter()
            .map(|step| (step.duration_ms, step.received_bytes, step.delivered_bytes))
            .collect();
        assert_eq!(seen, [(10_000, 1_000, 500), (10_000, 800, 0), (5_000, 200, 200)]);
        history.look(second.since + STEP, &second, None, &counts(70, 7));
        assert_eq!((history.steps.len(), history.ended), (4, None));
        assert_eq!(history.steps.back().map(|step| step.received_bytes), Some(70));
    }

    #[tokio::test]
    async fn an_hour_is_kept_and_no_more() {
        let life = life();
        let mut history = History::default();
        for step in 1..=STEPS as u32 + 50 {
            history.look(life.since + STEP * step, &life, None, &counts(u64::from(step), 0));
        }
        assert_eq!(history.steps.len(), STEPS);
        assert_eq!(history.steps.front().unwrap().at, life.since + STEP * 50);
    }

    #[tokio::test]
    async fn what_ended_is_kept_for_an_hour_and_so_many_of_it() {
        let (histories, life) = (Histories::default(), life());
        life.end();
        let ended = life.ended().unwrap();
        let phase = Phase::Offline(Some(Arc::clone(&life)));
        for n in 0..=MAX_ENDED {
            histories.note(ended, &id(&format!("s{n}")), &phase, 0);
        }
        histories.sweep(ended);
        assert_eq!(histories.lock().len(), MAX_ENDED);
        histories.sweep(ended + KEPT - Duration::from_secs(1));
        assert_eq!(histories.lock().len(), MAX_ENDED);
        histories.sweep(ended + KEPT);
        assert!(histories.lock().is_empty());
        // The channel is told of for a minute after the end, not for ever.
        histories.note(ended + KEPT, &id("late"), &phase, 0);
        assert_eq!(histories.ended(&id("late")), None);
    }
}
