//! What a mirror does, and what its connection can do.

use super::Names;

/// Which way changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    TwoWay,
    /// From here to there; nothing here ever changes.
    Push,
    /// From there to here; nothing there ever changes.
    Pull,
}

/// What a push or pull does about a change on the side that only receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drift {
    /// It stays, and is told.
    Leave,
    /// It is undone; what it replaced or removed is kept as a version or in the trash.
    Revert,
}

/// What is done when both sides changed a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The later one is current, the other is kept as an earlier version. When the clocks cannot tell, as
    /// [`Policy::KeepBoth`].
    LastWrite,
    /// Both are current: theirs under the name, ours beside it.
    KeepBoth,
    /// A person decides: the content stays as it is on both sides until then.
    Manual,
}

/// What decides a plan.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Which way changes go.
    pub direction: Direction,
    /// For a push or a pull.
    pub drift: Drift,
    /// Unless an entry has its own.
    pub policy: Policy,
    /// What names there are like.
    pub names: &'a dyn Names,
    /// A folder there may hold several items of one name.
    pub has_duplicates: bool,
    /// Ids there stay when an item is renamed or moved. Otherwise an item that went and one that came with the same
    /// content are one that moved.
    pub has_ids: bool,
    /// How far apart two times must be for the later one to count as later, milliseconds.
    pub skew_ms: i64,
}
