//! How far key frames are apart, and whether the video's clock goes on in steps.

use super::last::Last;
use super::sign::{Set, Sign, Values};

/// A GOP longer than this makes joining slow whatever the segments are.
const LONG_GOP_MS: i64 = 4_000;
/// GOPs that are compared with each other.
const GOPS: usize = 8;
/// Fewer are no pattern.
const GOPS_NEEDED: usize = 4;
/// GOPs that differ by less are regular: half a frame here or there.
const IRREGULAR_MS: i64 = 1_000;
/// A shorter step of the video's clock is no gap: viewers take it for a stutter, and encoders drop some frames when they are busy.
const GAP_MS: i64 = 750;
/// A gap is longer than so many of the longest step that is usual with this encoder, whose frames may be seconds apart.
const GAP_STEPS: i64 = 3;
/// Steps after which it is known what is usual.
const STEPS_NEEDED: u8 = 8;
/// By which part of it the longest usual step gets shorter with each frame: a pause is usual for some seconds of 30 frames.
const FADE: i64 = 64;

/// The key frames of a video track.
#[derive(Debug, Default)]
pub(super) struct Gops {
    last_ms: Option<i64>,
    last_key_ms: Option<i64>,
    longest_step_ms: i64,
    steps: u8,
    gops: Last<i64, GOPS>,
}

impl Gops {
    /// How much the clock has skipped before a frame at `at_ms`, if that is no usual step. The GOP that it is in says nothing then.
    pub(super) fn gap(&mut self, at_ms: i64) -> Option<i64> {
        let step_ms = at_ms - self.last_ms.replace(at_ms)?;
        let usual_ms = self.longest_step_ms;
        let gap =
            self.steps >= STEPS_NEEDED && step_ms >= GAP_MS && step_ms > usual_ms.saturating_mul(GAP_STEPS);
        self.longest_step_ms = step_ms.max(usual_ms - usual_ms / FADE);
        self.steps = self.steps.saturating_add(1);
        if gap {
            self.last_key_ms = None;
        }
        gap.then_some(step_ms)
    }

    /// Looks at a frame; what holds is put into `hold`, and what is to be told again into `again`.
    pub(super) fn frame(
        &mut self,
        keyframe: bool,
        at_ms: i64,
        hold: &mut Set,
        again: &mut Set,
        values: &mut Values,
    ) {
        let Some(last) = self.last_key_ms else {
            self.last_key_ms = keyframe.then_some(at_ms);
            return;
        };
        let gop_ms = at_ms - last;
        let long = gop_ms > LONG_GOP_MS;
        if long && !hold.has(Sign::GopLong) {
            values.gop_ms = gop_ms;
            hold.put(Sign::GopLong, true);
        }
        if !keyframe {
            return;
        }
        self.last_key_ms = Some(at_ms);
        values.gop_ms = gop_ms;
        hold.put(Sign::GopLong, long);
        again.put(Sign::GopLong, long);
        self.gops.push(gop_ms);
        let Some((shortest, longest)) = self.gops.range(GOPS_NEEDED) else { return };
        (values.shortest_gop_ms, values.longest_gop_ms) = (shortest, longest);
        let irregular = longest - shortest > IRREGULAR_MS && longest * 2 >= shortest * 3;
        hold.put(Sign::GopIrregular, irregular);
    }
}
