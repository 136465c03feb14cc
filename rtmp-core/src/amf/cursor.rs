//! A checked reader that also counts what decoding allocates.

use super::{Error, Limits};

/// Reads forward through one message; every read is checked, every allocation is counted against the limits.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    offset: usize,
    limits: Limits,
    depth: u8,
    elements: u32,
    text_bytes: u32,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a [u8], limits: Limits) -> Self {
        Self { rest, offset: 0, limits, depth: 0, elements: 0, text_bytes: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(Error::Truncated { offset: self.offset });
        };
        self.rest = rest;
        self.offset += len;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let offset = self.offset;
        self.take(N)?.try_into().map_err(|_| Error::Truncated { offset })
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, Error> {
        self.array().map(f64::from_be_bytes)
    }

    /// Text of `len` bytes, counted. Encoders label cameras in Latin-1, so that what is not UTF-8 is replaced.
    pub(super) fn text(&mut self, len: usize) -> Result<String, Error> {
        let bytes = self.take(len)?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.count_text(text.len())?;
        Ok(text)
    }

    pub(super) fn count_text(&mut self, len: usize) -> Result<(), Error> {
        let limit = self.limits.text_bytes;
        let total = u32::try_from(len).ok().and_then(|len| self.text_bytes.checked_add(len));
        self.text_bytes = total.filter(|total| *total <= limit).ok_or(Error::Text { limit })?;
        Ok(())
    }

    pub(super) fn count_element(&mut self) -> Result<(), Error> {
        let limit = self.limits.elements;
        if self.elements >= limit {
            return Err(Error::Elements { limit });
        }
        self.elements += 1;
        Ok(())
    }

    /// Goes one level deeper. After an error nothing is read any more, so that only success must [`leave`](Self::leave).
    pub(super) fn enter(&mut self) -> Result<(), Error> {
        let limit = self.limits.depth;
        if self.depth >= limit {
            return Err(Error::Depth { limit });
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}
