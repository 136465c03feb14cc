//! ADTS frames inside FLV, which some encoders send in place of raw AAC (ISO/IEC 14496-3 §1.A.3.2).

/// The fixed header of an ADTS frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Adts {
    /// Bytes before the raw AAC frame: 7, or 9 with a checksum.
    pub(super) header_bytes: usize,
    /// Header and raw frame together.
    pub(super) frame_bytes: usize,
    /// AudioSpecificConfig with the same meaning.
    pub(super) config: [u8; 2],
    /// Sampling frequency in Hz of the core coder.
    pub(super) sample_rate: u32,
}

/// Samples a core AAC frame holds.
pub(super) const SAMPLES: u64 = 1024;

const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

impl Adts {
    /// Reads the header at the start of `data`; `None` when there is none that can be carried as raw AAC (several raw blocks in a
    /// frame, or a channel layout in a program config element).
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let &[sync, flags, format, layout, size, fullness, blocks, ..] = data else { return None };
        if sync != 0xff || flags & 0xf6 != 0xf0 || blocks & 0x03 != 0 {
            return None;
        }
        let object_type = (format >> 6) + 1;
        let rate_index = (format >> 2) & 0x0f;
        let channels = (format & 1) << 2 | layout >> 6;
        if channels == 0 {
            return None;
        }
        let header_bytes = if flags & 1 == 1 { 7 } else { 9 };
        let frame_bytes = usize::from(layout & 3) << 11 | usize::from(size) << 3 | usize::from(fullness >> 5);
        if frame_bytes <= header_bytes {
            return None;
        }
        let config = [object_type << 3 | rate_index >> 1, (rate_index & 1) << 7 | channels << 3];
        let sample_rate = *SAMPLE_RATES.get(usize::from(rate_index))?;
        Some(Self { header_bytes, frame_bytes, config, sample_rate })
    }

    /// The first frame's header, if `data` is nothing but whole ADTS frames of one configuration. A raw AAC frame cannot pass: its
    /// first three bits would be an end element.
    pub(super) fn of_message(data: &[u8]) -> Option<Self> {
        let first = Self::parse(data)?;
        let mut rest = data.get(first.frame_bytes..)?;
        while !rest.is_empty() {
            let next = Self::parse(rest).filter(|next| next.config == first.config)?;
            rest = rest.get(next.frame_bytes..)?;
        }
        Some(first)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One ADTS frame of AAC-LC, 48 kHz, stereo.
    pub(in super::super) fn frame(raw: &[u8]) -> Vec<u8> {
        let size = raw.len() + 7;
        let mut frame = vec![
            0xff,
            0xf1,
            0x4c,
            0x80 | (size >> 11) as u8,
            (size >> 3) as u8,
            ((size & 7) << 5) as u8 | 0x1f,
            0xfc,
        ];
        frame.extend_from_slice(raw);
        frame
    }

    #[test]
    fn the_configuration_is_that_of_the_header() {
        let adts = Adts::of_message(&frame(&[1, 2, 3])).unwrap();
        assert_eq!(
            adts,
            Adts { header_bytes: 7, frame_bytes: 10, config: [0x11, 0x90], sample_rate: 48_000 }
        );
    }

    #[test]
    fn only_whole_frames_count() {
        let two = [frame(&[1]), frame(&[2, 3])].concat();
        assert!(Adts::of_message(&two).is_some());
        assert!(Adts::of_message(&two[..two.len() - 1]).is_none());
        assert!(Adts::of_message(&[two, vec![0]].concat()).is_none());
        assert!(Adts::of_message(&[]).is_none());
        assert!(Adts::of_message(&[0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c, 0, 0]).is_none());
    }
}
