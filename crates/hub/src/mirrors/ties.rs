//! What a mirror only writes down: what belongs together, what both sides agree on, what is gone, what a person has to
//! decide, and what is to be trashed.

use catalog::{DirtyRow, EntryContent, EntryRow, MirrorSide, Tx};
use connectors::{HashKind, Hashes};
use model::{ByteStream, Digest, Millis, MirrorState, RemoteItem};
use sync_plan::{Base, Clash, EntryId, Side, Step};

use super::calls::Call;
use super::contents::{other_than, same_as};
use super::desk::{MirrorDesk, MirrorError};
use super::here::{About, Deed, kind_of};
use super::intents::TOMB_SECS;
use super::late::{note_back, tomb, went_by_us};
use super::scene::{Loaded, Thing};
use crate::HubError;
use crate::conflicts::{self, NewConflict};
use crate::connections::{hash, hashes_of};

/// Deletes that need nobody's word: so many.
const FREE_DELETES: u64 = 20;
/// The same as a share of what is in step, in hundredths.
const FREE_SHARE: u64 = 10;
/// More than so many always need a person's word.
const MOST_DELETES: u64 = 1000;
/// The window in which deletes are counted, milliseconds.
const WINDOW_MS: i64 = 60 * 60 * 1000;
/// How long an entry waits whose step cannot be done for now, seconds; it doubles up to the longest.
const FIRST_PAUSE_SECS: i64 = 2;
const LONGEST_PAUSE_SECS: i64 = 6 * 60 * 60;

/// Whether deletes may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// There are none.
    Nothing,
    /// They may.
    Free,
    /// A person has to look at them first.
    Held,
}

impl MirrorDesk {
    /// Does the steps that only write something down. Answers the entries of those that did not fit any more.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn write_down(&self, loaded: &Loaded, steps: &[Step]) -> Result<(), MirrorError> {
        if steps.is_empty() {
            return Ok(());
        }
        let mut tx = self.fenced().await?;
        for step in steps {
            match step {
                Step::Agree { entry, base } => self.agree(&mut tx, loaded, (*entry, base)).await?,
                Step::Forget { entry } => self.forget(&mut tx, loaded, *entry).await?,
                Step::Link { here, there } => self.link(&mut tx, loaded, (*here, *there)).await?,
                Step::Retie {
                    entry,
                    newcomer,
                    side,
                } => {
                    self.retie(&mut tx, loaded, (*entry, *newcomer, *side)).await?;
                }
                Step::Ask { entry, clash } => self.ask(&mut tx, loaded, (*entry, *clash)).await?,
                _ => {}
            }
        }
        Ok(tx.commit().await?)
    }

    async fn agree(
        &self,
        tx: &mut Tx,
        loaded: &Loaded,
        (entry, base): (EntryId, &Base),
    ) -> Result<(), MirrorError> {
        let thing = loaded.things.get(&entry).ok_or(MirrorError::Changed)?;
        let mut row = thing.row.clone();
        row.has_base = true;
        row.is_folder = base.is_folder;
        row.parent = base.parent.map(|parent| parent.0);
        row.names = base
            .names
            .as_ref()
            .map(|(here, there)| (here.to_string(), there.to_string()));
        let states = &loaded.scene.entries[&entry];
        let content = |side| states.on(side).and_then(|state| state.kind.content());
        if base.content.is_none() {
            row.content = None;
        } else if content(Side::Here).is_some() && content(Side::Here) == content(Side::There) {
            row.content = both_have(thing);
        }
        self.settle_row(tx, row, About::Content).await
    }

    async fn forget(&self, tx: &mut Tx, loaded: &Loaded, entry: EntryId) -> Result<(), MirrorError> {
        if tx.intent(self.mirror.id, entry.0).await?.is_some() {
            return Ok(());
        }
        if let Some(node) = loaded.things.get(&entry).and_then(|thing| thing.node.as_ref()) {
            // Brought back meanwhile.
            let now = tx.node(node.id).await?;
            if now.is_some_and(|now| now.revision != node.revision) {
                return Ok(());
            }
        }
        let thing = loaded.things.get(&entry);
        if let Some(thing) = thing
            && let Some(item) = self.buried(thing)?
        {
            let call = Call::Restore { item };
            self.put_intent(tx, entry.0, &call).await?;
            let mut row = thing.row.clone();
            note_back(&mut row)?;
            return self.put_entries(tx, &[row]).await;
        }
        match thing {
            Some(thing) if let Some(until) = self.remembered(thing)? => {
                self.put_entries(tx, &[tomb(&thing.row, (self.now(), until))?])
                    .await?;
            }
            _ => tx.remove_entries(self.mirror.id, &[entry.0]).await?,
        }
        let dirty = tx.dirty(self.mirror.id, &[entry.0]).await?;
        let dirty: Vec<(u64, u64)> = dirty.iter().map(|row| (row.entry, row.generation)).collect();
        Ok(tx.clear_dirty(self.mirror.id, &dirty).await?)
    }

    /// A file that is in the trash there with a content that nobody here had seen when we meant to delete it.
    fn buried(&self, thing: &Thing) -> Result<Option<String>, MirrorError> {
        let (Some(item), Some(content)) = (&thing.item, &thing.row.content) else {
            return Ok(None);
        };
        let is_ours = went_by_us(&thing.row, self.now())?;
        let can_be_had = item.is_trashed && self.connector.abilities().restores;
        Ok((is_ours && can_be_had && item.revision != content.revision).then(|| item.id.clone()))
    }

    /// Until when something that is gone is remembered. Something may turn up in a folder that we trashed: then it is known
    /// whose doing that was, and what of that which is in it had been seen.
    fn remembered(&self, thing: &Thing) -> Result<Option<Millis>, MirrorError> {
        let now = self.now();
        if went_by_us(&thing.row, now)? {
            return Ok(thing.row.taint_until);
        }
        let is_seen = thing.item.is_some() && self.connector.abilities().restores;
        Ok(is_seen.then(|| now.plus_secs(TOMB_SECS)))
    }

    async fn link(
        &self,
        tx: &mut Tx,
        loaded: &Loaded,
        (here, there): (EntryId, EntryId),
    ) -> Result<(), MirrorError> {
        let ours = loaded.things.get(&here).ok_or(MirrorError::Changed)?;
        let theirs = loaded.things.get(&there).ok_or(MirrorError::Changed)?;
        for entry in [here, there] {
            if tx.intent(self.mirror.id, entry.0).await?.is_some() {
                return Ok(());
            }
        }
        let both = Thing {
            row: ours.row.clone(),
            node: ours.node.clone(),
            item: theirs.item.clone(),
        };
        let mut row = ours.row.clone();
        row.item.clone_from(&theirs.row.item);
        row.has_base = true;
        let states = (&loaded.scene.entries[&here], &loaded.scene.entries[&there]);
        if let (Some(ours), Some(theirs)) = (&states.0.here, &states.1.there) {
            row.parent = (ours.parent == theirs.parent).then_some(ours.parent.0);
            row.names = Some((ours.name.to_string(), theirs.name.to_string()));
            row.is_folder = ours.kind.content().is_none();
            if ours.kind.content().is_some() && ours.kind.content() == theirs.kind.content() {
                row.content = both_have(&both);
            }
        }
        self.take_over(tx, (row, theirs.row.entry)).await
    }

    async fn retie(
        &self,
        tx: &mut Tx,
        loaded: &Loaded,
        (entry, newcomer, side): (EntryId, EntryId, Side),
    ) -> Result<(), MirrorError> {
        let old = loaded.things.get(&entry).ok_or(MirrorError::Changed)?;
        let new = loaded.things.get(&newcomer).ok_or(MirrorError::Changed)?;
        for entry in [entry, newcomer] {
            if tx.intent(self.mirror.id, entry.0).await?.is_some() {
                return Ok(());
            }
        }
        let mut row = old.row.clone();
        match side {
            Side::Here => row.node = new.row.node,
            Side::There => row.item.clone_from(&new.row.item),
        }
        self.take_over(tx, (row, new.row.entry)).await
    }

    /// Writes `row` down in the place of itself and of the entry that ends; what lies below that one lies below it.
    pub(super) async fn take_over(
        &self,
        tx: &mut Tx,
        (row, ended): (EntryRow, u64),
    ) -> Result<(), MirrorError> {
        tx.remove_entries(self.mirror.id, &[ended]).await?;
        let dirty = tx.dirty(self.mirror.id, &[ended]).await?;
        let flags = dirty.iter().fold(0, |flags, row| flags | row.flags);
        let seen: Vec<(u64, u64)> = dirty.iter().map(|row| (row.entry, row.generation)).collect();
        tx.clear_dirty(self.mirror.id, &seen).await?;
        let mut after = 0;
        loop {
            let mut below = tx.entries_in((self.mirror.id, ended), after, 200).await?;
            let Some(last) = below.last().map(|row| row.entry) else {
                break;
            };
            after = last;
            for child in &mut below {
                child.parent = Some(row.entry);
            }
            self.put_entries(tx, &below).await?;
        }
        let entry = row.entry;
        self.settle_row(tx, row, About::Content).await?;
        Ok(tx
            .mark_dirty(self.mirror.id, &[(entry, flags)], self.now())
            .await?)
    }

    async fn ask(
        &self,
        tx: &mut Tx,
        loaded: &Loaded,
        (entry, clash): (EntryId, Clash),
    ) -> Result<(), MirrorError> {
        let thing = loaded.things.get(&entry).ok_or(MirrorError::Changed)?;
        let path = Deed { loaded, entry }.path();
        let states = &loaded.scene.entries[&entry];
        let conflict = NewConflict {
            mirror: &self.mirror,
            row: &thing.row,
            kind: kind_of(clash),
            path: &path,
            here: thing.node.as_ref().filter(|_| states.here.is_some()),
            there: thing.item.as_ref().filter(|_| states.there.is_some()),
            theirs: (None, None),
            copy: None,
            decided: None,
        };
        conflicts::record(tx, conflict, self.now()).await?;
        let mut row = thing.row.clone();
        row.is_parked = true;
        self.settle_row(tx, row, About::Question).await
    }

    /// Marks entries that are to be trashed: that waits until all else is done.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn wish_trash(
        &self,
        loaded: &Loaded,
        dirty: &[DirtyRow],
        steps: &[(EntryId, Side)],
    ) -> Result<usize, MirrorError> {
        if steps.is_empty() {
            return Ok(0);
        }
        let mut tx = self.fenced().await?;
        let wished: Vec<u64> = steps.iter().map(|(entry, _)| entry.0).collect();
        let marked = tx.dirty(self.mirror.id, &wished).await?;
        let mut new = 0;
        for (entry, side) in steps {
            let Some(row) = dirty.iter().find(|row| row.entry == entry.0) else {
                // It is not its turn; it comes when it is, if that is not so already.
                if !marked.iter().any(|row| row.entry == entry.0) {
                    tx.mark_dirty(self.mirror.id, &[(entry.0, 0)], self.now()).await?;
                    new += 1;
                }
                continue;
            };
            let mut row = row.clone();
            row.trash = Some(match side {
                Side::Here => MirrorSide::Here,
                Side::There => MirrorSide::There,
            });
            row.depth = depth(loaded, *entry, *side);
            tx.put_dirty(self.mirror.id, &row).await?;
            new += 1;
        }
        tx.commit().await?;
        Ok(new)
    }

    /// What is to be trashed, the deepest first, and whether that may be done.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn to_trash(&self, limit: u32) -> Result<(Guard, Vec<DirtyRow>), MirrorError> {
        let now = self.now();
        let mut tx = self.fenced().await?;
        let (unapproved, approved) = tx.count_to_trash(self.mirror.id).await?;
        if unapproved == 0 && approved == 0 {
            return Ok((Guard::Nothing, Vec::new()));
        }
        let tied = tx.count_entries(self.mirror.id).await?;
        let before = tx.note_trashed(self.mirror.id, (now, WINDOW_MS), 0).await?;
        let free = match self.mirror.most_deletes {
            Some(most) => u64::from(most),
            None => FREE_DELETES.max(tied * FREE_SHARE / 100).min(MOST_DELETES),
        };
        if unapproved > 0 && unapproved + before > free {
            if self.mirror.state != MirrorState::Held {
                let mut mirror = tx.lock_mirror(self.mirror.id).await?.ok_or(MirrorError::Lost)?;
                mirror.state = MirrorState::Held;
                mirror.reason = Some(format!(
                    "{unapproved} of {tied} things would be deleted; look at the plan and approve or reject that. \
                     Everything else goes on"
                ));
                tx.put_mirror(&mirror).await?;
                let detail = serde_json::json!({ "deletes": unapproved, "tied": tied }).to_string();
                tx.add_mirror_event(self.mirror.id, now, ("held", &detail))
                    .await?;
            }
            let rows = tx.to_trash(self.mirror.id, now, limit).await?;
            tx.commit().await?;
            let approved = rows.into_iter().filter(|row| row.is_approved).collect();
            return Ok((Guard::Held, approved));
        }
        if unapproved > 0 {
            tx.note_trashed(self.mirror.id, (now, WINDOW_MS), unapproved)
                .await?;
            // What was let go stays let go, however often it has to be tried.
            tx.approve_trash(self.mirror.id).await?;
        }
        let rows = tx.to_trash(self.mirror.id, now, limit).await?;
        tx.commit().await?;
        Ok((Guard::Free, rows))
    }

    /// Entries that wait for others are looked at again, unless they are about to be anyway.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn remind(&self, entries: &[u64]) -> Result<(), MirrorError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut tx = self.fenced().await?;
        let known = tx.dirty(self.mirror.id, entries).await?;
        let new = entries
            .iter()
            .filter(|entry| !known.iter().any(|row| row.entry == **entry));
        let new: Vec<(u64, u32)> = new.map(|entry| (*entry, 0)).collect();
        tx.mark_dirty(self.mirror.id, &new, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Has entries looked at again at once.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn again(&self, entries: &[u64]) -> Result<(), MirrorError> {
        let dirty: Vec<(u64, u32)> = entries.iter().map(|entry| (*entry, 0)).collect();
        let mut tx = self.fenced().await?;
        tx.mark_dirty(self.mirror.id, &dirty, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Has an entry wait: its step could not be done, and `reason` says why, or another has to be done before.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn put_off(
        &self,
        dirty: &DirtyRow,
        reason: Option<&str>,
        is_lasting: bool,
    ) -> Result<(), MirrorError> {
        let now = self.now();
        let mut tx = self.fenced().await?;
        let row = tx.entries(self.mirror.id, &[dirty.entry]).await?.pop();
        let mut pause = FIRST_PAUSE_SECS;
        if let Some(mut row) = row {
            pause = FIRST_PAUSE_SECS << row.attempts.min(14);
            row.attempts = row.attempts.saturating_add(1);
            row.error = reason.map(ToOwned::to_owned).or(row.error);
            self.put_entries(&mut tx, &[row]).await?;
        }
        let pause = if is_lasting {
            LONGEST_PAUSE_SECS
        } else {
            pause.min(LONGEST_PAUSE_SECS)
        };
        let waiting = DirtyRow {
            next_ms: Some(now.plus_secs(pause)),
            ..dirty.clone()
        };
        tx.put_dirty(self.mirror.id, &waiting).await?;
        Ok(tx.commit().await?)
    }

    /// Writes down with an entry why it is not brought to the other side; `None`: nothing hinders it any more.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn note_blocked(&self, entry: u64, reason: Option<&str>) -> Result<(), MirrorError> {
        let mut tx = self.fenced().await?;
        let row = tx.entries(self.mirror.id, &[entry]).await?.pop();
        if let Some(mut row) = row.filter(|row| row.error.as_deref() != reason) {
            row.error = reason.map(ToOwned::to_owned);
            self.put_entries(&mut tx, &[row]).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Finds out whether a content here and one there are the same, and writes that down. `body`: theirs, when no hash
    /// of it is known that ours could have.
    ///
    /// # Errors
    /// `Changed` when ours is not there any more; the hub's.
    pub async fn compare(
        &self,
        (ours, theirs): (&Thing, &Thing),
        body: Option<ByteStream>,
    ) -> Result<(), MirrorError> {
        let node = ours.node.as_ref().ok_or(MirrorError::Changed)?;
        let version = node.version.as_ref().ok_or(MirrorError::Changed)?;
        let item = theirs.item.as_ref().ok_or(MirrorError::Changed)?;
        let known = self.hashes_here(node.id, version.number).await?;
        let digest = model::Digest(known.sha256.ok_or(MirrorError::Changed)?);
        let mut texts: Vec<(String, String)> = HashKind::ALL
            .into_iter()
            .filter(|kind| *kind != HashKind::Sha256)
            .filter_map(|kind| Some((kind.as_str().to_owned(), known.text(kind)?)))
            .collect();
        if let Some(body) = body {
            texts.push(told_apart(body, digest, item).await?);
        }
        let texts: Vec<(&str, &str)> = texts
            .iter()
            .map(|(kind, text)| (kind.as_str(), text.as_str()))
            .collect();
        let mut tx = self.fenced().await?;
        tx.put_content_hashes(&digest, &texts).await?;
        let entries = [(ours.row.entry, 0), (theirs.row.entry, 0)];
        tx.mark_dirty(self.mirror.id, &entries, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Finds out whether a content there is still the one that was agreed on, and writes that down.
    ///
    /// # Errors
    /// `Changed` when nothing was agreed on; the hub's.
    pub async fn compare_agreed(&self, theirs: &Thing, body: ByteStream) -> Result<(), MirrorError> {
        let item = theirs.item.as_ref().ok_or(MirrorError::Changed)?;
        let agreed = theirs.row.content.as_ref().and_then(|content| content.digest);
        let agreed = agreed.ok_or(MirrorError::Changed)?;
        let (kind, revision) = told_apart(body, agreed, item).await?;
        let mut tx = self.fenced().await?;
        tx.put_content_hashes(&agreed, &[(&kind, &revision)]).await?;
        Ok(tx.commit().await?)
    }

    /// Whether their content has a hash of a kind that ours could have too.
    pub fn can_compare(theirs: &Thing) -> bool {
        theirs
            .item
            .as_ref()
            .is_some_and(|item| !hashes_of(&item.hashes).kinds().is_empty())
    }

    pub(super) async fn hashes_here(&self, node: model::NodeId, version: u64) -> Result<Hashes, MirrorError> {
        let download = self.hub.open_file(&self.actor, node, Some(version)).await?;
        Ok(self.hub.hashes_of_content(&download).await?)
    }
}

/// How it is written down with a content of ours whether that of an item, which is read, is the same.
async fn told_apart(
    body: ByteStream,
    ours: Digest,
    item: &RemoteItem,
) -> Result<(String, String), MirrorError> {
    let read = hash(body, &[HashKind::Sha256]).await.map_err(HubError::Body)?;
    let kind = match read.sha256 == Some(ours.0) {
        true => same_as(&item.id),
        false => other_than(&item.id),
    };
    Ok((kind, item.revision.clone().unwrap_or_default()))
}

/// The content that both sides have now.
fn both_have(thing: &Thing) -> Option<EntryContent> {
    let version = thing.node.as_ref()?.version.as_ref()?;
    let item = thing.item.as_ref()?;
    Some(EntryContent {
        version: version.number,
        digest: version.digest,
        size_bytes: version.size_bytes,
        revision: item.revision.clone(),
        there_bytes: item.size_bytes,
        there_hashes: item.hashes.clone(),
    })
}

fn depth(loaded: &Loaded, entry: EntryId, side: Side) -> u32 {
    let mut depth = 0;
    let mut at = entry;
    while at != EntryId::ROOT && depth < 1000 {
        let Some(state) = loaded.scene.entries.get(&at).and_then(|entry| entry.on(side)) else {
            break;
        };
        at = state.parent;
        depth += 1;
    }
    depth
}
