//! `/api/v1/me` and `/api/v1/sessions`: what a person sees of their own account.

use axum::Json as Reply;
use axum::extract::State;
use http::StatusCode;
use hub::{Hub, MeChange};
use model::SessionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::{MeView, SessionView};
use crate::extract::{Json, Path, given};
use crate::problem::ApiError;
use crate::sessions::Signed;

/// What to change about your account. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeBody {
    /// What you call yourself.
    #[serde(default)]
    #[schema(
        example = "John Doe",
        max_length = 255,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
    )]
    full_name: Option<String>,
    /// The language that you read, as a BCP 47 tag; `null` forgets it.
    #[serde(default, deserialize_with = "given")]
    #[schema(
        value_type = Option<String>,
        example = "pt-BR",
        max_length = 35,
        pattern = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
    )]
    locale: Option<Option<String>>,
}

/// Your sign-ins.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionList {
    /// The newest first.
    sessions: Vec<SessionView>,
}

/// `GET /api/v1/me`
///
/// Your account and how much you store.
#[utoipa::path(get, path = "/api/v1/me", tag = "account",
    responses((status = 200, description = "Your account", body = MeView)))]
pub(crate) async fn me(State(hub): State<Hub>, Signed(actor): Signed) -> Result<Reply<MeView>, ApiError> {
    Ok(Reply(hub.me(&actor).await?.into()))
}

/// `PATCH /api/v1/me`
///
/// Changes what you call yourself and the language that you read.
#[utoipa::path(patch, path = "/api/v1/me", tag = "account", request_body = MeBody,
    responses((status = 200, description = "Your account", body = MeView)))]
pub(crate) async fn change_me(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Json(body): Json<MeBody>,
) -> Result<Reply<MeView>, ApiError> {
    let change = MeChange {
        full_name: body.full_name,
        locale: body.locale,
    };
    Ok(Reply(hub.change_me(&actor, change).await?.into()))
}

/// `GET /api/v1/sessions`
///
/// Your sign-ins, the newest first.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "account",
    responses((status = 200, description = "Your sign-ins", body = SessionList)))]
pub(crate) async fn list_sessions(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<Reply<SessionList>, ApiError> {
    let rows = hub.sessions(&actor).await?;
    let sessions = rows
        .iter()
        .map(|row| SessionView::new(&row.session, row.is_current))
        .collect();
    Ok(Reply(SessionList { sessions }))
}

/// `DELETE /api/v1/sessions/{id}`
///
/// Ends one of your sign-ins, at once.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "account",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "Ended")))]
pub(crate) async fn end_session(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, ApiError> {
    hub.end_session(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
