//! Steps at the provider. Each call is written down before it is made, and its answer after.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use connectors::{Item, ItemId, Relocate, RemoteError, Revision, Source as _, Tag, Target, Upload, Written};
use hub::{Call, Deed, Intent, Loaded, MirrorError, Placed, Sent, as_remote};
use model::{Node, RemoteItem, RemoteKind};
use sync_plan::{Clash, EntryId};

use super::here::item_of;
use super::{Run, Verdict, gate, judge};

impl Run {
    pub(super) async fn create_there(
        &self,
        deed: Deed<'_>,
        place: (EntryId, &str),
    ) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let node = thing.node.as_ref().ok_or(MirrorError::Changed)?;
        if let Some(old) = &thing.row.item
            && self.is_there(old).await?
        {
            // It only looked gone.
            return Err(MirrorError::Changed);
        }
        let place = self.desk.place_there(deed.loaded, deed.entry, place)?;
        let id = self.new_id().await?;
        let call = match sent(node) {
            None => Call::MakeFolder { place, id },
            Some(sent) => Call::Create { place, id, sent },
        };
        let intent = self.desk.begin(deed, call).await?;
        gate("create.begun").await;
        self.make(intent, false).await
    }

    async fn new_id(&self) -> Result<Option<String>, MirrorError> {
        let connector = self.desk.connector();
        if !connector.abilities().gives_ids {
            return Ok(None);
        }
        Ok(connector.new_ids(1).await?.pop().map(|id| id.0))
    }

    /// Makes the call of an intent that creates something, `again` when nobody knows what became of the first time: then it
    /// does not count as not made because it cannot be made now.
    pub(super) async fn make(&self, intent: Intent, again: bool) -> Result<(), MirrorError> {
        let made = match &intent.call {
            Call::MakeFolder { place, id } => self.make_folder(place, id.as_deref()).await,
            Call::Create { place, id, sent } => {
                let (parent, id) = (ItemId(place.parent.clone()), id.clone().map(ItemId));
                let target = Target::Create {
                    parent: &parent,
                    name: &place.name,
                    id: id.as_ref(),
                };
                self.send(intent.entry, target, sent).await
            }
            _ => return Err(MirrorError::Changed),
        };
        gate("create.made").await;
        match made {
            Ok(written) => self.take_written(intent, written).await,
            Err(error) if again && is_for_now(&error) => Err(error),
            // It may be what an earlier call made: that is found out first.
            Err(error @ MirrorError::Remote(RemoteError::Exists))
                if !self.desk.late_writes(intent.entry).await?.is_empty() =>
            {
                Err(error)
            }
            // What it sent is gone here. Once it is known what became of the first time, that goes there too.
            Err(MirrorError::Changed) if again && self.desk.may_land(intent.entry).await? => {
                Err(MirrorError::Changed)
            }
            Err(error) => self.give_up(&intent, error).await,
        }
    }

    async fn make_folder(&self, place: &Placed, id: Option<&str>) -> Result<Written, MirrorError> {
        let (parent, id) = (ItemId(place.parent.clone()), id.map(|id| ItemId(id.to_owned())));
        let made = self
            .desk
            .connector()
            .make_folder(&parent, &place.name, id.as_ref())
            .await?;
        Ok(Written {
            item: made,
            overwrote: Vec::new(),
            is_rewritten: false,
        })
    }

    async fn send(&self, entry: u64, target: Target<'_>, sent: &Sent) -> Result<Written, MirrorError> {
        let source = self.desk.source(sent).await?;
        if source.size_bytes() != sent.size_bytes {
            return Err(MirrorError::Changed);
        }
        let journal = self.desk.journal(entry, Arc::new(AtomicU64::new(0)));
        let upload = Upload {
            target,
            source: &source,
            media_type: source.media_type(),
            modified: Some(source.stored()),
            journal: &journal,
        };
        Ok(self.desk.connector().upload(upload).await?)
    }

    /// Writes down what an upload made; what it overwrote unseen is fetched back.
    pub(super) async fn take_written(&self, intent: Intent, written: Written) -> Result<(), MirrorError> {
        let item = as_remote(written.item);
        let rescue = (!written.overwrote.is_empty()).then(|| Call::Rescue {
            item: item.id.clone(),
            revisions: written.overwrote.into_iter().map(|revision| revision.0).collect(),
        });
        self.desk
            .done(&intent, Some(&item), written.is_rewritten, rescue.as_ref())
            .await?;
        gate("written").await;
        if item.is_trashed {
            // It landed in a folder that had just been trashed: what was agreed does not count.
            self.look_up(&item).await?;
        }
        match rescue {
            Some(call) => self.rescue(&intent.with(call)).await,
            None => Ok(()),
        }
    }

    /// Asks how the folders above an item are.
    pub(super) async fn look_up(&self, item: &RemoteItem) -> Result<(), MirrorError> {
        let mut at = item.parent.clone();
        while let Some(id) = at.filter(|id| *id != self.desk.mirror.item) {
            at = match self.desk.look(&id).await? {
                Some(folder) => folder.parent,
                None => None,
            };
        }
        Ok(())
    }

    /// A call failed: what is certain not to have happened is struck out; the rest is found out about later.
    pub(super) async fn give_up(&self, intent: &Intent, error: MirrorError) -> Result<(), MirrorError> {
        let is_open = match &error {
            MirrorError::Remote(error) => matches!(
                error,
                RemoteError::Unavailable(_) | RemoteError::Paused { .. } | RemoteError::Damaged(_)
            ),
            MirrorError::Lost => true,
            MirrorError::Changed | MirrorError::Hub(_) => false,
        };
        if !is_open {
            self.desk.abandon(intent, None).await?;
        }
        Err(error)
    }

    pub(super) async fn write_there(
        &self,
        deed: Deed<'_>,
        overrides: Option<Clash>,
    ) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let item = item_of(thing)?;
        let node = thing.node.as_ref().ok_or(MirrorError::Changed)?;
        if let Some(clash) = overrides {
            self.expect_current(thing).await?;
            let staged = self.fetch(item).await?;
            gate("capture.fetched").await;
            // From then on only ours differs from what is agreed: the next plan sends it.
            return self.desk.capture(deed, staged, clash).await;
        }
        let expected = item.revision.clone().ok_or(MirrorError::Changed)?;
        if !self.desk.connector().abilities().conditions.replace {
            self.expect_there(thing).await?;
        }
        let call = Call::Replace {
            item: item.id.clone(),
            expected,
            sent: sent(node).ok_or(MirrorError::Changed)?,
        };
        let intent = self.desk.begin(deed, call).await?;
        gate("write.begun").await;
        self.replace(intent).await
    }

    async fn replace(&self, intent: Intent) -> Result<(), MirrorError> {
        let Call::Replace { item, expected, sent } = &intent.call else {
            return Err(MirrorError::Changed);
        };
        let (id, expected) = (ItemId(item.clone()), Revision(expected.clone()));
        let target = Target::Replace {
            id: &id,
            expected: &expected,
        };
        let written = self.send(intent.entry, target, sent).await;
        gate("write.made").await;
        match written {
            Ok(written) => self.take_written(intent, written).await,
            Err(error) => self.give_up(&intent, error).await,
        }
    }

    pub(super) async fn place_there(
        &self,
        deed: Deed<'_>,
        place: (EntryId, &str),
    ) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let item = item_of(thing)?;
        let place = self.desk.place_there(deed.loaded, deed.entry, place)?;
        let now = match self.desk.connector().abilities().conditions.relocate {
            true => item.clone(),
            false => self.expect_there(thing).await?,
        };
        self.expect_no_twin(deed.loaded, &now).await?;
        if place.parent != self.desk.mirror.item
            && self
                .desk
                .look(&place.parent)
                .await?
                .is_none_or(|folder| folder.is_trashed)
        {
            return Err(MirrorError::Changed);
        }
        let call = Call::Relocate {
            item: item.id.clone(),
            place,
            was_parent: now.parent.clone(),
            was_name: now.name.clone(),
        };
        let intent = self.desk.begin(deed, call).await?;
        gate("place.begun").await;
        self.relocate(intent, now.tag.map(Tag), false).await
    }

    /// Where names are unique there cannot be another of its name: one that is known has gone, and nobody told.
    async fn expect_no_twin(&self, loaded: &Loaded, item: &RemoteItem) -> Result<(), MirrorError> {
        let connector = self.desk.connector();
        let abilities = connector.abilities();
        if abilities.has_duplicates {
            return Ok(());
        }
        let name = abilities.names.folded(&item.name);
        let others = loaded.things.values().filter_map(|thing| thing.item.as_ref());
        let twins = others.filter(|other| {
            let is_beside = other.id != item.id && other.parent == item.parent && !other.is_trashed;
            is_beside && abilities.names.folded(&other.name) == name
        });
        for twin in twins {
            if self.desk.look(&twin.id).await?.as_ref() != Some(twin) {
                return Err(MirrorError::Changed);
            }
        }
        Ok(())
    }

    /// Makes the call of an intent that moves something, `is_late` when it may have been made before.
    pub(super) async fn relocate(
        &self,
        intent: Intent,
        expected: Option<Tag>,
        is_late: bool,
    ) -> Result<(), MirrorError> {
        let Call::Relocate {
            item,
            place,
            was_parent,
            was_name,
        } = &intent.call
        else {
            return Err(MirrorError::Changed);
        };
        let (id, parent) = (ItemId(item.clone()), ItemId(place.parent.clone()));
        let relocate = Relocate {
            parent: (was_parent.as_deref() != Some(place.parent.as_str())).then_some(&parent),
            name: (*was_name != place.name).then_some(place.name.as_str()),
            expected: expected.as_ref(),
        };
        let moved = self.desk.connector().relocate(&id, relocate).await;
        gate("place.made").await;
        let moved = match moved.map_err(MirrorError::from) {
            Ok(moved) => as_remote(moved),
            // It may have been made before.
            Err(error) if is_late && is_for_now(&error) => return Err(error),
            Err(error) => return self.give_up(&intent, error).await,
        };
        if moved.is_trashed {
            // Its new folder had just been trashed: it must not go down with it.
            return self.move_back(intent, &moved).await;
        }
        let (old, is_path) = (item.clone(), !self.desk.connector().abilities().has_ids);
        let is_elsewhere = is_path && old != moved.id && moved.kind == RemoteKind::Folder;
        let then = is_elsewhere.then(|| Call::Follow {
            item: moved.id.clone(),
        });
        match is_late {
            true => self.desk.found(&intent, &moved, false, then.as_ref()).await?,
            false => {
                self.desk
                    .done(&intent, Some(&moved), false, then.as_ref())
                    .await?
            }
        }
        match then {
            Some(call) => self.follow(&intent.with(call), moved.id).await,
            None => Ok(()),
        }
    }

    async fn move_back(&self, intent: Intent, moved: &RemoteItem) -> Result<(), MirrorError> {
        let Call::Relocate {
            was_parent, was_name, ..
        } = &intent.call
        else {
            return Err(MirrorError::Changed);
        };
        let root = self.desk.mirror.item.clone();
        let homes = [was_parent.clone().unwrap_or_else(|| root.clone()), root];
        for home in homes {
            let back = Call::Relocate {
                item: moved.id.clone(),
                place: Placed {
                    parent: home.clone(),
                    name: was_name.clone(),
                    parent_entry: None,
                    name_here: None,
                },
                was_parent: moved.parent.clone(),
                was_name: moved.name.clone(),
            };
            self.desk.instead(&intent, back).await?;
            gate("place.back").await;
            let parent = ItemId(home);
            let relocate = Relocate {
                parent: Some(&parent),
                name: Some(was_name),
                expected: None,
            };
            let back = self
                .desk
                .connector()
                .relocate(&ItemId(moved.id.clone()), relocate)
                .await;
            match back {
                Ok(item) if !item.is_trashed => {
                    let item = as_remote(item);
                    self.desk.abandon(&intent, Some(&item)).await?;
                    self.look_up(moved).await?;
                    return Err(MirrorError::Changed);
                }
                Ok(_) | Err(RemoteError::Exists | RemoteError::NotFound | RemoteError::Changed) => {}
                Err(error) => return self.give_up(&intent, error.into()).await,
            }
        }
        self.desk.abandon(&intent, None).await?;
        self.desk.look(&moved.id).await?;
        self.look_up(moved).await?;
        Err(MirrorError::Changed)
    }

    /// Where ids are paths, what is in a folder that moved has other ids now.
    pub(super) async fn follow(&self, intent: &Intent, folder: String) -> Result<(), MirrorError> {
        let connector = self.desk.connector();
        let mut folders = vec![(intent.entry, folder)];
        while let Some((entry, id)) = folders.pop() {
            let (folder, mut page) = (ItemId(id), None);
            loop {
                let children = match connector.children(&folder, page.as_deref()).await {
                    // It went on.
                    Err(RemoteError::NotFound) => break,
                    children => children?,
                };
                let items: Vec<RemoteItem> = children.items.into_iter().map(as_remote).collect();
                folders.extend(self.desk.follow(entry, &items).await?);
                page = children.next;
                if page.is_none() {
                    break;
                }
            }
        }
        self.desk.abandon(intent, None).await
    }

    /// Lists a folder at the provider, and takes in what was not known of it. Answers whether there is anything.
    pub(super) async fn list(&self, folder: &str) -> Result<bool, MirrorError> {
        Ok(self.list_all(folder).await?.0)
    }

    /// The same, and answers the folders in it.
    async fn list_all(&self, folder: &str) -> Result<(bool, Vec<String>), MirrorError> {
        let mut page = None;
        let (mut is_any, mut folders) = (false, Vec::new());
        loop {
            let children = self
                .desk
                .connector()
                .children(&ItemId(folder.to_owned()), page.as_deref())
                .await?;
            let items: Vec<RemoteItem> = children.items.into_iter().map(as_remote).collect();
            is_any |= !items.is_empty();
            self.desk.take_in(&items).await?;
            let below = items.into_iter().filter(|item| item.kind == RemoteKind::Folder);
            folders.extend(below.map(|item| item.id));
            page = children.next;
            if page.is_none() {
                return Ok((is_any, folders));
            }
        }
    }

    pub(super) async fn trash_there(&self, deed: Deed<'_>, keeps: bool) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let known = item_of(thing)?;
        let Some(now) = self.desk.look(&known.id).await?.filter(|item| !item.is_trashed) else {
            // It is gone already.
            return self.desk.again(&[thing.row.entry]).await;
        };
        if now.parent != known.parent || now.name != known.name || now.revision != known.revision {
            return Err(MirrorError::Changed);
        }
        let item: Item = hub::as_item(&now);
        if item.is_folder() && self.list(&now.id).await? {
            return Err(MirrorError::Changed);
        }
        if keeps && item.is_file() {
            let staged = self.fetch(&now).await?;
            gate("trash.fetched").await;
            // The next plan trashes what is kept then.
            return self.desk.keep_in_trash(deed, staged).await;
        }
        let call = Call::Trash {
            item: now.id.clone(),
            revision: now.revision.clone(),
        };
        let intent = self.desk.begin(deed, call).await?;
        gate("trash.begun").await;
        let tag = now.tag.clone().map(Tag);
        let connector = self.desk.connector();
        let trashed = match item.is_folder() {
            true => connector.remove_folder(&item.id, tag.as_ref()).await,
            false => connector.trash(&item.id, tag.as_ref()).await,
        };
        gate("trash.made").await;
        match trashed {
            Ok(()) => self.after_trash(intent).await,
            Err(RemoteError::Changed) if item.is_folder() => {
                // Something came into it since it was listed.
                self.list(&now.id).await?;
                self.give_up(&intent, RemoteError::Changed.into()).await
            }
            Err(error) => self.give_up(&intent, error.into()).await,
        }
    }

    /// Looks whether what went to the trash is what was meant to.
    pub(super) async fn after_trash(&self, intent: Intent) -> Result<(), MirrorError> {
        let Call::Trash { item, revision } = &intent.call else {
            return Err(MirrorError::Changed);
        };
        let connector = self.desk.connector();
        if connector.abilities().conditions.trash {
            return self.desk.gone(&intent, item).await;
        }
        let now = connector.item(&ItemId(item.clone())).await?.map(as_remote);
        let Some(now) = now else {
            return self.desk.gone(&intent, item).await;
        };
        if now.revision == *revision {
            return self.desk.done(&intent, Some(&now), false, None).await;
        }
        // Somebody wrote to it between our look and our call.
        let back = Call::Restore { item: item.clone() };
        let back = self.desk.instead(&intent, back).await?;
        gate("trash.back").await;
        self.restore(&back, true).await
    }

    /// Brings something back from the trash. One that is in a folder that is in the trash too is left for later, unless
    /// there is no later.
    pub(super) async fn restore(&self, intent: &Intent, is_last: bool) -> Result<(), MirrorError> {
        let Call::Restore { item } = &intent.call else {
            return Err(MirrorError::Changed);
        };
        match self.desk.connector().restore(&ItemId(item.clone())).await {
            Ok(back) => {
                let back = as_remote(back);
                if back.kind == RemoteKind::Folder {
                    self.take_back(&back).await?;
                }
                self.desk.abandon(intent, Some(&back)).await?;
            }
            Err(error @ (RemoteError::NotFound | RemoteError::Refused { .. })) if !is_last => {
                return Err(error.into());
            }
            Err(RemoteError::Refused { .. }) => {
                self.salvage(intent, item).await?;
                self.desk.abandon(intent, None).await?;
            }
            Err(RemoteError::NotFound | RemoteError::Unsupported(_) | RemoteError::Exists) => {
                self.desk.abandon(intent, None).await?;
            }
            Err(error) => return Err(error.into()),
        }
        self.desk.look(item).await?;
        Err(MirrorError::Changed)
    }

    /// Keeps here what went to the trash with something that does not come back, as the folder above is in the trash too.
    async fn salvage(&self, intent: &Intent, item: &str) -> Result<(), MirrorError> {
        let connector = self.desk.connector();
        let mut items = vec![item.to_owned()];
        while let Some(id) = items.pop() {
            let Some(now) = self.desk.look(&id).await?.filter(|now| now.is_trashed) else {
                continue;
            };
            if now.kind == RemoteKind::File {
                let staged = self.fetch(&now).await?;
                gate("salvage.fetched").await;
                let there = (now.id.as_str(), now.revision.as_deref());
                self.desk.rescued(intent.entry, there, staged, None).await?;
            }
            let (folder, mut page) = (ItemId(id), None);
            loop {
                let inside = match connector.trashed_children(&folder, page.as_deref()).await {
                    // It is a file, or nobody can tell.
                    Err(RemoteError::NotFound | RemoteError::Unsupported(_)) => break,
                    inside => inside?,
                };
                items.extend(inside.items.into_iter().map(|item| item.id.0));
                page = inside.next;
                if page.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Takes in all that came back with a folder: not every feed tells of it.
    async fn take_back(&self, folder: &RemoteItem) -> Result<(), MirrorError> {
        self.desk.take_in(std::slice::from_ref(folder)).await?;
        let mut folders = vec![folder.id.clone()];
        while let Some(folder) = folders.pop() {
            folders.extend(self.list_all(&folder).await?.1);
            // Lists lag.
            for item in self.desk.trashed_in(&folder).await? {
                self.desk.look(&item).await?;
            }
        }
        Ok(())
    }

    /// Fetches contents that a write of ours replaced unseen, and keeps each as a file beside.
    pub(super) async fn rescue(&self, intent: &Intent) -> Result<(), MirrorError> {
        let Call::Rescue { item, revisions } = &intent.call else {
            return Err(MirrorError::Changed);
        };
        for revision in revisions {
            if let Some((staged, past)) = self.fetch_past(item, revision).await? {
                gate("rescue.fetched").await;
                let there = (item.as_str(), Some(revision.as_str()));
                self.desk
                    .rescued(intent.entry, there, staged, past.as_deref())
                    .await?;
            }
        }
        self.desk.abandon(intent, None).await
    }
}

/// Whether the same may go well later.
fn is_for_now(error: &MirrorError) -> bool {
    let waits = Verdict::Wait { is_lasting: false };
    matches!(error, MirrorError::Remote(_))
        && (judge(error) == waits || matches!(judge(error), Verdict::Stop(_)))
}

/// The content of a file that is sent; `None` of a folder.
fn sent(node: &Node) -> Option<Sent> {
    node.version.as_ref().map(Sent::from)
}
