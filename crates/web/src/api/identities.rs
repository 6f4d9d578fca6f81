//! `/auth/{provider}/token`, `/auth/join` and `/api/v1/identities`: providers' word for who somebody
//! is, and the account that it opens.

use axum::Json as Reply;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use hub::{Hub, Recognised};
use model::Identity;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::tokens;
use super::views::{TokenView, time};
use crate::extract::{Json, Path};
use crate::problem::{self, ApiError, Problem};
use crate::replies::AsItIs;
use crate::sessions::{From, Signed};

/// An ID token that an app got from the provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdTokenBody {
    /// The token, as the provider gave it.
    #[schema(example = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2FjY291bnRz…")]
    id_token: String,
}

/// A ticket and the account's password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinBody {
    /// From the answer that asked for it; good once, for ten minutes.
    join_ticket: String,
    /// The password of the account that has the address.
    #[schema(max_length = 1024)]
    password: String,
}

/// A problem of signing in; where an account is to be joined, with the ticket for that.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignInProblem {
    #[serde(flatten)]
    problem: Problem,
    /// For `POST /auth/join`, with the account's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    join_ticket: Option<String>,
}

/// A person at a provider who opens your account.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentityView {
    /// Its number.
    #[schema(example = 1)]
    number: u64,
    /// The provider's name in addresses.
    #[schema(example = "google")]
    provider: String,
    /// Who says so.
    #[schema(example = "https://accounts.google.com")]
    issuer: String,
    /// The address that the provider told last.
    #[schema(example = "user@example.com")]
    email: String,
    /// When it was added.
    #[schema(format = DateTime)]
    created_at: String,
    /// When somebody last signed in by it.
    #[schema(format = DateTime)]
    used_at: String,
}

/// The ways into your account.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentityList {
    /// The oldest first.
    identities: Vec<IdentityView>,
    /// Whether a password opens it too.
    has_password: bool,
}

impl std::convert::From<Identity> for IdentityView {
    fn from(identity: Identity) -> Self {
        Self {
            number: identity.number,
            provider: identity.provider,
            issuer: identity.issuer,
            email: identity.email,
            created_at: time(identity.created_ms),
            used_at: time(identity.used_ms),
        }
    }
}

/// `POST /auth/{provider}/token`
///
/// Signs an app in by an ID token that it got from Google (`google`) or the server's OpenID Connect
/// provider (`oidc`). Who is new gets an account, where sign-up is open.
#[utoipa::path(post, path = "/auth/{provider}/token", tag = "auth", request_body = IdTokenBody, security(()),
    params(("provider" = String, Path, example = "google")),
    responses((status = 200, description = "Signed in", body = TokenView),
              (status = 409, description = "An account has this address: join it by its password; or the \
               provider is not configured", body = SignInProblem, content_type = "application/problem+json"),
              (status = 502, description = "The provider does not answer as it should", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn sign_in_with_token(
    State(hub): State<Hub>,
    From(peer): From,
    Path(provider): Path<String>,
    Json(body): Json<IdTokenBody>,
) -> Result<Response, ApiError> {
    let outcome = hub
        .sign_in_with_id_token(&provider, &body.id_token, &peer)
        .await?;
    Ok(match outcome {
        Recognised::Known(sign_in) => tokens(StatusCode::OK, sign_in),
        Recognised::JoinNeeded { ticket } => join_needed(ticket),
    })
}

/// Says that an account is there, and how to join it.
pub(crate) fn join_needed(ticket: String) -> Response {
    let detail = "an account with this e-mail address exists: join it once with its password";
    let body = SignInProblem {
        problem: Problem::new(problem::JOIN_NEEDED, detail),
        join_ticket: Some(ticket),
    };
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    let mut response = (StatusCode::CONFLICT, kind, Reply(body)).into_response();
    response.extensions_mut().insert(AsItIs);
    response
}

/// `POST /auth/join`
///
/// Signs in to the account that has a provider's address, by its password. From then on the provider
/// opens it too.
#[utoipa::path(post, path = "/auth/join", tag = "auth", request_body = JoinBody, security(()),
    responses((status = 200, description = "Joined and signed in", body = TokenView)))]
pub(crate) async fn join_account(
    State(hub): State<Hub>,
    From(peer): From,
    Json(body): Json<JoinBody>,
) -> Result<Response, ApiError> {
    let sign_in = hub.join(&body.join_ticket, &body.password, &peer).await?;
    Ok(tokens(StatusCode::OK, sign_in))
}

/// `GET /api/v1/identities`
///
/// The providers' identities that open your account.
#[utoipa::path(get, path = "/api/v1/identities", tag = "account",
    responses((status = 200, description = "Your identities", body = IdentityList)))]
pub(crate) async fn list_identities(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<Reply<IdentityList>, ApiError> {
    let own = hub.identities(&actor).await?;
    Ok(Reply(IdentityList {
        identities: own.identities.into_iter().map(IdentityView::from).collect(),
        has_password: own.has_password,
    }))
}

/// `DELETE /api/v1/identities/{number}`
///
/// Lets an identity open your account no more, unless it is the only way in.
#[utoipa::path(delete, path = "/api/v1/identities/{number}", tag = "account",
    params(("number" = u64, Path)),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn remove_identity(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(number): Path<u64>,
) -> Result<StatusCode, ApiError> {
    hub.remove_identity(&actor, number).await?;
    Ok(StatusCode::NO_CONTENT)
}
