//! Steps: what can be done now of what is to be.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Clash, EntryId, Kind, Name, Note, Planned, Side, Step, Why};
use super::draft::{Contents, Draft, Goal, Spot};
use super::ground::Ground;
use super::suffix::Stem;
use super::survival::Fate;
use super::view::{Both, base_name, is_temp};
use crate::fault::{self, Fault};

/// What something waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// For another to give up the name.
    Name(EntryId),
    /// For another to come, or to leave.
    Other(EntryId),
    /// For something that no step of ours brings about.
    Nothing,
}

/// Steps that change a side.
pub(super) struct Emitter<'d, 'a> {
    pub draft: &'d Draft<'a>,
    pub grounds: Both<Ground<'a>>,
    pub steps: Vec<Planned>,
    pub trash: Vec<Planned>,
    pub waits: BTreeMap<(Side, EntryId), Wait>,
    /// Copies that this plan makes, by folder and name.
    copies: Vec<Spot>,
    /// Where this plan moves folders.
    moves: Both<BTreeMap<EntryId, EntryId>>,
    /// How many more folders may be looked at for finding out whether moves of this plan get in each other's way. Moves
    /// that are left over come with the next plan.
    looks: usize,
}

/// See [`Emitter::looks`].
const LOOKS: usize = 200_000;

impl<'d, 'a> Emitter<'d, 'a> {
    pub fn new(draft: &'d Draft<'a>) -> Self {
        Self {
            draft,
            grounds: Both::of(|side| Ground::new(draft.view, side)),
            steps: Vec::new(),
            trash: Vec::new(),
            waits: BTreeMap::new(),
            copies: Vec::new(),
            moves: Both::default(),
            looks: LOOKS,
        }
    }

    /// Plans all that can be done now.
    pub fn run(&mut self) {
        for (&id, goal) in &self.draft.goals {
            for side in Side::BOTH {
                if self.draft.view.may_change(side) {
                    self.place(id, goal, side);
                }
            }
            self.contents(id, goal);
        }
    }

    fn push(&mut self, step: Step, why: Why) {
        self.steps.push(Planned { step, why });
    }

    /// Brings an entry to its place on a side, or away from there.
    fn place(&mut self, id: EntryId, goal: &Goal, side: Side) {
        let state = self.draft.view.on(id, side);
        match (state, goal.spots.get(side)) {
            (None, None) => {}
            (Some(_), None) => self.trash(id, goal, side),
            (None, Some(_)) if self.draft.shelters.contains(&id) => self.wait(side, id, Wait::Nothing),
            (None, Some(spot)) => match self.obstruction(id, spot, side) {
                Some(wait) => self.wait(side, id, wait),
                None => self.push(
                    Step::Create {
                        entry: id,
                        side,
                        parent: spot.parent,
                        name: Name::clone(&spot.name),
                    },
                    if goal.why_there == Why::NameTaken || goal.why_there == Why::NameEncoded {
                        goal.why_there
                    } else {
                        goal.why
                    },
                ),
            },
            (Some(state), Some(spot)) if state.parent == spot.parent && state.name == spot.name => {}
            (Some(_), Some(spot)) => match self.obstruction(id, spot, side) {
                Some(wait) => self.wait(side, id, wait),
                None if self.is_crossed(id, spot.parent, side) => self.wait(side, id, Wait::Nothing),
                None => self.push(
                    Step::Place {
                        entry: id,
                        side,
                        parent: spot.parent,
                        name: Name::clone(&spot.name),
                    },
                    goal.why_there,
                ),
            },
        }
    }

    fn wait(&mut self, side: Side, id: EntryId, wait: Wait) {
        self.waits.insert((side, id), wait);
    }

    /// What keeps an entry from being put somewhere now.
    fn obstruction(&self, id: EntryId, spot: &Spot, side: Side) -> Option<Wait> {
        let ground = self.grounds.get(side);
        if !self.draft.view.is_folder(spot.parent, side) && !fault::is(Fault::CreateBeforeParent) {
            let will_be = self.draft.spot(spot.parent, side).is_some();
            return Some(if will_be {
                Wait::Other(spot.parent)
            } else {
                Wait::Nothing
            });
        }
        let is_folder = self
            .draft
            .view
            .on(id, side)
            .is_some_and(|state| state.kind == Kind::Folder);
        if let Some(way) = is_folder.then(|| ground.way_out(id, spot.parent)).flatten() {
            let leaver = way.into_iter().rev().find(|other| self.leaves(*other, side));
            return Some(leaver.map_or(Wait::Nothing, Wait::Other));
        }
        let occupant = ground.occupant(spot, id)?;
        Some(if self.leaves(occupant, side) {
            Wait::Name(occupant)
        } else {
            Wait::Nothing
        })
    }

    /// Whether a move, together with others of this plan, could put folders into each other, whichever of them is done
    /// first. If not, it is one of them from now on.
    fn is_crossed(&mut self, id: EntryId, parent: EntryId, side: Side) -> bool {
        let view = self.draft.view;
        let Some(state) = view.on(id, side).filter(|state| state.kind == Kind::Folder) else {
            return false;
        };
        if state.parent == parent {
            return false;
        }
        let moves = self.moves.get_mut(side);
        let mut seen = BTreeSet::new();
        let mut above = if moves.is_empty() {
            Vec::new()
        } else {
            vec![parent]
        };
        while let Some(at) = above.pop() {
            if at == id || self.looks == 0 {
                return true;
            }
            if seen.insert(at) {
                self.looks -= 1;
                above.extend(view.on(at, side).map(|state| state.parent));
                above.extend(moves.get(&at));
            }
        }
        moves.insert(id, parent);
        false
    }

    /// Whether an entry is to be elsewhere on a side than it is.
    fn leaves(&self, id: EntryId, side: Side) -> bool {
        let state = self.draft.view.on(id, side);
        let spot = self.draft.spot(id, side);
        state.is_some_and(|state| {
            spot.is_none_or(|spot| spot.parent != state.parent || spot.name != state.name)
        })
    }

    /// Removes an entry from a side, once nothing is in it.
    fn trash(&mut self, id: EntryId, goal: &Goal, side: Side) {
        let Some(Fate::Dies { keeps, .. }) = self.draft.fates.get(&id) else {
            return;
        };
        if *keeps && side == Side::Here && self.give_up_temp(id) {
            return;
        }
        let ground = self.grounds.get(side);
        if ground.is_childless(id) {
            self.trash.push(Planned {
                step: Step::Trash {
                    entry: id,
                    side,
                    keeps: *keeps,
                },
                why: goal.why,
            });
        } else {
            // Rather one that waits itself, for that may close a ring.
            let children = ground.children(id).iter().copied();
            let wait = children.min_by_key(|child| !self.waits.contains_key(&(side, *child)));
            self.wait(side, id, wait.map_or(Wait::Nothing, Wait::Other));
        }
    }

    /// Gives a file that is kept here a name that can stay, if it has one for the way only. Tells whether it had.
    fn give_up_temp(&mut self, id: EntryId) -> bool {
        let view = self.draft.view;
        let Some((entry, state)) = view.entry(id).zip(view.on(id, Side::Here)) else {
            return false;
        };
        let Some(name) = base_name(entry, Side::Here).filter(|_| is_temp(id, &state.name)) else {
            return false;
        };
        let at = |name: &str| Spot {
            parent: state.parent,
            name: name.into(),
        };
        // With a suffix, for another comes to the name that it had.
        let name = Stem { name, id }.suffixed(|name| self.grounds.here.is_free(&at(name)));
        let step = Step::Place {
            entry: id,
            side: Side::Here,
            parent: state.parent,
            name: name.into(),
        };
        self.push(step, Why::MakesRoom);
        true
    }

    /// Brings a content to the other side.
    fn contents(&mut self, id: EntryId, goal: &Goal) {
        match goal.contents {
            Contents::Stay => {}
            Contents::Write { side, overrides, why } if self.draft.view.may_change(side) => {
                let step = Step::Write {
                    entry: id,
                    side,
                    overrides,
                };
                self.push(step, why);
            }
            Contents::Write { .. } => {}
            Contents::KeepBoth(clash) => self.keep_both(id, clash),
        }
    }

    /// The copy goes beside the file, so that waits until the file is where it is to be.
    fn keep_both(&mut self, id: EntryId, clash: Clash) {
        let Some(state) = self.draft.view.on(id, Side::Here) else {
            return;
        };
        if self.leaves(id, Side::Here) {
            return;
        }
        let view = self.draft.view;
        let stem = Stem {
            name: &state.name,
            id,
        };
        let at = |name: &str| Spot {
            parent: state.parent,
            name: name.into(),
        };
        let is_wanted = |spot: &Spot| self.copies.contains(spot);
        let copy = stem.conflict(state.changed.0, |name| {
            let spot = at(name);
            let is_free = self.grounds.here.is_free(&spot) && !is_wanted(&spot);
            is_free && view.rules.names.there(name).is_ok()
        });
        self.copies.push(at(&copy));
        let step = Step::KeepBoth {
            entry: id,
            copy: copy.into(),
            clash,
        };
        self.push(step, Why::BothEdited);
    }

    /// What waits, for those who look at the plan.
    pub fn waiting(&self) -> impl Iterator<Item = Note> + '_ {
        let mut ids: Vec<EntryId> = self.waits.keys().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|entry| Note::Waits { entry })
    }
}
