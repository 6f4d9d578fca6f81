//! `/api/v1/admin/stores`: where contents are kept. For administrators.

use axum::Json as Reply;
use axum::extract::State;
use http::StatusCode;
use hub::{Hub, Move, Part, StoreRow};
use model::BlobId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::time;
use crate::extract::{Json, OptionalJson, Path, Query, limit};
use crate::problem::ApiError;
use crate::sessions::Signed;

/// Whether to look.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StoresQuery {
    /// `true` tries each store out now.
    probe: Option<bool>,
}

/// Which two stores.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CopyQuery {
    /// The store that is left.
    from: String,
    /// The store that is filled.
    to: String,
}

/// Part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DamageQuery {
    /// Contents at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// All stores.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoreList {
    /// By name.
    stores: Vec<StoreView>,
}

/// A store.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoreView {
    /// Its name.
    #[schema(example = "s3")]
    name: String,
    /// Whether new contents go there.
    default: bool,
    /// Whether contents are sealed before they get there.
    sealed: bool,
    /// Whether the settings say how to reach it.
    configured: bool,
    /// Contents that it holds.
    contents: u64,
    /// Bytes of them.
    bytes: u64,
    /// Contents that are known to be damaged.
    damaged: u64,
    /// Contents that only their sender has seen so far.
    unproven: u64,
    /// What it can do: `ranges`, `signed_downloads`, `direct_uploads`, `conditional_writes`, `checked_digests`.
    abilities: Vec<&'static str>,
    /// `works` or `fails` when it was tried out; `null` otherwise.
    state: Option<&'static str>,
    /// How far its clock is ahead, milliseconds.
    clock_skew_ms: Option<i64>,
    /// Whether pages of this server may upload to it and download from it.
    allows_pages: Option<bool>,
    /// What an operator should know, in sentences.
    advice: Vec<String>,
    /// The store that what was meant for it goes to instead.
    moved_to: Option<String>,
    /// When it was retired.
    #[schema(format = DateTime)]
    retired_at: Option<String>,
}

/// What to move where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CopyBody {
    /// The store to leave.
    #[schema(example = "local")]
    from: String,
    /// The store to fill.
    #[schema(example = "s3")]
    to: String,
    /// `true` reads each copy back and compares it.
    #[serde(default)]
    verify: Option<bool>,
}

/// The job that does it.
#[derive(Serialize, ToSchema)]
pub(crate) struct BegunView {
    /// To be asked for at `/api/v1/status/{job_id}`.
    #[schema(format = Uuid)]
    job_id: String,
}

/// How far a move has come.
#[derive(Serialize, ToSchema)]
pub(crate) struct CopyView {
    /// Contents that the first store still holds.
    left: u64,
    /// Bytes of them.
    left_bytes: u64,
    /// Contents that the second store holds.
    there: u64,
    /// Bytes of them.
    there_bytes: u64,
    /// Contents that could not be moved, and why; the first thousand.
    failures: Vec<FailureView>,
}

/// A content that could not be moved.
#[derive(Serialize, ToSchema)]
pub(crate) struct FailureView {
    /// Its id.
    #[schema(format = Uuid)]
    blob_id: String,
    /// Why.
    reason: String,
}

/// How to let go of a store.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetireBody {
    /// `true` removes all that was stored in it.
    #[serde(default)]
    erase: Option<bool>,
}

/// What was removed.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetiredView {
    /// Contents that nothing used.
    removed: u64,
}

/// Damaged contents.
#[derive(Serialize, ToSchema)]
pub(crate) struct DamageList {
    /// By id.
    damaged: Vec<DamageView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// A damaged content.
#[derive(Serialize, ToSchema)]
pub(crate) struct DamageView {
    /// Its id.
    #[schema(format = Uuid)]
    blob_id: String,
    /// Its store; `null` is the database.
    store: Option<String>,
    /// Its key there.
    key: Option<String>,
    /// Bytes.
    size: u64,
    /// The SHA-256 that it should have.
    sha256: Option<String>,
    /// When it was looked at last.
    #[schema(format = DateTime)]
    checked_at: String,
    /// The files and versions that need it; the first ten.
    files: Vec<DamagedFile>,
}

/// A version that needs a damaged content.
#[derive(Serialize, ToSchema)]
pub(crate) struct DamagedFile {
    /// The file.
    #[schema(format = Uuid)]
    node_id: String,
    /// The version.
    version: u64,
}

impl From<StoreRow> for StoreView {
    fn from(row: StoreRow) -> Self {
        let mut abilities = Vec::new();
        if let Some(can) = row.abilities {
            let all = [
                ("ranges", can.reads_ranges),
                ("signed_downloads", can.signs_urls),
                ("direct_uploads", can.signs_parts),
                ("conditional_writes", can.creates_only.unwrap_or(false)),
                ("checked_digests", can.checks_digests.unwrap_or(false)),
            ];
            abilities.extend(all.iter().filter(|(_, can)| *can).map(|(word, _)| *word));
        }
        let (state, skew, pages, advice) = match row.probe {
            Some(Ok(probe)) => (Some("works"), probe.skew_ms, probe.allows_pages, probe.advice),
            Some(Err(reason)) => (Some("fails"), None, None, vec![reason]),
            None => (None, None, None, Vec::new()),
        };
        Self {
            name: row.name,
            default: row.is_default,
            sealed: row.is_sealed,
            configured: row.is_configured,
            contents: row.totals.blobs,
            bytes: row.totals.bytes,
            damaged: row.totals.damaged,
            unproven: row.totals.unproven,
            abilities,
            state,
            clock_skew_ms: skew,
            allows_pages: pages,
            advice,
            moved_to: row.moved_to,
            retired_at: row.retired_ms.map(time),
        }
    }
}

/// `GET /api/v1/admin/stores`
///
/// All stores, what they hold and what they can do.
#[utoipa::path(get, path = "/api/v1/admin/stores", tag = "admin", params(StoresQuery),
    responses((status = 200, description = "The stores", body = StoreList)))]
pub(crate) async fn list_stores(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<StoresQuery>,
) -> Result<Reply<StoreList>, ApiError> {
    let stores = hub.stores(&actor, query.probe.unwrap_or(false)).await?;
    let stores = stores.into_iter().map(StoreView::from).collect();
    Ok(Reply(StoreList { stores }))
}

/// `POST /api/v1/admin/stores/copy`
///
/// Sends new contents to another store and moves all that the first one holds there.
#[utoipa::path(post, path = "/api/v1/admin/stores/copy", tag = "admin", request_body = CopyBody,
    responses((status = 202, description = "It is begun", body = BegunView)))]
pub(crate) async fn copy_store(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Json(body): Json<CopyBody>,
) -> Result<(StatusCode, Reply<BegunView>), ApiError> {
    let what = Move {
        from: body.from,
        to: body.to,
        verify: body.verify.unwrap_or(false),
    };
    let job_id = hub.begin_move(&actor, &what).await?.to_string();
    Ok((StatusCode::ACCEPTED, Reply(BegunView { job_id })))
}

/// `GET /api/v1/admin/stores/copy`
///
/// How far moving from one store to another has come, and what could not be moved.
#[utoipa::path(get, path = "/api/v1/admin/stores/copy", tag = "admin", params(CopyQuery),
    responses((status = 200, description = "The report", body = CopyView)))]
pub(crate) async fn copy_report(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<CopyQuery>,
) -> Result<Reply<CopyView>, ApiError> {
    let report = hub.move_report(&actor, &query.from, &query.to).await?;
    let failures = report.failures.into_iter().map(|(blob, reason)| FailureView {
        blob_id: blob.to_string(),
        reason,
    });
    Ok(Reply(CopyView {
        left: report.left.0,
        left_bytes: report.left.1,
        there: report.there.0,
        there_bytes: report.there.1,
        failures: failures.collect(),
    }))
}

/// `POST /api/v1/admin/stores/{name}/retire`
///
/// Lets go of a store that nothing refers to.
#[utoipa::path(post, path = "/api/v1/admin/stores/{name}/retire", tag = "admin", request_body = RetireBody,
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "It is retired", body = RetiredView)))]
pub(crate) async fn retire_store(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(name): Path<String>,
    OptionalJson(body): OptionalJson<RetireBody>,
) -> Result<Reply<RetiredView>, ApiError> {
    let removed = hub
        .retire_store(&actor, &name, body.erase.unwrap_or(false))
        .await?;
    Ok(Reply(RetiredView { removed }))
}

/// `POST /api/v1/admin/stores/reseal`
///
/// Seals the keys of sealed contents with the first of `CUMULI_SEAL_KEYS`.
#[utoipa::path(post, path = "/api/v1/admin/stores/reseal", tag = "admin",
    responses((status = 202, description = "It is begun", body = BegunView)))]
pub(crate) async fn reseal_stores(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<(StatusCode, Reply<BegunView>), ApiError> {
    let job_id = hub.begin_reseal(&actor).await?.to_string();
    Ok((StatusCode::ACCEPTED, Reply(BegunView { job_id })))
}

/// `POST /api/v1/admin/scrub`
///
/// Reads stored contents back now that were not read for as long as `CUMULI_SCRUB_EVERY` says.
#[utoipa::path(post, path = "/api/v1/admin/scrub", tag = "admin",
    responses((status = 202, description = "It is begun", body = BegunView)))]
pub(crate) async fn scrub_stores(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<(StatusCode, Reply<BegunView>), ApiError> {
    let job_id = hub.begin_scrub(&actor).await?.to_string();
    Ok((StatusCode::ACCEPTED, Reply(BegunView { job_id })))
}

/// `GET /api/v1/admin/damage`
///
/// Contents that were found missing, short or changed, and the files that need them.
#[utoipa::path(get, path = "/api/v1/admin/damage", tag = "admin", params(DamageQuery),
    responses((status = 200, description = "One page", body = DamageList)))]
pub(crate) async fn list_damage(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<DamageQuery>,
) -> Result<Reply<DamageList>, ApiError> {
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    let page = hub.damage(&actor, part).await?;
    let damaged = page.items.into_iter().map(|row| {
        let id: BlobId = row.blob;
        let (store, key) = row.at.map(|at| (at.store, at.key)).unzip();
        DamageView {
            blob_id: id.to_string(),
            store,
            key,
            size: row.size_bytes,
            sha256: row.digest.map(|digest| digest.to_string()),
            checked_at: time(row.checked_ms),
            files: row
                .files
                .into_iter()
                .map(|(node, version)| DamagedFile {
                    node_id: node.to_string(),
                    version,
                })
                .collect(),
        }
    });
    Ok(Reply(DamageList {
        damaged: damaged.collect(),
        next_cursor: page.next,
    }))
}
