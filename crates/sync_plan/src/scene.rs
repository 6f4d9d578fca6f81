//! What is known of the part of a mirror that is planned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::Millis;

/// What ties something here to something there. The same in every plan of a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

impl EntryId {
    /// The folder here and the folder there that are kept in step. It is in no scene and always exists.
    pub const ROOT: Self = Self(0);
}

/// A name on one side, exactly as that side has it.
pub type Name = Arc<str>;

/// One of the two sides of a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// This server.
    Here,
    /// The connection.
    There,
}

impl Side {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Here, Self::There];

    /// The opposite one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Here => Self::There,
            Self::There => Self::Here,
        }
    }
}

/// A content. Equal numbers within one scene are the same bytes, whichever side has them; different ones are
/// different bytes, unless [`Scene::unsure`] names the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Content(pub u64);

/// What an entry is on a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file with its content.
    File(Content),
    /// Something that has no counterpart on the other side: a document of the provider's own, a shortcut. It takes up
    /// its name, and keeps its folder from being removed; nothing else is done about it.
    Other,
}

impl Kind {
    /// The content of a file.
    pub const fn content(self) -> Option<Content> {
        match self {
            Self::File(content) => Some(content),
            Self::Folder | Self::Other => None,
        }
    }

    /// Whether both are files, both folders, or both something else.
    pub const fn is_same_sort(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Folder, Self::Folder) | (Self::File(_), Self::File(_)) | (Self::Other, Self::Other)
        )
    }
}

/// How an entry is on one side now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its folder.
    pub parent: EntryId,
    /// Its name there.
    pub name: Name,
    /// What it is.
    pub kind: Kind,
    /// The length of a file, bytes.
    pub size_bytes: u64,
    /// When its content was stored, by that side's own clock, put right by what is known of its error. Decides
    /// `last-write`, and nothing else.
    pub changed: Millis,
    /// Why it cannot go to the other side, where that was found out beforehand.
    pub obstacle: Option<Obstacle>,
}

/// What both sides agreed on last. Each part advances by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Base {
    /// The folder.
    pub parent: Option<EntryId>,
    /// The name here and the name there, which may differ where the provider cannot hold ours.
    pub names: Option<(Name, Name)>,
    /// The content, of a file.
    pub content: Option<Content>,
    /// Whether it was a folder.
    pub is_folder: bool,
}

/// Something that is, or was, on one or both sides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// How it is here; `None` when it is not (any more): gone, in the trash, moved out of the mirror, or in a folder of
    /// which one of these is true.
    pub here: Option<State>,
    /// How it is there.
    pub there: Option<State>,
    /// What was agreed last; `None` when it never was on both sides.
    pub base: Option<Base>,
    /// What a conflict about it is resolved by, where a pattern says otherwise than the mirror.
    pub policy: Option<super::Policy>,
    /// A person decides: it stays as it is on both sides, but for its place. An open conflict, or something that was
    /// left out of the plan by hand.
    pub is_parked: bool,
}

impl Entry {
    /// How it is on a side.
    pub const fn on(&self, side: Side) -> Option<&State> {
        match side {
            Side::Here => self.here.as_ref(),
            Side::There => self.there.as_ref(),
        }
    }
}

/// The part of a mirror that is planned.
///
/// It is closed: every folder that an entry is in, was in, or is about to be in, on either side, is in it too; and
/// whatever has one of the names, in one of the folders, that an entry may end up with. What is in a folder that is
/// about to be removed is in it, as far as there is room: a folder is removed only once nothing is left in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scene {
    /// Entries.
    pub entries: BTreeMap<EntryId, Entry>,
    /// Contents, the one here first, of the same length that cannot be told apart by the hashes that are known.
    pub unsure: BTreeSet<(Content, Content)>,
    /// Folders with more in them, on that side, than the scene holds.
    pub crowded: BTreeSet<(Side, EntryId)>,
}

/// Why something cannot go to the other side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Obstacle {
    /// A document of the provider's own.
    #[error("a document of the provider's own has no bytes to keep in step; open it there")]
    Document,
    /// A link to something else at the provider.
    #[error("a shortcut is not followed")]
    Shortcut,
    /// Something else that is neither a file nor a folder.
    #[error("it is neither a file nor a folder")]
    Odd,
    /// Larger than the other side takes.
    #[error("it is larger than the {most_bytes} bytes that a file may have there")]
    TooLarge {
        /// What it takes.
        most_bytes: u64,
    },
    /// The provider lets nobody but its owner change it.
    #[error("it may not be changed by this account")]
    ReadOnly,
    /// The connection takes nothing.
    #[error("nothing can be written to this connection")]
    ReadOnlyConnection,
    /// The name cannot be held there, not even encoded.
    #[error("its name cannot be held there: {0}")]
    Name(String),
    /// Folders are nested deeper than the other side takes.
    #[error("it lies deeper than the other side takes")]
    TooDeep,
    /// A rule of the mirror leaves it out.
    #[error("a rule of this mirror leaves it out: {0}")]
    Rule(String),
    /// A person left it out.
    #[error("it was left out by hand")]
    Skipped,
    /// The provider refuses it.
    #[error("the provider refuses it: {0}")]
    Refused(String),
}

impl Obstacle {
    /// Whether it is there because a person wants it, so that nothing is wrong.
    pub const fn is_wanted(&self) -> bool {
        matches!(self, Self::Rule(_) | Self::Skipped)
    }
}
