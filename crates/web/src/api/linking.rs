//! `/auth/{provider}/start`, `/auth/{provider}/link`, `/auth/{provider}/status`: linking a drive by signing in at its
//! provider.

use std::sync::Arc;

use axum::Json as Reply;
use axum::extract::State;
use axum::response::Response;
use http::header::{self, HeaderMap};
use http::request::Parts;
use hub::{Hub, HubError};
use model::{ConnectionId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::sign_in::{go_to, is_browser, question_cookie, shown};
use super::views::time;
use crate::WebConfig;
use crate::base::Base;
use crate::extract::{OptionalJson, Path, Query};
use crate::problem::{ApiError, Problem};
use crate::sessions::Signed;

/// Where the page shows connections.
const CONNECTIONS: &str = "/#/connections";

/// Who wants to link what.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StartQuery {
    /// Your own id, as older clients send it.
    #[param(format = Uuid)]
    user_id: Option<String>,
    /// From `POST /auth/{provider}/link`, for a browser that is not signed in.
    ticket: Option<String>,
    /// A path of this server, or an address of the operator's own page, to go on at.
    redirect_to: Option<String>,
    /// The connection that is to work again.
    #[param(format = Uuid)]
    connection: Option<String>,
}

/// What to link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    /// A path of this server, or an address of the operator's own page, to go on at.
    #[serde(default)]
    redirect_to: Option<String>,
    /// The connection that is to work again; a new one when left out.
    #[serde(default)]
    #[schema(format = Uuid)]
    connection_id: Option<String>,
}

/// The way to a provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkView {
    /// Where to send the person's browser. It works once.
    #[schema(example = "https://drive.example.org/auth/google/start?ticket=…")]
    url: String,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Whether a provider is linked.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusView {
    /// Whether it is, and works.
    connected: bool,
    /// The provider.
    #[schema(example = "google")]
    provider: String,
    /// Whose.
    #[schema(format = Uuid)]
    user_id: String,
}

/// `GET /auth/{provider}/start`
///
/// Sends your browser to Google (`google`) or Microsoft (`onedrive`) to link a drive to your account. A browser that is
/// not signed in here signs in first and goes on afterwards.
#[utoipa::path(get, path = "/auth/{provider}/start", tag = "connections",
    params(("provider" = String, Path, example = "google"), StartQuery),
    responses((status = 303, description = "To the provider; a cookie binds the answer to this browser. Or to the \
               page that signs in"),
              (status = 401, description = "Not signed in, and no browser; or a ticket that is not good",
               body = Problem, content_type = "application/problem+json"),
              (status = 404, description = "That is not you, or no such provider", body = Problem,
               content_type = "application/problem+json"),
              (status = 409, description = "The provider is not configured", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn start_link(
    State(hub): State<Hub>,
    State(config): State<Arc<WebConfig>>,
    signed: Result<Signed, ApiError>,
    Path(provider): Path<String>,
    Query(query): Query<StartQuery>,
    parts: Parts,
) -> Response {
    let headers = &parts.headers;
    let elsewhere = elsewhere(&hub, &provider, headers);
    let begun = match (signed, &query.ticket) {
        (_, Some(ticket)) => hub.begin_link_by_ticket(&provider, ticket).await,
        (Ok(Signed(actor)), None) => {
            let own = actor.user().map(|user| user.to_string());
            if query.user_id.is_some() && query.user_id != own {
                return shown(headers, HubError::NotFound("user").into());
            }
            let place = query
                .redirect_to
                .clone()
                .unwrap_or_else(|| home(&hub, &provider, own));
            let connection = match known(query.connection.as_deref()) {
                Ok(connection) => connection,
                Err(error) => return shown(headers, error.into()),
            };
            if let Some((origin, here)) = elsewhere {
                let place = if place.starts_with('/') {
                    format!("{here}{place}")
                } else {
                    place
                };
                let ticket = hub
                    .link_ticket(&actor, &provider, connection, (&place, Some(&here)))
                    .await;
                return match ticket {
                    Ok(ticket) => {
                        let way = format!("{origin}/auth/{provider}/start?ticket={}", ticket.ticket);
                        go_to(&way, &[])
                    }
                    Err(error) => shown(headers, error.into()),
                };
            }
            hub.begin_link(&actor, &provider, connection, &place).await
        }
        (Err(_), None) if is_browser(headers) => {
            let way = parts.uri.path_and_query().map_or("/", |way| way.as_str());
            return go_to(&format!("/#/continue/{}", encoded(way)), &[]);
        }
        (Err(error), None) => return shown(headers, error),
    };
    match begun {
        Ok(begun) => go_to(&begun.url, &[question_cookie(&config, &begun.question)]),
        Err(error) => shown(headers, error.into()),
    }
}

/// The origin that the provider will send the browser back to, when it is another than this one, and this one: what the
/// browser keeps for one origin (`127.0.0.1`) is not sent to another (`localhost`), so the way must begin there.
pub(crate) fn elsewhere(hub: &Hub, provider: &str, headers: &HeaderMap) -> Option<(String, String)> {
    let back: http::Uri = hub.link_provider(provider).ok()?.redirect_uri.parse().ok()?;
    let (scheme, host) = (back.scheme_str()?, back.authority()?.as_str());
    let here = headers.get(header::HOST)?.to_str().ok()?;
    (!here.eq_ignore_ascii_case(host)).then(|| (format!("{scheme}://{host}"), format!("{scheme}://{here}")))
}

/// Where a browser goes that said nothing: to the operator's own page, as that expects it, or to ours.
fn home(hub: &Hub, provider: &str, user: Option<String>) -> String {
    match (&hub.config().frontend_url, user) {
        (Some(page), Some(user)) => format!("{page}/auth/{provider}/success?user_id={user}"),
        _ => CONNECTIONS.to_owned(),
    }
}

fn known(connection: Option<&str>) -> Result<Option<ConnectionId>, HubError> {
    let parse = |text: &str| text.parse().map_err(|_| HubError::NotFound("connection"));
    connection.map(parse).transpose()
}

/// A path as one part of another.
pub(crate) fn encoded(way: &str) -> String {
    let mut safe = String::with_capacity(way.len() * 3);
    for byte in way.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => safe.push(byte.into()),
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
    }
    safe
}

/// `POST /auth/{provider}/link`
///
/// The way by which a browser links a drive to your account, once, within ten minutes: for apps whose browser is not
/// signed in here.
#[utoipa::path(post, path = "/auth/{provider}/link", tag = "connections", request_body = LinkBody,
    params(("provider" = String, Path, example = "google")),
    responses((status = 200, description = "The way", body = LinkView),
              (status = 409, description = "The provider is not configured", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn link_ticket(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    base: Base,
    Path(provider): Path<String>,
    OptionalJson(body): OptionalJson<LinkBody>,
) -> Result<Reply<LinkView>, ApiError> {
    let connection = known(body.connection_id.as_deref())?;
    let place = body.redirect_to.unwrap_or_else(|| CONNECTIONS.to_owned());
    let ticket = hub
        .link_ticket(&actor, &provider, connection, (&place, None))
        .await?;
    // At the origin that the provider sends the browser back to.
    let way: Option<http::Uri> = hub.link_provider(&provider)?.redirect_uri.parse().ok();
    let origin = way.and_then(|way| Some(format!("{}://{}", way.scheme_str()?, way.authority()?)));
    let origin = origin.unwrap_or(base.0);
    Ok(Reply(LinkView {
        url: format!("{origin}/auth/{provider}/start?ticket={}", ticket.ticket),
        expires_at: time(ticket.expires_ms),
    }))
}

/// `GET /auth/{provider}/status/{user_id}`
///
/// Whether you have linked a drive at a provider, and it works.
#[utoipa::path(get, path = "/auth/{provider}/status/{user_id}", tag = "connections",
    params(("provider" = String, Path, example = "google"), ("user_id" = String, Path, format = Uuid)),
    responses((status = 200, description = "Whether you have", body = StatusView),
              (status = 404, description = "That is not you, or no such provider", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn link_status(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path((provider, user)): Path<(String, UserId)>,
) -> Result<Reply<StatusView>, ApiError> {
    let status = hub.connection_status(&actor, user, &provider).await?;
    Ok(Reply(StatusView {
        connected: status.is_connected,
        provider,
        user_id: user.to_string(),
    }))
}
