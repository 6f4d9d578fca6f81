//! Who acts, and what they may do.

use crate::{AppPasswordId, LinkId, Millis, MirrorId, Role, SessionId, UserId};

/// Who a request acts as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person, by a token or the page's cookie.
    User {
        /// Who.
        id: UserId,
        /// What the account may do besides its own.
        role: Role,
        /// The sign-in that the request belongs to.
        session: SessionId,
    },
    /// A program of a person, by one of their app passwords.
    App {
        /// Whose.
        id: UserId,
        /// By which password.
        password: AppPasswordId,
    },
    /// Somebody who holds a public link.
    Visitor {
        /// The link.
        link: LinkId,
        /// When they came: a link that ends later holds for all that they asked for then.
        at_ms: Millis,
    },
    /// A mirror, with the rights of who set it up.
    Mirror {
        /// Who did.
        owner: UserId,
        /// Which.
        mirror: MirrorId,
    },
    /// The server itself, doing a job.
    Worker,
}

impl Actor {
    /// The account behind the request; `None` for visitors and the server itself.
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } | Self::App { id, .. } | Self::Mirror { owner: id, .. } => Some(*id),
            Self::Visitor { .. } | Self::Worker => None,
        }
    }
}

/// What may be done with a node. A stronger right holds every weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// See it, list it, download it.
    View,
    /// Change it and what is below it.
    Edit,
    /// Everything, such as purge it or share it.
    Own,
}

impl Right {
    /// The word that stands for it in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
            Self::Own => "own",
        }
    }

    /// The right that `word` stands for, of those that can be given.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::View, Self::Edit]
            .into_iter()
            .find(|right| right.as_str() == word)
    }
}
