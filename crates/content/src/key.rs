//! Keys: where a blob is within a store.

use std::fmt;

use model::BlobId;

pub(crate) const FOLDER_DIGITS: usize = 6;
pub(crate) const NAME_DIGITS: usize = 32;

/// Where a blob is: `<first 6 digits>/<32 hexadecimal digits>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn of(id: BlobId) -> Self {
        Self::from_number(u128::from_be_bytes(*id.as_bytes()))
    }

    pub(crate) fn from_number(number: u128) -> Self {
        let name = format!("{number:032x}");
        Self(format!("{}/{name}", &name[..FOLDER_DIGITS]))
    }

    /// Accepts nothing but what `of` makes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (folder, name) = text.split_once('/')?;
        let number = number(name, NAME_DIGITS)?;
        (name.get(..FOLDER_DIGITS) == Some(folder)).then(|| Self::from_number(number))
    }

    /// The first digits of its id: the time in steps of 4.7 hours.
    pub(crate) fn folder(&self) -> &str {
        &self.0[..FOLDER_DIGITS]
    }

    /// All digits of its id.
    pub(crate) fn name(&self) -> &str {
        &self.0[FOLDER_DIGITS + 1..]
    }

    pub(crate) fn number(&self) -> u128 {
        number(self.name(), NAME_DIGITS).expect("a key holds 32 hexadecimal digits")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a folder or file; `None` when the name is not one of ours.
pub(crate) fn number(name: &str, digits: usize) -> Option<u128> {
    let is_ours = name.len() == digits && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_ours.then(|| u128::from_str_radix(name, 16).ok()).flatten()
}

/// Whether a text can name a note: ASCII letters, digits, `-` and `.`, in parts between `/` of which none
/// is empty or begins with a dot.
pub(crate) fn is_note_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_letter);
    name.len() <= 500 && name.split('/').all(is_part)
}
