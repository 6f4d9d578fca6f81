//! What is in a drive.

use model::Millis;

use super::Hashes;

/// An item's name for itself: a provider's id, or a path where there are none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub String);

/// Which content a file has. Changes with every content, and with nothing else where the provider can tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revision(pub String);

/// How an item is: changes with its content, and with its name, place and other metadata where the
/// provider has such a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(pub String);

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// A folder.
    Folder,
    /// A file with bytes.
    File,
    /// A document of the provider's own, without bytes: it can be exported, never overwritten.
    Document {
        /// Media types that it can be exported as, the best to keep first.
        exports: Vec<&'static str>,
    },
    /// A link to another item, which is not followed.
    Shortcut {
        /// The item that it leads to, when it is told.
        target: Option<ItemId>,
    },
    /// Something else that is neither a file nor a folder (a notebook, a form).
    Other,
}

/// A file, folder or other thing in a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// The folder that it is in; `None` of the root and of what is in no folder that we see.
    pub parent: Option<ItemId>,
    /// Its name exactly as the provider tells it, which may be no name here.
    pub name: String,
    /// What it is.
    pub kind: ItemKind,
    /// The length of a file, bytes. What providers tell of other kinds is not kept.
    pub size_bytes: Option<u64>,
    /// Its media type.
    pub media_type: Option<String>,
    /// Hashes of its content.
    pub hashes: Hashes,
    /// Which content it has. Files have one.
    pub revision: Option<Revision>,
    /// How it is.
    pub tag: Option<Tag>,
    /// When its content was last modified, as whoever wrote it says.
    pub modified: Option<Millis>,
    /// It is in the trash, itself or with a folder above.
    pub is_trashed: bool,
    /// Its content may be replaced, and its name and place changed, by us.
    pub is_editable: bool,
    /// Its page at the provider, for people.
    pub web_url: Option<String>,
}

/// A page of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPage {
    /// Items.
    pub items: Vec<Item>,
    /// What to ask the next page with; `None` on the last. It holds for minutes.
    pub next: Option<String>,
    /// The provider says that something may be missing.
    pub is_partial: bool,
}

/// Whose drive it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The drive's lasting id at the provider: the same as before, or it is another drive.
    pub drive: String,
    /// Whose it is, for people: an address, a bucket's name, a path.
    pub owner: String,
    /// The kind of drive, where one provider has several: `personal`, `business`.
    pub flavour: Option<String>,
    /// The root folder.
    pub root: ItemId,
    /// Room, where it is told.
    pub quota: Option<Quota>,
    /// How far the provider's clock is ahead of ours, milliseconds, when it told.
    pub skew_ms: Option<i64>,
}

/// Room at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Used, bytes.
    pub used_bytes: u64,
    /// In all, bytes; `None` is no limit that is told.
    pub limit_bytes: Option<u64>,
}

/// A content that a file had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Which.
    pub revision: Revision,
    /// Its length, bytes.
    pub size_bytes: Option<u64>,
    /// Its hashes.
    pub hashes: Hashes,
    /// When it was written.
    pub modified: Option<Millis>,
    /// Who wrote it, for people.
    pub author: Option<String>,
}

impl Past {
    /// What [`super::fetch()`] reads it as; `id`: the file's.
    pub fn of(self, id: ItemId) -> Item {
        Item {
            id,
            parent: None,
            name: String::new(),
            kind: ItemKind::File,
            size_bytes: self.size_bytes,
            media_type: None,
            hashes: self.hashes,
            revision: Some(self.revision),
            tag: None,
            modified: self.modified,
            is_trashed: false,
            is_editable: true,
            web_url: None,
        }
    }
}

/// An address that gives a content to whoever has it.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectLink {
    /// The address.
    pub url: String,
    /// Until when it works, as far as is known.
    pub expires: Millis,
}

impl std::fmt::Debug for DirectLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirectLink(***)")
    }
}

impl Item {
    /// Whether it is a folder.
    pub const fn is_folder(&self) -> bool {
        matches!(self.kind, ItemKind::Folder)
    }

    /// Whether it is a file with bytes.
    pub const fn is_file(&self) -> bool {
        matches!(self.kind, ItemKind::File)
    }
}
