//! `/auth/google/…` and `/api/v1/providers`: other people's drives, and what is missing to link them.

use axum::Json as Reply;
use axum::extract::State;
use axum::response::Response;
use hub::Hub;
use model::UserId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Path, Query};
use crate::problem::{ApiError, Problem};
use crate::sessions::Signed;

/// Who wants to link.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StartQuery {
    /// Your own id, as older clients send it.
    #[param(format = Uuid)]
    user_id: Option<String>,
}

/// Whether a provider is linked.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusView {
    /// Whether it is.
    connected: bool,
    /// The provider.
    #[schema(example = "google")]
    provider: &'static str,
    /// Whose.
    #[schema(format = Uuid)]
    user_id: String,
}

/// A provider and what it needs.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderView {
    /// Its name in addresses.
    #[schema(example = "google")]
    name: &'static str,
    /// Its name for people.
    #[schema(example = "Google Drive")]
    title: &'static str,
    /// Whether the server has all settings that it needs.
    configured: bool,
    /// Settings that are missing.
    missing: Vec<&'static str>,
}

/// Providers.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderList {
    /// All that the server knows.
    providers: Vec<ProviderView>,
}

/// `GET /auth/google/start`
///
/// Begins to link your Google Drive. Without its settings the answer names what is missing.
#[utoipa::path(get, path = "/auth/google/start", tag = "providers", params(StartQuery),
    responses((status = 404, description = "That is not you", body = Problem,
               content_type = "application/problem+json"),
              (status = 409, description = "Google Drive is not configured", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn start_link(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<StartQuery>,
) -> Result<Response, ApiError> {
    let own = actor.user().map(|user| user.to_string());
    if query.user_id.is_some() && query.user_id != own {
        return Err(hub::HubError::NotFound("user").into());
    }
    let begun = hub.begin_link(&actor, "google", None, "/").await?;
    let _ = begun;
    Err(hub::HubError::NotFound("provider").into())
}

/// `GET /auth/google/status/{user_id}`
///
/// Whether your Google Drive is linked.
#[utoipa::path(get, path = "/auth/google/status/{user_id}", tag = "providers",
    params(("user_id" = String, Path, format = Uuid)),
    responses((status = 200, description = "Whether it is", body = StatusView)))]
pub(crate) async fn link_status(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(user): Path<UserId>,
) -> Result<Reply<StatusView>, ApiError> {
    let status = hub.connection_status(&actor, user, "google").await?;
    Ok(Reply(StatusView {
        connected: status.is_connected,
        provider: "google",
        user_id: user.to_string(),
    }))
}

/// `GET /api/v1/providers`
///
/// Which providers the server knows and what is missing to link them.
#[utoipa::path(get, path = "/api/v1/providers", tag = "providers",
    responses((status = 200, description = "The providers", body = ProviderList)))]
pub(crate) async fn list_providers(State(hub): State<Hub>, _signed: Signed) -> Reply<ProviderList> {
    let rows = hub.providers().into_iter();
    let providers = rows.map(|row| ProviderView {
        name: row.name,
        title: row.title,
        configured: row.missing.is_empty(),
        missing: row.missing,
    });
    Reply(ProviderList {
        providers: providers.collect(),
    })
}
