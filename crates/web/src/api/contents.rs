//! `/api/v1/files/{id}/content`: the bytes of a file.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method};
use hub::Hub;
use model::NodeId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::extract::{Path, Query};
use crate::problem::{ApiError, Problem};
use crate::replies::{self, Show};
use crate::sessions::Signed;

/// How to show a content.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowQuery {
    /// `true` shows it in the browser where its type can do no harm.
    inline: Option<bool>,
}

impl ShowQuery {
    /// As a choice.
    pub fn show(&self) -> Show {
        if self.inline.unwrap_or(false) {
            Show::Inline
        } else {
            Show::Attached
        }
    }
}

/// `GET /api/v1/files/{id}/content`
///
/// The bytes of a file, or parts of them.
#[utoipa::path(get, path = "/api/v1/files/{id}/content", tag = "files",
    params(("id" = String, Path, format = Uuid), ShowQuery,
           ("Range" = Option<String>, Header, description = "Parts, such as `bytes=0-99`"),
           ("If-None-Match" = Option<String>, Header, description = "Only if the content is another")),
    responses((status = 200, description = "The content", body = Vec<u8>, content_type = "*/*"),
              (status = 206, description = "Parts of it", body = Vec<u8>, content_type = "*/*"),
              (status = 304, description = "It is the one you have"),
              (status = 412, description = "The precondition failed", body = Problem,
               content_type = "application/problem+json"),
              (status = 416, description = "Beyond its end", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn get_content(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    Query(query): Query<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let download = hub.open_file(&actor, id, None).await?;
    replies::content(&hub, (&Method::GET, &headers), &download, query.show()).await
}

/// `HEAD /api/v1/files/{id}/content`
///
/// What `GET` would say about the content, without it.
#[utoipa::path(head, path = "/api/v1/files/{id}/content", tag = "files",
    params(("id" = String, Path, format = Uuid), ShowQuery),
    responses((status = 200, description = "The content's headers"),
              (status = 304, description = "It is the one you have"),
              (status = 412, description = "The precondition failed")))]
pub(crate) async fn head_content(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    Query(query): Query<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let download = hub.open_file(&actor, id, None).await?;
    replies::content(&hub, (&Method::HEAD, &headers), &download, query.show()).await
}
