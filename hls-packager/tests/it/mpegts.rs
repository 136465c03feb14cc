//! A transport stream taken apart with the `mpeg2ts` crate, checked packet by packet on the way.

use std::collections::HashMap;

use mpeg2ts::ts::{ReadTsPacket, TsPacketReader, TsPayload, payload::Pmt};

/// One PES packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pes {
    pub(crate) pid: u16,
    pub(crate) pts: u64,
    pub(crate) dts: u64,
    pub(crate) random_access: bool,
    /// The program clock of its first packet, in 90 kHz ticks.
    pub(crate) pcr: Option<u64>,
    pub(crate) data: Vec<u8>,
}

/// A whole stream.
pub(crate) struct Stream {
    pub(crate) pmts: Vec<Pmt>,
    pub(crate) pes: Vec<Pes>,
}

/// Takes `bytes` apart; fails on anything that a strict reader would refuse.
pub(crate) fn read(bytes: &[u8]) -> Stream {
    assert!(bytes.len().is_multiple_of(188));
    check_continuity(bytes);
    let mut reader = TsPacketReader::new(bytes);
    let mut stream = Stream { pmts: Vec::new(), pes: Vec::new() };
    let mut open: HashMap<u16, usize> = HashMap::new();
    let mut announced: HashMap<usize, usize> = HashMap::new();
    while let Some(packet) = reader.read_ts_packet().unwrap() {
        let pid = packet.header.pid.as_u16();
        match packet.payload {
            Some(TsPayload::Pmt(pmt)) => stream.pmts.push(pmt),
            Some(TsPayload::PesStart(start)) => {
                let adaptation = packet.adaptation_field;
                let pts = start.header.pts.expect("a PTS").as_u64();
                let at = stream.pes.len();
                open.insert(pid, at);
                if start.pes_packet_len > 0 {
                    let fields = if start.header.dts.is_some() { 13 } else { 8 };
                    announced.insert(at, usize::from(start.pes_packet_len) - fields);
                }
                assert!(start.header.data_alignment_indicator);
                stream.pes.push(Pes {
                    pid,
                    pts,
                    dts: start.header.dts.map_or(pts, |dts| dts.as_u64()),
                    random_access: adaptation.as_ref().is_some_and(|field| field.random_access_indicator),
                    pcr: adaptation.and_then(|field| field.pcr).map(|pcr| pcr.as_u64() / 300),
                    data: start.data.to_vec(),
                });
            }
            Some(TsPayload::PesContinuation(more)) => stream.pes[open[&pid]].data.extend_from_slice(&more),
            _ => {}
        }
    }
    for (at, len) in announced {
        assert_eq!(stream.pes[at].data.len(), len, "PES_packet_length");
    }
    stream
}

/// Every PID counts its packets modulo 16, from 0.
fn check_continuity(bytes: &[u8]) {
    let mut counters: HashMap<u16, u8> = HashMap::new();
    for packet in bytes.chunks(188) {
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let counter = counters.entry(pid).or_default();
        assert_eq!(packet[3] & 0xf, *counter, "continuity of PID {pid:#x}");
        *counter = (*counter + 1) & 0xf;
    }
}
