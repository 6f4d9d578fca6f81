//! `/api/v1/uploads/direct`: uploads whose bytes go straight to the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as Reply;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use hub::{
    Completion, DirectPart, DirectPlan, FolderRef, Hub, NewTransfer, SentPart, TransferError, Upload,
    UploadPlace, Way,
};
use model::{Actor, Digest, Transfer, UploadId, UploadState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::nodes;
use super::uploads::{ConflictWord, origin};
use super::views::{NodeView, time};
use crate::extract::{Folder, Json, OptionalJson, Path, optional_word};
use crate::problem::{self, ApiError, Extra, Kind, Problem};
use crate::replies::AsItIs;
use crate::sessions::Signed;
use crate::{WebConfig, conditions, media};

/// A file that is to be uploaded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DirectBody {
    /// Its name; with `path` it is left out.
    #[serde(default)]
    #[schema(
        example = "film.mp4",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^/\\\u0000-\u001f\u007f-\u009f]*$"
    )]
    name: Option<String>,
    /// Its folder: an id, or `root` (default).
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "root", pattern = "^(root|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    folder_id: Option<Folder>,
    /// Instead of both: the whole path, whose missing folders are made.
    #[serde(default)]
    #[schema(example = "Films/2026/film.mp4", max_length = 4096)]
    path: Option<String>,
    /// How many bytes it has.
    #[schema(example = 1_073_741_824)]
    size: u64,
    /// Their SHA-256: the file is stored only if it is that of what arrived.
    #[serde(default)]
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-fA-F]{64}$")]
    sha256: Option<String>,
    /// When the name is taken: `new_version` (default), `keep_both` or `fail`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(example = "new_version")]
    on_conflict: Option<ConflictWord>,
    /// Its media type; left out, its name tells.
    #[serde(default)]
    #[schema(example = "video/mp4", max_length = 255)]
    mime_type: Option<String>,
}

/// A request that stores a part.
#[derive(Serialize, ToSchema)]
pub(crate) struct PartView {
    /// Its number, from 1.
    #[schema(example = 1)]
    number: u32,
    /// Exactly how many bytes it has.
    #[schema(example = 16_777_216)]
    size: u64,
    /// The method.
    #[schema(example = "PUT")]
    method: &'static str,
    /// The address, at the store. Whoever has it can store this part.
    url: String,
    /// Headers that have to be sent exactly so.
    headers: BTreeMap<&'static str, String>,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// How to upload.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanView {
    /// The upload.
    #[schema(format = Uuid)]
    upload_id: String,
    /// `parts`: in any order and at once; `resumable`: one after another; `tus`: through this server.
    #[schema(example = "parts")]
    transfer: &'static str,
    /// Bytes of each part but the last; `null` with `tus`.
    #[schema(example = 16_777_216)]
    part_size: Option<u64>,
    /// How many parts there are.
    #[schema(example = 64)]
    part_count: u32,
    /// The first hundred of them; ask for others when it is their turn.
    parts: Vec<PartView>,
    /// When the upload is given up unless it is complete.
    #[schema(format = DateTime)]
    expires_at: String,
    /// With `tus`: where the upload was begun.
    #[schema(example = "/api/v1/uploads/tus/0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f")]
    tus_url: Option<String>,
}

/// Which parts to sign.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartsBody {
    /// Their numbers, 1 to 100 of them.
    #[schema(min_items = 1, max_items = 100, example = json!([101, 102]))]
    numbers: Vec<u32>,
    /// Their SHA-256, in the same order: a store that can refuses other bytes.
    #[serde(default)]
    #[schema(max_items = 100)]
    sha256s: Option<Vec<String>>,
}

/// Signed parts.
#[derive(Serialize, ToSchema)]
pub(crate) struct PartsView {
    /// In the order in which they were asked for.
    parts: Vec<PartView>,
}

/// A part as its sender knows it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SentBody {
    /// Its number.
    #[schema(example = 1, minimum = 1)]
    number: u32,
    /// The `ETag` that the store answered with.
    #[schema(max_length = 1024)]
    etag: String,
}

/// What was sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteBody {
    /// The parts. Needed only where the store does not list them; it is no harm elsewhere.
    #[serde(default)]
    #[schema(max_items = 10000)]
    parts: Option<Vec<SentBody>>,
}

/// A part that the store holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeldView {
    /// Its number.
    #[schema(example = 1)]
    number: u32,
    /// How many bytes it has.
    #[schema(example = 16_777_216)]
    size: u64,
    /// What the store calls it.
    etag: String,
}

/// Where an upload stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct DirectView {
    /// The upload.
    #[schema(format = Uuid)]
    upload_id: String,
    /// `open`, `verifying`, `completed` or `failed`.
    #[schema(example = "open")]
    status: &'static str,
    /// Bytes of the file.
    #[schema(example = 1_073_741_824)]
    size: u64,
    /// Bytes of each part but the last.
    #[schema(example = 16_777_216)]
    part_size: u64,
    /// How many parts there are.
    #[schema(example = 64)]
    part_count: u32,
    /// Those that the store holds; empty where it does not tell.
    parts: Vec<HeldView>,
    /// When it is given up unless it is complete.
    #[schema(format = DateTime)]
    expires_at: String,
    /// The file that it became.
    #[schema(format = Uuid)]
    file_id: Option<String>,
    /// The number of the version that it became.
    #[schema(example = 1)]
    version: Option<u64>,
    /// The file as it is now.
    file: Option<NodeView>,
}

/// `POST /api/v1/uploads/direct`
///
/// Plans an upload whose bytes go straight to the store, in parts. A store that cannot do that gets them by
/// tus, through this server.
#[utoipa::path(post, path = "/api/v1/uploads/direct", tag = "uploads", request_body = DirectBody,
    params(("If-Match" = Option<String>, Header, description = "Only over this content"),
           ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is no such file")),
    responses((status = 201, description = "The plan", body = PlanView),
              (status = 404, description = "There is no such folder", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn begin_direct(
    State(hub): State<Hub>,
    State(config): State<Arc<WebConfig>>,
    Signed(actor): Signed,
    headers: HeaderMap,
    Json(body): Json<DirectBody>,
) -> Result<Response, ApiError> {
    let new = body.read(&headers)?;
    let plan = hub.begin_direct(&actor, new).await.map_err(refused)?;
    let base = config
        .public_url
        .as_deref()
        .map_or("", |url| url.trim_end_matches('/'));
    let mut response = (StatusCode::CREATED, Reply(PlanView::new(plan, base))).into_response();
    response.extensions_mut().insert(AsItIs);
    Ok(response)
}

/// `POST /api/v1/uploads/direct/{id}/parts`
///
/// Signs more parts, or some again.
#[utoipa::path(post, path = "/api/v1/uploads/direct/{id}/parts", tag = "uploads", request_body = PartsBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The parts", body = PartsView),
              (status = 410, description = "The upload is over", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn sign_parts(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UploadId>,
    Json(body): Json<PartsBody>,
) -> Result<Response, ApiError> {
    let digests = body.sha256s.unwrap_or_default();
    if !digests.is_empty() && digests.len() != body.numbers.len() {
        return Err(invalid("sha256s", "as many as there are numbers"));
    }
    let digests: Result<Vec<Digest>, ApiError> = digests.iter().map(|text| digest("sha256s", text)).collect();
    let parts = hub.sign_parts(&actor, id, &body.numbers, &digests?).await;
    let parts = parts.map_err(refused)?.into_iter().map(PartView::from).collect();
    let mut response = Reply(PartsView { parts }).into_response();
    response.extensions_mut().insert(AsItIs);
    Ok(response)
}

/// `GET /api/v1/uploads/direct/{id}`
///
/// Where an upload stands, with the parts that the store holds: what is missing can be sent after any break.
#[utoipa::path(get, path = "/api/v1/uploads/direct/{id}", tag = "uploads",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "Where it stands", body = DirectView),
              (status = 410, description = "The upload is over", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn direct_status(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UploadId>,
) -> Result<Reply<DirectView>, ApiError> {
    let (transfer, part_count, parts) = hub.direct_status(&actor, id).await.map_err(refused)?;
    let mut view = view(&hub, &actor, &transfer, part_count).await?;
    let parts = parts.into_iter().map(|part| HeldView {
        number: part.number,
        size: part.size_bytes,
        etag: part.tag,
    });
    view.parts = parts.collect();
    Ok(Reply(view))
}

/// `POST /api/v1/uploads/direct/{id}/complete`
///
/// Makes the file, once what the store holds was looked at. When that takes long the answer is 202: ask
/// again. It may be repeated at any time.
#[utoipa::path(post, path = "/api/v1/uploads/direct/{id}/complete", tag = "uploads", request_body = CompleteBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "It is a file", body = DirectView),
              (status = 202, description = "Its bytes are still being looked at", body = DirectView),
              (status = 410, description = "The upload is over", body = Problem,
               content_type = "application/problem+json"),
              (status = 412, description = "The precondition failed", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn complete_direct(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UploadId>,
    OptionalJson(body): OptionalJson<CompleteBody>,
) -> Result<Response, ApiError> {
    let sent = body.parts.unwrap_or_default().into_iter().map(|part| SentPart {
        number: part.number,
        tag: part.etag,
    });
    let completion = hub.complete_direct(&actor, id, sent.collect()).await;
    let status = match completion.map_err(refused)? {
        Completion::Done(_) => StatusCode::OK,
        Completion::Verifying => StatusCode::ACCEPTED,
    };
    let (transfer, part_count, _) = hub.direct_status(&actor, id).await.map_err(refused)?;
    let mut view = view(&hub, &actor, &transfer, part_count).await?;
    if status == StatusCode::ACCEPTED {
        view.status = "verifying";
    }
    Ok((status, Reply(view)).into_response())
}

/// `DELETE /api/v1/uploads/direct/{id}`
///
/// Gives an upload up and frees what the store holds of it.
#[utoipa::path(delete, path = "/api/v1/uploads/direct/{id}", tag = "uploads",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "It is gone"),
              (status = 410, description = "The upload is over, or a file already", body = Problem,
               content_type = "application/problem+json"),
              (status = 423, description = "It is being completed", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn abort_direct(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UploadId>,
) -> Result<StatusCode, ApiError> {
    hub.abandon_transfer(&actor, id).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

impl DirectBody {
    fn read(self, headers: &HeaderMap) -> Result<NewTransfer, ApiError> {
        let place = match (self.path, self.name) {
            (Some(_), Some(_)) => return Err(invalid("path", "with a path, the name is left out")),
            (Some(_), None) if self.folder_id.is_some() => {
                return Err(invalid("path", "give either folder_id or path"));
            }
            (Some(path), None) => UploadPlace::Path(nodes::path(&path)?),
            (None, Some(name)) => UploadPlace::In {
                folder: self.folder_id.map_or(FolderRef::Root, |folder| folder.0),
                name: nodes::name(&name)?,
            },
            (None, None) => return Err(invalid("name", "a file needs a name, or a path")),
        };
        let said = self.mime_type.unwrap_or_default();
        let media_type = match &place {
            UploadPlace::In { name, .. } => media::of(&said, name),
            UploadPlace::Path(path) => match path.names().last() {
                Some(name) => media::of(&said, name),
                None => return Err(invalid("path", "a file needs a name")),
            },
            UploadPlace::Over(_) | UploadPlace::Inbox { .. } => said,
        };
        if i64::try_from(self.size).is_err() {
            return Err(invalid("size", "no file has so many bytes"));
        }
        Ok(NewTransfer {
            upload: Some(Upload {
                place,
                on_conflict: self.on_conflict.unwrap_or_default().into(),
                guard: conditions::guard(headers)?,
                media_type,
                origin: origin(headers),
                is_tracked: false,
            }),
            size_bytes: Some(self.size),
            digest: self.sha256.map(|text| digest("sha256", &text)).transpose()?,
            metadata: String::new(),
        })
    }
}

impl PlanView {
    fn new(plan: DirectPlan, base: &str) -> Self {
        let id = plan.transfer.id;
        let (transfer, is_direct) = match plan.way {
            Way::Parts => ("parts", true),
            Way::Resumable => ("resumable", true),
            Way::Tus => ("tus", false),
        };
        Self {
            upload_id: id.to_string(),
            transfer,
            part_size: is_direct.then_some(plan.transfer.part_bytes),
            part_count: plan.part_count,
            parts: plan.parts.into_iter().map(PartView::from).collect(),
            expires_at: time(plan.transfer.expires_ms),
            tus_url: (!is_direct).then(|| format!("{base}/api/v1/uploads/tus/{id}")),
        }
    }
}

impl From<DirectPart> for PartView {
    fn from(part: DirectPart) -> Self {
        Self {
            number: part.number,
            size: part.size_bytes,
            method: part.request.method,
            url: part.request.url,
            headers: part.request.headers.into_iter().collect(),
            expires_at: time(part.expires_ms),
        }
    }
}

async fn view(
    hub: &Hub,
    actor: &Actor,
    transfer: &Transfer,
    part_count: u32,
) -> Result<DirectView, ApiError> {
    // It may have been moved out of sight since.
    let file = match transfer.made {
        Some((file, _)) => hub.info(actor, file).await.ok(),
        None => None,
    };
    Ok(DirectView {
        upload_id: transfer.id.to_string(),
        status: match transfer.state {
            UploadState::Open => "open",
            UploadState::Verifying => "verifying",
            UploadState::Completed => "completed",
            UploadState::Failed => "failed",
        },
        size: transfer.size_bytes.unwrap_or(0),
        part_size: transfer.part_bytes,
        part_count,
        parts: Vec::new(),
        expires_at: time(transfer.expires_ms),
        file_id: transfer.made.map(|(file, _)| file.to_string()),
        version: transfer.made.map(|(_, number)| number),
        file: file.as_ref().map(NodeView::from),
    })
}

fn digest(field: &str, text: &str) -> Result<Digest, ApiError> {
    text.parse()
        .map_err(|error: model::DigestError| invalid(field, &error.to_string()))
}

fn invalid(field: &str, detail: &str) -> ApiError {
    Problem::new(problem::INVALID, format!("{field}: {detail}"))
        .field(field, detail)
        .into()
}

fn refused(error: TransferError) -> ApiError {
    worded(error, problem::CONFLICT)
}

/// How HTTP words what a transfer meets; `parts` is the kind of a problem with parts.
pub(crate) fn worded(error: TransferError, parts: Kind) -> ApiError {
    let detail = error.to_string();
    let (kind, extra): (Kind, Extra) = match error {
        TransferError::Hub(error) => return error.into(),
        TransferError::Gone => ((StatusCode::GONE, "gone", "Gone"), Extra::None),
        TransferError::Busy => ((StatusCode::LOCKED, "busy", "Busy"), Extra::RetryAfter(2)),
        TransferError::Offset { .. } => ((StatusCode::CONFLICT, "offset", "Another offset"), Extra::None),
        TransferError::Checksum => {
            // A status of tus alone (tus 1.0, Checksum).
            let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
            ((status, "checksum", "Checksum mismatch"), Extra::None)
        }
        TransferError::TooLong { .. } => (problem::TOO_LARGE, Extra::Close),
        TransferError::LengthSettled => (problem::MALFORMED, Extra::None),
        TransferError::Parts(_) => (parts, Extra::None),
        TransferError::TooMany => (
            (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_uploads",
                "Too many uploads",
            ),
            Extra::RetryAfter(60),
        ),
    };
    Problem::new(kind, detail).with(extra).into()
}
