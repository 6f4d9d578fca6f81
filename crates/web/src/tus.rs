//! `/api/v1/uploads/tus`: uploads that go on where they were cut (tus 1.0, <https://tus.io>).
//!
//! Creation, also with the first bytes or without a length; checksums; termination; expiration;
//! concatenation.

mod headers;
mod metadata;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use hub::{Hub, HubError, Moved, NewTransfer, Piece, TransferError};
use model::{Actor, Transfer, UploadId, UploadKind, Version};

use crate::extract::Path;
use crate::problem::{self, ApiError, Problem};
use crate::sessions::Signed;
use crate::{WebConfig, body, conditions};
use headers::{Concat, Length};

/// The version of the protocol.
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: HeaderValue = HeaderValue::from_static(
    "creation,creation-with-upload,creation-defer-length,checksum,termination,expiration,concatenation",
);
const ALGORITHMS: HeaderValue = HeaderValue::from_static("sha1,sha256,md5");
const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// Where a client learns of the file that its upload became.
const FILE: HeaderName = HeaderName::from_static("cumuli-file-id");

/// `OPTIONS /api/v1/uploads/tus`
///
/// What this server can do of tus.
#[utoipa::path(options, path = "/api/v1/uploads/tus", tag = "uploads", security(()),
    responses((status = 204, description = "Its abilities, in headers")))]
pub(crate) async fn tus_options(State(hub): State<Hub>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, VERSION);
    headers.insert("tus-version", VERSION);
    headers.insert("tus-extension", EXTENSIONS);
    headers.insert("tus-checksum-algorithm", ALGORITHMS);
    headers.insert("tus-max-size", HeaderValue::from(hub.config().file_bytes));
    response
}

/// `POST /api/v1/uploads/tus`
///
/// Begins an upload; its first bytes may come along. Where it goes is in `Upload-Metadata`: `filename`,
/// `filetype`, and `folder_id` or `path`, `on_conflict`, `sha256`.
#[utoipa::path(post, path = "/api/v1/uploads/tus", tag = "uploads",
    params(("Tus-Resumable" = String, Header, description = "`1.0.0`"),
           ("Upload-Length" = Option<u64>, Header, description = "Bytes of the whole file"),
           ("Upload-Defer-Length" = Option<u64>, Header, description = "`1`: the length is told later"),
           ("Upload-Metadata" = Option<String>, Header, description = "Keys and values in base64"),
           ("Upload-Concat" = Option<String>, Header, description = "`partial`, or `final;` and the parts"),
           ("Upload-Checksum" = Option<String>, Header, description = "Of the bytes that come along"),
           ("If-Match" = Option<String>, Header, description = "Only over this content"),
           ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is no such file")),
    responses((status = 201, description = "It has begun, at `Location`"),
              (status = 404, description = "There is no such folder", body = Problem,
               content_type = "application/problem+json"),
              (status = 413, description = "It is too long", body = Problem,
               content_type = "application/problem+json"),
              (status = 415, description = "The first bytes are not `application/offset+octet-stream`",
               body = Problem, content_type = "application/problem+json"),
              (status = 422, description = "A value cannot be", body = Problem,
               content_type = "application/problem+json"),
              (status = 460, description = "The bytes have another checksum", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn tus_create(
    State(hub): State<Hub>,
    State(config): State<Arc<WebConfig>>,
    Signed(actor): Signed,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let created = create(&hub, &actor, &headers, body).await;
    answered(created.map(|(moved, is_with_bytes)| {
        let base = config
            .public_url
            .as_deref()
            .map_or("", |url| url.trim_end_matches('/'));
        let location = format!("{base}/api/v1/uploads/tus/{}", moved.transfer.id);
        let mut response = told(StatusCode::CREATED, &moved.transfer);
        let own = response.headers_mut();
        own.insert(
            header::LOCATION,
            HeaderValue::from_str(&location).expect("an address of ours is ASCII"),
        );
        if is_with_bytes || moved.transfer.made.is_some() {
            own.insert(OFFSET, HeaderValue::from(offset(&moved.transfer)));
        }
        response
    }))
}

/// `HEAD /api/v1/uploads/tus/{id}`
///
/// How much of an upload is durable.
#[utoipa::path(head, path = "/api/v1/uploads/tus/{id}", tag = "uploads",
    params(("id" = String, Path, format = Uuid),
           ("Tus-Resumable" = String, Header, description = "`1.0.0`")),
    responses((status = 200, description = "`Upload-Offset` says it"),
              (status = 409, description = "All bytes are there; the name is taken", body = Problem,
               content_type = "application/problem+json"),
              (status = 410, description = "It is over", body = Problem,
               content_type = "application/problem+json"),
              (status = 412, description = "Another version of tus", body = Problem,
               content_type = "application/problem+json"),
              (status = 507, description = "All bytes are there; the space is full", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn tus_state(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UploadId>,
    headers: HeaderMap,
) -> Response {
    answered(state(&hub, &actor, id, &headers).await)
}

/// `PATCH /api/v1/uploads/tus/{id}`
///
/// Appends bytes. With the last one the file is stored: `Cumuli-File-Id` and `ETag` name it.
#[utoipa::path(patch, path = "/api/v1/uploads/tus/{id}", tag = "uploads",
    params(("id" = String, Path, format = Uuid),
           ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
           ("Upload-Offset" = u64, Header, description = "Where the bytes begin"),
           ("Upload-Length" = Option<u64>, Header, description = "The length, where it was deferred"),
           ("Upload-Checksum" = Option<String>, Header, description = "`sha1`, `sha256` or `md5` and base64")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "They are durable"),
              (status = 410, description = "It is over", body = Problem,
               content_type = "application/problem+json"),
              (status = 412, description = "Another version of tus", body = Problem,
               content_type = "application/problem+json"),
              (status = 423, description = "Another request writes to it", body = Problem,
               content_type = "application/problem+json"),
              (status = 460, description = "The bytes have another checksum", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn tus_append(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UploadId>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(append(&hub, &actor, id, (&headers, body)).await)
}

/// `DELETE /api/v1/uploads/tus/{id}`
///
/// Gives an upload up. A file that it became stays.
#[utoipa::path(delete, path = "/api/v1/uploads/tus/{id}", tag = "uploads",
    params(("id" = String, Path, format = Uuid),
           ("Tus-Resumable" = String, Header, description = "`1.0.0`")),
    responses((status = 204, description = "It is gone"),
              (status = 410, description = "It is over, or a file already", body = Problem,
               content_type = "application/problem+json"),
              (status = 412, description = "Another version of tus", body = Problem,
               content_type = "application/problem+json"),
              (status = 423, description = "Another request writes to it", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn tus_terminate(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UploadId>,
    headers: HeaderMap,
) -> Response {
    answered(terminate(&hub, &actor, id, &headers).await)
}

/// `POST /api/v1/uploads/tus/{id}`
///
/// Does what `X-HTTP-Method-Override` says, for clients that can only POST: `PATCH`, `HEAD` or `DELETE`.
#[utoipa::path(post, path = "/api/v1/uploads/tus/{id}", tag = "uploads",
    params(("id" = String, Path, format = Uuid),
           ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
           ("X-HTTP-Method-Override" = String, Header, description = "The method")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "Done"),
              (status = 200, description = "`Upload-Offset` says how much is durable"),
              (status = 410, description = "It is over", body = Problem,
               content_type = "application/problem+json"),
              (status = 412, description = "Another version of tus", body = Problem,
               content_type = "application/problem+json"),
              (status = 423, description = "Another request writes to it", body = Problem,
               content_type = "application/problem+json"),
              (status = 460, description = "The bytes have another checksum", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn tus_override(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UploadId>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let method = headers
        .get("x-http-method-override")
        .and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    answered(match method {
        Some(Method::PATCH) => append(&hub, &actor, id, (&headers, body)).await,
        Some(Method::HEAD) => state(&hub, &actor, id, &headers).await,
        Some(Method::DELETE) => terminate(&hub, &actor, id, &headers).await,
        _ => {
            let detail = "an upload takes PATCH, HEAD and DELETE; say which in X-HTTP-Method-Override";
            Err(Problem::new(problem::MALFORMED, detail).into())
        }
    })
}

async fn create(
    hub: &Hub,
    actor: &Actor,
    headers: &HeaderMap,
    bytes: Body,
) -> Result<(Moved, bool), ApiError> {
    headers::check_version(headers)?;
    let length = headers::length(headers)?;
    let concat = headers::concat(headers)?;
    let text = headers::text(headers, "upload-metadata")?.unwrap_or_default();
    let told = metadata::read(text)?;
    let guard = conditions::guard(headers)?;
    let new = |upload, size_bytes, metadata: String| NewTransfer {
        upload,
        size_bytes,
        digest: told.digest,
        metadata,
    };
    if let Concat::Final(parts, value) = concat {
        if !matches!(length, Length::Unsaid) {
            return Err(malformed(
                "the length of a whole is that of its parts: leave Upload-Length out",
            ));
        }
        let upload = told.upload(guard, headers)?;
        // A line break is in no header: it parts the two.
        let new = new(Some(upload), None, format!("{text}\n{value}"));
        let moved = hub.join_transfers(actor, new, parts).await.map_err(worded)?;
        return Ok((moved, false));
    }
    let size_bytes = match length {
        Length::Known(bytes) => Some(bytes),
        Length::Deferred => None,
        Length::Unsaid => {
            return Err(malformed("say Upload-Length, or Upload-Defer-Length: 1"));
        }
    };
    let is_part = matches!(concat, Concat::Partial);
    let upload = match is_part {
        true => None,
        false => Some(told.upload(guard, headers)?),
    };
    let has_bytes = has_bytes(headers);
    if has_bytes {
        headers::check_type(headers)?;
    }
    let piece = Piece {
        offset_bytes: 0,
        size_bytes: None,
        length_bytes: headers::content_length(headers)?,
        promise: headers::checksum(headers)?,
    };
    let begun = hub
        .begin_transfer(actor, new(upload, size_bytes, text.to_owned()))
        .await;
    let begun = begun.map_err(worded)?;
    if !has_bytes {
        return Ok((begun, false));
    }
    let id = begun.transfer.id;
    match hub.append(actor, id, piece, body::stream(bytes)).await {
        Ok(moved) => Ok((moved, true)),
        Err(error) => {
            // Nobody was told of it, so nobody can go on with it.
            if let Err(error) = hub.abandon_transfer(actor, id).await {
                tracing::debug!(%error, "an upload without its first bytes waits for the sweep");
            }
            Err(worded(error))
        }
    }
}

async fn state(hub: &Hub, actor: &Actor, id: UploadId, headers: &HeaderMap) -> Result<Response, ApiError> {
    headers::check_version(headers)?;
    let transfer = hub.transfer(actor, id).await.map_err(worded)?.transfer;
    if transfer.kind == UploadKind::Direct {
        return Err(HubError::NotFound("upload").into());
    }
    let mut response = told(StatusCode::OK, &transfer);
    let own = response.headers_mut();
    own.insert(OFFSET, HeaderValue::from(offset(&transfer)));
    match transfer.size_bytes {
        Some(bytes) => own.insert("upload-length", HeaderValue::from(bytes)),
        None => own.insert("upload-defer-length", HeaderValue::from(1)),
    };
    let (metadata, concat) = match transfer.metadata.split_once('\n') {
        Some((metadata, concat)) => (metadata, Some(concat)),
        None => (transfer.metadata.as_str(), None),
    };
    let is_part = transfer.kind == UploadKind::TusPart;
    for (name, text) in [
        ("upload-metadata", Some(metadata).filter(|text| !text.is_empty())),
        ("upload-concat", concat.or(is_part.then_some("partial"))),
    ] {
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
            own.insert(HeaderName::from_static(name), value);
        }
    }
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn append(
    hub: &Hub,
    actor: &Actor,
    id: UploadId,
    (headers, body): (&HeaderMap, Body),
) -> Result<Response, ApiError> {
    headers::check_version(headers)?;
    headers::check_type(headers)?;
    let piece = Piece {
        offset_bytes: headers::offset(headers)?,
        size_bytes: match headers::length(headers)? {
            Length::Known(bytes) => Some(bytes),
            Length::Deferred => return Err(malformed("the length can be deferred at the beginning only")),
            Length::Unsaid => None,
        },
        length_bytes: headers::content_length(headers)?,
        promise: headers::checksum(headers)?,
    };
    let moved = hub.append(actor, id, piece, body::stream(body)).await;
    let moved = moved.map_err(worded)?;
    let mut response = told(StatusCode::NO_CONTENT, &moved.transfer);
    response
        .headers_mut()
        .insert(OFFSET, HeaderValue::from(offset(&moved.transfer)));
    Ok(response)
}

async fn terminate(
    hub: &Hub,
    actor: &Actor,
    id: UploadId,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    headers::check_version(headers)?;
    hub.abandon_transfer(actor, id).await.map_err(worded)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What every reply about an upload says: when it ends, and what it became.
fn told(status: StatusCode, transfer: &Transfer) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert("upload-expires", conditions::http_date(transfer.expires_ms));
    if let Some((file, number)) = transfer.made {
        let id = HeaderValue::from_str(&file.to_string()).expect("an id is ASCII");
        headers.insert(FILE, id);
        headers.insert(header::ETAG, conditions::etag(&Version::etag_of(file, number)));
    }
    response
}

/// How many bytes are durable; of what is a file, all.
fn offset(transfer: &Transfer) -> u64 {
    match transfer.made {
        Some(_) => transfer.size_bytes.unwrap_or(transfer.offset_bytes),
        None => transfer.offset_bytes,
    }
}

fn has_bytes(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// Every reply says which tus it speaks.
fn answered<R: IntoResponse>(outcome: Result<R, ApiError>) -> Response {
    let mut response = outcome.into_response();
    let is_version = response.status() == StatusCode::PRECONDITION_FAILED;
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, VERSION);
    if is_version {
        headers.insert("tus-version", VERSION);
    }
    response
}

/// How tus words what a transfer meets.
fn worded(error: TransferError) -> ApiError {
    crate::api::direct::worded(error, problem::MALFORMED)
}

fn malformed(detail: &str) -> ApiError {
    Problem::new(problem::MALFORMED, detail).into()
}
