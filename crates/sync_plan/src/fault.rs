//! Single decisions of the planner that its tests switch off, one at a time, to prove that they would notice.

/// A decision, by what goes wrong without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What both sides made alike stays two things.
    NoLink,
    /// Two files of one name are linked though their contents differ.
    LinkDifferent,
    /// Folders within linked folders are not linked in the same plan.
    LinkTopOnly,
    /// A file and a folder of one name are linked.
    LinkAcrossKinds,
    /// Contents that cannot be told apart count as different.
    NoCompare,
    /// A file that was written anew over its place counts as deleted and created.
    NoRetie,
    /// A file that was moved where ids are paths counts as deleted and created.
    NoRetieMoved,
    /// What came counts as what went, whatever its content is.
    RetieAmbiguous,
    /// What was deleted on one side goes though it was edited on the other.
    DeleteBeatsEdit,
    /// What was deleted on one side goes though it was moved on the other.
    DeleteBeatsMove,
    /// What lies in a folder that was moved goes with the deletion of that folder.
    NoShelter,
    /// What was deleted on one side comes back though nobody touched it.
    NothingDies,
    /// A folder that something living lies in is not brought back.
    NoAncestors,
    /// Something that has no counterpart is put on the other side all the same.
    OthersTravel,
    /// What cannot go to the other side goes all the same.
    IgnoreObstacle,
    /// What a person decides is decided without them.
    IgnoreParked,
    /// A move there beats a move here.
    ThereWinsMoves,
    /// The two parts of a place are taken from one side together.
    PlaceAsOne,
    /// A move on one side is not carried to the other.
    NoMoves,
    /// A rename on one side is not carried to the other.
    NoRenames,
    /// A name there counts as changed when it is not the encoded name here.
    RenameOddNames,
    /// A temporary name counts as a rename.
    TempIsRename,
    /// Folders are moved into each other.
    NoRings,
    /// The move here is taken back where moves would put folders into each other.
    RingRevertsHere,
    /// Two things get one name.
    NoCollisions,
    /// Names that differ in case only do not collide.
    CollideExact,
    /// The newcomer keeps the name.
    NewcomerKeepsName,
    /// The one here keeps the name against the one there.
    HereKeepsName,
    /// A file keeps its name against a folder.
    FileKeepsName,
    /// Duplicates there are renamed there too.
    RenameDuplicates,
    /// The one that loses a name gets the same for everybody.
    SuffixWithoutId,
    /// What is here is overwritten in a conflict.
    OverwriteHere,
    /// What is there is overwritten in a conflict.
    OverwriteThere,
    /// The earlier one wins.
    EarlierWins,
    /// Clocks are believed to the millisecond.
    NoSkew,
    /// Times of 1970 are believed.
    BelieveEpoch,
    /// The same edit on both sides is a conflict.
    EqualEditsClash,
    /// An edit on one side is not carried to the other.
    NoWrites,
    /// Something is created before its folder.
    CreateBeforeParent,
    /// Something is put where another is.
    IgnoreOccupied,
    /// A folder is moved into one that lies in it.
    PlaceIntoItself,
    /// A folder is removed with what is in it.
    TrashFull,
    /// A folder is removed though not all that is in it is known.
    IgnoreCrowded,
    /// Swaps are not broken up.
    NoTemp,
    /// Nothing is agreed on.
    NoAgree,
    /// Different contents are agreed on.
    AgreeDifferent,
    /// Different places are agreed on.
    AgreeApart,
    /// What is gone on both sides is kept.
    NoForget,
    /// A push changes what is here.
    PushWritesHere,
    /// A pull changes what is there.
    PullWritesThere,
    /// Changes of the receiving side that are to stay are undone.
    LeaveReverts,
    /// Changes of the receiving side that are to be undone stay.
    RevertLeaves,
    /// What a push replaces is not kept.
    NoCapture,
    /// What a deletion takes along is not kept.
    NoKeeps,
    /// Nobody is asked.
    NoAsk,
    /// The policy of the entry is not looked at.
    IgnoreOwnPolicy,
}

/// Whether that decision is switched off.
#[cfg(not(test))]
pub(crate) const fn is(_: Fault) -> bool {
    false
}

#[cfg(test)]
pub(crate) use switch::*;

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    use super::Fault;

    thread_local! {
        static ACTIVE: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Whether that decision is switched off in this thread.
    pub(crate) fn is(fault: Fault) -> bool {
        ACTIVE.get() == Some(fault)
    }

    /// What `run` gives with that decision switched off.
    pub(crate) fn with<T>(fault: Fault, run: impl FnOnce() -> T) -> T {
        struct Reset;
        impl Drop for Reset {
            fn drop(&mut self) {
                ACTIVE.set(None);
            }
        }
        ACTIVE.set(Some(fault));
        let _reset = Reset;
        run()
    }
}
