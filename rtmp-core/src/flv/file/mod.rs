//! FLV as a file or an HTTP stream: a header, and tags between back pointers (Adobe Video File Format 10.1, annex E.2 to E.4).

mod reader;
mod writer;

pub use reader::{Error, Item, Limits, Reader};
pub use writer::{
    HEAD_BYTES, STREAM_HEAD_BYTES, TAIL_BYTES, TooLarge, stream_head, tag_head, tag_tail, write_tag,
};

#[cfg(test)]
mod tests;
