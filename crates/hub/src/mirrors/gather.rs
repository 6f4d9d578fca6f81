//! Finding out what changed: both journals are read from where they were left, and what they name is marked. The cost
//! grows with what changed, not with what is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use catalog::{DirtyRow, EntryRow, Tx};
use model::{Node, NodeId, RemoteItem, RemoteKind};

use super::calls::Call;
use super::desk::{MirrorDesk, MirrorError};
use super::late::went_by_us;

/// Journal entries, children or entries that one transaction takes in.
const STEP: u32 = 200;
/// Levels that a path may have before it counts as a ring.
const DEEPEST: usize = 1000;

/// What is in the node of an entry has to be enrolled.
pub(crate) const LIST_HERE: u32 = 1;
/// What is in the item of an entry has to be enrolled.
pub(crate) const LIST_THERE: u32 = 2;
/// The entries below have to be looked at too.
pub(crate) const BELOW: u32 = 4;

impl MirrorDesk {
    /// Takes in the next of what both journals tell. Answers whether there is more.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn gather(&mut self) -> Result<bool, MirrorError> {
        let has_more = self.gather_here().await?;
        Ok(self.gather_there().await? | has_more)
    }

    async fn gather_here(&mut self) -> Result<bool, MirrorError> {
        let seq = self.mirror.progress.here_seq;
        let changes = self
            .hub
            .read()
            .await?
            .changes(self.mirror.space, seq, STEP)
            .await?;
        let Some(last) = changes.last().map(|change| change.seq) else {
            return Ok(false);
        };
        let nodes: BTreeSet<NodeId> = changes.iter().map(|change| change.node).collect();
        let nodes: Vec<NodeId> = nodes
            .into_iter()
            .filter(|node| *node != self.mirror.node)
            .collect();
        let mut tx = self.fenced().await?;
        let known = tx.entries_of_nodes(self.mirror.id, &nodes).await?;
        let tied: BTreeSet<NodeId> = known.iter().filter_map(|row| row.node).collect();
        let untied: Vec<NodeId> = nodes.into_iter().filter(|node| !tied.contains(node)).collect();
        let pending = self.pending(&mut tx, &known).await?;
        let mut dirty = Vec::with_capacity(known.len());
        for row in &known {
            let is_pending = pending.contains(&row.entry);
            dirty.push((row.entry, self.flags_here(&mut tx, row, is_pending).await?));
        }
        tx.mark_dirty(self.mirror.id, &dirty, self.now()).await?;
        self.enrol_nodes(&mut tx, &untied).await?;
        self.advance(tx, Some(last), None).await?;
        Ok(changes.len() >= STEP as usize)
    }

    async fn gather_there(&mut self) -> Result<bool, MirrorError> {
        let seq = self.mirror.progress.there_seq;
        let changes = self
            .hub
            .read()
            .await?
            .remote_changes(self.connection.id, seq, STEP)
            .await?;
        let Some(last) = changes.last().map(|(seq, _)| *seq) else {
            return Ok(false);
        };
        let items: BTreeSet<&str> = changes.iter().map(|(_, item)| item.as_str()).collect();
        let items: Vec<&str> = items
            .into_iter()
            .filter(|item| *item != self.mirror.item)
            .collect();
        let mut tx = self.fenced().await?;
        let known = self.known_of(&mut tx, &items).await?;
        let tied: BTreeSet<&str> = known.iter().filter_map(|row| row.item.as_deref()).collect();
        let untied: Vec<&str> = items
            .iter()
            .copied()
            .filter(|item| !tied.contains(item))
            .collect();
        let pending = self.pending(&mut tx, &known).await?;
        let mut dirty = Vec::with_capacity(known.len());
        for row in &known {
            let is_pending = pending.contains(&row.entry);
            dirty.push((row.entry, self.flags_there(&mut tx, row, is_pending).await?));
        }
        tx.mark_dirty(self.mirror.id, &dirty, self.now()).await?;
        self.enrol_items(&mut tx, &untied).await?;
        self.dig_out(&mut tx, (&known, &untied)).await?;
        self.audit(&mut tx, &known).await?;
        self.advance(tx, None, Some(last)).await?;
        Ok(changes.len() >= STEP as usize)
    }

    /// Has folders brought back that we trashed with something in them that nobody here had seen in there: a file that is
    /// not known at all, or what was elsewhere when both sides agreed last, if they ever did.
    async fn dig_out(
        &mut self,
        tx: &mut Tx,
        (known, untied): (&[EntryRow], &[&str]),
    ) -> Result<(), MirrorError> {
        let homes: HashMap<&str, Option<u64>> = known
            .iter()
            .filter_map(|row| Some((row.item.as_deref()?, row.parent)))
            .collect();
        let items: Vec<&str> = homes.keys().chain(untied).copied().collect();
        let mut folders: HashMap<String, Above> = HashMap::new();
        for item in tx.items(self.connection.id, &items).await? {
            let home = homes.get(item.id.as_str()).copied().flatten();
            let mut above = item.parent;
            let mut went = Vec::new();
            for _ in 0..DEEPEST {
                let Some(id) = above.take() else { break };
                if !folders.contains_key(&id) {
                    folders.insert(id.clone(), self.above(tx, &id).await?);
                }
                let folder = &folders[&id];
                if folder.entry.is_some() && folder.entry == home {
                    break;
                }
                above.clone_from(&folder.parent);
                if let (Some(entry), true) = (folder.entry, folder.went_by_us) {
                    went.push((entry, id));
                }
            }
            if !went.is_empty() && item.kind == RemoteKind::Folder && home.is_none() {
                // What is in it tells of itself, or has done so.
                let below = tx.items_below((self.connection.id, &item.id), &[], 1).await?.0;
                if below.is_empty() {
                    continue;
                }
            }
            for (entry, folder) in went {
                self.have_back(tx, entry, folder).await?;
            }
        }
        Ok(())
    }

    async fn above(&self, tx: &mut Tx, folder: &str) -> Result<Above, MirrorError> {
        let row = tx.entries_of_items(self.mirror.id, &[folder]).await?.pop();
        let item = tx.item(self.connection.id, folder).await?;
        let is_trashed = item.as_ref().is_some_and(|item| item.is_trashed);
        let is_ours = match &row {
            Some(row) => went_by_us(row, self.now())?,
            None => false,
        };
        Ok(Above {
            entry: row.map(|row| row.entry),
            parent: item.and_then(|item| item.parent),
            went_by_us: is_trashed && is_ours,
        })
    }

    /// Has something brought back from the trash there, unless a call about it is under way.
    async fn have_back(&mut self, tx: &mut Tx, entry: u64, item: String) -> Result<(), MirrorError> {
        if !self.is_under_way(tx, entry).await? {
            self.put_intent(tx, entry, &Call::Restore { item }).await?;
            self.has_unknown = true;
        }
        Ok(())
    }

    /// Writes down how far the journals were read, in the transaction of what they told.
    async fn advance(
        &mut self,
        mut tx: Tx,
        here: Option<u64>,
        there: Option<u64>,
    ) -> Result<(), MirrorError> {
        let mut mirror = tx.lock_mirror(self.mirror.id).await?.ok_or(MirrorError::Lost)?;
        let progress = &mut mirror.progress;
        progress.here_seq = here.unwrap_or(progress.here_seq).max(progress.here_seq);
        progress.there_seq = there.unwrap_or(progress.there_seq).max(progress.there_seq);
        progress.behind_ms = progress.behind_ms.or(Some(self.hub.now()));
        tx.put_mirror(&mirror).await?;
        tx.commit().await?;
        self.mirror = mirror;
        Ok(())
    }

    /// The entries of items. Where ids are paths, a file may be where a folder was: that is another thing, and the entry
    /// of the one that went lets go of it.
    pub(super) async fn known_of(&self, tx: &mut Tx, items: &[&str]) -> Result<Vec<EntryRow>, MirrorError> {
        let found = tx.items(self.connection.id, items).await?;
        let folders: HashMap<&str, bool> = found
            .iter()
            .map(|item| (item.id.as_str(), item.kind == RemoteKind::Folder))
            .collect();
        let is_other = |row: &EntryRow| {
            let now = row.item.as_deref().and_then(|item| folders.get(item));
            now.is_some_and(|is_folder| *is_folder != row.is_folder)
        };
        let known = tx.entries_of_items(self.mirror.id, items).await?;
        let (others, same): (Vec<EntryRow>, Vec<EntryRow>) = known.into_iter().partition(is_other);
        if others.is_empty() {
            return Ok(same);
        }
        let dirty: Vec<(u64, u32)> = others.iter().map(|row| (row.entry, BELOW)).collect();
        let let_go: Vec<EntryRow> = others
            .into_iter()
            .map(|row| EntryRow { item: None, ..row })
            .collect();
        self.put_entries(tx, &let_go).await?;
        tx.mark_dirty(self.mirror.id, &dirty, self.now()).await?;
        Ok(same)
    }

    /// Those of entries that were marked before and have not been dealt with.
    async fn pending(&self, tx: &mut Tx, rows: &[EntryRow]) -> Result<BTreeSet<u64>, MirrorError> {
        let entries: Vec<u64> = rows.iter().map(|row| row.entry).collect();
        let dirty = tx.dirty(self.mirror.id, &entries).await?;
        Ok(dirty.into_iter().map(|row| row.entry).collect())
    }

    /// What has to be looked at besides an entry whose node changed. A folder that was in step and still is there needs
    /// nothing: what is in it moved with it. One that is still being dealt with may have been gone in between, and what was
    /// in it forgotten.
    async fn flags_here(&self, tx: &mut Tx, row: &EntryRow, is_pending: bool) -> Result<u32, MirrorError> {
        let Some(node) = row.node else { return Ok(0) };
        let is_live = self.is_live_here(tx, node).await?;
        Ok(match (is_live, row.has_base && !is_pending) {
            (true, true) => 0,
            (true, false) if row.is_folder => LIST_HERE | BELOW,
            (true, false) => 0,
            (false, _) => BELOW,
        })
    }

    async fn flags_there(&self, tx: &mut Tx, row: &EntryRow, is_pending: bool) -> Result<u32, MirrorError> {
        let Some(item) = &row.item else { return Ok(0) };
        let found = tx.item(self.connection.id, item).await?;
        let is_folder = found.as_ref().is_some_and(|item| item.kind == RemoteKind::Folder);
        let is_live = match found {
            Some(found) => self.is_live_there(tx, found).await?,
            None => false,
        };
        Ok(match (is_live, row.has_base && !is_pending) {
            (true, true) => 0,
            (true, false) if is_folder => LIST_THERE | BELOW,
            (true, false) => 0,
            (false, _) => BELOW,
        })
    }

    pub(super) async fn is_live_here(&self, tx: &mut Tx, node: NodeId) -> Result<bool, MirrorError> {
        let way = tx.way_up(node).await?;
        let below: Vec<_> = way
            .iter()
            .take_while(|step| step.id != self.mirror.node)
            .collect();
        Ok(below.len() < way.len() && below.iter().all(|step| !step.is_trashed && !step.is_detached))
    }

    async fn is_live_there(&self, tx: &mut Tx, item: RemoteItem) -> Result<bool, MirrorError> {
        let mut at = item;
        for _ in 0..DEEPEST {
            if at.is_trashed {
                return Ok(false);
            }
            let Some(parent) = at.parent else { return Ok(false) };
            if parent == self.mirror.item {
                return Ok(true);
            }
            match tx.item(self.connection.id, &parent).await? {
                Some(above) => at = above,
                None => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Gives entries to nodes in the mirror, and to the folders that they are in.
    pub(super) async fn enrol_nodes(&self, tx: &mut Tx, nodes: &[NodeId]) -> Result<(), MirrorError> {
        let mut wanted: BTreeSet<NodeId> = BTreeSet::new();
        for id in nodes {
            let way = tx.way_up(*id).await?;
            let below: Vec<_> = way
                .iter()
                .take_while(|step| step.id != self.mirror.node)
                .collect();
            let is_live =
                below.len() < way.len() && below.iter().all(|step| !step.is_trashed && !step.is_detached);
            if is_live {
                wanted.extend(below.iter().map(|step| step.id));
            }
        }
        let wanted: Vec<NodeId> = wanted.into_iter().collect();
        let known = tx.entries_of_nodes(self.mirror.id, &wanted).await?;
        let tied: BTreeSet<NodeId> = known.iter().filter_map(|row| row.node).collect();
        let untied: Vec<NodeId> = wanted.into_iter().filter(|id| !tied.contains(id)).collect();
        let nodes = tx.nodes(&untied).await?;
        let new = nodes.iter().map(|node| EntryRow {
            node: Some(node.id),
            is_folder: node.is_folder(),
            ..EntryRow::default()
        });
        self.add_entries(tx, new.collect(), LIST_HERE).await
    }

    /// The same for items.
    pub(super) async fn enrol_items(&self, tx: &mut Tx, items: &[&str]) -> Result<(), MirrorError> {
        let mut wanted: BTreeMap<String, RemoteItem> = BTreeMap::new();
        let mut folders: HashMap<String, Option<Vec<RemoteItem>>> = HashMap::new();
        for item in tx.items(self.connection.id, items).await? {
            let Some(parent) = item.parent.clone().filter(|_| !item.is_trashed) else {
                continue;
            };
            let way = match folders.get(&parent) {
                Some(way) => way.clone(),
                None => {
                    let way = self.way_there(tx, &parent).await?;
                    folders.insert(parent, way.clone());
                    way
                }
            };
            if let Some(way) = way {
                wanted.extend(way.into_iter().map(|folder| (folder.id.clone(), folder)));
                wanted.insert(item.id.clone(), item);
            }
        }
        let ids: Vec<&str> = wanted.keys().map(String::as_str).collect();
        let known = tx.entries_of_items(self.mirror.id, &ids).await?;
        for row in known {
            row.item.map(|item| wanted.remove(&item));
        }
        let new = wanted.into_values().map(|item| EntryRow {
            is_folder: item.kind == RemoteKind::Folder,
            item: Some(item.id),
            ..EntryRow::default()
        });
        self.add_entries(tx, new.collect(), LIST_THERE).await
    }

    /// The folders from one up to the mirror's own, that left out; `None` when it does not lie in the mirror.
    async fn way_there(&self, tx: &mut Tx, folder: &str) -> Result<Option<Vec<RemoteItem>>, MirrorError> {
        let mut way = Vec::new();
        let mut at = folder.to_owned();
        while at != self.mirror.item {
            let Some(above) = tx.item(self.connection.id, &at).await? else {
                return Ok(None);
            };
            if above.is_trashed || above.kind != RemoteKind::Folder || way.len() > DEEPEST {
                return Ok(None);
            }
            let Some(parent) = above.parent.clone() else {
                return Ok(None);
            };
            at = parent;
            way.push(above);
        }
        Ok(Some(way))
    }

    async fn add_entries(
        &self,
        tx: &mut Tx,
        mut rows: Vec<EntryRow>,
        of_folders: u32,
    ) -> Result<(), MirrorError> {
        if rows.is_empty() {
            return Ok(());
        }
        let first = tx.new_entries(self.mirror.id, rows.len() as u32).await?;
        let mut dirty = Vec::with_capacity(rows.len());
        for (number, row) in (first..).zip(&mut rows) {
            row.entry = number;
            dirty.push((number, if row.is_folder { of_folders } else { 0 }));
        }
        self.put_entries(tx, &rows).await?;
        Ok(tx.mark_dirty(self.mirror.id, &dirty, self.now()).await?)
    }

    /// Takes the next step in listing what is in folders that are new, or were gone. Answers whether there was one.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn expand(&self, due: &[DirtyRow]) -> Result<bool, MirrorError> {
        let mut is_any = false;
        for row in due.iter().filter(|row| row.flags != 0) {
            is_any = true;
            let mut tx = self.fenced().await?;
            let mut row = row.clone();
            let mark = if row.flags & LIST_HERE != 0 {
                (LIST_HERE, self.list_here(&mut tx, &row).await?)
            } else if row.flags & LIST_THERE != 0 {
                (LIST_THERE, self.list_there(&mut tx, &row).await?)
            } else {
                (BELOW, self.mark_below(&mut tx, &row).await?)
            };
            let (flag, mark) = mark;
            if mark.is_none() {
                row.flags &= !flag;
            }
            row.mark = mark;
            // Marked anew meanwhile, it begins again.
            tx.put_dirty(self.mirror.id, &row).await?;
            tx.commit().await?;
        }
        Ok(is_any)
    }

    async fn node_of(&self, tx: &mut Tx, entry: u64) -> Result<Option<NodeId>, MirrorError> {
        if entry == 0 {
            return Ok(Some(self.mirror.node));
        }
        let row = tx.entries(self.mirror.id, &[entry]).await?.pop();
        Ok(row.and_then(|row| row.node))
    }

    async fn item_of(&self, tx: &mut Tx, entry: u64) -> Result<Option<String>, MirrorError> {
        if entry == 0 {
            return Ok(Some(self.mirror.item.clone()));
        }
        let row = tx.entries(self.mirror.id, &[entry]).await?.pop();
        Ok(row.and_then(|row| row.item))
    }

    async fn list_here(&self, tx: &mut Tx, row: &DirtyRow) -> Result<Option<String>, MirrorError> {
        let Some(folder) = self.node_of(tx, row.entry).await? else {
            return Ok(None);
        };
        let children = tx.children_after(folder, row.mark.as_deref(), STEP).await?;
        let next = children.last().filter(|_| children.len() >= STEP as usize);
        let next = next.map(|node| node.name.to_string());
        let ids: Vec<NodeId> = children.iter().map(|node| node.id).collect();
        let known = tx.entries_of_nodes(self.mirror.id, &ids).await?;
        let tied: BTreeSet<NodeId> = known.iter().filter_map(|row| row.node).collect();
        let again: Vec<(u64, u32)> = known
            .iter()
            .map(|row| (row.entry, if row.is_folder { LIST_HERE } else { 0 }))
            .collect();
        tx.mark_dirty(self.mirror.id, &again, self.now()).await?;
        let new = children
            .iter()
            .filter(|node| !tied.contains(&node.id))
            .map(new_here);
        self.add_entries(tx, new.collect(), LIST_HERE).await?;
        Ok(next)
    }

    async fn list_there(&self, tx: &mut Tx, row: &DirtyRow) -> Result<Option<String>, MirrorError> {
        let Some(folder) = self.item_of(tx, row.entry).await? else {
            return Ok(None);
        };
        let after = row.mark.as_deref().map(unhex).unwrap_or_default();
        let (children, next) = tx
            .items_below((self.connection.id, &folder), &after, STEP)
            .await?;
        let live: Vec<&RemoteItem> = children.iter().filter(|item| !item.is_trashed).collect();
        let ids: Vec<&str> = live.iter().map(|item| item.id.as_str()).collect();
        let known = self.known_of(tx, &ids).await?;
        let tied: BTreeSet<&str> = known.iter().filter_map(|row| row.item.as_deref()).collect();
        let again: Vec<(u64, u32)> = known
            .iter()
            .map(|row| (row.entry, if row.is_folder { LIST_THERE } else { 0 }))
            .collect();
        tx.mark_dirty(self.mirror.id, &again, self.now()).await?;
        let new = live.iter().filter(|item| !tied.contains(item.id.as_str()));
        let new = new.map(|item| EntryRow {
            item: Some(item.id.clone()),
            is_folder: item.kind == RemoteKind::Folder,
            ..EntryRow::default()
        });
        self.add_entries(tx, new.collect(), LIST_THERE).await?;
        Ok(next.map(|next| hex(&next)))
    }

    async fn mark_below(&self, tx: &mut Tx, row: &DirtyRow) -> Result<Option<String>, MirrorError> {
        let after = row
            .mark
            .as_deref()
            .and_then(|mark| mark.parse().ok())
            .unwrap_or(0);
        let below = tx.entries_in((self.mirror.id, row.entry), after, STEP).await?;
        let next = below
            .last()
            .filter(|_| below.len() >= STEP as usize)
            .map(|row| row.entry.to_string());
        let dirty: Vec<(u64, u32)> = below
            .iter()
            .map(|row| (row.entry, if row.is_folder { BELOW } else { 0 }))
            .collect();
        tx.mark_dirty(self.mirror.id, &dirty, self.now()).await?;
        Ok(next)
    }
}

/// A folder that something is in at the provider.
struct Above {
    entry: Option<u64>,
    parent: Option<String>,
    /// It is in the trash, and we put it there not long ago.
    went_by_us: bool,
}

fn new_here(node: &Node) -> EntryRow {
    EntryRow {
        node: Some(node.id),
        is_folder: node.is_folder(),
        ..EntryRow::default()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
