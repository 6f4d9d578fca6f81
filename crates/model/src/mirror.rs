//! Folders that are kept in step with folders at connections.

use crate::{ConnectionId, Millis, MirrorId, NodeId, SpaceId, UserId};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word that stands for it in the catalog and the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What `word` stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }
    };
}

pub(crate) use words;

words! {
    /// Which way changes go.
    MirrorDirection {
        /// Both ways.
        TwoWay = "two-way",
        /// From here to there only.
        Push = "push",
        /// From there to here only.
        Pull = "pull",
    }
}

words! {
    /// What is done when both sides changed a content.
    ConflictPolicy {
        /// The later one is current, the other becomes an earlier version.
        LastWrite = "last-write",
        /// Both stay, side by side.
        KeepBoth = "keep-both",
        /// A person decides; until then both sides keep theirs.
        Manual = "manual",
    }
}

words! {
    /// What a push or pull does about a change on the side that only receives.
    MirrorDrift {
        /// It stays, and is told.
        Leave = "leave",
        /// It is undone; what it replaced is kept as a version or in the trash.
        Revert = "revert",
    }
}

words! {
    /// Whether a mirror runs.
    MirrorState {
        /// It does.
        Active = "active",
        /// A person stopped it for now.
        Paused = "paused",
        /// It would delete so much that a person has to look at it first; all else goes on.
        Held = "held",
        /// A person has to do something: its reason says what.
        Trouble = "trouble",
    }
}

words! {
    /// What two changes clash in.
    ConflictKind {
        /// Both sides changed the content.
        EditEdit = "edit_edit",
        /// Changed here, deleted there.
        EditDelete = "edit_delete",
        /// Deleted here, changed there.
        DeleteEdit = "delete_edit",
        /// Two files came to one name.
        CreateCreate = "create_create",
        /// A file and a folder came to one name.
        KindKind = "kind_kind",
        /// A write or deletion of ours came after a change of somebody else that nobody here had seen; theirs was brought
        /// back.
        Overwrote = "overwrote",
    }
}

/// A rule for what a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorRule {
    /// Matches the path below the mirror's folder, or the name when it has no slash: `*` any characters but a slash,
    /// `**` any, `?` one. The case counts.
    pub pattern: String,
    /// What is done with it; `None` leaves it out.
    pub policy: Option<ConflictPolicy>,
}

/// A folder here that is kept in step with a folder at a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Its id.
    pub id: MirrorId,
    /// Small, and never used twice; 0 before it is stored.
    pub number: u64,
    /// Who set it up: it acts with their rights.
    pub owner: UserId,
    /// The connection.
    pub connection: ConnectionId,
    /// The folder here.
    pub node: NodeId,
    /// The space that it is in.
    pub space: SpaceId,
    /// The folder's id there.
    pub item: String,
    /// The drive's lasting id when the mirror was made: another one is not the same drive any more.
    pub drive: String,
    /// Which way changes go.
    pub direction: MirrorDirection,
    /// What is done when both sides changed a content.
    pub policy: ConflictPolicy,
    /// For a push or a pull.
    pub drift: MirrorDrift,
    /// Exceptions; the first that matches counts.
    pub rules: Vec<MirrorRule>,
    /// Deletes that need a person's word: more than so many; `None` is the server's setting.
    pub most_deletes: Option<u32>,
    /// Whether it runs.
    pub state: MirrorState,
    /// Why not, in a sentence that says what to do.
    pub reason: Option<String>,
    /// It is where uploads that ask for a copy at this kind of provider go.
    pub is_default: bool,
    /// When it was made.
    pub created_ms: Millis,
    /// How far it has come.
    pub progress: MirrorProgress,
}

/// How far a mirror has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MirrorProgress {
    /// The last entry of the space's journal that was taken in.
    pub here_seq: u64,
    /// The last entry of the connection's journal that was taken in.
    pub there_seq: u64,
    /// Everything was compared at least once.
    pub is_complete: bool,
    /// When the last round began.
    pub began_ms: Option<Millis>,
    /// When there was last nothing left to do.
    pub in_step_ms: Option<Millis>,
    /// Since when there is something to do.
    pub behind_ms: Option<Millis>,
    /// When the next round is due.
    pub next_ms: Millis,
    /// Rounds that failed in a row.
    pub failures: u32,
}

impl Mirror {
    /// The room that it leaves for a default.
    pub const fn is_running(&self) -> bool {
        matches!(self.state, MirrorState::Active | MirrorState::Held)
    }
}

/// One side of a conflict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConflictSide {
    /// Its name.
    pub name: String,
    /// The number of the version here that has its content.
    pub version: Option<u64>,
    /// The provider's word for its content.
    pub revision: Option<String>,
    /// Its length, bytes.
    pub size_bytes: Option<u64>,
    /// The SHA-256 of its content, or the provider's hash of it, `kind:text`.
    pub digest: Option<String>,
    /// Its media type.
    pub media_type: Option<String>,
    /// When it was changed.
    pub changed_ms: Option<Millis>,
    /// Who changed it, for people.
    pub author: Option<String>,
    /// By which door or device it came.
    pub origin: Option<String>,
}

/// Both sides changed since they last agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its id.
    pub id: crate::ConflictId,
    /// Small, and never used twice; 0 before it is stored.
    pub number: u64,
    /// Whose it is.
    pub owner: UserId,
    /// In which mirror.
    pub mirror: MirrorId,
    /// The mirror's number for the thing.
    pub entry: u64,
    /// The file here, while there is one.
    pub node: Option<NodeId>,
    /// What clashes.
    pub kind: ConflictKind,
    /// The path below the mirror's folder when it was found.
    pub path: String,
    /// What was agreed last; `None` when there never was anything.
    pub base: Option<ConflictSide>,
    /// Ours; `None` when it was deleted here.
    pub here: Option<ConflictSide>,
    /// Theirs; `None` when it was deleted there.
    pub there: Option<ConflictSide>,
    /// The file beside, that was made to keep both.
    pub copy: Option<NodeId>,
    /// When it was found.
    pub found_ms: Millis,
    /// How it ended; `None` while it is open.
    pub resolution: Option<Resolution>,
    /// All that was decided about it, and what each decision changed, in the words of whoever did it: JSON, or empty.
    pub history: String,
}

/// How a conflict ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// By which policy.
    pub policy: ConflictPolicy,
    /// Which side's content is current since; `None` when both are.
    pub winner: Option<Winner>,
    /// Who decided; `None` is the mirror's policy.
    pub by: Option<UserId>,
    /// What they noted.
    pub notes: Option<String>,
    /// When.
    pub at_ms: Millis,
    /// When that was taken back.
    pub undone_ms: Option<Millis>,
}

words! {
    /// Whose content is current.
    Winner {
        /// Ours.
        Here = "here",
        /// Theirs.
        There = "there",
    }
}
