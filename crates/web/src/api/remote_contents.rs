//! Contents in connections, fetched through this server, and signed addresses of them.

use std::ops::Range;

use axum::Json as Reply;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use http::header::{self, HeaderMap, HeaderValue};
use http::{StatusCode, Uri};
use hub::{Hub, RemoteDownload};
use model::ConnectionId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::time;
use crate::base::Base;
use crate::blob::refuse_additions;
use crate::disposition;
use crate::extract::{Path, Query};
use crate::problem::{self, ApiError, Problem};
use crate::ranges::{self, Wanted};
use crate::replies::{self, AsItIs, SANDBOX};
use crate::sessions::Signed;

/// Which content.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ContentQuery {
    /// The item's id there.
    #[param(max_length = 4096)]
    item: String,
    /// The media type that a document is had as; its first when left out.
    export: Option<String>,
}

/// An address of a content in a connection.
#[derive(Serialize, ToSchema)]
pub(crate) struct RemoteAddress {
    /// The address. Who has it needs no other proof.
    #[schema(example = "https://drive.example.org/blob/connections/eyJu…")]
    url: String,
    /// When it ends, as far as is known.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// `GET /api/v1/connections/{id}/items/content`
///
/// The content of a file in a connection, or the export of a document, through this server. What arrives is compared
/// with the provider's hash: a content that is not right breaks off.
#[utoipa::path(get, path = "/api/v1/connections/{id}/items/content", tag = "connections",
    params(("id" = String, Path, format = Uuid), ContentQuery,
           ("Range" = Option<String>, Header, description = "A part, such as `bytes=0-99`")),
    responses((status = 200, description = "The content", body = Vec<u8>, content_type = "*/*"),
              (status = 206, description = "A part of it", body = Vec<u8>, content_type = "*/*"),
              (status = 409, description = "Somebody has to sign in again there", body = Problem,
               content_type = "application/problem+json"),
              (status = 416, description = "Beyond its end", body = Problem,
               content_type = "application/problem+json"),
              (status = 422, description = "It has no content, or the provider refuses", body = Problem,
               content_type = "application/problem+json"),
              (status = 502, description = "The provider does not answer", body = Problem,
               content_type = "application/problem+json"),
              (status = 503, description = "The provider asks us to wait", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn item_content(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConnectionId>,
    Query(query): Query<ContentQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut range = None;
    if let Some(header) = range_of(&headers) {
        let item = hub.remote_item(&actor, (id, &query.item)).await?;
        range = part(header, item.size_bytes)?;
    }
    let export = query.export.as_deref();
    let download = hub.open_remote(&actor, (id, &query.item), export, range).await?;
    Ok(sent(download))
}

/// `POST /api/v1/connections/{id}/items/url`
///
/// Signs an address of a content in a connection: one of the provider's own where it has them.
#[utoipa::path(post, path = "/api/v1/connections/{id}/items/url", tag = "connections",
    params(("id" = String, Path, format = Uuid), ContentQuery),
    responses((status = 200, description = "The address", body = RemoteAddress)))]
pub(crate) async fn sign_item(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    base: Base,
    Path(id): Path<ConnectionId>,
    Query(query): Query<ContentQuery>,
) -> Result<Reply<RemoteAddress>, ApiError> {
    let item = hub.remote_item(&actor, (id, &query.item)).await?;
    let export = query.export.as_deref();
    let address = hub
        .sign_remote(&actor, (id, &query.item), export, &item.name)
        .await?;
    Ok(Reply(RemoteAddress {
        url: url(&base, &address),
        expires_at: time(address.expires_ms),
    }))
}

/// The whole of a signed address.
pub(crate) fn url(base: &Base, address: &hub::SignedAddress) -> String {
    let ours = || format!("{}/blob/connections/{}", base.0, address.secret);
    address.store_url.clone().unwrap_or_else(ours)
}

/// `GET /blob/connections/{secret}`
///
/// The content in a connection that an address was signed for.
#[utoipa::path(get, path = "/blob/connections/{secret}", tag = "connections", security(()),
    params(("secret" = String, Path, description = "As it was signed, and nothing after it")),
    responses((status = 200, description = "The content", body = Vec<u8>, content_type = "*/*"),
              (status = 403, description = "The address was changed, or has ended", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn signed_item(
    State(hub): State<Hub>,
    Path(secret): Path<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    refuse_additions(&uri)?;
    Ok(sent(hub.open_signed_remote(&secret, None).await?))
}

fn range_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::RANGE)?.to_str().ok()
}

/// The one part that is wanted; several are answered with the whole.
fn part(header: &str, size_bytes: Option<u64>) -> Result<Option<Range<u64>>, ApiError> {
    let Some(size_bytes) = size_bytes else {
        return Ok(None);
    };
    match ranges::parse(header, size_bytes) {
        Wanted::One(part) => Ok(Some(part)),
        Wanted::Whole | Wanted::Many(_) => Ok(None),
        Wanted::Beyond => {
            let detail = format!("the content has {size_bytes} bytes");
            Err(Problem::new(problem::RANGE, detail).into())
        }
    }
}

fn sent(download: RemoteDownload) -> Response {
    let (status, length) = match (&download.range, download.size_bytes) {
        (Some(range), _) => (StatusCode::PARTIAL_CONTENT, Some(range.end - range.start)),
        (None, size) => (StatusCode::OK, size),
    };
    let body = Body::from_stream(download.stream.map_err(|error| {
        tracing::info!(%error, "a content from a connection broke off");
        error
    }));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    // Nobody here has looked at what it is: it is saved, never shown.
    let octets = HeaderValue::from_static("application/octet-stream");
    let kind = HeaderValue::from_str(&download.media_type).unwrap_or(octets);
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(
        header::CONTENT_DISPOSITION,
        disposition::header("attachment", &download.file_name),
    );
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if let (Some(range), Some(size_bytes)) = (&download.range, download.size_bytes) {
        headers.insert(header::CONTENT_RANGE, replies::content_range(range, size_bytes));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    response.extensions_mut().insert(AsItIs);
    response
}
