//! The API of a FastAPI service over Backblaze B2: files, signed addresses and a public link for each
//! file. See `docs/dialects/b2-share.md`. `GET /share/{token}` is in `visitors.rs`.

use axum::Json as Reply;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use hub::{FolderRef, Hub, Search};
use model::{Actor, Guard, NodeKind, OnConflict, Sort, limits};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::fields::{Fields, FromQuery, id};
use super::forms::{self, Goal};
use super::lists::{self, MOST_ITEMS, Source, Window};
use super::views::{self, FileItem, SignedFile};
use super::{FastApiError, Refusal};
use crate::Web;
use crate::base::Base;
use crate::extract::Path;
use crate::sessions::Signed;

/// The part of the document that these operations belong to.
pub(crate) const TAG: &str = "b2-share";

/// Files of a page when nobody says how many.
const PAGE_FILES: u32 = 50;
/// Names of a folder, by id or by path.
const FOLDER: [&str; 5] = ["folder", "folder_id", "folder_path", "path", "parent_id"];

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(upload))
        .routes(routes!(list_files))
        .routes(routes!(download))
        .routes(routes!(share_file, unshare_file))
        .routes(routes!(delete_file))
}

/// A file to be stored.
#[derive(ToSchema)]
#[allow(dead_code)]
struct FileUpload {
    /// The file. Its name is that of the part.
    #[schema(value_type = String, format = Binary)]
    file: String,
    /// The folder: an id, `root` (default), or a path such as `Papers/2026`.
    #[schema(nullable = false)]
    folder: Option<String>,
    /// When the name is taken: `keep_both` (default), `replace` or `fail`.
    #[schema(nullable = false, pattern = "^(keep_both|replace|fail)?$")]
    on_conflict: Option<String>,
}

/// A page of files.
#[derive(Serialize, ToSchema)]
struct FilesPage {
    /// The files.
    items: Vec<FileItem>,
    /// How many there are on all pages; `null` beyond 10,000.
    #[schema(example = 1)]
    total: Option<usize>,
    /// The number of this page, from 1.
    #[schema(example = 1)]
    page: u32,
    /// Files of a page at the most.
    #[schema(example = 50)]
    size: u32,
    /// How many pages there are; `null` beyond 10,000 files.
    #[schema(example = 1)]
    pages: Option<usize>,
}

/// A public link.
#[derive(Serialize, ToSchema)]
struct PublicLink {
    /// What opens the file, at `/share/{token}`.
    #[schema(example = "4kXvJZ0bqZr9pVt7nYcQe2")]
    share_token: String,
    /// The same.
    token: String,
    /// The whole address.
    #[schema(example = "https://drive.example.org/share/4kXvJZ0bqZr9pVt7nYcQe2")]
    share_url: String,
    /// The same.
    url: String,
    /// The file.
    #[schema(format = Uuid)]
    file_id: String,
}

/// `POST /files/upload`
///
/// Stores a file. A name that is taken gets a number, unless the request says otherwise.
#[utoipa::path(post, path = "/files/upload", operation_id = "b2_upload", tag = TAG,
    request_body(content = FileUpload, content_type = "multipart/form-data"),
    responses((status = 201, description = "The file", body = FileItem),
              (status = 404, description = "There is no such folder", body = FastApiError)))]
async fn upload(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    FromQuery(query): FromQuery,
    request: Request,
) -> Result<Response, Refusal> {
    let mut form = forms::receive((&hub, &actor), query, request).await?;
    let file = form.file.take().ok_or_else(forms::missing)?;
    let goal = goal((&hub, &actor), form.fields, &file.name).await;
    let stored = file.store((&hub, &actor), goal).await?;
    Ok((StatusCode::CREATED, Reply(FileItem::from(&stored.node))).into_response())
}

async fn goal(who: (&Hub, &Actor), mut fields: Fields, name: &str) -> Result<Goal, Refusal> {
    let folder = folder(who, &mut fields).await?;
    let name = forms::name(&mut fields, name);
    let on_conflict = forms::on_conflict(&mut fields).unwrap_or(OnConflict::KeepBoth);
    fields.check()?;
    Ok(Goal {
        folder: folder.unwrap_or(FolderRef::Root),
        name,
        on_conflict,
    })
}

/// A folder that a field names by its id, as `root`, or by its path.
async fn folder((hub, actor): (&Hub, &Actor), fields: &mut Fields) -> Result<Option<FolderRef>, Refusal> {
    let Some(text) = fields.text(&FOLDER).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if let Some(folder) = fields.folder_so_far(&FOLDER) {
        return Ok(Some(folder));
    }
    if text.trim_matches('/').is_empty() {
        return Ok(Some(FolderRef::Root));
    }
    match text.parse() {
        Ok(path) => Ok(Some(FolderRef::Id(hub.resolve(actor, &path).await?.node.id))),
        Err(error) => {
            fields.flaw(FOLDER[0], "value_error", error.to_string());
            Ok(None)
        }
    }
}

/// `GET /files`
///
/// Your files in numbered pages: all of them, the newest first; those of a folder; or those whose names
/// hold a text, of a folder at any depth.
#[utoipa::path(get, path = "/files", operation_id = "b2_list_files", tag = TAG,
    params(("search" = Option<String>, Query, description = "Part of the name, in any case", max_length = 512,
            pattern = r"^[^\u0000]*$"),
           ("folder" = Option<String>, Query, description = "An id, `root`, or a path",
            pattern = r"^[^\\\u0000-\u001f\u007f-\u009f]*$", max_length = 4096),
           ("page" = Option<u32>, Query, description = "From 1", minimum = 1, maximum = 10000),
           ("size" = Option<u32>, Query, description = "Files of a page: 50 when left out; also `limit` or \
            `per_page`", minimum = 1, maximum = 1000),
           ("skip" = Option<u32>, Query, description = "Instead of a page: files to leave out; also `offset`",
            maximum = 10000)),
    responses((status = 200, description = "One page", body = FilesPage),
              (status = 404, description = "There is no such folder", body = FastApiError),
              (status = 409, description = "It is a file", body = FastApiError),
              (status = 422, description = "A number or text is wrong", body = FastApiError)))]
async fn list_files(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    FromQuery(mut query): FromQuery,
) -> Result<Reply<FilesPage>, Refusal> {
    let size = query.number(
        &["size", "limit", "per_page", "page_size"],
        1..=limits::PAGE_ITEMS,
    );
    let size = size.unwrap_or(PAGE_FILES);
    let page = query.number(&["page"], 1..=MOST_ITEMS);
    let skip = query.number(&["skip", "offset"], 0..=MOST_ITEMS);
    let text = query.text(&["search", "q", "query", "name"]).unwrap_or_default();
    if text.len() > limits::SEARCH_BYTES || text.contains('\0') {
        query.flaw(
            "search",
            "value_error",
            "A search holds 512 bytes at the most, none of them 0",
        );
    }
    let folder = folder((&hub, &actor), &mut query).await?;
    query.check()?;
    let source = match (text.is_empty(), folder) {
        (true, None) => Source::Recent,
        (true, Some(folder)) => Source::Children(folder, (Some(NodeKind::File), Sort::default())),
        (false, folder) => Source::Search(Search {
            text,
            kind: Some(NodeKind::File),
            folder,
            ..Search::default()
        }),
    };
    // All that can be counted is looked at: a page says how many there are.
    let window = Window {
        offset: 0,
        limit: MOST_ITEMS,
        cursor: None,
    };
    let found = lists::nodes((&hub, &actor), &source, window).await?;
    let start = skip.unwrap_or_else(|| (page.unwrap_or(1) - 1).saturating_mul(size));
    let total = Some(found.items.len()).filter(|_| found.next.is_none());
    let shown = found.items.iter().skip(start as usize).take(size as usize);
    Ok(Reply(FilesPage {
        items: shown.map(|listed| FileItem::from(&listed.node)).collect(),
        total,
        page: start / size + 1,
        size,
        pages: total.map(|total| total.div_ceil(size as usize)),
    }))
}

/// `GET /files/{file_id}/download`
///
/// A signed address of the content; with `redirect=true` straight to it.
#[utoipa::path(get, path = "/files/{file_id}/download", operation_id = "b2_download", tag = TAG,
    params(("file_id" = String, Path, format = Uuid),
           ("redirect" = Option<bool>, Query, description = "Answer 302 instead"),
           ("inline" = Option<bool>, Query, description = "For showing rather than saving"),
           ("expires_in" = Option<u32>, Query, description = "Seconds; 300 when left out", minimum = 1, maximum = 900)),
    responses((status = 200, description = "The address", body = SignedFile),
              (status = 302, description = "To the address"),
              (status = 422, description = "No id, or a time that is too long", body = FastApiError)))]
async fn download(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(file): Path<String>,
    FromQuery(mut query): FromQuery,
    base: Base,
) -> Result<Response, Refusal> {
    let file = id("file_id", &file)?;
    let is_redirect = query.flag(&["redirect"]).unwrap_or(false);
    let view = views::download((&hub, &actor, &base), file, query).await?;
    if is_redirect {
        return Ok((StatusCode::FOUND, [(header::LOCATION, view.url)]).into_response());
    }
    Ok(Reply(view).into_response())
}

/// `POST /files/{file_id}/share`
///
/// The public link of a file: 201 when it is made, 200 when you made it before.
#[utoipa::path(post, path = "/files/{file_id}/share", operation_id = "b2_share_file", tag = TAG,
    params(("file_id" = String, Path, format = Uuid)),
    responses((status = 201, description = "The link, which is new", body = PublicLink),
              (status = 200, description = "The link, which was there", body = PublicLink),
              (status = 422, description = "No id", body = FastApiError)))]
async fn share_file(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(file): Path<String>,
    base: Base,
) -> Result<Response, Refusal> {
    let file = id("file_id", &file)?;
    let rows = views::plain_links(&hub, &actor, file).await?;
    let known = rows.into_iter().find_map(|row| row.token);
    let (status, token) = match known {
        Some(token) => (StatusCode::OK, token),
        None => {
            let row = hub.create_link(&actor, views::plain_link(file)).await?;
            (StatusCode::CREATED, row.token.unwrap_or_default())
        }
    };
    let url = format!("{}/share/{token}", base.0);
    let view = PublicLink {
        share_token: token.clone(),
        token,
        share_url: url.clone(),
        url,
        file_id: file.to_string(),
    };
    Ok((status, Reply(view)).into_response())
}

/// `DELETE /files/{file_id}/share`
///
/// Revokes the public link of a file that you made, at once.
#[utoipa::path(delete, path = "/files/{file_id}/share", operation_id = "b2_unshare_file", tag = TAG,
    params(("file_id" = String, Path, format = Uuid)),
    responses((status = 204, description = "It opens nothing any more"),
              (status = 422, description = "No id", body = FastApiError)))]
async fn unshare_file(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(file): Path<String>,
) -> Result<StatusCode, Refusal> {
    let file = id("file_id", &file)?;
    let rows = views::plain_links(&hub, &actor, file).await?;
    if rows.is_empty() {
        return Err(hub::HubError::NotFound("link").into());
    }
    for row in rows {
        hub.revoke_link(&actor, row.link.id).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /files/{file_id}`
///
/// Moves a file to the trash.
#[utoipa::path(delete, path = "/files/{file_id}", operation_id = "b2_delete_file", tag = TAG,
    params(("file_id" = String, Path, format = Uuid)),
    responses((status = 204, description = "It is in the trash"),
              (status = 422, description = "No id", body = FastApiError)))]
async fn delete_file(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(file): Path<String>,
) -> Result<StatusCode, Refusal> {
    let file = id("file_id", &file)?;
    hub.open_file(&actor, file, None).await?;
    hub.delete(&actor, file, Guard::None).await?;
    Ok(StatusCode::NO_CONTENT)
}
