//! Whether the bit rate swings: from one span of ten seconds to another, or back and forth within some seconds.
//!
//! A key frame is large, and so is the first picture of another scene or slide: one frame, however large, is no swing. So quick swings
//! are looked for in what is left when the largest frame of each quarter of a second is left out.

use super::last::Last;

/// Media time over which a bit rate is taken, to be compared with others. It holds several GOPs of a usual length.
const SPAN_MS: i64 = 10_000;
/// Bit rates that are compared with each other: the last minute.
const SPANS: usize = 6;
/// Fewer are no pattern.
const SPANS_NEEDED: usize = 3;
/// The highest rate is so many times the lowest where they swing.
const SWING: u64 = 3;
/// Swings below this, in bits a second, trouble nobody.
const SWING_BPS: u64 = 500_000;

/// Media time whose largest frame is left out: six frames of 25 a second.
const SLICE_MS: i64 = 250;
/// Slices in the window over which a rate is taken, 2 s. It moves by slices, so that no period of swings is hidden by their phase.
const WINDOW: usize = 8;
/// Windows of the last minute.
const WINDOWS: usize = 240;
/// The highest rate is so many times the lowest where they swing quickly. Of films, slides and cuts between calm and wild scenes at a
/// limited rate it is 1.1 to 6 times; of such cuts at a constant quality, whose rate does swing, 48 times.
const QUICK_SWING: u32 = 10;
/// Quick swings whose peak, without the largest frames, is below this in kilobits a second are taken by players' buffers.
const QUICK_KBPS: u32 = 2_000;
/// Times that a rate goes from low to high or back within a minute: fewer are a pause, or two.
const QUICK_TURNS: usize = 5;

/// The rates of one publisher: constant size, about 2 KB; a few additions a frame, and some hundred comparisons four times a second.
#[derive(Debug)]
pub(super) struct Swings {
    start_ms: Option<i64>,
    bytes: u64,
    rates: Last<u64, SPANS>,
    slow: Option<(u64, u64)>,
    quick: Quick,
}

impl Default for Swings {
    fn default() -> Self {
        let (start_ms, bytes, rates, slow) = (None, 0, Last::default(), None);
        Self { start_ms, bytes, rates, slow, quick: Quick::default() }
    }
}

impl Swings {
    /// Counts a frame of any track; those of the one by whose clock is counted call [`roll`](Self::roll) before.
    pub(super) fn count(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Time has come to `at_ms`.
    pub(super) fn roll(&mut self, at_ms: i64) {
        let start = *self.start_ms.get_or_insert(at_ms);
        let elapsed_ms = at_ms - start;
        if elapsed_ms < SPAN_MS {
            return;
        }
        self.rates.push(self.bytes.saturating_mul(8_000) / elapsed_ms.unsigned_abs());
        (self.start_ms, self.bytes) = (Some(at_ms), 0);
        let swings = |(lowest, highest): &(u64, u64)| {
            *highest >= SWING_BPS && *highest >= lowest.saturating_mul(SWING)
        };
        self.slow = self.rates.range(SPANS_NEEDED).filter(swings);
    }

    /// Looks at a frame of the video track.
    pub(super) fn video(&mut self, at_ms: i64, bytes: u64) {
        self.quick.frame(at_ms, bytes);
    }

    /// The clock has skipped something: what was counted meanwhile is no rate of what the encoder does.
    pub(super) fn skip(&mut self) {
        (self.start_ms, self.bytes) = (None, 0);
        // Spans that no skip ends may not come for long; what swings still shows again.
        self.slow = None;
        self.quick.skip();
    }

    /// Between which rates it swings, in bits a second.
    pub(super) fn range(&self) -> Option<(u64, u64)> {
        self.quick.range.or(self.slow)
    }
}

/// What a window held, in kilobits a second.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    all: u32,
    /// Without the largest frame of each slice.
    steady: u32,
}

/// What came in a slice, in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    all: u64,
    largest: u64,
}

#[derive(Debug)]
struct Quick {
    /// Where the slice in the making ends.
    end_ms: Option<i64>,
    making: Slice,
    /// The slices of a window, by their number.
    slices: [Slice; WINDOW],
    /// Slices since the clock skipped something.
    whole: usize,
    /// The windows of a minute, by their number.
    windows: [Rate; WINDOWS],
    /// Windows kept so far.
    kept: usize,
    range: Option<(u64, u64)>,
}

impl Default for Quick {
    fn default() -> Self {
        Self {
            end_ms: None,
            making: Slice::default(),
            slices: [Slice::default(); WINDOW],
            whole: 0,
            windows: [Rate::default(); WINDOWS],
            kept: 0,
            range: None,
        }
    }
}

impl Quick {
    fn frame(&mut self, at_ms: i64, bytes: u64) {
        if self.end_ms.is_some_and(|end_ms| at_ms.saturating_sub(end_ms) >= SLICE_MS * WINDOW as i64) {
            self.skip();
        }
        let mut end_ms = *self.end_ms.get_or_insert(at_ms.saturating_add(SLICE_MS));
        // As often as a window has slices at most, wherever time stands.
        for _ in 0..WINDOW {
            if at_ms < end_ms {
                break;
            }
            end_ms = end_ms.saturating_add(SLICE_MS);
            self.close();
        }
        self.end_ms = Some(end_ms);
        self.making.all = self.making.all.saturating_add(bytes);
        self.making.largest = self.making.largest.max(bytes);
    }

    fn skip(&mut self) {
        (self.end_ms, self.making, self.whole) = (None, Slice::default(), 0);
    }

    /// A slice is whole.
    fn close(&mut self) {
        let slice = std::mem::take(&mut self.making);
        if let Some(place) = self.slices.get_mut(self.whole % WINDOW) {
            *place = slice;
        }
        self.whole += 1;
        if self.whole < WINDOW {
            return;
        }
        let kbps = |of: fn(&Slice) -> u64| {
            let bytes: u64 = self.slices.iter().map(of).fold(0, u64::saturating_add);
            let ms = SLICE_MS.unsigned_abs() * WINDOW as u64;
            u32::try_from(bytes.saturating_mul(8) / ms).unwrap_or(u32::MAX)
        };
        let rate = Rate {
            all: kbps(|slice| slice.all),
            steady: kbps(|slice| slice.all.saturating_sub(slice.largest)),
        };
        if let Some(place) = self.windows.get_mut(self.kept % WINDOWS) {
            *place = rate;
        }
        self.kept += 1;
        self.range = self.look();
    }

    /// Between which rates it swings, if it does.
    fn look(&self) -> Option<(u64, u64)> {
        let (newer, older) = self.windows.split_at_checked(self.kept % WINDOWS)?;
        // Until there is a minute of them, those that are not there yet are left out.
        let older = if self.kept < WINDOWS { &[] } else { older };
        let known = || older.iter().chain(newer);
        let highest = known().max_by_key(|rate| rate.steady)?;
        if highest.steady < QUICK_KBPS {
            return None;
        }
        let (low, high) = (highest.steady / QUICK_SWING, highest.steady / 2);
        let (mut is_high, mut turns) = (None, 0);
        for rate in known() {
            let now = match rate.steady {
                steady if steady >= high => true,
                steady if steady <= low => false,
                _ => continue,
            };
            turns += usize::from(is_high.is_some_and(|before| before != now));
            is_high = Some(now);
        }
        let lowest = known().min_by_key(|rate| rate.steady)?;
        let bps = |rate: &Rate| u64::from(rate.all) * 1_000;
        (turns >= QUICK_TURNS).then(|| (bps(lowest), bps(highest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What real encoders made of pictures that no rate swings with.
    const STEADY: [(&str, &str); 4] = [
        ("a film with a cut every four seconds, at a constant quality", include_str!("sizes/film.txt")),
        ("slides for five seconds each, at a rate that varies", include_str!("sizes/slides.txt")),
        (
            "a picture that stands still, with a large key frame every ten seconds",
            include_str!("sizes/still.txt"),
        ),
        (
            "cuts between calm and wild scenes every three seconds, at a constant rate",
            include_str!("sizes/cuts.txt"),
        ),
    ];

    /// The bytes of a second's 25 frames after another, from a moment on.
    fn send(swings: &mut Swings, from_ms: i64, sizes: impl IntoIterator<Item = u64>) -> i64 {
        let mut at_ms = from_ms;
        for size in sizes {
            swings.roll(at_ms);
            swings.count(size);
            swings.video(at_ms, size);
            at_ms += 40;
        }
        at_ms
    }

    #[test]
    fn what_encoders_make_of_films_slides_and_stills_does_not_swing_quickly_at_any_size() {
        for (what, sizes) in STEADY {
            let sizes = sizes.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
            let sizes: Vec<u64> = sizes.map(|size| size.parse().unwrap()).collect();
            assert_eq!(sizes.len(), 1_500, "{what}");
            for scale in [1, 8, 64] {
                let mut swings = Swings::default();
                for minute in 0..2 {
                    send(&mut swings, minute * 60_000, sizes.iter().map(|size| size * scale));
                    assert_eq!(swings.quick.range, None, "{what}, {scale} times as large");
                }
            }
        }
    }

    #[test]
    fn noise_that_comes_and_goes_swings_whatever_its_period_and_phase() {
        for (period_ms, within_ms) in [(4_000, 30_000), (6_000, 30_000), (10_000, 45_000), (20_000, 75_000)] {
            for phase_ms in (0..period_ms).step_by(280) {
                let noisy = |n: i64| (n * 40 + phase_ms) % period_ms < period_ms / 2;
                let frames = (0..within_ms / 40).map(|n| if noisy(n) { 41_000 } else { 15 });
                let mut swings = Swings::default();
                send(&mut swings, 7, frames);
                let (lowest, highest) = swings.quick.range.expect("it swings");
                assert!(
                    lowest < 1_500_000 && highest > 6_500_000,
                    "{period_ms} {phase_ms}: {lowest} {highest}"
                );
            }
        }
    }

    #[test]
    fn a_pause_or_two_are_no_swings_and_swings_are_over_a_minute_later() {
        let noisy = |n: i64, period: i64| if n % period < period / 2 { 41_000 } else { 15 };
        let mut swings = Swings::default();
        // Loud for 15 s, quiet for 15 s.
        let at_ms = send(&mut swings, 0, (0..1_500).map(|n| noisy(n, 750)));
        assert_eq!(swings.quick.range, None);
        let at_ms = send(&mut swings, at_ms, (0..1_500).map(|n| noisy(n, 100)));
        assert!(swings.quick.range.is_some());
        send(&mut swings, at_ms, [41_000; 1_600]);
        assert_eq!(swings.quick.range, None);
    }

    #[test]
    fn what_a_clock_skips_is_no_swing_and_costs_no_more_than_a_frame() {
        let mut swings = Swings::default();
        let mut at_ms = 0;
        for skip_ms in [1_000, 3_000, 60_000, i64::MAX / 4].repeat(4) {
            at_ms = send(&mut swings, at_ms, [41_000; 100]);
            swings.skip();
            at_ms = at_ms.saturating_add(skip_ms).min(i64::MAX / 2);
            swings.count(41_000 * 25);
        }
        assert_eq!(swings.range(), None);
        // Frames that are usually hours apart, and sizes that no stream has.
        swings.quick.frame(i64::MAX - 1, u64::MAX);
        swings.quick.frame(i64::MAX, u64::MAX);
    }
}
