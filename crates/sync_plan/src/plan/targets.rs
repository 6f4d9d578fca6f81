//! Where each entry is to be and with what content: the three-way merge, of folder, name and content apart.

use super::super::{Entry, EntryId, Kind, Name, Note, Obstacle, Side, Why};
use super::contents;
use super::draft::{Contents, Draft, Goal, Spot};
use super::suffix;
use super::survival::Fate;
use super::view::{Both, View, base_name, is_moved, is_renamed, name, only_side};
use crate::fault::{self, Fault};

/// Sets a goal for each entry.
pub(super) fn set(draft: &mut Draft<'_>) {
    for (&id, entry) in &draft.view.scene.entries {
        let fate = draft.fates.get(&id).copied().unwrap_or(Fate::Gone);
        let goal = match fate {
            Fate::Gone => Goal::NOWHERE,
            Fate::Dies { why, .. } => Goal { why, ..Goal::NOWHERE },
            Fate::Stays | Fate::Left => stay(draft.view, id, entry),
            Fate::Live(why) => live(draft, id, entry, why),
        };
        draft.goals.insert(id, goal);
    }
}

/// Where something is now. A temporary name is given up.
fn current(id: EntryId, entry: &Entry, side: Side) -> Option<Spot> {
    let state = entry.on(side)?;
    Some(Spot {
        parent: state.parent,
        name: name(id, entry, side)?,
    })
}

/// To stay on the sides where it is, and on no other.
pub(super) fn stay(view: View<'_>, id: EntryId, entry: &Entry) -> Goal {
    let is_foreign = view
        .authority()
        .is_some_and(|authority| only_side(entry) == Some(authority.other()));
    let may_yield = is_foreign && !entry.is_parked && view.may_change(Side::Here);
    let can_move = entry
        .on(Side::Here)
        .is_some_and(|state| state.obstacle.is_none() && state.kind != Kind::Other);
    let yields = may_yield && can_move;
    Goal {
        spots: Both::of(|side| current(id, entry, side)),
        why: Why::Same,
        why_there: Why::MakesRoom,
        is_tied: false,
        is_called_as_here: false,
        pinned: Both::of(|_| !yields),
        yields,
        contents: Contents::Stay,
    }
}

/// To be on both sides.
pub(super) fn live(draft: &mut Draft<'_>, id: EntryId, entry: &Entry, why: Why) -> Goal {
    match only_side(entry) {
        Some(side) => live_of_one(draft, id, entry, (side, why)),
        None => live_of_both(draft, id, entry, why),
    }
}

fn live_of_one(draft: &mut Draft<'_>, id: EntryId, entry: &Entry, (side, why): (Side, Why)) -> Goal {
    let mut goal = stay(draft.view, id, entry);
    goal.why = why;
    let pair = pair_from(draft.view, id, entry, side);
    match pair.zip_parent(entry.on(side).map(|state| state.parent)) {
        Ok((parent, names)) => {
            goal.pinned = Both::of(|at| !draft.view.may_change(at));
            goal.yields = false;
            goal.is_tied = true;
            goal.is_called_as_here = side == Side::Here;
            goal.why_there = placing(&names, why);
            goal.spots = Both::of(|at| {
                Some(Spot {
                    parent,
                    name: Name::clone(names.get(at)),
                })
            });
        }
        Err(obstacle) => {
            draft.notes.push(Note::Blocked {
                entry: id,
                side: side.other(),
                obstacle,
            });
            draft.fates.insert(id, Fate::Stays);
        }
    }
    goal
}

/// The reason for a place, unless the name says more.
fn placing(names: &Both<Name>, why: Why) -> Why {
    if names.here == names.there {
        why
    } else {
        Why::NameEncoded
    }
}

type Pair = Result<Both<Name>, Obstacle>;

trait WithParent {
    fn zip_parent(self, parent: Option<EntryId>) -> Result<(EntryId, Both<Name>), Obstacle>;
}

impl WithParent for Pair {
    fn zip_parent(self, parent: Option<EntryId>) -> Result<(EntryId, Both<Name>), Obstacle> {
        let parent = parent.ok_or(Obstacle::Odd)?;
        self.map(|names| (parent, names))
    }
}

/// The names on both sides, when that on `side` counts.
fn pair_from(view: View<'_>, id: EntryId, entry: &Entry, side: Side) -> Pair {
    let own = name(id, entry, side).unwrap_or_else(|| "".into());
    let agreed = base_name(entry, side.other()).filter(|_| !is_renamed(id, entry, side));
    let other = match (agreed, side) {
        (Some(agreed), _) => Name::clone(agreed),
        (None, Side::Here) => view.rules.names.there(&own)?.into(),
        (None, Side::There) => view.rules.names.here(&own).into(),
    };
    Ok(Both::of(|at| {
        if at == side {
            Name::clone(&own)
        } else {
            Name::clone(&other)
        }
    }))
}

/// Which side a part of a place is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// Both have the same.
    Same,
    From(Side, Why),
    /// Each keeps its own.
    Apart,
}

fn live_of_both(draft: &mut Draft<'_>, id: EntryId, entry: &Entry, why: Why) -> Goal {
    let mut goal = stay(draft.view, id, entry);
    goal.why = why;
    let (Some(here), Some(there)) = (&entry.here, &entry.there) else {
        return goal;
    };
    let moved = Both::of(|side| here.parent != there.parent && is_moved(entry, side));
    let are_tied = are_tied(draft.view, id, entry);
    let renamed = Both::of(|side| !are_tied && is_renamed(id, entry, side));
    let mut parent_lead = lead(draft, (id, entry), moved);
    let is_renamed = renamed.here || renamed.there;
    let unsuffixed = unsuffixed(draft.view, id, entry).filter(|_| is_renamed);
    let mut name_lead = match unsuffixed {
        Some(side) => Lead::From(side, Why::NameTaken),
        None => lead(draft, (id, entry), renamed),
    };
    if fault::is(Fault::NoMoves) {
        parent_lead = Lead::Apart;
    }
    if fault::is(Fault::NoRenames) {
        name_lead = Lead::Apart;
    }
    if fault::is(Fault::PlaceAsOne) && parent_lead != Lead::Same {
        name_lead = parent_lead;
    }

    let leads = [parent_lead, name_lead];
    let is_apart = leads.contains(&Lead::Apart);
    // What is left where the receiving side put it stays there, and in a pull gives way to what is pulled.
    let is_led = leads.iter().any(|lead| matches!(lead, Lead::From(..)));
    let is_left = draft.view.authority() == Some(Side::Here) && is_apart && !is_led;
    let mut spots = Both::of(|side| current(id, entry, side));
    goal.is_tied = name_lead != Lead::Apart;
    goal.is_called_as_here = matches!(name_lead, Lead::From(Side::Here, _) | Lead::Same);
    goal.yields = draft.view.authority() == Some(Side::There) && is_apart;
    goal.pinned = Both::of(|side| !draft.view.may_change(side) || is_left);
    goal.why_there = Why::Same;
    if let Lead::From(side, why) = name_lead {
        match pair_from(draft.view, id, entry, side) {
            Ok(names) => {
                goal.why_there = placing(&names, why);
                for at in Side::BOTH {
                    if let Some(spot) = spots.get_mut(at) {
                        spot.name = Name::clone(names.get(at));
                    }
                }
            }
            Err(obstacle) => {
                goal.is_tied = false;
                let side = side.other();
                draft.notes.push(Note::Blocked {
                    entry: id,
                    side,
                    obstacle,
                });
            }
        }
    }
    if let Lead::From(side, why) = parent_lead {
        let parent = if side == Side::Here {
            here.parent
        } else {
            there.parent
        };
        goal.why_there = why;
        for at in Side::BOTH {
            if let Some(spot) = spots.get_mut(at) {
                spot.parent = parent;
            }
        }
    }
    goal.spots = spots;
    goal.contents = contents::merge(draft, id, (here, there));
    goal
}

/// Whether the names stand for each other, or neither was changed.
fn are_tied(view: View<'_>, id: EntryId, entry: &Entry) -> bool {
    let renamed = Both::of(|side| is_renamed(id, entry, side));
    let (Some(here), Some(there)) = (name(id, entry, Side::Here), name(id, entry, Side::There)) else {
        return false;
    };
    if fault::is(Fault::RenameOddNames) {
        return view.rules.names.there(&here).is_ok_and(|name| *name == *there);
    }
    if !renamed.here && !renamed.there {
        return true;
    }
    let names = view.rules.names;
    *names.here(&there) == *here || names.there(&here).is_ok_and(|encoded| *encoded == *there)
}

/// The side whose name counts because that on the other side is the same with the suffix that we gave it, for something
/// else had it: what is called alike on one side only is not renamed on both for our sake.
fn unsuffixed(view: View<'_>, id: EntryId, entry: &Entry) -> Option<Side> {
    let (here, there) = (name(id, entry, Side::Here)?, name(id, entry, Side::There)?);
    if view.authority().is_some() {
        return None;
    }
    let decoded = view.rules.names.here(&there);
    if suffix::is_suffixed(&here, &decoded, id) {
        return Some(Side::There);
    }
    suffix::is_suffixed(&decoded, &here, id).then_some(Side::Here)
}

/// Which side a part of a place is taken from that has changed on those.
fn lead(draft: &mut Draft<'_>, (id, entry): (EntryId, &Entry), changed: Both<bool>) -> Lead {
    if !changed.here && !changed.there {
        return Lead::Same;
    }
    let blocked = |side: Side| {
        entry
            .on(side)
            .and_then(|state| state.obstacle.as_ref())
            .filter(|o| holds_place(o))
    };
    let first = draft
        .view
        .authority()
        .unwrap_or(if fault::is(Fault::ThereWinsMoves) {
            Side::There
        } else {
            Side::Here
        });
    let second = first.other();
    let is_both = *changed.get(first) && *changed.get(second);
    if *changed.get(first) && blocked(first).is_none() {
        return Lead::From(
            first,
            if is_both {
                Why::BothMoved
            } else {
                Why::Moved(first)
            },
        );
    }
    if *changed.get(second) && draft.view.authority().is_some() {
        if draft.view.reverts() && blocked(first).is_none() {
            return Lead::From(first, Why::Drifted);
        }
        draft.notes.push(Note::Drift {
            entry: id,
            side: second,
        });
        return Lead::Apart;
    }
    if *changed.get(second) && blocked(second).is_none() {
        return Lead::From(second, Why::Moved(second));
    }
    for side in Side::BOTH {
        if let Some(obstacle) = blocked(side).filter(|_| *changed.get(side)) {
            draft.notes.push(Note::Blocked {
                entry: id,
                side: side.other(),
                obstacle: obstacle.clone(),
            });
        }
    }
    Lead::Apart
}

/// Whether it keeps a place from going to the other side; what is too large can still be moved.
const fn holds_place(obstacle: &Obstacle) -> bool {
    !matches!(obstacle, Obstacle::TooLarge { .. })
}
