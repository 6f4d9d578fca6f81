//! What decisions changed here, so that they can be taken back; and the changes themselves, each a part of one
//! transaction.

use catalog::Tx;
use model::{
    Actor, Blob, Conflict, ConflictPolicy, Guard, Millis, Node, NodeId, NodeName, Origin, Resolution, Right,
    UserId, Version, Winner,
};
use serde::{Deserialize, Serialize};

use crate::access::{self, Hold};
use crate::uploads::{Write, create_file, free_name};
use crate::{Hub, HubError, nodes, trash};

const NOT_KEPT: HubError = HubError::Conflict("that content is not kept here any more");
pub(super) const GONE: HubError =
    HubError::Conflict("the file is not here any more, or you may not change it");

/// One decision, and what it changed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Act {
    policy: String,
    winner: Option<String>,
    /// `None` is the mirror's policy.
    by: Option<UserId>,
    notes: Option<String>,
    at_ms: i64,
    /// When and by whom it was taken back.
    pub undone: Option<(i64, Option<UserId>)>,
    /// The conflict was open before.
    pub was_open: bool,
    /// What it changed.
    pub changed: Changed,
}

/// What a decision changed here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Changed {
    /// The file's current version before.
    pub before: Option<u64>,
    /// The file's current version after.
    pub after: Option<u64>,
    /// The version that keeps theirs.
    pub captured: Option<u64>,
    /// The file beside that it made.
    pub made: Option<NodeId>,
    /// What it put into the trash.
    pub trashed: Vec<NodeId>,
    /// What it took out of the trash.
    pub restored: Vec<NodeId>,
}

impl Act {
    pub fn new(resolution: &Resolution, was_open: bool, changed: Changed) -> Self {
        Self {
            policy: resolution.policy.as_str().to_owned(),
            winner: resolution.winner.map(|winner| winner.as_str().to_owned()),
            by: resolution.by,
            notes: resolution.notes.clone(),
            at_ms: resolution.at_ms.0,
            undone: None,
            was_open,
            changed,
        }
    }

    /// How the conflict ended by it.
    pub fn resolution(&self) -> Resolution {
        Resolution {
            policy: ConflictPolicy::from_word(&self.policy).unwrap_or(ConflictPolicy::Manual),
            winner: self.winner.as_deref().and_then(Winner::from_word),
            by: self.by,
            notes: self.notes.clone(),
            at_ms: Millis(self.at_ms),
            undone_ms: self.undone.map(|(at_ms, _)| Millis(at_ms)),
        }
    }
}

/// All decisions about a conflict that are known, the oldest first; the first may be the mirror's own.
pub(super) fn acts(conflict: &Conflict) -> Vec<Act> {
    let written: Vec<Act> = serde_json::from_str(&conflict.history).unwrap_or_default();
    if written.is_empty()
        && let Some(resolution) = &conflict.resolution
    {
        return vec![Act::new(resolution, false, Changed::default())];
    }
    written
}

/// Writes the decisions about a conflict down: the last that was not taken back holds.
pub(super) fn put_acts(conflict: &mut Conflict, acts: &[Act]) {
    conflict.history = serde_json::to_string(acts).expect("acts can be written as JSON");
    let holds = acts.iter().rev().find(|act| act.undone.is_none());
    conflict.resolution = holds.map(Act::resolution);
}

/// A change of nodes, as somebody, at a time, in a transaction.
pub(super) struct Desk<'a> {
    pub hub: &'a Hub,
    pub tx: &'a mut Tx,
    pub actor: &'a Actor,
    pub now: Millis,
}

impl Desk<'_> {
    /// The file, held; it must be live and the actor's to change.
    pub async fn file(&mut self, id: NodeId) -> Result<access::Found, HubError> {
        let found = access::file(self.tx, self.actor, id, Right::Edit, Hold::Yes).await;
        found.map_err(|error| match error {
            HubError::NotFound(_) => GONE,
            error => error,
        })
    }

    /// The file, if it is live.
    pub async fn live(&mut self, id: Option<NodeId>) -> Result<Option<access::Found>, HubError> {
        let Some(id) = id else { return Ok(None) };
        match access::file(self.tx, self.actor, id, Right::Edit, Hold::Yes).await {
            Ok(found) => Ok(Some(found)),
            Err(HubError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A version that must still be kept.
    pub async fn version(&mut self, file: NodeId, number: Option<u64>) -> Result<Version, HubError> {
        let number = number.ok_or(NOT_KEPT)?;
        self.tx.version(file, number).await?.ok_or(NOT_KEPT)
    }

    /// Gives a file a content that is here already, as a new version, unless it has it.
    pub async fn give(&mut self, file: access::Found, content: &Version) -> Result<Node, HubError> {
        let current = file.node.version.as_ref();
        if current.is_some_and(|current| current.blob == content.blob) {
            return Ok(file.node);
        }
        let free_bytes = self.hub.free_bytes(self.tx, &file.space).await?;
        if content.size_bytes > free_bytes {
            return Err(HubError::QuotaExceeded { free_bytes });
        }
        self.tx.count_uses(content.blob, 1, self.now);
        let write = self.write(content, Origin::Restore);
        self.hub.overwrite(self.tx, self.actor, file.node, write).await
    }

    /// Makes a file beside another with a content that is here already.
    pub async fn beside(
        &mut self,
        file: &access::Found,
        name: NodeName,
        content: &Version,
    ) -> Result<Node, HubError> {
        let parent = file.node.parent.ok_or(GONE)?;
        let folder = access::FolderRef::Id(parent);
        let folder = access::folder(self.tx, self.actor, folder, Right::Edit, Hold::Yes).await?;
        let free_bytes = self.hub.free_bytes(self.tx, &folder.space).await?;
        if content.size_bytes > free_bytes {
            return Err(HubError::QuotaExceeded { free_bytes });
        }
        let name = match access::child(self.tx, &folder, &name).await? {
            Some(_) => free_name(self.tx, folder.node.id, &name).await?,
            None => name,
        };
        self.tx.count_uses(content.blob, 1, self.now);
        let write = self.write(content, Origin::Copy);
        create_file(self.tx, self.actor, (&folder, name), write).await
    }

    fn write(&self, content: &Version, origin: Origin) -> Write {
        Write {
            blob: content.blob,
            size_bytes: content.size_bytes,
            digest: content.digest,
            media_type: content.media_type.clone(),
            origin,
            at_ms: self.now,
        }
    }

    /// Moves a file to the trash.
    pub async fn trash(&mut self, id: NodeId) -> Result<(), HubError> {
        nodes::trash_node(self.tx, self.actor, (id, &Guard::None), self.now).await?;
        Ok(())
    }

    /// Takes a file out of the trash.
    pub async fn restore(&mut self, id: NodeId) -> Result<Node, HubError> {
        let restored = trash::restore_node(self.tx, self.actor, (id, None, None), self.now).await;
        restored.map(|(node, _)| node).map_err(|error| match error {
            HubError::NotFound(_) => HubError::Conflict("the file is not in the trash any more"),
            error => error,
        })
    }

    /// Whether a node lies in the trash as the top of what was deleted.
    pub async fn is_trashed(&mut self, id: NodeId) -> Result<bool, HubError> {
        let node = self.tx.node(id).await?;
        Ok(node.is_some_and(|node| node.trashed.is_some()))
    }
}

/// What the file beside is called that keeps ours: `report (conflict 12).pdf`.
pub(super) fn copy_name(name: &NodeName, conflict: &Conflict) -> NodeName {
    let mark = format!(" (conflict {})", conflict.number);
    let text = name.as_str();
    let (stem, ending) = match text.rfind('.') {
        Some(dot) if dot > 0 && text.len() - dot <= 32 => text.split_at(dot),
        _ => (text, ""),
    };
    let mut end = stem
        .len()
        .min(model::limits::NAME_BYTES.saturating_sub(mark.len() + ending.len()));
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let named = NodeName::new(&format!("{}{mark}{ending}", &stem[..end]));
    named.unwrap_or_else(|_| name.numbered(2))
}

/// The blob of a version, for reading.
pub(super) async fn blob_of(tx: &mut Tx, version: &Version) -> Result<Blob, HubError> {
    tx.blob(version.blob).await?.ok_or(HubError::Damaged)
}
