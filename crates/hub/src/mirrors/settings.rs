//! Setting mirrors up: made, listed, changed, paused, and removed.

use catalog::Tx;
use model::{
    Actor, ConflictPolicy, Connection, ConnectionId, Mirror, MirrorDirection, MirrorDrift, MirrorId,
    MirrorProgress, MirrorRule, MirrorState, RemoteItem, UserId,
};

use super::patterns::check_rules;
use super::places::{self, MirrorFolder, RemoteFolder};
use crate::access::{self, Hold};
use crate::connections::as_remote;
use crate::connections::found as found_connection;
use crate::{Hub, HubError, keys};

/// Mirrors that one person may have.
const MOST: u64 = 1000;
/// The entry that stands for the mirror's folder.
pub(super) const ROOT: u64 = 0;
/// Look at what is in the folder on both sides, ...
pub(super) const LIST_BOTH: u32 = 1 | 2;
/// ... and at all that lies below.
pub(super) const LIST_ALL: u32 = LIST_BOTH | 4;
/// Rows of a removed mirror that one transaction forgets.
const FORGET_STEP: u32 = 500;

/// A mirror to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMirror {
    /// The folder here.
    pub folder: MirrorFolder,
    /// The connection.
    pub connection: ConnectionId,
    /// The folder there.
    pub remote: RemoteFolder,
    /// How it goes about it.
    pub settings: MirrorSettings,
    /// It does nothing yet: its plan can be looked at first.
    pub is_paused: bool,
}

/// How a mirror goes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorSettings {
    /// Which way changes go.
    pub direction: MirrorDirection,
    /// What is done when both sides changed a content.
    pub policy: ConflictPolicy,
    /// For a push or a pull.
    pub drift: MirrorDrift,
    /// Exceptions; the first that matches counts.
    pub rules: Vec<MirrorRule>,
    /// Deletes that need a person's word: more than so many; `None` is the server's setting.
    pub most_deletes: Option<u32>,
    /// It is where uploads that ask for a copy at this kind of provider go.
    pub is_default: bool,
}

/// What holds where nothing is said.
impl Default for MirrorSettings {
    fn default() -> Self {
        Self {
            direction: MirrorDirection::TwoWay,
            policy: ConflictPolicy::KeepBoth,
            drift: MirrorDrift::Leave,
            rules: Vec::new(),
            most_deletes: None,
            is_default: false,
        }
    }
}

/// What of a mirror is to change; `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MirrorChange {
    /// Which way changes go.
    pub direction: Option<MirrorDirection>,
    /// What is done when both sides changed a content.
    pub policy: Option<ConflictPolicy>,
    /// For a push or a pull.
    pub drift: Option<MirrorDrift>,
    /// Exceptions.
    pub rules: Option<Vec<MirrorRule>>,
    /// Deletes that need a person's word; `Some(None)` is the server's setting.
    pub most_deletes: Option<Option<u32>>,
    /// Whether uploads go there.
    pub is_default: Option<bool>,
}

impl Hub {
    /// Makes a mirror, and begins to compare both sides.
    ///
    /// # Errors
    /// `NotFound` (the folder, or a connection of somebody else), `Forbidden` (a folder that may only be looked at),
    /// `Invalid` (a folder that is in a mirror already, or no folder; what cannot be written to), `Conflict` (too
    /// many), and what the provider says.
    pub async fn create_mirror(&self, actor: &Actor, new: NewMirror) -> Result<Mirror, HubError> {
        let owner = access::user(actor)?;
        check_rules(&new.settings.rules)?;
        refuse_default(new.settings.is_default, new.settings.direction)?;
        let connection = found_connection(&mut self.read().await?, actor, new.connection).await?;
        let connector = self.connector(&connection).await;
        let connector = self.heard(&connection, connector).await?;
        refuse_writing(new.settings.direction, connector.abilities().is_read_only)?;
        // Before anything is made there.
        let here = (&new.folder, new.settings.direction);
        self.check_folder_here(actor, here, new.connection).await?;
        let item = self
            .remote_folder(&connection, connector.as_ref(), &new.remote)
            .await?;
        if item.kind != connectors::ItemKind::Folder {
            return Err(HubError::invalid(
                "remote_folder",
                format!("`{}` there is no folder", item.name),
            ));
        }
        let seen = self
            .refuse_overlap_there(&connection, connector.as_ref(), &item.id.0)
            .await?;
        let item = as_remote(item);
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            let connection = tx.lock_connection(connection.id).await?;
            let connection = connection.ok_or(HubError::NotFound("connection"))?;
            let others = tx.mirrors_of_connection(connection.id).await?;
            if others.iter().any(|other| !seen.contains(&other.id)) {
                return Err(HubError::Conflict(
                    "another mirror of this connection was made at the same moment; try again",
                ));
            }
            let mirror = hub
                .add_mirror(&mut tx, (&actor, owner), &connection, (new, item))
                .await?;
            tx.commit().await?;
            hub.wake_workers();
            Ok(mirror)
        })
        .await
    }

    async fn add_mirror(
        &self,
        tx: &mut Tx,
        (actor, owner): (&Actor, UserId),
        connection: &Connection,
        (new, item): (NewMirror, RemoteItem),
    ) -> Result<Mirror, HubError> {
        let now = self.now();
        let settings = new.settings;
        if tx.count_mirrors(owner).await? >= MOST {
            return Err(HubError::Conflict(
                "you have 1,000 mirrors, as many as a person may have; remove one first",
            ));
        }
        let here = self
            .mirror_folder(tx, actor, (&new.folder, settings.direction))
            .await?;
        places::refuse_overlap_here(tx, &here, connection.id).await?;
        if settings.is_default {
            self.take_default(tx, owner, connection).await?;
        }
        // What was made a moment ago no look at the connection has seen yet.
        if tx.item(connection.id, &item.id).await?.is_none() {
            let round = tx.feed(connection.id).await?.map_or(0, |feed| feed.round);
            tx.put_items(connection.id, round, std::slice::from_ref(&item))
                .await?;
        }
        let space = tx.space(here.space.id).await?.unwrap_or(here.space);
        let mut mirror = Mirror {
            id: MirrorId::new(now, keys::random()),
            number: 0,
            owner,
            connection: connection.id,
            node: here.node.id,
            space: space.id,
            item: item.id,
            drive: connection.drive.clone(),
            direction: settings.direction,
            policy: settings.policy,
            drift: settings.drift,
            rules: settings.rules,
            most_deletes: settings.most_deletes,
            state: match new.is_paused {
                true => MirrorState::Paused,
                false => MirrorState::Active,
            },
            reason: None,
            is_default: settings.is_default,
            created_ms: now,
            progress: MirrorProgress {
                here_seq: space.head,
                there_seq: tx.remote_head(connection.id).await?,
                behind_ms: Some(now),
                next_ms: now,
                ..MirrorProgress::default()
            },
        };
        mirror.number = tx.create_mirror(&mirror).await?;
        tx.mark_dirty(mirror.id, &[(ROOT, LIST_BOTH)], now).await?;
        tx.add_mirror_event(mirror.id, now, ("made", "{}")).await?;
        self.queue_observation(tx, connection.id).await?;
        self.queue_mirror(tx, mirror.id).await?;
        Ok(mirror)
    }

    /// There is one default of a kind: the one that was it before is none any more.
    async fn take_default(
        &self,
        tx: &mut Tx,
        owner: UserId,
        connection: &Connection,
    ) -> Result<(), HubError> {
        if let Some(mut before) = tx.default_mirror(owner, &connection.kind).await? {
            before.is_default = false;
            tx.put_mirror(&before).await?;
        }
        Ok(())
    }

    /// Changes how a mirror goes about it. What is then done differently is looked at anew.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Forbidden` (a folder that may only be looked at).
    pub async fn change_mirror(
        &self,
        actor: &Actor,
        id: MirrorId,
        change: MirrorChange,
    ) -> Result<Mirror, HubError> {
        check_rules(change.rules.as_deref().unwrap_or_default())?;
        let before = found(&mut self.read().await?, actor, id).await?;
        if change.direction.is_some_and(|to| to != before.direction) {
            self.check_direction(&before, change.direction).await?;
        }
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let mut mirror = held(&mut tx, &actor, id).await?;
            let before = mirror.clone();
            if change.is_default == Some(true) && !mirror.is_default {
                let connection = tx.connection(mirror.connection).await?;
                let connection = connection.ok_or(HubError::NotFound("connection"))?;
                hub.take_default(&mut tx, mirror.owner, &connection).await?;
            }
            change.apply(&mut mirror);
            refuse_default(mirror.is_default, mirror.direction)?;
            if mirror != before {
                tx.put_mirror(&mirror).await?;
            }
            let is_planned_anew = mirror.direction != before.direction
                || mirror.drift != before.drift
                || mirror.rules != before.rules
                || mirror.policy != before.policy;
            if is_planned_anew {
                tx.mark_dirty(id, &[(ROOT, LIST_ALL)], now).await?;
                tx.add_mirror_event(id, now, ("changed", "{}")).await?;
                hub.queue_mirror(&mut tx, id).await?;
            }
            tx.commit().await?;
            hub.wake_workers();
            Ok(mirror)
        })
        .await
    }

    /// Refuses a direction that would write where nothing can be written.
    async fn check_direction(
        &self,
        mirror: &Mirror,
        direction: Option<MirrorDirection>,
    ) -> Result<(), HubError> {
        let Some(direction) = direction else {
            return Ok(());
        };
        let acting = Actor::Mirror {
            owner: mirror.owner,
            mirror: mirror.id,
        };
        let mut tx = self.read().await?;
        let folder = crate::FolderRef::Id(mirror.node);
        access::folder(&mut tx, &acting, folder, places::needed(direction), Hold::No).await?;
        let connection = tx.connection(mirror.connection).await?;
        drop(tx);
        let connection = connection.ok_or(HubError::NotFound("connection"))?;
        let connector = self.connector(&connection).await;
        let connector = self.heard(&connection, connector).await?;
        refuse_writing(direction, connector.abilities().is_read_only)
    }

    /// Stops a mirror until it is resumed. What it does at the moment it brings to its end.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn pause_mirror(&self, actor: &Actor, id: MirrorId) -> Result<Mirror, HubError> {
        self.turn_mirror(actor, id, MirrorState::Paused, "paused").await
    }

    /// Lets a mirror run that was paused, or that a person had to do something about.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn resume_mirror(&self, actor: &Actor, id: MirrorId) -> Result<Mirror, HubError> {
        self.turn_mirror(actor, id, MirrorState::Active, "resumed").await
    }

    async fn turn_mirror(
        &self,
        actor: &Actor,
        id: MirrorId,
        to: MirrorState,
        event: &'static str,
    ) -> Result<Mirror, HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let mut mirror = held(&mut tx, &actor, id).await?;
            // What is held stays held: approving it is another thing than letting the rest run.
            let is_there = mirror.state == to || (to == MirrorState::Active && mirror.is_running());
            if !is_there {
                mirror.state = to;
                mirror.reason = None;
                mirror.progress.failures = 0;
                mirror.progress.next_ms = now;
                tx.put_mirror(&mirror).await?;
                tx.add_mirror_event(id, now, (event, "{}")).await?;
            }
            hub.queue_mirror(&mut tx, id).await?;
            tx.commit().await?;
            hub.wake_workers();
            Ok(mirror)
        })
        .await
    }

    /// Has a mirror look at both sides as soon as a worker is free.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (it is paused).
    pub async fn run_mirror(&self, actor: &Actor, id: MirrorId) -> Result<Mirror, HubError> {
        let mut tx = self.write().await?;
        let mirror = held(&mut tx, actor, id).await?;
        if mirror.state == MirrorState::Paused {
            return Err(HubError::Conflict("this mirror is paused; resume it first"));
        }
        self.hasten_mirror(&mut tx, &mirror).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(mirror)
    }

    /// Makes a look at the connection and a round of the mirror due now.
    pub(super) async fn hasten_mirror(&self, tx: &mut Tx, mirror: &Mirror) -> Result<(), HubError> {
        self.queue_observation(tx, mirror.connection).await?;
        self.queue_mirror(tx, mirror.id).await?;
        Ok(())
    }

    /// Removes a mirror. Both sides stay as they are.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_mirror(&self, actor: &Actor, id: MirrorId) -> Result<(), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            held(&mut tx, &actor, id).await?;
            tx.remove_mirror(id).await?;
            tx.commit().await?;
            // What is left without a mirror is also found by the sweep.
            hub.forget_mirror(id).await
        })
        .await
    }

    /// Forgets what is known of a mirror that is gone.
    pub(crate) async fn forget_mirror(&self, id: MirrorId) -> Result<(), HubError> {
        loop {
            let mut tx = self.write().await?;
            let step = tx.forget_mirror_rows(id, FORGET_STEP).await?;
            tx.commit().await?;
            if step == 0 {
                return Ok(());
            }
        }
    }
}

impl MirrorChange {
    fn apply(self, mirror: &mut Mirror) {
        if let Some(direction) = self.direction {
            mirror.direction = direction;
        }
        if let Some(policy) = self.policy {
            mirror.policy = policy;
        }
        if let Some(drift) = self.drift {
            mirror.drift = drift;
        }
        if let Some(rules) = self.rules {
            mirror.rules = rules;
        }
        if let Some(most) = self.most_deletes {
            mirror.most_deletes = most;
        }
        if let Some(is_default) = self.is_default {
            mirror.is_default = is_default;
        }
    }
}

fn refuse_default(is_default: bool, direction: MirrorDirection) -> Result<(), HubError> {
    if is_default && direction == MirrorDirection::Pull {
        return Err(HubError::invalid(
            "default",
            "uploads cannot go where nothing is ever sent: a pull mirror is no default",
        ));
    }
    Ok(())
}

fn refuse_writing(direction: MirrorDirection, is_read_only: bool) -> Result<(), HubError> {
    if is_read_only && direction != MirrorDirection::Pull {
        return Err(HubError::invalid(
            "direction",
            "nothing can be written to this connection: choose `pull`",
        ));
    }
    Ok(())
}

/// Finds a mirror of the actor's. Another person's does not exist.
pub(crate) async fn found(tx: &mut Tx, actor: &Actor, id: MirrorId) -> Result<Mirror, HubError> {
    let mirror = tx.mirror(id).await?.filter(|mirror| is_own(actor, mirror));
    mirror.ok_or(HubError::NotFound("mirror"))
}

/// The same, held until the transaction ends.
pub(crate) async fn held(tx: &mut Tx, actor: &Actor, id: MirrorId) -> Result<Mirror, HubError> {
    let mirror = tx.lock_mirror(id).await?.filter(|mirror| is_own(actor, mirror));
    mirror.ok_or(HubError::NotFound("mirror"))
}

fn is_own(actor: &Actor, mirror: &Mirror) -> bool {
    *actor == Actor::Worker || actor.user() == Some(mirror.owner)
}
