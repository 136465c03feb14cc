//! Real headers in hexadecimal, and bits put together by hand.
//!
//! Made with FFmpeg 5.1.9 (libx264 164, libx265 3.5, libaom, SVT-AV1, rav1e, libvpx and FFmpeg's own AAC, AC-3, E-AC-3 and FLAC, libopus,
//! LAME) from `testsrc2` and `sine`: the payloads of the MP4 boxes, or the first bytes of packets. What the tests expect of them is what
//! ffprobe says.

/// avcC: 1920x1080, 30000/1001, High 4.0, progressive.
pub(super) const AVC_1080P2997: &str =
    "01640028ffe1001867640028acb403c0113f2e022000007d20001d4c01e3065401000468ce0fcbfdf8f800";

/// avcC: 1280x720, 24000/1001, Constrained Baseline 3.1.
pub(super) const AVC_720P23976_BASELINE: &str =
    "0142c01fffe100166742c01fda014016ec04400000fa40002ee003c60ca801000468ce0fc8";

/// avcC: 1920x1080, 25/1, High 4.0, interlaced.
pub(super) const AVC_1080I25: &str =
    "01640028ffe1001a67640028acd94078044fde0220000003002000000643e2c5b2c001000668faa3cb22c0fdf8f800";

/// avcC: 720x576 of samples 16:11, 50/1, Constrained Baseline 3.1.
pub(super) const AVC_576P50_SAR: &str =
    "0142c01fffe100186742c01fda02d049b041000003000100000300640f1832a001000468ce0fc8";

/// avcC: 1280x720, 60000/1001, High 4:2:2 3.2, 10 bits, arib-std-b67.
pub(super) const AVC_HI422_HLG: &str =
    "017a0020ffe1001b677a0020b6cb402802dd80b5091209400000fa4000753003c60ca801000468ce0fc8fefafa00";

/// avcC: 1280x720, 50/1, High 10 3.2, smpte2084.
pub(super) const AVC_HI10_PQ: &str =
    "016e0020ffe1001c676e0020a6cb402802dd80b509100940000003004000001903c60ca801000468ce0fc8fdfafa00";

/// avcC: 322x182, 30/1, High 4:4:4 Predictive 1.3, scaling matrices in the PPS.
pub(super) const AVC_444_LISTS: &str = "01f4000dffe1001b67f4000d919b282a33c7c5e022000003000200000300781e28532c01000868ebe3c44c000440fff8 \
     f800";

/// hvcC: 1920x1080, 30000/1001, Main 4.0.
pub(super) const HEVC_1080P2997: &str = "01016000000090000000000078f000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300000300 \
     78959409a10001002a420101016000000300900000030000030078a003c0801107cb965654a4c2f01680800001f48000 \
     3a9804a2000100064401c073c189";

/// hvcC: 3840x2160, 60000/1001, Main 10 5.1, smpte2084.
pub(super) const HEVC_2160P5994_PQ: &str = "01022000000090000000000099f000fcfdfafa00000f03a00001001840010c01ffff0220000003009000000300000300 \
     99959409a10001002d420101022000000300900000030000030099a001e020021c4d965654a4c2f016a1220120800001 \
     f48000753004a2000100064401c073c189";

/// hvcC: 1280x720, 24000/1001, Main 10 3.1, arib-std-b67.
pub(super) const HEVC_720P23976_HLG: &str = "0102200000009000000000005df000fcfdfafa00000f03a00001001840010c01ffff0220000003009000000300000300 \
     5d959809a10001002c42010102200000030090000003000003005da00280802d1365959a4932bc05a84890482000007d \
     20000bb801a2000100074401c172b46240";

/// hvcC: 354x290, 50/1, Rext 2.1, 4:2:2, 10 bits, default scaling lists, HRD, an SEI array.
pub(super) const HEVC_422_LISTS: &str = "0104080000009d08000000003ff000fcfefafa00000f04a00001001740010c01ffff0408000003009d0800000300003f \
     959809a1000100354201010408000003009d0800000300003fb00b4804a724ed96566924e5780b404000000300400000 \
     0c9803261b8007a10001e84880a2000100074401c172b4624027000100064e0181010f80";

/// hvcC: 640x360, 25/1 by the container only, Main 2.1.
pub(super) const HEVC_NO_TIMING: &str = "0101600000009000000000003ff000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300000300 \
     3f959409a10001002142010101600000030090000003000003003fa005020171f2e595952930bc05a002a20001000644 \
     01c073c189";

/// av1C: 1920x1080, Main 4.0.
pub(super) const AV1_AOM_1080P: &str = "81080c000a0b00000042abbfc3776be401";

/// av1C: 1280x720, Main 4.0, 10 bits, smpte2084.
pub(super) const AV1_SVT_PQ: &str = "81084c000a0e00000042a67fd9e017c284880482";

/// av1C: 322x182, High 2.0, 4:4:4, full range, bt709.
pub(super) const AV1_AOM_444: &str = "812000000a0d200000043d06d4daf920202032";

/// av1C: 1280x720, Main, level 31, no timing.
pub(super) const AV1_RAV1E: &str = "811f0c000a0e000000faa67fd9e210a88101010a";

/// vpcC: Profile 0, level 4.0.
pub(super) const VP9_1080P: &str = "010000000028820202020000";

/// vpcC: Profile 2, level 3.1, 10 bits, arib-std-b67.
pub(super) const VP9_P2_HLG: &str = "01000000021fa20912090000";

/// vpcC: Profile 1, level 1.1, 4:4:4.
pub(super) const VP9_P1_444: &str = "01000000010b860202020000";

/// The beginning of the key frame that follows [`AV1_SVT_PQ`]; its sequence header differs in bits that no reader needs.
pub(super) const AV1_SVT_PQ_FRAME: &str =
    "0a0e00000042a67fd9e7dfca848804823291cc0110008940800006fbc0bc00003c80dd3bcd262a23";

/// The beginning of the key frame that follows [`AV1_AOM_1080P`].
pub(super) const AV1_AOM_1080P_FRAME: &str =
    "0a0b00000042abbfc3776be40132efa803100085a00410410854500500f9ae0b9b92bd5c3079c004";

/// A key frame of 1920x1080.
pub(super) const VP9_1080P_FRAME: &str = "824983420077f043760638241c184a18";

/// A key frame of 1280x720, Profile 2.
pub(super) const VP9_P2_HLG_FRAME: &str = "924983425027f8167b031c120e0c2c0c";

/// A key frame of 322x182, Profile 1.
pub(super) const VP9_P1_444_FRAME: &str = "a2498342000282016ac0c70483830940";

/// AudioSpecificConfig: LC, 44100 Hz, stereo; SBR denied behind it.
pub(super) const AAC_LC_441: &str = "121056e500";

/// AudioSpecificConfig: LC, 48000 Hz, 5.1.
pub(super) const AAC_LC_48_51: &str = "11b056e500";

/// AudioSpecificConfig: LC, 48000 Hz, 7.1.
pub(super) const AAC_LC_48_71: &str = "11b856e500";

/// AudioSpecificConfig: LC, 48000 Hz, quad by a program config element.
pub(super) const AAC_PCE_QUAD: &str = "118004c4040021100d4c61766335392e33372e31303056e500";

/// AudioSpecificConfig: LC, 48000 Hz, 6.1 by a program config element.
pub(super) const AAC_PCE_61: &str = "118004c848002000c4400d4c61766335392e33372e31303056e500";

/// The beginning of an ADTS stream: LC, 44100 Hz, stereo, a frame of 97 bytes.
pub(super) const ADTS_LC_441: &str = "fff150800c3ffcde02004c61766335392e33372e31303000424b2a484139793338957738925ae401044110528b65a0f9 \
     ebe5df85fab67ca698b8f1e3f2f94d96";

/// OpusHead: stereo, pre-skip 312.
pub(super) const OPUS_STEREO: &str = "4f707573486561640102380180bb0000000000";

/// OpusHead: 5.1, four streams of which two are coupled.
pub(super) const OPUS_51: &str = "4f707573486561640106380180bb00000000010402000401020305";

/// `fLaC` and STREAMINFO: 44100 Hz, stereo, 16 bits, blocks of 4608.
pub(super) const FLAC_441: &str =
    "664c6143000000221200120000046d0005080ac442f0000033ae36567c6137e8d578c431ed191fd85ff5";

/// The beginning of a syncframe of 1792 bytes: 48000 Hz, 5.1, 448 kb/s. Its box is `103de0`.
pub(super) const AC3_48_51: &str = "0b77b50b1e40ebf8403eff99ff0841fc";

/// The beginning of a syncframe of 834 bytes: 44100 Hz, stereo, 192 kb/s. Its box is `501140`.
pub(super) const AC3_441_STEREO: &str = "0b77c2ea544043e106f575f0c0c21818";

/// The beginning of a syncframe of 1536 bytes: 48000 Hz, 5.1, 384 kb/s. Its box is `0c00200f00`.
pub(super) const EAC3_48_51: &str = "0b7702ff3f87c000208020000200400003e01fba7e1e010107e1e1f8787e1e10";

/// The beginning of a syncframe of 384 bytes: 32000 Hz, mono, 64 kb/s. Its box is `0200a00200`.
pub(super) const EAC3_32_MONO: &str = "0b7700bfb287c00021060050e77d587ef9fbe7d0df3e7cfabbe7c108ddf5f220";

/// The bytes that `text` spells in hexadecimal.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| char::from(digit).to_digit(16).unwrap() as u8;
    digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

/// All of them.
pub(super) fn all() -> Vec<Vec<u8>> {
    let all = [
        AVC_1080P2997,
        AVC_720P23976_BASELINE,
        AVC_1080I25,
        AVC_576P50_SAR,
        AVC_HI422_HLG,
        AVC_HI10_PQ,
        AVC_444_LISTS,
        HEVC_1080P2997,
        HEVC_2160P5994_PQ,
        HEVC_720P23976_HLG,
        HEVC_422_LISTS,
        HEVC_NO_TIMING,
        AV1_AOM_1080P,
        AV1_SVT_PQ,
        AV1_AOM_444,
        AV1_RAV1E,
        VP9_1080P,
        VP9_P2_HLG,
        VP9_P1_444,
        AV1_SVT_PQ_FRAME,
        AV1_AOM_1080P_FRAME,
        VP9_1080P_FRAME,
        VP9_P2_HLG_FRAME,
        VP9_P1_444_FRAME,
        AAC_LC_441,
        AAC_LC_48_51,
        AAC_LC_48_71,
        AAC_PCE_QUAD,
        AAC_PCE_61,
        ADTS_LC_441,
        OPUS_STEREO,
        OPUS_51,
        FLAC_441,
        AC3_48_51,
        AC3_441_STEREO,
        EAC3_48_51,
        EAC3_32_MONO,
    ];
    all.iter().map(|text| hex(text)).collect()
}

/// Bits put together by hand.
#[derive(Clone, Default)]
pub(super) struct Writer {
    bits: Vec<bool>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// An unsigned field.
    pub(super) fn u(mut self, width: u32, value: u64) -> Self {
        self.bits.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    /// Exp-Golomb, unsigned.
    pub(super) fn ue(self, value: u32) -> Self {
        let code = u64::from(value) + 1;
        let width = 64 - code.leading_zeros();
        self.u(width - 1, 0).u(width, code)
    }

    /// Exp-Golomb, signed.
    pub(super) fn se(self, value: i32) -> Self {
        let code = if value > 0 { 2 * value - 1 } else { -2 * value };
        self.ue(code as u32)
    }

    /// The bytes, filled up with zeros.
    pub(super) fn bytes(mut self) -> Vec<u8> {
        self.bits.resize(self.bits.len().next_multiple_of(8), false);
        self.bits.chunks(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
    }

    /// A NAL unit: header, these bits, the stop bit, with emulation prevention.
    pub(super) fn nal(self, header: &[u8]) -> Vec<u8> {
        let mut out = header.to_vec();
        let mut zeros = 0;
        for byte in self.u(1, 1).bytes() {
            if zeros == 2 && byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.push(byte);
        }
        out
    }
}

/// An access unit of `units` with four bytes of length each.
pub(super) fn access_unit(units: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for unit in units {
        super::nal::push_length_prefixed(&mut out, unit);
    }
    out
}
