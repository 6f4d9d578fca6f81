//! Making copies, and bringing them to where their originals are now.

use connectors::{Item, ItemId, Relocate, RemoteError, Target, Written};
use model::{MigrationCopy, MigrationItem, MigrationItemState};

use super::Sides;
use super::content::{Original, Session, read_hashes};
use super::names::{VARIANTS, is_name_of, variant};
use super::occupied::Taken;
use super::trouble::{Side, Trouble};
use crate::Hub;
use crate::connections::{hashes_of, texts_of};

/// One item on its way.
pub(super) struct Carrier<'a> {
    pub hub: &'a Hub,
    pub sides: &'a Sides,
    /// The folder that it goes to.
    pub parent: String,
    /// That folder was at the target before, with whatever was in it.
    pub parent_was_there: bool,
    /// What it is to be called.
    pub called: String,
    /// What is sent; `None` of folders.
    pub original: Option<Original>,
    pub session: &'a Session,
}

impl Carrier<'_> {
    /// Makes a copy. Answers false when something is in its way, which is written down with the item.
    pub(super) async fn create(&self, item: &mut MigrationItem) -> Result<bool, Trouble> {
        let rules = &self.sides.target.abilities().names;
        let mut number = 1;
        while number <= VARIANTS {
            let called = self.numbered(number);
            if rules.check(&called).is_err() {
                break;
            }
            let was_tried = self.intend(item, &called).await?;
            let taken = match self.there_before(&called).await? {
                Some(there) => self.taken_by(item, (there, was_tried)).await?,
                None => match self.make(item, &called).await {
                    Ok(written) => {
                        self.record(item, &written.item, false);
                        item.copy.is_rewritten = written.is_rewritten;
                        self.note_name(item, &called);
                        return Ok(true);
                    }
                    Err(RemoteError::Exists) => self.occupied(item, (&called, was_tried)).await?,
                    Err(error) => return Err(Trouble::to_side(error)),
                },
            };
            match taken {
                Taken::Ours => {
                    self.note_name(item, &called);
                    return Ok(true);
                }
                Taken::Conflict => return Ok(false),
                Taken::Freed => {}
                Taken::Other => number += 1,
            }
        }
        Ok(self.conflict(item, "too many things at the target have its name"))
    }

    async fn make(&self, item: &MigrationItem, called: &str) -> Result<Written, RemoteError> {
        let target = &self.sides.target;
        let parent = ItemId(self.parent.clone());
        let id = item.given_id.clone().map(ItemId);
        match &self.original {
            Some(original) => {
                let place = Target::Create {
                    parent: &parent,
                    name: called,
                    id: id.as_ref(),
                };
                target.upload(self.upload(place, original)).await
            }
            None => Ok(Written {
                item: target.make_folder(&parent, called, id.as_ref()).await?,
                overwrote: Vec::new(),
                is_rewritten: false,
            }),
        }
    }

    /// Writes down where a copy is about to be made. Answers whether that was so before: then what is there may be ours.
    async fn intend(&self, item: &mut MigrationItem, called: &str) -> Result<bool, Trouble> {
        let copy = &mut item.copy;
        if copy.parent.as_deref() == Some(&self.parent) && copy.name.as_deref() == Some(called) {
            return Ok(true);
        }
        copy.parent = Some(self.parent.clone());
        copy.name = Some(called.to_owned());
        let mut put = item.clone();
        put.session = self.session.sealed();
        let mut tx = self.hub.write().await?;
        tx.put_migration_items(self.sides.id, &[put]).await?;
        tx.commit().await?;
        Ok(false)
    }

    /// What was at the target before, in a folder that was, where two may have one name: there nothing refuses a second.
    async fn there_before(&self, called: &str) -> Result<Option<Item>, Trouble> {
        if !self.parent_was_there || !self.sides.target.abilities().has_duplicates {
            return Ok(None);
        }
        let mut tx = self.hub.read().await?;
        let place = (self.sides.to.id, self.parent.as_str());
        let known = tx.items_named(place, &[called]).await?;
        drop(tx);
        for known in known.into_iter().filter(|known| known.name == called) {
            let mut tx = self.hub.read().await?;
            let copy_of = tx.migration_item_of_copy(self.sides.id, &known.id).await?;
            drop(tx);
            if copy_of.is_some() {
                continue;
            }
            let there = self.hub.copy_now(self.sides, &known.id).await?;
            if let Some(there) = there.filter(|there| there.name == called) {
                return Ok(Some(there));
            }
        }
        Ok(None)
    }

    /// Brings a copy to its place. Answers false when that cannot be, which is written down with the item.
    pub(super) async fn place(&self, item: &mut MigrationItem) -> Result<bool, Trouble> {
        if self.is_in_place(item) == (true, true) {
            return Ok(true);
        }
        let _moving = self.sides.moving.lock().await;
        // Somebody who was before us may have moved it out of their way.
        let mut tx = self.hub.read().await?;
        if let Some(now) = tx.migration_item(self.sides.id, &item.source).await? {
            item.copy = now.copy;
        }
        drop(tx);
        if let Some(there) = self.hub.came_along(self.sides, item, &self.parent).await? {
            let is_ours = self.is_as_written(item, &there);
            moved(item, &there, is_ours);
            self.settle(item, &there.name);
        }
        let (is_below, is_called) = self.is_in_place(item);
        if is_below && is_called {
            return Ok(true);
        }
        let rules = &self.sides.target.abilities().names;
        let id = ItemId(item.copy.id.clone().unwrap_or_default());
        let before = self.hub.copy_now(self.sides, &id.0).await?;
        let is_ours = before.is_some_and(|before| self.is_as_written(item, &before));
        let parent = ItemId(self.parent.clone());
        let mut number = 1;
        while number <= VARIANTS {
            let called = self.numbered(number);
            if rules.check(&called).is_err() {
                break;
            }
            let relocate = Relocate {
                parent: (!is_below).then_some(&parent),
                name: Some(&called),
                expected: None,
            };
            let taken = match self.sides.target.relocate(&id, relocate).await {
                Ok(there) => {
                    moved(item, &there, is_ours);
                    self.settle(item, &called);
                    return Ok(true);
                }
                Err(RemoteError::Exists) => self.occupied(item, (&called, false)).await?,
                Err(RemoteError::NotFound) => return self.place_found(item, &called).await,
                Err(error) => return Err(Trouble::to_side(error)),
            };
            match taken {
                Taken::Ours => return Ok(true),
                Taken::Conflict => return Ok(false),
                Taken::Freed => {}
                Taken::Other => number += 1,
            }
        }
        Ok(self.conflict(item, "too many things at the target have its name"))
    }

    /// Whether a copy is in the folder where it belongs, and whether it is called as it should be.
    fn is_in_place(&self, item: &MigrationItem) -> (bool, bool) {
        let copy = &item.copy;
        let is_below = copy.parent.as_deref() == Some(&self.parent);
        let is_called = copy
            .name
            .as_deref()
            .is_some_and(|name| is_name_of(name, &self.called));
        (is_below, is_called)
    }

    /// The copy is not where it was: an earlier try may have moved it, where ids are paths.
    async fn place_found(&self, item: &mut MigrationItem, called: &str) -> Result<bool, Trouble> {
        let parent = ItemId(self.parent.clone());
        let target = (&self.sides.to, self.sides.target.as_ref());
        let there = self.hub.find_child(Side::To, target, (&parent, called)).await?;
        if let Some(there) = there {
            let is_it = match &self.original {
                None => there.is_folder(),
                Some(original) => self.is_same(original, &there).await?,
            };
            if is_it {
                moved(item, &there, true);
                self.settle(item, called);
                return Ok(true);
            }
        }
        Ok(self.conflict(item, "its copy was removed or moved at the target"))
    }

    fn settle(&self, item: &mut MigrationItem, called: &str) {
        item.copy.parent = Some(self.parent.clone());
        item.copy.name = Some(called.to_owned());
        self.note_name(item, called);
    }

    fn note_name(&self, item: &mut MigrationItem, called: &str) {
        if called != self.called {
            item.note = Some(format!(
                "it is called `{called}` at the target, since something else has its name"
            ));
        }
    }

    fn numbered(&self, number: u32) -> String {
        match number {
            1 => self.called.clone(),
            number => variant(&self.called, number),
        }
    }

    /// Writes down with an item what its copy is.
    pub(super) fn record(&self, item: &mut MigrationItem, there: &Item, was_there: bool) {
        let original = self.original.as_ref();
        let sent = original.and_then(Original::sent);
        item.copy = MigrationCopy {
            id: Some(there.id.0.clone()),
            parent: Some(self.parent.clone()),
            name: item.copy.name.clone().or_else(|| Some(there.name.clone())),
            revision: there.revision.as_ref().map(|revision| revision.0.clone()),
            hashes: texts_of(&there.hashes),
            of_revision: original.and_then(|original| mark_of(&original.item)),
            of_hashes: original.map_or_else(Vec::new, |original| texts_of(&original.item.hashes)),
            size_bytes: original.and_then(|original| original.item.size_bytes),
            sent_hashes: sent.map_or_else(Vec::new, |sent| texts_of(&sent)),
            was_there,
            is_rewritten: false,
        };
        item.proof = None;
        item.proven_ms = None;
    }

    /// Whether a copy is as it was written. A folder always is.
    pub(super) fn is_as_written(&self, item: &MigrationItem, there: &Item) -> bool {
        is_as_written(&item.copy, there)
    }

    /// Whether something at the target has the content that is to be sent.
    pub(super) async fn is_same(&self, original: &Original, there: &Item) -> Result<bool, Trouble> {
        use connectors::Source as _;
        if !there.is_file() || there.size_bytes.is_some_and(|size| size != original.size_bytes()) {
            return Ok(false);
        }
        if !original.is_export
            && let Some(agree) = original.item.hashes.agrees(&there.hashes)
        {
            return Ok(agree);
        }
        let ours = original.hashes().await?;
        if let Some(agree) = ours.agrees(&there.hashes) {
            return Ok(agree);
        }
        let theirs = read_hashes(&self.sides.target, there).await;
        Ok(ours.agrees(&theirs.map_err(Trouble::to_side)?) == Some(true))
    }

    /// Leaves an item to a person, with the reason.
    pub(super) fn conflict(&self, item: &mut MigrationItem, why: &str) -> bool {
        item.state = MigrationItemState::Conflict;
        item.reason = Some(why.to_owned());
        item.next_ms = None;
        false
    }
}

impl Hub {
    /// Where ids are paths: a copy that is in its folder under another id, since a folder above was moved.
    pub(super) async fn came_along(
        &self,
        sides: &Sides,
        item: &MigrationItem,
        parent: &str,
    ) -> Result<Option<Item>, Trouble> {
        let copy = &item.copy;
        if sides.target.abilities().has_ids || copy.parent.as_deref() == Some(parent) {
            return Ok(None);
        }
        let rest = match (&copy.id, &copy.parent) {
            (Some(id), Some(before)) => id.strip_prefix(before.as_str()),
            _ => None,
        };
        let Some(rest) = rest else { return Ok(None) };
        let there = self.copy_now(sides, &format!("{parent}{rest}")).await?;
        let is_it = |there: &Item| {
            there.parent.as_ref().is_some_and(|above| above.0 == parent)
                && there.is_folder() == item.is_folder()
        };
        Ok(there.filter(is_it))
    }
}

/// Whether a copy is as it was written: by its revision, or by its hashes where only something about it changed.
pub(super) fn is_as_written(copy: &MigrationCopy, there: &Item) -> bool {
    let revision = there.revision.as_ref().map(|revision| revision.0.as_str());
    there.is_folder()
        || (revision.is_some() && revision == copy.revision.as_deref())
        || hashes_of(&copy.hashes).agrees(&there.hashes) == Some(true)
}

/// Takes over where a copy is now. Its revision counts as ours only if it was before.
pub(super) fn moved(item: &mut MigrationItem, there: &Item, is_ours: bool) {
    item.copy.id = Some(there.id.0.clone());
    if is_ours {
        item.copy.revision = there.revision.as_ref().map(|revision| revision.0.clone());
    }
}

/// What tells one content of an original from another.
pub(super) fn mark_of(item: &Item) -> Option<String> {
    let modified = || item.modified.map(|at| at.0.to_string());
    item.revision
        .as_ref()
        .map(|revision| revision.0.clone())
        .or_else(modified)
}
