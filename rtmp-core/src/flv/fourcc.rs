//! The four characters that name a codec in Enhanced RTMP.

use std::fmt;

use media_core::Codec;

/// A codec's FourCC (veovera E-RTMP v2, `AudioFourCc` and `VideoFourCc`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    /// The FourCC that Enhanced RTMP gives `codec`; script data has none.
    pub const fn of(codec: Codec) -> Option<Self> {
        let name = match codec {
            Codec::H264 => b"avc1",
            Codec::Hevc => b"hvc1",
            Codec::Av1 => b"av01",
            Codec::Vp9 => b"vp09",
            Codec::Aac => b"mp4a",
            Codec::Opus => b"Opus",
            Codec::Mp3 => b".mp3",
            Codec::Ac3 => b"ac-3",
            Codec::Eac3 => b"ec-3",
            Codec::Flac => b"fLaC",
            _ => return None,
        };
        Some(Self(*name))
    }

    /// The video codec of this name, if Pulse knows it.
    pub const fn video(self) -> Option<Codec> {
        Some(match &self.0 {
            b"avc1" => Codec::H264,
            b"hvc1" => Codec::Hevc,
            b"av01" => Codec::Av1,
            b"vp09" => Codec::Vp9,
            _ => return None,
        })
    }

    /// The audio codec of this name, if Pulse knows it.
    pub const fn audio(self) -> Option<Codec> {
        Some(match &self.0 {
            b"mp4a" => Codec::Aac,
            b"Opus" => Codec::Opus,
            b".mp3" => Codec::Mp3,
            b"ac-3" => Codec::Ac3,
            b"ec-3" => Codec::Eac3,
            b"fLaC" => Codec::Flac,
            _ => return None,
        })
    }

    /// The number that `onMetaData` writes for it, big endian.
    pub const fn number(self) -> u32 {
        u32::from_be_bytes(self.0)
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FourCc({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codecs_agree_in_both_directions() {
        for codec in [Codec::H264, Codec::Hevc, Codec::Av1, Codec::Vp9] {
            assert_eq!(FourCc::of(codec).and_then(FourCc::video), Some(codec));
        }
        for codec in [Codec::Aac, Codec::Opus, Codec::Mp3, Codec::Ac3, Codec::Eac3, Codec::Flac] {
            assert_eq!(FourCc::of(codec).and_then(FourCc::audio), Some(codec));
        }
        assert_eq!(FourCc::of(Codec::Amf0), None);
    }

    #[test]
    fn the_number_is_that_of_the_specification() {
        assert_eq!(FourCc(*b"av01").number(), 1_635_135_537);
        assert_eq!(FourCc(*b"Opus").number(), 1_332_770_163);
    }
}
