//! Names that the target cannot hold, written so that they can be read back: a character that may not be is replaced by
//! one that looks like it, and what looked like that before gets a mark in front.

use connectors::{NameFault, NameRules};

/// Stands before a character that means itself.
const MARK: char = '\u{201b}';
/// Stands after the mark before two hexadecimal digits: controls that have no picture.
const CODE: char = 'x';
/// Names that are tried for several of one name.
pub(super) const VARIANTS: u32 = 20;

/// What a name is called at the target.
///
/// # Errors
/// When it cannot be held there in any form.
pub(super) fn encode(rules: &NameRules, name: &str) -> Result<String, NameFault> {
    let mut found: Vec<String> = Vec::new();
    for c in name.chars() {
        let is_forbidden = rules.forbidden.contains(c) || (rules.forbids_controls && c.is_control());
        found.push(match (is_forbidden, picture(c)) {
            (true, Some(picture)) => picture.to_string(),
            (true, None) => format!("{MARK}{CODE}{:02x}", u32::from(c)),
            (false, _) if c == MARK || original(c).is_some_and(|c| may_change(rules, c)) => {
                format!("{MARK}{c}")
            }
            (false, _) => c.to_string(),
        });
    }
    // Each round takes away one fault, and there are few that a name can have at once.
    for _ in 0..=name.chars().count() {
        let at = match rules.check(&found.concat()) {
            Ok(()) => return Ok(found.concat()),
            Err(NameFault::End(_)) => found.len() - 1,
            Err(NameFault::Reserved(word)) => place_of(&found, rules, word),
            Err(NameFault::Start(_)) => 0,
            Err(fault) => return Err(fault),
        };
        let c = found[at].chars().next().and_then(picture);
        let Some(c) = c else { break };
        found[at] = c.to_string();
    }
    let fault = rules.check(&found.concat()).err();
    Err(fault.unwrap_or(NameFault::Empty))
}

/// What was called so by [`encode`].
#[cfg(test)]
pub(super) fn decode(rules: &NameRules, name: &str) -> String {
    let mut decoded = String::with_capacity(name.len());
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        if c != MARK {
            decoded.push(original(c).filter(|c| may_change(rules, *c)).unwrap_or(c));
            continue;
        }
        match rest.next() {
            Some(CODE) => {
                let digits: String = rest.by_ref().take(2).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                decoded.extend(code);
            }
            itself => decoded.extend(itself),
        }
    }
    decoded
}

/// The names for the second, third, … of one name in a folder.
pub(super) fn variant(name: &str, number: u32) -> String {
    with_word(name, &number.to_string())
}

/// A name with a word in brackets before its ending.
pub(super) fn with_word(name: &str, word: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= 16 => {
            format!("{stem} ({word}).{ending}")
        }
        _ => format!("{name} ({word})"),
    }
}

/// Whether a copy may go on being called so when its original has that name.
pub(super) fn is_name_of(called: &str, name: &str) -> bool {
    called == name || (2..=VARIANTS).any(|number| called == variant(name, number))
}

/// Where a word that is not allowed begins.
fn place_of(found: &[String], rules: &NameRules, word: &str) -> usize {
    if !rules.forbidden_parts.contains(&word) {
        return 0;
    }
    let many = word.chars().count();
    let begins = |part: &[String]| part.concat().eq_ignore_ascii_case(word);
    found.windows(many).position(begins).unwrap_or(0)
}

/// Whether a character of a name may be replaced by its picture.
fn may_change(rules: &NameRules, c: char) -> bool {
    let begins = |words: &[&str]| {
        let mut firsts = words.iter().filter_map(|word| word.chars().next());
        firsts.any(|first| first.eq_ignore_ascii_case(&c))
    };
    rules.forbidden.contains(c)
        || (rules.forbids_controls && c.is_control())
        || rules.forbidden_ends.contains(c)
        || begins(rules.forbidden_starts)
        || begins(rules.reserved)
        || begins(rules.forbidden_parts)
}

/// What stands for a character.
fn picture(c: char) -> Option<char> {
    match c {
        '!'..='~' => char::from_u32(u32::from(c) - 0x21 + 0xff01),
        ' ' => Some('\u{2420}'),
        '\0'..='\u{1f}' => char::from_u32(u32::from(c) + 0x2400),
        '\u{7f}' => Some('\u{2421}'),
        _ => None,
    }
}

/// What a picture stands for.
fn original(c: char) -> Option<char> {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xff01 + 0x21),
        '\u{2420}' => Some(' '),
        '\u{2400}'..='\u{241f}' => char::from_u32(u32::from(c) - 0x2400),
        '\u{2421}' => Some('\u{7f}'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STRICT: NameRules = NameRules {
        longest: 255,
        counts_utf16: true,
        longest_path: Some(400),
        forbidden: "\"*:<>?/\\|",
        forbids_controls: true,
        forbidden_ends: ". ",
        forbidden_starts: &[" ", "~$"],
        reserved: &["CON", "NUL", ".lock", "desktop.ini"],
        forbidden_parts: &["_vti_"],
        folds_case: true,
    };

    #[test]
    fn what_a_target_can_hold_stays_as_it_is() {
        for name in [
            "a.txt",
            "Café (2).pdf",
            "日本（仮）.doc",
            "_vt_",
            ".a",
            "console",
            "ｆ",
        ] {
            assert_eq!(encode(&STRICT, name).unwrap(), name);
        }
    }

    #[test]
    fn what_it_cannot_hold_looks_alike() {
        for (name, there) in [
            ("12:30?.txt", "12：30？.txt"),
            ("a/b", "a／b"),
            ("con.txt", "ｃon.txt"),
            ("end.", "end．"),
            ("two ", "two␠"),
            (" two", "␠two"),
            ("~$a", "～$a"),
            ("x_VTI_y", "x＿VTI_y"),
            (".lock", "．lock"),
            ("12：30", "12‛：30"),
            ("a\nb", "a␊b"),
            ("a\u{85}b", "a‛x85b"),
        ] {
            assert_eq!(encode(&STRICT, name).unwrap(), there);
            assert_eq!(decode(&STRICT, there), name);
        }
        assert!(encode(&STRICT, &"ä".repeat(256)).is_err());
        assert!(encode(&STRICT, "").is_err());
    }

    #[test]
    fn several_of_one_name_are_counted_before_the_ending() {
        assert_eq!(variant("a.tar.gz", 2), "a.tar (2).gz");
        assert_eq!(variant(".profile", 3), ".profile (3)");
        assert!(is_name_of("a (2).txt", "a.txt") && !is_name_of("b (2).txt", "a.txt"));
    }

    proptest! {
        #[test]
        fn every_name_that_can_be_held_comes_back(
            name in r#"([a-cC~$_ .:/\\?‛：／．␠ｃ\x01\x7f\u{85}]|con|_vti_|x85|nul){1,12}"#
        ) {
            for rules in [STRICT, NameRules { forbidden: "/\0", ..NameRules::ANY }, NameRules::ANY] {
                prop_assume!(!matches!(name.as_str(), "." | ".."));
                let there = encode(&rules, &name).unwrap();
                prop_assert_eq!(rules.check(&there), Ok(()));
                prop_assert_eq!(decode(&rules, &there), name.as_str());
            }
        }
    }
}
