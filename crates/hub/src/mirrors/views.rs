//! Mirrors as people and programs see them: how they are, what happened, and what failed.

use catalog::{DirtyCounts, EntryList, EntryRow, MirrorEvent, Tx};
use model::{Actor, Connection, Mirror, MirrorId, MirrorState, NodePath, Page};

use super::all_mirrors;
use super::settings::{ROOT, found};
use crate::access::{self, Hold};
use crate::listings::Part;
use crate::{FolderRef, Hub, HubError, cursors};

/// Folders above something that are told at the most.
const DEEPEST: usize = 256;

/// A mirror, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorRow {
    /// The mirror.
    pub mirror: Mirror,
    /// Where the folder here is; `None` when it is gone, or its owner may not see it any more.
    pub folder: Option<NodePath>,
    /// The connection; `None` when it was unlinked.
    pub connection: Option<Connection>,
    /// Where the folder there is, as far as is known.
    pub remote: Option<String>,
    /// Things that are on both sides.
    pub linked: u64,
    /// How much there is to do.
    pub counts: DirtyCounts,
    /// Of what is to be deleted, how much nobody approved yet.
    pub unapproved: u64,
    /// Things whose last step failed.
    pub failed: u64,
    /// Things with an open conflict.
    pub parked: u64,
    /// Things that a person left out.
    pub skipped: u64,
    /// For how long there is something to do, seconds; `None` when both sides are in step.
    pub behind_secs: Option<u64>,
    /// What a person has to know or do, in sentences.
    pub advice: Vec<String>,
}

/// Something in a mirror whose last step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedEntry {
    /// Its path below the mirror's folder.
    pub path: String,
    /// What is known of it.
    pub entry: EntryRow,
}

/// What happened in a mirror, the newest first.
pub type MirrorEvents = Page<MirrorEvent>;

impl Hub {
    /// Lists a person's mirrors, the oldest first; for the server itself everybody's.
    ///
    /// # Errors
    /// `Forbidden` for visitors.
    pub async fn mirrors(&self, actor: &Actor) -> Result<Vec<MirrorRow>, HubError> {
        let owner = match actor {
            Actor::Worker => None,
            actor => Some(access::user(actor)?),
        };
        let mut tx = self.read().await?;
        let mut rows = Vec::new();
        for mirror in all_mirrors(&mut tx, owner).await? {
            rows.push(self.mirror_row(&mut tx, mirror).await?);
        }
        Ok(rows)
    }

    /// Finds a mirror of the actor's.
    ///
    /// # Errors
    /// `NotFound`: another person's does not exist.
    pub async fn mirror(&self, actor: &Actor, id: MirrorId) -> Result<MirrorRow, HubError> {
        let mut tx = self.read().await?;
        let mirror = found(&mut tx, actor, id).await?;
        self.mirror_row(&mut tx, mirror).await
    }

    async fn mirror_row(&self, tx: &mut Tx, mirror: Mirror) -> Result<MirrorRow, HubError> {
        let acting = Actor::Mirror {
            owner: mirror.owner,
            mirror: mirror.id,
        };
        let needed = model::Right::View;
        let here = access::folder(tx, &acting, FolderRef::Id(mirror.node), needed, Hold::No).await;
        let folder = match here {
            Ok(here) => Some(here.path()),
            Err(HubError::NotFound(_) | HubError::Forbidden(_)) => None,
            Err(error) => return Err(error),
        };
        let connection = tx.connection(mirror.connection).await?;
        let remote = match &connection {
            Some(connection) => remote_path(tx, connection, &mirror.item).await?,
            None => None,
        };
        let id = mirror.id;
        let now = self.now();
        let behind = mirror.progress.behind_ms;
        let behind_secs = behind.map(|since| u64::try_from((now.0 - since.0) / 1000).unwrap_or(0));
        let mut row = MirrorRow {
            folder,
            connection,
            remote,
            linked: tx.count_entries(id).await?,
            counts: tx.dirty_counts(id).await?,
            unapproved: tx.count_to_trash(id).await?.0,
            failed: tx.count_listed_entries(id, EntryList::Failed).await?,
            parked: tx.count_listed_entries(id, EntryList::Parked).await?,
            skipped: tx.count_listed_entries(id, EntryList::Skipped).await?,
            behind_secs,
            advice: Vec::new(),
            mirror,
        };
        row.advice = advice(&row);
        Ok(row)
    }

    /// What happened in a mirror, the newest first.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (a cursor).
    pub async fn mirror_events(
        &self,
        actor: &Actor,
        id: MirrorId,
        part: Part,
    ) -> Result<MirrorEvents, HubError> {
        let mut tx = self.read().await?;
        found(&mut tx, actor, id).await?;
        let scope = format!("events of {id}");
        let before = self.mark(&scope, &part)?;
        let mut items = tx.mirror_events(id, before, part.limit.saturating_add(1)).await?;
        let has_more = items.len() > part.limit as usize;
        items.truncate(part.limit as usize);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|event| cursors::seal(self.keys(), &scope, &event.seq));
        Ok(Page { items, next })
    }

    /// Things in a mirror whose last step failed, each with what is wrong.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (a cursor).
    pub async fn mirror_errors(
        &self,
        actor: &Actor,
        id: MirrorId,
        part: Part,
    ) -> Result<Page<FailedEntry>, HubError> {
        self.entry_list(actor, (id, EntryList::Failed), part).await
    }

    /// Things that a person left out of a mirror.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (a cursor).
    pub async fn mirror_skips(
        &self,
        actor: &Actor,
        id: MirrorId,
        part: Part,
    ) -> Result<Page<FailedEntry>, HubError> {
        self.entry_list(actor, (id, EntryList::Skipped), part).await
    }

    async fn entry_list(
        &self,
        actor: &Actor,
        (id, list): (MirrorId, EntryList),
        part: Part,
    ) -> Result<Page<FailedEntry>, HubError> {
        let mut tx = self.read().await?;
        let mirror = found(&mut tx, actor, id).await?;
        let scope = format!("{list:?} of {id}");
        let after = self.mark(&scope, &part)?.unwrap_or(0);
        let limit = part.limit.saturating_add(1);
        let mut rows = tx.listed_entries((id, list), after, limit).await?;
        let has_more = rows.len() > part.limit as usize;
        rows.truncate(part.limit as usize);
        let last = rows.last().filter(|_| has_more).map(|row| row.entry);
        let mut items = Vec::with_capacity(rows.len());
        for entry in rows {
            let path = entry_path(&mut tx, &mirror, &entry).await?;
            items.push(FailedEntry { path, entry });
        }
        let next = last.map(|last| cursors::seal(self.keys(), &scope, &last));
        Ok(Page { items, next })
    }

    fn mark(&self, scope: &str, part: &Part) -> Result<Option<u64>, HubError> {
        part.cursor
            .as_ref()
            .map(|cursor| cursors::open::<u64>(self.keys(), scope, cursor))
            .transpose()
    }
}

/// What a person has to know or do.
fn advice(row: &MirrorRow) -> Vec<String> {
    let mut told = Vec::new();
    if row.connection.is_none() {
        told.push(
            "its connection was unlinked: remove this mirror, or link the drive and set it up anew"
                .to_owned(),
        );
    }
    if row.folder.is_none() {
        told.push(
            "its folder here is gone or not shared with you any more: restore it from the trash, or remove this mirror"
                .to_owned(),
        );
    }
    match row.mirror.state {
        MirrorState::Active => {}
        MirrorState::Paused => {
            told.push("it is paused: look at its plan, then resume it".to_owned());
        }
        MirrorState::Held => told.push(format!(
            "it would delete {} things, more than may go without a person's word: look at the plan, then approve or reject them",
            row.unapproved
        )),
        MirrorState::Trouble => {
            told.push(match &row.mirror.reason {
                Some(reason) => format!("{reason}; then resume it"),
                None => "it stopped: try the connection, then resume it".to_owned(),
            });
        }
    }
    if row.parked > 0 {
        told.push(match row.parked {
            1 => "one conflict waits for your decision".to_owned(),
            many => format!("{many} conflicts wait for your decision"),
        });
    }
    if row.failed > 0 {
        told.push(match row.failed {
            1 => "one thing could not be brought in step; it is tried again, and says why".to_owned(),
            many => format!("{many} things could not be brought in step; each is tried again, and says why"),
        });
    }
    told
}

/// Where a folder of a connection is, as far as is known.
pub(super) async fn remote_path(
    tx: &mut Tx,
    connection: &Connection,
    item: &str,
) -> Result<Option<String>, HubError> {
    let mut names = Vec::new();
    let mut at = item.to_owned();
    while at != connection.root && names.len() < DEEPEST {
        let Some(known) = tx.item(connection.id, &at).await? else {
            return Ok(None);
        };
        names.push(known.name);
        match known.parent {
            Some(parent) => at = parent,
            None => break,
        }
    }
    names.reverse();
    Ok(Some(format!("/{}", names.join("/"))))
}

/// Where an entry is below the mirror's folder: here, else there, else where it was.
pub(super) async fn entry_path(tx: &mut Tx, mirror: &Mirror, entry: &EntryRow) -> Result<String, HubError> {
    if let Some(node) = entry.node {
        let way = tx.way_up(node).await?;
        if let Some(depth) = way.iter().position(|step| step.id == mirror.node) {
            let names = way[..depth].iter().rev().map(|step| step.name.to_string());
            return Ok(names.collect::<Vec<_>>().join("/"));
        }
    }
    if let Some(item) = &entry.item
        && let Some(path) = path_there(tx, mirror, item).await?
    {
        return Ok(path);
    }
    path_before(tx, mirror, entry).await
}

async fn path_there(tx: &mut Tx, mirror: &Mirror, item: &str) -> Result<Option<String>, HubError> {
    let mut names = Vec::new();
    let mut at = item.to_owned();
    while at != mirror.item {
        let Some(known) = tx.item(mirror.connection, &at).await? else {
            return Ok(None);
        };
        names.push(known.name);
        match known.parent {
            Some(parent) if names.len() < DEEPEST => at = parent,
            _ => return Ok(None),
        }
    }
    names.reverse();
    Ok(Some(names.join("/")))
}

/// By what was agreed last.
async fn path_before(tx: &mut Tx, mirror: &Mirror, entry: &EntryRow) -> Result<String, HubError> {
    let mut names = Vec::new();
    let mut at = Some(entry.clone());
    while let Some(row) = at {
        names.extend(row.names.map(|(here, _)| here));
        at = match row.parent {
            Some(parent) if parent != ROOT && names.len() < DEEPEST => {
                tx.entries(mirror.id, &[parent]).await?.into_iter().next()
            }
            _ => None,
        };
    }
    names.reverse();
    Ok(names.join("/"))
}
