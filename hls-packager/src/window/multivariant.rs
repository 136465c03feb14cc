//! The multivariant playlist (RFC 8216bis §4.4.6): one variant, with its audio tracks as renditions where they have their own.

use std::fmt::{self, Write};
use std::time::Duration;

use media_core::track::VideoRange;
use media_core::{Track, TrackKind};

use super::shelf::Shelf;
use crate::rendition::{Rendition, RenditionId, Renditions};

const GROUP: &str = "audio";

/// EXT-X-VERSION: nothing in it needs more than the first, but for a MAP in what it refers to.
const VERSION: u32 = 6;

/// What a player can choose: a variant stream with the audio renditions that belong to it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Variant {
    /// BANDWIDTH: the peak of the variant and the heaviest of its audio renditions, in bits a second.
    pub bandwidth_bps: u64,
    /// AVERAGE-BANDWIDTH, the same of the average.
    pub average_bandwidth_bps: u64,
    /// Each rendition with its own peak and average in bits a second, the main one first.
    pub renditions: Vec<(Rendition, u64, u64)>,
}

/// What the playlist lists for who may see all of it.
pub(super) fn variant(shelves: &[Shelf]) -> Option<Variant> {
    let shelves: Vec<&Shelf> = shelves.iter().collect();
    let variant = shelves.first()?;
    let (bandwidth_bps, average_bandwidth_bps) = bit_rates(variant, &group(variant, &shelves));
    let renditions = shelves.iter().map(|shelf| {
        let (peak, average) = shelf.bit_rates();
        (shelf.rendition.clone(), peak, average)
    });
    Some(Variant { bandwidth_bps, average_bandwidth_bps, renditions: renditions.collect() })
}

/// The playlist, with children's URIs through `session`. The first shelf is the variant's, and players start `hold_back` before its
/// end. Only what is `granted` is in it; `None` when that is nothing.
pub(super) fn render(
    shelves: &[Shelf],
    hold_back: Duration,
    session: &str,
    granted: Renditions,
) -> Option<String> {
    let shelves: Vec<&Shelf> = shelves.iter().filter(|shelf| granted.contain(shelf.rendition.id)).collect();
    let variant = shelves.first()?;
    let mut out = String::with_capacity(1024);
    // Writing to a string cannot fail.
    let _ = write(variant, &shelves, hold_back, session, &mut out);
    Some(out)
}

fn write(
    variant: &Shelf,
    shelves: &[&Shelf],
    hold_back: Duration,
    session: &str,
    out: &mut String,
) -> fmt::Result {
    writeln!(out, "#EXTM3U\n#EXT-X-VERSION:{VERSION}")?;
    // A GOP longer than TARGETDURATION is cut inside. A player that joins behind such a cut finds nothing to start with (hls.js never
    // does), so it is sent back to the key frame.
    if let Some(before) = variant.start_before(hold_back) {
        writeln!(out, "#EXT-X-START:TIME-OFFSET=-{:.3}", before.as_secs_f64())?;
    }
    let group = group(variant, shelves);
    for (index, shelf) in group.iter().enumerate() {
        write_audio(index, shelf, session, out)?;
    }
    write_variant(variant, &group, session, out)
}

/// The audio renditions beside the variant. One audio track alone is the variant itself; several are a group even then, so that
/// viewers can choose.
fn group<'a>(variant: &Shelf, shelves: &[&'a Shelf]) -> Vec<&'a Shelf> {
    let is_audio = |shelf: &&Shelf| matches!(shelf.rendition.id, RenditionId::Audio(_));
    let audio: Vec<&Shelf> = shelves.iter().copied().filter(is_audio).collect();
    if is_audio(&variant) && audio.len() == 1 { Vec::new() } else { audio }
}

fn write_audio(index: usize, shelf: &Shelf, session: &str, out: &mut String) -> fmt::Result {
    // Only one is selected without a choice: nothing tells the others apart (RFC 8216bis §4.4.6.1.1).
    let selected = if index == 0 { "YES" } else { "NO" };
    write!(
        out,
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{GROUP}\",NAME=\"Audio {}\",DEFAULT={selected},AUTOSELECT={selected}",
        index + 1
    )?;
    if let Some(channels) = shelf.rendition.tracks.iter().find_map(Track::audio).map(|audio| audio.channels) {
        write!(out, ",CHANNELS=\"{channels}\"")?;
    }
    writeln!(out, ",URI=\"{session}/{}/index.m3u8\"", shelf.rendition.id)
}

fn write_variant(variant: &Shelf, group: &[&Shelf], session: &str, out: &mut String) -> fmt::Result {
    let (peak, average) = bit_rates(variant, group);
    write!(out, "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average}")?;
    write_codecs(variant, group, out)?;
    if let Some(video) = variant.rendition.tracks.iter().find_map(Track::video) {
        if video.width > 0 && video.height > 0 {
            write!(out, ",RESOLUTION={}x{}", video.width, video.height)?;
        }
        if let Some(rate) = variant.rendition.frame_rate {
            write!(out, ",FRAME-RATE={rate:.3}")?;
        }
        let range = match video.range {
            VideoRange::Sdr => "SDR",
            VideoRange::Hlg => "HLG",
            VideoRange::Pq => "PQ",
        };
        write!(out, ",VIDEO-RANGE={range}")?;
    }
    if !group.is_empty() {
        write!(out, ",AUDIO=\"{GROUP}\"")?;
    }
    writeln!(out, "\n{session}/{}/index.m3u8", variant.rendition.id)
}

/// BANDWIDTH and AVERAGE-BANDWIDTH: the variant and the heaviest of its audio renditions (RFC 8216bis §4.4.6.2). At least 1, for a stream of
/// gaps.
fn bit_rates(variant: &Shelf, group: &[&Shelf]) -> (u64, u64) {
    let (mut peak, mut average) = variant.bit_rates();
    let others = || group.iter().filter(|shelf| shelf.rendition.id != variant.rendition.id);
    if let Some(heaviest) = others().map(|shelf| shelf.bit_rates().0).max() {
        peak += heaviest;
    }
    if let Some(heaviest) = others().map(|shelf| shelf.bit_rates().1).max() {
        average += heaviest;
    }
    (peak.max(1), average.max(1))
}

/// CODECS: every format of every rendition once, video first (RFC 8216bis §6.2.4).
fn write_codecs(variant: &Shelf, group: &[&Shelf], out: &mut String) -> fmt::Result {
    let mut codecs: Vec<&str> = Vec::new();
    let tracks =
        variant.rendition.tracks.iter().chain(group.iter().flat_map(|shelf| shelf.rendition.tracks.iter()));
    let mut tracks: Vec<&Track> = tracks.filter(|track| !track.rfc6381.is_empty()).collect();
    tracks.sort_by_key(|track| track.kind() != TrackKind::Video);
    for track in tracks {
        if !codecs.contains(&&*track.rfc6381) {
            codecs.push(&track.rfc6381);
        }
    }
    write!(out, ",CODECS=\"{}\"", codecs.join(","))
}
