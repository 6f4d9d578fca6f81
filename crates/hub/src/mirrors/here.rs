//! Changes on our side: each is one transaction with the lease, what it was planned from, the operation and what was
//! agreed by it.

use catalog::{EntryRow, Tx};
use model::{
    ByteStream, ConflictKind, ConflictPolicy, Guard, Node, NodeId, NodeName, OnConflict, Origin, Winner,
};
use sync_plan::{Clash, EntryId};

use super::aside::{agree_on_nothing, content_of};
use super::desk::{MirrorDesk, MirrorError};
use super::scene::{Loaded, Thing};
use crate::access::{self, FolderRef, Hold};
use crate::conflicts::{self, NewConflict};
use crate::nodes::{self, NodeChange};
use crate::staging::{Expected, Staged};
use crate::trash;
use crate::uploads::{self, More, Upload, UploadPlace, Write};
use crate::{HubError, folders};

/// What a step on our side is about.
#[derive(Clone, Copy)]
pub struct Deed<'a> {
    /// All that was loaded with it.
    pub loaded: &'a Loaded,
    /// The entry.
    pub entry: EntryId,
}

impl<'a> Deed<'a> {
    /// What stands behind the entry.
    ///
    /// # Errors
    /// `Changed` when it was not loaded.
    pub fn thing(&self) -> Result<&'a Thing, MirrorError> {
        self.loaded.things.get(&self.entry).ok_or(MirrorError::Changed)
    }

    /// The path below the mirror's folder, for people.
    pub fn path(&self) -> String {
        super::scene::path_of(&self.loaded.scene, self.entry).unwrap_or_default()
    }
}

impl MirrorDesk {
    /// The node of a folder in a scene.
    ///
    /// # Errors
    /// `Changed` when there is none.
    pub fn folder_here(&self, loaded: &Loaded, folder: EntryId) -> Result<NodeId, MirrorError> {
        if folder == EntryId::ROOT {
            return Ok(self.mirror.node);
        }
        let thing = loaded.things.get(&folder).ok_or(MirrorError::Changed)?;
        thing
            .node
            .as_ref()
            .map(|node| node.id)
            .ok_or(MirrorError::Changed)
    }

    /// Takes in a content from the provider, so that it can be made a file.
    ///
    /// # Errors
    /// The hub's: `Full`, `TooLarge`, `QuotaExceeded`, `Body`.
    pub async fn stage(&self, size_bytes: Option<u64>, body: ByteStream) -> Result<Staged, MirrorError> {
        let mut tx = self.hub.read().await?;
        let space = tx.space(self.mirror.space).await?.ok_or(MirrorError::Changed)?;
        let free_bytes = self.hub.free_bytes(&mut tx, &space).await?;
        drop(tx);
        let limit_bytes = self.hub.config().file_bytes.min(free_bytes);
        if size_bytes.is_some_and(|size| size > free_bytes) {
            return Err(MirrorError::Hub(HubError::QuotaExceeded { free_bytes }));
        }
        let expected = Expected {
            size_bytes,
            ..Expected::default()
        };
        Ok(self.hub.stage(limit_bytes, expected, body).await?)
    }

    /// Makes a folder here for one that is there.
    ///
    /// # Errors
    /// `Changed` when the place is taken or gone.
    pub async fn make_folder_here(
        &self,
        deed: Deed<'_>,
        (parent, name): (EntryId, &str),
    ) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let folder = FolderRef::Id(self.folder_here(deed.loaded, parent)?);
        let name = node_name(name)?;
        let right = model::Right::Edit;
        let now = self.now();
        let mut tx = self.fenced().await?;
        let folder = access::folder(&mut tx, &self.actor, folder, right, Hold::Yes).await?;
        if access::child(&mut tx, &folder, &name).await?.is_some() {
            return Err(MirrorError::Changed);
        }
        let made = folders::make(&mut tx, &self.actor, folder, name.clone(), now).await?;
        self.handle().expect_inside(&mut tx, made.node.id).await?;
        let mut row = thing.row.clone();
        row.node = Some(made.node.id);
        row.is_folder = true;
        self.agreed(deed, parent, &name).write(&mut row);
        self.settle_row(&mut tx, row, About::Place).await?;
        Ok(tx.commit().await?)
    }

    /// Makes a staged content a new file here, or gives it to the one in the trash that it was.
    ///
    /// # Errors
    /// `Changed` when the place is taken or gone.
    pub async fn make_file_here(
        &self,
        deed: Deed<'_>,
        (parent, name): (EntryId, &str),
        staged: Staged,
    ) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let folder = self.folder_here(deed.loaded, parent)?;
        let name = node_name(name)?;
        if let Some(node) = thing
            .node
            .as_ref()
            .filter(|node| node.trashed.is_some() && !node.is_folder())
        {
            self.bring_back(node, folder, &name).await?;
            return self
                .overwrite_here(deed, node, staged, Some((parent, name)))
                .await;
        }
        let upload = Upload {
            place: UploadPlace::In {
                folder: FolderRef::Id(folder),
                name: name.clone(),
            },
            on_conflict: OnConflict::Fail,
            guard: Guard::Absent,
            ..self.upload_of(thing)
        };
        self.finish(deed, (upload, staged), Some((parent, name)), None)
            .await
    }

    /// Brings a file back from the trash, to where it is to be.
    async fn bring_back(&self, node: &Node, folder: NodeId, name: &NodeName) -> Result<(), MirrorError> {
        let now = self.now();
        let mut tx = self.fenced().await?;
        let folder = FolderRef::Id(folder);
        let found = access::folder(&mut tx, &self.actor, folder, model::Right::Edit, Hold::Yes).await?;
        if access::child(&mut tx, &found, name).await?.is_some() {
            return Err(MirrorError::Changed);
        }
        let back = (node.id, Some(folder), Some(name.clone()));
        trash::restore_node(&mut tx, &self.actor, back, now).await?;
        self.handle().expect_inside(&mut tx, node.id).await?;
        Ok(tx.commit().await?)
    }

    /// Gives a file here the content of the other side. What it had stays as a version.
    ///
    /// # Errors
    /// `Changed` when it was written meanwhile.
    pub async fn write_here(
        &self,
        deed: Deed<'_>,
        staged: Staged,
        overrides: Option<Clash>,
    ) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let node = thing.node.as_ref().ok_or(MirrorError::Changed)?;
        let decided = overrides.map(|clash| Decided {
            clash,
            winner: Some(Winner::There),
            copy: None,
        });
        let upload = Upload {
            place: UploadPlace::Over(node.id),
            guard: Guard::Matches(vec![node.etag()]),
            ..self.upload_of(thing)
        };
        self.finish(deed, (upload, staged), None, decided).await
    }

    async fn overwrite_here(
        &self,
        deed: Deed<'_>,
        node: &Node,
        staged: Staged,
        place: Option<(EntryId, NodeName)>,
    ) -> Result<(), MirrorError> {
        let upload = Upload {
            place: UploadPlace::Over(node.id),
            guard: Guard::Matches(vec![node.etag()]),
            ..self.upload_of(deed.thing()?)
        };
        self.finish(deed, (upload, staged), place, None).await
    }

    /// Keeps both contents: ours goes to a file beside, theirs becomes the content.
    ///
    /// # Errors
    /// `Changed` when either changed meanwhile.
    pub async fn keep_both_here(
        &self,
        deed: Deed<'_>,
        staged: Staged,
        (copy, clash): (&str, Clash),
    ) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let node = thing.node.as_ref().ok_or(MirrorError::Changed)?;
        let upload = Upload {
            place: UploadPlace::Over(node.id),
            guard: Guard::Matches(vec![node.etag()]),
            ..self.upload_of(thing)
        };
        let decided = Decided {
            clash,
            winner: None,
            copy: Some(node_name(copy)?),
        };
        self.finish(deed, (upload, staged), None, Some(decided)).await
    }

    /// Keeps their content as a version of ours beneath the current one: what a write of ours is about to replace there.
    ///
    /// # Errors
    /// `Changed` when ours was written meanwhile.
    pub async fn capture(&self, deed: Deed<'_>, staged: Staged, clash: Clash) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let node = thing.node.as_ref().ok_or(MirrorError::Changed)?;
        let upload = Upload {
            place: UploadPlace::Over(node.id),
            guard: Guard::Matches(vec![node.etag()]),
            ..self.upload_of(thing)
        };
        let (hub, desk) = (self.hub.clone(), self.handle());
        let thing = thing.clone();
        let path = deed.path();
        let more: More = Box::new(move |tx, (before, after)| {
            Box::pin(async move {
                desk.check(tx).await?;
                let before = before.ok_or(HubError::Stale)?;
                let now = hub.now();
                let ours = before.version.clone().ok_or(HubError::Stale)?;
                let captured = after.version.as_ref().map(|version| version.number);
                // Theirs is what is agreed from now on, so that ours is what changed since.
                let mut row = thing.row.clone();
                row.content = Some(content_of(&after, &thing)?);
                row.has_base = true;
                tx.count_uses(ours.blob, 1, now);
                let write = Write {
                    blob: ours.blob,
                    size_bytes: ours.size_bytes,
                    digest: ours.digest,
                    media_type: ours.media_type.clone(),
                    origin: ours.origin,
                    at_ms: now,
                };
                hub.overwrite(tx, &desk.actor, after, write).await?;
                let conflict = NewConflict {
                    mirror: &desk.mirror,
                    row: &thing.row,
                    kind: kind_of(clash),
                    path: &path,
                    here: Some(&before),
                    there: thing.item.as_ref(),
                    theirs: (captured, None),
                    copy: None,
                    decided: Some((ConflictPolicy::LastWrite, Some(Winner::Here))),
                };
                conflicts::record(tx, conflict, now).await?;
                desk.settle(tx, row, About::Content).await
            })
        });
        self.hub
            .finish_upload_with(&self.actor, upload, staged, Some(more))
            .await?;
        Ok(())
    }

    fn upload_of(&self, thing: &Thing) -> Upload {
        let told = thing.item.as_ref().and_then(|item| item.media_type.clone());
        Upload {
            place: UploadPlace::Over(self.mirror.node),
            on_conflict: OnConflict::NewVersion,
            guard: Guard::None,
            media_type: told.unwrap_or_else(|| UNKNOWN.to_owned()),
            origin: Origin::Mirror(self.mirror.id),
            is_tracked: false,
        }
    }

    /// Makes a staged content that of the entry, and writes down that both sides have it.
    async fn finish(
        &self,
        deed: Deed<'_>,
        (upload, staged): (Upload, Staged),
        place: Option<(EntryId, NodeName)>,
        decided: Option<Decided>,
    ) -> Result<(), MirrorError> {
        let thing = deed.thing()?.clone();
        let path = deed.path();
        let place = place.map(|(parent, name)| self.agreed(deed, parent, &name));
        let (hub, desk) = (self.hub.clone(), self.handle());
        let more: More = Box::new(move |tx, (before, after)| {
            Box::pin(async move {
                desk.check(tx).await?;
                match &place {
                    None => desk.expect_place(tx, &thing, before.as_ref()).await?,
                    Some(_) => desk.expect_inside(tx, after.id).await?,
                }
                let mut row = thing.row.clone();
                if let Some(decided) = decided {
                    let before = before.as_ref().ok_or(HubError::Stale)?;
                    desk.note_decided(tx, (&hub, &decided), (&thing, before, &after), &path)
                        .await?;
                }
                row.node = Some(after.id);
                row.content = Some(content_of(&after, &thing)?);
                row.has_base = true;
                if let Some(place) = place {
                    place.write(&mut row);
                }
                desk.settle(tx, row, About::Content).await
            })
        });
        self.hub
            .finish_upload_with(&self.actor, upload, staged, Some(more))
            .await?;
        Ok(())
    }

    /// Moves or renames here.
    ///
    /// # Errors
    /// `Changed` when it was changed meanwhile, or the place is taken or gone.
    pub async fn place_here(
        &self,
        deed: Deed<'_>,
        (parent, name): (EntryId, &str),
    ) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let node = thing.node.as_ref().ok_or(MirrorError::Changed)?;
        let folder = self.folder_here(deed.loaded, parent)?;
        let name = node_name(name)?;
        let now = self.now();
        let mut tx = self.fenced().await?;
        self.expect_same(&mut tx, node).await?;
        let change = NodeChange {
            name: Some(name.clone()),
            folder: (node.parent != Some(folder)).then_some(FolderRef::Id(folder)),
            on_conflict: OnConflict::Fail,
            guard: Guard::None,
        };
        nodes::change_node(&mut tx, &self.actor, (node.id, change), now).await?;
        self.handle().expect_inside(&mut tx, node.id).await?;
        let mut row = thing.row.clone();
        self.agreed(deed, parent, &name).write(&mut row);
        self.settle_row(&mut tx, row, About::Place).await?;
        Ok(tx.commit().await?)
    }

    /// Moves what is gone there to the trash here. A folder must be empty.
    ///
    /// # Errors
    /// `Changed` when it was changed meanwhile or holds something.
    pub async fn trash_here(&self, deed: Deed<'_>) -> Result<(), MirrorError> {
        let thing = deed.thing()?;
        let node = thing.node.as_ref().ok_or(MirrorError::Changed)?;
        let now = self.now();
        let mut tx = self.fenced().await?;
        self.expect_same(&mut tx, node).await?;
        if node.is_folder() && !tx.children_after(node.id, None, 1).await?.is_empty() {
            return Err(MirrorError::Changed);
        }
        nodes::trash_node(&mut tx, &self.actor, (node.id, &Guard::None), now).await?;
        let mut row = thing.row.clone();
        agree_on_nothing(&mut row);
        self.settle_row(&mut tx, row, About::Content).await?;
        Ok(tx.commit().await?)
    }

    /// The node must be as it was when the step was planned. The space is held from here on.
    async fn expect_same(&self, tx: &mut Tx, node: &Node) -> Result<(), MirrorError> {
        let found = access::node(tx, &self.actor, node.id, model::Right::Edit, Hold::Yes).await?;
        let is_same = found.node.revision == node.revision
            && found.node.parent == node.parent
            && found.node.name == node.name;
        if is_same {
            Ok(())
        } else {
            Err(MirrorError::Changed)
        }
    }

    /// Writes an entry down after a step, and has it looked at once more.
    pub(super) async fn settle_row(
        &self,
        tx: &mut Tx,
        row: EntryRow,
        about: About,
    ) -> Result<(), MirrorError> {
        Ok(self.handle().settle(tx, row, about).await?)
    }

    pub(super) fn handle(&self) -> Handle {
        Handle {
            lease: catalog::Lease::of(&self.lease.job),
            mirror: self.mirror.clone(),
            actor: self.actor.clone(),
            now: self.now(),
        }
    }
}

/// What of an entry a step decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Where it is, and that it is.
    Place,
    /// Its content too.
    Content,
    /// That a person has to decide.
    Question,
}

/// What a transaction of the hub needs to know of the desk.
pub(super) struct Handle {
    lease: catalog::Lease,
    pub(super) mirror: model::Mirror,
    actor: model::Actor,
    now: model::Millis,
}

/// A conflict that the policy decided.
struct Decided {
    clash: Clash,
    winner: Option<Winner>,
    copy: Option<NodeName>,
}

impl Handle {
    pub(super) async fn check(&self, tx: &mut Tx) -> Result<(), HubError> {
        match tx.holds_lease(self.lease).await? {
            true => Ok(()),
            false => Err(HubError::Conflict("another worker looks after this mirror now")),
        }
    }

    async fn mark(&self, tx: &mut Tx, entry: u64) -> Result<(), HubError> {
        Ok(tx.mark_dirty(self.mirror.id, &[(entry, 0)], self.now).await?)
    }

    /// Writes an entry down that a step went well for.
    pub(super) async fn settle(&self, tx: &mut Tx, mut row: EntryRow, about: About) -> Result<(), HubError> {
        // A person may have decided something since it was loaded.
        if let Some(now) = tx.entries(self.mirror.id, &[row.entry]).await?.pop() {
            row.is_skipped = now.is_skipped;
            if about != About::Question {
                row.is_parked = now.is_parked;
            }
            if about == About::Place {
                row.content = now.content;
            }
        }
        row.attempts = 0;
        row.error = None;
        row.next_ms = None;
        self.mark(tx, row.entry).await?;
        Ok(tx.put_entries(self.mirror.id, &[row]).await?)
    }

    /// Makes the copy that keeps our content, and records the conflict.
    async fn note_decided(
        &self,
        tx: &mut Tx,
        (hub, decided): (&crate::Hub, &Decided),
        (thing, before, after): (&Thing, &Node, &Node),
        path: &str,
    ) -> Result<(), HubError> {
        let now = self.now;
        let ours = before.version.clone().ok_or(HubError::Stale)?;
        if after.version.as_ref().and_then(|version| version.digest) == ours.digest && ours.digest.is_some() {
            // The contents are the same after all: there is no conflict.
            return Ok(());
        }
        let mut copied = None;
        if let Some(name) = &decided.copy {
            let parent = FolderRef::Id(before.parent.ok_or(HubError::Stale)?);
            let folder = access::folder(tx, &self.actor, parent, model::Right::Edit, Hold::Yes).await?;
            let name = match access::child(tx, &folder, name).await? {
                Some(_) => uploads::free_name(tx, folder.node.id, name).await?,
                None => name.clone(),
            };
            hub.hold_quota(tx, folder.space.id, ours.size_bytes).await?;
            tx.count_uses(ours.blob, 1, now);
            let write = Write {
                blob: ours.blob,
                size_bytes: ours.size_bytes,
                digest: ours.digest,
                media_type: ours.media_type.clone(),
                origin: Origin::Mirror(self.mirror.id),
                at_ms: now,
            };
            copied = Some(
                uploads::create_file(tx, &self.actor, (&folder, name), write)
                    .await?
                    .id,
            );
        }
        let policy = match copied {
            Some(_) => ConflictPolicy::KeepBoth,
            None => ConflictPolicy::LastWrite,
        };
        let conflict = NewConflict {
            mirror: &self.mirror,
            row: &thing.row,
            kind: kind_of(decided.clash),
            path,
            here: Some(before),
            there: thing.item.as_ref(),
            theirs: (after.version.as_ref().map(|version| version.number), None),
            copy: copied,
            decided: Some((policy, decided.winner)),
        };
        conflicts::record(tx, conflict, now).await?;
        Ok(())
    }
}

pub(super) const fn kind_of(clash: Clash) -> ConflictKind {
    match clash {
        Clash::EditEdit => ConflictKind::EditEdit,
        Clash::EditDelete => ConflictKind::EditDelete,
        Clash::DeleteEdit => ConflictKind::DeleteEdit,
        Clash::CreateCreate => ConflictKind::CreateCreate,
        Clash::KindKind => ConflictKind::KindKind,
    }
}

/// What of a place both sides agree on, once one of them is there.
pub(super) struct Agreed {
    parent: Option<u64>,
    names: Option<(String, String)>,
}

impl Agreed {
    pub(super) fn write(self, row: &mut EntryRow) {
        row.has_base = true;
        row.parent = self.parent.or(row.parent);
        row.names = self.names.or_else(|| row.names.take());
    }
}

impl MirrorDesk {
    /// What both sides agree on once the entry is here at `parent` under `name`: as far as it is so there now.
    fn agreed(&self, deed: Deed<'_>, parent: EntryId, name: &NodeName) -> Agreed {
        let entry = deed.loaded.scene.entries.get(&deed.entry);
        let there = entry.and_then(|entry| entry.there.as_ref());
        let Some(there) = there.filter(|_| !name.as_str().starts_with(TEMPORARY)) else {
            return Agreed {
                parent: None,
                names: None,
            };
        };
        let names = self.limits.names();
        // What is here already may have to get another name there as well.
        let is_new = entry.is_none_or(|entry| {
            entry.here.is_none() && entry.base.as_ref().is_none_or(|base| base.names.is_none())
        });
        let is_named = is_new || names.here(&there.name) == name.as_str();
        Agreed {
            parent: (there.parent == parent).then_some(parent.0),
            names: is_named.then(|| (name.to_string(), there.name.to_string())),
        }
    }
}

/// The media type of what no more is known of.
const UNKNOWN: &str = "application/octet-stream";
/// How names begin that make room on the way.
pub(super) const TEMPORARY: &str = ".~cumuli-";

pub(super) fn node_name(name: &str) -> Result<NodeName, MirrorError> {
    name.parse()
        .map_err(|_| MirrorError::Hub(HubError::invalid("name", "it is no name here")))
}
