//! What a viewer would have seen: a playback clock run over the pieces that arrived.

use std::time::{Duration, Instant};

/// A part or a whole segment, as it arrived or as the playlist announced that it never will.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// When its last byte was there.
    pub(crate) at: Instant,
    pub(crate) msn: u64,
    /// The part's index, none for a whole segment.
    pub(crate) part: Option<usize>,
    pub(crate) uri: String,
    /// By the playlist.
    pub(crate) duration: f64,
    /// A decoder can start here.
    pub(crate) independent: bool,
    /// The playlist says that there is no media.
    pub(crate) gap: bool,
    /// EXT-X-DISCONTINUITY stands before it.
    pub(crate) discontinuity: bool,
    /// Which initialization segment it needs, counted from the first.
    pub(crate) init: usize,
    pub(crate) data: Vec<u8>,
}

/// Everything one media playlist gave a viewer.
#[derive(Debug, Clone)]
pub(crate) struct Playback {
    pub(crate) joined: Instant,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) inits: Vec<Vec<u8>>,
    /// Requests that failed, in words.
    pub(crate) interruptions: Vec<String>,
    /// Where the server broke the specification, in words.
    pub(crate) violations: Vec<String>,
    /// EXT-X-ENDLIST was seen.
    pub(crate) ended: bool,
    pub(crate) target_duration: u64,
    pub(crate) part_target: f64,
    pub(crate) hold_back: f64,
}

impl Playback {
    pub(crate) fn new(joined: Instant) -> Self {
        Self {
            joined,
            pieces: Vec::new(),
            inits: Vec::new(),
            interruptions: Vec::new(),
            violations: Vec::new(),
            ended: false,
            target_duration: 0,
            part_target: 0.0,
            hold_back: 0.0,
        }
    }

    /// Pieces from the first one that can be decoded.
    fn shown(&self) -> &[Piece] {
        let start = self.pieces.iter().position(|piece| piece.independent && !piece.gap);
        start.map_or(&[], |start| &self.pieces[start..])
    }

    /// From joining to having the first frame.
    pub(crate) fn first_frame_after(&self) -> Option<Duration> {
        Some(self.shown().first()?.at - self.joined)
    }

    /// Every stop of a player that starts once it has PART-HOLD-BACK in its buffer and then never waits on purpose:
    /// the position in seconds of media, and how long it stood.
    pub(crate) fn stalls(&self) -> Vec<(f64, Duration)> {
        let mut stalls = Vec::new();
        let mut buffered = 0.0;
        let mut clock: Option<Instant> = None;
        for piece in self.shown() {
            if let Some(started) = clock {
                let late = piece.at.saturating_duration_since(started).as_secs_f64() - buffered;
                if late > 0.0 {
                    let late = Duration::from_secs_f64(late);
                    stalls.push((buffered, late));
                    clock = Some(started + late);
                }
            }
            buffered += piece.duration;
            if clock.is_none() && buffered >= self.hold_back {
                clock = Some(piece.at);
            }
        }
        stalls
    }

    /// Seconds of media from the first frame on.
    pub(crate) fn shown_seconds(&self) -> f64 {
        self.shown().iter().filter(|piece| !piece.gap).map(|piece| piece.duration).sum()
    }

    /// What a decoder is fed: for each stretch between gaps, discontinuities and rejoins, the initialization segment and
    /// the media from the first frame that can be decoded.
    pub(crate) fn stretches(&self) -> Vec<Vec<u8>> {
        let mut stretches: Vec<Vec<u8>> = Vec::new();
        let mut previous: Option<&Piece> = None;
        for piece in &self.pieces {
            let continues = previous.is_some_and(|previous| {
                !piece.discontinuity && piece.init == previous.init && follows(previous, piece)
            });
            previous = if piece.gap {
                None
            } else if continues {
                stretches.last_mut().expect("something is continued").extend_from_slice(&piece.data);
                Some(piece)
            } else if piece.independent {
                let init = self.inits.get(piece.init).cloned().unwrap_or_default();
                stretches.push([init, piece.data.clone()].concat());
                Some(piece)
            } else {
                None
            };
        }
        stretches
    }
}

/// Whether `next` is the piece right after `previous`.
fn follows(previous: &Piece, next: &Piece) -> bool {
    match (previous.part, next.part) {
        (Some(part), Some(after)) if next.msn == previous.msn => after == part + 1,
        (_, None | Some(0)) => next.msn == previous.msn + 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(joined: Instant, at_ms: u64, index: usize, independent: bool) -> Piece {
        Piece {
            at: joined + Duration::from_millis(at_ms),
            msn: 1,
            part: Some(index),
            uri: String::new(),
            duration: 0.2,
            independent,
            gap: false,
            discontinuity: false,
            init: 0,
            data: vec![b'0' + u8::try_from(index).unwrap()],
        }
    }

    fn playback(arrivals_ms: &[u64], first_independent: usize) -> Playback {
        let mut playback = Playback::new(Instant::now());
        playback.hold_back = 0.6;
        playback.inits.push(b"i".to_vec());
        playback.pieces = arrivals_ms
            .iter()
            .enumerate()
            .map(|(index, at)| piece(playback.joined, *at, index, index == first_independent))
            .collect();
        playback
    }

    #[test]
    fn the_first_frame_is_the_first_independent_part() {
        let playback = playback(&[10, 210, 410, 610], 2);
        assert_eq!(playback.first_frame_after(), Some(Duration::from_millis(410)));
        assert_eq!(playback.stretches(), [b"i23".to_vec()]);
    }

    #[test]
    fn parts_in_time_do_not_stall_and_a_late_one_does() {
        assert!(playback(&[10, 20, 30, 230, 430, 630, 830], 0).stalls().is_empty());
        // Started at 30 ms with 0.6 s in hand; the fourth part is needed at 630 ms.
        let stalls = playback(&[10, 20, 30, 1030, 1040, 1050], 0).stalls();
        assert_eq!(stalls.len(), 1, "{stalls:?}");
        assert!(stalls[0].1.abs_diff(Duration::from_millis(400)) < Duration::from_millis(1), "{stalls:?}");
    }

    #[test]
    fn a_gap_divides_the_stretches() {
        let mut playback = playback(&[10, 20, 30, 40], 0);
        playback.pieces[1].gap = true;
        playback.pieces[3].independent = true;
        assert_eq!(playback.stretches(), [b"i0".to_vec(), b"i3".to_vec()]);
    }
}
