//! News of changes between nodes, by `LISTEN` and `NOTIFY` on a connection of their own.
//!
//! A commit never carries its notification itself: PostgreSQL lets such commits through one at a time. The
//! spaces that changed are collected and told right after, many at once. A node that dies in between leaves
//! its last news untold, so whoever watches also looks by itself now and then.

use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::SpaceId;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::EVERY_SPACE;

/// The channel's name.
const CHANNEL: &str = "cumuli_changes";

/// Between two tries to connect, at first and at the most.
const PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_secs(30);

/// Spaces that one statement tells of.
const AT_ONCE: usize = 500;

/// Tells the other nodes what changed here and the watchers here what changed elsewhere.
pub(super) struct Listener {
    outbox: Arc<Outbox>,
    task: JoinHandle<()>,
}

/// Spaces whose change the other nodes have yet to hear of.
#[derive(Default)]
struct Outbox {
    spaces: Mutex<HashSet<SpaceId>>,
    filled: Notify,
}

impl Outbox {
    fn take(&self) -> Vec<SpaceId> {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let some: Vec<_> = spaces.iter().copied().take(AT_ONCE).collect();
        for space in &some {
            spaces.remove(space);
        }
        some
    }
}

impl Listener {
    pub(super) fn start(config: Config, tls: MakeRustlsConnect, changes: broadcast::Sender<SpaceId>) -> Self {
        let outbox = Arc::new(Outbox::default());
        let task = tokio::spawn(keep(config, tls, Arc::clone(&outbox), changes));
        Self { outbox, task }
    }

    /// Tells the other nodes, soon, that the journal of `space` grew.
    pub(super) fn tell(&self, space: SpaceId) {
        self.outbox
            .spaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(space);
        self.outbox.filled.notify_one();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects again and again, for as long as the catalog is open.
async fn keep(
    config: Config,
    tls: MakeRustlsConnect,
    outbox: Arc<Outbox>,
    changes: broadcast::Sender<SpaceId>,
) {
    let mut pause = *PAUSE.start();
    loop {
        match config.connect(tls.clone()).await {
            Ok((client, connection)) => {
                pause = *PAUSE.start();
                let own = AtomicI32::new(0);
                let error = tokio::select! {
                    error = send(&client, &outbox, &changes, &own) => error,
                    error = receive(connection, &changes, &own) => error,
                };
                tracing::warn!(
                    error,
                    "the news of changes from other nodes stopped; connecting again"
                );
            }
            Err(error) => {
                let error = error.to_string();
                tracing::warn!(
                    error,
                    "cannot hear of changes from other nodes; trying again in {pause:?}"
                );
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(*PAUSE.end());
    }
}

/// Tells the other nodes what the outbox holds. Returns why it no longer can.
async fn send(
    client: &Client,
    outbox: &Outbox,
    changes: &broadcast::Sender<SpaceId>,
    own: &AtomicI32,
) -> String {
    // News needs no flush of its own: what it tells of is durable already.
    let setup = format!("SET synchronous_commit = off; LISTEN {CHANNEL}");
    match client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .and_then(|row| row.try_get(0))
    {
        Ok(pid) => own.store(pid, Ordering::Relaxed),
        Err(error) => return error.to_string(),
    }
    if let Err(error) = client.batch_execute(&setup).await {
        return error.to_string();
    }
    // Nobody knows what was told while nobody listened.
    let _ = changes.send(EVERY_SPACE);
    loop {
        outbox.filled.notified().await;
        loop {
            let spaces = outbox.take();
            if spaces.is_empty() {
                break;
            }
            // An id is hexadecimal digits and hyphens, so it needs no quoting.
            let statement: String = spaces
                .iter()
                .map(|space| format!("NOTIFY {CHANNEL}, '{space}';"))
                .collect();
            if let Err(error) = client.batch_execute(&statement).await {
                outbox
                    .spaces
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(spaces);
                outbox.filled.notify_one();
                return error.to_string();
            }
        }
    }
}

/// Tells the watchers here what other nodes tell. Returns why it no longer can.
async fn receive<T>(
    mut connection: Connection<Socket, T>,
    changes: &broadcast::Sender<SpaceId>,
    own: &AtomicI32,
) -> String
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notification(news))) => {
                // What was told from here is known here.
                if news.process_id() != own.load(Ordering::Relaxed)
                    && let Ok(space) = news.payload().parse()
                {
                    // Nobody may be watching.
                    let _ = changes.send(space);
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return error.to_string(),
            None => return "the connection was closed".into(),
        }
    }
}
