//! The forms that players take, and what each can carry.

use media_core::{Codec, Track, TrackKind};

/// CodecID of H.264.
pub(super) const AVC: u8 = 7;
/// SoundFormat `ExHeader` in the high half.
pub(super) const EX_AUDIO: u8 = 0x90;
/// AAC; the other bits are to be ignored, and are these everywhere (annex E.4.2.1).
const AAC: u8 = 0xaf;

/// How media messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireForm {
    /// Legacy FLV: H.264, AAC and MP3, the first track of each kind.
    Legacy,
    /// Enhanced RTMP, the first track of each kind: every codec, the ones that legacy FLV has in its way.
    Enhanced,
    /// Enhanced RTMP v2 with all tracks. Those numbered 0 are written as in [`WireForm::Enhanced`], the others wrapped as
    /// `Multitrack` with one track a message.
    Multitrack,
}

impl WireForm {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Legacy, Self::Enhanced, Self::Multitrack];

    /// Whether a track of this codec can be written at all.
    pub fn carries(self, codec: Codec) -> bool {
        self != Self::Legacy || matches!(codec, Codec::H264 | Codec::Aac | Codec::Mp3 | Codec::Amf0)
    }

    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Enhanced => "enhanced",
            Self::Multitrack => "multitrack",
        }
    }
}

/// For a codec of legacy FLV the first byte of its audio messages (0 for video); `None` for others.
pub(super) fn legacy_sound(track: &Track) -> Option<u8> {
    match track.codec {
        Codec::H264 => Some(0),
        Codec::Aac => Some(AAC),
        Codec::Mp3 => Some(mp3(track)),
        codec if codec.kind() == TrackKind::Data => Some(0),
        _ => None,
    }
}

fn mp3(track: &Track) -> u8 {
    let (rate, channels) = track.audio().map_or((44_100, 2), |audio| (audio.sample_rate, audio.channels));
    // SoundFormat and SoundRate. Rates that FLV has no number for are called 44 kHz: decoders read the frame.
    let format = match rate {
        8_000 => 0xe0,
        11_025 => 0x24,
        22_050 => 0x28,
        _ => 0x2c,
    };
    format | 0x02 | u8::from(channels > 1)
}
