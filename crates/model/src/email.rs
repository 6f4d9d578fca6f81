//! E-mail addresses as account names.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

use crate::limits;

/// Why a text cannot be an account's e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// It is not `name@host`, or holds a character that no address of ours may hold.
    #[error("an e-mail address looks like name@example.org")]
    Shape,
    /// More than 254 bytes.
    #[error("an e-mail address may hold {limit} bytes", limit = limits::EMAIL_BYTES)]
    TooLong,
}

/// An e-mail address in its one folded form, so that two spellings never make two accounts.
///
/// Compatibility forms (full-width letters) and case are folded; other letters outside ASCII are
/// refused (a host in Punycode is fine) because look-alikes would pass for another person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// Wraps an address that a catalog stored.
    pub const fn from_stored(email: String) -> Self {
        Self(email)
    }

    /// The folded address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        if text.len() > limits::EMAIL_BYTES {
            return Err(EmailError::TooLong);
        }
        let folded: String = text
            .trim()
            .nfkc()
            .collect::<String>()
            .to_lowercase()
            .nfc()
            .collect();
        let (name, host) = folded.split_once('@').ok_or(EmailError::Shape)?;
        let name_fits = !name.is_empty() && name.len() <= 64 && name.bytes().all(is_name_byte);
        let labels_fit = host.split('.').all(is_label);
        let dots_fit = !name.starts_with('.') && !name.ends_with('.') && !name.contains("..");
        if !name_fits || !labels_fit || !dots_fit {
            return Err(EmailError::Shape);
        }
        Ok(Self(folded))
    }
}

/// RFC 5322 section 3.2.3 `atext`, and the dot.
const fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'' | b'!' | b'#' | b'$')
        || matches!(
            b,
            b'&' | b'*' | b'=' | b'?' | b'^' | b'`' | b'{' | b'|' | b'}' | b'~'
        )
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b == b'-' || b.is_ascii_alphanumeric())
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
