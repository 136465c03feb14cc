//! Program tables: PAT and PMT, one section of one packet each (ISO/IEC 13818-1 §2.4.4).

use super::elementary::Elementary;
use super::packet::{Continuity, Packetizer, Pid, Signals};

const PAT_PID: Pid = 0;
/// Where the program map is.
const PMT_PID: Pid = 0x1000;
const PROGRAM: u16 = 1;
const TRANSPORT_STREAM: u16 = 1;
const PAT_TABLE: u8 = 0;
const PMT_TABLE: u8 = 2;
/// Packets that the tables take.
pub(super) const TABLE_PACKETS: usize = 2;

/// The tables of one program, which never change, and their continuity counters.
#[derive(Debug)]
pub(super) struct Tables {
    pat: Vec<u8>,
    pmt: Vec<u8>,
    pat_continuity: Continuity,
    pmt_continuity: Continuity,
}

impl Tables {
    /// Of a program of `streams`, with the clock on `pcr_pid`.
    pub(super) fn new(streams: &[Elementary], pcr_pid: Pid) -> Self {
        Self {
            pat: section(PAT_TABLE, TRANSPORT_STREAM, &associations()),
            pmt: section(PMT_TABLE, PROGRAM, &program_map(streams, pcr_pid)),
            pat_continuity: Continuity::default(),
            pmt_continuity: Continuity::default(),
        }
    }

    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        for (pid, table, continuity) in
            [(PAT_PID, &self.pat, &mut self.pat_continuity), (PMT_PID, &self.pmt, &mut self.pmt_continuity)]
        {
            Packetizer::new(out, pid, continuity, table.len(), Signals::default()).push(table);
        }
    }
}

fn associations() -> Vec<u8> {
    let mut body = PROGRAM.to_be_bytes().to_vec();
    body.extend((0xe000 | PMT_PID).to_be_bytes());
    body
}

fn program_map(streams: &[Elementary], pcr_pid: Pid) -> Vec<u8> {
    let mut body = (0xe000 | pcr_pid).to_be_bytes().to_vec();
    body.extend([0xf0, 0]); // no program descriptors
    for stream in streams {
        body.push(stream.stream_type());
        body.extend((0xe000 | stream.pid).to_be_bytes());
        let descriptors = stream.descriptors();
        body.extend([0xf0, descriptors.len() as u8]);
        body.extend(descriptors);
    }
    body
}

/// A section with its header and CRC, behind a pointer field and padded to the packet's end, where sections are stuffed
/// with 0xff instead of an adaptation field.
fn section(table: u8, id: u16, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0]; // pointer_field
    let length = 5 + body.len() + 4;
    out.push(table);
    out.extend((0xb000 | length as u16).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend([0xc1, 0, 0]); // version 0, current, the only section
    out.extend(body);
    let crc = crc32(out.get(1..).unwrap_or_default());
    out.extend(crc.to_be_bytes());
    debug_assert!(out.len() <= SECTION_BYTES, "a section of one packet");
    out.resize(SECTION_BYTES, 0xff);
    out
}

/// A packet's payload: pointer field, section, stuffing.
const SECTION_BYTES: usize = 184;

/// CRC-32/MPEG-2 (§annex A). A few hundred bytes a stream, so bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            if crc >> 31 == 1 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_of_the_check_string() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7);
    }

    #[test]
    fn the_association_table_is_the_usual_one() {
        let pat = section(PAT_TABLE, TRANSPORT_STREAM, &associations());
        let golden = [0, 0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 0x2a, 0xb1, 0x04, 0xb2, 0xff];
        assert_eq!(pat[..18], golden);
        assert_eq!(pat.len(), SECTION_BYTES);
    }
}
