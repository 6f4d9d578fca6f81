//! `/api/v1/trash`: deleted nodes.

use axum::Json as Reply;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use hub::Hub;
use model::NodeId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::listings::PartQuery;
use super::nodes::{name, reply};
use super::views::{NodePage, NodeView};
use crate::extract::{Folder, OptionalJson, Path, Query};
use crate::problem::{ApiError, Problem};
use crate::sessions::Signed;

/// Where to restore to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreBody {
    /// The folder: an id, or `root`; when left out, where it was, or the root if that is gone.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(root|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    parent_id: Option<Folder>,
    /// Another name.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^/\\\u0000-\u001f\u007f-\u009f]*$"
    )]
    name: Option<String>,
}

/// `GET /api/v1/trash`
///
/// What you deleted, the latest first; what lay below a folder comes with it.
#[utoipa::path(get, path = "/api/v1/trash", tag = "trash", params(PartQuery),
    responses((status = 200, description = "One page", body = NodePage)))]
pub(crate) async fn list_trash(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<PartQuery>,
) -> Result<Reply<NodePage>, ApiError> {
    Ok(Reply(hub.trash(&actor, query.part()?).await?.into()))
}

/// `POST /api/v1/trash/{id}/restore`
///
/// Puts a deleted node back. A name that is taken by now gets a number.
#[utoipa::path(post, path = "/api/v1/trash/{id}/restore", tag = "trash", request_body = RestoreBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The node, back in a folder", body = NodeView),
              (status = 507, description = "The space is full", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn restore_node(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    OptionalJson(body): OptionalJson<RestoreBody>,
) -> Result<Response, ApiError> {
    let name = body.name.as_deref().map(name).transpose()?;
    let place = (body.parent_id.map(|folder| folder.0), name);
    let (node, path) = hub.restore(&actor, id, place).await?;
    let is_starred = hub.is_starred(&actor, id).await?;
    Ok(reply(StatusCode::OK, &node, is_starred, Some(&path)))
}

/// `DELETE /api/v1/trash/{id}`
///
/// Deletes a deleted node for good, with all below it.
#[utoipa::path(delete, path = "/api/v1/trash/{id}", tag = "trash",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn purge_node(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
) -> Result<StatusCode, ApiError> {
    hub.purge(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/v1/trash`
///
/// Deletes everything in your trash for good.
#[utoipa::path(delete, path = "/api/v1/trash", tag = "trash",
    responses((status = 204, description = "It is empty")))]
pub(crate) async fn empty_trash(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<StatusCode, ApiError> {
    hub.empty_trash(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
