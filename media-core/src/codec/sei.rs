//! Supplemental enhancement information, of which two messages matter to a live server: where decoding may begin without an IDR
//! picture, and HLG announced beside a transfer characteristic that old sets understand.

use super::HeaderError;
use super::bits::Bits;

/// `recovery_point` in H.264 and HEVC.
const RECOVERY_POINT: u32 = 6;
/// `alternative_transfer_characteristics` in H.264 and HEVC.
const ALTERNATIVE_TRANSFER: u32 = 147;

/// One SEI message that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// The picture is right after so many more: frames in H.264, steps of picture order count in HEVC. The code as read: it stands for
    /// an unsigned number in H.264, a signed one in HEVC.
    RecoveryPoint(u32),
    /// The transfer characteristics to prefer to those of the SPS.
    Transfer(u8),
}

/// The understood messages of an SEI NAL unit, `bits` standing behind its header. Ends at the first thing that is cut short.
pub(crate) fn messages(bits: Bits<'_>) -> impl Iterator<Item = Message> {
    let mut bits = bits;
    std::iter::from_fn(move || next_understood(&mut bits).ok().flatten())
}

fn next_understood(bits: &mut Bits<'_>) -> Result<Option<Message>, HeaderError> {
    // Sixteen bits are one empty message; what is left after the last message are the trailing bits.
    while bits.remaining() >= 16 {
        let kind = extended(bits, "payload_type")?;
        let size = extended(bits, "payload_size")?;
        match message(&mut bits.clone(), kind, size)? {
            Some(message) => {
                bits.skip(size.saturating_mul(8), "payload")?;
                return Ok(Some(message));
            }
            None => bits.skip(size.saturating_mul(8), "payload")?,
        }
    }
    Ok(None)
}

fn message(bits: &mut Bits<'_>, kind: u32, size: u32) -> Result<Option<Message>, HeaderError> {
    match kind {
        RECOVERY_POINT if size > 0 => Ok(Some(Message::RecoveryPoint(bits.ue("recovery_frame_cnt")?))),
        ALTERNATIVE_TRANSFER if size > 0 => {
            Ok(Some(Message::Transfer(bits.u8(8, "transfer_characteristics")?)))
        }
        _ => Ok(None),
    }
}

/// A number coded as a row of 255s and a last byte (ISO/IEC 14496-10 §7.3.2.3.1).
fn extended(bits: &mut Bits<'_>, field: &'static str) -> Result<u32, HeaderError> {
    let mut value = 0u32;
    loop {
        let byte = bits.u(8, field)?;
        value = value.saturating_add(byte);
        if byte != 255 {
            return Ok(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data: &[u8]) -> Vec<Message> {
        messages(Bits::rbsp("h264", data)).collect()
    }

    #[test]
    fn a_recovery_point_is_found_behind_other_messages() {
        // pic_timing of two bytes, an unknown message of 256 bytes, then recovery_frame_cnt 5 (00110).
        let mut data = vec![1, 2, 0x12, 0x34, 5, 255, 1];
        data.extend([7; 256]);
        data.extend([6, 1, 0b0011_0100, 0x80]);
        assert_eq!(of(&data), [Message::RecoveryPoint(5)]);
    }

    #[test]
    fn a_message_that_is_cut_short_ends_the_walk() {
        assert_eq!(of(&[147, 1, 18, 6, 200, 0x80]), [Message::Transfer(18), Message::RecoveryPoint(0)][..1]);
        assert_eq!(of(&[6, 0, 6]), []);
        assert_eq!(of(&[255; 100]), []);
        assert_eq!(of(&[]), []);
    }
}
