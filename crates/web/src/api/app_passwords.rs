//! `/api/v1/app-passwords`: one password for each program.

use axum::Json as Reply;
use axum::extract::State;
use http::StatusCode;
use hub::Hub;
use model::AppPasswordId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::{AppPasswordView, time};
use crate::extract::{Json, Path};
use crate::problem::ApiError;
use crate::sessions::Signed;

/// A program that needs a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppPasswordBody {
    /// What you call it.
    #[schema(
        example = "Laptop backup",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
    )]
    label: String,
}

/// Your app passwords.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppPasswordList {
    /// The newest first.
    app_passwords: Vec<AppPasswordView>,
}

/// A new app password. Its secret is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewAppPasswordView {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// What you called it.
    label: String,
    /// The password, for HTTP Basic with your address.
    #[schema(example = "abcde-fghij-kmnpq-rstuv-wxyz2-34567")]
    password: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// `GET /api/v1/app-passwords`
///
/// Your app passwords, without their secrets.
#[utoipa::path(get, path = "/api/v1/app-passwords", tag = "account",
    responses((status = 200, description = "Your app passwords", body = AppPasswordList)))]
pub(crate) async fn list_app_passwords(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<Reply<AppPasswordList>, ApiError> {
    let rows = hub.app_passwords(&actor).await?;
    Ok(Reply(AppPasswordList {
        app_passwords: rows.iter().map(AppPasswordView::from).collect(),
    }))
}

/// `POST /api/v1/app-passwords`
///
/// Makes an app password.
#[utoipa::path(post, path = "/api/v1/app-passwords", tag = "account", request_body = AppPasswordBody,
    responses((status = 201, description = "The password, shown this once", body = NewAppPasswordView)))]
pub(crate) async fn create_app_password(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Json(body): Json<AppPasswordBody>,
) -> Result<(StatusCode, Reply<NewAppPasswordView>), ApiError> {
    let new = hub.create_app_password(&actor, &body.label).await?;
    let view = NewAppPasswordView {
        id: new.row.id.to_string(),
        label: new.row.label,
        password: new.secret,
        created_at: time(new.row.created_ms),
    };
    Ok((StatusCode::CREATED, Reply(view)))
}

/// `DELETE /api/v1/app-passwords/{id}`
///
/// Takes an app password back, at once.
#[utoipa::path(delete, path = "/api/v1/app-passwords/{id}", tag = "account",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "Taken back")))]
pub(crate) async fn remove_app_password(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<AppPasswordId>,
) -> Result<StatusCode, ApiError> {
    hub.remove_app_password(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
