//! What an encoder may be seen to do, and how it is told.

/// Something that an encoder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::live) enum Sign {
    /// Key frames are more than 4 s apart.
    GopLong,
    /// Key frames come now sooner, now later.
    GopIrregular,
    /// Frames are sent in another order than they are shown.
    BFrames,
    /// The bit rate swings.
    BitrateSwings,
    /// There is video and no audio.
    AudioMissing,
    /// There is audio and no video.
    VideoMissing,
    /// Media comes slower than it is played.
    TooSlow,
    /// Media comes faster than it is played.
    TooFast,
}

impl Sign {
    /// All of them.
    pub(in crate::live) const ALL: [Self; 8] = [
        Self::GopLong,
        Self::GopIrregular,
        Self::BFrames,
        Self::BitrateSwings,
        Self::AudioMissing,
        Self::VideoMissing,
        Self::TooSlow,
        Self::TooFast,
    ];

    /// A short name for metrics and the API.
    pub(in crate::live) fn code(self) -> &'static str {
        match self {
            Self::GopLong => "gop_long",
            Self::GopIrregular => "gop_irregular",
            Self::BFrames => "b_frames",
            Self::BitrateSwings => "bitrate_swings",
            Self::AudioMissing => "audio_missing",
            Self::VideoMissing => "video_missing",
            Self::TooSlow => "too_slow",
            Self::TooFast => "too_fast",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::live) struct Set(pub(super) u8);

impl Set {
    /// Whether it has one.
    pub(in crate::live) fn has(self, sign: Sign) -> bool {
        self.0 & sign.bit() != 0
    }

    pub(in crate::live) fn put(&mut self, sign: Sign, holds: bool) {
        self.0 = if holds { self.0 | sign.bit() } else { self.0 & !sign.bit() };
    }
}

/// What was measured of the signs that hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::live) struct Values {
    /// The last GOP, or the one in the making if that is longer.
    pub(in crate::live) gop_ms: i64,
    pub(in crate::live) shortest_gop_ms: i64,
    pub(in crate::live) longest_gop_ms: i64,
    pub(in crate::live) lowest_bps: u64,
    pub(in crate::live) highest_bps: u64,
    /// Media time per wall time.
    pub(in crate::live) pace_percent: i64,
}

impl Values {
    /// What is to be said of a sign.
    pub(in crate::live) fn detail(&self, sign: Sign) -> String {
        let seconds = |ms: i64| ms as f64 / 1e3;
        let mbps = |bps: u64| bps as f64 / 1e6;
        match sign {
            Sign::GopLong => {
                format!("key frames are {:.1} s apart: viewers join at key frames", seconds(self.gop_ms))
            }
            Sign::GopIrregular => format!(
                "key frames come {:.1} to {:.1} s apart: segments have different lengths",
                seconds(self.shortest_gop_ms),
                seconds(self.longest_gop_ms)
            ),
            Sign::BFrames => {
                "the video has B-frames: they make the encoder wait for later pictures, some 0.1 s".to_owned()
            }
            Sign::BitrateSwings => format!(
                "the bit rate swings between {:.1} and {:.1} Mb/s: players and uplinks have to bear the peak",
                mbps(self.lowest_bps),
                mbps(self.highest_bps)
            ),
            Sign::AudioMissing => "no audio has come for 10 s, while video does".to_owned(),
            Sign::VideoMissing => "no video has come for 10 s, while audio does".to_owned(),
            Sign::TooSlow => format!(
                "media comes at {} % of the speed at which it is played: viewers run out of it",
                self.pace_percent
            ),
            Sign::TooFast => format!(
                "media comes at {} % of the speed at which it is played: parts of it are skipped",
                self.pace_percent
            ),
        }
    }
}

/// What of the signs is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::live) struct Changes {
    /// These hold from now on, or hold on and are worse.
    pub(in crate::live) hold: Set,
    /// These hold no more.
    pub(in crate::live) over: Set,
    /// Media time that the video's clock has just skipped, and for which there is no picture.
    pub(in crate::live) gap_ms: Option<i64>,
    /// What was measured.
    pub(in crate::live) values: Values,
}

/// What is to be said when the video's clock skips some time, as another clock jump.
pub(in crate::live) fn gap_detail(gap_ms: i64) -> String {
    format!(
        "the video's clock skipped {:.1} s, for which there is no picture. A source that was restarted or stood still, a variable \
         frame rate input, or an encoder that drops frames usually causes this",
        gap_ms as f64 / 1e3
    )
}
