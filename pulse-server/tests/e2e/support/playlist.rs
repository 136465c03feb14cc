//! Playlists as an independent reader sees them: `m3u8-rs` for the multivariant one, `quick-m3u8` for media playlists.

use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::tag::{KnownTag, hls::Tag};
use quick_m3u8::{HlsLine, Reader};

/// A multivariant playlist of one variant.
#[derive(Debug)]
pub(crate) struct Multivariant {
    pub(crate) variant_uri: String,
    pub(crate) codecs: String,
    pub(crate) resolution: Option<(u64, u64)>,
    pub(crate) frame_rate: Option<f64>,
    pub(crate) bandwidth: u64,
    pub(crate) average_bandwidth: Option<u64>,
    /// Audio renditions with a playlist of their own: name and URI.
    pub(crate) audio: Vec<(String, String)>,
}

/// Reads a multivariant playlist; the error is a sentence.
pub(crate) fn multivariant(text: &str) -> Result<Multivariant, String> {
    let (_, playlist) =
        m3u8_rs::parse_master_playlist(text.as_bytes()).map_err(|error| format!("{error} in {text}"))?;
    let [variant] = playlist.variants.as_slice() else {
        return Err(format!("{} variants in {text}", playlist.variants.len()));
    };
    Ok(Multivariant {
        variant_uri: variant.uri.clone(),
        codecs: variant.codecs.clone().unwrap_or_default(),
        resolution: variant.resolution.map(|size| (size.width, size.height)),
        frame_rate: variant.frame_rate,
        bandwidth: variant.bandwidth,
        average_bandwidth: variant.average_bandwidth,
        audio: playlist
            .alternatives
            .iter()
            .filter(|media| media.media_type == m3u8_rs::AlternativeMediaType::Audio)
            .filter_map(|media| Some((media.name.clone(), media.uri.clone()?)))
            .collect(),
    })
}

/// A media playlist.
#[derive(Debug, Default, Clone)]
pub(crate) struct Media {
    pub(crate) target_duration: u64,
    pub(crate) part_target: Option<f64>,
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) can_block_reload: bool,
    pub(crate) can_skip_until: Option<f64>,
    pub(crate) part_hold_back: Option<f64>,
    pub(crate) skipped: u64,
    /// Finished segments, from `media_sequence + skipped` on.
    pub(crate) segments: Vec<Segment>,
    /// The segment that is being written; `duration` is the sum of its parts.
    pub(crate) open: Option<Segment>,
    pub(crate) ended: bool,
}

/// A segment, finished or open.
#[derive(Debug, Default, Clone)]
pub(crate) struct Segment {
    pub(crate) msn: u64,
    pub(crate) uri: String,
    pub(crate) duration: f64,
    pub(crate) gap: bool,
    pub(crate) discontinuity: bool,
    /// EXT-X-MAP, where the playlist repeats it before this segment.
    pub(crate) map: Option<String>,
    /// EXT-X-PROGRAM-DATE-TIME in seconds of Unix time.
    pub(crate) program_date_time: Option<f64>,
    pub(crate) parts: Vec<Part>,
}

/// A partial segment.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) uri: String,
    pub(crate) duration: f64,
    pub(crate) independent: bool,
    pub(crate) gap: bool,
}

/// Reads a media playlist; the error is a sentence.
pub(crate) fn media(text: &str) -> Result<Media, String> {
    let options = ParsingOptionsBuilder::new().with_parsing_for_all_tags().build();
    let mut reader = Reader::from_str(text, options);
    let mut playlist = Media::default();
    let mut next = Segment::default();
    let mut begun = false;
    while let Some(line) = reader.read_line().map_err(|error| format!("{error} in {text}"))? {
        match line {
            HlsLine::KnownTag(KnownTag::Hls(tag)) => {
                begun |= playlist.header(&tag) || next.tag(&tag);
            }
            HlsLine::Uri(uri) => {
                next.uri = uri.into_owned();
                playlist.segments.push(std::mem::take(&mut next));
            }
            HlsLine::UnknownTag(tag) => return Err(format!("unknown tag {tag:?} in {text}")),
            HlsLine::KnownTag(_) | HlsLine::Comment(_) | HlsLine::Blank => {}
        }
    }
    if !begun {
        return Err(format!("no playlist: {text}"));
    }
    playlist.open = (!next.parts.is_empty()).then_some(next);
    playlist.number();
    Ok(playlist)
}

impl Media {
    /// Takes a tag that concerns the playlist as a whole.
    fn header(&mut self, tag: &Tag<'_>) -> bool {
        match tag {
            Tag::Targetduration(tag) => self.target_duration = tag.target_duration(),
            Tag::PartInf(tag) => self.part_target = Some(tag.part_target()),
            Tag::MediaSequence(tag) => self.media_sequence = tag.media_sequence(),
            Tag::DiscontinuitySequence(tag) => self.discontinuity_sequence = tag.discontinuity_sequence(),
            Tag::ServerControl(tag) => {
                self.can_block_reload = tag.can_block_reload();
                self.can_skip_until = tag.can_skip_until();
                self.part_hold_back = tag.part_hold_back();
            }
            Tag::Skip(tag) => self.skipped = tag.skipped_segments(),
            Tag::Endlist(_) => self.ended = true,
            _ => return false,
        }
        true
    }

    /// Numbers the segments once the header is known.
    fn number(&mut self) {
        let first = self.media_sequence + self.skipped;
        for (msn, segment) in (first..).zip(self.segments.iter_mut().chain(self.open.as_mut())) {
            segment.msn = msn;
        }
        if let Some(open) = &mut self.open {
            open.duration = open.parts.iter().map(|part| part.duration).sum();
        }
    }

    /// Finished segments and the open one.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.segments.iter().chain(&self.open)
    }

    /// The number of the segment after the last finished one.
    pub(crate) fn edge_msn(&self) -> u64 {
        self.media_sequence + self.skipped + u64::try_from(self.segments.len()).expect("a playlist is short")
    }

    /// Seconds of finished segments that hold media.
    pub(crate) fn playable_seconds(&self) -> f64 {
        self.segments.iter().filter(|segment| !segment.gap).map(|segment| segment.duration).sum()
    }
}

impl Segment {
    /// Takes a tag that concerns the segment to come.
    fn tag(&mut self, tag: &Tag<'_>) -> bool {
        match tag {
            Tag::Inf(tag) => self.duration = tag.duration(),
            Tag::Gap(_) => self.gap = true,
            Tag::Discontinuity(_) => self.discontinuity = true,
            Tag::Map(tag) => self.map = Some(tag.uri().to_owned()),
            Tag::ProgramDateTime(tag) => self.program_date_time = Some(unix_seconds(tag.program_date_time())),
            Tag::Part(tag) => self.parts.push(Part {
                uri: tag.uri().to_owned(),
                duration: tag.duration(),
                independent: tag.independent(),
                gap: tag.gap(),
            }),
            _ => return false,
        }
        true
    }
}

/// Days by the proleptic Gregorian calendar, counted from 1970.
fn unix_seconds(time: quick_m3u8::date::DateTime) -> f64 {
    let (month, day) = (i64::from(time.date_month), i64::from(time.date_mday));
    let year = i64::from(time.date_fullyear) - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    let offset_minutes =
        i64::from(time.timezone_offset.time_hour) * 60 + i64::from(time.timezone_offset.time_minute);
    let minutes = (days * 24 + i64::from(time.time_hour)) * 60 + i64::from(time.time_minute) - offset_minutes;
    #[expect(clippy::cast_precision_loss, reason = "minutes since 1970 are far below 2^52")]
    let seconds = (minutes * 60) as f64;
    seconds + time.time_second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playlist_with_an_open_segment_is_read() {
        let playlist = media(
            "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n#EXT-X-PART-INF:PART-TARGET=0.201\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.603,CAN-SKIP-UNTIL=24.0\n\
             #EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-03-01T00:00:01.500Z\n#EXT-X-DISCONTINUITY\n#EXTINF:2.0,\ns10.m4s\n\
             #EXT-X-PART:DURATION=0.2,URI=\"s11.0.m4s\",INDEPENDENT=YES\n\
             #EXT-X-PART:DURATION=0.2,URI=\"s11.1.m4s\",GAP=YES\n",
        )
        .unwrap();
        assert_eq!((playlist.target_duration, playlist.edge_msn()), (4, 11));
        let [segment] = playlist.segments.as_slice() else { panic!("{playlist:?}") };
        assert_eq!((segment.msn, segment.discontinuity, segment.gap), (10, true, false));
        assert_eq!(segment.program_date_time, Some(1_772_323_201.5));
        let open = playlist.open.unwrap();
        assert_eq!(open.msn, 11);
        assert!(open.parts[0].independent && !open.parts[0].gap);
        assert!(!open.parts[1].independent && open.parts[1].gap);
    }
}
