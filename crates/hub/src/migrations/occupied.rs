//! When something is in the place where a copy belongs: an earlier try of ours, another copy, or somebody else's.

use connectors::{Item, ItemId, Relocate, RemoteError};
use model::{MigrationCopy, MigrationItem, MigrationItemState};

use super::names::with_word;
use super::placing::{Carrier, is_as_written, moved};
use super::trouble::{Side, Trouble};

/// Copies of one folder that are just being made and looked at.
const BEGUN: u32 = 200;

/// Whose it is that is there.
pub(super) enum Taken {
    /// It is the copy from now on.
    Ours,
    /// Another copy's, which stays: try another name.
    Other,
    /// Another copy's, which was moved away: try again.
    Freed,
    /// Somebody else's. It was written down with the item.
    Conflict,
}

impl Carrier<'_> {
    /// Finds out what is in the way.
    pub(super) async fn occupied(
        &self,
        item: &mut MigrationItem,
        (called, was_tried): (&str, bool),
    ) -> Result<Taken, Trouble> {
        let abilities = self.sides.target.abilities();
        let there = match &item.given_id {
            // The id is what is taken, not the name.
            Some(id) if abilities.has_duplicates && item.copy.id.is_none() => {
                self.hub.copy_now(self.sides, id).await?
            }
            _ => {
                let parent = ItemId(self.parent.clone());
                let target = (&self.sides.to, self.sides.target.as_ref());
                self.hub.find_child(Side::To, target, (&parent, called)).await?
            }
        };
        match there {
            Some(there) => self.taken_by(item, (there, was_tried)).await,
            None => {
                let what = "it says that something has that name, and does not show it yet";
                Err(Trouble::Theirs(
                    Side::To,
                    RemoteError::Unavailable(what.to_owned()),
                ))
            }
        }
    }

    /// What to do about something that is in the way.
    pub(super) async fn taken_by(
        &self,
        item: &mut MigrationItem,
        (there, was_tried): (Item, bool),
    ) -> Result<Taken, Trouble> {
        let mut tx = self.hub.read().await?;
        let other = tx.migration_item_of_copy(self.sides.id, &there.id.0).await?;
        drop(tx);
        match other {
            Some(other) if other.source != item.source && item.copy.id.is_some() => {
                self.taken_by_copy(item, other, &there).await
            }
            Some(other) if other.source != item.source => {
                let _moving = self.sides.moving.lock().await;
                let now = self
                    .hub
                    .read()
                    .await?
                    .migration_item(self.sides.id, &other.source)
                    .await?;
                self.taken_by_copy(item, now.unwrap_or(other), &there).await
            }
            _ if item.copy.id.as_deref() == Some(&there.id.0) => {
                item.copy.parent = Some(self.parent.clone());
                item.copy.name = Some(there.name.clone());
                Ok(Taken::Ours)
            }
            _ if item.copy.id.is_some() => {
                let why =
                    "something else is where its copy would have to be moved to; nothing was overwritten";
                self.conflict(item, why);
                Ok(Taken::Conflict)
            }
            _ if !was_tried && self.is_another_on_its_way(item, &there).await? => Ok(Taken::Other),
            _ => self.taken_by_other(item, (&there, was_tried)).await,
        }
    }

    /// Whether another copy is just being made under that name, and not written down yet.
    async fn is_another_on_its_way(&self, item: &MigrationItem, there: &Item) -> Result<bool, Trouble> {
        let Some(parent) = &item.parent else {
            return Ok(false);
        };
        let mut tx = self.hub.read().await?;
        let begun = tx.begun_migration_items(self.sides.id, parent, BEGUN).await?;
        let rules = &self.sides.target.abilities().names;
        let is_it = |other: &MigrationItem| {
            let name = other.copy.name.as_deref().unwrap_or_default();
            other.source != item.source && rules.folded(name) == rules.folded(&there.name)
        };
        Ok(begun.iter().any(is_it))
    }

    /// Another item's copy is there.
    async fn taken_by_copy(
        &self,
        item: &mut MigrationItem,
        mut other: MigrationItem,
        there: &Item,
    ) -> Result<Taken, Trouble> {
        let is_ours = is_as_written(&other.copy, there);
        let is_gone = other.state == MigrationItemState::Gone && !other.copy.was_there;
        if is_gone && is_ours && item.copy.id.is_none() && item.is_folder() == there.is_folder() {
            // At the source, this has taken its place as well.
            item.copy = MigrationCopy {
                of_revision: None,
                of_hashes: Vec::new(),
                sent_hashes: Vec::new(),
                ..std::mem::take(&mut other.copy)
            };
            other.reason = Some("it is gone at the source, and something new has taken its place".to_owned());
            other.next_ms = None;
            let mut put = item.clone();
            put.session = self.session.sealed();
            self.put(&[put, other]).await?;
            return Ok(Taken::Ours);
        }
        let is_to_be_moved = other.state == MigrationItemState::Waiting && other.next_ms.is_some();
        if !(is_gone || (is_to_be_moved && self.belongs_elsewhere(&other).await?)) {
            return Ok(Taken::Other);
        }
        let word = format!("earlier {:04x}", number_of(&other.source));
        let aside = with_word(&there.name, &word);
        let relocate = Relocate {
            parent: None,
            name: Some(&aside),
            expected: None,
        };
        match self.sides.target.relocate(&there.id, relocate).await {
            Ok(now) => {
                moved(&mut other, &now, is_ours);
                other.copy.name = Some(aside);
                let is_folder = other.is_folder();
                let source = other.source.clone();
                self.put(&[other]).await?;
                if is_folder {
                    self.look_into_again(&source).await?;
                }
                Ok(Taken::Freed)
            }
            Err(RemoteError::Exists | RemoteError::Name(_)) => Ok(Taken::Other),
            Err(error) => Err(Trouble::to_side(error)),
        }
    }

    /// Whether another item is about to be moved away from where its copy is.
    async fn belongs_elsewhere(&self, other: &MigrationItem) -> Result<bool, Trouble> {
        let above = other.parent.clone().unwrap_or_default();
        let above = self
            .hub
            .read()
            .await?
            .migration_item(self.sides.id, &above)
            .await?;
        let parent = above.and_then(|above| above.copy.id);
        let rules = &self.sides.target.abilities().names;
        let called = super::names::encode(rules, &other.name).ok();
        let is_called = match (&called, &other.copy.name) {
            (Some(called), Some(name)) => super::names::is_name_of(name, called),
            _ => false,
        };
        Ok(parent != other.copy.parent || !is_called)
    }

    /// Something that no migration wrote, or that ours wrote without hearing of it.
    async fn taken_by_other(
        &self,
        item: &mut MigrationItem,
        (there, was_tried): (&Item, bool),
    ) -> Result<Taken, Trouble> {
        let mut tx = self.hub.read().await?;
        let other = tx.migration_item_of_copy(self.sides.id, &there.id.0).await?;
        drop(tx);
        if other.is_some_and(|other| other.source != item.source) {
            // It was on its way when it was looked for, and was written down since.
            return Ok(Taken::Other);
        }
        let is_same = match &self.original {
            None => there.is_folder(),
            Some(original) => self.is_same(original, there).await?,
        };
        if !is_same && self.is_another_on_its_way(item, there).await? {
            return Ok(Taken::Other);
        }
        if !is_same {
            let why = "the target has something else of that name; nothing was overwritten";
            self.conflict(item, why);
            return Ok(Taken::Conflict);
        }
        self.record(item, there, !was_tried);
        item.copy.name = Some(there.name.clone());
        Ok(Taken::Ours)
    }

    async fn put(&self, items: &[MigrationItem]) -> Result<(), Trouble> {
        let mut tx = self.hub.write().await?;
        tx.put_migration_items(self.sides.id, items).await?;
        Ok(tx.commit().await?)
    }

    async fn look_into_again(&self, folder: &str) -> Result<(), Trouble> {
        let mut tx = self.hub.write().await?;
        tx.move_migration_items(self.sides.id, folder, self.hub.now())
            .await?;
        Ok(tx.commit().await?)
    }
}

/// A number that tells one item from most others.
fn number_of(source: &str) -> u16 {
    source.bytes().fold(0x811c, |number, byte| {
        (number ^ u16::from(byte)).wrapping_mul(0x0193)
    })
}
