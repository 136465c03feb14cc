//! Names that people give: how they are written down, and what they are compared by.

mod upgrade;

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

pub(crate) use upgrade::{VERSION, bring_up};

/// Asks for the coloured form of the character before it.
const EMOJI_STYLE: char = '\u{FE0F}';
/// Joins emoji into one, and letters of some scripts; or keeps these apart, as Persian is written.
const JOINERS: [char; 2] = ['\u{200D}', '\u{200C}'];

/// A name as it is written down: in Unicode's Normalization Form C, without blanks around it, and with one blank for a run of them.
pub(crate) fn normal(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    composed(&text).into_owned()
}

/// What names are compared by: without regard to case (Unicode's full case folding), to how letters are composed, and to what is not seen.
pub(crate) fn name_key(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let composed = composed(name);
    let folded = CaseMapper::new().fold_string(&composed);
    let seen: String = folded.chars().filter(|one| !is_ignorable(*one)).collect();
    self::composed(&seen).into_owned()
}

/// What names that somebody searches for begin with.
pub(crate) fn search_key(text: &str) -> String {
    name_key(&normal(text))
}

/// Whether all of a name is seen, but for what makes an emoji of several characters, or joins and parts letters. A name with anything else
/// that is not seen, or turns the text around it, could pass for another.
pub(crate) fn is_seen(name: &str) -> bool {
    let mut before = None;
    let mut rest = name.chars().peekable();
    while let Some(one) = rest.next() {
        let seen = match one {
            EMOJI_STYLE => before.is_some_and(is_visible),
            one if JOINERS.contains(&one) => {
                before.is_some_and(|before| is_visible(before) || before == EMOJI_STYLE)
                    && rest.peek().copied().is_some_and(is_visible)
            }
            one => one == ' ' || is_visible(one),
        };
        if !seen {
            return false;
        }
        before = Some(one);
    }
    true
}

fn is_visible(one: char) -> bool {
    !one.is_whitespace() && !one.is_control() && !is_ignorable(one)
}

/// Unicode's Default_Ignorable_Code_Point.
fn is_ignorable(one: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(one)
}

fn composed(text: &str) -> Cow<'_, str> {
    ComposingNormalizer::new_nfc().normalize(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_compared_alike() {
        for (one, other) in [
            ("Caf\u{E9}", "cafe\u{301}"),
            ("STRASSE", "Stra\u{DF}e"),
            ("ΟΔΟΣ", "οδος"),
            ("\u{1F469}\u{200D}\u{1F467}", "\u{1F469}\u{1F467}"),
            ("\u{2764}\u{FE0F}", "\u{2764}"),
            ("Town  Hall", "town hall"),
        ] {
            assert_eq!(search_key(one), search_key(other), "{one} {other}");
        }
        assert_ne!(name_key("a"), name_key("\u{E4}"));
        // In the middle of a word the letter is another, unless case is folded.
        assert!(name_key("ΟΔΟΣΑ").starts_with(&search_key("ΟΔΟΣ")));
    }

    #[test]
    fn a_name_is_kept_composed_and_compared_the_same_once_more() {
        assert_eq!(normal("  cafe\u{301} \u{2003} noir "), "caf\u{E9} noir");
        for name in ["Caf\u{E9}", "Stra\u{DF}e", "\u{130}zmir", "\u{390}", "\u{1F469}\u{200D}\u{1F467}", "ﬁn"]
        {
            assert_eq!(name_key(&name_key(name)), name_key(name), "{name}");
        }
    }

    #[test]
    fn what_is_not_seen_is_refused_but_within_emoji_and_words() {
        for hidden in [
            "a\u{AD}b",
            "a\u{34F}b",
            "a\u{200B}b",
            "a\u{202E}b",
            "a\u{180E}b",
            "\u{3164}",
            "a\u{E0041}",
            "a\u{0}b",
            "a\u{FEFF}",
            "\u{FE0F}",
            "a \u{FE0F}",
            "\u{200D}a",
            "a\u{200D}",
            "a\u{200D}\u{200D}b",
            "a\u{2066}b",
            "a\u{200D} b",
            "a\u{FE0F}\u{FE0F}",
        ] {
            assert!(!is_seen(hidden), "{hidden:?}");
        }
        for seen in [
            "Town hall",
            "\u{1F469}\u{200D}\u{2764}\u{FE0F}\u{200D}\u{1F468}",
            "1\u{FE0F}\u{20E3}",
            "\u{645}\u{6CC}\u{200C}\u{62E}\u{648}\u{627}\u{647}\u{645}",
        ] {
            assert!(is_seen(seen), "{seen:?}");
        }
    }
}
