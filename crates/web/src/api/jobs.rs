//! `/api/v1/status` and `/api/v1/jobs`: background work.

use axum::Json as Reply;
use axum::extract::State;
use hub::{Hub, Part};
use model::{JobId, JobState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::JobView;
use crate::extract::{Path, Query, limit};
use crate::problem::{self, ApiError, Problem};
use crate::sessions::Signed;

/// Which jobs to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobsQuery {
    /// Only those in this state: `pending`, `running`, `completed`, `failed` or `cancelled`.
    #[param(pattern = "^(pending|running|completed|failed|cancelled)$")]
    status: Option<String>,
    /// `true` lists everyone's and the server's own; for administrators.
    all: Option<bool>,
    /// Jobs at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// One page of jobs.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobList {
    /// The newest first.
    jobs: Vec<JobView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// `GET /api/v1/status/{job_id}`
///
/// How far a job has come.
#[utoipa::path(get, path = "/api/v1/status/{job_id}", tag = "jobs",
    params(("job_id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The job", body = JobView)))]
pub(crate) async fn job_status(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<JobId>,
) -> Result<Reply<JobView>, ApiError> {
    Ok(Reply(hub.job(&actor, id).await?.into()))
}

/// `GET /api/v1/jobs`
///
/// Your jobs, the newest first. Ended ones can be looked up for a week.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", params(JobsQuery),
    responses((status = 200, description = "One page", body = JobList)))]
pub(crate) async fn list_jobs(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<JobsQuery>,
) -> Result<Reply<JobList>, ApiError> {
    let unknown = || {
        let detail = "status: give pending, running, completed, failed or cancelled";
        ApiError::from(Problem::new(problem::MALFORMED, detail))
    };
    let state = match query.status.as_deref() {
        Some(word) => Some(JobState::from_word(word).ok_or_else(unknown)?),
        None => None,
    };
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    let page = hub
        .jobs(&actor, (state, query.all.unwrap_or(false)), part)
        .await?;
    Ok(Reply(JobList {
        jobs: page.items.into_iter().map(JobView::from).collect(),
        next_cursor: page.next,
    }))
}

/// `GET /api/v1/jobs/{id}`
///
/// One job.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The job", body = JobView)))]
pub(crate) async fn get_job(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<JobId>,
) -> Result<Reply<JobView>, ApiError> {
    Ok(Reply(hub.job(&actor, id).await?.into()))
}

/// `POST /api/v1/jobs/{id}/cancel`
///
/// Calls a job off: one that waits at once, one that runs at its next step.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", tag = "jobs",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The job", body = JobView)))]
pub(crate) async fn cancel_job(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<JobId>,
) -> Result<Reply<JobView>, ApiError> {
    Ok(Reply(hub.cancel_job(&actor, id).await?.into()))
}

/// `POST /api/v1/jobs/{id}/retry`
///
/// Tries a failed or cancelled job again.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", tag = "jobs",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The job", body = JobView)))]
pub(crate) async fn retry_job(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<JobId>,
) -> Result<Reply<JobView>, ApiError> {
    Ok(Reply(hub.retry_job(&actor, id).await?.into()))
}
