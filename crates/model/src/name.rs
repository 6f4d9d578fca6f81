//! Names of nodes.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;

use crate::limits;

/// Why a text cannot name a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or nothing that can be seen.
    #[error("a name needs at least one visible character")]
    Blank,
    /// `.` or `..`.
    #[error("`{0}` means a place, not a name")]
    Dots(String),
    /// More than 255 bytes.
    #[error("a name may hold {limit} bytes, this one holds {length_bytes}", limit = limits::NAME_BYTES)]
    TooLong {
        /// Bytes of the normalised name.
        length_bytes: usize,
    },
    /// A separator, a control character, or one that turns the reading direction.
    #[error("a name may not hold the character U+{:04X}", *.0 as u32)]
    Character(char),
}

/// The name of a node: NFC, 1 to 255 bytes, no separator, no control character, not `.` or `..`.
///
/// Names are compared exactly, after normalisation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

impl NodeName {
    /// Normalises `text` to NFC and checks it.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        let name: String = if text.is_ascii() {
            text.to_owned()
        } else {
            text.nfc().collect()
        };
        if name == "." || name == ".." {
            return Err(NameError::Dots(name));
        }
        if let Some(bad) = name.chars().find(|c| is_forbidden(*c)) {
            return Err(NameError::Character(bad));
        }
        if name.len() > limits::NAME_BYTES {
            return Err(NameError::TooLong {
                length_bytes: name.len(),
            });
        }
        if name.chars().all(is_blank) {
            return Err(NameError::Blank);
        }
        Ok(Self(name))
    }

    /// Wraps a name that a catalog stored, which was checked when it came in.
    pub const fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names are sorted and searched by: the lower-case form.
    pub fn key(&self) -> String {
        fold(&self.0)
    }

    /// The same name with ` (n)` before its extension, cut so that it still fits.
    #[must_use]
    pub fn numbered(&self, n: u32) -> Self {
        let (stem, extension) = match self.0.rfind('.') {
            Some(dot) if dot > 0 && self.0.len() - dot <= 32 => self.0.split_at(dot),
            _ => (self.0.as_str(), ""),
        };
        let suffix = format!(" ({n}){extension}");
        let mut end = stem.len().min(limits::NAME_BYTES - suffix.len());
        while !stem.is_char_boundary(end) {
            end -= 1;
        }
        Self(format!("{}{suffix}", &stem[..end]))
    }
}

/// The form that names are sorted and searched by: NFC, lower case.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.to_lowercase().nfc().collect()
    }
}

/// Separators of either kind, control characters, and the bidirectional controls that let a
/// name pretend to end in another extension.
const fn is_forbidden(c: char) -> bool {
    matches!(c, '/' | '\\' | '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NodeName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl Serialize for NodeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The composed form (NFC) of a text, so that two spellings of one character are one.
pub fn compose(text: &str) -> String {
    text.nfc().collect()
}
