//! Names that say nothing: each word becomes another of the same length and case, always the same one, and all else
//! stays. What a plan depends on is kept: which names are equal, which differ in case only, and what a provider refuses.

use std::collections::HashMap;

use aws_lc_rs::hmac;

/// Digits of a number that is left as it is: they number copies.
const SHORT_NUMBER: usize = 2;
/// Tries for a word that nothing else has, before it grows.
const TRIES: u32 = 40;

/// Replaces words.
pub(super) struct Redactor<'a> {
    key: &'a hmac::Key,
    /// By the word in lower case.
    words: HashMap<String, String>,
    taken: HashMap<String, String>,
}

impl<'a> Redactor<'a> {
    pub(super) fn new(key: &'a hmac::Key) -> Self {
        Self {
            key,
            words: HashMap::new(),
            taken: HashMap::new(),
        }
    }

    /// A name or a path, without what it says.
    pub(super) fn name(&mut self, text: &str) -> String {
        let mut told = String::with_capacity(text.len());
        let mut word = String::new();
        for c in text.chars() {
            if is_part(c) && word.chars().next().is_none_or(|first| sort(first) == sort(c)) {
                word.push(c);
                continue;
            }
            told.push_str(&self.word(&word));
            word.clear();
            if is_part(c) {
                word.push(c);
            } else {
                told.push(c);
            }
        }
        told.push_str(&self.word(&word));
        told
    }

    /// An id that may say something, such as a path.
    pub(super) fn id(&self, text: &str) -> String {
        let tag = hmac::sign(self.key, format!("id {text}").as_bytes());
        tag.as_ref()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn word(&mut self, word: &str) -> String {
        let is_number = word.chars().next().is_some_and(|first| first.is_ascii_digit());
        if word.is_empty() || (is_number && word.len() <= SHORT_NUMBER) {
            return word.to_owned();
        }
        let lower = word.to_lowercase();
        let other = match self.words.get(&lower) {
            Some(other) => other.clone(),
            None => self.invent(&lower, is_number),
        };
        // Letter by letter as large as it was.
        let mut large = word.chars().map(char::is_uppercase);
        let sized = other.chars().map(|c| match large.next() {
            Some(true) => c.to_ascii_uppercase(),
            _ => c,
        });
        sized.collect()
    }

    fn invent(&mut self, lower: &str, is_number: bool) -> String {
        let mut length = lower.chars().count();
        let mut tries = 0;
        loop {
            let other = spell(self.key, &format!("{tries} {lower}"), length, is_number);
            if !self.taken.contains_key(&other) {
                self.taken.insert(other.clone(), lower.to_owned());
                self.words.insert(lower.to_owned(), other.clone());
                return other;
            }
            tries += 1;
            if tries % TRIES == 0 {
                length += 1;
            }
        }
    }
}

fn is_part(c: char) -> bool {
    // Full-width likenesses of signs stand for signs.
    c.is_alphanumeric() && !('\u{ff01}'..='\u{ff5e}').contains(&c)
}

fn sort(c: char) -> bool {
    c.is_ascii_digit()
}

fn spell(key: &hmac::Key, seed: &str, length: usize, is_number: bool) -> String {
    let mut text = String::with_capacity(length);
    let mut block = 0;
    while text.len() < length {
        let tag = hmac::sign(key, format!("word {block} {seed}").as_bytes());
        for byte in tag.as_ref().iter().take(length - text.len()) {
            text.push(match is_number {
                true => char::from(b'0' + byte % 10),
                false => char::from(b'a' + byte % 26),
            });
        }
        block += 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_change_and_all_that_matters_stays() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key of a test");
        let mut redactor = Redactor::new(&key);
        let told = redactor.name("Divorce/letter to Anna: 2026 (2).DOCX");
        for word in ["Divorce", "letter", "Anna", "2026", "DOCX"] {
            assert!(!told.contains(word), "{told}");
        }
        assert!(told.contains("(2)."), "{told}");
        assert_eq!(told.matches(['/', ':', '(', ')', '.']).count(), 5);
        assert_eq!(told.len(), "Divorce/letter to Anna: 2026 (2).DOCX".len());
        // The same word is always the same, whatever its case.
        let (one, other) = (redactor.name("letter"), redactor.name("LETTER"));
        assert_eq!(one.to_uppercase(), other);
        assert_ne!(one, other);
        assert_eq!(Redactor::new(&key).name("letter"), one);
    }

    #[test]
    fn short_words_stay_apart() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key of a test");
        let mut redactor = Redactor::new(&key);
        let names: std::collections::HashSet<String> = ('a'..='z')
            .chain('α'..='ω')
            .map(|c| redactor.name(&c.to_string()))
            .collect();
        assert_eq!(
            names.len(),
            ('a'..='z')
                .chain('α'..='ω')
                .map(|c| c.to_lowercase().to_string())
                .collect::<std::collections::HashSet<_>>()
                .len()
        );
    }
}
