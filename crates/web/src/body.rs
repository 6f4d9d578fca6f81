//! Request bodies as streams, and what their headers announce.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, TryStreamExt};
use http::header::{self, HeaderMap};
use hub::Expected;
use model::{BodyError, ByteStream, Digest};

use crate::extract::refuse_encoding;
use crate::problem::{self, ApiError, Problem};

/// A body as `hub` takes it.
pub(crate) fn stream(body: Body) -> ByteStream {
    Box::pin(body.into_data_stream().map_err(|_| BodyError::Incomplete).fuse())
}

/// Reads what the headers of an upload say about its body.
///
/// # Errors
/// 400 for what cannot be read and for `Content-Range`, which a PUT may not have (RFC 9110 section
/// 14.5); 415 for a `Content-Encoding`.
pub(crate) fn expected(headers: &HeaderMap) -> Result<Expected, ApiError> {
    refuse_encoding(headers)?;
    if headers.contains_key(header::CONTENT_RANGE) {
        return Err(malformed(
            "a part of a file cannot be PUT: leave Content-Range out",
        ));
    }
    let size_bytes = match text(headers, "content-length")? {
        Some(length) => Some(
            length
                .parse()
                .map_err(|_| malformed("Content-Length is not a number"))?,
        ),
        None => None,
    };
    let mut digests = Vec::new();
    for name in ["repr-digest", "content-digest"] {
        for value in texts(headers, name)? {
            digests.extend(structured(value, name)?);
        }
    }
    for value in texts(headers, "digest")? {
        digests.extend(old_digest(value)?);
    }
    let digest = digests.first().copied();
    if digests.iter().any(|other| Some(*other) != digest) {
        return Err(malformed("the headers announce two digests; one body has one"));
    }
    let md5 = match text(headers, "content-md5")? {
        Some(value) => Some(decode::<16>(value, "Content-MD5")?),
        None => None,
    };
    let is_held_back = headers.contains_key(header::EXPECT);
    Ok(Expected {
        size_bytes,
        digest: digest.map(Digest),
        md5,
        is_held_back,
    })
}

/// `sha-256=:…:` among others (RFC 9530 section 2). Other algorithms are for other readers.
fn structured(value: &str, name: &str) -> Result<Option<[u8; 32]>, ApiError> {
    let mut digest = None;
    for member in value.split(',') {
        let (algorithm, encoded) = member
            .trim()
            .split_once('=')
            .and_then(|(algorithm, rest)| Some((algorithm, rest.strip_prefix(':')?.strip_suffix(':')?)))
            .filter(|(algorithm, _)| !algorithm.is_empty())
            .ok_or_else(|| malformed(format!("{name} looks like sha-256=:<base64>:")))?;
        if algorithm.eq_ignore_ascii_case("sha-256") {
            digest = Some(decode::<32>(encoded, name)?);
        }
    }
    Ok(digest)
}

/// `SHA-256=…` among others (RFC 3230, which RFC 9530 replaced).
fn old_digest(value: &str) -> Result<Option<[u8; 32]>, ApiError> {
    for member in value.split(',') {
        match member.trim().split_once('=') {
            Some((algorithm, encoded)) if algorithm.eq_ignore_ascii_case("sha-256") => {
                return decode::<32>(encoded, "Digest").map(Some);
            }
            Some(_) => {}
            None => return Err(malformed("Digest looks like SHA-256=<base64>")),
        }
    }
    Ok(None)
}

fn decode<const N: usize>(encoded: &str, name: &str) -> Result<[u8; N], ApiError> {
    let bytes = STANDARD
        .decode(encoded)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| malformed(format!("{name} does not hold {N} bytes in base64")))
}

/// A header that can be there once.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ApiError> {
    let values = texts(headers, name)?;
    match values[..] {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(malformed(format!("there are two headers {name}"))),
    }
}

fn texts<'a>(headers: &'a HeaderMap, name: &str) -> Result<Vec<&'a str>, ApiError> {
    let values = headers.get_all(name).iter().map(|value| value.to_str());
    values
        .collect::<Result<_, _>>()
        .map_err(|_| malformed(format!("{name} holds characters that it may not hold")))
}

fn malformed(detail: impl Into<String>) -> ApiError {
    Problem::new(problem::MALFORMED, detail).into()
}
