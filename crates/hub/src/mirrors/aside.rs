//! What a mirror finds or keeps besides its plan: items that its feed has not told of yet, contents that would be lost.

use std::collections::BTreeMap;

use catalog::{EntryContent, EntryRow, Tx};
use connectors::{HashKind, Hashes, RemoteError};
use model::{
    ConflictKind, ConflictPolicy, Guard, Node, NodeId, NodeName, OnConflict, Origin, RemoteItem, RemoteKind,
};
use sync_plan::EntryId;

use super::calls::{Intent, Sent};
use super::desk::{MirrorDesk, MirrorError};
use super::here::{About, Deed, Handle};
use super::scene::{Loaded, Thing};
use crate::conflicts::{self, NewConflict};
use crate::connections::hashes_of;
use crate::staging::Staged;
use crate::uploads::{More, Upload, UploadPlace};
use crate::{FolderRef, HubError, nodes, trash};

/// Items that one look takes in.
const STEP: u32 = 200;
/// Versions of a file that a late write of it may have been of.
const LATER: u32 = 10;

impl MirrorDesk {
    /// Writes down with the connection what does not work there.
    pub async fn note_trouble(&self, error: &RemoteError) {
        self.hub.note_trouble(self.connection.id, error).await;
    }

    /// The item of a folder in a scene.
    pub fn folder_there(&self, loaded: &Loaded, folder: EntryId) -> Option<String> {
        if folder == EntryId::ROOT {
            return Some(self.mirror.item.clone());
        }
        loaded.things.get(&folder)?.row.item.clone()
    }

    /// Takes in items that the provider told of besides its feed.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn take_in(&self, items: &[RemoteItem]) -> Result<(), MirrorError> {
        if items.is_empty() {
            return Ok(());
        }
        let mut tx = self.fenced().await?;
        self.put_items(&mut tx, items).await?;
        let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
        let known = self.known_of(&mut tx, &ids).await?;
        let dirty: Vec<(u64, u32)> = known.iter().map(|row| (row.entry, 0)).collect();
        tx.mark_dirty(self.mirror.id, &dirty, self.now()).await?;
        self.enrol_items(&mut tx, &ids).await?;
        Ok(tx.commit().await?)
    }

    /// Whether an item belongs to nothing here yet.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn is_free(&self, item: &str) -> Result<bool, MirrorError> {
        let mut tx = self.hub.read().await?;
        let known = tx.entries_of_items(self.mirror.id, &[item]).await?;
        Ok(known.iter().all(|row| !row.has_base && row.node.is_none()))
    }

    /// Files in a folder there that were in the trash when they were last seen.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn trashed_in(&self, folder: &str) -> Result<Vec<String>, MirrorError> {
        let (mut found, mut after) = (Vec::new(), Vec::new());
        let mut tx = self.hub.read().await?;
        loop {
            let below = (self.connection.id, folder);
            let (items, next) = tx.items_below(below, &after, STEP).await?;
            let trashed = items.into_iter().filter(|item| item.is_trashed);
            found.extend(trashed.map(|item| item.id));
            match next {
                Some(next) => after = next,
                None => return Ok(found),
            }
        }
    }

    /// Ties what is in a folder that moved, where ids are paths, to what its entries were before. Answers the folders
    /// among it, with their entries.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn follow(&self, folder: u64, items: &[RemoteItem]) -> Result<Vec<(u64, String)>, MirrorError> {
        let mut tx = self.fenced().await?;
        self.put_items(&mut tx, items).await?;
        let mut by_name = BTreeMap::new();
        let mut after = 0;
        loop {
            let rows = tx.entries_in((self.mirror.id, folder), after, 200).await?;
            let Some(last) = rows.last() else { break };
            after = last.entry;
            for row in rows {
                if let Some((_, there)) = &row.names {
                    by_name.insert(there.clone(), row);
                }
            }
        }
        let (mut folders, mut rows, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            let Some(mut row) = by_name.remove(&item.name) else {
                continue;
            };
            if item.kind == RemoteKind::Folder {
                folders.push((row.entry, item.id.clone()));
            }
            let old = row.item.replace(item.id.clone()).filter(|old| *old != item.id);
            if let Some(old) = old {
                if let Some(before) = tx.item(self.connection.id, &old).await? {
                    self.carry_content(&mut row, (&before, item), false);
                }
                gone.push(old);
            }
            rows.push(row);
        }
        let dirty: Vec<(u64, u32)> = rows.iter().map(|row| (row.entry, 0)).collect();
        for row in rows {
            self.settle_alone(&mut tx, row).await?;
        }
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        tx.remove_items(self.connection.id, &gone).await?;
        tx.mark_dirty(self.mirror.id, &dirty, self.now()).await?;
        let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
        self.enrol_items(&mut tx, &ids).await?;
        tx.commit().await?;
        Ok(folders)
    }

    /// A trashed item is not there any more.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn gone(&self, intent: &Intent, item: &str) -> Result<(), MirrorError> {
        let mut tx = self.fenced().await?;
        tx.remove_items(self.connection.id, &[item]).await?;
        tx.remove_intent(self.mirror.id, intent.entry).await?;
        let row = tx.entries(self.mirror.id, &[intent.entry]).await?.pop();
        if let Some(mut row) = row {
            agree_on_nothing(&mut row);
            self.put_entries(&mut tx, &[row]).await?;
        }
        tx.mark_dirty(self.mirror.id, &[(intent.entry, 0)], self.now())
            .await?;
        Ok(tx.commit().await?)
    }

    /// Whether an item has a content of ours, as far as its hashes tell; those of ours that are missing are found by
    /// reading it.
    ///
    /// # Errors
    /// The hub's.
    pub async fn has_content(&self, item: &RemoteItem, sent: &Sent) -> Result<bool, MirrorError> {
        self.hashes_fit(&hashes_of(&item.hashes), item.size_bytes, sent)
            .await
    }

    async fn hashes_fit(
        &self,
        theirs: &Hashes,
        size_bytes: Option<u64>,
        sent: &Sent,
    ) -> Result<bool, MirrorError> {
        if size_bytes.is_some_and(|size| size != sent.size_bytes) {
            return Ok(false);
        }
        let told = sent
            .sha256
            .as_deref()
            .and_then(|text| text.parse::<model::Digest>().ok());
        let ours = Hashes {
            sha256: told.map(|digest| digest.0),
            ..Hashes::default()
        };
        if let Some(fits) = ours.agrees(theirs) {
            return Ok(fits);
        }
        if theirs.kinds().iter().all(|kind| *kind == HashKind::Sha256) {
            // Nothing tells them apart: it counts as another, and both are kept.
            return Ok(false);
        }
        // Where a file came in the place of another, that number may be another content's.
        let stored = self.hub.read().await?.version(sent.node, sent.version).await?;
        let stored = stored.as_ref().map(Sent::from).ok_or(MirrorError::Changed)?;
        let is_another = stored.sha256.is_some() && sent.sha256.is_some() && stored.sha256 != sent.sha256;
        if is_another {
            return Err(MirrorError::Changed);
        }
        let ours = self.hashes_here(sent.node, sent.version).await?;
        Ok(ours.agrees(theirs) == Some(true))
    }

    /// Whether a content there is one of ours: the one of a call, one of those that may still come to be there, or one that
    /// the file had here since.
    ///
    /// # Errors
    /// `Changed` when what was sent is gone here by now; the hub's.
    pub async fn is_ours(
        &self,
        (theirs, size_bytes): (&Hashes, Option<u64>),
        (sent, late): (&Sent, &[Sent]),
    ) -> Result<bool, MirrorError> {
        let versions = self.hub.read().await?.versions(sent.node, None, LATER).await?;
        // The numbers are those of another file where this one came in its place.
        let since = versions.iter().map(Sent::from).take_while(|later| later != sent);
        let mut is_gone = false;
        for ours in [sent.clone()]
            .into_iter()
            .chain(late.iter().cloned())
            .chain(since)
        {
            match self.hashes_fit(theirs, size_bytes, &ours).await {
                Ok(false) => {}
                Err(MirrorError::Changed) => is_gone = true,
                told => return told,
            }
        }
        match is_gone {
            true => Err(MirrorError::Changed),
            false => Ok(false),
        }
    }

    /// Lets a file here go from the mirror: it stays, and has nothing to do with anything there any more.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn let_go(&self, deed: Deed<'_>) -> Result<(), MirrorError> {
        let mut row = deed.thing()?.row.clone();
        row.item = None;
        agree_on_nothing(&mut row);
        let mut tx = self.fenced().await?;
        self.settle_row(&mut tx, row, About::Content).await?;
        Ok(tx.commit().await?)
    }

    /// Keeps a content of theirs that is about to be trashed as a version of the file here, which is in the trash.
    ///
    /// # Errors
    /// `Changed` when the file here is not as it was.
    pub async fn keep_in_trash(&self, deed: Deed<'_>, staged: Staged) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let root = FolderRef::Id(self.mirror.node);
        let name = super::here::node_name(&format!("{}{}", super::here::TEMPORARY, thing.row.entry))?;
        let back = self
            .out_of_trash(thing.node.as_ref(), (root, name.clone()))
            .await?;
        let (place, guard) = match back {
            Some(node) => (UploadPlace::Over(node.id), Guard::Matches(vec![node.etag()])),
            None => (UploadPlace::In { folder: root, name }, Guard::None),
        };
        let upload = Upload {
            place,
            on_conflict: OnConflict::NewVersion,
            guard,
            media_type: thing
                .item
                .as_ref()
                .and_then(|item| item.media_type.clone())
                .unwrap_or_else(|| "application/octet-stream".to_owned()),
            origin: Origin::Mirror(self.mirror.id),
            is_tracked: false,
        };
        let (actor, now, desk) = (self.actor.clone(), self.now(), self.handle());
        let thing = thing.clone();
        let more: More = Box::new(move |tx, (_, after)| {
            Box::pin(async move {
                desk.check(tx).await?;
                nodes::trash_node(tx, &actor, (after.id, &Guard::None), now).await?;
                // It is kept: from now on it is deleted here and untouched there.
                let mut row = thing.row.clone();
                row.node = Some(after.id);
                row.content = Some(content_of(&after, &thing)?);
                row.has_base = true;
                desk.settle(tx, row, About::Content).await
            })
        });
        self.hub
            .finish_upload_with(&self.actor, upload, staged, Some(more))
            .await?;
        Ok(())
    }

    /// Brings a file back from the trash for a moment; `None` when it is not there by itself, such as one that never was
    /// here, went with its folder, or was moved elsewhere.
    async fn out_of_trash(
        &self,
        node: Option<&Node>,
        (folder, name): (FolderRef, NodeName),
    ) -> Result<Option<Node>, MirrorError> {
        let Some(node) = node else {
            return Ok(None);
        };
        let mut tx = self.fenced().await?;
        let back = (node.id, Some(folder), Some(name));
        match trash::restore_node(&mut tx, &self.actor, back, self.now()).await {
            Ok(_) => {
                tx.commit().await?;
                Ok(Some(node.clone()))
            }
            Err(HubError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps a content of somebody else that a call of ours about an entry replaced or trashed unseen as a file beside, and
    /// records that. `item` and `revision`: what had it there.
    ///
    /// # Errors
    /// The hub's.
    pub async fn rescued(
        &self,
        entry: u64,
        (item, revision): (&str, Option<&str>),
        staged: Staged,
        author: Option<&str>,
    ) -> Result<(), MirrorError> {
        let mut tx = self.hub.read().await?;
        let row = tx
            .entries(self.mirror.id, &[entry])
            .await?
            .pop()
            .ok_or(MirrorError::Changed)?;
        let node = match row.node {
            Some(node) => tx.node(node).await?,
            None => None,
        };
        let item = tx.item(self.connection.id, item).await?;
        // Beside a file that left the mirror it would be nowhere there.
        let folder = match node.as_ref().and_then(|node| node.parent) {
            Some(folder) if self.is_live_here(&mut tx, folder).await? => folder,
            _ => self.mirror.node,
        };
        drop(tx);
        let name = item.as_ref().map_or("file", |item| item.name.as_str());
        let name = super::here::node_name(&beside(&self.limits.names().here(name)))?;
        let upload = Upload {
            place: UploadPlace::In {
                folder: FolderRef::Id(folder),
                name: name.clone(),
            },
            on_conflict: OnConflict::KeepBoth,
            guard: Guard::None,
            media_type: item
                .as_ref()
                .and_then(|item| item.media_type.clone())
                .unwrap_or_else(|| "application/octet-stream".to_owned()),
            origin: Origin::Mirror(self.mirror.id),
            is_tracked: false,
        };
        let (mirror, now) = (self.mirror.clone(), self.now());
        let (revision, author) = (revision.map(ToOwned::to_owned), author.map(ToOwned::to_owned));
        let handle = self.handle();
        let more: More = Box::new(move |tx, (_, copy)| {
            Box::pin(async move {
                handle.check(tx).await?;
                let theirs = item.map(|item| RemoteItem {
                    revision,
                    size_bytes: copy.version.as_ref().map(|version| version.size_bytes),
                    hashes: Vec::new(),
                    ..item
                });
                let conflict = NewConflict {
                    mirror: &mirror,
                    row: &row,
                    kind: ConflictKind::Overwrote,
                    path: copy.name.as_str(),
                    here: node.as_ref(),
                    there: theirs.as_ref(),
                    theirs: (None, author.as_deref()),
                    copy: Some(copy.id),
                    decided: Some((ConflictPolicy::KeepBoth, None)),
                };
                // Rescued before: once is enough.
                match conflicts::record(tx, conflict, now).await? {
                    Some(_) => Ok(()),
                    None => Err(HubError::Stale),
                }
            })
        });
        match self
            .hub
            .finish_upload_with(&self.actor, upload, staged, Some(more))
            .await
        {
            Ok(_) | Err(HubError::Stale) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What was deleted on both sides. Should somebody have brought it back meanwhile, on either, that is news from there, and
/// not that it was deleted on the other.
pub(super) fn agree_on_nothing(row: &mut EntryRow) {
    row.has_base = false;
    row.parent = None;
    row.names = None;
    row.content = None;
}

/// The name of a file beside one, for what was brought back.
fn beside(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 10 => {
            format!("{} (brought back).{extension}", cut(stem))
        }
        _ => format!("{} (brought back)", cut(name)),
    }
}

fn cut(stem: &str) -> &str {
    let mut end = stem.len().min(200);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    &stem[..end]
}

/// What both sides have, once ours is a copy of theirs.
pub(super) fn content_of(node: &Node, thing: &Thing) -> Result<EntryContent, HubError> {
    let version = node.version.as_ref().ok_or(HubError::Stale)?;
    let item = thing.item.as_ref();
    Ok(EntryContent {
        version: version.number,
        digest: version.digest,
        size_bytes: version.size_bytes,
        revision: item.and_then(|item| item.revision.clone()),
        there_bytes: item.and_then(|item| item.size_bytes),
        there_hashes: item.map(|item| item.hashes.clone()).unwrap_or_default(),
    })
}

impl Handle {
    /// Refuses to put something where it is in the mirror no more: its folder left it meanwhile, and whoever took that out
    /// never saw what would be in it.
    pub(super) async fn expect_inside(&self, tx: &mut Tx, node: NodeId) -> Result<(), HubError> {
        let way = tx.way_up(node).await?;
        let below = way.iter().take_while(|step| step.id != self.mirror.node);
        let is_inside = way.iter().any(|step| step.id == self.mirror.node);
        match is_inside && below.into_iter().all(|step| !step.is_trashed) {
            true => Ok(()),
            false => Err(HubError::Stale),
        }
    }

    /// Refuses to write into a file that was moved meanwhile, or went out of the mirror with its folder: there it would
    /// count as agreed, and what is to become of it is planned anew.
    pub(super) async fn expect_place(
        &self,
        tx: &mut Tx,
        thing: &Thing,
        now: Option<&Node>,
    ) -> Result<(), HubError> {
        let (Some(now), Some(known)) = (now, &thing.node) else {
            return Err(HubError::Stale);
        };
        let way = tx.way_up(now.id).await?;
        let is_inside = way.iter().any(|step| step.id == self.mirror.node);
        match now.revision == known.revision && now.parent == known.parent && is_inside {
            true => Ok(()),
            false => Err(HubError::Stale),
        }
    }
}
