//! `/api/v1/folders`: making folders.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use hub::{FolderRef, Hub, NewFolder};
use model::OnConflict;
use serde::Deserialize;
use utoipa::ToSchema;

use super::nodes::{Taken, name, path, reply, shown};
use super::views::NodeView;
use crate::extract::{Folder, Json, Path, optional_word};
use crate::problem::{self, ApiError, Problem};
use crate::sessions::Signed;

/// A folder to be made: a name in a folder, or a path.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderBody {
    /// Its name.
    #[serde(default)]
    #[schema(
        example = "Papers",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^/\\\u0000-\u001f\u007f-\u009f]*$"
    )]
    name: Option<String>,
    /// The folder to make it in: an id, or `root` (default).
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "root", pattern = "^(root|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    parent_id: Option<Folder>,
    /// Instead of a name: a path whose missing folders are made.
    #[serde(default)]
    #[schema(example = "Papers/2026/November", max_length = 4096)]
    path: Option<String>,
    /// When the name is taken: `fail` (default) or `keep_both`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(example = "fail")]
    on_conflict: Option<Taken>,
}

impl FolderBody {
    /// Checked.
    pub fn read(&self) -> Result<NewFolder, ApiError> {
        match (&self.name, &self.path) {
            (Some(text), None) => Ok(NewFolder::In {
                folder: self.parent_id.map_or(FolderRef::Root, |folder| folder.0),
                name: name(text)?,
                on_conflict: self.on_conflict.map_or(OnConflict::Fail, OnConflict::from),
            }),
            (None, Some(text)) if self.parent_id.is_none() => Ok(NewFolder::Path(path(text)?)),
            _ => {
                let detail = "give either a name, with parent_id if you like, or a path";
                Err(Problem::new(problem::INVALID, detail)
                    .field("name", detail)
                    .into())
            }
        }
    }
}

/// `POST /api/v1/folders`
///
/// Makes a folder, or the missing folders of a path.
#[utoipa::path(post, path = "/api/v1/folders", tag = "folders", request_body = FolderBody,
    responses((status = 201, description = "The folder", body = NodeView),
              (status = 404, description = "There is no such folder to make it in", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn create_folder(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Json(body): Json<FolderBody>,
) -> Result<Response, ApiError> {
    let (node, path) = hub.create_folder(&actor, body.read()?).await?;
    Ok(reply(StatusCode::CREATED, &node, false, Some(&path)))
}

/// `GET /api/v1/folders/{id}`
///
/// A folder with its path; `root` is your root folder.
#[utoipa::path(get, path = "/api/v1/folders/{id}", tag = "folders",
    params(("id" = String, Path, description = "An id, or `root`")),
    responses((status = 200, description = "The folder", body = NodeView),
              (status = 409, description = "It is a file", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn get_folder(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(folder): Path<Folder>,
) -> Result<Response, ApiError> {
    let info = hub.folder_info(&actor, folder.0).await?;
    Ok(shown(&info))
}
