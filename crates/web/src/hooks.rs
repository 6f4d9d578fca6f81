//! `/hooks/google` and `/hooks/graph`: providers tell that something changed in a connection.
//!
//! Nobody is signed in here. A notice proves itself by the secret of its channel, and does no more than have the
//! connection looked at.

use std::collections::HashSet;

use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderMap};
use hub::{Hub, Notice, NoticeEvent};
use jiff::fmt::rfc2822::DateTimeParser;
use model::Millis;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Json, Query, read};
use crate::problem::{self, ApiError, Problem};
use crate::sessions::From;

/// The longest token that is given back, bytes.
const TOKEN_BYTES: usize = 4096;
/// Notices that come at once at the most.
const MOST: usize = 1000;
/// What is said of a notice of no channel, as of one whose proof is wrong.
const NOT_OURS: &str = "there is no such channel";

/// What Graph sends to see whether an address wants its notices.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GraphQuery {
    /// To be given back as it is.
    #[serde(rename = "validationToken")]
    #[param(max_length = 4096)]
    validation_token: Option<String>,
}

/// Notices of Graph.
#[derive(Deserialize, ToSchema)]
pub(crate) struct GraphNotices {
    value: Vec<GraphNotice>,
}

/// A notice of Graph. It says more, which is not needed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GraphNotice {
    /// The subscription's id.
    #[serde(default)]
    subscription_id: String,
    /// When it ends.
    #[serde(default)]
    #[schema(format = DateTime)]
    subscription_expiration_date_time: Option<String>,
    /// The secret that it was made with.
    #[serde(default)]
    client_state: Option<String>,
    /// Of what it tells.
    #[serde(default)]
    resource: Option<String>,
    /// Of the subscription itself: `missed`, `reauthorizationRequired`, `subscriptionRemoved`.
    #[serde(default)]
    lifecycle_event: Option<String>,
}

/// `POST /hooks/google`
///
/// Google Drive tells that something changed, by a channel that this server opened. The headers say all; which change it
/// is, how often it is told and in which order does not matter.
#[utoipa::path(post, path = "/hooks/google", tag = "hooks", security(()),
    params(("X-Goog-Channel-ID" = String, Header, description = "The channel"),
           ("X-Goog-Channel-Token" = Option<String>, Header, description = "Its secret"),
           ("X-Goog-Resource-State" = Option<String>, Header, description = "`sync` says that it is open")),
    responses((status = 204, description = "It will be looked at"),
              (status = 404, description = "No such channel", body = Problem,
               content_type = "application/problem+json"),
              (status = 413, description = "A notice has no long body", body = Problem,
               content_type = "application/problem+json"),
              (status = 429, description = "Too many that come by no channel", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn take_google_notice(
    State(hub): State<Hub>,
    From(peer): From,
    headers: HeaderMap,
    request: Request,
) -> Result<StatusCode, ApiError> {
    // Nothing is in it that matters.
    read(request).await?;
    let said = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    let notice = Notice {
        secret: said("x-goog-channel-token"),
        channel: said("x-goog-channel-id"),
        resource: said("x-goog-resource-id"),
        expires: DateTimeParser::new()
            .parse_timestamp(said("x-goog-channel-expiration"))
            .ok()
            .map(|at| Millis(at.as_millisecond())),
        event: match said("x-goog-resource-state") {
            "sync" => NoticeEvent::Opened,
            _ => NoticeEvent::Changed,
        },
    };
    hub.take_notices("google", &[notice], peer.ip).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /hooks/graph`
///
/// Microsoft Graph asks whether this server wants its notices (`validationToken`), tells that something changed, or what
/// becomes of a subscription.
#[utoipa::path(post, path = "/hooks/graph", tag = "hooks", security(()), params(GraphQuery),
    request_body = GraphNotices,
    responses((status = 200, description = "The token, as it came", body = String, content_type = "text/plain"),
              (status = 202, description = "It will be looked at"),
              (status = 404, description = "No such subscription", body = Problem,
               content_type = "application/problem+json"),
              (status = 429, description = "Too many that come by no subscription", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn take_graph_notices(
    State(hub): State<Hub>,
    From(peer): From,
    Query(query): Query<GraphQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    if let Some(token) = query.validation_token {
        return given_back(token);
    }
    let Json(notices) = Json::<GraphNotices>::from_request(request, &()).await?;
    if notices.value.len() > MOST {
        let detail = format!("at most {MOST} notices are taken at once");
        return Err(Problem::new(problem::TOO_LARGE, detail).into());
    }
    // Of many alike one says all.
    let mut seen = HashSet::new();
    let told = notices.value.iter().map(notice_of);
    let told: Vec<Notice<'_>> = told
        .filter(|notice| seen.insert((notice.secret, notice.channel, notice.event)))
        .collect();
    if told.is_empty() {
        return Err(Problem::new(problem::NOT_FOUND, NOT_OURS).into());
    }
    hub.take_notices("onedrive", &told, peer.ip).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// A token is text, and nothing that a browser would take for more.
fn given_back(token: String) -> Result<Response, ApiError> {
    if token.len() > TOKEN_BYTES || token.chars().any(char::is_control) {
        return Err(Problem::new(problem::MALFORMED, "this is no token").into());
    }
    let text = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((StatusCode::OK, text, token).into_response())
}

fn notice_of(one: &GraphNotice) -> Notice<'_> {
    let expires = one.subscription_expiration_date_time.as_deref();
    let expires = expires.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    Notice {
        secret: one.client_state.as_deref().unwrap_or_default(),
        channel: &one.subscription_id,
        resource: one.resource.as_deref().unwrap_or_default(),
        expires: expires.map(|at| Millis(at.as_millisecond())),
        event: match one.lifecycle_event.as_deref() {
            None => NoticeEvent::Changed,
            Some("reauthorizationRequired") => NoticeEvent::Renew,
            Some("subscriptionRemoved") => NoticeEvent::Ended,
            Some(_) => NoticeEvent::Missed,
        },
    }
}
