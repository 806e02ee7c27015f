//! Names that people choose, for themselves and for rooms.
//!
//! Others must be able to read a name, and to tell it from other names. Unicode has characters that
//! cannot be seen, turn the writing around, or look like others; its report on security (UTS 39)
//! says which ones.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::GeneralSecurityProfile;
use unicode_security::confusable_detection::skeleton;

/// How many marks may stand on one letter.
const MAX_MARKS: usize = 3;

/// A name that can be read.
pub(crate) struct Name {
    text: String,
    looks: [String; 2],
}

impl Name {
    /// Takes a name of at most `limit` characters. Spaces around it and between its words do not
    /// count. The error begins with `what` it is a name of.
    pub(crate) fn new(text: &str, limit: usize, what: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err(format!("{what} must not be empty."));
        }
        if text.chars().nth(limit).is_some() {
            return Err(format!("{what} has at most {limit} characters."));
        }
        if !text.chars().all(is_readable) || has_stray_marks(text) {
            return Err(format!("{what} may hold letters, digits, spaces and common signs."));
        }
        if !text.contains(char::is_alphanumeric) {
            return Err(format!("{what} must hold a letter or a digit."));
        }
        let words: Vec<_> = text.split_whitespace().collect();
        let text: String = words.join(" ").nfc().collect();
        let looks = looks(&text);
        Ok(Self { text, looks })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What it looks like: names that have one of these in common are hard to tell apart.
    pub(crate) const fn looks(&self) -> &[String; 2] {
        &self.looks
    }

    pub(crate) fn looks_like(&self, other: &Self) -> bool {
        self.looks.iter().any(|look| other.looks.contains(look))
    }
}

/// Letters, digits and marks of the scripts that are written today, and what ASCII has to show. That
/// leaves out what is invisible, controls something, or comes in several widths.
fn is_readable(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic() || c.identifier_allowed()
}

/// Whether there are marks that stand on no letter, or a tower of them.
fn has_stray_marks(text: &str) -> bool {
    let mut marks = MAX_MARKS;
    text.nfd().any(|c| {
        marks = if is_combining_mark(c) {
            marks + 1
        } else if c.is_alphanumeric() {
            0
        } else {
            MAX_MARKS
        };
        marks > MAX_MARKS
    })
}

/// A skeleton has one character for all that look like it: the capital `I`, `1` and `l` are one, and
/// so are the Latin and the Cyrillic `a`. Capitals are made small before and after, because which
/// letters are alike depends on it.
fn looks(text: &str) -> [String; 2] {
    let small = text.to_lowercase();
    [skeleton(&small).collect(), skeleton(text).collect::<String>().to_lowercase()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<Name, String> {
        Name::new(text, 24, "A name")
    }

    #[test]
    fn names_in_any_script_are_taken() {
        for text in [
            "Alice",
            "Ada Lovelace",
            "O'Neil-Smith_2",
            "<b>Eve</b>",
            "J\u{fc}rgen",
            "Nguy\u{1ec5}n",
            "\u{410}\u{43b}\u{438}\u{441}\u{430}",
            "\u{5d0}\u{5dc}\u{5d9}\u{5e1}",
            "\u{623}\u{644}\u{64a}\u{633}",
            "\u{905}\u{932}\u{94d}\u{932}\u{93e}\u{939}",
            "\u{e2a}\u{e21}\u{e0a}\u{e32}\u{e22}",
            "\u{7231}\u{4e3d}\u{4e1d}",
            "\u{c568}\u{b9ac}\u{c2a4}",
            "WWWWWWWWWWWWWWWWWWWWWWWW",
        ] {
            assert_eq!(name(text).map(|name| name.text), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_name_is_kept_in_one_spelling() {
        let kept = |text| name(text).map(|name| name.text);

        assert_eq!(kept("  Ada   Lovelace "), Ok("Ada Lovelace".to_owned()));
        assert_eq!(kept("Ju\u{308}rgen"), Ok("J\u{fc}rgen".to_owned()));
    }

    #[test]
    fn what_cannot_be_seen_or_is_in_the_way_is_in_no_name() {
        for text in [
            "",
            "   ",
            "\u{a0}",
            "...",
            "Al\u{200b}ice",
            "Alice\u{200c}",
            "Alice\u{200d}",
            "Alice\u{2060}",
            "Alice\u{ad}",
            "Alice\u{fe0f}",
            "Alice\u{e0041}",
            "\u{feff}Alice",
            "\u{202e}ecilA",
            "Alice\u{2067}",
            "Alice\u{200f}",
            "Ali\u{0}ce",
            "Ali\nce",
            "Ali\u{1b}[31mce",
            "Ali\u{85}ce",
            "Ada\u{a0}Two",
            "Ada\u{3000}Two",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{2800}",
            "\u{301}",
            "\u{301}Alice",
            "Ada \u{301}Two",
            "A\u{301}\u{302}\u{303}\u{304}lice",
            "\u{e000}",
            "\u{fffd}",
            "\u{ff21}lice",
            "\u{1d400}lice",
        ] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_bounded_however_long_it_is() {
        assert!(name(&"a".repeat(24)).is_ok());
        assert!(name(&"a".repeat(25)).is_err());
        assert!(name(&"\u{7231}".repeat(24)).is_ok());
        assert!(name(&"a".repeat(900_000)).is_err());
        assert!(name(&format!("a{}b", " ".repeat(30))).is_err());
    }

    #[test]
    fn names_that_look_alike_are_told() {
        let is_like = |one, other| {
            let name = |text| name(text).expect("it can be read");
            let (one, other) = (name(one), name(other));
            assert_eq!(one.looks_like(&other), other.looks_like(&one));
            one.looks_like(&other)
        };

        for other in [
            "Alice",
            "alice",
            "ALICE",
            "aLiCe",
            "AIice",
            "A1ice",
            "a|ice",
            "\u{410}lice",
            "Alic\u{435}",
            "\u{391}lice",
            "AL\u{406}CE",
            "al\u{131}ce",
        ] {
            assert!(is_like("Alice", other), "{other}");
        }
        assert!(is_like("modern", "rnodern"));
        assert!(is_like("Bob", "B0b"));
        assert!(is_like("Ada Two", "ada  two"));
        for other in ["Alicia", "Alice 2", "Malice", "Bob", "Ali\u{e7}e"] {
            assert!(!is_like("Alice", other), "{other}");
        }
    }
}
