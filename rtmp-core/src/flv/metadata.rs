//! Script messages: `onMetaData` (annex E.5; E-RTMP v2, "Enhancing onMetaData") and the colour description of video.

use bytes::Bytes;
use media_core::Codec;
use media_core::track::VideoRange;

use super::FourCc;
use super::demux::Why;
use crate::amf::{Decoder, Limits, Object, Value};

/// What `onMetaData` says, where it makes sense. Encoders are often wrong in it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Metadata {
    /// Width of the picture in pixels.
    pub width: Option<u32>,
    /// Height of the picture in pixels.
    pub height: Option<u32>,
    /// Frames a second.
    pub frame_rate: Option<f64>,
    /// A video track is promised.
    pub video: bool,
    /// An audio track is promised.
    pub audio: bool,
    /// The promised video codec, if Pulse carries it.
    pub video_codec: Option<Codec>,
    /// The promised audio codec, if Pulse carries it.
    pub audio_codec: Option<Codec>,
    /// Nominal video bitrate in bits a second.
    pub video_bps: Option<u64>,
    /// Nominal audio bitrate in bits a second.
    pub audio_bps: Option<u64>,
    /// The encoder's name for itself, at most [`MAX_ENCODER_BYTES`] of it.
    pub encoder: Option<String>,
}

/// How much of the encoder's name is kept, in bytes.
pub const MAX_ENCODER_BYTES: usize = 128;
/// Larger pictures exist nowhere; the number is a mistake.
const MAX_SIDE: f64 = 65_536.0;
const MAX_FRAME_RATE: f64 = 1_000.0;
const MAX_KBPS: f64 = 10_000_000.0;

/// What a script message is.
#[derive(Debug, PartialEq)]
pub(super) enum Script {
    Metadata(Metadata),
    /// A message for players, without the instruction to the server that may precede it.
    Other(Bytes),
}

/// Reads a script message.
pub(super) fn read(body: &Bytes) -> Result<Script, Why> {
    let mut values = Decoder::new(body, Limits::default());
    let mut start = 0;
    let mut name = next(&mut values)?;
    if name.as_str() == Some("@setDataFrame") {
        start = body.len() - values.rest().len();
        name = next(&mut values)?;
    }
    match name.as_str() {
        Some("onMetaData") => {
            let value = next(&mut values)?;
            Ok(Script::Metadata(value.as_object().map(Metadata::from_object).unwrap_or_default()))
        }
        Some(_) => Ok(Script::Other(body.slice(start..))),
        None => Err(Why::Script),
    }
}

fn next(values: &mut Decoder<'_>) -> Result<Value, Why> {
    values.next_value().ok().flatten().ok_or(Why::Script)
}

impl Metadata {
    fn from_object(object: &Object) -> Self {
        let within =
            |name: &str, max: f64| number(object.get(name)?).filter(|&value| value > 0.0 && value <= max);
        let bps = |name: &str| within(name, MAX_KBPS).map(|kbps| (kbps * 1000.0) as u64);
        let present = |id: &str, has: &str| {
            let id = object
                .get(id)
                .is_some_and(|id| number(id).is_some_and(|id| id > 0.0) || id.as_str().is_some());
            object.get(has).and_then(Value::as_bool).unwrap_or(id)
        };
        let encoder = object.text("encoder").or_else(|| object.text("videoencoder"));
        Self {
            width: within("width", MAX_SIDE).map(|side| side as u32),
            height: within("height", MAX_SIDE).map(|side| side as u32),
            frame_rate: within("framerate", MAX_FRAME_RATE)
                .or_else(|| within("videoframerate", MAX_FRAME_RATE)),
            video: present("videocodecid", "hasVideo"),
            audio: present("audiocodecid", "hasAudio"),
            video_codec: object.get("videocodecid").and_then(video_codec),
            audio_codec: object.get("audiocodecid").and_then(audio_codec),
            video_bps: bps("videodatarate"),
            audio_bps: bps("audiodatarate"),
            encoder: encoder.map(|name| shortened(name, MAX_ENCODER_BYTES)),
        }
    }
}

/// A number, or text that is one.
fn number(value: &Value) -> Option<f64> {
    value.as_number().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

fn fourcc(value: &Value) -> Option<FourCc> {
    if let Some(text) = value.as_str() {
        return text.as_bytes().try_into().ok().map(FourCc);
    }
    let number = value.as_number().filter(|&number| number > 255.0 && number <= f64::from(u32::MAX))?;
    Some(FourCc((number as u32).to_be_bytes()))
}

fn video_codec(value: &Value) -> Option<Codec> {
    match number(value) {
        Some(7.0) => Some(Codec::H264),
        Some(12.0) => Some(Codec::Hevc),
        _ => fourcc(value)?.video(),
    }
}

fn audio_codec(value: &Value) -> Option<Codec> {
    match number(value) {
        Some(10.0) => Some(Codec::Aac),
        Some(2.0 | 14.0) => Some(Codec::Mp3),
        _ => fourcc(value)?.audio(),
    }
}

fn shortened(text: &str, max_bytes: usize) -> String {
    let end = (0..=max_bytes.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// The dynamic range that `colorInfo` of a `VideoPacketType.Metadata` message gives; `None` when it takes back what it gave.
pub(super) fn read_colour(body: &[u8]) -> Result<Option<VideoRange>, Why> {
    let mut values = Decoder::new(body, Limits::default());
    while let Some(name) = values.next_value().map_err(|_| Why::Script)? {
        let value = next(&mut values)?;
        if name.as_str() != Some("colorInfo") {
            continue;
        }
        let config = value.as_object().and_then(|info| info.get("colorConfig")).and_then(Value::as_object);
        return Ok(config.and_then(|config| config.number("transferCharacteristics")).map(|transfer| {
            match transfer {
                16.0 => VideoRange::Pq,
                18.0 => VideoRange::Hlg,
                _ => VideoRange::Sdr,
            }
        }));
    }
    Err(Why::Script)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    fn message(values: &[Value]) -> Bytes {
        let mut out = BytesMut::new();
        values.iter().for_each(|value| value.encode(&mut out));
        out.freeze()
    }

    fn metadata(values: &[Value]) -> Metadata {
        match read(&message(values)) {
            Ok(Script::Metadata(metadata)) => metadata,
            other => panic!("{other:?}"),
        }
    }

    fn obs() -> Object {
        Object::new()
            .with("duration", 0.0)
            .with("width", 1280.0)
            .with("height", 720.0)
            .with("videocodecid", 7.0)
            .with("videodatarate", 2500.0)
            .with("framerate", 30.0)
            .with("audiocodecid", 10.0)
            .with("audiodatarate", 160.0)
            .with("encoder", "obs-output module (libobs version 30.0.2)")
    }

    #[test]
    fn trap_9_with_and_without_the_instruction_as_object_and_as_array() {
        let wrapped = metadata(&["@setDataFrame".into(), "onMetaData".into(), Value::EcmaArray(obs())]);
        assert_eq!(wrapped, metadata(&["onMetaData".into(), obs().into()]));
        assert_eq!((wrapped.width, wrapped.height, wrapped.frame_rate), (Some(1280), Some(720), Some(30.0)));
        assert_eq!((wrapped.video_codec, wrapped.audio_codec), (Some(Codec::H264), Some(Codec::Aac)));
        assert_eq!((wrapped.video_bps, wrapped.video, wrapped.audio), (Some(2_500_000), true, true));
        assert!(wrapped.encoder.is_some_and(|name| name.starts_with("obs-output")));
    }

    #[test]
    fn trap_9_wrong_values_are_left_out() {
        let wrong = Object::new()
            .with("width", 0.0)
            .with("height", f64::NAN)
            .with("framerate", 90_000.0)
            .with("videocodecid", "avc1")
            .with("audiocodecid", "mp4a")
            .with("videodatarate", -1.0)
            .with("keyframes", Value::Array(vec![1.0.into(), 2.0.into()]))
            .with("encoder", "ä".repeat(200).as_str());
        let read = metadata(&["onMetaData".into(), wrong.into()]);
        assert_eq!((read.width, read.height, read.frame_rate, read.video_bps), (None, None, None, None));
        assert_eq!((read.video_codec, read.audio_codec), (Some(Codec::H264), Some(Codec::Aac)));
        assert!(read.video && read.audio);
        assert_eq!(read.encoder.unwrap().len(), MAX_ENCODER_BYTES);
    }

    #[test]
    fn codecs_by_fourcc_number_and_absent_ones() {
        let object = Object::new().with("videocodecid", 1_635_135_537.0).with("audiocodecid", 0.0);
        let read = metadata(&["onMetaData".into(), object.into()]);
        assert_eq!((read.video_codec, read.video, read.audio), (Some(Codec::Av1), true, false));
        let object = Object::new().with("videocodecid", 7.0).with("hasVideo", false).with("hasAudio", true);
        let read = metadata(&["onMetaData".into(), object.into()]);
        assert_eq!((read.video, read.audio), (false, true));
        assert_eq!(metadata(&["onMetaData".into(), Value::Null]), Metadata::default());
    }

    #[test]
    fn other_messages_go_on_without_the_instruction() {
        let text = message(&["onTextData".into(), Value::Null]);
        let wrapped = message(&["@setDataFrame".into(), "onTextData".into(), Value::Null]);
        assert_eq!(read(&text), Ok(Script::Other(text.clone())));
        assert_eq!(read(&wrapped), Ok(Script::Other(text)));
        assert_eq!(read(&message(&[1.0.into()])), Err(Why::Script));
        assert_eq!(read(&Bytes::from_static(&[2, 0, 9, 1])), Err(Why::Script));
    }

    #[test]
    fn colour_gives_the_range_and_takes_it_back() {
        let info = |transfer: f64| {
            let config = Object::new().with("bitDepth", 10.0).with("transferCharacteristics", transfer);
            message(&["colorInfo".into(), Object::new().with("colorConfig", config).into()])
        };
        assert_eq!(read_colour(&info(16.0)), Ok(Some(VideoRange::Pq)));
        assert_eq!(read_colour(&info(18.0)), Ok(Some(VideoRange::Hlg)));
        assert_eq!(read_colour(&info(1.0)), Ok(Some(VideoRange::Sdr)));
        assert_eq!(read_colour(&message(&["colorInfo".into(), Value::Undefined])), Ok(None));
        assert_eq!(read_colour(&message(&["colorInfo".into(), Object::new().into()])), Ok(None));
        assert_eq!(read_colour(&message(&["colorInfo".into()])), Err(Why::Script));
    }
}
