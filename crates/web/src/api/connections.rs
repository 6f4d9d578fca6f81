//! `/api/v1/connections`: linked accounts, buckets and folders.

use axum::Json as Reply;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use hub::{ConnectionRow, Hub, Part};
use model::ConnectionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::connection_bodies::ConnectionBody;
use super::connection_views::{AbilitiesView, CheckView, ConnectionView, RemoteItemView, RemotePageView};
use crate::extract::{Json, Path, Query, limit};
use crate::problem::{ApiError, Problem};
use crate::sessions::Signed;

/// All connections that one may use.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionList {
    /// One's own, the oldest first; for an administrator then the server's.
    connections: Vec<ConnectionView>,
}

/// A connection, and what it can do.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionDetails {
    #[serde(flatten)]
    connection: ConnectionView,
    /// What it can do; `null` while it cannot be opened.
    abilities: Option<AbilitiesView>,
}

/// What changes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionChange {
    /// What it is called.
    #[schema(example = "Work", min_length = 1, max_length = 255)]
    label: String,
}

/// What became of the access.
#[derive(Serialize, ToSchema)]
pub(crate) struct Disconnected {
    /// Whether the provider took the access back, or there was none to take.
    revoked: bool,
    /// What is left to do, in a sentence; `null` when nothing is.
    advice: Option<&'static str>,
}

/// Part of a folder in a connection.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ItemsQuery {
    /// The folder's id there; `root` (default) is the top.
    #[param(max_length = 4096)]
    folder: Option<String>,
    /// Items at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// `GET /api/v1/connections`
///
/// Your linked accounts, buckets and folders, and how they are.
#[utoipa::path(get, path = "/api/v1/connections", tag = "connections",
    responses((status = 200, description = "The connections", body = ConnectionList)))]
pub(crate) async fn list_connections(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<Reply<ConnectionList>, ApiError> {
    let rows = hub.connections(&actor).await?;
    Ok(Reply(ConnectionList {
        connections: rows.into_iter().map(ConnectionView::from).collect(),
    }))
}

/// `POST /api/v1/connections`
///
/// Connects a bucket, a container, a WebDAV server or, for administrators, a folder of the server. It is tried out
/// before it is kept. Accounts at Google and Microsoft are linked by `POST /auth/{provider}/link`.
#[utoipa::path(post, path = "/api/v1/connections", tag = "connections", request_body = ConnectionBody,
    responses((status = 201, description = "It works, and is being looked at", body = ConnectionView),
              (status = 403, description = "Only an administrator may", body = Problem,
               content_type = "application/problem+json"),
              (status = 409, description = "It is connected already", body = Problem,
               content_type = "application/problem+json"),
              (status = 422, description = "It was tried out and does not work; the detail says why", body = Problem,
               content_type = "application/problem+json"),
              (status = 502, description = "It does not answer", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn create_connection(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Json(body): Json<ConnectionBody>,
) -> Result<Response, ApiError> {
    let row = hub.connect(&actor, body.read()?).await?;
    Ok((StatusCode::CREATED, Reply(ConnectionView::from(row))).into_response())
}

/// `GET /api/v1/connections/{id}`
///
/// A connection, how it is, and what it can do.
#[utoipa::path(get, path = "/api/v1/connections/{id}", tag = "connections",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The connection", body = ConnectionDetails)))]
pub(crate) async fn get_connection(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConnectionId>,
) -> Result<Reply<ConnectionDetails>, ApiError> {
    let row: ConnectionRow = hub.connection(&actor, id).await?;
    // A connection that cannot be opened is shown all the same: its state says why.
    let abilities = hub.abilities(&actor, id).await.ok();
    Ok(Reply(ConnectionDetails {
        connection: row.into(),
        abilities: abilities.as_ref().map(AbilitiesView::from),
    }))
}

/// `PATCH /api/v1/connections/{id}`
///
/// Calls a connection something else.
#[utoipa::path(patch, path = "/api/v1/connections/{id}", tag = "connections", request_body = ConnectionChange,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The connection", body = ConnectionView)))]
pub(crate) async fn change_connection(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConnectionId>,
    Json(body): Json<ConnectionChange>,
) -> Result<Reply<ConnectionView>, ApiError> {
    let row = hub.rename_connection(&actor, id, &body.label).await?;
    Ok(Reply(row.into()))
}

/// `DELETE /api/v1/connections/{id}`
///
/// Unlinks a connection: its credentials are forgotten and, where the provider takes them, given back. Everything
/// that it brought here stays, and nothing is removed there.
#[utoipa::path(delete, path = "/api/v1/connections/{id}", tag = "connections",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "It is unlinked", body = Disconnected)))]
pub(crate) async fn remove_connection(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConnectionId>,
) -> Result<Reply<Disconnected>, ApiError> {
    let kind = hub.connection(&actor, id).await?.connection.kind;
    let revoked = hub.disconnect(&actor, id).await?;
    let advice = match (revoked, kind.as_str()) {
        (false, "onedrive") => Some(
            "Microsoft does not let applications give access back: remove this one at account.live.com/consent/Manage, \
             or at myapps.microsoft.com for work accounts.",
        ),
        (false, _) => Some(
            "The provider could not be asked to end the access: remove this application in your account there.",
        ),
        (true, _) => None,
    };
    Ok(Reply(Disconnected { revoked, advice }))
}

/// `POST /api/v1/connections/{id}/check`
///
/// Tries a connection out step by step, and explains the first step that fails.
#[utoipa::path(post, path = "/api/v1/connections/{id}/check", tag = "connections",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "What was found", body = CheckView)))]
pub(crate) async fn check_connection(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConnectionId>,
) -> Result<Reply<CheckView>, ApiError> {
    Ok(Reply(hub.check_connection(&actor, id).await?.into()))
}

/// `POST /api/v1/connections/{id}/refresh`
///
/// Has a connection looked at as soon as a worker is free, rather than when it is due.
#[utoipa::path(post, path = "/api/v1/connections/{id}/refresh", tag = "connections",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 202, description = "It will be")))]
pub(crate) async fn refresh_connection(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConnectionId>,
) -> Result<StatusCode, ApiError> {
    hub.refresh_connection(&actor, id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `GET /api/v1/connections/{id}/items`
///
/// What is in a folder of a connection, as it was when it was last looked at (`as_of`). It is answered from here,
/// whether or not the provider answers.
#[utoipa::path(get, path = "/api/v1/connections/{id}/items", tag = "connections",
    params(("id" = String, Path, format = Uuid), ItemsQuery),
    responses((status = 200, description = "One page", body = RemotePageView)))]
pub(crate) async fn list_items(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConnectionId>,
    Query(query): Query<ItemsQuery>,
) -> Result<Reply<RemotePageView>, ApiError> {
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    let page = hub
        .remote_items(&actor, (id, query.folder.as_deref()), part)
        .await?;
    Ok(Reply(page.into()))
}

/// `GET /api/v1/connections/{id}/item`
///
/// An item as it is at the provider now.
#[utoipa::path(get, path = "/api/v1/connections/{id}/item", tag = "connections",
    params(("id" = String, Path, format = Uuid),
           ("item" = String, Query, description = "The item's id there")),
    responses((status = 200, description = "The item", body = RemoteItemView)))]
pub(crate) async fn get_item(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConnectionId>,
    Query(query): Query<ItemQuery>,
) -> Result<Reply<RemoteItemView>, ApiError> {
    let item = hub.remote_item(&actor, (id, &query.item)).await?;
    Ok(Reply(item.into()))
}

/// Which item.
#[derive(Deserialize)]
pub(crate) struct ItemQuery {
    item: String,
}
