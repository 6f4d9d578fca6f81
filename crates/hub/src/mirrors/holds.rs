//! Deletes that wait for a person's word, and what a person leaves out.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};
use catalog::{EntryRow, MirrorSide, Tx};
use model::{Actor, Mirror, MirrorId, MirrorState, NodePath};

use super::settings::{ROOT, found, held};
use crate::{Hub, HubError};

/// Rows that one look takes in.
const STEP: u32 = 500;
/// Things that one request leaves out.
const MOST: usize = 1000;
/// How much of a digest is told.
const DIGEST_BYTES: usize = 16;
const OTHERS: HubError =
    HubError::Conflict("what is to be deleted is not the same any more: look at the plan once more");

/// Deletes that wait for a person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDeletes {
    /// Things to be moved to the trash here.
    pub here: u64,
    /// Things to be deleted there.
    pub there: u64,
    /// Names exactly this set: approving it approves nothing else.
    pub digest: String,
}

/// Things of a mirror, as callers name them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WhichEntries {
    /// By their numbers within the mirror.
    pub entries: Vec<u64>,
    /// By their paths below the mirror's folder.
    pub paths: Vec<String>,
}

impl Hub {
    /// The deletes of a mirror that wait for a person's word.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn held_deletes(&self, actor: &Actor, id: MirrorId) -> Result<Option<HeldDeletes>, HubError> {
        let mut tx = self.read().await?;
        found(&mut tx, actor, id).await?;
        held_deletes(&mut tx, id).await
    }

    /// Lets the deletes go that a person looked at, and no others. Answers how many those are.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (they are others by now, or there are none).
    pub async fn approve_deletes(&self, actor: &Actor, id: MirrorId, digest: &str) -> Result<u64, HubError> {
        let (hub, actor, digest) = (self.clone(), actor.clone(), digest.to_owned());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let mirror = held(&mut tx, &actor, id).await?;
            let count = expect_held(&mut tx, id, &digest).await?;
            if tx.approve_trash(id).await? != count {
                return Err(OTHERS);
            }
            hub.go_on(&mut tx, mirror, ("approved", count)).await?;
            tx.commit().await?;
            hub.wake_workers();
            tracing::info!(mirror = %id, count, at = now.0, "deletes were approved");
            Ok(count)
        })
        .await
    }

    /// Takes deletes back for good: what was deleted on one side is brought back there from the other, as far as the
    /// mirror goes that way. Answers how many those are.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (they are others by now, or there are none).
    pub async fn reject_deletes(&self, actor: &Actor, id: MirrorId, digest: &str) -> Result<u64, HubError> {
        let (hub, actor, digest) = (self.clone(), actor.clone(), digest.to_owned());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            let mirror = held(&mut tx, &actor, id).await?;
            let count = expect_held(&mut tx, id, &digest).await?;
            let mut after = ROOT;
            let mut marked = Vec::new();
            loop {
                let rows = tx.unapproved_trash(id, after, STEP).await?;
                let Some(last) = rows.last() else { break };
                after = last.entry;
                let numbers: Vec<u64> = rows.iter().map(|row| row.entry).collect();
                let mut entries = tx.entries(id, &numbers).await?;
                entries.iter_mut().for_each(forget_base);
                tx.put_entries(id, &entries).await?;
                marked.extend(numbers.into_iter().map(|entry| (entry, 0)));
            }
            // Looked at anew, and not to be trashed any more.
            tx.mark_dirty(id, &marked, hub.now()).await?;
            hub.go_on(&mut tx, mirror, ("rejected", count)).await?;
            tx.commit().await?;
            hub.wake_workers();
            Ok(count)
        })
        .await
    }

    /// Lets a mirror run after a person decided about its deletes.
    async fn go_on(
        &self,
        tx: &mut Tx,
        mut mirror: Mirror,
        (word, count): (&str, u64),
    ) -> Result<(), HubError> {
        let now = self.now();
        let detail = format!("{{\"deletes\":{count}}}");
        if mirror.state == MirrorState::Held {
            mirror.state = MirrorState::Active;
            mirror.reason = None;
            mirror.progress.next_ms = now;
            tx.put_mirror(&mirror).await?;
        }
        tx.add_mirror_event(mirror.id, now, (word, &detail)).await?;
        self.queue_mirror(tx, mirror.id).await?;
        Ok(())
    }

    /// Leaves things out of a mirror, or takes them in again. Both sides stay as they are. Answers how many those are.
    ///
    /// # Errors
    /// `NotFound` (also of a path or number), `Invalid` (none, or too many).
    pub async fn skip_entries(
        &self,
        actor: &Actor,
        id: MirrorId,
        (which, is_skipped): (WhichEntries, bool),
    ) -> Result<u64, HubError> {
        let named = which.entries.len() + which.paths.len();
        if named == 0 || named > MOST {
            let problem = format!("name 1 to {MOST} things by their numbers or paths");
            return Err(HubError::invalid("entries", problem));
        }
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let mirror = held(&mut tx, &actor, id).await?;
            let mut entries = tx.entries(id, &which.entries).await?;
            let known: BTreeSet<u64> = entries.iter().map(|row| row.entry).collect();
            if which.entries.iter().any(|entry| !known.contains(entry)) {
                return Err(HubError::NotFound("entry in this mirror"));
            }
            for path in &which.paths {
                entries.push(by_path(&mut tx, &mirror, path).await?);
            }
            entries.sort_by_key(|row| row.entry);
            entries.dedup_by_key(|row| row.entry);
            entries.retain(|row| row.is_skipped != is_skipped);
            for row in &mut entries {
                row.is_skipped = is_skipped;
                row.error = None;
                row.attempts = 0;
            }
            tx.put_entries(id, &entries).await?;
            let marked: Vec<(u64, u32)> = entries.iter().map(|row| (row.entry, 0)).collect();
            tx.mark_dirty(id, &marked, now).await?;
            let count = entries.len() as u64;
            if count > 0 {
                let word = if is_skipped { "skipped" } else { "unskipped" };
                let detail = format!("{{\"things\":{count}}}");
                tx.add_mirror_event(id, now, (word, &detail)).await?;
                hub.queue_mirror(&mut tx, id).await?;
            }
            tx.commit().await?;
            hub.wake_workers();
            Ok(count)
        })
        .await
    }
}

/// What is to be deleted and nobody approved; `None` when there is nothing.
pub(super) async fn held_deletes(tx: &mut Tx, id: MirrorId) -> Result<Option<HeldDeletes>, HubError> {
    let (mut here, mut there, mut after) = (0, 0, ROOT);
    let mut context = Context::new(&SHA256);
    loop {
        let rows = tx.unapproved_trash(id, after, STEP).await?;
        let Some(last) = rows.last() else { break };
        after = last.entry;
        for row in &rows {
            context.update(&row.entry.to_be_bytes());
            match row.trash {
                Some(MirrorSide::There) => {
                    there += 1;
                    context.update(b"t");
                }
                Some(MirrorSide::Here) | None => {
                    here += 1;
                    context.update(b"h");
                }
            }
        }
    }
    if here + there == 0 {
        return Ok(None);
    }
    let digest = context.finish();
    let digest = digest.as_ref()[..DIGEST_BYTES].iter();
    Ok(Some(HeldDeletes {
        here,
        there,
        digest: digest.map(|byte| format!("{byte:02x}")).collect(),
    }))
}

/// How many deletes wait, if they are still those of the digest.
async fn expect_held(tx: &mut Tx, id: MirrorId, digest: &str) -> Result<u64, HubError> {
    match held_deletes(tx, id).await? {
        None => Err(HubError::Conflict("no deletes of this mirror wait for your word")),
        Some(held) if held.digest != digest => Err(OTHERS),
        Some(held) => Ok(held.here + held.there),
    }
}

/// What is on one side then counts as new.
fn forget_base(row: &mut EntryRow) {
    row.has_base = false;
    row.parent = None;
    row.names = None;
    row.content = None;
    row.error = None;
    row.attempts = 0;
}

/// The entry of something that is at a path below the mirror's folder, here or there.
async fn by_path(tx: &mut Tx, mirror: &Mirror, path: &str) -> Result<EntryRow, HubError> {
    let unknown = || HubError::NotFound("path in this mirror");
    let names: NodePath = path.parse().map_err(|error| HubError::invalid("paths", error))?;
    let mut node = Some(mirror.node);
    for name in names.names() {
        node = match node {
            Some(folder) => tx.child(folder, name).await?.map(|child| child.id),
            None => None,
        };
    }
    if let Some(node) = node.filter(|node| *node != mirror.node) {
        let rows = tx.entries_of_nodes(mirror.id, &[node]).await?;
        return rows.into_iter().next().ok_or_else(unknown);
    }
    let mut item = mirror.item.clone();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let found = tx.items_named((mirror.connection, &item), &[name]).await?;
        let found = found
            .into_iter()
            .find(|found| found.name == name && !found.is_trashed);
        item = found.ok_or_else(unknown)?.id;
    }
    if item == mirror.item {
        return Err(unknown());
    }
    let rows = tx.entries_of_items(mirror.id, &[item.as_str()]).await?;
    rows.into_iter().next().ok_or_else(unknown)
}
