//! Inputs made of a corpus. They depend on nothing but its bytes, in order, and the target's name.

use std::fmt;

/// Longer inputs find nothing that shorter ones do not, and take their time.
const MAX_LEN: usize = 4_096;

/// Bytes at the ends of their ranges.
const EDGES: [u8; 8] = [0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0x10, 0x40];

/// Inputs without end.
pub struct Inputs<'a> {
    seeds: &'a [Vec<u8>],
    /// Of Marsaglia's xorshift64*; never zero.
    state: u64,
}

impl<'a> Inputs<'a> {
    /// Inputs for a target made of `seeds`, of which there is at least one.
    pub fn new(target: &str, seeds: &'a [Vec<u8>]) -> Self {
        let mut digest = Digest::default();
        digest.add(target.as_bytes());
        Self { seeds, state: digest.0 | 1 }
    }

    fn next_u64(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, 0 if there is none.
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next_u64()) * end as u128) >> 64) as usize
    }

    fn byte(&mut self) -> u8 {
        (self.next_u64() >> 56) as u8
    }

    /// Where in something so long, and how many bytes there: few, more often than not.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let from = self.below(len);
        let most = [2, 4, 16, 256][self.below(4)];
        from..len.min(from + 1 + self.below(most))
    }

    fn seed(&mut self) -> &'a [u8] {
        let seeds = self.seeds;
        &seeds[self.below(seeds.len())]
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        if input.is_empty() {
            input.push(self.byte());
            return;
        }
        let at = self.below(input.len());
        match self.below(9) {
            0 => input[at] ^= 1 << self.below(8),
            1 => input[at] = self.byte(),
            2 => input[at] = EDGES[self.below(EDGES.len())],
            3 => {
                let new: Vec<u8> = (0..=self.below(8)).map(|_| self.byte()).collect();
                input.splice(at..at, new);
            }
            4 => _ = input.drain(self.range(input.len())),
            5 => {
                let copy = input[self.range(input.len())].to_vec();
                input.splice(at..at, copy);
            }
            6 => {
                let other = self.seed();
                let piece = &other[self.range(other.len())];
                input.splice(at..input.len().min(at + piece.len()), piece.iter().copied());
            }
            7 => {
                let other = self.seed();
                input.truncate(at);
                input.extend(&other[self.below(other.len())..]);
            }
            _ => input.truncate(at),
        }
    }
}

impl Iterator for Inputs<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut input = self.seed().to_vec();
        for _ in 0..=self.below(6) {
            self.change(&mut input);
        }
        input.truncate(MAX_LEN);
        Some(input)
    }
}

/// Tells two runs' inputs apart (FNV-1a).
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    pub fn add(&mut self, input: &[u8]) {
        for byte in (input.len() as u32).to_be_bytes().iter().chain(input) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
