//! `Range: bytes=…` (RFC 9110 §14): one range; several are answered whole, as the RFC allows.

/// What a request asks of a body of known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: no usable Range header.
    Whole,
    /// `len` bytes from `start`; answered 206.
    Part {
        /// First byte.
        start: usize,
        /// Number of bytes, at least 1.
        len: usize,
    },
    /// A range outside the body; answered 416.
    Unsatisfiable,
}

/// Reads a Range header's value against a body of `total` bytes.
pub(super) fn wanted(header: Option<&str>, total: usize) -> Wanted {
    let Some(spec) = header.and_then(|value| value.trim().strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    if spec.contains(',') {
        return Wanted::Whole;
    }
    let Some((first, last)) = spec.split_once('-') else {
        return Wanted::Whole;
    };
    match (number(first), number(last)) {
        (Number::Is(start), Number::Absent) => from_to(start, usize::MAX, total),
        (Number::Is(start), Number::Is(end)) if start <= end => from_to(start, end, total),
        (Number::Absent, Number::Is(0)) => Wanted::Unsatisfiable,
        (Number::Absent, Number::Is(suffix)) => from_to(total.saturating_sub(suffix), usize::MAX, total),
        _ => Wanted::Whole,
    }
}

enum Number {
    Absent,
    Is(usize),
    Malformed,
}

fn number(text: &str) -> Number {
    let text = text.trim();
    if text.is_empty() {
        return Number::Absent;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Number::Malformed;
    }
    // Digits beyond usize mean "past any body".
    Number::Is(text.parse().unwrap_or(usize::MAX))
}

fn from_to(start: usize, end: usize, total: usize) -> Wanted {
    if start >= total {
        return Wanted::Unsatisfiable;
    }
    Wanted::Part { start, len: end.min(total - 1) - start + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_40_ranges() {
        let part = |start, len| Wanted::Part { start, len };
        for (header, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-5", part(2, 4)),
            ("bytes=5-", part(5, 5)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-30", part(0, 10)),
            ("bytes=4-99999999999999999999", part(4, 6)),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=0-1,4-5", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(header), 10), expected, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
    }
}
