//! Replies that carry stored content.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use hub::{Download, Hub, HubError};

use crate::conditions::{self, Verdict};
use crate::problem::{self, ApiError, Extra, Problem};
use crate::ranges::{self, Wanted};
use crate::{disposition, media};

/// Marks a reply that is never compressed: stored content, and secrets, whose letters could be told
/// from the length that they are packed to (BREACH).
#[derive(Clone, Copy)]
pub(crate) struct AsItIs;

/// What stored content may do in a browser that opens it: nothing.
pub(crate) const SANDBOX: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; frame-ancestors 'self'";

/// Whether content may be shown inside a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// It is downloaded.
    Attached,
    /// It is shown, if its type can do no harm.
    Inline,
}

/// Sends a content, or the part or the refusal that the request's headers ask for.
pub(crate) async fn content(
    hub: &Hub,
    (method, headers): (&Method, &HeaderMap),
    download: &Download,
    show: Show,
) -> Result<Response, ApiError> {
    let version = &download.version;
    let (etag, size_bytes) = (version.etag(), version.size_bytes);
    match conditions::judge(headers, &etag, version.created_ms)? {
        Verdict::Send => {}
        Verdict::NotModified => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            validators(response.headers_mut(), download);
            return Ok(response);
        }
        Verdict::Failed => return Err(HubError::Stale.into()),
    }
    let range = headers.get(header::RANGE).filter(|_| method == Method::GET);
    let range = range
        .and_then(|range| range.to_str().ok())
        .filter(|_| conditions::range_holds(headers, &etag));
    let wanted = range.map_or(Wanted::Whole, |range| ranges::parse(range, size_bytes));
    let is_head = method == Method::HEAD;
    let mut response = match wanted {
        Wanted::Beyond => return Ok(beyond(size_bytes)),
        Wanted::Whole => one(hub, download, 0..size_bytes, (StatusCode::OK, is_head)).await?,
        Wanted::One(part) => {
            let mut response = one(hub, download, part.clone(), (StatusCode::PARTIAL_CONTENT, false)).await?;
            response
                .headers_mut()
                .insert(header::CONTENT_RANGE, content_range(&part, size_bytes));
            response
        }
        Wanted::Many(parts) => many(hub, download, parts, show)?,
    };
    describe(response.headers_mut(), download, show);
    response.extensions_mut().insert(AsItIs);
    Ok(response)
}

/// Sends on to the store by an address that it signed, where that can be followed; as [`content`] otherwise.
///
/// A page's own requests are answered here, since its policy lets it load from nowhere else, and so are
/// those for several parts or with `If-Range`, which stores do not understand or compare with their own tags.
///
/// # Errors
/// Those of [`content`].
pub(crate) async fn sent_on(
    hub: &Hub,
    (method, headers): (&Method, &HeaderMap),
    download: &Download,
    show: Show,
) -> Result<Response, ApiError> {
    let is_of_page = headers
        .get("sec-fetch-mode")
        .is_some_and(|mode| mode != "navigate");
    let has_many = headers
        .get(header::RANGE)
        .is_some_and(|range| range.as_bytes().contains(&b','));
    if method != Method::GET || is_of_page || has_many || headers.contains_key(header::IF_RANGE) {
        return content(hub, (method, headers), download, show).await;
    }
    let judged = conditions::judge(headers, &download.version.etag(), download.version.created_ms)?;
    let url = match judged {
        Verdict::Send => hub.store_url(download, (None, show == Show::Inline)).await?,
        Verdict::NotModified | Verdict::Failed => None,
    };
    let Some(url) = url.and_then(|url| HeaderValue::try_from(url).ok()) else {
        return content(hub, (method, headers), download, show).await;
    };
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, url);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response.extensions_mut().insert(AsItIs);
    Ok(response)
}

async fn one(
    hub: &Hub,
    download: &Download,
    part: Range<u64>,
    (status, is_head): (StatusCode, bool),
) -> Result<Response, ApiError> {
    let length = part.end - part.start;
    let body = if is_head {
        Body::empty()
    } else {
        Body::from_stream(hub.read_content(download, part).await?)
    };
    let mut response = (status, body).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// Several parts, as `multipart/byteranges` (RFC 9110 section 14.6). Each is opened when its turn comes.
fn many(hub: &Hub, download: &Download, parts: Vec<Range<u64>>, show: Show) -> Result<Response, ApiError> {
    // Random, so that no content can be made to hold it.
    let random = || RandomState::new().hash_one(download.version.number);
    let boundary = format!("cumuli-{:016x}{:016x}", random(), random());
    let (media_type, size_bytes) = (shown_type(download, show).to_owned(), download.version.size_bytes);
    let last = format!("\r\n--{boundary}--\r\n");
    let heads: Vec<(String, Range<u64>)> = parts
        .into_iter()
        .map(|part| {
            let range = format!("bytes {}-{}/{size_bytes}", part.start, part.end - 1);
            let head =
                format!("\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {range}\r\n\r\n");
            (head, part)
        })
        .collect();
    let length = heads
        .iter()
        .map(|(head, part)| head.len() as u64 + part.end - part.start)
        .sum::<u64>();
    let length = length + last.len() as u64;
    let (hub, source) = (hub.clone(), download.clone());
    let parts = stream::iter(heads).then(move |(head, part)| {
        let (hub, source) = (hub.clone(), source.clone());
        async move {
            let head = stream::once(async move { Ok::<_, axum::BoxError>(Bytes::from(head)) });
            match hub.read_content(&source, part).await {
                Ok(body) => head.chain(body.map(|chunk| chunk.map_err(Into::into))).boxed(),
                Err(error) => head.chain(stream::once(async move { Err(error.into()) })).boxed(),
            }
        }
    });
    let body = parts
        .flatten()
        .chain(stream::once(async move { Ok(Bytes::from(last)) }));
    let mut response = (StatusCode::PARTIAL_CONTENT, Body::from_stream(body)).into_response();
    let kind = format!("multipart/byteranges; boundary={boundary}");
    let kind = HeaderValue::from_str(&kind).expect("a boundary is letters, digits and hyphens");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

fn beyond(size_bytes: u64) -> Response {
    let detail = format!("the content has {size_bytes} bytes");
    let mut response = Problem::new(problem::RANGE, detail)
        .with(Extra::None)
        .into_response();
    let range = HeaderValue::from_str(&format!("bytes */{size_bytes}")).expect("digits");
    response.headers_mut().insert(header::CONTENT_RANGE, range);
    response
}

pub(crate) fn content_range(part: &Range<u64>, size_bytes: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("bytes {}-{}/{size_bytes}", part.start, part.end - 1)).expect("digits")
}

fn shown_type(download: &Download, show: Show) -> &str {
    let media_type = download.version.media_type.as_str();
    match show {
        Show::Inline => media::shown_inline(media_type).unwrap_or(media_type),
        Show::Attached => media_type,
    }
}

fn describe(headers: &mut HeaderMap, download: &Download, show: Show) {
    validators(headers, download);
    let media_type = download.version.media_type.as_str();
    let is_shown = show == Show::Inline && media::shown_inline(media_type).is_some();
    let octets = HeaderValue::from_static("application/octet-stream");
    let kind = HeaderValue::from_str(shown_type(download, show)).unwrap_or(octets);
    let disposition = if is_shown { "inline" } else { "attachment" };
    headers.entry(header::CONTENT_TYPE).or_insert(kind);
    headers.insert(
        header::CONTENT_DISPOSITION,
        disposition::header(disposition, download.node.name.as_str()),
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
}

fn validators(headers: &mut HeaderMap, download: &Download) {
    headers.insert(header::ETAG, conditions::etag(&download.version.etag()));
    headers.insert(
        header::LAST_MODIFIED,
        conditions::http_date(download.version.created_ms),
    );
    // A browser may keep it, for this person, and must ask each time whether it may still show it.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.insert(header::VARY, HeaderValue::from_static("authorization, cookie"));
}
