//! RTMP messages: what chunks carry (Adobe RTMP §5.4, §6, §7.1).

use bytes::Bytes;

/// The type of a message (Adobe RTMP §5.4, §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageKind(pub u8);

impl MessageKind {
    /// Protocol control: the sender's chunk size from here on (§5.4.1).
    pub const SET_CHUNK_SIZE: Self = Self(1);
    /// Protocol control: the rest of a message will not come (§5.4.2).
    pub const ABORT: Self = Self(2);
    /// Protocol control: how many bytes have arrived (§5.4.3).
    pub const ACKNOWLEDGEMENT: Self = Self(3);
    /// User control: stream begin and end, pings (§7.1.7).
    pub const USER_CONTROL: Self = Self(4);
    /// Protocol control: after how many bytes the sender wants an acknowledgement (§5.4.4).
    pub const WINDOW_ACK_SIZE: Self = Self(5);
    /// Protocol control: how many unacknowledged bytes the receiver may have under way (§5.4.5).
    pub const SET_PEER_BANDWIDTH: Self = Self(6);
    /// An FLV audio tag body (§7.1.4).
    pub const AUDIO: Self = Self(8);
    /// An FLV video tag body (§7.1.5).
    pub const VIDEO: Self = Self(9);
    /// A script message whose values may be AMF3 (§7.1.2).
    pub const DATA_AMF3: Self = Self(15);
    /// A shared object event (§7.1.3).
    pub const SHARED_OBJECT_AMF3: Self = Self(16);
    /// A command whose values may be AMF3 (§7.1.1).
    pub const COMMAND_AMF3: Self = Self(17);
    /// A script message (§7.1.2).
    pub const DATA_AMF0: Self = Self(18);
    /// A shared object event (§7.1.3).
    pub const SHARED_OBJECT_AMF0: Self = Self(19);
    /// A command (§7.1.1).
    pub const COMMAND_AMF0: Self = Self(20);
    /// Several FLV tags in one message (§7.1.6).
    pub const AGGREGATE: Self = Self(22);
}

/// What a message's header says, its length apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageHeader {
    /// What the body is.
    pub kind: MessageKind,
    /// Milliseconds on the sender's clock, modulo 2^32.
    pub timestamp_ms: u32,
    /// The message stream it belongs to; 0 is the connection itself.
    pub stream_id: u32,
}

/// One whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What the body is, when, and for which stream.
    pub header: MessageHeader,
    /// The body, in a buffer of its own.
    pub body: Bytes,
}
