//! Spaces, nodes, versions and blobs.

use std::borrow::Cow;
use std::fmt;

use crate::{BlobId, Digest, Millis, MirrorId, NodeId, NodeName, SpaceId, UserId};

/// One tree with one root folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Stable id.
    pub id: SpaceId,
    /// Whose it is.
    pub owner: UserId,
    /// Its root folder, which has no name of its own.
    pub root: NodeId,
    /// Number of the newest entry of its journal; 0 when there is none.
    pub head: u64,
    /// Bytes of all versions in it, the trash included.
    pub used_bytes: u64,
    /// Bytes set aside for uploads that are under way.
    pub reserved_bytes: u64,
}

/// A folder or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// Holds nodes.
    Folder,
    /// Holds versions.
    File,
}

/// Where and when a node was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trashed {
    /// When.
    pub at_ms: Millis,
    /// The folder it was in.
    pub from: NodeId,
}

/// A folder or a file in a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Stable id.
    pub id: NodeId,
    /// Its space.
    pub space: SpaceId,
    /// Its folder; `None` for a root, for the top of a deleted tree and while a copy is being built.
    pub parent: Option<NodeId>,
    /// Its name; empty for a root.
    pub name: NodeName,
    /// Folder or file.
    pub kind: NodeKind,
    /// The current version of a file.
    pub version: Option<Version>,
    /// Grows with every change of the node itself.
    pub revision: u64,
    /// When it was made.
    pub created_ms: Millis,
    /// When its content (a file) or name and place (a folder) last changed.
    pub modified_ms: Millis,
    /// Set on the top of a deleted tree, not on what is below it.
    pub trashed: Option<Trashed>,
}

impl Node {
    /// Bytes of the current version; 0 for a folder.
    pub fn size_bytes(&self) -> u64 {
        self.version.as_ref().map_or(0, |version| version.size_bytes)
    }

    /// Whether it is a folder.
    pub const fn is_folder(&self) -> bool {
        matches!(self.kind, NodeKind::Folder)
    }

    /// The entity tag of the content of a file, or of the state of a folder; without quotes.
    pub fn etag(&self) -> String {
        match &self.version {
            Some(version) => version.etag(),
            None => format!("{}-{}", self.id, self.revision),
        }
    }
}

/// One immutable content of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The file.
    pub node: NodeId,
    /// 1 for the first; never used twice, so gaps show where versions were removed.
    pub number: u64,
    /// Its bytes.
    pub blob: BlobId,
    /// How many they are.
    pub size_bytes: u64,
    /// Their SHA-256.
    pub digest: Option<Digest>,
    /// Media type, as the sender named it or as the name suggests.
    pub media_type: String,
    /// Who wrote it; `None` when the account is gone.
    pub author: Option<UserId>,
    /// Through which door it came.
    pub origin: Origin,
    /// When it was stored.
    pub created_ms: Millis,
}

impl Version {
    /// The entity tag of this content, without quotes. Never the same for two versions.
    pub fn etag(&self) -> String {
        Self::etag_of(self.node, self.number)
    }

    /// The entity tag of the version of this number.
    pub fn etag_of(node: NodeId, number: u64) -> String {
        format!("{node}-{number}")
    }
}

/// The door that a version came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The REST API.
    Api,
    /// The web page.
    Web,
    /// A restored older version.
    Restore,
    /// A copy of another file.
    Copy,
    /// WebDAV.
    Webdav,
    /// A visitor with a public link.
    Link,
    /// A mirror, which brought it from a connection.
    Mirror(MirrorId),
}

/// How the word for a mirror begins.
const MIRROR: &str = "sync:";

impl Origin {
    /// The word that stands for it in the catalog and the API; that for a mirror has its id.
    pub fn word(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Api => "api",
            Self::Web => "web",
            Self::Restore => "restore",
            Self::Copy => "copy",
            Self::Webdav => "webdav",
            Self::Link => "link",
            Self::Mirror(id) => return Cow::Owned(format!("{MIRROR}{id}")),
        })
    }

    /// The door that `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [
            Self::Api,
            Self::Web,
            Self::Restore,
            Self::Copy,
            Self::Webdav,
            Self::Link,
        ];
        match word.strip_prefix(MIRROR) {
            Some(id) => id.parse().ok().map(Self::Mirror),
            None => all.into_iter().find(|door| door.word() == word),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word())
    }
}

/// Whether a blob's bytes are believed to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlobState {
    /// As far as is known.
    Good,
    /// The scrub or a read found them missing, short or changed.
    Damaged,
}

/// Where a blob's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the catalog itself, beside the row: small contents, which one flush then covers.
    Inline,
    /// In a store, under a key that says nothing.
    Store(StoredAt),
}

/// Where in which store bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAt {
    /// The store's name, such as `local`.
    pub store: String,
    /// The key within it.
    pub key: String,
    /// The key that the bytes are sealed with, itself sealed; `None` when they are stored as they are.
    pub seal: Option<Vec<u8>>,
}

/// How it is known that the stored bytes have their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// We computed it, from the bytes as they were stored or as they were read back.
    Computed,
    /// The store computed and compared it when the bytes came.
    Asserted,
    /// It is not: nobody but the sender has seen the bytes yet.
    Unproven,
}

impl Proof {
    /// The word that stands for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Computed => "computed",
            Self::Asserted => "asserted by the store",
            Self::Unproven => "unproven",
        }
    }
}

/// Stored bytes; identical bytes are stored once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Stable id.
    pub id: BlobId,
    /// Where the bytes are.
    pub place: Place,
    /// How many they are.
    pub size_bytes: u64,
    /// Their SHA-256; `None` until bytes that were uploaded straight to the store were read back.
    pub digest: Option<Digest>,
    /// How many versions use it.
    pub refs: u64,
    /// Whether they are believed to be right.
    pub state: BlobState,
    /// How it is known that the bytes have that digest.
    pub proof: Proof,
    /// When that was last shown.
    pub proven_ms: Millis,
}

/// What to do when the name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnConflict {
    /// A file gets a new version; a folder of that name refuses.
    #[default]
    NewVersion,
    /// The newcomer gets a number: `report (2).pdf`.
    KeepBoth,
    /// Refuse.
    Fail,
}

/// What must hold of the current file for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Guard {
    /// Nothing.
    #[default]
    None,
    /// There is a file, whatever its content.
    Exists,
    /// There is a file with one of these entity tags (without quotes).
    Matches(Vec<String>),
    /// There is no file.
    Absent,
}
