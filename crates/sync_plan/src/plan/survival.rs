//! What lives on, and what goes.

use std::collections::BTreeMap;

use super::super::{
    Base, Clash, Drift, Entry, EntryId, Kind, Note, Obstacle, Planned, Policy, Side, Step, Why,
};
use super::draft::Draft;
use super::view::{Both, View, is_edited, is_elsewhere, only_side};
use crate::fault::{self, Fault};

/// What is to become of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is to be on both sides.
    Live(Why),
    /// It is on one side and stays there, and only there. It holds its name.
    Stays,
    /// As [`Fate::Stays`], for it was deleted on the side that only receives, or holds something that cannot go; it
    /// lives again if something needs it.
    Left,
    /// It goes from the side that it is on.
    Dies {
        /// See [`Step::Trash`].
        keeps: bool,
        why: Why,
    },
    /// It is nowhere.
    Gone,
}

/// Decides about each entry.
pub(super) fn decide(draft: &mut Draft<'_>) {
    let mut judge = Judge {
        view: draft.view,
        shelter: Both::of(|side| Above::new(draft.view, side)),
        doom: Above::new(draft.view, Side::There),
    };
    for (&id, entry) in &draft.view.scene.entries {
        let fate = judge.fate(id, entry, draft);
        draft.fates.insert(id, fate);
    }
}

struct Judge<'a> {
    view: View<'a>,
    /// What was moved on a side, or lies in a folder that was, and that folder is not on the other side.
    shelter: Both<Above<'a>>,
    /// What lies, there, in a folder that was deleted here.
    doom: Above<'a>,
}

impl Judge<'_> {
    fn fate(&mut self, id: EntryId, entry: &Entry, draft: &mut Draft<'_>) -> Fate {
        let Some(side) = only_side(entry) else {
            return both_or_none(id, entry, draft);
        };
        let Some(state) = entry.on(side) else {
            return Fate::Gone;
        };
        if entry.is_parked && !fault::is(Fault::IgnoreParked) {
            draft.notes.push(Note::Parked { entry: id });
            return Fate::Stays;
        }
        if draft.comparing.contains(&id) {
            return Fate::Stays;
        }
        let is_odd = state.kind == Kind::Other;
        let is_blocked = state.obstacle.is_some() && !fault::is(Fault::IgnoreObstacle);
        if (is_odd || is_blocked) && !(is_odd && fault::is(Fault::OthersTravel)) {
            draft.notes.push(Note::Blocked {
                entry: id,
                side: side.other(),
                obstacle: state.obstacle.clone().unwrap_or(Obstacle::Odd),
            });
            return Fate::Stays;
        }
        match self.view.authority() {
            None => self.fate_of_two(id, entry, side, draft),
            Some(authority) if authority == side => self.fate_at_authority(id, entry, side, draft),
            Some(_) => self.fate_at_receiver(id, entry, side, draft),
        }
    }

    /// On one side, of a mirror that goes both ways.
    fn fate_of_two(&mut self, id: EntryId, entry: &Entry, side: Side, draft: &mut Draft<'_>) -> Fate {
        if entry.base.is_none() {
            return Fate::Live(Why::New(side));
        }
        // It was in a folder that was moved; see `agree`.
        if entry.base == Some(Base::default()) {
            return Fate::Live(Why::Survives(side));
        }
        let is_touched = is_touched(id, entry, side);
        if is_touched && self.view.policy(entry) == Policy::Manual && !fault::is(Fault::NoAsk) {
            let clash = match side {
                Side::Here => Clash::EditDelete,
                Side::There => Clash::DeleteEdit,
            };
            draft.asks.push(Planned {
                step: Step::Ask { entry: id, clash },
                why: Why::Survives(side),
            });
            return Fate::Stays;
        }
        let is_sheltered = !is_touched && self.is_sheltered(id, side, draft);
        if is_touched || is_sheltered || fault::is(Fault::NothingDies) {
            return Fate::Live(Why::Survives(side));
        }
        Fate::Dies {
            keeps: false,
            why: Why::Deleted(side.other()),
        }
    }

    /// Whether it lies in a folder that was moved, and that went on the other side with all that was in it.
    fn is_sheltered(&mut self, id: EntryId, side: Side, draft: &mut Draft<'_>) -> bool {
        let shelter = self.shelter.get_mut(side).of(id);
        draft.sheltered.extend(shelter.map(|shelter| (id, shelter)));
        draft.shelters.extend(shelter);
        shelter.is_some()
    }

    /// On the side that decides, and not on the one that receives.
    fn fate_at_authority(&mut self, id: EntryId, entry: &Entry, side: Side, draft: &mut Draft<'_>) -> Fate {
        if entry.base.is_none() {
            return Fate::Live(Why::New(side));
        }
        if is_touched(id, entry, side) || self.is_sheltered(id, side, draft) {
            return Fate::Live(Why::Survives(side));
        }
        if self.view.reverts() {
            return Fate::Live(Why::Drifted);
        }
        draft.notes.push(Note::Drift {
            entry: id,
            side: side.other(),
        });
        Fate::Left
    }

    /// On the side that receives, and not on the one that decides.
    fn fate_at_receiver(&mut self, id: EntryId, entry: &Entry, side: Side, draft: &mut Draft<'_>) -> Fate {
        let is_file = entry.on(side).is_some_and(|state| state.kind.content().is_some());
        if entry.base.is_some() {
            return Fate::Dies {
                keeps: is_edited(entry, side) && !fault::is(Fault::NoKeeps),
                why: Why::Deleted(side.other()),
            };
        }
        if side == Side::There && self.view.reverts() && self.doom.of(id).is_some() {
            return Fate::Dies {
                keeps: is_file && !fault::is(Fault::NoKeeps),
                why: Why::Drifted,
            };
        }
        draft.notes.push(Note::Drift { entry: id, side });
        Fate::Stays
    }
}

fn both_or_none(id: EntryId, entry: &Entry, draft: &mut Draft<'_>) -> Fate {
    let (Some(here), Some(there)) = (&entry.here, &entry.there) else {
        return Fate::Gone;
    };
    if !here.kind.is_same_sort(there.kind) || here.kind == Kind::Other {
        draft.notes.push(Note::Blocked {
            entry: id,
            side: Side::Here,
            obstacle: Obstacle::Odd,
        });
        return Fate::Stays;
    }
    if entry.is_parked {
        draft.notes.push(Note::Parked { entry: id });
    }
    Fate::Live(Why::Same)
}

/// Whether it was edited, moved or renamed on the only side that it is on.
fn is_touched(id: EntryId, entry: &Entry, side: Side) -> bool {
    (is_edited(entry, side) && !fault::is(Fault::DeleteBeatsEdit))
        || (is_elsewhere(id, entry, side) && !fault::is(Fault::DeleteBeatsMove))
}

impl View<'_> {
    /// Whether changes of the receiving side are undone.
    pub fn reverts(self) -> bool {
        match self.rules.drift {
            Drift::Leave => fault::is(Fault::LeaveReverts),
            Drift::Revert => !fault::is(Fault::RevertLeaves),
        }
    }
}

/// Which entries are, or lie in, a folder of a kind, on one side.
struct Above<'a> {
    view: View<'a>,
    side: Side,
    known: BTreeMap<EntryId, Option<EntryId>>,
}

impl<'a> Above<'a> {
    const fn new(view: View<'a>, side: Side) -> Self {
        Self {
            view,
            side,
            known: BTreeMap::new(),
        }
    }

    /// The folder of the kind that something lies in, if all between are on this side only.
    fn of(&mut self, id: EntryId) -> Option<EntryId> {
        let mut path = Vec::new();
        let mut at = id;
        let above = loop {
            if let Some(known) = self.known.get(&at) {
                break *known;
            }
            let Some(entry) = self.view.entry(at) else {
                break None;
            };
            let Some(state) = entry.on(self.side) else {
                break None;
            };
            // Known while it is looked at, which ends a ring; no coherent scene has one.
            self.known.insert(at, None);
            path.push(at);
            if entry.on(self.side.other()).is_some() {
                break None;
            }
            if self.begins(at, entry) {
                break Some(at);
            }
            at = state.parent;
        };
        for id in path {
            self.known.insert(id, above);
        }
        above
    }

    /// Whether everything in this one counts.
    fn begins(&self, id: EntryId, entry: &Entry) -> bool {
        let is_deleted = entry.on(self.side.other()).is_none() && entry.base.is_some();
        if self
            .view
            .authority()
            .is_some_and(|authority| authority != self.side)
        {
            return is_deleted;
        }
        is_deleted && is_elsewhere(id, entry, self.side) && !fault::is(Fault::NoShelter)
    }
}
