//! Which tracks are packaged, and as what.

use media_core::{Codec, Track, TrackKind};

use super::cadence::frame_duration;
use super::feed::interval;
use crate::container::Container;
use crate::health::Health;
use crate::rendition::RenditionId;

/// The most audio tracks that are packaged. Each has a window of its own.
pub const MAX_AUDIO_TRACKS: usize = 8;

/// The frame rate that is assumed where nothing tells.
const ASSUMED_RATE: f64 = 30.0;

/// Whether `track` can be packaged beside `packaged`; otherwise, what to tell the broadcaster.
pub(super) fn admissible(track: &Track, packaged: &[Track], container: Container) -> Result<(), Health> {
    if !container.carries(track.codec) {
        return Err(Health::CodecNotPackaged { track: track.id, codec: track.codec, container });
    }
    let of_kind = packaged.iter().filter(|other| other.kind() == track.kind()).count();
    match track.kind() {
        TrackKind::Video if of_kind > 0 => Err(Health::ExtraVideo { track: track.id }),
        TrackKind::Audio if of_kind >= MAX_AUDIO_TRACKS => Err(Health::TrackRefused {
            track: track.id,
            why: format!("at most {MAX_AUDIO_TRACKS} audio tracks are packaged"),
        }),
        _ => check(track, container).map_err(|why| Health::TrackRefused { track: track.id, why }),
    }
}

/// Whether the muxer takes the track's configuration. Codecs that describe themselves in each frame pass.
fn check(track: &Track, container: Container) -> Result<(), String> {
    let refusal = match container {
        _ if matches!(track.codec, Codec::Mp3 | Codec::Ac3 | Codec::Eac3) => None,
        Container::Cmaf => crate::cmaf::init_segment(track, &[]).err(),
        Container::MpegTs => crate::ts::Muxer::new(std::slice::from_ref(track)).err(),
    };
    refusal.map_or(Ok(()), |error| Err(error.to_string()))
}

/// The rendition that `track` is in.
pub(super) fn id_of(track: &Track, container: Container) -> RenditionId {
    match (container, track.kind()) {
        (Container::MpegTs, _) => RenditionId::Muxed,
        (Container::Cmaf, TrackKind::Video) => RenditionId::Video,
        (Container::Cmaf, _) => RenditionId::Audio(track.id.index()),
    }
}

/// The frame rate in a track's header.
pub(super) fn said_rate(track: &Track) -> Option<f64> {
    track.video()?.frame_rate.map(media_core::track::FrameRate::as_f64)
}

/// How long a frame of `track` nominally lasts, in its ticks; `rate` is the frame rate of video.
pub(super) fn nominal_interval(track: &Track, rate: Option<f64>) -> i64 {
    if track.kind() == TrackKind::Audio {
        let usual = match track.codec {
            Codec::Opus => i64::from(track.timescale.hz()) / 50,
            Codec::Mp3 => 1_152,
            Codec::Ac3 | Codec::Eac3 => 1_536,
            Codec::Flac => 4_096,
            _ => 1_024,
        };
        return interval(track, &[]).unwrap_or(usual);
    }
    let rate = rate.or(said_rate(track)).unwrap_or(ASSUMED_RATE);
    let ticks = frame_duration(rate).as_nanos() * u128::from(track.timescale.hz());
    i64::try_from((ticks + 500_000_000) / 1_000_000_000).unwrap_or(i64::MAX)
}

/// The tracks of a life, for its journal: `video:h264 audio0:aac`.
pub(super) fn fingerprint(tracks: &[Track], container: Container) -> String {
    let of = |track: &Track| format!("{}:{}", id_of(track, container), track.codec.name());
    tracks.iter().map(of).collect::<Vec<_>>().join(" ")
}
