//! What a peer can receive, as `connect` negotiates it (veovera E-RTMP v2, "Enhancing NetConnection connect Command").

use media_core::{Codec, Track};

use crate::amf::{Object, Value};
use crate::flv::{FourCc, Muxer, WireForm};

/// `CapsExMask` values.
mod caps_ex {
    pub(super) const RECONNECT: u32 = 0x01;
    pub(super) const MULTITRACK: u32 = 0x02;
    pub(super) const MOD_EX: u32 = 0x04;
    pub(super) const TIMESTAMP_NANOS: u32 = 0x08;
}

/// `FourCcInfoMask` values that mean a peer can receive a codec: decode (1) and forward (4). Encode (2) is not one.
const RECEIVES: u32 = 0x01 | 0x04;

/// The codecs that Enhanced RTMP names and Pulse carries, in the order announced.
const CODECS: [Codec; 10] = [
    Codec::H264,
    Codec::Hevc,
    Codec::Av1,
    Codec::Vp9,
    Codec::Aac,
    Codec::Opus,
    Codec::Mp3,
    Codec::Ac3,
    Codec::Eac3,
    Codec::Flac,
];

/// What a peer announced. A peer of legacy RTMP announced nothing and gets [`Capabilities::default`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// It speaks Enhanced RTMP: it sent a `fourCcList`, an info map or `capsEx`.
    pub enhanced: bool,
    /// It takes several tracks of a kind in one message stream.
    pub multitrack: bool,
    /// It obeys `NetConnection.Connect.ReconnectRequest`.
    pub reconnect: bool,
    /// It understands ModEx packets.
    pub mod_ex: bool,
    /// It understands the nanosecond offset in a ModEx packet.
    pub timestamp_nanos: bool,
    /// One bit for each of [`CODECS`].
    codecs: u16,
}

impl Capabilities {
    /// Everything this crate understands: what our own sessions announce.
    pub fn all() -> Self {
        Self {
            enhanced: true,
            multitrack: true,
            reconnect: true,
            mod_ex: true,
            timestamp_nanos: true,
            codecs: (1 << CODECS.len()) - 1,
        }
    }

    /// Reads them from the command object of `connect`, or from the properties or information of its result. Peers of E-RTMP
    /// v1 send a `fourCcList`, those of v2 the info maps; both are read, and `*` stands for every codec.
    ///
    /// A peer with a list and without `capsEx` is taken to receive several tracks: FFmpeg (to version 9 at least) does and never
    /// says so. One that announces `capsEx` is taken at its word.
    pub fn from_object(object: &Object) -> Self {
        let mut found = Self::default();
        if let Some(list) = object.get("fourCcList") {
            found.enhanced = true;
            let names = list.as_array().unwrap_or_default();
            names.iter().filter_map(Value::as_str).for_each(|name| found.add(name, |_| true));
        }
        let video: fn(Codec) -> bool = |codec| FourCc::of(codec).is_some_and(|name| name.video().is_some());
        let audio: fn(Codec) -> bool = |codec| FourCc::of(codec).is_some_and(|name| name.audio().is_some());
        for (name, kind) in [("videoFourCcInfoMap", video), ("audioFourCcInfoMap", audio)] {
            let Some(map) = object.get(name).and_then(Value::as_object) else { continue };
            found.enhanced = true;
            for (name, flags) in map.iter() {
                if flags.as_number().is_some_and(|flags| bits(flags) & RECEIVES != 0) {
                    found.add(name, kind);
                }
            }
        }
        if let Some(flags) = object.number("capsEx").map(bits) {
            found.enhanced = true;
            found.reconnect = flags & caps_ex::RECONNECT != 0;
            found.multitrack = flags & caps_ex::MULTITRACK != 0;
            found.mod_ex = flags & caps_ex::MOD_EX != 0;
            found.timestamp_nanos = flags & caps_ex::TIMESTAMP_NANOS != 0;
        } else {
            found.multitrack = found.enhanced;
        }
        found
    }

    /// This peer also receives `codec`.
    #[must_use]
    pub fn with(mut self, codec: Codec) -> Self {
        self.add_if(|other| other == codec);
        self
    }

    /// Whether it announced `codec` by FourCC.
    pub fn lists(&self, codec: Codec) -> bool {
        CODECS.iter().position(|other| *other == codec).is_some_and(|bit| self.codecs >> bit & 1 == 1)
    }

    /// Whether frames of `codec` may be sent to it: what legacy RTMP has (H.264, AAC, MP3, script data) always, anything else
    /// only if it announced it.
    pub fn receives(&self, codec: Codec) -> bool {
        matches!(codec, Codec::H264 | Codec::Aac | Codec::Mp3 | Codec::Amf0) || self.lists(codec)
    }

    /// The plainest form in which this peer can play a stream, and get all of its tracks if there is one: players of one form
    /// share their bytes. `None` when it could get no picture, or no sound, of a stream that has one: tell it
    /// `NetStream.Play.Failed`.
    pub fn wire_form(&self, tracks: &[Track]) -> Option<WireForm> {
        let muxer = |form| {
            let mut muxer = Muxer::new(form);
            muxer.set_tracks(tracks);
            muxer
        };
        let forms = WireForm::ALL.into_iter().filter(|form| self.multitrack || *form != WireForm::Multitrack);
        let meets = |muxer: &Muxer| self.meet(Needs::of(muxer, tracks));
        let playable: Vec<Muxer> = forms.map(muxer).filter(meets).collect();
        let whole = playable.iter().find(|muxer| muxer.left_out().next().is_none());
        whole.or(playable.first()).map(Muxer::form)
    }

    /// Whether the peer knows all that is carried, and gets a track of each kind that there is.
    pub(crate) fn meet(&self, needs: Needs) -> bool {
        !needs.lost && self.codecs & needs.codecs == needs.codecs
    }

    /// Adds these as the properties that `connect` and its result carry.
    pub(crate) fn announce(&self, mut object: Object) -> Object {
        let (mut list, mut video, mut audio) = (Vec::new(), Object::new(), Object::new());
        for name in CODECS.iter().filter(|codec| self.lists(**codec)).filter_map(|codec| FourCc::of(*codec)) {
            let map = if name.video().is_some() { &mut video } else { &mut audio };
            map.push(name.to_string(), Value::Number(f64::from(RECEIVES)));
            list.push(Value::String(name.to_string()));
        }
        let flags = [
            (self.reconnect, caps_ex::RECONNECT),
            (self.multitrack, caps_ex::MULTITRACK),
            (self.mod_ex, caps_ex::MOD_EX),
            (self.timestamp_nanos, caps_ex::TIMESTAMP_NANOS),
        ];
        let flags: u32 = flags.iter().filter(|(has, _)| *has).map(|(_, flag)| flag).sum();
        object.push("fourCcList".to_owned(), Value::Array(list));
        object.push("videoFourCcInfoMap".to_owned(), Value::Object(video));
        object.push("audioFourCcInfoMap".to_owned(), Value::Object(audio));
        object.push("capsEx".to_owned(), Value::Number(f64::from(flags)));
        object
    }

    /// Adds the codecs a FourCC string names, of those that `kind` admits. Case is ignored, as the specification's own example
    /// does.
    fn add(&mut self, name: &str, kind: impl Fn(Codec) -> bool) {
        let named = |codec: Codec| {
            name == "*"
                || FourCc::of(codec).is_some_and(|known| known.0.eq_ignore_ascii_case(name.as_bytes()))
        };
        self.add_if(|codec| kind(codec) && named(codec));
    }

    fn add_if(&mut self, admit: impl Fn(Codec) -> bool) {
        for (bit, codec) in CODECS.iter().enumerate() {
            self.codecs |= u16::from(admit(*codec)) << bit;
        }
    }
}

/// What it takes to play a stream in one wire form; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The codecs that are named by FourCC, as in [`Capabilities`].
    codecs: u16,
    /// The form carries no picture, or no sound, of a stream that has one.
    lost: bool,
}

impl Needs {
    /// Of a stream with these tracks, which `muxer` has taken.
    pub(crate) fn of(muxer: &Muxer, tracks: &[Track]) -> Self {
        let mut named = Capabilities::default();
        let mut lost = false;
        for name in muxer.required() {
            match name.video().or_else(|| name.audio()) {
                Some(codec) => named = named.with(codec),
                None => lost = true,
            }
        }
        let carried = |track: &Track| muxer.carried().any(|other| other.kind() == track.kind());
        Self { codecs: named.codecs, lost: lost || !tracks.iter().all(carried) }
    }
}

/// Flags in a double; nonsense has none.
fn bits(flags: f64) -> u32 {
    flags as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_announces_a_list() {
        let list = Value::Array(vec!["av01".into(), "HVC1".into(), "xxxx".into(), 5.0.into()]);
        let found = Capabilities::from_object(&Object::new().with("fourCcList", list));
        assert!(found.enhanced && found.receives(Codec::Av1) && found.receives(Codec::Hevc));
        assert!(!found.receives(Codec::Vp9));
        assert!(found.receives(Codec::H264) && !found.lists(Codec::H264));
    }

    /// FFmpeg 9 sends the list alone and demultiplexes several tracks.
    #[test]
    fn several_tracks_are_refused_only_by_who_says_so() {
        let list = Object::new().with("fourCcList", Value::Array(vec!["av01".into()]));
        assert!(Capabilities::from_object(&list).multitrack);
        assert!(!Capabilities::from_object(&list.with("capsEx", 4.0)).multitrack);
        assert!(!Capabilities::from_object(&Object::new()).multitrack);
    }

    #[test]
    fn version_2_announces_maps_whose_star_is_every_codec_of_its_kind() {
        let video = Object::new().with("*", 4.0).with("vp09", 2.0);
        let audio = Object::new().with("Opus", 2.0).with("fLaC", 1.0);
        let object = Object::new().with("videoFourCcInfoMap", video).with("audioFourCcInfoMap", audio);
        let found = Capabilities::from_object(&object.with("capsEx", 6.0));
        assert!(found.receives(Codec::Vp9) && found.receives(Codec::Flac) && !found.receives(Codec::Opus));
        assert_eq!((found.multitrack, found.mod_ex, found.reconnect), (true, true, false));
    }

    #[test]
    fn what_we_announce_we_understand() {
        let all = Capabilities::all();
        assert_eq!(Capabilities::from_object(&all.announce(Object::new())), all);
    }

    #[test]
    fn a_legacy_peer_receives_legacy_codecs() {
        let legacy = Capabilities::from_object(&Object::new().with("capsEx", "nonsense"));
        assert_eq!(legacy, Capabilities::default());
        assert!(legacy.receives(Codec::Aac) && !legacy.receives(Codec::Opus));
        assert!(legacy.with(Codec::Opus).receives(Codec::Opus));
    }
}
