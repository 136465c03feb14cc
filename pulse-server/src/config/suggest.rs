//! "Did you mean": the known name nearest to a mistyped one.

/// The candidate within a third of the name's length in edits (at least 1, at most 3), if any.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (name.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words over characters: insert, delete, replace, or swap two neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, x) in a.chars().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&last, j) + usize::from(x != *y);
            let inserted = at(&row, j) + 1;
            let deleted = at(&last, j + 1) + 1;
            let neighbours = j.checked_sub(1).filter(|k| b.get(*k) == Some(&x) && previous == Some(*y));
            let swapped = neighbours.map_or(usize::MAX, |k| at(&before_last, k) + 1);
            row.push(replaced.min(inserted).min(deleted).min(swapped));
        }
        previous = Some(x);
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_edits_and_swaps() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("part_ms", "part_ms"), 0);
        assert_eq!(distance("hsl", "hls"), 1);
        assert_eq!(distance("lisetn", "listen"), 1);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("ca", "abc"), 3);
    }

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["part_ms", "window_s", "container"];
        assert_eq!(nearest("partms", names), Some("part_ms"));
        assert_eq!(nearest("windows", names), Some("window_s"));
        assert_eq!(nearest("contianer", names), Some("container"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("x", names), None);
    }
}
