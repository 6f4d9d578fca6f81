//! `/api/v1/files/{id}/versions`: earlier contents of a file.

use axum::Json as Reply;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use hub::Hub;
use model::NodeId;
use serde::Serialize;
use utoipa::ToSchema;

use super::contents::ShowQuery;
use super::listings::PartQuery;
use super::nodes::reply;
use super::views::{NodeView, VersionView};
use crate::extract::{Path, Query};
use crate::problem::{ApiError, Problem};
use crate::replies;
use crate::sessions::Signed;

/// Versions of a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionList {
    /// The newest, which is the current one, first.
    versions: Vec<VersionView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// `GET /api/v1/files/{id}/versions`
///
/// The versions of a file, the current one first.
#[utoipa::path(get, path = "/api/v1/files/{id}/versions", tag = "versions",
    params(("id" = String, Path, format = Uuid), PartQuery),
    responses((status = 200, description = "One page", body = VersionList)))]
pub(crate) async fn list_versions(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    Query(query): Query<PartQuery>,
) -> Result<Reply<VersionList>, ApiError> {
    let is_first_page = query.cursor.is_none();
    let page = hub.versions(&actor, id, query.part()?).await?;
    let rows = page.items.iter().enumerate();
    let versions = rows
        .map(|(i, version)| VersionView::new(version, is_first_page && i == 0))
        .collect();
    Ok(Reply(VersionList {
        versions,
        next_cursor: page.next,
    }))
}

/// `GET /api/v1/files/{id}/versions/{number}/content`
///
/// The bytes of one version, or parts of them.
#[utoipa::path(get, path = "/api/v1/files/{id}/versions/{number}/content", tag = "versions",
    params(("id" = String, Path, format = Uuid), ("number" = u64, Path), ShowQuery,
           ("Range" = Option<String>, Header, description = "Parts, such as `bytes=0-99`")),
    responses((status = 200, description = "The content", body = Vec<u8>, content_type = "*/*"),
              (status = 206, description = "Parts of it", body = Vec<u8>, content_type = "*/*"),
              (status = 304, description = "It is the one you have"),
              (status = 412, description = "The precondition failed", body = Problem,
               content_type = "application/problem+json"),
              (status = 416, description = "Beyond its end", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn get_version_content(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path((id, number)): Path<(NodeId, u64)>,
    Query(query): Query<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let download = hub.open_file(&actor, id, Some(number)).await?;
    query.send(&hub, (&Method::GET, &headers), &download).await
}

/// `HEAD /api/v1/files/{id}/versions/{number}/content`
///
/// What `GET` would say about the content, without it.
#[utoipa::path(head, path = "/api/v1/files/{id}/versions/{number}/content", tag = "versions",
    params(("id" = String, Path, format = Uuid), ("number" = u64, Path), ShowQuery),
    responses((status = 200, description = "The content's headers"),
              (status = 304, description = "It is the one you have"),
              (status = 412, description = "The precondition failed")))]
pub(crate) async fn head_version_content(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path((id, number)): Path<(NodeId, u64)>,
    Query(query): Query<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let download = hub.open_file(&actor, id, Some(number)).await?;
    replies::content(&hub, (&Method::HEAD, &headers), &download, query.show()).await
}

/// `POST /api/v1/files/{id}/versions/{number}/restore`
///
/// Makes an earlier content the current one, as a new version; nothing is taken away.
#[utoipa::path(post, path = "/api/v1/files/{id}/versions/{number}/restore", tag = "versions",
    params(("id" = String, Path, format = Uuid), ("number" = u64, Path)),
    responses((status = 200, description = "The file after it", body = NodeView),
              (status = 507, description = "The space is full", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn restore_version(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path((id, number)): Path<(NodeId, u64)>,
) -> Result<Response, ApiError> {
    let node = hub.restore_version(&actor, id, number).await?;
    let is_starred = hub.is_starred(&actor, id).await?;
    Ok(reply(StatusCode::OK, &node, is_starred, None))
}

/// `DELETE /api/v1/files/{id}/versions/{number}`
///
/// Removes one version for good. The current one stays.
#[utoipa::path(delete, path = "/api/v1/files/{id}/versions/{number}", tag = "versions",
    params(("id" = String, Path, format = Uuid), ("number" = u64, Path)),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn remove_version(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path((id, number)): Path<(NodeId, u64)>,
) -> Result<StatusCode, ApiError> {
    hub.remove_version(&actor, id, number).await?;
    Ok(StatusCode::NO_CONTENT)
}
