//! Watching: connections of which this machine is told when something changes are looked at then, rather than when they
//! are due.

use std::collections::HashSet;
use std::time::Duration;

use hub::{Hub, HubError};
use model::ConnectionId;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often to look for connections that came.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long to leave one alone that cannot be watched.
const PAUSE: Duration = Duration::from_secs(60);

/// Watches until `stop` is cancelled.
pub(crate) async fn run(hub: &Hub, stop: &CancellationToken) {
    let mut watched = HashSet::new();
    let mut watching = JoinSet::new();
    let mut look_at = Instant::now();
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            Some(ended) = watching.join_next(), if !watching.is_empty() => match ended {
                Ok(id) => drop(watched.remove(&id)),
                Err(panic) => tracing::error!(%panic, "a watch on a connection broke"),
            },
            () = sleep_until(look_at) => {
                look_at = Instant::now() + LOOK_EVERY;
                // A catalog that does not answer is told of by those who do jobs.
                for id in hub.watchable_connections().await.unwrap_or_default() {
                    if watched.insert(id) {
                        watching.spawn(watch(hub.clone(), id));
                    }
                }
            }
        }
    }
    watching.shutdown().await;
}

/// Wakes the mirrors that changes here concern, until `stop` is cancelled.
pub(crate) async fn wake_mirrors(hub: &Hub, stop: &CancellationToken) {
    let mut news = hub.mirror_news();
    loop {
        let passed_on = tokio::select! {
            () = stop.cancelled() => return,
            passed_on = news.pass_on() => passed_on,
        };
        match passed_on {
            Ok(true) => {}
            Ok(false) => return,
            // A catalog that does not answer is told of by those who do jobs.
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Watches one connection until it is unlinked.
async fn watch(hub: Hub, id: ConnectionId) -> ConnectionId {
    loop {
        match hub.watch_connection(id).await {
            Ok(()) => {}
            Err(HubError::NotFound(_)) => return id,
            Err(error) => {
                tracing::debug!(connection = %id, %error, "a connection cannot be watched");
                sleep(PAUSE).await;
            }
        }
    }
}
