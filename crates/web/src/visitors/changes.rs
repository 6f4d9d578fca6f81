//! Changes: what a link for editing lets visitors do, and putting files into a folder unseen.

use axum::Json as Reply;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use hub::{Hub, HubError, Upload, UploadPlace, Visit};
use model::{LinkMode, Node, NodeId, Origin};
use serde::Serialize;
use utoipa::ToSchema;

use super::Visiting;
use super::looks::ItemView;
use crate::api::folders::FolderBody;
use crate::api::nodes::{NodeBody, name};
use crate::api::uploads::StoreQuery;
use crate::extract::{Folder, Json, Path, Query};
use crate::problem::{self, ApiError, Problem};
use crate::{body, conditions, media};

/// What is told of a file that was put into a folder unseen: what its sender knows anyway.
#[derive(Serialize, ToSchema)]
pub(crate) struct DroppedView {
    /// Its name as it was sent.
    #[schema(example = "application.pdf")]
    name: String,
    /// Bytes that arrived.
    size: u64,
}

/// What an upload by a visitor made, in the words of its link's mode.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub(crate) enum StoredView {
    /// Where one may look.
    Item(ItemView),
    /// Where one may not.
    Dropped(DroppedView),
}

/// `PUT /s/{token}/folders/{id}/files/{name}`
///
/// Stores the body as the named file. Where one only puts files into it, the folder is `root`, a name
/// that is taken gets a number, and the answer tells nothing but what was sent.
#[utoipa::path(put, path = "/s/{token}/folders/{id}/files/{name}", tag = "visitors", security(()),
    params(("token" = String, Path), ("id" = String, Path, description = "An id, or `root`"),
           ("name" = String, Path), StoreQuery,
           ("If-Match" = Option<String>, Header, description = "Only over this content"),
           ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is no such file")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "A new file", body = StoredView),
              (status = 200, description = "A new version", body = ItemView)))]
pub(crate) async fn visit_put(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Path((_token, folder, text)): Path<(String, Folder, String)>,
    Query(query): Query<StoreQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let name = name(&text)?;
    let media_type = media::of_upload(&headers, &name);
    let folder = folder.0;
    let place = match visit.link.mode {
        LinkMode::Drop => UploadPlace::Inbox { folder, name },
        LinkMode::View | LinkMode::Edit => UploadPlace::In { folder, name },
    };
    let (node, status) = store(&hub, &visit, (place, media_type, query), (&headers, body)).await?;
    Ok(match visit.link.mode {
        LinkMode::Drop => {
            let size = node.size_bytes();
            (StatusCode::CREATED, Reply(DroppedView { name: text, size })).into_response()
        }
        LinkMode::View | LinkMode::Edit => (status, Reply(ItemView::from(&node))).into_response(),
    })
}

/// `PUT /s/{token}/files/{id}/content`
///
/// Gives a file a new content; the old one stays as a version.
#[utoipa::path(put, path = "/s/{token}/files/{id}/content", tag = "visitors", security(()),
    params(("token" = String, Path), ("id" = String, Path, format = Uuid),
           ("If-Match" = Option<String>, Header, description = "Only over this content")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "A new version", body = ItemView)))]
pub(crate) async fn visit_put_content(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Path((_token, id)): Path<(String, NodeId)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let name = hub.info(&visit.actor, id).await?.node.name;
    let media_type = media::of_upload(&headers, &name);
    let query = StoreQuery::default();
    let (node, status) = store(
        &hub,
        &visit,
        (UploadPlace::Over(id), media_type, query),
        (&headers, body),
    )
    .await?;
    Ok((status, Reply(ItemView::from(&node))).into_response())
}

async fn store(
    hub: &Hub,
    visit: &Visit,
    (place, media_type, query): (UploadPlace, String, StoreQuery),
    (headers, body): (&HeaderMap, Body),
) -> Result<(Node, StatusCode), ApiError> {
    let expected = body::expected(headers)?;
    let upload = Upload {
        place,
        on_conflict: query.on_conflict(),
        guard: conditions::guard(headers)?,
        media_type,
        origin: Origin::Link,
        is_tracked: false,
    };
    let stored = hub
        .upload(&visit.actor, upload, expected, body::stream(body))
        .await
        .map_err(without_figures)?;
    let status = match stored.was_created {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((stored.node, status))
}

/// How full somebody's space is concerns no visitor.
fn without_figures(error: HubError) -> ApiError {
    match error {
        HubError::QuotaExceeded { .. } => Problem::new(problem::QUOTA, "there is no room for it").into(),
        error => error.into(),
    }
}

/// `POST /s/{token}/folders`
///
/// Makes a folder, or the missing folders of a path, below what the link opens.
#[utoipa::path(post, path = "/s/{token}/folders", tag = "visitors", security(()), request_body = FolderBody,
    params(("token" = String, Path)),
    responses((status = 201, description = "The folder", body = ItemView)))]
pub(crate) async fn visit_create_folder(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Json(body): Json<FolderBody>,
) -> Result<(StatusCode, Reply<ItemView>), ApiError> {
    let (node, _) = hub.create_folder(&visit.actor, body.read()?).await?;
    Ok((StatusCode::CREATED, Reply(ItemView::from(&node))))
}

/// `PATCH /s/{token}/nodes/{id}`
///
/// Renames or moves a node within what the link opens.
#[utoipa::path(patch, path = "/s/{token}/nodes/{id}", tag = "visitors", security(()), request_body = NodeBody,
    params(("token" = String, Path), ("id" = String, Path, format = Uuid),
           ("If-Match" = Option<String>, Header, description = "Only if the node still has this entity tag")),
    responses((status = 200, description = "The node after it", body = ItemView)))]
pub(crate) async fn visit_change_node(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Path((_token, id)): Path<(String, NodeId)>,
    headers: HeaderMap,
    Json(body): Json<NodeBody>,
) -> Result<Reply<ItemView>, ApiError> {
    let change = body.read(conditions::guard(&headers)?)?;
    let (node, _) = hub.change_node(&visit.actor, id, change).await?;
    Ok(Reply(ItemView::from(&node)))
}

/// `DELETE /s/{token}/nodes/{id}`
///
/// Moves a node to the trash of its owner.
#[utoipa::path(delete, path = "/s/{token}/nodes/{id}", tag = "visitors", security(()),
    params(("token" = String, Path), ("id" = String, Path, format = Uuid),
           ("If-Match" = Option<String>, Header, description = "Only if the node still has this entity tag")),
    responses((status = 204, description = "It is in the trash")))]
pub(crate) async fn visit_delete_node(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Path((_token, id)): Path<(String, NodeId)>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    hub.delete(&visit.actor, id, conditions::guard(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
