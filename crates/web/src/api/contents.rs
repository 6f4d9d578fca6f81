//! `/api/v1/files/{id}/content`: the bytes of a file.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method};
use hub::{Download, Hub};
use model::NodeId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Path, Query};
use crate::problem::{ApiError, Problem};
use crate::replies::{self, Show};
use crate::sessions::Signed;

/// How to show a content.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowQuery {
    /// `true` shows it in the browser where its type can do no harm.
    pub inline: Option<bool>,
    /// `server` streams it through this server even where its store could send it.
    #[param(inline)]
    pub through: Option<Through>,
}

/// Who sends a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Through {
    /// This server.
    Server,
    /// Its store, where it has signed addresses; the server otherwise.
    Store,
}

impl ShowQuery {
    /// Sends a content as it is asked for.
    ///
    /// # Errors
    /// Those of [`replies::content`].
    pub async fn send(
        &self,
        hub: &Hub,
        request: (&Method, &HeaderMap),
        download: &Download,
    ) -> Result<Response, ApiError> {
        match self.through {
            Some(Through::Server) => replies::content(hub, request, download, self.show()).await,
            Some(Through::Store) | None => replies::sent_on(hub, request, download, self.show()).await,
        }
    }

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
    query.send(&hub, (&Method::GET, &headers), &download).await
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
