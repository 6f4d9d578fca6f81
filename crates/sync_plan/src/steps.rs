//! What a plan says.

use super::{Base, EntryId, Name, Obstacle, Policy, Side};

/// Something to do. Each is idempotent, may be done in any order within its plan as far as its precondition
/// holds, and is checked against the scene that it was planned from before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Find out whether the contents of two entries, or of the two sides of one, are the same bytes. Nothing else is
    /// planned about them until that is known.
    Compare {
        /// The one that is here.
        here: EntryId,
        /// The one that is there.
        there: EntryId,
    },
    /// An entry that is only here and one that is only there are the same thing: `here` takes over what `there` ties,
    /// and `there` ends. What the two agree on becomes the base.
    Link {
        /// Stays.
        here: EntryId,
        /// Ends.
        there: EntryId,
    },
    /// What an entry was on a side went and came back as another: written anew over its place, or moved where ids are
    /// paths. `entry` takes over what `newcomer` ties on that side, and `newcomer` ends.
    Retie {
        /// Stays.
        entry: EntryId,
        /// Ends.
        newcomer: EntryId,
        /// Where.
        side: Side,
    },
    /// Make a folder, or a file with the content of the other side. On our side something of this entry that lies in
    /// the trash is brought back, and gets the content as a version.
    Create {
        /// What.
        entry: EntryId,
        /// Where.
        side: Side,
        /// In which folder.
        parent: EntryId,
        /// Under which name.
        name: Name,
    },
    /// Replace a content by that of the other side.
    Write {
        /// What.
        entry: EntryId,
        /// Where.
        side: Side,
        /// Another content than the base is replaced: it is kept as a version here first, and the conflict is told.
        overrides: Option<Clash>,
    },
    /// Both contents stay: what is here goes to a new file beside, under `copy`, and theirs becomes the content here.
    KeepBoth {
        /// What.
        entry: EntryId,
        /// The name of the new file, in the folder that the entry is in here.
        copy: Name,
        /// Why.
        clash: Clash,
    },
    /// Move or rename.
    Place {
        /// What.
        entry: EntryId,
        /// Where.
        side: Side,
        /// To which folder.
        parent: EntryId,
        /// Under which name.
        name: Name,
    },
    /// Move to that side's trash. A folder must be empty by then.
    Trash {
        /// What.
        entry: EntryId,
        /// Where.
        side: Side,
        /// The content that goes was never on the other side: theirs is kept as a version here first, ours as a
        /// file that stays here only.
        keeps: bool,
    },
    /// Leave the content to a person: the entry is parked, and the conflict is open.
    Ask {
        /// What.
        entry: EntryId,
        /// About what.
        clash: Clash,
    },
    /// Both sides agree: write it down.
    Agree {
        /// What.
        entry: EntryId,
        /// The base from now on.
        base: Base,
    },
    /// It is gone on both sides.
    Forget {
        /// What.
        entry: EntryId,
    },
}

impl Step {
    /// The entry that it is about.
    pub const fn entry(&self) -> EntryId {
        match self {
            Self::Compare { here: entry, .. }
            | Self::Link { here: entry, .. }
            | Self::Retie { entry, .. }
            | Self::Create { entry, .. }
            | Self::Write { entry, .. }
            | Self::KeepBoth { entry, .. }
            | Self::Place { entry, .. }
            | Self::Trash { entry, .. }
            | Self::Ask { entry, .. }
            | Self::Agree { entry, .. }
            | Self::Forget { entry } => *entry,
        }
    }

    /// The side that it changes; `None` when it only writes something down.
    pub const fn side(&self) -> Option<Side> {
        match self {
            Self::Create { side, .. }
            | Self::Write { side, .. }
            | Self::Place { side, .. }
            | Self::Trash { side, .. } => Some(*side),
            Self::KeepBoth { .. } => Some(Side::Here),
            Self::Compare { .. }
            | Self::Link { .. }
            | Self::Retie { .. }
            | Self::Ask { .. }
            | Self::Agree { .. }
            | Self::Forget { .. } => None,
        }
    }
}

/// What two changes clash in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clash {
    /// Both changed the content.
    EditEdit,
    /// Changed here, deleted there.
    EditDelete,
    /// Deleted here, changed there.
    DeleteEdit,
    /// Two files came to one name.
    CreateCreate,
    /// A file and a folder came to one name.
    KindKind,
}

/// Why a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Why {
    /// It came to be on a side.
    #[error("it is new {}", .0.word())]
    New(Side),
    /// Its content changed on a side.
    #[error("it was changed {}", .0.word())]
    Edited(Side),
    /// It was moved or renamed on a side.
    #[error("it was moved or renamed {}", .0.word())]
    Moved(Side),
    /// It was deleted on a side.
    #[error("it was deleted {}", .0.word())]
    Deleted(Side),
    /// Changed or moved on that side and deleted on the other: the change wins.
    #[error("it was changed {} and deleted on the other side; the change wins", .0.word())]
    Survives(Side),
    /// Something in it lives on.
    #[error("something in this folder lives on")]
    Needed,
    /// Both sides changed the content.
    #[error("it was changed on both sides")]
    BothEdited,
    /// Both sides moved it to different places: ours counts.
    #[error("it was moved on both sides; the place here counts")]
    BothMoved,
    /// Moves on both sides would put folders into each other: theirs is taken back.
    #[error("moves on both sides would put folders into each other; the place here counts")]
    Ring,
    /// Another has that name.
    #[error("something else has this name in this folder")]
    NameTaken,
    /// The provider cannot hold the name as it is.
    #[error("the provider cannot hold this name as it is")]
    NameEncoded,
    /// It makes room for something else on the way.
    #[error("it makes room for another on the way")]
    MakesRoom,
    /// The receiving side of a push or pull changed, and that is undone.
    #[error("this side only receives; its change is undone")]
    Drifted,
    /// The same is on both sides already.
    #[error("the same is on both sides")]
    Same,
    /// It cannot be told whether the contents are the same.
    #[error("it cannot be told by what is known whether both contents are the same")]
    Unsure,
    /// It went and came back as another.
    #[error("it was written anew at its place, or moved")]
    CameBack,
    /// It is nowhere any more.
    #[error("it is gone on both sides")]
    Gone,
}

impl Side {
    /// The word for it in sentences.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::There => "there",
        }
    }
}

/// A step and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What to do.
    pub step: Step,
    /// Why.
    pub why: Why,
}

/// Something that is not done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It cannot go to the other side.
    Blocked {
        /// What.
        entry: EntryId,
        /// The side that does not get it.
        side: Side,
        /// Why.
        obstacle: Obstacle,
    },
    /// The receiving side of a push or pull changed, and stays so.
    Drift {
        /// What.
        entry: EntryId,
        /// The side that changed.
        side: Side,
    },
    /// It waits for another step; the next plan has it.
    Waits {
        /// What.
        entry: EntryId,
    },
    /// A person decides.
    Parked {
        /// What.
        entry: EntryId,
    },
    /// Decided by the clocks, or by keeping both because they could not tell.
    Decided {
        /// What.
        entry: EntryId,
        /// By what in the end.
        policy: Policy,
    },
}

/// What to do next, in an order in which it can be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Steps.
    pub steps: Vec<Planned>,
    /// What is not done.
    pub notes: Vec<Note>,
}

impl Plan {
    /// Whether there is nothing left to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
