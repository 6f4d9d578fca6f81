//! What is at a connection, and what changed.

use super::{Item, ItemId};

/// A position in a connection's feed. Opaque; it may hold what identifies the drive, and no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// A page of a feed. Persist its effects and its cursor together, or neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// What was told, in order. An id may come several times: the last one counts. A child may come before
    /// its parent.
    pub entries: Vec<Entry>,
    /// These pages, from the first to the one that is settled, are all there is: what they do not name is not
    /// there. Otherwise they are what changed.
    pub is_snapshot: bool,
    /// How it goes on.
    pub next: Next,
}

/// One thing that a feed tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An item as it is now; in the trash when it says so.
    Is(Box<Item>),
    /// An item is gone, or we may not see it any more.
    Gone(ItemId),
}

/// How a feed goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There are more pages: ask again at once.
    More(Cursor),
    /// This was the last for now: ask again later.
    Settled(Cursor),
}

impl Next {
    /// The cursor of the next call.
    pub const fn cursor(&self) -> &Cursor {
        match self {
            Self::More(cursor) | Self::Settled(cursor) => cursor,
        }
    }

    /// Whether the feed has told all that it knows.
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Settled(_))
    }
}
