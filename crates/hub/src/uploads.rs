//! Uploads: a body becomes a version, durably, or nothing happens.

use catalog::{Entry, NewNode, Tx};
use futures_util::future::BoxFuture;
use model::{
    Actor, BlobId, ByteStream, ChangeKind, Digest, Guard, JobId, Millis, Node, NodeId, NodeKind, NodeName,
    NodePath, OnConflict, Origin, Right, Space, SpaceId, UploadId, Version,
};

use crate::access::{self, Found, Hold};
use crate::{Expected, FolderRef, Hub, HubError, Staged, folders, keys};

/// Numbers that are tried one after another for a free name; beyond them the steps double.
const NEXT_NAMES: u32 = 32;
/// The number at which the search for a free name ends.
const LAST_NAME: u32 = 1 << 30;
/// Versions that one upload prunes at the most; retention removes what a lowered limit leaves.
const PRUNED_AT_ONCE: u32 = 20;

/// Where an upload goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadPlace {
    /// Into a folder, under a name.
    In {
        /// The folder.
        folder: FolderRef,
        /// The name.
        name: NodeName,
    },
    /// To a path in the actor's space; missing folders are made.
    Path(NodePath),
    /// Over an existing file, whatever its name is by then.
    Over(NodeId),
    /// Into a folder of which the actor perhaps sees nothing: a name that is taken gets a number.
    Inbox {
        /// The folder.
        folder: FolderRef,
        /// The name.
        name: NodeName,
    },
}

/// What to make of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Where it goes.
    pub place: UploadPlace,
    /// What to do when the name is taken.
    pub on_conflict: OnConflict,
    /// What must hold of the current file.
    pub guard: Guard,
    /// Its media type.
    pub media_type: String,
    /// The door it came through.
    pub origin: Origin,
    /// Whether a job answers for it.
    pub is_tracked: bool,
}

/// What an upload made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The file.
    pub node: Node,
    /// Whether it is new; otherwise it got a new version.
    pub was_created: bool,
    /// The job that answers for it.
    pub job: Option<JobId>,
}

impl Hub {
    /// Stores `body` as a file.
    ///
    /// Bytes are durable before rows are, and rows before the answer: a crash leaves at most bytes
    /// that no file uses, which the sweep removes.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` (before a byte is read), `NameTaken`, `Stale`, `TooLarge`,
    /// `QuotaExceeded`, `DigestMismatch`, `Body`.
    pub async fn upload(
        &self,
        actor: &Actor,
        upload: Upload,
        expected: Expected,
        body: ByteStream,
    ) -> Result<Stored, HubError> {
        let inline_bytes = self.config().inline_bytes as u64;
        let is_small = expected.size_bytes.is_some_and(|size| size <= inline_bytes);
        // A small body that is on its way is here before a look at the rows would be over. All that
        // the look would find is found again when the rows are written.
        let limit_bytes = match is_small && !expected.is_held_back {
            true => inline_bytes.min(self.config().file_bytes),
            false => self.admit(actor, &upload, expected).await?,
        };
        let staged = self.stage(limit_bytes, expected, body).await?;
        self.finish_upload(actor, upload, staged).await
    }

    /// Checks before a byte is read that the upload can succeed, and says how long it may be.
    ///
    /// # Errors
    /// As [`Hub::upload`].
    pub async fn admit(&self, actor: &Actor, upload: &Upload, expected: Expected) -> Result<u64, HubError> {
        let mut tx = self.read().await?;
        let space = admitted(&mut tx, actor, upload, Hold::No).await?;
        let file_bytes = self.config().file_bytes;
        let free_bytes = self.free_bytes(&mut tx, &space).await?;
        match expected.size_bytes {
            Some(size) if size > file_bytes => Err(HubError::TooLarge {
                limit_bytes: file_bytes,
            }),
            Some(size) if size > free_bytes => Err(HubError::QuotaExceeded { free_bytes }),
            _ => Ok(file_bytes.min(free_bytes)),
        }
    }

    /// Makes a staged body a file.
    ///
    /// # Errors
    /// As [`Hub::upload`]; nothing is left of the body then.
    pub async fn finish_upload(
        &self,
        actor: &Actor,
        upload: Upload,
        staged: Staged,
    ) -> Result<Stored, HubError> {
        self.finish_upload_with(actor, upload, staged, None).await
    }

    /// The same, with more rows in its transaction.
    ///
    /// # Errors
    /// As [`Hub::upload`], and those of `more`.
    pub(crate) async fn finish_upload_with(
        &self,
        actor: &Actor,
        upload: Upload,
        mut staged: Staged,
        more: Option<More>,
    ) -> Result<Stored, HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let outcome = hub.commit_upload(&actor, (upload, more), &mut staged).await;
            if let Err(HubError::Internal(_) | HubError::Unavailable(_)) = &outcome {
                // Whether it was committed is not known: the sweep finds out.
                return outcome.map(|(stored, _)| stored);
            }
            match outcome {
                Ok((stored, is_kept)) => {
                    if !is_kept {
                        hub.discard(&staged.taken).await;
                    }
                    Ok(stored)
                }
                Err(error) => {
                    if staged.of.is_none_or(|of| !of.keeps_bytes) {
                        hub.discard(&staged.taken).await;
                    }
                    Err(error)
                }
            }
        })
        .await
    }

    /// Does the rows; answers also whether the staged bytes are in use.
    async fn commit_upload(
        &self,
        actor: &Actor,
        (upload, more): (Upload, Option<More>),
        staged: &mut Staged,
    ) -> Result<(Stored, bool), HubError> {
        let now = self.now();
        let mut tx = match staged.announced.take() {
            Some(announced) => announced.write().await?,
            None => self.write().await?,
        };
        let target = self.target(&mut tx, actor, &upload, now).await?;
        let size_bytes = staged.taken.size_bytes();
        let own_bytes = match staged.of {
            Some(of) => set_aside(&mut tx, of.id, target.space.id).await?,
            None => 0,
        };
        let free_bytes = self.free_bytes_beside(&mut tx, &target.space, own_bytes).await?;
        if size_bytes > free_bytes {
            return Err(HubError::QuotaExceeded { free_bytes });
        }
        let (blob, is_kept) = self.settle_blob(&mut tx, staged, now).await?;
        let write = Write {
            blob,
            size_bytes,
            digest: staged.digest(),
            media_type: upload.media_type,
            origin: upload.origin,
            at_ms: now,
        };
        let is_top = target.is_top;
        let before = target.current.clone();
        let (mut node, was_created) = match target.current {
            Some(file) => (self.overwrite(&mut tx, actor, file, write).await?, false),
            None => (
                create_file(&mut tx, actor, (&target.folder, target.name), write).await?,
                true,
            ),
        };
        if let Some(of) = staged.of {
            self.end_transfer(&mut tx, of, (&node, blob)).await?;
        }
        let job = match upload.is_tracked {
            true => Some(self.track_upload(&mut tx, actor, &node, now).await?),
            false => None,
        };
        if let Some(more) = more {
            more(&mut tx, (before, node.clone())).await?;
        }
        tx.commit().await?;
        node.parent = node.parent.filter(|_| !is_top);
        Ok((
            Stored {
                node,
                was_created,
                job,
            },
            is_kept,
        ))
    }

    /// Finds, and holds, where an upload goes.
    async fn target(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        upload: &Upload,
        now: Millis,
    ) -> Result<Target, HubError> {
        let (folder, name) = match &upload.place {
            UploadPlace::Over(file) => {
                let file = access::file(tx, actor, *file, Right::Edit, Hold::Yes).await?;
                check_guard(&upload.guard, Some(&file.node))?;
                let name = file.node.name.clone();
                return Ok(Target {
                    space: file.space.clone(),
                    folder: file.clone(),
                    name,
                    is_top: file.is_top(),
                    current: Some(file.node),
                });
            }
            UploadPlace::Inbox { folder, name } => {
                let folder = access::inbox(tx, actor, *folder, Hold::Yes).await?;
                folders::check_depth(&folder, 0)?;
                let name = match access::child(tx, &folder, name).await? {
                    Some(_) => free_name(tx, folder.node.id, name).await?,
                    None => name.clone(),
                };
                return Ok(Target {
                    space: folder.space.clone(),
                    folder,
                    name,
                    is_top: false,
                    current: None,
                });
            }
            UploadPlace::In { folder, name } => (
                access::folder(tx, actor, *folder, Right::Edit, Hold::Yes).await?,
                name.clone(),
            ),
            UploadPlace::Path(path) => {
                let (name, folders) = path
                    .split_last()
                    .ok_or_else(|| HubError::invalid("path", "a file needs a name"))?;
                let root = access::folder(tx, actor, FolderRef::Root, Right::Edit, Hold::Yes).await?;
                (
                    folders::make_path(tx, actor, root, folders.names(), now).await?,
                    name.clone(),
                )
            }
        };
        let current = access::child(tx, &folder, &name).await?;
        check_guard(&upload.guard, current.as_ref())?;
        check_conflict(upload.on_conflict, current.as_ref())?;
        let (name, current) = match (current, upload.on_conflict) {
            (Some(_), OnConflict::KeepBoth) => (free_name(tx, folder.node.id, &name).await?, None),
            (current, _) => (name, current),
        };
        folders::check_depth(&folder, 0)?;
        Ok(Target {
            space: folder.space.clone(),
            folder,
            name,
            is_top: false,
            current,
        })
    }

    /// Bytes that a space may still take.
    pub(crate) async fn free_bytes(&self, tx: &mut Tx, space: &Space) -> Result<u64, HubError> {
        self.free_bytes_beside(tx, space, 0).await
    }

    /// The same for one for whom so many bytes are set aside.
    pub(crate) async fn free_bytes_beside(
        &self,
        tx: &mut Tx,
        space: &Space,
        own_bytes: u64,
    ) -> Result<u64, HubError> {
        let quota = match tx.user(space.owner).await?.and_then(|owner| owner.quota_bytes) {
            Some(quota) => Some(quota),
            None => self.config().quota_bytes,
        };
        let taken_bytes = space.used_bytes + space.reserved_bytes.saturating_sub(own_bytes);
        Ok(quota.map_or(u64::MAX, |quota| quota.saturating_sub(taken_bytes)))
    }

    /// Gives a file its next version and removes the oldest ones beyond the limit.
    pub(crate) async fn overwrite(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        mut file: Node,
        write: Write,
    ) -> Result<Node, HubError> {
        let now = write.at_ms;
        let number = file.version.as_ref().map_or(1, |version| version.number + 1);
        let version = write.version(actor, file.id, number);
        tx.create_version(&version).await?;
        tx.set_current(file.id, number, version.size_bytes, now).await?;
        let mut grown_bytes = signed(version.size_bytes);
        let keep = self.config().keep_versions;
        if keep > 0 && number > u64::from(keep) {
            for old in tx.versions_beyond(file.id, keep, PRUNED_AT_ONCE).await? {
                grown_bytes -= signed(old.size_bytes);
                tx.remove_version(old.node, old.number).await?;
                tx.count_uses(old.blob, -1, now);
            }
        }
        file.version = Some(version);
        file.modified_ms = now;
        file.revision += 1;
        let entry = Entry {
            kind: ChangeKind::Content,
            node: &file,
            actor: actor.user(),
            at_ms: now,
            grown_bytes,
        };
        tx.record(entry).await?;
        Ok(file)
    }
}

/// What else belongs into the transaction of an upload: with the file as it was before, and as it is.
pub(crate) type More =
    Box<dyn for<'a> FnOnce(&'a mut Tx, (Option<Node>, Node)) -> BoxFuture<'a, Result<(), HubError>> + Send>;

struct Target {
    space: Space,
    folder: Found,
    name: NodeName,
    /// Whether the file's folder is not to be told.
    is_top: bool,
    current: Option<Node>,
}

/// The content of a version to be made.
pub(crate) struct Write {
    pub blob: BlobId,
    pub size_bytes: u64,
    pub digest: Option<Digest>,
    pub media_type: String,
    pub origin: Origin,
    pub at_ms: Millis,
}

impl Write {
    fn version(self, actor: &Actor, node: NodeId, number: u64) -> Version {
        Version {
            node,
            number,
            blob: self.blob,
            size_bytes: self.size_bytes,
            digest: self.digest,
            media_type: self.media_type,
            author: actor.user(),
            origin: self.origin,
            created_ms: self.at_ms,
        }
    }
}

/// Makes a file with its first version in a folder that is held, under a name that is free.
pub(crate) async fn create_file(
    tx: &mut Tx,
    actor: &Actor,
    (folder, name): (&Found, NodeName),
    write: Write,
) -> Result<Node, HubError> {
    let now = write.at_ms;
    let id = NodeId::new(now, keys::random());
    let size_bytes = write.size_bytes;
    let new = NewNode {
        id,
        space: folder.space.id,
        parent: Some(folder.node.id),
        name: &name,
        kind: NodeKind::File,
        size_bytes,
        height: 0,
        now,
    };
    if !tx.create_node(new).await? {
        return Err(HubError::NameTaken(name.to_string()));
    }
    let version = write.version(actor, id, 1);
    tx.create_version(&version).await?;
    folders::raise(tx, &folder.way, 1).await?;
    let node = Node {
        id,
        space: folder.space.id,
        parent: Some(folder.node.id),
        name,
        kind: NodeKind::File,
        version: Some(version),
        revision: 1,
        created_ms: now,
        modified_ms: now,
        trashed: None,
    };
    let entry = Entry {
        kind: ChangeKind::Created,
        node: &node,
        actor: actor.user(),
        at_ms: now,
        grown_bytes: signed(size_bytes),
    };
    tx.record(entry).await?;
    Ok(node)
}

/// What is set aside in a space for a transfer, and is what it now takes.
async fn set_aside(tx: &mut Tx, id: UploadId, space: SpaceId) -> Result<u64, HubError> {
    let transfer = tx.upload(id).await?.ok_or(HubError::NotFound("upload"))?;
    let is_here = transfer.space == space;
    Ok(if is_here { transfer.reserved_bytes } else { 0 })
}

/// Checks that an upload may be made now, and says in which space.
pub(crate) async fn admitted(
    tx: &mut Tx,
    actor: &Actor,
    upload: &Upload,
    hold: Hold,
) -> Result<Space, HubError> {
    Ok(match &upload.place {
        UploadPlace::In { folder, name } => {
            let folder = access::folder(tx, actor, *folder, Right::Edit, hold).await?;
            let current = access::child(tx, &folder, name).await?;
            check_guard(&upload.guard, current.as_ref())?;
            check_conflict(upload.on_conflict, current.as_ref())?;
            folder.space
        }
        UploadPlace::Over(file) => {
            let file = access::file(tx, actor, *file, Right::Edit, hold).await?;
            check_guard(&upload.guard, Some(&file.node))?;
            file.space
        }
        UploadPlace::Inbox { folder, .. } => access::inbox(tx, actor, *folder, hold).await?.space,
        UploadPlace::Path(path) => {
            let root = access::folder(tx, actor, FolderRef::Root, Right::Edit, hold).await?;
            let current = find(tx, root.node.id, path).await?;
            check_guard(&upload.guard, current.as_ref())?;
            check_conflict(upload.on_conflict, current.as_ref())?;
            root.space
        }
    })
}

/// Finds what is at a path now, as far as its folders are there.
async fn find(tx: &mut Tx, root: NodeId, path: &NodePath) -> Result<Option<Node>, HubError> {
    // A form sends its name after its bytes: until then its path is empty.
    let Some((name, folders)) = path.split_last() else {
        return Ok(None);
    };
    let mut at = root;
    for folder in folders.names() {
        match tx.child(at, folder).await? {
            Some(node) if node.is_folder() => at = node.id,
            Some(file) => return Err(HubError::NameTaken(file.name.to_string())),
            None => return Ok(None),
        }
    }
    Ok(tx.child(at, name).await?)
}

/// Finds `report (2).pdf` or a number after it that is free: the next one, as long as they are few.
pub(crate) async fn free_name(tx: &mut Tx, folder: NodeId, name: &NodeName) -> Result<NodeName, HubError> {
    let mut taken = 1;
    let mut free = 2;
    while tx.child(folder, &name.numbered(free)).await?.is_some() {
        taken = free;
        free = if free < NEXT_NAMES { free + 1 } else { free * 2 };
        if free > LAST_NAME {
            return Err(HubError::NameTaken(name.to_string()));
        }
    }
    // Between one that is taken and one that is free, two neighbours are.
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        match tx.child(folder, &name.numbered(middle)).await? {
            Some(_) => taken = middle,
            None => free = middle,
        }
    }
    Ok(name.numbered(free))
}

fn check_guard(guard: &Guard, current: Option<&Node>) -> Result<(), HubError> {
    let file = current.filter(|node| !node.is_folder());
    let holds = match guard {
        Guard::None => true,
        Guard::Exists => file.is_some(),
        Guard::Absent => current.is_none(),
        Guard::Matches(tags) => file.is_some_and(|file| tags.contains(&file.etag())),
    };
    if holds { Ok(()) } else { Err(HubError::Stale) }
}

fn check_conflict(on_conflict: OnConflict, current: Option<&Node>) -> Result<(), HubError> {
    match (on_conflict, current) {
        (OnConflict::Fail, Some(node)) => Err(HubError::NameTaken(node.name.to_string())),
        (OnConflict::NewVersion, Some(node)) if node.is_folder() => {
            Err(HubError::NameTaken(node.name.to_string()))
        }
        _ => Ok(()),
    }
}

/// A size as a difference.
pub(crate) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
