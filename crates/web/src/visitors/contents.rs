//! Contents: the bytes of what a link opens, file by file or all together.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method};
use hub::{FolderRef, Hub, Visit};
use model::NodeId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Visiting, send};
use crate::api::contents::ShowQuery;
use crate::extract::{Folder, Path, Query};
use crate::problem::{ApiError, Problem};
use crate::zip;

/// Which folder to pack.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PackQuery {
    /// Its id; what the link opens when left out.
    #[param(value_type = Option<String>, pattern = "^(root|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    folder: Option<Folder>,
}

/// `GET /s/{token}/content`
///
/// The bytes of the file that a link opens, or parts of them.
#[utoipa::path(get, path = "/s/{token}/content", tag = "visitors", security(()),
    params(("token" = String, Path), ShowQuery,
           ("Range" = Option<String>, Header, description = "Parts, such as `bytes=0-99`"),
           ("If-None-Match" = Option<String>, Header, description = "Only if the content is another")),
    responses((status = 200, description = "The content", body = Vec<u8>, content_type = "*/*"),
              (status = 206, description = "Parts of it", body = Vec<u8>, content_type = "*/*"),
              (status = 304, description = "It is the one you have"),
              (status = 416, description = "Beyond its end", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn visit_content(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Query(query): Query<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = visit.node.id;
    content(&hub, &visit, (id, &query), (&Method::GET, &headers)).await
}

/// `HEAD /s/{token}/content`
///
/// What `GET` would say about the content, without it.
#[utoipa::path(head, path = "/s/{token}/content", tag = "visitors", security(()),
    params(("token" = String, Path), ShowQuery),
    responses((status = 200, description = "The content's headers"),
              (status = 304, description = "It is the one you have")))]
pub(crate) async fn head_visit_content(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Query(query): Query<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = visit.node.id;
    content(&hub, &visit, (id, &query), (&Method::HEAD, &headers)).await
}

/// `GET /s/{token}/files/{id}/content`
///
/// The bytes of a file in the folder that a link opens, or parts of them.
#[utoipa::path(get, path = "/s/{token}/files/{id}/content", tag = "visitors", security(()),
    params(("token" = String, Path), ("id" = String, Path, format = Uuid), ShowQuery,
           ("Range" = Option<String>, Header, description = "Parts, such as `bytes=0-99`"),
           ("If-None-Match" = Option<String>, Header, description = "Only if the content is another")),
    responses((status = 200, description = "The content", body = Vec<u8>, content_type = "*/*"),
              (status = 206, description = "Parts of it", body = Vec<u8>, content_type = "*/*"),
              (status = 304, description = "It is the one you have"),
              (status = 416, description = "Beyond its end", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn visit_file(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Path((_token, id)): Path<(String, NodeId)>,
    Query(query): Query<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    content(&hub, &visit, (id, &query), (&Method::GET, &headers)).await
}

/// `HEAD /s/{token}/files/{id}/content`
///
/// What `GET` would say about the content, without it.
#[utoipa::path(head, path = "/s/{token}/files/{id}/content", tag = "visitors", security(()),
    params(("token" = String, Path), ("id" = String, Path, format = Uuid), ShowQuery),
    responses((status = 200, description = "The content's headers"),
              (status = 304, description = "It is the one you have")))]
pub(crate) async fn head_visit_file(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Path((_token, id)): Path<(String, NodeId)>,
    Query(query): Query<ShowQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    content(&hub, &visit, (id, &query), (&Method::HEAD, &headers)).await
}

async fn content(
    hub: &Hub,
    visit: &Visit,
    (id, query): (NodeId, &ShowQuery),
    request: (&Method, &HeaderMap),
) -> Result<Response, ApiError> {
    let download = hub.open_file(&visit.actor, id, None).await?;
    send(hub, &visit.link, request, (&download, query.show())).await
}

/// `GET /s/{token}/zip`
///
/// A folder of a link with all that is in it, or the file that it opens, as a zip archive.
#[utoipa::path(get, path = "/s/{token}/zip", tag = "visitors", security(()),
    params(("token" = String, Path), PackQuery),
    responses((status = 200, description = "The archive", body = Vec<u8>, content_type = "application/zip")))]
pub(crate) async fn visit_zip(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Query(query): Query<PackQuery>,
    method: Method,
) -> Result<Response, ApiError> {
    let id = match query.folder.map(|folder| folder.0) {
        Some(FolderRef::Id(id)) => id,
        Some(FolderRef::Root) | None => visit.node.id,
    };
    let info = hub.info(&visit.actor, id).await?;
    if method == Method::GET {
        hub.count_download(&visit.link).await?;
    }
    Ok(zip::reply(&hub, &visit.actor, vec![info.node], &method))
}
