//! `/api/v1/files`: the files of a person, wherever they are.

use axum::Json as Reply;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use hub::{Hub, Part};
use model::{Actor, NodeId, limits};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::contents::{ShowQuery, Through};
use super::nodes::shown;
use super::views::NodeView;
use crate::base::Base;
use crate::conditions;
use crate::extract::{Path, Query, limit};
use crate::problem::{self, ApiError, Problem};
use crate::sessions::Signed;

/// Which files to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilesQuery {
    /// Files at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// Files to leave out at the start; a cursor is cheaper.
    #[param(maximum = 100000)]
    offset: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Whether to download, and from where.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// `true` sends the content instead of what is known about the file.
    download: Option<bool>,
    /// `local` (default): from this server. `google`, `azure` and `onedrive` need a linked account.
    #[param(inline)]
    from_storage: Option<Storage>,
    /// `true` shows it in the browser where its type can do no harm.
    inline: Option<bool>,
    /// `server` streams it through this server even where its store could send it.
    #[param(inline)]
    through: Option<Through>,
}

/// Where a content comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Storage {
    /// This server.
    Local,
    /// The linked Google Drive.
    Google,
    /// The linked Azure storage.
    Azure,
    /// The linked OneDrive.
    Onedrive,
}

/// One page of files.
#[derive(Serialize, ToSchema)]
pub(crate) struct FilePage {
    /// The files, the newest content first.
    files: Vec<NodeView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// `GET /api/v1/files`
///
/// All your files, the newest content first.
#[utoipa::path(get, path = "/api/v1/files", tag = "files", params(FilesQuery),
    responses((status = 200, description = "One page", body = FilePage)))]
pub(crate) async fn list_files(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<FilesQuery>,
) -> Result<Reply<FilePage>, ApiError> {
    let offset = query.offset.unwrap_or(0);
    if offset > limits::OFFSET_ITEMS {
        let detail = format!(
            "offset: {} at the most; go on with next_cursor",
            limits::OFFSET_ITEMS
        );
        return Err(Problem::new(problem::MALFORMED, detail).into());
    }
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    let page = hub.recent(&actor, offset, part).await?;
    let files = page.items.iter().map(NodeView::from).collect();
    Ok(Reply(FilePage {
        files,
        next_cursor: page.next,
    }))
}

/// `GET /api/v1/files/{id}`
///
/// What is known about a file; with `download=true` its content, or with `from_storage` an address of the copy of it
/// that a linked drive holds.
#[utoipa::path(get, path = "/api/v1/files/{id}", tag = "files",
    params(("id" = String, Path, format = Uuid), FileQuery,
           ("Range" = Option<String>, Header, description = "Parts of the content, such as `bytes=0-99`"),
           ("If-None-Match" = Option<String>, Header, description = "Only if the content is another")),
    responses((status = 200, description = "The file", content(
                  (NodeView = "application/json"), (CopyView = "application/json"), (Vec<u8> = "*/*"))),
              (status = 206, description = "Parts of the content", body = Vec<u8>, content_type = "*/*"),
              (status = 304, description = "The content is the one you have"),
              (status = 409, description = "The provider is not configured", body = Problem,
               content_type = "application/problem+json"),
              (status = 412, description = "The precondition failed", body = Problem,
               content_type = "application/problem+json"),
              (status = 416, description = "Beyond the end of the content", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn get_file(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    Query(query): Query<FileQuery>,
    base: Base,
    parts: Parts,
) -> Result<Response, ApiError> {
    let download = hub.open_file(&actor, id, None).await?;
    if !query.download.unwrap_or(false) {
        let info = hub.info(&actor, id).await?;
        return Ok(shown(&info));
    }
    match query.from_storage.unwrap_or(Storage::Local) {
        Storage::Local => {}
        Storage::Google => return elsewhere(&hub, &actor, &base, (id, "google")).await,
        Storage::Azure => return elsewhere(&hub, &actor, &base, (id, "azure")).await,
        Storage::Onedrive => return elsewhere(&hub, &actor, &base, (id, "onedrive")).await,
    }
    let show = ShowQuery {
        inline: query.inline,
        through: query.through,
    };
    show.send(&hub, (&parts.method, &parts.headers), &download).await
}

/// Where a copy of a file's content can be had from.
#[derive(Serialize, ToSchema)]
pub(crate) struct CopyView {
    /// The file.
    #[schema(format = Uuid)]
    file_id: String,
    /// Where the copy is.
    #[schema(example = "google")]
    storage: &'static str,
    /// Where to download it. Who has the address needs no other proof.
    download_url: String,
    /// When the address ends, as far as is known.
    #[schema(format = DateTime)]
    expires_at: String,
}

async fn elsewhere(
    hub: &Hub,
    actor: &Actor,
    base: &Base,
    (file, storage): (NodeId, &'static str),
) -> Result<Response, ApiError> {
    let address = hub.copy_elsewhere(actor, file, storage).await?;
    let view = CopyView {
        file_id: file.to_string(),
        storage,
        download_url: super::remote_contents::url(base, &address),
        expires_at: super::views::time(address.expires_ms),
    };
    Ok(Reply(view).into_response())
}

/// `DELETE /api/v1/files/{id}`
///
/// Moves a file to the trash.
#[utoipa::path(delete, path = "/api/v1/files/{id}", tag = "files",
    params(("id" = String, Path, format = Uuid),
           ("If-Match" = Option<String>, Header, description = "Only if it still has this content")),
    responses((status = 204, description = "It is in the trash")))]
pub(crate) async fn delete_file(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    hub.open_file(&actor, id, None).await?;
    hub.delete(&actor, id, conditions::guard(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
