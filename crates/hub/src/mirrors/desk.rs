//! The desk of one try at a mirror: all that the engine asks of the hub. Every transaction checks first that the try
//! still holds its lease, so that one that was given up changes nothing any more.

use std::collections::HashSet;
use std::sync::Arc;

use catalog::{DirtyRow, EntryRow, Tx};
use connectors::{Connector, ItemId, RemoteError};
use model::{
    Actor, Connection, ConnectionState, Millis, Mirror, MirrorDirection, MirrorState, RemoteItem, Right,
};
use sync_plan::{Plan, plan};

use super::gather::{BELOW, LIST_HERE, LIST_THERE};
use super::rules::Limits;
use super::scene::{self, Loaded, Newcomers};
use crate::access::{self, FolderRef, Hold};
use crate::connections::as_remote;
use crate::{Hub, HubError, Lease};

/// How soon a mirror is looked at again that has nothing to do, seconds: news make it due at once.
const IDLE_SECS: i64 = 5 * 60;
/// How soon one whose connection is looked at for the first time is tried again, seconds.
const FILLING_SECS: i64 = 5;
/// How soon one that waits for a person is tried again, seconds.
const WAITING_SECS: i64 = 15 * 60;
/// How soon a paused one is looked at again that took in all there was to take in, seconds.
const PAUSED_SECS: i64 = 60 * 60;
/// The pause after a try that failed; it doubles up to the longest.
const FIRST_PAUSE_SECS: i64 = 10;
const LONGEST_PAUSE_SECS: i64 = 60 * 60;

/// Times that an item is asked for while what is known of its connection changes.
const LOOKS: u32 = 3;
/// Events of a mirror that are kept.
const EVENTS: u32 = 1000;

/// What one try at a mirror works with.
pub struct MirrorDesk {
    pub(super) hub: Hub,
    pub(super) lease: Lease,
    /// The mirror as it was when the try began.
    pub mirror: Mirror,
    /// Its connection.
    pub connection: Connection,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) limits: Limits,
    pub(super) actor: Actor,
    /// Calls were written down that have to be found out about, or made up for, before anything is planned: folders that we
    /// trashed with something in them that nobody here had seen, writes that may have come late.
    pub has_unknown: bool,
}

/// Whether a try can begin.
pub enum Opened {
    /// It can.
    Desk(Box<MirrorDesk>),
    /// There is nothing to do for now; the mirror says why and when next.
    NotNow,
}

/// Why a step of a mirror was not done.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// What it was planned from is not so any more: it is planned anew.
    #[error("it changed meanwhile")]
    Changed,
    /// The try does not hold its lease any more: everything is put down.
    #[error("another worker looks after this mirror now")]
    Lost,
    /// Ours.
    #[error(transparent)]
    Hub(HubError),
    /// The provider's.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

impl From<HubError> for MirrorError {
    fn from(error: HubError) -> Self {
        match error {
            // Somebody was faster here; what was planned does not fit any more.
            HubError::Stale | HubError::NotFound(_) | HubError::NameTaken(_) | HubError::Conflict(_) => {
                Self::Changed
            }
            error => Self::Hub(error),
        }
    }
}

impl From<catalog::CatalogError> for MirrorError {
    fn from(error: catalog::CatalogError) -> Self {
        Self::Hub(error.into())
    }
}

impl Hub {
    /// Opens the desk for a try at the mirror that a job looks after.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn mirror_desk(&self, lease: &Lease) -> Result<Opened, HubError> {
        let Some(id) = super::mirror_of(&lease.job) else {
            return Ok(Opened::NotNow);
        };
        let mut tx = self.read().await?;
        let Some(mirror) = tx.mirror(id).await? else {
            return Ok(Opened::NotNow);
        };
        let Some(connection) = tx.connection(mirror.connection).await? else {
            drop(tx);
            return self.wait(&mirror, Some(UNLINKED.to_owned()), WAITING_SECS).await;
        };
        let is_filled = tx
            .feed(connection.id)
            .await?
            .is_some_and(|feed| feed.settled_ms.is_some());
        drop(tx);
        if let Some(reason) = self.hindrance(&mirror, &connection).await? {
            return self.wait(&mirror, Some(reason), WAITING_SECS).await;
        }
        if !is_filled {
            return self.wait(&mirror, None, FILLING_SECS).await;
        }
        let connector = match self.connector(&connection).await {
            Ok(connector) => connector,
            Err(error) => {
                self.note_trouble(connection.id, &error).await;
                return self.wait(&mirror, Some(error.to_string()), WAITING_SECS).await;
            }
        };
        if mirror.state == MirrorState::Trouble {
            self.update_mirror(id, |mirror| {
                mirror.state = MirrorState::Active;
                mirror.reason = None;
            })
            .await?;
        }
        let mirror = self.compare_anew(mirror).await?;
        let limits = Limits::of(connector.abilities());
        let actor = Actor::Mirror {
            owner: mirror.owner,
            mirror: id,
        };
        Ok(Opened::Desk(Box::new(MirrorDesk {
            hub: self.clone(),
            lease: lease.clone(),
            mirror,
            connection,
            connector,
            limits,
            actor,
            has_unknown: false,
        })))
    }

    /// One that was in step and lost track of what changed, as after a backup was restored, is compared all over.
    async fn compare_anew(&self, mut mirror: Mirror) -> Result<Mirror, HubError> {
        if mirror.progress.is_complete || mirror.progress.in_step_ms.is_none() {
            return Ok(mirror);
        }
        let mut tx = self.write().await?;
        tx.mark_dirty(mirror.id, &[(0, LIST_HERE | LIST_THERE | BELOW)], self.now())
            .await?;
        if let Some(mut fresh) = tx.lock_mirror(mirror.id).await? {
            fresh.progress.in_step_ms = None;
            tx.put_mirror(&fresh).await?;
            mirror = fresh;
        }
        tx.commit().await?;
        Ok(mirror)
    }

    /// What a person has to do before a mirror can go on, in a sentence.
    async fn hindrance(&self, mirror: &Mirror, connection: &Connection) -> Result<Option<String>, HubError> {
        if connection.state == ConnectionState::SignInAgain {
            return Ok(Some(
                "sign in again at the connection; everything waits until then".to_owned(),
            ));
        }
        if connection.drive != mirror.drive {
            return Ok(Some(
                "the connection leads to another drive than when this mirror was made; nothing is done until it \
                 leads to the same one, or the mirror is made anew"
                    .to_owned(),
            ));
        }
        let right = match mirror.direction {
            MirrorDirection::Push => Right::View,
            MirrorDirection::TwoWay | MirrorDirection::Pull => Right::Edit,
        };
        let actor = Actor::Mirror {
            owner: mirror.owner,
            mirror: mirror.id,
        };
        let mut tx = self.read().await?;
        let folder = FolderRef::Id(mirror.node);
        match access::folder(&mut tx, &actor, folder, right, Hold::No).await {
            Ok(_) => {}
            Err(HubError::NotFound(_) | HubError::Conflict(_)) => {
                return Ok(Some(
                    "the folder here is gone or in the trash; bring it back, or remove the mirror".to_owned(),
                ));
            }
            Err(HubError::Forbidden(_)) => {
                return Ok(Some(
                    "its owner may not change the folder here any more".to_owned(),
                ));
            }
            Err(error) => return Err(error),
        }
        if mirror.item != connection.root {
            let item = tx.item(connection.id, &mirror.item).await?;
            let is_filled = tx
                .feed(connection.id)
                .await?
                .is_some_and(|feed| feed.settled_ms.is_some());
            if is_filled && item.is_none_or(|item| item.is_trashed) {
                return Ok(Some(
                    "the folder at the connection is gone or in its trash; bring it back there, or remove the \
                     mirror"
                        .to_owned(),
                ));
            }
        }
        Ok(None)
    }

    async fn wait(&self, mirror: &Mirror, reason: Option<String>, secs: i64) -> Result<Opened, HubError> {
        let next = self.now().plus_secs(secs);
        self.update_mirror(mirror.id, |mirror| {
            mirror.progress.next_ms = next;
            if let Some(reason) = reason {
                mirror.reason = Some(reason);
                if mirror.state != MirrorState::Paused {
                    mirror.state = MirrorState::Trouble;
                }
            }
        })
        .await?;
        Ok(Opened::NotNow)
    }

    pub(crate) async fn update_mirror(
        &self,
        id: model::MirrorId,
        change: impl FnOnce(&mut Mirror) + Send,
    ) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        if let Some(mut mirror) = tx.lock_mirror(id).await? {
            change(&mut mirror);
            tx.put_mirror(&mirror).await?;
        }
        Ok(tx.commit().await?)
    }
}

const UNLINKED: &str = "its connection was removed; both sides stay as they are";

impl MirrorDesk {
    /// What speaks for the connection.
    pub fn connector(&self) -> Arc<dyn Connector> {
        self.connector.clone()
    }

    /// Now.
    pub fn now(&self) -> Millis {
        self.hub.now()
    }

    /// A transaction that commits nothing once the lease is lost.
    pub(super) async fn fenced(&self) -> Result<Tx, MirrorError> {
        let mut tx = self.hub.write().await?;
        self.check_lease(&mut tx).await?;
        Ok(tx)
    }

    pub(super) async fn check_lease(&self, tx: &mut Tx) -> Result<(), MirrorError> {
        match tx.holds_lease(catalog::Lease::of(&self.lease.job)).await? {
            true => Ok(()),
            false => Err(MirrorError::Lost),
        }
    }

    /// The mirror as it is now; `Lost` when it is gone.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn refresh(&mut self) -> Result<(), MirrorError> {
        let mirror = self.hub.read().await?.mirror(self.mirror.id).await?;
        self.mirror = mirror.ok_or(MirrorError::Lost)?;
        Ok(())
    }

    /// Entries to look at, at most `limit`.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn due(&self, limit: u32) -> Result<Vec<DirtyRow>, MirrorError> {
        let now = self.now();
        Ok(self
            .hub
            .read()
            .await?
            .dirty_due(self.mirror.id, now, limit)
            .await?)
    }

    /// Loads the scene around entries. `absent` are items that the provider does not have.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn load(&self, entries: &[u64], absent: &HashSet<String>) -> Result<Loaded, MirrorError> {
        let mut tx = self.hub.read().await?;
        let of = (&self.mirror, self.connector.abilities());
        Ok(scene::load(&mut tx, of, entries, absent).await?)
    }

    /// What to do about a scene.
    pub fn plan(&self, loaded: &Loaded) -> Plan {
        let rules = self.limits.rules(&self.mirror, self.connector.abilities(), 0);
        plan(&loaded.scene, &rules)
    }

    /// Asks the provider how an item is, and writes that down. `None`: there is none that we may see.
    ///
    /// # Errors
    /// The provider's.
    pub async fn look(&self, id: &str) -> Result<Option<RemoteItem>, MirrorError> {
        let mut tries = 0;
        let (item, mut tx, round) = loop {
            tries += 1;
            let since = self.feed_mark().await?;
            let item = self.connector.item(&ItemId(id.to_owned())).await?;
            let mut tx = self.fenced().await?;
            let feed = tx.lock_feed(self.connection.id).await?;
            let round = feed.as_ref().map_or(0, |feed| feed.round);
            // What the feed told meanwhile may be newer.
            if since == feed.into() || tries >= LOOKS {
                break (item.map(as_remote), tx, round);
            }
        };
        let changed = match &item {
            Some(item) => {
                let items = std::slice::from_ref(item);
                tx.put_changed_items(self.connection.id, round, items).await?
            }
            None => tx.remove_items(self.connection.id, &[id]).await?,
        };
        if !changed.is_empty() {
            // The feed will tell nothing new of it.
            tx.record_remote(self.connection.id, &[id]).await?;
        }
        if item.is_some() && self.known_of(&mut tx, &[id]).await?.is_empty() {
            self.enrol_items(&mut tx, &[id]).await?;
        }
        tx.commit().await?;
        Ok(item)
    }

    /// Writes down how items are, as the provider told us besides its feed.
    pub(super) async fn put_items(&self, tx: &mut Tx, items: &[RemoteItem]) -> Result<(), MirrorError> {
        let round = tx.feed(self.connection.id).await?.map_or(0, |feed| feed.round);
        tx.put_items(self.connection.id, round, items).await?;
        Ok(())
    }

    /// Gives entries to what has none yet.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn enrol(&self, newcomers: &Newcomers) -> Result<(), MirrorError> {
        let mut tx = self.fenced().await?;
        let nodes: Vec<_> = newcomers.nodes.iter().copied().collect();
        self.enrol_nodes(&mut tx, &nodes).await?;
        let items: Vec<&str> = newcomers.items.iter().map(String::as_str).collect();
        self.enrol_items(&mut tx, &items).await?;
        Ok(tx.commit().await?)
    }

    /// Entries with nothing left to do.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn clear(&self, done: &[(u64, u64)]) -> Result<(), MirrorError> {
        if done.is_empty() {
            return Ok(());
        }
        let mut tx = self.fenced().await?;
        tx.clear_dirty(self.mirror.id, done).await?;
        Ok(tx.commit().await?)
    }

    /// Writes entries down.
    pub(super) async fn put_entries(&self, tx: &mut Tx, rows: &[EntryRow]) -> Result<(), MirrorError> {
        tx.put_entries(self.mirror.id, rows).await?;
        Ok(())
    }

    /// Ends the try: nothing is left to do, or it goes on later.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn end(&self, how: Ended) -> Result<(), MirrorError> {
        let now = self.now();
        let mut tx = self.fenced().await?;
        let held = tx.count_to_trash(self.mirror.id).await?;
        let first = match held.1 {
            0 => None,
            _ => tx.to_trash(self.mirror.id, now, 1).await?.pop(),
        };
        let next_due = match first.is_some_and(|row| row.is_approved) {
            // A person said so while this round came to its end.
            true => Some(now),
            false => tx.next_dirty_ms(self.mirror.id).await?,
        };
        let Some(mut mirror) = tx.lock_mirror(self.mirror.id).await? else {
            return Ok(());
        };
        let idle = now.plus_secs(IDLE_SECS);
        let progress = &mut mirror.progress;
        progress.began_ms = Some(now);
        match &how {
            Ended::InStep => {
                progress.failures = 0;
                progress.next_ms = match mirror.state {
                    // Whoever sets it going again, or looks at its plan, has its job hastened.
                    MirrorState::Paused => now.plus_secs(PAUSED_SECS),
                    _ => next_due.map_or(idle, |due| due.min(idle).max(now.plus_secs(1))),
                };
                if next_due.is_none() && held == (0, 0) {
                    progress.in_step_ms = Some(now);
                    progress.behind_ms = None;
                    progress.is_complete = true;
                } else {
                    progress.behind_ms = progress.behind_ms.or(Some(now));
                }
            }
            Ended::Later(at) => {
                progress.behind_ms = progress.behind_ms.or(Some(now));
                progress.next_ms = (*at).max(now.plus_secs(1));
            }
            Ended::Failed(_) => {
                progress.failures = progress.failures.saturating_add(1);
                progress.behind_ms = progress.behind_ms.or(Some(now));
                let pause = FIRST_PAUSE_SECS << progress.failures.saturating_sub(1).min(9);
                progress.next_ms = now.plus_secs(pause.min(LONGEST_PAUSE_SECS));
            }
        }
        if mirror.state != MirrorState::Held || held.0 == 0 {
            mirror.reason = match &how {
                Ended::Failed(reason) => Some(reason.clone()),
                Ended::InStep | Ended::Later(_) => None,
            };
        }
        if mirror.state == MirrorState::Held && held.0 == 0 {
            mirror.state = MirrorState::Active;
            mirror.reason = None;
        }
        tx.put_mirror(&mirror).await?;
        tx.prune_mirror_events(self.mirror.id, EVENTS).await?;
        tx.forget_tombs(self.mirror.id, now).await?;
        Ok(tx.commit().await?)
    }
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// There is nothing left to do for now.
    InStep,
    /// It goes on at that time.
    Later(Millis),
    /// It cannot go on; a sentence for a person.
    Failed(String),
}
