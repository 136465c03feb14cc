//! NAL units of a length-prefixed access unit.
pub(super) struct LengthPrefixed<'a> {
    rest: &'a [u8],
    length_size: usize,
}
impl<'a> LengthPrefixed<'a> {
    pub(super) fn new(data: &'a [u8], length_size: u8) -> Self {
        Self { rest: data, length_size: usize::from(length_size) }
    }
}
impl<'a> Iterator for LengthPrefixed<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let (prefix, body) = self.rest.split_at_checked(self.length_size)?;
            let len = prefix.iter().fold(0usize, |len, &byte| len << 8 | usize::from(byte));
            let (unit, rest) = body.split_at_checked(len)?;
            self.rest = rest;
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    }
}
pub(super) fn is_length_prefixed(data: &[u8], length_size: u8) -> bool {
    let mut units = LengthPrefixed::new(data, length_size);
    units.by_ref().count() > 0 && units.rest.is_empty()
}
