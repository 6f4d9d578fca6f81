//! `/auth`: accounts, signing in and out.

use std::sync::Arc;

use axum::Json as Reply;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use hub::{Hub, Registration, SignIn, SignupMode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::{MeView, TokenView};
use crate::WebConfig;
use crate::extract::Json;
use crate::problem::ApiError;
use crate::replies::AsItIs;
use crate::sessions::{From, Signed, set_cookie};

/// Someone who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterBody {
    /// The address.
    #[schema(example = "user@example.com", format = "email", max_length = 254)]
    email: String,
    /// 8 to 1024 bytes.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 1024)]
    password: String,
    /// What you call yourself.
    #[serde(default)]
    #[schema(
        example = "John Doe",
        max_length = 255,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
    )]
    full_name: Option<String>,
    /// The one-time code of a new server, for the first account from another machine.
    #[serde(default)]
    setup_code: Option<String>,
    /// An invitation, where the server wants one.
    #[serde(default)]
    invite: Option<String>,
}

/// An address and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginBody {
    /// The address.
    #[schema(example = "user@example.com")]
    email: String,
    /// The password.
    #[schema(example = "correct horse battery", max_length = 1024)]
    password: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshBody {
    /// From the last sign-in or refresh.
    refresh_token: String,
}

/// A password and the next.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordBody {
    /// The password until now. An account without one gets its first within ten minutes of signing in.
    #[serde(default)]
    current_password: Option<String>,
    /// 8 to 1024 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    new_password: String,
}

/// How an account can be made.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignupView {
    /// `open`, `invite` or `closed`.
    #[schema(example = "open")]
    mode: &'static str,
    /// Whether the next account is the first, and becomes the administrator's.
    first_account: bool,
    /// Whether that needs the setup code that the server printed.
    needs_setup_code: bool,
    /// Providers that a browser can sign in with, at `/auth/{name}/login`.
    providers: Vec<SignInProviderView>,
}

/// A provider to sign in with.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignInProviderView {
    /// Its name in addresses.
    #[schema(example = "google")]
    name: &'static str,
    /// Its name for people.
    #[schema(example = "Google")]
    title: String,
}

/// `POST /auth/register`
///
/// Makes an account and signs it in. The first account becomes the administrator's.
#[utoipa::path(post, path = "/auth/register", tag = "auth", request_body = RegisterBody, security(()),
    responses((status = 201, description = "The account, signed in", body = TokenView)))]
pub(crate) async fn register(
    State(hub): State<Hub>,
    From(peer): From,
    Json(body): Json<RegisterBody>,
) -> Result<Response, ApiError> {
    let registration = Registration {
        email: body.email,
        password: body.password,
        full_name: body.full_name.unwrap_or_default(),
        setup_code: body.setup_code,
        invite: body.invite,
    };
    let sign_in = hub.register(registration, &peer).await?;
    Ok(tokens(StatusCode::CREATED, sign_in))
}

/// `GET /auth/signup`
///
/// Tells how an account can be made.
#[utoipa::path(get, path = "/auth/signup", tag = "auth", security(()),
    responses((status = 200, description = "How an account can be made", body = SignupView)))]
pub(crate) async fn signup(State(hub): State<Hub>, From(peer): From) -> Result<Reply<SignupView>, ApiError> {
    let signup = hub.signup(&peer).await?;
    let mode = match signup.mode {
        SignupMode::Open => "open",
        SignupMode::Invite => "invite",
        SignupMode::Closed => "closed",
    };
    let (first_account, needs_setup_code) = (signup.is_first, signup.needs_setup_code);
    let providers = hub.identity_providers().map(|provider| SignInProviderView {
        name: provider.name,
        title: provider.title.clone(),
    });
    Ok(Reply(SignupView {
        mode,
        first_account,
        needs_setup_code,
        providers: providers.collect(),
    }))
}

/// `POST /auth/login`
///
/// Signs in with address and password.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = LoginBody, security(()),
    responses((status = 200, description = "Signed in", body = TokenView)))]
pub(crate) async fn login(
    State(hub): State<Hub>,
    From(peer): From,
    Json(body): Json<LoginBody>,
) -> Result<Response, ApiError> {
    let sign_in = hub.log_in(&body.email, &body.password, &peer).await?;
    Ok(tokens(StatusCode::OK, sign_in))
}

/// `POST /auth/refresh`
///
/// Trades a refresh token for new tokens. Each is good once; one that comes again ends the session.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = RefreshBody, security(()),
    responses((status = 200, description = "New tokens", body = TokenView)))]
pub(crate) async fn refresh(
    State(hub): State<Hub>,
    Json(body): Json<RefreshBody>,
) -> Result<Response, ApiError> {
    let sign_in = hub.refresh(&body.refresh_token).await?;
    Ok(tokens(StatusCode::OK, sign_in))
}

/// Tokens as a reply.
pub(super) fn tokens(status: StatusCode, sign_in: SignIn) -> Response {
    let mut response = (status, Reply(TokenView::from(sign_in))).into_response();
    response.extensions_mut().insert(AsItIs);
    response
}

/// `POST /auth/logout`
///
/// Ends this session: its tokens open nothing any more.
#[utoipa::path(post, path = "/auth/logout", tag = "auth",
    responses((status = 204, description = "Signed out")))]
pub(crate) async fn logout(State(hub): State<Hub>, Signed(actor): Signed) -> Result<StatusCode, ApiError> {
    hub.log_out(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /auth/logout-everywhere`
///
/// Ends all your sessions, this one too.
#[utoipa::path(post, path = "/auth/logout-everywhere", tag = "auth",
    responses((status = 204, description = "Signed out everywhere")))]
pub(crate) async fn logout_everywhere(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<StatusCode, ApiError> {
    hub.log_out_everywhere(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /auth/password`
///
/// Changes your password and ends your other sessions, or sets the first one.
#[utoipa::path(post, path = "/auth/password", tag = "auth", request_body = PasswordBody,
    responses((status = 204, description = "Changed")))]
pub(crate) async fn change_password(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    From(peer): From,
    Json(body): Json<PasswordBody>,
) -> Result<StatusCode, ApiError> {
    hub.change_password(
        &actor,
        (body.current_password.as_deref(), &body.new_password),
        &peer,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /auth/session`
///
/// Signs a browser in: the reply sets a cookie that scripts cannot read.
#[utoipa::path(post, path = "/auth/session", tag = "auth", request_body = LoginBody, security(()),
    responses((status = 200, description = "Signed in; the cookie is set", body = MeView)))]
pub(crate) async fn begin_page_session(
    State(hub): State<Hub>,
    State(config): State<Arc<WebConfig>>,
    From(peer): From,
    Json(body): Json<LoginBody>,
) -> Result<Response, ApiError> {
    let (_, cookie) = hub.log_in_page(&body.email, &body.password, &peer).await?;
    let actor = hub
        .authenticate(&hub::Credential::Cookie(cookie.clone()), &peer)
        .await?;
    let me = MeView::from(hub.me(&actor).await?);
    let cookie = set_cookie(&config, &cookie, hub.config().session_secs);
    Ok(([(header::SET_COOKIE, cookie)], Reply(me)).into_response())
}

/// `DELETE /auth/session`
///
/// Signs a browser out and takes its cookie back.
#[utoipa::path(delete, path = "/auth/session", tag = "auth",
    responses((status = 204, description = "Signed out")))]
pub(crate) async fn end_page_session(
    State(hub): State<Hub>,
    State(config): State<Arc<WebConfig>>,
    Signed(actor): Signed,
) -> Result<Response, ApiError> {
    hub.log_out(&actor).await?;
    let cookie = set_cookie(&config, "", 0);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
