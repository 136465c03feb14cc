//! PART-TARGET and TARGETDURATION: chosen once a life.

use std::time::Duration;

use crate::config::{Config, MAX_TARGET_DURATION_S};
use crate::journal::Journal;

/// How many GOPs have to have fitted before EXT-X-INDEPENDENT-SEGMENTS is promised for a whole life.
const GOPS_TO_TRUST: u64 = 10;

/// How far a leading segment may be longer than TARGETDURATION, which bounds the *rounded* duration (RFC 8216bis §4.4.3.1). Half a second
/// would be legal; the rest is for the other renditions, whose segments are longer by what was missing before and by a frame.
const OVERRUN: Duration = Duration::from_millis(250);

/// How far any segment may be longer than TARGETDURATION: a little less than half a second, for clocks that count milliseconds.
const ROUNDED_OFF: Duration = Duration::from_millis(490);

/// The smallest share of PART-TARGET that a part has to last, in percent (RFC 8216bis §4.4.4.9).
pub(super) const MIN_PART_PERCENT: u64 = 85;

/// What a life promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Targets {
    /// EXT-X-TARGETDURATION.
    pub(super) target_duration_s: u32,
    /// PART-TARGET. In lives without parts, the size of the fragments that segments are made of.
    pub(super) part_ms: u32,
    /// How much the playlists list.
    pub(super) window_s: u32,
    /// EXT-X-INDEPENDENT-SEGMENTS.
    pub(super) independent_segments: bool,
}

impl Targets {
    /// For the next life of a stream whose earlier lives were as `journal` says.
    pub(super) fn of_new_life(
        config: &Config,
        journal: Option<&Journal>,
        part_ms: u32,
        has_video: bool,
    ) -> Self {
        let longest_gop_ms = journal.map_or(0, |journal| journal.longest_gop_ms);
        let gops = journal.map_or(0, |journal| journal.gops);
        let longest_s = u32::try_from(longest_gop_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
        let fits = longest_gop_ms <= limit(config.target_duration_s).as_millis() as u64;
        let target_duration_s = match fits {
            true => config.target_duration_s,
            false => longest_s.clamp(config.target_duration_s, MAX_TARGET_DURATION_S),
        };
        let fits = longest_gop_ms <= limit(target_duration_s).as_millis() as u64;
        Self {
            target_duration_s,
            part_ms: part_ms.min(target_duration_s * 1_000),
            window_s: config.window_s.max(3 * target_duration_s),
            independent_segments: !has_video || (fits && gops >= GOPS_TO_TRUST),
        }
    }

    /// Those of a life that goes on. `part_ms` is for a life without parts.
    pub(super) fn of_journal(journal: &Journal, part_ms: u32) -> Self {
        let target_duration_s = journal.target_duration_s.clamp(1, MAX_TARGET_DURATION_S);
        let part_ms = match journal.part_target_ms {
            0 => part_ms,
            kept => kept,
        };
        Self {
            target_duration_s,
            part_ms: part_ms.clamp(1, target_duration_s * 1_000),
            window_s: journal.window_s.max(3 * target_duration_s),
            independent_segments: journal.independent_segments,
        }
    }

    pub(super) fn target_duration(&self) -> Duration {
        Duration::from_secs(u64::from(self.target_duration_s))
    }

    /// The longest that a segment of the leading lane may become.
    pub(super) fn longest_segment(&self) -> Duration {
        limit(self.target_duration_s)
    }

    /// The longest that a following lane's segment may become, which can begin earlier and end later than the leading one's.
    pub(super) fn longest_following(&self) -> Duration {
        self.target_duration() + ROUNDED_OFF
    }
}

fn limit(target_duration_s: u32) -> Duration {
    Duration::from_secs(u64::from(target_duration_s)) + OVERRUN
}

/// PART-TARGET in milliseconds: a whole number of the primary track's frames, the nearest to `wanted` at which the other tracks'
/// frames too fill parts to 85 % or more, and 1 to 2 ms for clocks that count milliseconds.
///
/// Durations are in nanoseconds and not zero.
pub(super) fn part_target_ms(wanted: Duration, frame_ns: u64, others_ns: &[u64]) -> u32 {
    let wanted_ns = wanted.as_nanos() as u64;
    let most = (2 * wanted_ns / frame_ns).max(1);
    let mut counts: Vec<u64> = (1..=most).collect();
    counts.sort_by_key(|count| (count * frame_ns).abs_diff(wanted_ns));
    // Durations were rounded down to nanoseconds: 200 ms is not 199.
    let target = |count: u64| (count * frame_ns + 1_000) / 1_000_000 + 2;
    let suits = |count: &&u64| others_ns.iter().all(|other| fills(target(**count) * 1_000_000, *other));
    let count = counts.iter().find(suits).or(counts.first()).copied().unwrap_or(1);
    let longest = others_ns.iter().max().map_or(0, |ns| ns / 1_000_000 + 2);
    u32::try_from(target(count).max(longest)).unwrap_or(u32::MAX)
}

/// Whether a whole number of frames lasts 85 to 100 % of a part.
fn fills(part_ns: u64, frame_ns: u64) -> bool {
    let filled = part_ns / frame_ns.max(1) * frame_ns;
    filled * 100 >= part_ns * MIN_PART_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    const AAC_48K: u64 = 1024 * 1_000_000_000 / 48_000;
    const AAC_44K: u64 = 1024 * 1_000_000_000 / 44_100;
    const WANTED: Duration = Duration::from_millis(200);

    fn frame_ns(num: u64, den: u64) -> u64 {
        1_000_000_000 * den / num
    }

    #[test]
    fn trap_26_part_target_is_a_whole_number_of_frames_and_a_little() {
        let rates = [
            ((24_000, 1_001), 5, 210),
            ((24, 1), 5, 210),
            ((25, 1), 5, 202),
            ((30_000, 1_001), 6, 202),
            ((30, 1), 6, 202),
            ((60_000, 1_001), 12, 202),
            ((60, 1), 12, 202),
            ((15, 1), 3, 202),
            ((4, 1), 1, 252),
            ((1, 1), 1, 1_002),
        ];
        for ((num, den), frames, expected) in rates {
            let frame = frame_ns(num, den);
            let target = part_target_ms(WANTED, frame, &[]);
            assert_eq!(target, expected, "{num}/{den}");
            let slack_ns = u64::from(target) * 1_000_000 - frames * frame;
            assert!((1_000_000..=2_000_100).contains(&slack_ns), "{num}/{den}: {slack_ns}");
            assert_eq!(part_target_ms(WANTED, frame, &[AAC_48K]), expected, "{num}/{den} with 48 kHz");
            assert_eq!(part_target_ms(WANTED, frame, &[AAC_44K]), expected, "{num}/{den} with 44.1 kHz");
        }
    }

    #[test]
    fn audio_frames_fill_parts_to_85_percent_or_another_count_is_taken() {
        let he_aac_48k = 2 * AAC_48K;
        // 202 ms holds four of 42.7 ms, which is 84 %: seven video frames instead of six.
        assert_eq!(part_target_ms(WANTED, frame_ns(30, 1), &[he_aac_48k]), 235);
        for audio in
            [AAC_48K, AAC_44K, he_aac_48k, 2 * AAC_44K, 20_000_000, 60_000_000, 32_000_000, 26_122_449]
        {
            for rate in [
                (24_000, 1_001),
                (24, 1),
                (25, 1),
                (30_000, 1_001),
                (30, 1),
                (50, 1),
                (60_000, 1_001),
                (60, 1),
            ] {
                let target = part_target_ms(WANTED, frame_ns(rate.0, rate.1), &[audio]);
                assert!(fills(u64::from(target) * 1_000_000, audio), "{rate:?} with {audio}: {target}");
            }
        }
    }

    #[test]
    fn audio_only_parts_are_whole_audio_frames() {
        assert_eq!(part_target_ms(WANTED, AAC_48K, &[]), 194);
        assert_eq!(part_target_ms(WANTED, AAC_44K, &[]), 210);
        assert_eq!(part_target_ms(WANTED, 20_000_000, &[]), 202);
    }

    #[test]
    fn a_part_holds_the_longest_frame_of_any_track() {
        assert_eq!(part_target_ms(Duration::from_millis(50), frame_ns(50, 1), &[120_000_000]), 122);
    }

    fn journal(longest_gop_ms: u64, gops: u64) -> Journal {
        let text = format!(
            "life=1\nended=true\nmedia_sequence=9\npart_number=9\ndiscontinuity_sequence=0\ntarget_duration_s=4\n\
             part_target_ms=202\nwindow_s=60\nindependent_segments=false\nlongest_gop_ms={longest_gop_ms}\ngops={gops}\n\
             wall_ms=0\nahead_ms=0\ntracks=\n"
        );
        text.parse().expect("a journal")
    }

    #[test]
    fn trap_24_target_duration_is_for_the_worst_gop_of_earlier_lives() {
        let config = Config::default();
        let of = |journal: &Journal| Targets::of_new_life(&config, Some(journal), 202, true);
        assert_eq!(Targets::of_new_life(&config, None, 202, true).target_duration_s, 4);
        assert_eq!(of(&journal(2_000, 40)).target_duration_s, 4);
        // 4.171 s is 4 s by rounding: 100 frames at 23.976.
        assert_eq!(of(&journal(4_171, 40)).target_duration_s, 4);
        assert_eq!(of(&journal(8_333, 40)).target_duration_s, 9);
        assert_eq!(of(&journal(600_000, 40)).target_duration_s, MAX_TARGET_DURATION_S);
    }

    #[test]
    fn trap_34_independent_segments_are_promised_only_where_gops_were_seen_to_fit() {
        let config = Config::default();
        let promised = |journal: Option<&Journal>, video| {
            Targets::of_new_life(&config, journal, 202, video).independent_segments
        };
        assert!(!promised(None, true), "nothing is known of a first life");
        assert!(promised(None, false), "audio has no GOPs");
        assert!(!promised(Some(&journal(2_000, 3)), true), "three GOPs prove little");
        assert!(promised(Some(&journal(2_000, 40)), true));
        assert!(promised(Some(&journal(8_333, 40)), true), "they fit the longer target");
        assert!(!promised(Some(&journal(60_000, 40)), true), "no target is that long");
    }
}
