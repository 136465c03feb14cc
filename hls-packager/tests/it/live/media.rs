//! Whether the media in parts is what their playlist says of it.

use std::collections::BTreeMap;

use hls_packager::{Part, Rendition, RenditionId, Settled};

use super::boxes::{Fragment, fragments};

/// Follows all renditions' media through a life.
#[derive(Default)]
pub(crate) struct Media {
    clocks: BTreeMap<RenditionId, u32>,
    standings: BTreeMap<RenditionId, Standing>,
}

/// Where a rendition's media stands.
#[derive(Default)]
struct Standing {
    end: Option<u64>,
    sequence: Option<u32>,
    after_gap: bool,
    media_sequence: u64,
}

impl Media {
    pub(crate) fn of(settled: &Settled) -> Self {
        let mut media = Self::default();
        settled.renditions.iter().for_each(|rendition| media.knows(rendition));
        media
    }

    /// A rendition was added, or changed.
    pub(crate) fn knows(&mut self, rendition: &Rendition) {
        self.clocks.insert(rendition.id, rendition.tracks[0].timescale.hz());
    }

    /// Decode times and durations of CMAF parts agree with the playlist and with each other.
    pub(crate) fn check(&mut self, part: &Part) {
        let media = self.standings.entry(part.rendition).or_default();
        let Some(data) = part.data.as_ref().filter(|_| part.rendition != RenditionId::Muxed) else {
            media.after_gap = true;
            return;
        };
        let [fragment] = <[Fragment; 1]>::try_from(fragments(data)).unwrap();
        let hz = self.clocks[&part.rendition];
        let lasts = (fragment.end() - fragment.decode_time) as f64 / f64::from(hz);
        let said = part.duration.as_secs_f64();
        let discontinuity = part.head.discontinuity && part.index == 0;
        let seam = media.end.filter(|_| !media.after_gap && !discontinuity);
        match (part.rendition, seam) {
            (RenditionId::Video, Some(end)) => {
                assert_eq!(fragment.decode_time, end, "decode times go on without a step: {part:?}");
            }
            (_, Some(end)) => assert!(fragment.decode_time >= end, "decode times go back: {part:?}"),
            (..) => {}
        }
        let hole = seam.map_or(0.0, |end| (fragment.decode_time as f64 - end as f64) / f64::from(hz));
        if seam.is_some() {
            assert!((lasts + hole - said).abs() < 0.000_05, "{lasts} and not {said}: {part:?}");
        }
        assert_eq!(part.independent, fragment.samples.iter().any(|sample| sample.sync));
        assert!(media.sequence.is_none_or(|before| fragment.sequence > before));
        assert!(part.head.media_sequence >= media.media_sequence);
        *media = Standing {
            end: Some(fragment.end()),
            sequence: Some(fragment.sequence),
            after_gap: false,
            media_sequence: part.head.media_sequence,
        };
    }
}
