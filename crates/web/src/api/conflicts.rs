//! `/api/v1/conflicts`: both sides of a mirror changed.

use axum::Json as Reply;
use axum::extract::State;
use hub::{Between, ConflictFilter, Decision, Hub, Part, WhichConflicts};
use model::{ConflictId, ConflictPolicy, MirrorId, Winner};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::conflict_views::{ConflictDetails, ConflictView, DiffView, FailedView, ManyResolvedView};
use crate::extract::{Json, Path, Query, limit, optional_word, word};
use crate::problem::{self, ApiError, Problem};
use crate::sessions::Signed;

/// Which conflicts to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConflictsQuery {
    /// `true`: only resolved ones; `false`: only open ones.
    resolved: Option<bool>,
    /// Only those of the mirror with this id.
    #[param(format = Uuid)]
    mirror: Option<String>,
    /// Conflicts at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Conflicts.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConflictList {
    /// The newest first.
    conflicts: Vec<ConflictView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// Which two sides to compare.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// `here` (default) or `base`.
    #[param(pattern = "^(here|base)$")]
    from: Option<String>,
    /// `there` (default) or `here`.
    #[param(pattern = "^(there|here)$")]
    to: Option<String>,
}

/// How to resolve a conflict.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Policy {
    /// The later write becomes the current one.
    LastWrite,
    /// Both stay, side by side.
    KeepBoth,
    /// A person sorted it out.
    Manual,
}

/// Whose content is current.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WinnerWord {
    /// Ours.
    Here,
    /// Theirs.
    There,
}

/// How to resolve a conflict, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveBody {
    /// `last-write`: the later change is current, the other becomes a version. `keep-both`: theirs keeps the name, ours
    /// goes to a file beside. `manual`: what `winner` says.
    #[serde(deserialize_with = "word")]
    policy: Policy,
    /// With `manual`: `here` or `there`. Without, what is here now is current, as after a merge by hand; a change still
    /// wins over a deletion.
    #[serde(default, deserialize_with = "optional_word")]
    winner: Option<WinnerWord>,
    /// For the record.
    #[serde(default)]
    #[schema(max_length = 4096)]
    notes: Option<String>,
    /// `true`: also when it was resolved otherwise before.
    #[serde(default)]
    #[schema(nullable = false)]
    again: Option<bool>,
}

/// How to resolve many conflicts, and which.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveManyBody {
    /// These conflicts, at most 1000.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, nullable = false, max_items = 1000)]
    ids: Option<Vec<ConflictId>>,
    /// Instead: the open ones of the mirror with this id, the newest first, at most 1000.
    #[serde(default)]
    #[schema(value_type = Option<String>, nullable = false, format = Uuid)]
    mirror: Option<MirrorId>,
    /// As for one.
    #[serde(deserialize_with = "word")]
    policy: Policy,
    /// As for one.
    #[serde(default, deserialize_with = "optional_word")]
    winner: Option<WinnerWord>,
    /// As for one.
    #[serde(default)]
    #[schema(max_length = 4096)]
    notes: Option<String>,
    /// As for one.
    #[serde(default)]
    #[schema(nullable = false)]
    again: Option<bool>,
}

impl ResolveBody {
    fn read(self) -> Decision {
        decision((self.policy, self.winner), self.notes, self.again)
    }
}

fn decision(
    (policy, winner): (Policy, Option<WinnerWord>),
    notes: Option<String>,
    again: Option<bool>,
) -> Decision {
    Decision {
        policy: match policy {
            Policy::LastWrite => ConflictPolicy::LastWrite,
            Policy::KeepBoth => ConflictPolicy::KeepBoth,
            Policy::Manual => ConflictPolicy::Manual,
        },
        winner: winner.map(|winner| match winner {
            WinnerWord::Here => Winner::Here,
            WinnerWord::There => Winner::There,
        }),
        notes,
        again: again.unwrap_or(false),
    }
}

/// `GET /api/v1/conflicts`
///
/// The conflicts of your mirrors, the newest first.
#[utoipa::path(get, path = "/api/v1/conflicts", tag = "conflicts", params(ConflictsQuery),
    responses((status = 200, description = "One page", body = ConflictList)))]
pub(crate) async fn list_conflicts(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<ConflictsQuery>,
) -> Result<Reply<ConflictList>, ApiError> {
    let mirror = match query.mirror.as_deref().map(str::parse::<MirrorId>) {
        Some(Ok(mirror)) => Some(mirror),
        Some(Err(error)) => {
            return Err(Problem::new(problem::MALFORMED, format!("mirror: {error}")).into());
        }
        None => None,
    };
    let filter = ConflictFilter {
        resolved: query.resolved,
        mirror,
    };
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    let page = hub.conflicts(&actor, filter, part).await?;
    Ok(Reply(ConflictList {
        conflicts: page.items.into_iter().map(ConflictView::from).collect(),
        next_cursor: page.next,
    }))
}

/// `GET /api/v1/conflicts/{id}`
///
/// A conflict: both sides, what happened in words, and what the contents are like. Of an open one theirs is looked at
/// where it is, at the provider.
#[utoipa::path(get, path = "/api/v1/conflicts/{id}", tag = "conflicts",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The conflict", body = ConflictDetails)))]
pub(crate) async fn get_conflict(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConflictId>,
) -> Result<Reply<ConflictDetails>, ApiError> {
    Ok(Reply(hub.conflict_preview(&actor, id).await?.into()))
}

/// `GET /api/v1/conflicts/{id}/diff`
///
/// Two sides of a conflict compared line by line, when both are texts of at most 1 MiB.
#[utoipa::path(get, path = "/api/v1/conflicts/{id}/diff", tag = "conflicts",
    params(("id" = String, Path, format = Uuid), DiffQuery),
    responses((status = 200, description = "The difference, or why there is none", body = DiffView)))]
pub(crate) async fn diff_conflict(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConflictId>,
    Query(query): Query<DiffQuery>,
) -> Result<Reply<DiffView>, ApiError> {
    let from = query.from.as_deref().unwrap_or("here");
    let to = query.to.as_deref().unwrap_or("there");
    let (between, sides) = match (from, to) {
        ("here", "there") => (Between::HereThere, ("here", "there")),
        ("base", "here") => (Between::BaseHere, ("base", "here")),
        ("base", "there") => (Between::BaseThere, ("base", "there")),
        _ => {
            let detail = "from, to: compare `here` with `there`, or `base` with either";
            return Err(Problem::new(problem::MALFORMED, detail).into());
        }
    };
    let comparison = hub.compare_conflict(&actor, id, between).await?;
    Ok(Reply(DiffView::new(sides, comparison)))
}

/// `POST /api/v1/conflicts/{id}/resolve`
///
/// Resolves a conflict. What it replaces stays as a version or in the trash. Resolved in the same way already, it
/// stays so; otherwise that needs `again`.
#[utoipa::path(post, path = "/api/v1/conflicts/{id}/resolve", tag = "conflicts", request_body = ResolveBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The conflict after it", body = ConflictView),
              (status = 409, description = "It was resolved otherwise, or what it needs is gone; the detail says what helps",
               body = Problem, content_type = "application/problem+json"),
              (status = 502, description = "Theirs has to be kept first, and the provider does not answer",
               body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn resolve_conflict(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConflictId>,
    Json(body): Json<ResolveBody>,
) -> Result<Reply<ConflictView>, ApiError> {
    let row = hub.resolve_conflict(&actor, id, body.read()).await?;
    Ok(Reply(row.into()))
}

/// `POST /api/v1/conflicts/resolve`
///
/// Resolves many conflicts in one way, each by itself.
#[utoipa::path(post, path = "/api/v1/conflicts/resolve", tag = "conflicts", request_body = ResolveManyBody,
    responses((status = 200, description = "What became of each", body = ManyResolvedView)))]
pub(crate) async fn resolve_conflicts(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Json(body): Json<ResolveManyBody>,
) -> Result<Reply<ManyResolvedView>, ApiError> {
    let which = match (body.ids, body.mirror) {
        (Some(ids), None) => WhichConflicts::Ids(ids),
        (None, Some(mirror)) => WhichConflicts::OpenOf(mirror),
        (None, None) => return Err(which("ids", "which conflicts? Give ids or mirror")),
        (Some(_), Some(_)) => return Err(which("mirror", "give either ids or mirror")),
    };
    let how = decision((body.policy, body.winner), body.notes, body.again);
    let many = hub.resolve_conflicts(&actor, which, how).await?;
    let (mut conflicts, mut failed) = (Vec::new(), Vec::new());
    for (id, outcome) in many.outcomes {
        match outcome {
            Ok(row) => conflicts.push(row.into()),
            Err(error) => failed.push(FailedView {
                id: id.to_string(),
                problem: ApiError::from(error).0,
            }),
        }
    }
    Ok(Reply(ManyResolvedView::new(conflicts, failed, many.has_more)))
}

/// `POST /api/v1/conflicts/{id}/undo`
///
/// Takes the last decision about a conflict back, as far as that can be: then the one before it holds, or the conflict
/// is open again.
#[utoipa::path(post, path = "/api/v1/conflicts/{id}/undo", tag = "conflicts",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The conflict after it", body = ConflictView),
              (status = 409, description = "It cannot be taken back any more; the detail says why and what helps",
               body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn undo_conflict(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ConflictId>,
) -> Result<Reply<ConflictView>, ApiError> {
    Ok(Reply(hub.undo_conflict(&actor, id).await?.into()))
}

fn which(field: &str, detail: &str) -> ApiError {
    Problem::new(problem::INVALID, format!("`{field}`: {detail}"))
        .field(field, detail)
        .into()
}
