//! A plan while it is made.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Clash, EntryId, Name, Note, Planned, Side, Step, Why};
use super::survival::Fate;
use super::view::{Both, View};

/// A place on a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub parent: EntryId,
    pub name: Name,
}

/// What is to become of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    /// It stays as it is.
    Stay,
    /// That of the other side replaces that of this one.
    Write {
        side: Side,
        overrides: Option<Clash>,
        why: Why,
    },
    /// Both stay.
    KeepBoth(Clash),
}

/// How an entry is to be in the end.
#[derive(Debug, Clone)]
pub(super) struct Goal {
    /// Where it is to be, on the sides on which it is to be.
    pub spots: Both<Option<Spot>>,
    /// Why it is to be there at all.
    pub why: Why,
    /// Why it is to be at that place.
    pub why_there: Why,
    /// Whether the two names stand for each other.
    pub is_tied: bool,
    /// Its name is the one that it has here, and on the other side is made from it.
    pub is_called_as_here: bool,
    /// Where its name stays as it is, whatever else wants that name.
    pub pinned: Both<bool>,
    /// It gives up its name to all others.
    pub yields: bool,
    /// Content.
    pub contents: Contents,
}

impl Goal {
    /// To be nowhere.
    pub const NOWHERE: Self = Self {
        spots: Both {
            here: None,
            there: None,
        },
        why: Why::Gone,
        why_there: Why::Gone,
        is_tied: false,
        is_called_as_here: false,
        pinned: Both {
            here: false,
            there: false,
        },
        yields: false,
        contents: Contents::Stay,
    };
}

/// A plan while it is made.
pub(super) struct Draft<'a> {
    pub view: View<'a>,
    /// What is compared: nothing else is planned about it.
    pub comparing: BTreeSet<EntryId>,
    pub fates: BTreeMap<EntryId, Fate>,
    /// What lives only because it lies in a folder that was moved on one side and deleted on the other; and that folder.
    pub sheltered: BTreeMap<EntryId, EntryId>,
    /// Those folders. One that is made anew waits: once it is on both sides, nothing tells any more that what is in it
    /// lives. That is written down first.
    pub shelters: BTreeSet<EntryId>,
    pub goals: BTreeMap<EntryId, Goal>,
    /// What a person is to be asked.
    pub asks: Vec<Planned>,
    pub notes: Vec<Note>,
}

impl<'a> Draft<'a> {
    pub const fn new(view: View<'a>, comparing: BTreeSet<EntryId>) -> Self {
        Self {
            view,
            comparing,
            fates: BTreeMap::new(),
            sheltered: BTreeMap::new(),
            shelters: BTreeSet::new(),
            goals: BTreeMap::new(),
            asks: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Where something is to be on a side.
    pub fn spot(&self, id: EntryId, side: Side) -> Option<&Spot> {
        self.goals.get(&id)?.spots.get(side).as_ref()
    }

    /// Where something is to be on a side.
    pub fn spot_mut(&mut self, id: EntryId, side: Side) -> Option<&mut Spot> {
        self.goals.get_mut(&id)?.spots.get_mut(side).as_mut()
    }

    /// Has a person asked about an entry.
    pub fn ask(&mut self, entry: EntryId, clash: Clash, why: Why) {
        self.asks.push(Planned {
            step: Step::Ask { entry, clash },
            why,
        });
    }
}
