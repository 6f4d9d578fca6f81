//! Calls that change something at the provider, as they are written down.

use catalog::{ConnectionFeed, EntryContent};
use model::{Millis, NodeId, RemoteItem, Version};
use serde::{Deserialize, Serialize};

/// A place there, and what is agreed once it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The folder's id.
    pub parent: String,
    /// The name there.
    pub name: String,
    /// The folder's entry, when ours is in it too.
    pub parent_entry: Option<u64>,
    /// The name here that it stands for, when ours has it.
    pub name_here: Option<String>,
}

impl Placed {
    /// Whether an item is at this place.
    pub fn is_of(&self, item: &RemoteItem) -> bool {
        item.parent.as_deref() == Some(self.parent.as_str()) && item.name == self.name
    }
}

/// A content of ours that is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The file.
    pub node: NodeId,
    /// The version.
    pub version: u64,
    /// Its length, bytes.
    pub size_bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: Option<String>,
}

/// A call that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// A folder is made.
    MakeFolder {
        /// Where.
        place: Placed,
        /// Its id, where ids can be had ahead.
        id: Option<String>,
    },
    /// A file is made.
    Create {
        /// Where.
        place: Placed,
        /// Its id, where ids can be had ahead.
        id: Option<String>,
        /// What.
        sent: Sent,
    },
    /// A content is replaced.
    Replace {
        /// The file.
        item: String,
        /// The content that it had.
        expected: String,
        /// What.
        sent: Sent,
    },
    /// Nothing is changed: a file has another content than was agreed on, and it is found out whether a write of ours came
    /// late.
    Audit {
        /// The file.
        item: String,
        /// The content that it had.
        expected: String,
        /// What that is here.
        agreed: Sent,
    },
    /// An item is moved or renamed.
    Relocate {
        /// The item.
        item: String,
        /// Where it goes.
        place: Placed,
        /// The folder that it came from.
        was_parent: Option<String>,
        /// The name that it had.
        was_name: String,
    },
    /// Where ids are paths, what is in a folder that moved is tied to what it was before.
    Follow {
        /// The folder, where it is now.
        item: String,
    },
    /// An item goes to the trash.
    Trash {
        /// The item.
        item: String,
        /// The content that it had.
        revision: Option<String>,
    },
    /// What went to the trash by mistake comes back.
    Restore {
        /// The item.
        item: String,
    },
    /// What a call made is looked at again: the connection was looked at meanwhile, and what was known then may be newer.
    Look {
        /// The item.
        item: String,
    },
    /// Contents of somebody else that ours replaced unseen are fetched from the provider's revisions.
    Rescue {
        /// The item.
        item: String,
        /// Which.
        revisions: Vec<String>,
    },
}

/// A call that was begun, and of which it is not known that it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The entry that it is about.
    pub entry: u64,
    /// The call.
    pub call: Call,
    /// How far the connection had been looked at before it was begun, or before it is found out what became of it.
    pub since: FeedMark,
}

impl Intent {
    /// Another call about the same entry.
    #[must_use]
    pub fn with(&self, call: Call) -> Self {
        Self { call, ..self.clone() }
    }
}

/// How far a connection was looked at. What an item is said to be is the newest that is known of it when nothing was taken
/// in since before that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedMark {
    cursor: Option<String>,
    settled: Option<Millis>,
}

impl From<Option<ConnectionFeed>> for FeedMark {
    fn from(feed: Option<ConnectionFeed>) -> Self {
        let (cursor, settled) = feed.map_or((None, None), |feed| (feed.cursor, feed.settled_ms));
        Self { cursor, settled }
    }
}

impl Call {
    /// What it does, in a word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::MakeFolder { .. } => "make_folder",
            Self::Create { .. } => "create",
            Self::Replace { .. } => "replace",
            Self::Audit { .. } => "audit",
            Self::Relocate { .. } => "relocate",
            Self::Trash { .. } => "trash",
            Self::Follow { .. } => "follow",
            Self::Restore { .. } => "restore",
            Self::Look { .. } => "look",
            Self::Rescue { .. } => "rescue",
        }
    }
}

impl From<&Version> for Sent {
    fn from(version: &Version) -> Self {
        Self {
            node: version.node,
            version: version.number,
            size_bytes: version.size_bytes,
            sha256: version.digest.map(|digest| digest.to_string()),
        }
    }
}

impl Sent {
    /// A content of which nobody knows what the provider called it.
    pub(super) fn content_before(&self) -> EntryContent {
        EntryContent {
            version: self.version,
            digest: self.sha256.as_deref().and_then(|text| text.parse().ok()),
            size_bytes: self.size_bytes,
            ..EntryContent::default()
        }
    }

    pub(super) fn content(&self, item: &RemoteItem) -> EntryContent {
        EntryContent {
            version: self.version,
            digest: self.sha256.as_deref().and_then(|text| text.parse().ok()),
            size_bytes: self.size_bytes,
            revision: item.revision.clone(),
            there_bytes: item.size_bytes,
            there_hashes: item.hashes.clone(),
        }
    }
}
