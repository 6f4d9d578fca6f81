//! `/api/v1/conflicts`: both sides of a mirror changed. Without mirrors there are none.

use axum::Json as Reply;
use http::StatusCode;
use hub::HubError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Json, Path, Query, word};
use crate::problem::ApiError;
use crate::sessions::Signed;

/// Which conflicts to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
pub(crate) struct ConflictsQuery {
    /// Only resolved ones, or only open ones.
    resolved: Option<bool>,
}

/// Conflicts.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConflictList {
    /// The conflicts.
    conflicts: Vec<ConflictView>,
}

/// A conflict.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConflictView {
    /// Its id.
    id: String,
    /// Whether it is resolved.
    resolved: bool,
}

/// How to resolve a conflict.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Policy {
    /// The later write becomes the current one.
    LastWrite,
    /// Both stay, side by side.
    KeepBoth,
    /// A person sorts it out.
    Manual,
}

/// How to resolve a conflict, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub(crate) struct ResolveBody {
    /// `last-write`, `keep-both` or `manual`.
    #[serde(deserialize_with = "word")]
    policy: Policy,
    /// For the record.
    #[serde(default)]
    notes: Option<String>,
}

/// `GET /api/v1/conflicts`
///
/// Your conflicts.
#[utoipa::path(get, path = "/api/v1/conflicts", tag = "conflicts", params(ConflictsQuery),
    responses((status = 200, description = "The conflicts", body = ConflictList)))]
pub(crate) async fn list_conflicts(
    _signed: Signed,
    _which: Query<ConflictsQuery>,
) -> Result<Reply<ConflictList>, ApiError> {
    Ok(Reply(ConflictList {
        conflicts: Vec::new(),
    }))
}

/// `GET /api/v1/conflicts/{id}`
///
/// One conflict.
#[utoipa::path(get, path = "/api/v1/conflicts/{id}", tag = "conflicts", params(("id" = String, Path)),
    responses((status = 200, description = "The conflict", body = ConflictView)))]
pub(crate) async fn get_conflict(_signed: Signed, _id: Path<String>) -> Result<StatusCode, ApiError> {
    Err(HubError::NotFound("conflict").into())
}

/// `POST /api/v1/conflicts/{id}/resolve`
///
/// Resolves a conflict.
#[utoipa::path(post, path = "/api/v1/conflicts/{id}/resolve", tag = "conflicts", request_body = ResolveBody,
    params(("id" = String, Path)),
    responses((status = 200, description = "The conflict after it", body = ConflictView)))]
pub(crate) async fn resolve_conflict(
    _signed: Signed,
    _id: Path<String>,
    _how: Json<ResolveBody>,
) -> Result<StatusCode, ApiError> {
    Err(HubError::NotFound("conflict").into())
}
