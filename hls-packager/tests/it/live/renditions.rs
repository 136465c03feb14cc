//! Whether the renditions of a stream fit together.

use std::collections::BTreeMap;

use hls_packager::RenditionId;

use super::playlist::Playlist;

/// Renditions agree: the same sequences mean the same time, and reports say what the others' playlists say.
pub(crate) fn agree(playlists: &BTreeMap<RenditionId, Playlist>, apart_ms: i64) {
    let Some((main, first)) =
        playlists.iter().find(|(id, _)| **id == RenditionId::Video).or(playlists.first_key_value())
    else {
        return;
    };
    for (id, other) in playlists.iter().filter(|(id, _)| *id != main) {
        assert_eq!(first.target_duration, other.target_duration);
        assert_eq!(first.part_target, other.part_target);
        assert_eq!(first.server_control, other.server_control);
        for segment in &other.segments {
            let Some(same) = first.segments.iter().find(|same| same.sequence == segment.sequence) else {
                continue;
            };
            assert_eq!(
                same.discontinuity_sequence, segment.discontinuity_sequence,
                "{id}: {segment:?}\n{same:?}"
            );
            assert_eq!(same.discontinuity, segment.discontinuity, "{id}: {segment:?}");
            let apart = (same.date.unwrap() - segment.date.unwrap()).abs();
            assert!(apart <= apart_ms, "{id}: segment {} begins {apart} ms apart", segment.sequence);
        }
        if first.part_target.is_some() && !first.ended {
            let report =
                first.reports.iter().find(|report| report["URI"] == format!("../{id}/index.m3u8")).unwrap();
            let (sequence, parts) = match &other.open {
                Some(open) => (open.sequence, open.parts.len()),
                None => (other.last_sequence().unwrap(), other.segments.last().unwrap().parts.len()),
            };
            assert_eq!(report["LAST-MSN"], sequence.to_string());
            assert_eq!(report.get("LAST-PART").cloned(), parts.checked_sub(1).map(|last| last.to_string()));
        }
    }
}
