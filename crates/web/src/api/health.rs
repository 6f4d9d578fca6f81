//! `/health`, `/health/ready` and `/metrics`.

use std::sync::Arc;

use axum::Json as Reply;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, header};
use hub::{Hub, HubError};
use model::{Actor, Role};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{ApiError, Problem};
use crate::sessions::Signed;
use crate::{Web, WebConfig};

/// That it lives.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The server's version.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// `GET /health`
///
/// The process lives. Nothing else is asked.
#[utoipa::path(get, path = "/health", tag = "health", security(()),
    responses((status = 200, description = "It lives", body = HealthView)))]
pub(crate) async fn live() -> Reply<HealthView> {
    Reply(HealthView {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// `GET /health/ready`
///
/// Database and store answer; 503 while they do not.
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()),
    responses((status = 200, description = "Everything answers", body = HealthView)))]
pub(crate) async fn ready(State(hub): State<Hub>) -> Result<Reply<HealthView>, ApiError> {
    // Whatever is wrong inside, to a load balancer it is the same: not now.
    hub.ready()
        .await
        .map_err(|error| HubError::Unavailable(error.into()))?;
    Ok(live().await)
}

/// `GET /metrics`
///
/// Figures for Prometheus: with the token of the settings, or for administrators.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain"),
              (status = 404, description = "They are served elsewhere", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn metrics(
    State(web): State<Web>,
    State(config): State<Arc<WebConfig>>,
    request: axum::extract::Request,
) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    if !has_token(&config, &parts.headers) {
        demand_admin(&mut parts, &web).await?;
    }
    let print = config.metrics.as_ref().ok_or(HubError::NotFound("page"))?;
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        print(),
    )
        .into_response())
}

fn has_token(config: &WebConfig, headers: &HeaderMap) -> bool {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer "));
    match (given, &config.metrics_token) {
        (Some(given), Some(token)) => hub::is_same_secret(given, token),
        _ => false,
    }
}

async fn demand_admin(parts: &mut Parts, web: &Web) -> Result<(), ApiError> {
    use axum::extract::FromRequestParts;
    let Signed(actor) = Signed::from_request_parts(parts, web).await?;
    match actor {
        Actor::User {
            role: Role::Admin, ..
        } => Ok(()),
        Actor::User { .. }
        | Actor::App { .. }
        | Actor::Visitor { .. }
        | Actor::Mirror { .. }
        | Actor::Worker => Err(HubError::Forbidden("only an administrator may see the figures").into()),
    }
}
