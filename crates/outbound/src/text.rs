//! Text as services want it: encodings, dates, proofs.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use model::Millis;
use reqwest::header::HeaderMap;

use super::call::text_of;

/// Percent-encodes all but the unreserved characters of RFC 3986 and those in `kept`.
pub fn encoded(text: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || kept.as_bytes().contains(&byte);
        if is_plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Takes percent-encoding back; `None` when what comes out is not text.
pub fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// Hexadecimal digits, lower-case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The SHA-256 of pieces one after another, in hexadecimal digits.
pub fn sha256_hex<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    pieces.into_iter().for_each(|piece| context.update(piece));
    hex(context.finish().as_ref())
}

/// HMAC with SHA-256.
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes);
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    out
}

/// A date as HTTP writes it (RFC 9110 5.6.7).
pub fn http_date(at: Millis) -> String {
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&timestamp(at))
        .unwrap_or_default()
}

/// Reads a date as HTTP writes it.
pub fn parse_http_date(text: &str) -> Option<Millis> {
    let at = DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Millis(at.as_millisecond()))
}

/// How far the clock of who answered is ahead of ours, by its `Date`.
pub fn skew_ms(headers: &HeaderMap, now: Millis) -> Option<i64> {
    let theirs = parse_http_date(text_of(headers, "date")?)?;
    Some(theirs.0.saturating_sub(now.0))
}

/// The moment; the beginning of 1970 for one that no calendar has.
pub fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The header that names a download (RFC 6266), with the name in full in its second form.
pub fn content_disposition(name: &str, is_inline: bool) -> String {
    let kind = if is_inline { "inline" } else { "attachment" };
    let plain: String = name
        .chars()
        .map(|c| match c {
            '"' | '\\' | '%' | '/' => '_',
            ' '..='~' => c,
            _ => '_',
        })
        .collect();
    // RFC 5987 lets more characters stand; encoding them as well does no harm.
    format!(
        "{kind}; filename=\"{plain}\"; filename*=UTF-8''{}",
        encoded(name, "")
    )
}
