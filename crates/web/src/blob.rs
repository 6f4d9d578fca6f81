//! `/blob/{secret}`: one content for a short time, to whoever holds its address.

use axum::Json as Reply;
use axum::extract::State;
use axum::response::Response;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Uri};
use hub::{Hub, HubError, SignedAddress, SignedDownload};
use model::NodeId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::views::time;
use crate::base::Base;
use crate::extract::{OptionalJson, Path};
use crate::problem::{self, ApiError, Problem};
use crate::replies::{self, Show};
use crate::sessions::Signed;
use crate::visitors;

/// What an address is wanted for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressBody {
    /// How long it holds, seconds: 1 to 900, or to what `CUMULI_SIGNED_URL_EXPIRY` says if that is more;
    /// what it says when left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604800, example = 300)]
    expires_in: Option<u32>,
    /// `true` shows the content in the browser where its type can do no harm.
    #[serde(default)]
    inline: Option<bool>,
    /// Number of the version; the current one when left out.
    #[serde(default)]
    #[schema(minimum = 1, example = 3)]
    version: Option<u64>,
}

/// An address of a content.
#[derive(Serialize, ToSchema)]
pub(crate) struct AddressView {
    /// The address. Who has it needs no other proof.
    #[schema(example = "https://drive.example.org/blob/eyJu…")]
    url: String,
    /// When it ends. One of this server ends sooner when who asked for it may not see the file any more.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// `POST /api/v1/files/{id}/url`
///
/// Signs an address of a content, which opens it for a short time without any other proof.
#[utoipa::path(post, path = "/api/v1/files/{id}/url", tag = "files", request_body = AddressBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The address", body = AddressView)))]
pub(crate) async fn sign_content(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    base: Base,
    Path(id): Path<NodeId>,
    OptionalJson(body): OptionalJson<AddressBody>,
) -> Result<Reply<AddressView>, ApiError> {
    let shape = (body.expires_in, body.inline.unwrap_or(false));
    let address = hub.sign_download(&actor, (id, body.version), shape).await?;
    Ok(Reply(AddressView {
        url: url(&base, &address),
        expires_at: time(address.expires_ms),
    }))
}

/// The whole of a signed address.
pub(crate) fn url(base: &Base, address: &SignedAddress) -> String {
    let ours = || format!("{}/blob/{}", base.0, address.secret);
    address.store_url.clone().unwrap_or_else(ours)
}

/// `GET /blob/{secret}`
///
/// The bytes that an address was signed for, or parts of them.
#[utoipa::path(get, path = "/blob/{secret}", tag = "files", security(()),
    params(("secret" = String, Path, description = "As it was signed, and nothing after it"),
           ("Range" = Option<String>, Header, description = "Parts, such as `bytes=0-99`"),
           ("If-None-Match" = Option<String>, Header, description = "Only if the content is another")),
    responses((status = 200, description = "The content", body = Vec<u8>, content_type = "*/*"),
              (status = 206, description = "Parts of it", body = Vec<u8>, content_type = "*/*"),
              (status = 304, description = "It is the one you have"),
              (status = 403, description = "The address was changed, or has ended", body = Problem,
               content_type = "application/problem+json"),
              (status = 416, description = "Beyond its end", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn get_blob(
    State(hub): State<Hub>,
    Path(secret): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    open(&hub, &secret, &uri, (&Method::GET, &headers)).await
}

/// `HEAD /blob/{secret}`
///
/// What `GET` would say about the content, without it.
#[utoipa::path(head, path = "/blob/{secret}", tag = "files", security(()),
    params(("secret" = String, Path)),
    responses((status = 200, description = "The content's headers"),
              (status = 304, description = "It is the one you have"),
              (status = 403, description = "The address was changed, or has ended")))]
pub(crate) async fn head_blob(
    State(hub): State<Hub>,
    Path(secret): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    open(&hub, &secret, &uri, (&Method::HEAD, &headers)).await
}

/// The signature is of all that an address says: nothing can be added to it.
pub(crate) fn refuse_additions(uri: &Uri) -> Result<(), ApiError> {
    if uri.query().is_some() {
        let detail = "this address is not valid: nothing may be added to it";
        return Err(Problem::new(problem::FORBIDDEN, detail).into());
    }
    Ok(())
}

async fn open(
    hub: &Hub,
    secret: &str,
    uri: &Uri,
    (method, headers): (&Method, &HeaderMap),
) -> Result<Response, ApiError> {
    refuse_additions(uri)?;
    let SignedDownload {
        download,
        is_inline,
        link,
    } = hub.open_signed(secret).await?;
    let show = if is_inline { Show::Inline } else { Show::Attached };
    if let Some(link) = link {
        let is_used_up = link.most_downloads.is_some_and(|most| link.downloads >= most);
        if is_used_up {
            return Err(HubError::NotFound("link").into());
        }
        return visitors::send(hub, &link, (method, headers), (&download, show)).await;
    }
    let mut response = replies::sent_on(hub, (method, headers), &download, show).await?;
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    Ok(response)
}
