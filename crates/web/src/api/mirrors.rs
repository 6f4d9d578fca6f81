//! `/api/v1/mirrors`: folders that are kept in step with folders at connections.

use axum::Json as Reply;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use hub::{Hub, Part};
use model::MirrorId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::mirror_bodies::{MirrorBody, MirrorChangeBody};
use super::mirror_views::{MirrorEntryView, MirrorEventView, MirrorView};
use crate::extract::{Json, Path, Query, limit};
use crate::problem::{ApiError, Problem};
use crate::sessions::Signed;

/// All of one's mirrors.
#[derive(Serialize, ToSchema)]
pub(crate) struct MirrorList {
    /// The oldest first.
    mirrors: Vec<MirrorView>,
}

/// One page of what happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct MirrorEventList {
    /// The newest first.
    events: Vec<MirrorEventView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// One page of things in a mirror.
#[derive(Serialize, ToSchema)]
pub(crate) struct MirrorEntryList {
    /// The things.
    entries: Vec<MirrorEntryView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

impl MirrorEntryList {
    pub(super) fn new(entries: Vec<MirrorEntryView>, next_cursor: Option<String>) -> Self {
        Self { entries, next_cursor }
    }
}

/// Part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MirrorPart {
    /// Items at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

impl MirrorPart {
    pub(super) fn read(self) -> Result<Part, ApiError> {
        Ok(Part {
            limit: limit(self.limit)?,
            cursor: self.cursor,
        })
    }
}

/// `GET /api/v1/mirrors`
///
/// Your folders that are kept in step, and how they are.
#[utoipa::path(get, path = "/api/v1/mirrors", tag = "mirrors",
    responses((status = 200, description = "The mirrors", body = MirrorList)))]
pub(crate) async fn list_mirrors(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<Reply<MirrorList>, ApiError> {
    let rows = hub.mirrors(&actor).await?;
    Ok(Reply(MirrorList {
        mirrors: rows.into_iter().map(MirrorView::from).collect(),
    }))
}

/// `POST /api/v1/mirrors`
///
/// Keeps a folder in step with a folder at a connection. With `paused` nothing happens until it is resumed: its plan
/// says before what would.
#[utoipa::path(post, path = "/api/v1/mirrors", tag = "mirrors", request_body = MirrorBody,
    responses((status = 201, description = "It is made, and both sides are being compared", body = MirrorView),
              (status = 403, description = "You may look at this folder but not change it", body = Problem,
               content_type = "application/problem+json"),
              (status = 404, description = "There is no such folder or connection", body = Problem,
               content_type = "application/problem+json"),
              (status = 422, description = "One of the folders is kept in step already, or cannot be; the detail says why",
               body = Problem, content_type = "application/problem+json"),
              (status = 502, description = "The provider does not answer", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn create_mirror(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Json(body): Json<MirrorBody>,
) -> Result<Response, ApiError> {
    let mirror = hub.create_mirror(&actor, body.read()?).await?;
    let row = hub.mirror(&actor, mirror.id).await?;
    Ok((StatusCode::CREATED, Reply(MirrorView::from(row))).into_response())
}

/// `GET /api/v1/mirrors/{id}`
///
/// A mirror, and how it is.
#[utoipa::path(get, path = "/api/v1/mirrors/{id}", tag = "mirrors",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The mirror", body = MirrorView)))]
pub(crate) async fn get_mirror(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
) -> Result<Reply<MirrorView>, ApiError> {
    Ok(Reply(hub.mirror(&actor, id).await?.into()))
}

/// `PATCH /api/v1/mirrors/{id}`
///
/// Changes how a mirror goes about it. What is then done differently is looked at anew.
#[utoipa::path(patch, path = "/api/v1/mirrors/{id}", tag = "mirrors", request_body = MirrorChangeBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The mirror", body = MirrorView)))]
pub(crate) async fn change_mirror(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
    Json(body): Json<MirrorChangeBody>,
) -> Result<Reply<MirrorView>, ApiError> {
    hub.change_mirror(&actor, id, body.into()).await?;
    Ok(Reply(hub.mirror(&actor, id).await?.into()))
}

/// `DELETE /api/v1/mirrors/{id}`
///
/// Keeps the two folders in step no longer. Both stay as they are.
#[utoipa::path(delete, path = "/api/v1/mirrors/{id}", tag = "mirrors",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "It is removed")))]
pub(crate) async fn remove_mirror(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
) -> Result<StatusCode, ApiError> {
    hub.remove_mirror(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/mirrors/{id}/pause`
///
/// Stops a mirror until it is resumed. What it does at the moment it brings to its end.
#[utoipa::path(post, path = "/api/v1/mirrors/{id}/pause", tag = "mirrors",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The mirror", body = MirrorView)))]
pub(crate) async fn pause_mirror(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
) -> Result<Reply<MirrorView>, ApiError> {
    hub.pause_mirror(&actor, id).await?;
    Ok(Reply(hub.mirror(&actor, id).await?.into()))
}

/// `POST /api/v1/mirrors/{id}/resume`
///
/// Lets a mirror run that was paused, or that you had to do something about. What is held stays held.
#[utoipa::path(post, path = "/api/v1/mirrors/{id}/resume", tag = "mirrors",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The mirror", body = MirrorView)))]
pub(crate) async fn resume_mirror(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
) -> Result<Reply<MirrorView>, ApiError> {
    hub.resume_mirror(&actor, id).await?;
    Ok(Reply(hub.mirror(&actor, id).await?.into()))
}

/// `POST /api/v1/mirrors/{id}/run`
///
/// Has a mirror look at both sides as soon as a worker is free, rather than when it is due.
#[utoipa::path(post, path = "/api/v1/mirrors/{id}/run", tag = "mirrors",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 202, description = "It will", body = MirrorView),
              (status = 409, description = "It is paused", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn run_mirror(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
) -> Result<Response, ApiError> {
    hub.run_mirror(&actor, id).await?;
    let row = hub.mirror(&actor, id).await?;
    Ok((StatusCode::ACCEPTED, Reply(MirrorView::from(row))).into_response())
}

/// `GET /api/v1/mirrors/{id}/events`
///
/// What happened in a mirror, the newest first.
#[utoipa::path(get, path = "/api/v1/mirrors/{id}/events", tag = "mirrors",
    params(("id" = String, Path, format = Uuid), MirrorPart),
    responses((status = 200, description = "One page", body = MirrorEventList)))]
pub(crate) async fn mirror_events(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
    Query(query): Query<MirrorPart>,
) -> Result<Reply<MirrorEventList>, ApiError> {
    let page = hub.mirror_events(&actor, id, query.read()?).await?;
    Ok(Reply(MirrorEventList {
        events: page.items.into_iter().map(MirrorEventView::from).collect(),
        next_cursor: page.next,
    }))
}

/// `GET /api/v1/mirrors/{id}/errors`
///
/// Things that could not be brought in step, each with what is wrong and when it is tried again.
#[utoipa::path(get, path = "/api/v1/mirrors/{id}/errors", tag = "mirrors",
    params(("id" = String, Path, format = Uuid), MirrorPart),
    responses((status = 200, description = "One page", body = MirrorEntryList)))]
pub(crate) async fn mirror_errors(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
    Query(query): Query<MirrorPart>,
) -> Result<Reply<MirrorEntryList>, ApiError> {
    let page = hub.mirror_errors(&actor, id, query.read()?).await?;
    let entries = page.items.into_iter().map(MirrorEntryView::from).collect();
    Ok(Reply(MirrorEntryList::new(entries, page.next)))
}

/// `GET /api/v1/mirrors/{id}/capsule`
///
/// All that a plan of a mirror is made from, for somebody who looks for a fault and must not see your files: each word
/// of a name is another of the same length, always the same one. It says nothing of contents.
#[utoipa::path(get, path = "/api/v1/mirrors/{id}/capsule", tag = "mirrors",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The capsule", body = Object)))]
pub(crate) async fn mirror_capsule(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
) -> Result<Reply<hub::Capsule>, ApiError> {
    Ok(Reply(hub.mirror_capsule(&actor, id).await?))
}
