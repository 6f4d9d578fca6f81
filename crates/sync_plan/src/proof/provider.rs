//! Names at a made-up provider: one character that it forbids and we encode, one name that it cannot hold at all, one
//! character of its own that we cannot hold, and capitals that it may or may not tell apart.

use crate::{Names, Obstacle};

#[derive(Debug, Clone, Copy)]
pub(super) struct Provider {
    /// Capitals do not count.
    pub(super) folds: bool,
}

/// Stands before an encoded character.
const QUOTE: char = '\u{201b}';

impl Names for Provider {
    fn there(&self, here: &str) -> Result<String, Obstacle> {
        if here.starts_with('*') {
            return Err(Obstacle::Name("it begins with a star".to_owned()));
        }
        if !here.contains([':', QUOTE]) {
            return Ok(here.to_owned());
        }
        let mut there = String::with_capacity(here.len() + 4);
        for character in here.chars() {
            match character {
                ':' => there.extend([QUOTE, 'c']),
                QUOTE => there.extend([QUOTE, QUOTE]),
                other => there.push(other),
            }
        }
        Ok(there)
    }

    fn here(&self, there: &str) -> String {
        if !there.contains([QUOTE, '/']) {
            return there.to_owned();
        }
        let mut here = String::with_capacity(there.len());
        let mut rest = there.chars().peekable();
        while let Some(character) = rest.next() {
            match (character, rest.peek()) {
                (QUOTE, Some('c')) => {
                    here.push(':');
                    rest.next();
                }
                (QUOTE, Some(&QUOTE)) => {
                    here.push(QUOTE);
                    rest.next();
                }
                ('/', _) => here.push('_'),
                (other, _) => here.push(other),
            }
        }
        here
    }

    fn folded(&self, there: &str) -> String {
        if self.folds {
            there.to_lowercase()
        } else {
            there.to_owned()
        }
    }
}

impl Provider {
    /// Whether two names cannot be in one folder there. Without duplicates, that is.
    pub(super) fn is_one(self, one: &str, other: &str) -> bool {
        one == other || (self.folds && one.to_lowercase() == other.to_lowercase())
    }
}

#[test]
fn what_is_encoded_for_the_provider_comes_back() {
    let provider = Provider { folds: true };

    for name in ["a", "a:b", "::", "\u{201b}c:", "\u{201b}", "a_b"] {
        let there = provider.there(name).expect("none of them begins with a star");

        assert!(!there.contains(':'));
        assert_eq!(provider.here(&there), name);
    }
}
