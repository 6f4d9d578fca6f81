//! `/api/v1/zip`: folders and files as one archive.

use axum::extract::State;
use axum::response::Response;
use http::Method;
use hub::Hub;
use model::NodeId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::extract::{Folder, Path, Query};
use crate::problem::{self, ApiError, Problem};
use crate::sessions::Signed;
use crate::zip;

/// Nodes that one request may name.
const MOST_NODES: usize = 100;

/// What to pack.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ZipQuery {
    /// Ids of folders and files, with commas between them: 1 to 100.
    #[param(
        example = "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f",
        pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,99}$"
    )]
    ids: String,
}

/// `GET /api/v1/folders/{id}/zip`
///
/// A folder with all that is in it as a zip archive, which is made while it is sent.
#[utoipa::path(get, path = "/api/v1/folders/{id}/zip", tag = "folders",
    params(("id" = String, Path, description = "An id, or `root`")),
    responses((status = 200, description = "The archive", body = Vec<u8>, content_type = "application/zip"),
              (status = 409, description = "It is a file", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn zip_folder(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(folder): Path<Folder>,
    method: Method,
) -> Result<Response, ApiError> {
    let info = hub.folder_info(&actor, folder.0).await?;
    Ok(zip::reply(&hub, &actor, vec![info.node], &method))
}

/// `GET /api/v1/zip`
///
/// Folders and files of any places as a zip archive. Of two of one name the second gets a number.
#[utoipa::path(get, path = "/api/v1/zip", tag = "nodes", params(ZipQuery),
    responses((status = 200, description = "The archive", body = Vec<u8>, content_type = "application/zip"),
              (status = 404, description = "One of them is not there", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn zip_nodes(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<ZipQuery>,
    method: Method,
) -> Result<Response, ApiError> {
    let mut ids: Vec<NodeId> = Vec::new();
    for text in query.ids.split(',') {
        let wrong = || {
            Problem::new(
                problem::MALFORMED,
                "ids: give ids of nodes with commas between them",
            )
        };
        let id = text.parse().map_err(|_| wrong())?;
        if !ids.contains(&id) {
            ids.push(id);
        }
        if ids.len() > MOST_NODES {
            let detail = format!("ids: {MOST_NODES} at the most; put them into a folder");
            return Err(Problem::new(problem::MALFORMED, detail).into());
        }
    }
    let mut nodes = Vec::new();
    for id in ids {
        nodes.push(hub.info(&actor, id).await?.node);
    }
    Ok(zip::reply(&hub, &actor, nodes, &method))
}
