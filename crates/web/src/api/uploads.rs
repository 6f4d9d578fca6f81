//! Uploads: a raw body by PUT, or a form.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use hub::{Hub, Stored, Upload, UploadPlace};
use model::{Actor, Guard, NodeId, NodeName, OnConflict, Origin};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::nodes::{path, reply};
use super::views::NodeView;
use crate::extract::{Folder, Path, Query};
use crate::problem::{ApiError, Problem};
use crate::sessions::Signed;
use crate::{body, conditions, media, multipart};

/// What to do when the name is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConflictWord {
    /// The file gets a new version.
    #[default]
    NewVersion,
    /// The newcomer gets a number.
    KeepBoth,
    /// Refuse with 409.
    Fail,
}

impl From<ConflictWord> for OnConflict {
    fn from(word: ConflictWord) -> Self {
        match word {
            ConflictWord::NewVersion => Self::NewVersion,
            ConflictWord::KeepBoth => Self::KeepBoth,
            ConflictWord::Fail => Self::Fail,
        }
    }
}

/// How to store.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StoreQuery {
    /// When the name is taken: `new_version` (default), `keep_both` or `fail`.
    #[param(inline)]
    on_conflict: Option<ConflictWord>,
}

impl StoreQuery {
    /// As a choice.
    pub fn on_conflict(&self) -> OnConflict {
        self.on_conflict.unwrap_or_default().into()
    }
}

/// An upload as a form.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct UploadForm {
    /// The file. Its name is that of the part.
    #[schema(value_type = String, format = Binary)]
    file: String,
    /// The folder: an id, or `root` (default).
    #[schema(nullable = false)]
    folder_id: Option<String>,
    /// Instead of a folder: the whole path, whose missing folders are made.
    #[schema(nullable = false, example = "Papers/2026/report.pdf")]
    path: Option<String>,
    /// When the name is taken: `new_version` (default), `keep_both` or `fail`.
    #[schema(nullable = false)]
    on_conflict: Option<ConflictWord>,
    /// Also put it on your Google Drive: into the folder of your default mirror there, or, when you have none, a folder
    /// `Cumuli` that is made for it. Without a folder or path it is stored in that mirror's folder.
    #[schema(nullable = false)]
    sync_google: Option<bool>,
    /// Also put it into your Azure container, likewise.
    #[schema(nullable = false)]
    sync_azure: Option<bool>,
}

/// What an upload by form made.
#[derive(Serialize, ToSchema)]
pub(crate) struct UploadView {
    /// The job that answers for it; see `/api/v1/status/{job_id}`.
    #[schema(format = Uuid)]
    job_id: String,
    /// The file.
    #[schema(format = Uuid)]
    file_id: String,
    /// Its name.
    #[schema(example = "report.pdf")]
    filename: String,
    /// In a sentence.
    #[schema(example = "report.pdf is stored")]
    message: String,
    /// The job's state: `pending` until the copies that were asked for are there.
    #[schema(example = "completed")]
    status: &'static str,
    /// The file as it is now.
    file: NodeView,
}

/// `POST /api/v1/upload`
///
/// Stores a file that comes as a form. The parts may come in any order. With `sync_google` or `sync_azure` the job ends
/// once the copy is there, and its progress is that of all bytes; `/api/v1/status/{job_id}` tells it.
#[utoipa::path(post, path = "/api/v1/upload", tag = "files",
    params(("If-Match" = Option<String>, Header, description = "Only over this content"),
           ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is no such file")),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "The file is stored", body = UploadView),
              (status = 409,
               description = "The name is taken, or a provider that is asked for is not configured or not linked",
               body = Problem, content_type = "application/problem+json"),
              (status = 412, description = "The precondition failed", body = Problem,
               content_type = "application/problem+json"),
              (status = 404, description = "There is no such folder", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn upload_form(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    request: Request,
) -> Result<Response, ApiError> {
    let guard = conditions::guard(request.headers())?;
    let origin = origin(request.headers());
    let form = multipart::receive(&hub, &actor, (guard, origin), request).await?;
    let is_copied = form.asks_for_copies();
    let stored = form.finish(&hub, &actor).await?;
    let node = &stored.node;
    let (message, status) = match is_copied {
        true => (format!("{} is stored, and is being copied", node.name), "pending"),
        false => (format!("{} is stored", node.name), "completed"),
    };
    let view = UploadView {
        job_id: stored.job.map(|job| job.to_string()).unwrap_or_default(),
        file_id: node.id.to_string(),
        filename: node.name.to_string(),
        message,
        status,
        file: NodeView::new(node, false, None),
    };
    let etag = conditions::etag(&node.etag());
    Ok((StatusCode::CREATED, [(header::ETAG, etag)], axum::Json(view)).into_response())
}

/// `PUT /api/v1/folders/{id}/files/{name}`
///
/// Stores the body as the named file: 201 if it is new, 200 if it got a new version.
#[utoipa::path(put, path = "/api/v1/folders/{id}/files/{name}", tag = "files",
    params(("id" = String, Path, description = "An id, or `root`"), ("name" = String, Path), StoreQuery,
           ("If-Match" = Option<String>, Header, description = "Only over this content"),
           ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is no such file")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "A new file", body = NodeView),
              (status = 200, description = "A new version", body = NodeView)))]
pub(crate) async fn put_file(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path((folder, name)): Path<(Folder, String)>,
    Query(query): Query<StoreQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let name = super::nodes::name(&name)?;
    let media_type = media::of_upload(&headers, &name);
    let place = UploadPlace::In {
        folder: folder.0,
        name,
    };
    put(&hub, &actor, (place, media_type, query), &headers, body).await
}

/// `PUT /api/v1/paths/{path}`
///
/// Stores the body at a path from your root folder down, and makes missing folders.
#[utoipa::path(put, path = "/api/v1/paths/{*path}", tag = "files",
    params(("path" = String, Path, description = "Such as `Papers/2026/report.pdf`"), StoreQuery,
           ("If-Match" = Option<String>, Header, description = "Only over this content"),
           ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is no such file")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "A new file", body = NodeView),
              (status = 200, description = "A new version", body = NodeView)))]
pub(crate) async fn put_path(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(text): Path<String>,
    Query(query): Query<StoreQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let path = path(&text)?;
    let media_type = match path.names().last() {
        Some(name) => media::of_upload(&headers, name),
        None => String::new(),
    };
    put(
        &hub,
        &actor,
        (UploadPlace::Path(path), media_type, query),
        &headers,
        body,
    )
    .await
}

/// `PUT /api/v1/files/{id}/content`
///
/// Gives a file a new content; the old one stays as a version.
#[utoipa::path(put, path = "/api/v1/files/{id}/content", tag = "files",
    params(("id" = String, Path, format = Uuid),
           ("If-Match" = Option<String>, Header, description = "Only over this content")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "A new version", body = NodeView)))]
pub(crate) async fn put_content(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let name: NodeName = hub.info(&actor, id).await?.node.name;
    let media_type = media::of_upload(&headers, &name);
    put(
        &hub,
        &actor,
        (UploadPlace::Over(id), media_type, StoreQuery::default()),
        &headers,
        body,
    )
    .await
}

async fn put(
    hub: &Hub,
    actor: &Actor,
    (place, media_type, query): (UploadPlace, String, StoreQuery),
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let expected = body::expected(headers)?;
    let guard: Guard = conditions::guard(headers)?;
    let upload = Upload {
        place,
        on_conflict: query.on_conflict(),
        guard,
        media_type,
        origin: origin(headers),
        is_tracked: false,
    };
    let stored: Stored = hub.upload(actor, upload, expected, body::stream(body)).await?;
    let status = if stored.was_created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(reply(status, &stored.node, false, None))
}

/// Whether it is the page that uploads: only a browser says where within the site a request comes from.
pub(crate) fn origin(headers: &HeaderMap) -> Origin {
    if headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "same-origin")
    {
        Origin::Web
    } else {
        Origin::Api
    }
}
