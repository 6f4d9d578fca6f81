//! Looking at what is in connections, in the background: the index that browsing and synchronising read.
//!
//! A page and the cursor after it are written down in one transaction, so a look may be cut anywhere. One job looks at
//! one connection for as long as there is one; between two looks it waits for its time.

mod journal;
mod trashed;

use std::collections::HashMap;
use std::time::Duration;

use catalog::{CatalogError, ConnectionFeed, NewJob, Tx};
use connectors::{ChangePage, Connector, Cursor, Entry, Feed, Item, ItemId, Next, RemoteError};
use model::{Connection, ConnectionId, ConnectionState, Job, JobId, JobKind, Millis, Progress, RemoteItem};
use serde::{Deserialize, Serialize};

use self::journal::{Seen, take_down};
use super::channels::Looked;
use super::known::as_remote;
use crate::jobs::{Keep, Lease};
use crate::{Hub, HubError, Upkept, keys};

/// How soon a connection is looked at again where the provider tells what changed, seconds.
const CHANGES_SECS: i64 = 60;
/// The same where everything has to be listed: so long at the least, and so many times what a look took.
const LISTING_SECS: i64 = 15 * 60;
const LISTING_REST: i64 = 20;
/// The pause after a look that failed; it doubles up to the longest.
const FIRST_PAUSE_SECS: i64 = 30;
const LONGEST_PAUSE_SECS: i64 = 60 * 60;
/// How soon a connection that waits for a person is looked at again, seconds.
const WAITING_SECS: i64 = 6 * 60 * 60;
/// Items that one step of a comparison takes in.
const STEP: u32 = 500;
/// Times that a feed may begin anew within one look.
const RESTARTS: u32 = 3;
/// Connections whose look is late that one round of upkeep takes in, and how late that is, seconds.
const LATE: u32 = 200;
const LATE_SECS: i64 = 5 * 60;
const TRIES: u32 = 8;
/// How long changes are let come together before they are looked at.
const SETTLING: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
struct Payload {
    connection: ConnectionId,
}

/// One look, from its beginning.
#[derive(Clone, Copy)]
struct Pass {
    began: Millis,
    /// Entries that were told so far.
    seen: u64,
}

/// What came of one page.
enum Step {
    GoOn,
    Settled,
}

impl Hub {
    /// Has a connection looked at as soon as a worker is free.
    pub(crate) async fn queue_observation(&self, tx: &mut Tx, id: ConnectionId) -> Result<JobId, HubError> {
        self.queue_look(tx, id, self.now()).await
    }

    /// Has a connection looked at once it is `due`, if no worker does before.
    pub(super) async fn queue_look(
        &self,
        tx: &mut Tx,
        id: ConnectionId,
        due: Millis,
    ) -> Result<JobId, HubError> {
        let now = self.now();
        let job = NewJob {
            id: JobId::new(now, keys::random()),
            kind: JobKind::Observe,
            payload: serde_json::to_string(&Payload { connection: id })
                .expect("an id can be written as JSON"),
            dedupe_key: Some(format!("observe {id}")),
            owner: None,
            node: None,
            priority: 0,
            max_attempts: TRIES,
            run_at_ms: due,
        };
        // For a look that is under way, which will be taken once more.
        if let Some(mut feed) = tx.lock_feed(id).await? {
            feed.next_ms = due;
            tx.put_feed(&feed).await?;
        }
        let job = tx.enqueue_job(&job, now).await?;
        tx.hasten_job(job, due).await?;
        Ok(job)
    }

    /// Sees to it that each connection is looked at: those of a backup, and those whose job was called off.
    pub(crate) async fn schedule_observations(&self, tx: &mut Tx, now: Millis) -> Result<(), HubError> {
        tx.begin_feeds(now.minus_secs(LATE_SECS)).await?;
        for feed in tx.due_feeds(now.minus_secs(LATE_SECS), LATE).await? {
            self.queue_observation(tx, feed.connection).await?;
        }
        Ok(())
    }

    /// Connections of which this machine is told when something changes there.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn watchable_connections(&self) -> Result<Vec<ConnectionId>, HubError> {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = self.read().await?.all_connections(after, STEP).await?;
            let Some(last) = page.last() else {
                return Ok(found);
            };
            after = last.number;
            let told = page.iter().filter(|known| known.kind == "directory");
            let told = told.filter(|known| known.state == ConnectionState::Active);
            found.extend(told.map(|known| known.id));
        }
    }

    /// Waits until something changes at a connection, and then has it looked at.
    ///
    /// # Errors
    /// `NotFound` once it is unlinked; `RemoteRefuses` when it cannot be watched.
    pub async fn watch_connection(&self, id: ConnectionId) -> Result<(), HubError> {
        let connection = self.read().await?.connection(id).await?;
        let connection = connection.ok_or(HubError::NotFound("connection"))?;
        self.connector(&connection).await?.watch().await?;
        // What changes now rarely changes alone.
        tokio::time::sleep(SETTLING).await;
        let mut tx = self.write().await?;
        tx.connection(id).await?.ok_or(HubError::NotFound("connection"))?;
        self.queue_observation(&mut tx, id).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(())
    }

    /// When a connection's job is due again; `None` when there is nothing to look at any more.
    pub(crate) async fn next_look(&self, tx: &mut Tx, job: &Job) -> Result<Option<Millis>, HubError> {
        let Ok(payload) = serde_json::from_str::<Payload>(&job.payload) else {
            return Ok(None);
        };
        Ok(tx.lock_feed(payload.connection).await?.map(|feed| feed.next_ms))
    }

    /// Looks at what is in a connection, or what changed there since the last look. What goes wrong is written down
    /// with the connection, and looked at again later.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn observe(&self, lease: &Lease) -> Result<Upkept, HubError> {
        let payload: Payload =
            serde_json::from_str(&lease.job.payload).map_err(|error| HubError::Internal(error.into()))?;
        let id = payload.connection;
        let Some(connection) = self.read().await?.connection(id).await? else {
            return Ok(Upkept::default());
        };
        if connection.state == ConnectionState::SignInAgain {
            self.put_off(id, WAITING_SECS).await?;
            return Ok(Upkept::default());
        }
        match self.look(lease, &connection).await {
            Ok(upkept) => Ok(upkept),
            Err(Trouble::Ours(error)) => Err(error),
            Err(Trouble::Theirs(error)) => {
                self.note_failure(id, &error).await?;
                Ok(Upkept::default())
            }
        }
    }

    async fn look(&self, lease: &Lease, connection: &Connection) -> Result<Upkept, Trouble> {
        let id = connection.id;
        let connector = self.connector(connection).await?;
        // Before the look: what changes after it is told.
        self.tend_channels(lease, connection, connector.as_ref()).await?;
        let mut pass = Pass {
            began: self.now(),
            seen: 0,
        };
        let mut restarts = 0;
        loop {
            let progress = Progress {
                done_bytes: pass.seen,
                ..Progress::default()
            };
            if lease.report(progress).await? == Keep::Stop {
                return Ok(Upkept::default().stopped());
            }
            let Some(feed) = self.feed_of(id, connector.as_ref()).await? else {
                return Ok(Upkept::default());
            };
            let cursor = feed.cursor.clone().map(Cursor);
            let page = match connector.changes(cursor.as_ref()).await {
                Ok(page) => page,
                Err(RemoteError::CursorLost) if restarts < RESTARTS && feed.cursor.is_some() => {
                    restarts += 1;
                    self.begin_anew(id).await?;
                    continue;
                }
                Err(error) => return Err(Trouble::Theirs(error)),
            };
            pass.seen += page.entries.len() as u64;
            if let Step::Settled = self.take_in(connector.as_ref(), &feed, (page, pass)).await? {
                self.note_working(id).await?;
                return Ok(Upkept::default());
            }
        }
    }

    /// How far a connection was looked at. Where everything is listed, the round begins before its first page is asked for:
    /// what is made while that is on its way is not in it, and not gone.
    async fn feed_of(
        &self,
        id: ConnectionId,
        connector: &dyn Connector,
    ) -> Result<Option<ConnectionFeed>, HubError> {
        let feed = self.read().await?.feed(id).await?;
        let begins = feed.as_ref().is_some_and(|feed| feed.started_ms.is_none());
        if !begins || connector.abilities().feed != Feed::Listing {
            return Ok(feed);
        }
        let mut tx = self.write().await?;
        let Some(mut feed) = tx.lock_feed(id).await? else {
            return Ok(None);
        };
        feed.round += 1;
        tx.put_feed(&feed).await?;
        tx.commit().await?;
        Ok(Some(feed))
    }

    /// Writes a page down, together with where it goes on.
    async fn take_in(
        &self,
        connector: &dyn Connector,
        read: &ConnectionFeed,
        (page, pass): (ChangePage, Pass),
    ) -> Result<Step, Trouble> {
        let id = read.connection;
        let now = self.now();
        let (items, gone) = last_words(page.entries);
        let mut feed = read.clone();
        if feed.started_ms.is_none() {
            feed.started_ms = Some(now);
            let is_counted = connector.abilities().feed == Feed::Listing;
            feed.round += u64::from(page.is_snapshot && !is_counted);
        }
        feed.is_snapshot = page.is_snapshot;
        let mut tx = self.write().await?;
        let present = tx.lock_feed(id).await?;
        let same = present.filter(|present| {
            let is_same_look = present.started_ms == read.started_ms && present.round == read.round;
            is_same_look && present.cursor == read.cursor
        });
        let Some(present) = same else {
            // Somebody else looked, or it was begun anew, or unlinked.
            return Ok(Step::GoOn);
        };
        // It may have been asked for once more since it was read.
        feed.next_ms = present.next_ms;
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        let seen = Seen {
            connection: id,
            round: feed.round,
            items: &items,
            gone: &gone,
        };
        take_down(&mut tx, seen).await?;
        let Next::Settled(cursor) = page.next else {
            feed.cursor = Some(page.next.cursor().0.clone());
            tx.put_feed(&feed).await?;
            tx.commit().await?;
            return Ok(Step::GoOn);
        };
        if page.is_snapshot {
            // The cursor stays before this page until all that is gone is removed: cut in between, it comes again.
            tx.put_feed(&ConnectionFeed {
                cursor: read.cursor.clone(),
                ..feed.clone()
            })
            .await?;
            tx.commit().await?;
            self.remove_gone(connector, id, feed.round).await?;
            self.look_into_trashed(connector, id, feed.round).await?;
            tx = self.write().await?;
        }
        // What went before an interruption does not count, nor the time that it took.
        let started = feed.started_ms.map_or(now, |started| started.max(pass.began));
        // Asked for once more while it was under way: what changed may have been passed already.
        let asked = tx.lock_feed(id).await?.map(|present| present.next_ms);
        let looked = Looked {
            now,
            before: read.settled_ms,
            found: pass.seen > 0,
        };
        let abilities = connector.abilities();
        let told = match abilities.notifies {
            Some(_) => self.next_told_look(&mut tx, id, &looked).await?,
            None => None,
        };
        let next = told.unwrap_or_else(|| next_look(abilities.feed, now, started));
        let asked = asked.filter(|asked| *asked > pass.began);
        feed.next_ms = asked.map_or(next, |asked| asked.min(next));
        feed.cursor = Some(cursor.0);
        feed.started_ms = None;
        feed.settled_ms = Some(now);
        feed.failures = 0;
        feed.error = None;
        tx.put_feed(&feed).await?;
        self.tell_mirrors(&mut tx, id).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(Step::Settled)
    }

    /// Removes what a complete look did not find. Lists of providers with a feed lag behind writes: what one does not name
    /// is looked for by itself before it counts as gone.
    async fn remove_gone(
        &self,
        connector: &dyn Connector,
        id: ConnectionId,
        round: u64,
    ) -> Result<(), Trouble> {
        let lags = connector.abilities().feed == Feed::Changes;
        let mut after = Vec::new();
        loop {
            let (unseen, next) = self.read().await?.unseen_items((id, round), &after, STEP).await?;
            let (mut found, mut gone) = (Vec::new(), Vec::new());
            for known in unseen {
                match lags {
                    true => match connector.item(&ItemId(known.id.clone())).await? {
                        Some(item) => found.push(as_remote(item)),
                        None => gone.push(known.id),
                    },
                    false => gone.push(known.id),
                }
            }
            let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
            let mut tx = self.write().await?;
            tx.lock_feed(id).await?;
            let seen = Seen {
                connection: id,
                round,
                items: &found,
                gone: &gone,
            };
            take_down(&mut tx, seen).await?;
            tx.commit().await?;
            match next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }

    async fn begin_anew(&self, id: ConnectionId) -> Result<(), HubError> {
        self.change_feed(id, |feed| {
            feed.cursor = None;
            feed.started_ms = None;
        })
        .await
    }

    async fn put_off(&self, id: ConnectionId, secs: i64) -> Result<(), HubError> {
        let next = self.now().plus_secs(secs);
        self.change_feed(id, |feed| feed.next_ms = next).await
    }

    async fn note_failure(&self, id: ConnectionId, error: &RemoteError) -> Result<(), HubError> {
        self.note_trouble(id, error).await;
        let now = self.now();
        tracing::info!(connection = %id, %error, "a connection could not be looked at");
        self.change_feed(id, |feed| {
            feed.failures = feed.failures.saturating_add(1);
            feed.error = Some(error.to_string());
            let pause = FIRST_PAUSE_SECS << feed.failures.saturating_sub(1).min(8);
            feed.next_ms = match error {
                RemoteError::Paused { until } => (*until).max(now.plus_secs(1)),
                RemoteError::SignInAgain(_) => now.plus_secs(WAITING_SECS),
                _ => now.plus_secs(pause.min(LONGEST_PAUSE_SECS)),
            };
        })
        .await
    }

    async fn change_feed(
        &self,
        id: ConnectionId,
        change: impl FnOnce(&mut ConnectionFeed) + Send,
    ) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        if let Some(mut feed) = tx.lock_feed(id).await? {
            change(&mut feed);
            tx.put_feed(&feed).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn note_working(&self, id: ConnectionId) -> Result<(), HubError> {
        let now = self.now();
        self.change_connection(id, |connection| {
            connection.state = ConnectionState::Active;
            connection.reason = None;
            connection.worked_ms = Some(now);
        })
        .await
    }
}

/// Whose trouble it is.
enum Trouble {
    Ours(HubError),
    Theirs(RemoteError),
}

impl From<HubError> for Trouble {
    fn from(error: HubError) -> Self {
        Self::Ours(error)
    }
}

impl From<CatalogError> for Trouble {
    fn from(error: CatalogError) -> Self {
        Self::Ours(error.into())
    }
}

impl From<RemoteError> for Trouble {
    fn from(error: RemoteError) -> Self {
        Self::Theirs(error)
    }
}

fn next_look(feed: Feed, now: Millis, started: Millis) -> Millis {
    match feed {
        Feed::Changes => now.plus_secs(CHANGES_SECS),
        Feed::Listing => {
            let took_secs = (now.0 - started.0).max(0) / 1000;
            now.plus_secs(LISTING_SECS.max(took_secs * LISTING_REST))
        }
    }
}

/// What a page says of each id in the end: items, and what is gone.
fn last_words(entries: Vec<Entry>) -> (Vec<RemoteItem>, Vec<String>) {
    let mut last: HashMap<String, Option<Box<Item>>> = HashMap::with_capacity(entries.len());
    for entry in entries {
        match entry {
            Entry::Is(item) => last.insert(item.id.0.clone(), Some(item)),
            Entry::Gone(id) => last.insert(id.0, None),
        };
    }
    let (mut items, mut gone) = (Vec::new(), Vec::new());
    for (id, item) in last {
        match item {
            Some(item) => items.push(as_remote(*item)),
            None => gone.push(id),
        }
    }
    (items, gone)
}
