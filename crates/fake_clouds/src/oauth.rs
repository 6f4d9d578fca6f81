//! What the OAuth 2.0 of Google and Microsoft has in common: clients, codes with PKCE, tokens, ID tokens.
//!
//! A provider words the answers and the errors; here is what is so and what is not.

mod consent;
mod keys;
mod tokens;

pub use consent::{Ask, AskError, Asked, page};
pub use keys::Keys;
pub use tokens::{Access, CodeError, Grant, Lives, RefreshError, Refreshed, TokenForm, Tokens};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, header};

/// An app that is registered with a provider.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its public name.
    pub id: String,
    /// Its secret; empty for a public client.
    pub secret: String,
    /// Addresses that codes may be sent to, compared letter by letter; any if there is none.
    pub redirect_uris: Vec<String>,
}

/// The challenge that belongs to a verifier (RFC 7636, S256).
#[must_use]
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// The token of an `Authorization: Bearer` header.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (kind, token) = text.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then_some(token)
}

/// Name and secret of an `Authorization: Basic` header, as RFC 6749 2.3.1 encodes them.
#[must_use]
pub fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (kind, coded) = text.split_once(' ')?;
    let plain = String::from_utf8(STANDARD.decode(coded).ok()?).ok()?;
    let (id, secret) = plain.split_once(':')?;
    let decode = |text: &str| form_decode(text);
    kind.eq_ignore_ascii_case("basic")
        .then(|| (decode(id), decode(secret)))
}

/// The pairs of a query or a form, decoded, in their order.
#[must_use]
pub fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decode(name), form_decode(value))
        })
        .collect()
}

/// The first value of that name.
#[must_use]
pub fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(is, _)| is == name)
        .map(|(_, value)| value.as_str())
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Undoes percent-encoding; a `+` is a space.
#[must_use]
pub fn form_decode(text: &str) -> String {
    percent_decode(&text.replace('+', " "))
}

/// Undoes percent-encoding; what is not UTF-8 becomes replacement characters.
#[must_use]
pub fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let coded = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match coded
            .filter(|_| bytes[at] == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
        {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests;
