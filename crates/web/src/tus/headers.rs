//! The headers of tus, read strictly.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap};
use hub::Promise;
use model::UploadId;

use crate::problem::{self, ApiError, Problem};

/// What a request says of the length of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes.
    Known(u64),
    /// It will be told.
    Deferred,
    /// Nothing.
    Unsaid,
}

/// Whether an upload has to do with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Concat {
    /// No.
    None,
    /// It is a part of one.
    Partial,
    /// It is made of these; the header as it came.
    Final(Vec<UploadId>, String),
}

/// Refuses another version of the protocol.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    if text(headers, "tus-resumable")? == Some("1.0.0") {
        return Ok(());
    }
    let kind = (
        http::StatusCode::PRECONDITION_FAILED,
        "tus_version",
        "Another version of tus",
    );
    Err(Problem::new(kind, "this server speaks tus 1.0.0: say so in Tus-Resumable").into())
}

/// Refuses bytes that do not say that they are a piece of an upload.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    crate::extract::refuse_encoding(headers)?;
    if text(headers, "content-type")? == Some("application/offset+octet-stream") {
        return Ok(());
    }
    let detail = "send bytes with the header Content-Type: application/offset+octet-stream";
    Err(Problem::new(problem::MEDIA_TYPE, detail).into())
}

pub(super) fn length(headers: &HeaderMap) -> Result<Length, ApiError> {
    let known = number(headers, "upload-length")?;
    let deferred = text(headers, "upload-defer-length")?;
    match (known, deferred) {
        (Some(bytes), None) => Ok(Length::Known(bytes)),
        (None, Some("1")) => Ok(Length::Deferred),
        (None, None) => Ok(Length::Unsaid),
        (Some(_), Some(_)) => Err(malformed("say either Upload-Length or Upload-Defer-Length")),
        (None, Some(_)) => Err(malformed("Upload-Defer-Length can only be 1")),
    }
}

pub(super) fn offset(headers: &HeaderMap) -> Result<u64, ApiError> {
    number(headers, "upload-offset")?.ok_or_else(|| malformed("say where the bytes begin in Upload-Offset"))
}

pub(super) fn content_length(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    match headers.contains_key(header::TRANSFER_ENCODING) {
        true => Ok(None),
        false => number(headers, "content-length"),
    }
}

/// `Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=`
pub(super) fn checksum(headers: &HeaderMap) -> Result<Option<Promise>, ApiError> {
    let Some(value) = text(headers, "upload-checksum")? else {
        return Ok(None);
    };
    let wrong = || malformed("Upload-Checksum is an algorithm, a space and the checksum in base64");
    let (algorithm, encoded) = value.split_once(' ').ok_or_else(wrong)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| wrong())?;
    let promise = match algorithm {
        "sha1" => bytes.try_into().ok().map(Promise::Sha1),
        "sha256" => bytes.try_into().ok().map(Promise::Sha256),
        "md5" => bytes.try_into().ok().map(Promise::Md5),
        _ => {
            return Err(malformed(
                "the checksums that this server knows are sha1, sha256 and md5",
            ));
        }
    };
    promise.map(Some).ok_or_else(wrong)
}

/// `Upload-Concat: partial` or `final;/api/v1/uploads/tus/… /api/v1/uploads/tus/…`
pub(super) fn concat(headers: &HeaderMap) -> Result<Concat, ApiError> {
    let Some(value) = text(headers, "upload-concat")? else {
        return Ok(Concat::None);
    };
    if value == "partial" {
        return Ok(Concat::Partial);
    }
    let wrong = || malformed("Upload-Concat is `partial`, or `final;` and the addresses of the parts");
    let urls = value.strip_prefix("final;").ok_or_else(wrong)?;
    let ids = urls.split_ascii_whitespace().map(|url| {
        let (before, id) = url.rsplit_once('/')?;
        let is_ours = before.ends_with("/api/v1/uploads/tus");
        id.parse().ok().filter(|_| is_ours)
    });
    let ids: Option<Vec<UploadId>> = ids.collect();
    let ids = ids.filter(|ids| !ids.is_empty()).ok_or_else(wrong)?;
    Ok(Concat::Final(ids, value.to_owned()))
}

/// A header that can be there once.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(malformed(format!("there are two headers {name}")));
    }
    let wrong = |_| malformed(format!("{name} holds characters that it may not hold"));
    value.to_str().map(Some).map_err(wrong)
}

/// Digits and nothing else, of a number that fits 63 bits.
fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, ApiError> {
    let Some(value) = text(headers, name)? else {
        return Ok(None);
    };
    let is_digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|number| i64::try_from(*number).is_ok());
    match number.filter(|_| is_digits) {
        Some(number) => Ok(Some(number)),
        None => Err(malformed(format!("{name} is a number of bytes, such as 1048576"))),
    }
}

fn malformed(detail: impl Into<String>) -> ApiError {
    Problem::new(problem::MALFORMED, detail).into()
}
