//! What items are, and what can be asked of a drive to do with them.

use bytes::Bytes;

/// Which service keeps a drive; they differ in much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriveType {
    /// A person's own `OneDrive`.
    Personal,
    /// `OneDrive` in an organization, which is `SharePoint` underneath.
    Business,
}

impl DriveType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Business => "business",
        }
    }
}

/// Bytes that a file holds or held.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// The name of this version.
    pub(crate) version: u64,
    pub(crate) size_bytes: u64,
    pub(crate) hash: String,
    /// The bytes, unless the fake was told to keep hashes only.
    pub(crate) bytes: Option<Bytes>,
    /// When they came.
    pub(crate) at_ms: i64,
}

/// What an item is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Folder,
    File(Content),
    /// A notebook, which is neither a file nor a folder.
    Package,
    /// A mount of an item in another drive.
    Shortcut {
        drive: String,
        item: String,
    },
}

/// One item, alive or deleted.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) guid: String,
    pub(crate) name: String,
    /// Nothing for the root.
    pub(crate) parent: Option<String>,
    pub(crate) kind: Kind,
    /// Counts any change.
    pub(crate) revision: u64,
    /// Counts changes of content; for a folder those of anything below.
    pub(crate) content_revision: u64,
    pub(crate) created_ms: i64,
    /// When the service last saw it change.
    pub(crate) modified_ms: i64,
    /// When the client says that it was made and changed.
    pub(crate) times: Times,
    pub(crate) is_deleted: bool,
    /// A download is refused.
    pub(crate) has_malware: bool,
    /// A change is refused with 423.
    pub(crate) is_locked: bool,
    /// Its name as a special folder, such as `approot`.
    pub(crate) special: Option<&'static str>,
}

impl Item {
    pub(crate) const fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder)
    }

    pub(crate) const fn content(&self) -> Option<&Content> {
        match &self.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }
}

/// The times that a client gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) created_ms: Option<i64>,
    pub(crate) modified_ms: Option<i64>,
}

/// What to do when the name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    Fail,
    Replace,
    Rename,
}

/// One entry of the log: how an item was after a change.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) seq: u64,
    pub(crate) at_ms: i64,
    pub(crate) item: Item,
}

/// What to make.
#[derive(Clone, Debug)]
pub(crate) struct New<'a> {
    pub(crate) folder: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) conflict: Conflict,
    pub(crate) times: Times,
}

/// Whether something new came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    New,
    Replaced,
}

/// What to change of an item.
#[derive(Clone, Debug)]
pub(crate) struct Patch<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) parent: Option<&'a str>,
    pub(crate) times: Times,
    pub(crate) conflict: Conflict,
}
