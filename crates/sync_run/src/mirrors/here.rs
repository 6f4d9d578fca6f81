//! Steps on our side.

use connectors::{Fetched, fetch};
use hub::{Deed, Loaded, MirrorDesk, MirrorError, Staged, Thing, as_item};
use model::RemoteItem;
use sync_plan::{Clash, EntryId};

use super::{Run, gate};

/// Levels that a path may have before it counts as a ring.
const DEEPEST: usize = 1000;

impl Run {
    pub(super) async fn create_here(
        &self,
        deed: Deed<'_>,
        place: (EntryId, &str),
    ) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let item = item_of(thing)?;
        if as_item(item).is_folder() {
            // Where ids are paths, one that is on its way to another place is listed at both.
            let is_listed = !self.desk.connector().abilities().has_ids;
            if is_listed && self.desk.look(&item.id).await?.is_none() {
                return Err(MirrorError::Changed);
            }
            return self.desk.make_folder_here(deed, place).await;
        }
        if thing.row.has_base {
            self.expect_current(thing).await?;
        }
        let staged = self.fetch(item).await?;
        gate("fetched").await;
        self.desk.make_file_here(deed, place, staged).await
    }

    pub(super) async fn write_here(
        &self,
        deed: Deed<'_>,
        overrides: Option<Clash>,
    ) -> Result<(), MirrorError> {
        self.expect_current(deed.thing()?).await?;
        let staged = self.fetch(item_of(deed.thing()?)?).await?;
        gate("fetched").await;
        self.desk.write_here(deed, staged, overrides).await
    }

    pub(super) async fn keep_both(
        &self,
        deed: Deed<'_>,
        (copy, clash): (&str, Clash),
    ) -> Result<(), MirrorError> {
        self.expect_current(deed.thing()?).await?;
        let staged = self.fetch(item_of(deed.thing()?)?).await?;
        gate("fetched").await;
        self.desk.keep_both_here(deed, staged, (copy, clash)).await
    }

    pub(super) async fn place_here(&self, deed: Deed<'_>, place: (EntryId, &str)) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        // Old news of a place must not undo what was done there since. What is only here has none.
        if thing.item.is_some() {
            self.expect_there(thing).await?;
        }
        self.desk.place_here(deed, place).await
    }

    pub(super) async fn trash_here(&self, deed: Deed<'_>, keeps: bool) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        if let Some(item) = &thing.row.item
            && self.is_there(item).await?
        {
            return Err(MirrorError::Changed);
        }
        if self.desk.undo_late_trash(thing).await? {
            return Err(MirrorError::Changed);
        }
        gate("found_gone").await;
        if keeps {
            self.desk.let_go(deed).await
        } else {
            self.desk.trash_here(deed).await
        }
    }

    pub(super) async fn compare(
        &self,
        loaded: &Loaded,
        (here, there): (EntryId, EntryId),
    ) -> Result<(), MirrorError> {
        let ours = loaded.things.get(&here).ok_or(MirrorError::Changed)?;
        let theirs = loaded.things.get(&there).ok_or(MirrorError::Changed)?;
        let body = match MirrorDesk::can_compare(theirs) {
            true => None,
            false => Some(self.read(item_of(theirs)?).await?.stream),
        };
        self.desk.compare((ours, theirs), body).await
    }

    /// Fetches a content exactly as the plan knows it.
    pub(super) async fn fetch(&self, item: &RemoteItem) -> Result<Staged, MirrorError> {
        let fetched = self.read(item).await?;
        self.desk.stage(fetched.size_bytes, fetched.stream).await
    }

    pub(super) async fn read_agreed(&self, thing: &Thing) -> Result<(), MirrorError> {
        let body = self.read(item_of(thing)?).await?.stream;
        self.desk.compare_agreed(thing, body).await
    }

    async fn read(&self, item: &RemoteItem) -> Result<Fetched, MirrorError> {
        Ok(fetch(self.desk.connector(), &as_item(item), 0, None).await?)
    }

    /// A page of the feed may be older than what we wrote ourselves since: it must not undo that. Where past contents cannot
    /// be read, reading finds it out.
    pub(super) async fn expect_current(&self, thing: &Thing) -> Result<(), MirrorError> {
        if self.desk.connector().abilities().has_revisions {
            self.expect_there(thing).await?;
        }
        Ok(())
    }

    /// The item must be where and what the plan took it for.
    pub(super) async fn expect_there(&self, thing: &Thing) -> Result<RemoteItem, MirrorError> {
        let known = item_of(thing)?;
        let now = self.desk.look(&known.id).await?.ok_or(MirrorError::Changed)?;
        let is_same = now.parent == known.parent
            && now.name == known.name
            && now.is_trashed == known.is_trashed
            && now.revision == known.revision;
        if is_same {
            Ok(now)
        } else {
            Err(MirrorError::Changed)
        }
    }

    /// Whether an item is in the mirror now, as the provider itself says of it and of each folder above it.
    pub(super) async fn is_there(&self, id: &str) -> Result<bool, MirrorError> {
        let mut at = id.to_owned();
        for _ in 0..DEEPEST {
            if at == self.desk.mirror.item {
                return Ok(true);
            }
            if let Some(known) = self.seen.get(&at) {
                return Ok(*known);
            }
            match self.desk.look(&at).await? {
                Some(item) if !item.is_trashed => match item.parent {
                    Some(parent) => at = parent,
                    None => return Ok(false),
                },
                _ => return Ok(false),
            }
        }
        Ok(false)
    }
}

pub(super) fn item_of(thing: &Thing) -> Result<&RemoteItem, MirrorError> {
    thing.item.as_ref().ok_or(MirrorError::Changed)
}
