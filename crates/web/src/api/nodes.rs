//! `/api/v1/nodes`: folders and files by their ids.

use std::str::FromStr;

use axum::Json as Reply;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use hub::{Copy, Hub, Info, NodeChange};
use model::{Guard, Node, NodeId, NodeName, NodePath, OnConflict};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::views::NodeView;
use crate::conditions;
use crate::extract::{Folder, Json, OptionalJson, Path, Query, optional_word};
use crate::problem::{self, ApiError, Problem};
use crate::sessions::Signed;

/// What to change about a node's place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeBody {
    /// Its new name.
    #[serde(default)]
    #[schema(
        example = "report 2026.pdf",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^/\\\u0000-\u001f\u007f-\u009f]*$"
    )]
    name: Option<String>,
    /// Its new folder: an id, or `root`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "root", pattern = "^(root|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    parent_id: Option<Folder>,
    /// When the name is taken: `fail` (default) or `keep_both`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(example = "fail")]
    on_conflict: Option<Taken>,
}

impl NodeBody {
    /// Checked.
    pub fn read(&self, guard: Guard) -> Result<NodeChange, ApiError> {
        Ok(NodeChange {
            name: self.name.as_deref().map(name).transpose()?,
            folder: self.parent_id.map(|folder| folder.0),
            on_conflict: self.on_conflict.unwrap_or(Taken::Fail).into(),
            guard,
        })
    }
}

/// Where to copy a node to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CopyBody {
    /// Into which folder: an id, or `root`; its own when left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "root", pattern = "^(root|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    parent_id: Option<Folder>,
    /// Under which name; its own when left out.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^/\\\u0000-\u001f\u007f-\u009f]*$"
    )]
    name: Option<String>,
    /// When the name is taken: `keep_both` (default) or `fail`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(example = "keep_both")]
    on_conflict: Option<Taken>,
}

/// What to do when a name is taken and nothing may be written over.
#[derive(Debug, Clone, std::marker::Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Taken {
    /// The newcomer gets a number.
    KeepBoth,
    /// Refuse.
    Fail,
}

impl From<Taken> for OnConflict {
    fn from(taken: Taken) -> Self {
        match taken {
            Taken::KeepBoth => Self::KeepBoth,
            Taken::Fail => Self::Fail,
        }
    }
}

/// A path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PathQuery {
    /// From your root folder down, such as `/Papers/report.pdf`.
    #[param(example = "/Papers/report.pdf", max_length = 4096)]
    path: String,
}

/// A node name that came in a field of a body.
pub(crate) fn name(text: &str) -> Result<NodeName, ApiError> {
    NodeName::new(text).map_err(|error| field("name", &error))
}

/// A path that came in a field or parameter called `path`.
pub(crate) fn path(text: &str) -> Result<NodePath, ApiError> {
    NodePath::from_str(text).map_err(|error| field("path", &error))
}

fn field(field: &str, error: &impl ToString) -> ApiError {
    let detail = error.to_string();
    Problem::new(problem::INVALID, detail.clone())
        .field(field, detail)
        .into()
}

/// A node and its entity tag.
pub(crate) fn reply(status: StatusCode, node: &Node, is_starred: bool, path: Option<&NodePath>) -> Response {
    let etag = conditions::etag(&node.etag());
    (
        status,
        [(header::ETAG, etag)],
        Reply(NodeView::new(node, is_starred, path)),
    )
        .into_response()
}

/// A node with all that its reader wants to know about it.
pub(crate) fn shown(info: &Info) -> Response {
    let etag = conditions::etag(&info.node.etag());
    ([(header::ETAG, etag)], Reply(NodeView::from(info))).into_response()
}

/// `GET /api/v1/nodes/{id}`
///
/// A folder or file with its path.
#[utoipa::path(get, path = "/api/v1/nodes/{id}", tag = "nodes",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The node", body = NodeView)))]
pub(crate) async fn get_node(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
) -> Result<Response, ApiError> {
    Ok(shown(&hub.info(&actor, id).await?))
}

/// `PATCH /api/v1/nodes/{id}`
///
/// Renames or moves a node. Moving a folder costs the same whatever it holds.
#[utoipa::path(patch, path = "/api/v1/nodes/{id}", tag = "nodes", request_body = NodeBody,
    params(("id" = String, Path, format = Uuid),
           ("If-Match" = Option<String>, Header, description = "Only if the node still has this entity tag")),
    responses((status = 200, description = "The node after it", body = NodeView)))]
pub(crate) async fn change_node(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    headers: HeaderMap,
    Json(body): Json<NodeBody>,
) -> Result<Response, ApiError> {
    let change = body.read(conditions::guard(&headers)?)?;
    // What it did is told, not what is there by now: someone else may have deleted the node meanwhile.
    let (node, path) = hub.change_node(&actor, id, change).await?;
    let is_starred = hub.is_starred(&actor, id).await?;
    Ok(reply(StatusCode::OK, &node, is_starred, Some(&path)))
}

/// `DELETE /api/v1/nodes/{id}`
///
/// Moves a node with all below it to the trash.
#[utoipa::path(delete, path = "/api/v1/nodes/{id}", tag = "nodes",
    params(("id" = String, Path, format = Uuid),
           ("If-Match" = Option<String>, Header, description = "Only if the node still has this entity tag")),
    responses((status = 204, description = "It is in the trash")))]
pub(crate) async fn delete_node(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    hub.delete(&actor, id, conditions::guard(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/nodes/{id}/copy`
///
/// Copies a node with all below it. No byte is copied: the copy shares the stored content.
#[utoipa::path(post, path = "/api/v1/nodes/{id}/copy", tag = "nodes", request_body = CopyBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 201, description = "The copy", body = NodeView)))]
pub(crate) async fn copy_node(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    OptionalJson(body): OptionalJson<CopyBody>,
) -> Result<Response, ApiError> {
    let copy = Copy {
        node: id,
        folder: body.parent_id.map(|folder| folder.0),
        name: body.name.as_deref().map(name).transpose()?,
        on_conflict: body.on_conflict.unwrap_or(Taken::KeepBoth).into(),
    };
    let (node, path) = hub.copy(&actor, copy).await?;
    Ok(reply(StatusCode::CREATED, &node, false, Some(&path)))
}

/// `PUT /api/v1/nodes/{id}/star`
///
/// Stars a node, for you alone.
#[utoipa::path(put, path = "/api/v1/nodes/{id}/star", tag = "nodes",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "Starred")))]
pub(crate) async fn star_node(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
) -> Result<StatusCode, ApiError> {
    hub.star(&actor, id, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/v1/nodes/{id}/star`
///
/// Takes your star from a node.
#[utoipa::path(delete, path = "/api/v1/nodes/{id}/star", tag = "nodes",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "Not starred")))]
pub(crate) async fn unstar_node(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
) -> Result<StatusCode, ApiError> {
    hub.star(&actor, id, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v1/resolve`
///
/// Finds the node at a path.
#[utoipa::path(get, path = "/api/v1/resolve", tag = "nodes", params(PathQuery),
    responses((status = 200, description = "The node", body = NodeView),
              (status = 404, description = "There is nothing at this path", body = Problem,
               content_type = "application/problem+json"),
              (status = 422, description = "It is no path", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn resolve_path(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<PathQuery>,
) -> Result<Response, ApiError> {
    let info = hub.resolve(&actor, &path(&query.path)?).await?;
    Ok(shown(&info))
}
