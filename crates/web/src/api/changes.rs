//! `/api/v1/changes` and `/api/v1/events`: the journal of a space, in pages and as it grows.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json as Reply;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use http::HeaderMap;
use hub::{Credential, Feed, Hub, Peer};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::ChangeView;
use crate::extract::{Query, limit};
use crate::problem::ApiError;
use crate::sessions::{From, Proven, Signed};

/// How often an open stream looks whether its person may still see it.
const RECHECK: Duration = Duration::from_secs(1);
/// How often an idle stream says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Part of a journal.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChangesQuery {
    /// `next_cursor` of the page before; from the first change on when left out.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
    /// Changes at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
}

/// Where to begin.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// A `next_cursor` of `/api/v1/changes` or the id of an event; from now on when left out.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// One page of a journal.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangePage {
    /// The changes, oldest first.
    changes: Vec<ChangeView>,
    /// Where to go on, now or later.
    next_cursor: String,
    /// Whether there are more right now.
    has_more: bool,
}

/// `GET /api/v1/changes`
///
/// What changed in your space since a cursor: gapless, in the order in which it happened.
#[utoipa::path(get, path = "/api/v1/changes", tag = "changes", params(ChangesQuery),
    responses((status = 200, description = "One page", body = ChangePage)))]
pub(crate) async fn list_changes(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<ChangesQuery>,
) -> Result<Reply<ChangePage>, ApiError> {
    let page = hub
        .changes(&actor, query.cursor.as_deref(), limit(query.limit)?)
        .await?;
    let changes = page.changes.iter().map(ChangeView::from).collect();
    Ok(Reply(ChangePage {
        changes,
        next_cursor: page.next,
        has_more: page.has_more,
    }))
}

/// `GET /api/v1/events`
///
/// The same as it happens: server-sent events called `change`, whose ids are cursors. A client
/// that comes back with `Last-Event-ID` misses nothing.
#[utoipa::path(get, path = "/api/v1/events", tag = "changes", params(EventsQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that came")),
    responses((status = 200, description = "A stream that does not end", body = String,
               content_type = "text/event-stream")))]
pub(crate) async fn follow_changes(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Proven(credential): Proven,
    From(peer): From,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let feed = hub.follow(&actor, last.or(query.cursor.as_deref())).await?;
    let follower = Follower {
        hub,
        feed,
        credential,
        peer,
        waiting: Vec::new(),
    };
    let keep_alive = KeepAlive::new().interval(HEARTBEAT);
    let mut response = Sse::new(events(follower)).keep_alive(keep_alive).into_response();
    // Some proxies hold a stream back until it ends unless they are told not to.
    response
        .headers_mut()
        .insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    Ok(response)
}

struct Follower {
    hub: Hub,
    feed: Feed,
    credential: Credential,
    peer: Peer,
    waiting: Vec<Event>,
}

fn events(follower: Follower) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    stream::unfold(follower, |mut follower| async move {
        loop {
            if let Some(event) = follower.waiting.pop() {
                return Some((Ok(event), follower));
            }
            match tokio::time::timeout(RECHECK, follower.feed.next()).await {
                Ok(Ok(changes)) if changes.is_empty() => return None,
                Ok(Ok(changes)) => {
                    // Nobody is told of changes after their right to know has ended.
                    follower
                        .hub
                        .authenticate(&follower.credential, &follower.peer)
                        .await
                        .ok()?;
                    for change in changes.iter().rev() {
                        let id = follower.feed.cursor(change).ok()?;
                        let event = Event::default().event("change").id(id);
                        follower
                            .waiting
                            .push(event.json_data(ChangeView::from(change)).ok()?);
                    }
                }
                Ok(Err(_)) => return None,
                Err(_) => {
                    follower
                        .hub
                        .authenticate(&follower.credential, &follower.peer)
                        .await
                        .ok()?;
                }
            }
        }
    })
}
