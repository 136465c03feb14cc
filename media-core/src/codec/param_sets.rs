//! Lists of parameter sets, each known by its id.

/// How many parameter sets of one access unit are looked at; more than a stream can have in force (HEVC's 16 VPS, 16 SPS and 64 PPS).
/// Bounds the work that one hostile access unit causes.
pub(crate) const MAX_PER_ACCESS_UNIT: usize = 128;

/// Puts `unit` into `list` where it differs from what is there; whether it did.
///
/// `fresh` counts the sets at the front that the same access unit brought. Among them the unit takes the place of the set of its id;
/// otherwise it comes behind them, and the older set of its id goes. A list whose sets all count as fresh keeps its order. A unit
/// without a readable id is not taken, nor one of a new id where the list has `most`. Zero bytes at the end belong to the byte stream and not to the set: encoders repeat a set in band with more or
/// fewer of them than in their sequence header.
pub(crate) fn replace<'a>(
    list: &mut Vec<&'a [u8]>,
    unit: &'a [u8],
    id_of: impl Fn(&[u8]) -> Option<u32>,
    fresh: &mut usize,
    most: usize,
) -> bool {
    let unit = trimmed(unit);
    if list.iter().any(|old| trimmed(old) == unit) {
        return false;
    }
    let Some(id) = id_of(unit) else { return false };
    if let Some(old) = list.iter_mut().take(*fresh).find(|old| id_of(old) == Some(id)) {
        *old = unit;
        return true;
    }
    list.retain(|old| id_of(old) != Some(id));
    if list.len() >= most {
        return false;
    }
    list.insert((*fresh).min(list.len()), unit);
    *fresh += 1;
    true
}

/// Whether two lists hold the same sets, in whatever order.
pub(crate) fn same(a: &[&[u8]], b: &[&[u8]]) -> bool {
    let sorted = |list: &[&[u8]]| {
        let mut sets: Vec<Vec<u8>> = list.iter().map(|unit| trimmed(unit).to_vec()).collect();
        sets.sort();
        sets
    };
    sorted(a) == sorted(b)
}

fn trimmed(unit: &[u8]) -> &[u8] {
    let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    unit.get(..end).unwrap_or(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(unit: &[u8]) -> Option<u32> {
        unit.first().map(|id| u32::from(*id))
    }

    #[test]
    fn a_set_takes_the_place_of_its_id() {
        let mut list: Vec<&[u8]> = vec![&[0, 1], &[1, 1], &[2, 1]];
        assert!(!replace(&mut list, &[1, 1], id, &mut 3, 9));
        assert!(replace(&mut list, &[1, 2], id, &mut 3, 9));
        assert!(replace(&mut list, &[3, 1], id, &mut 3, 9));
        assert_eq!(list, [&[0, 1][..], &[1, 2], &[2, 1], &[3, 1]]);
    }

    #[test]
    fn zeros_behind_a_set_are_not_a_change() {
        let mut list: Vec<&[u8]> = vec![&[1, 1]];
        assert!(!replace(&mut list, &[1, 1, 0, 0], id, &mut 0, 9));
        assert!(replace(&mut list, &[1, 2, 0], id, &mut 0, 9));
        assert_eq!(list, [&[1, 2][..]]);
        assert!(!replace(&mut list, &[1, 2], id, &mut 0, 9));
    }

    #[test]
    fn sets_of_one_id_in_an_access_unit_come_to_the_same_each_time() {
        let mut list: Vec<&[u8]> = vec![&[9, 9]];
        let unit: [&[u8]; 3] = [&[1, 1], &[2, 1], &[1, 2]];
        let pass = |list: &mut Vec<&'static [u8]>| {
            let mut fresh = 0;
            unit.iter().for_each(|set| _ = replace(list, set, id, &mut fresh, 9));
        };
        pass(&mut list);
        let first = list.clone();
        assert_eq!(first, [&[1, 2][..], &[2, 1], &[9, 9]]);
        pass(&mut list);
        assert_eq!(list, first);
    }

    #[test]
    fn a_set_in_force_moves_to_the_front() {
        let mut list: Vec<&[u8]> = vec![&[0, 1], &[1, 1]];
        assert!(replace(&mut list, &[1, 2], id, &mut 0, 9));
        assert_eq!(list, [&[1, 2][..], &[0, 1]]);
        assert!(!replace(&mut list, &[], id, &mut 0, 9));
    }
}
