//! Writing nested boxes whose size is known only once they are written (ISO/IEC 14496-12 §4.2).

/// A growing file of boxes. For init segments, which are written once; fragments are written by precomputed sizes.
#[derive(Debug, Default)]
pub(super) struct Boxes {
    out: Vec<u8>,
}

impl Boxes {
    /// A box of type `kind` that holds what `body` writes.
    pub(super) fn nest(&mut self, kind: &[u8; 4], body: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        self.u32(0);
        self.bytes(kind);
        body(self);
        // Init segments are bounded by init::MAX_CONFIG_BYTES, far below 4 GiB.
        let size = (self.out.len() - start) as u32;
        if let Some(field) = self.out.get_mut(start..start + 4) {
            field.copy_from_slice(&size.to_be_bytes());
        }
    }

    /// A full box: version and 24 bits of flags before the body.
    pub(super) fn full(&mut self, kind: &[u8; 4], version: u8, flags: u32, body: impl FnOnce(&mut Self)) {
        self.nest(kind, |b| {
            b.u32(u32::from(version) << 24 | flags & 0x00ff_ffff);
            body(b);
        });
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `count` zero bytes, for reserved fields.
    pub(super) fn zeros(&mut self, count: usize) {
        self.out.resize(self.out.len() + count, 0);
    }

    pub(super) fn into_bytes(self) -> bytes::Bytes {
        // Exactly sized: it stays in memory as long as the stream.
        self.out.into_boxed_slice().into()
    }
}
