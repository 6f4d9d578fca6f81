//! The journal of a space.

use crate::{Digest, Millis, NodeId, NodeKind, NodeName, SpaceId, UserId};

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// A folder or file was made.
    Created,
    /// A file got a new current content.
    Content,
    /// It got another name or folder; what is below it came along.
    Moved,
    /// It went to the trash with all below it.
    Trashed,
    /// It came back from the trash with all below it.
    Restored,
    /// It is gone for good with all below it.
    Purged,
    /// One of its versions that is not the current one was removed.
    VersionRemoved,
    /// Who may reach it changed. In the journal of its own space somebody was given, denied or left
    /// a right; in the journal of a person's own space that person has a right on it now.
    Shared,
    /// The person whose journal tells this no longer has the right that they were given on it.
    Unshared,
}

impl ChangeKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::Content,
        Self::Moved,
        Self::Trashed,
        Self::Restored,
        Self::Purged,
        Self::VersionRemoved,
        Self::Shared,
        Self::Unshared,
    ];

    /// The word that stands for it in the catalog and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Content => "content",
            Self::Moved => "moved",
            Self::Trashed => "trashed",
            Self::Restored => "restored",
            Self::Purged => "purged",
            Self::VersionRemoved => "version_removed",
            Self::Shared => "shared",
            Self::Unshared => "unshared",
        }
    }

    /// Whether it tells of rights, and leaves the tree as it was.
    pub const fn is_of_rights(self) -> bool {
        matches!(self, Self::Shared | Self::Unshared)
    }

    /// The kind that `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One entry of a space's journal: gapless, in the order of the commits.
///
/// It holds the node as it was right after the change, so that replaying a journal from its
/// first entry gives the tree. Entries of rights are passed over in that: they may speak of a node of
/// another space, and name no folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The space.
    pub space: SpaceId,
    /// Its number; the first is 1.
    pub seq: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// To which node.
    pub node: NodeId,
    /// Folder or file.
    pub node_kind: NodeKind,
    /// The folder it is in now; `None` in the trash, after a purge and while a copy is being built.
    pub parent: Option<NodeId>,
    /// Its name now.
    pub name: NodeName,
    /// Number of its current version.
    pub version: Option<u64>,
    /// Bytes of its current version.
    pub size_bytes: Option<u64>,
    /// SHA-256 of its current version.
    pub digest: Option<Digest>,
    /// Who did it; `None` for the server itself.
    pub actor: Option<UserId>,
    /// When.
    pub at_ms: Millis,
}
