//! A virtual encoder: frames at the times at which a real one sends them, on RTMP's millisecond clock after repair.

use std::time::Duration;

use bytes::Bytes;
use media_core::track::FrameRate;
use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackId};

use crate::fixture::{self, AAC_LC, AVCC};

/// What it sends of video.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    pub(crate) rate: (u32, u32),
    /// Frames from key frame to key frame.
    pub(crate) gop: u64,
    /// Whether the header says the rate.
    pub(crate) header_rate: bool,
    /// Composition offset of key frames, in frames: B-frames between.
    pub(crate) reorder: u64,
}

/// What it sends of audio.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sound {
    pub(crate) rate: u32,
    pub(crate) samples: u32,
    /// How much later (or, negative, earlier) than pictures of the same time it is sent, in milliseconds.
    pub(crate) late_ms: i64,
    /// When it begins.
    pub(crate) from: Duration,
}

/// An encoder with at most one video track and any number of audio tracks.
#[derive(Clone, Debug)]
pub(crate) struct Encoder {
    pub(crate) picture: Option<Picture>,
    pub(crate) sounds: Vec<Sound>,
    /// The largest delay of a frame on its way, in milliseconds.
    pub(crate) jitter_ms: u64,
    /// Whether timestamps are rounded to milliseconds, as RTMP's are.
    pub(crate) rounds: bool,
    /// Times are from here, in seconds.
    pub(crate) epoch_s: i64,
    /// Bytes of a key frame; others have a tenth.
    pub(crate) key_bytes: usize,
}

/// A frame on its way.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// When it arrives, since the encoder began.
    pub(crate) at: Duration,
    pub(crate) frame: Frame,
}

pub(crate) const PICTURE_30: Picture = Picture { rate: (30, 1), gop: 60, header_rate: true, reorder: 0 };
pub(crate) const AAC_48K: Sound = Sound { rate: 48_000, samples: 1_024, late_ms: 0, from: Duration::ZERO };

impl Encoder {
    pub(crate) fn of(picture: Option<Picture>, sounds: &[Sound]) -> Self {
        Self { picture, sounds: sounds.to_vec(), jitter_ms: 0, rounds: true, epoch_s: 0, key_bytes: 2_000 }
    }

    /// 30 frames a second, a key frame every 2 s, AAC at 48 kHz.
    pub(crate) fn usual() -> Self {
        Self::of(Some(PICTURE_30), &[AAC_48K])
    }

    pub(crate) fn tracks(&self) -> Vec<Track> {
        let mut tracks = Vec::new();
        if let Some(picture) = self.picture {
            tracks.push(video_track(picture));
        }
        for (index, sound) in self.sounds.iter().enumerate() {
            tracks.push(audio_track(index as u8, sound));
        }
        tracks
    }

    /// What it sends in `span`, in the order of arrival.
    pub(crate) fn send(&self, span: Duration) -> Vec<Sent> {
        let mut sent = Vec::new();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        if let Some(picture) = self.picture {
            self.send_picture(picture, span, &mut random, &mut sent);
        }
        for (index, sound) in self.sounds.iter().enumerate() {
            self.send_sound(index as u8, sound, span, &mut random, &mut sent);
        }
        sent.sort_by_key(|sent| sent.at);
        self.in_order(sent)
    }

    /// One connection: nothing overtakes anything of its track.
    fn in_order(&self, mut sent: Vec<Sent>) -> Vec<Sent> {
        let mut by_track: std::collections::HashMap<TrackId, Vec<Frame>> = Default::default();
        for one in &sent {
            by_track.entry(one.frame.track).or_default().push(one.frame.clone());
        }
        for frames in by_track.values_mut() {
            frames.sort_by_key(|frame| std::cmp::Reverse(frame.dts));
        }
        for one in &mut sent {
            one.frame = by_track.get_mut(&one.frame.track).unwrap().pop().unwrap();
        }
        sent
    }

    fn send_picture(&self, picture: Picture, span: Duration, random: &mut u64, sent: &mut Vec<Sent>) {
        let (num, den) = picture.rate;
        let ticks = |frame: u64| (frame * 90_000 * u64::from(den) / u64::from(num)) as i64;
        let round = |ticks: i64| if self.rounds { ticks / 90 * 90 } else { ticks };
        let epoch = self.epoch_s * 90_000;
        for frame in 0.. {
            let at = Duration::from_secs_f64(frame as f64 * f64::from(den) / f64::from(num));
            if at >= span {
                break;
            }
            let keyframe = frame % picture.gop == 0;
            let shown = match (picture.reorder, keyframe) {
                (0, _) => frame,
                (reorder, true) => frame + reorder,
                // A P-frame, then its B-frames.
                (reorder, false) if frame % (reorder + 1) == 1 => frame + 2 * reorder,
                (reorder, false) => frame + reorder - 1,
            };
            let dts = epoch + round(ticks(frame));
            let pts = epoch + round(ticks(shown)).max(round(ticks(frame)));
            let bytes = if keyframe { self.key_bytes } else { self.key_bytes / 10 };
            let mut data = vec![(frame & 0xff) as u8; bytes.max(5)];
            data[..4].copy_from_slice(&(bytes.max(5) as u32 - 4).to_be_bytes());
            data[4] = if keyframe { 0x65 } else { 0x41 };
            sent.push(Sent {
                at: at + self.delay(random),
                frame: Frame {
                    track: TrackId::video(0),
                    dts: Timestamp(dts),
                    pts: Timestamp(pts),
                    keyframe,
                    data: Bytes::from(data),
                },
            });
        }
    }

    fn send_sound(&self, index: u8, sound: &Sound, span: Duration, random: &mut u64, sent: &mut Vec<Sent>) {
        for frame in 0.. {
            let samples = frame * i64::from(sound.samples);
            // A frame is sent when its last sample has been recorded.
            let recorded = (frame + 1) * i64::from(sound.samples) * 1_000_000 / i64::from(sound.rate);
            let time = Duration::from_micros((samples * 1_000_000 / i64::from(sound.rate)) as u64);
            if time >= span {
                break;
            }
            if time < sound.from {
                continue;
            }
            let at = Duration::from_micros((recorded + sound.late_ms * 1_000).max(0) as u64);
            let dts = Timestamp(samples + self.epoch_s * i64::from(sound.rate));
            sent.push(Sent {
                at: at + self.delay(random),
                frame: Frame {
                    track: TrackId::audio(index),
                    dts,
                    pts: dts,
                    keyframe: true,
                    data: Bytes::from(vec![first_byte(sound.samples); 300]),
                },
            });
        }
    }

    fn delay(&self, random: &mut u64) -> Duration {
        if self.jitter_ms == 0 {
            return Duration::ZERO;
        }
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((*random >> 33) % (self.jitter_ms + 1))
    }
}

pub(crate) fn video_track(picture: Picture) -> Track {
    let mut track = fixture::video(Codec::H264, AVCC, 1280, 720);
    track.rfc6381 = "avc1.42c01e".into();
    if let media_core::track::Params::Video(video) = &mut track.params
        && picture.header_rate
    {
        video.frame_rate = Some(FrameRate { num: picture.rate.0, den: picture.rate.1 });
    }
    track
}

pub(crate) fn audio_track(index: u8, sound: &Sound) -> Track {
    let (codec, config): (Codec, Bytes) = match (sound.samples, sound.rate) {
        (1_024, 48_000) => (Codec::Aac, AAC_LC.into()),
        (1_024, 44_100) => (Codec::Aac, Bytes::from_static(&[0x12, 0x10])),
        _ => (Codec::Opus, opus_head()),
    };
    let mut track = fixture::audio(codec, config, sound.rate, 2);
    track.id = TrackId::audio(index);
    track.timescale = Timescale::new(sound.rate).unwrap();
    track.rfc6381 = if codec == Codec::Opus { "Opus".into() } else { "mp4a.40.2".into() };
    track
}

/// Opus says in the first byte how long a frame is (RFC 6716 §3.1): 10, 20 and 60 ms. Anything will do for AAC.
fn first_byte(samples: u32) -> u8 {
    match samples {
        480 => 0x00,
        2_880 => 0x18,
        _ => 0x08,
    }
}

fn opus_head() -> Bytes {
    let mut head = b"OpusHead".to_vec();
    head.extend([1, 2, 0x38, 0x01, 0x80, 0xbb, 0, 0, 0, 0, 0]);
    head.into()
}
