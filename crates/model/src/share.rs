//! What is given to others: rights of people, and public links.

use crate::{LinkId, Millis, NodeId, Right, ShareId, SpaceId, UserId};

/// A right on a node, and on all below it, given to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Stable id.
    pub id: ShareId,
    /// The node.
    pub node: NodeId,
    /// The space that the node is in.
    pub space: SpaceId,
    /// Who was given it.
    pub user: UserId,
    /// `View` or `Edit`.
    pub right: Right,
    /// Whether they may give as much to others.
    pub may_share: bool,
    /// Who gave it; unless they own the space, it reaches only as far as what they hold.
    pub given_by: UserId,
    /// When it was given.
    pub created_ms: Millis,
    /// When it was last changed.
    pub changed_ms: Millis,
}

/// What a public link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkMode {
    /// Look and download.
    View,
    /// Change it and what is below it, too.
    Edit,
    /// Put files into a folder and see nothing of it.
    Drop,
}

impl LinkMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::View, Self::Edit, Self::Drop];

    /// The word that stands for it in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
            Self::Drop => "drop",
        }
    }

    /// The mode that `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// A public address of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Stable id; it opens nothing.
    pub id: LinkId,
    /// The node.
    pub node: NodeId,
    /// The space that the node is in.
    pub space: SpaceId,
    /// Who made it; it reaches only as far as what they hold.
    pub given_by: UserId,
    /// What it is for.
    pub mode: LinkMode,
    /// Whether a password is needed.
    pub has_password: bool,
    /// What its maker calls it; may be empty.
    pub label: String,
    /// When it ends; `None` is never.
    pub expires_ms: Option<Millis>,
    /// How many downloads it allows; `None` is any number.
    pub most_downloads: Option<u64>,
    /// Downloads until now.
    pub downloads: u64,
    /// When it was made.
    pub created_ms: Millis,
    /// When it was last changed.
    pub changed_ms: Millis,
    /// When it was last opened, to within a minute.
    pub used_ms: Option<Millis>,
}
