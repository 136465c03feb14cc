//! Transport packets (ISO/IEC 13818-1 §2.4.3): 188 bytes, the media cut into them as it is copied.

/// The size of a transport packet, in bytes.
pub(super) const PACKET_BYTES: usize = 188;
/// A packet without its header.
const BODY_BYTES: usize = PACKET_BYTES - 4;
const SYNC_BYTE: u8 = 0x47;
const PAYLOAD: u8 = 0x10;
const ADAPTATION: u8 = 0x20;
const RANDOM_ACCESS: u8 = 0x40;
const PCR_FLAG: u8 = 0x10;

/// A 13-bit packet identifier.
pub(super) type Pid = u16;

/// The 4-bit continuity counter of one PID (§2.4.3.3), which runs on over parts and segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Continuity(u8);

impl Continuity {
    fn next(&mut self) -> u8 {
        let count = self.0;
        self.0 = (count + 1) & 0xf;
        count
    }
}

/// What the first packet of a payload says in its adaptation field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signals {
    /// A decoder may start here.
    pub(super) random_access: bool,
    /// The program clock, in 90 kHz ticks of 33 bits.
    pub(super) pcr: Option<u64>,
}

impl Signals {
    /// Bytes of the adaptation field that carries them, its length byte included; 0 without one.
    fn bytes(self) -> usize {
        match self {
            Self { pcr: Some(_), .. } => 8,
            Self { random_access: true, .. } => 2,
            Self { .. } => 0,
        }
    }
}

/// How many packets a payload of `len` bytes takes.
pub(super) fn packets(len: usize, signals: Signals) -> usize {
    (len + signals.bytes()).div_ceil(BODY_BYTES)
}

/// Cuts one payload (a PES packet or a section) into packets while it is handed over piece by piece.
#[derive(Debug)]
pub(super) struct Packetizer<'a> {
    out: &'a mut Vec<u8>,
    pid: Pid,
    continuity: &'a mut Continuity,
    /// For the first packet; taken by it.
    signals: Option<Signals>,
    /// Bytes of the payload that are yet to come.
    remaining: usize,
    /// Bytes that the packet being written still takes.
    room: usize,
}

impl<'a> Packetizer<'a> {
    /// For a payload of exactly `len` bytes, at least one.
    pub(super) fn new(
        out: &'a mut Vec<u8>,
        pid: Pid,
        continuity: &'a mut Continuity,
        len: usize,
        signals: Signals,
    ) -> Self {
        Self { out, pid, continuity, signals: Some(signals), remaining: len, room: 0 }
    }

    /// The next bytes of the payload. What exceeds the announced length is left out, so that a packet never breaks.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= self.remaining, "more payload than announced");
        let mut bytes = bytes.get(..self.remaining).unwrap_or(bytes);
        while !bytes.is_empty() {
            if self.room == 0 {
                self.open();
            }
            let (now, later) = bytes.split_at(self.room.min(bytes.len()));
            self.out.extend_from_slice(now);
            self.room -= now.len();
            self.remaining -= now.len();
            bytes = later;
        }
    }

    /// Writes a packet's header and adaptation field, stuffed so that the payload's end is the packet's.
    fn open(&mut self) {
        let signals = self.signals.take();
        let start = if signals.is_some() { 0x40 } else { 0 };
        let signals = signals.unwrap_or_default();
        let adaptation = signals.bytes().max(BODY_BYTES.saturating_sub(self.remaining));
        let control = PAYLOAD | if adaptation > 0 { ADAPTATION } else { 0 };
        let [pid_high, pid_low] = self.pid.to_be_bytes();
        self.out.extend([SYNC_BYTE, start | pid_high & 0x1f, pid_low, control | self.continuity.next()]);
        self.write_adaptation(signals, adaptation);
        self.room = BODY_BYTES - adaptation;
    }

    /// The adaptation field of `len` bytes in all (§2.4.3.4).
    fn write_adaptation(&mut self, signals: Signals, len: usize) {
        let Some(field) = len.checked_sub(1) else { return };
        self.out.push(field as u8);
        let Some(stuffing) = len.checked_sub(signals.bytes().max(2)) else { return };
        let random_access = if signals.random_access { RANDOM_ACCESS } else { 0 };
        match signals.pcr {
            None => self.out.push(random_access),
            Some(pcr) => {
                self.out.push(random_access | PCR_FLAG);
                self.out.extend(clock_reference(pcr));
            }
        }
        self.out.resize(self.out.len() + stuffing, 0xff);
    }
}

/// 33 bits of 90 kHz, 6 reserved, 9 of 27 MHz, which stay zero.
fn clock_reference(pcr: u64) -> [u8; 6] {
    let [_, _, bytes @ ..] = (pcr << 15 | 0x3f << 9).to_be_bytes();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(payload: &[u8], signals: Signals) -> Vec<u8> {
        let mut out = Vec::new();
        Packetizer::new(&mut out, 0x100, &mut Continuity(15), payload.len(), signals).push(payload);
        assert_eq!(out.len(), packets(payload.len(), signals) * PACKET_BYTES);
        out
    }

    #[test]
    fn every_payload_length_fills_whole_packets() {
        let all = [
            Signals::default(),
            Signals { random_access: true, pcr: None },
            Signals { random_access: true, pcr: Some(1) },
        ];
        for signals in all {
            for len in 1..600 {
                let out = cut(&vec![0xaa; len], signals);
                assert!(out.chunks(PACKET_BYTES).all(|packet| packet[0] == SYNC_BYTE));
                let payload: usize = out.chunks(PACKET_BYTES).map(payload_bytes).sum();
                assert_eq!(payload, len);
            }
        }
    }

    fn payload_bytes(packet: &[u8]) -> usize {
        let adaptation = if packet[3] & ADAPTATION != 0 { 1 + usize::from(packet[4]) } else { 0 };
        assert!(packet[4 + adaptation..].iter().all(|&byte| byte == 0xaa), "payload ends the packet");
        BODY_BYTES - adaptation
    }

    #[test]
    fn one_byte_of_stuffing_is_an_empty_adaptation_field() {
        let out = cut(&[0xaa; BODY_BYTES - 1], Signals::default());
        assert_eq!(out[..6], [0x47, 0x41, 0x00, 0x3f, 0x00, 0xaa]);
    }

    #[test]
    fn clock_and_random_access_are_in_the_first_packet_only_and_the_counter_wraps() {
        let out = cut(&[0xaa; 300], Signals { random_access: true, pcr: Some(0x1_2345_6789) });
        let golden = [0x47, 0x41, 0x00, 0x3f, 7, 0x50, 0x91, 0xa2, 0xb3, 0xc4, 0xfe, 0x00, 0xaa];
        assert_eq!(out[..13], golden);
        assert_eq!(out[188..194], [0x47, 0x01, 0x00, 0x30, 59, 0x00]);
    }
}
