//! Gives each thing a name of its own in its folder, on both sides.

use super::super::{Clash, Direction, Entry, EntryId, Kind, Name, Note, Policy, Side, Why};
use super::draft::{Draft, Goal, Spot};
use super::index::Index;
use super::suffix::{Stem, is_suffixed};
use super::survival::Fate;
use super::view::{base_name, is_elsewhere, only_side};
use crate::fault::{self, Fault};

/// Finds who keeps each name that several want, and gives the others one that nobody has.
pub(super) fn settle(draft: &mut Draft<'_>) {
    if fault::is(Fault::NoCollisions) {
        return;
    }
    let view = draft.view;
    let is_manual = |entry: &Entry| view.policy(entry) == Policy::Manual;
    if view.scene.entries.values().any(is_manual) {
        for side in Side::BOTH {
            for crowd in Index::of(rows(draft, side)).crowds() {
                hold_for_person(draft, &crowd);
            }
        }
    }
    // What has to be called otherwise on both sides leaves its name here to others.
    settle_there(draft, |goal| !goal.is_called_as_here);
    let mut here = Index::of(rows(draft, Side::Here));
    let there = Index::of(rows(draft, Side::There));
    for crowd in here.crowds() {
        for id in losers(draft, Side::Here, crowd) {
            rename_here(draft, &mut here, &there, id);
        }
    }
    settle_there(draft, |_| true);
}

/// Gives other names to what collides there, as far as it is to be looked at.
fn settle_there(draft: &mut Draft<'_>, is_wanted: impl Fn(&Goal) -> bool) {
    if draft.view.rules.has_duplicates {
        return;
    }
    let mut there = Index::of(rows(draft, Side::There));
    let crowds = there.crowds();
    if crowds.is_empty() {
        return;
    }
    let mut here = Index::of(rows(draft, Side::Here));
    for crowd in crowds {
        for id in losers(draft, Side::There, crowd) {
            if draft.goals.get(&id).is_some_and(&is_wanted) {
                rename_there(draft, &mut here, &mut there, id);
            }
        }
    }
}

fn rows(draft: &Draft<'_>, side: Side) -> impl Iterator<Item = (EntryId, Name, EntryId)> {
    draft.goals.iter().filter_map(move |(&id, goal)| {
        let spot = goal.spots.get(side).as_ref()?;
        Some((spot.parent, draft.view.key(side, &spot.name), id))
    })
}

/// Who has to take another name, in the order of their numbers.
fn losers(draft: &Draft<'_>, side: Side, mut crowd: Vec<EntryId>) -> Vec<EntryId> {
    crowd.sort_by_key(|&id| (claim(draft, side, id), id));
    let Some((&keeper, others)) = crowd.split_first() else {
        return Vec::new();
    };
    // What has one name there already has it whatever we think of its names.
    let is_beside = |id: EntryId| is_at_goal(draft, side, keeper) && is_at_goal(draft, side, id);
    let may_lose = |id: &EntryId| {
        let is_pinned = draft.goals.get(id).is_some_and(|goal| *goal.pinned.get(side));
        !is_pinned && !is_beside(*id)
    };
    let mut losers: Vec<EntryId> = others.iter().copied().filter(may_lose).collect();
    losers.sort_unstable();
    losers
}

/// How good the claim of an entry to the name of its goal is; the least is the best.
fn claim(draft: &Draft<'_>, side: Side, id: EntryId) -> (u8, bool, bool, bool) {
    let (Some(entry), Some(goal)) = (draft.view.entry(id), draft.goals.get(&id)) else {
        return (u8::MAX, true, true, true);
    };
    let rank = match (*goal.pinned.get(side), goal.yields) {
        (true, _) => 0,
        (false, _) if is_settled(draft, id, entry) => 1,
        (false, false) => 2,
        (false, true) => 3,
    };
    let is_file = !is_folder(entry) && !fault::is(Fault::FileKeepsName);
    let spot = goal.spots.get(side).as_ref();
    // Parts of a base advance by themselves: it also has to be there.
    let was_there = spot.is_some_and(|spot| {
        let base = entry.base.as_ref().and_then(|base| base.parent);
        base == Some(spot.parent) && base_name(entry, side) == Some(&spot.name) && is_at_goal(draft, side, id)
    });
    let is_newcomer = if fault::is(Fault::NewcomerKeepsName) {
        was_there
    } else {
        !was_there
    };
    let is_remote = is_at_goal(draft, Side::There, id);
    let is_ours = if fault::is(Fault::HereKeepsName) {
        is_remote
    } else {
        !is_remote
    };
    (rank, is_file, is_newcomer, is_ours)
}

/// Whether it is, and is to be, on both sides where it was.
fn is_settled(draft: &Draft<'_>, id: EntryId, entry: &Entry) -> bool {
    let is_at_home = |side: Side| is_at_goal(draft, side, id) && !is_elsewhere(id, entry, side);
    Side::BOTH.into_iter().all(is_at_home) && !fault::is(Fault::NewcomerKeepsName)
}

fn is_folder(entry: &Entry) -> bool {
    let state = entry.here.as_ref().or(entry.there.as_ref());
    state.is_some_and(|state| state.kind == Kind::Folder)
}

/// Whether an entry is on that side where it is to be.
fn is_at_goal(draft: &Draft<'_>, side: Side, id: EntryId) -> bool {
    let Some((state, spot)) = draft.view.on(id, side).zip(draft.spot(id, side)) else {
        return false;
    };
    state.parent == spot.parent && state.name == spot.name
}

fn rename_here(draft: &mut Draft<'_>, here: &mut Index, there: &Index, id: EntryId) {
    let view = draft.view;
    let Some(Spot { parent, name }) = draft.spot(id, Side::Here).cloned() else {
        return;
    };
    let goes_there = draft.spot(id, Side::There).cloned();
    let stem = Stem { name: &name, id };
    let fits = |new: &str| {
        here.is_free(parent, &new.into()) && (goes_there.is_none() || view.rules.names.there(new).is_ok())
    };
    let had = had(draft, id, Side::Here, &name).filter(|had| fits(had));
    let new = had.unwrap_or_else(|| stem.suffixed(fits).into());
    here.give(parent, Name::clone(&new));
    if let Some(spot) = goes_there.filter(|_| view.may_change(Side::There)) {
        let key = view.key(Side::There, &spot.name);
        let is_contested = !view.rules.has_duplicates && there.at(spot.parent, &key).any(|other| other != id);
        // Nobody renames a user's file there for a name that is taken here only.
        let stays = is_at_goal(draft, Side::There, id) && !is_contested;
        if (!stays || fault::is(Fault::RenameDuplicates))
            && let Ok(encoded) = view.rules.names.there(&new)
            && let Some(spot) = draft.spot_mut(id, Side::There)
        {
            spot.name = encoded.into();
        }
    }
    if let Some(spot) = draft.spot_mut(id, Side::Here) {
        spot.name = new;
    }
    tell(draft, id);
}

/// Another name for what collides there. What is called as here keeps its name here, for only the provider cannot hold
/// it beside the other; anything else is renamed on both sides.
fn rename_there(draft: &mut Draft<'_>, here: &mut Index, there: &mut Index, id: EntryId) {
    let view = draft.view;
    let Some(spot) = draft.spot(id, Side::There).cloned() else {
        return;
    };
    let encode = |name: &str| view.rules.names.there(name).map(Name::from);
    // A name here that cannot be held there has nothing to do with the one there.
    let ours = draft
        .spot(id, Side::Here)
        .filter(|ours| encode(&ours.name).is_ok())
        .cloned();
    let stays_here = draft.goals.get(&id).is_some_and(|goal| goal.is_called_as_here);
    let also_here = ours
        .clone()
        .filter(|_| !stays_here && view.may_change(Side::Here));
    let name = ours.map_or_else(|| view.rules.names.here(&spot.name).into(), |ours| ours.name);
    let stem = Stem { name: &name, id };
    let fits = |new: &str| {
        let is_free_here = also_here
            .as_ref()
            .is_none_or(|ours| here.is_free(ours.parent, &new.into()));
        let is_free = |name: Name| there.is_free(spot.parent, &view.key(Side::There, &name));
        is_free_here && encode(new).is_ok_and(is_free)
    };
    let had = had(draft, id, Side::There, &name).filter(|had| fits(had));
    let new = had.map_or_else(|| stem.suffixed(fits), |had| had.to_string());
    let Ok(encoded) = encode(&new) else {
        return;
    };
    there.give(spot.parent, view.key(Side::There, &encoded));
    if let Some(spot) = draft.spot_mut(id, Side::There) {
        spot.name = encoded;
    }
    if let Some(ours) = also_here {
        here.give(ours.parent, Name::from(new.as_str()));
        if let Some(spot) = draft.spot_mut(id, Side::Here) {
            spot.name = new.into();
        }
    }
    tell(draft, id);
}

/// The name that something has already, as it is called here, if that is the other name with a suffix: it need not have
/// another, whatever else had the first one when it was given.
fn had(draft: &Draft<'_>, id: EntryId, side: Side, of: &str) -> Option<Name> {
    let own = &draft.view.on(id, side)?.name;
    let own = match side {
        Side::Here => Name::clone(own),
        Side::There => draft.view.rules.names.here(own).into(),
    };
    is_suffixed(&own, of, id).then_some(own)
}

fn tell(draft: &mut Draft<'_>, id: EntryId) {
    if let Some(goal) = draft.goals.get_mut(&id) {
        goal.why_there = Why::NameTaken;
    }
}

/// Where a person decides, a file and a folder that came to one name stay on their sides until then.
fn hold_for_person(draft: &mut Draft<'_>, crowd: &[EntryId]) {
    if draft.view.rules.direction != Direction::TwoWay || fault::is(Fault::NoAsk) {
        return;
    }
    let newcomer = |id: &EntryId, sort: Kind| {
        let entry = draft.view.entry(*id).filter(|entry| entry.base.is_none())?;
        let side = only_side(entry)?;
        let is_of_sort = entry.on(side)?.kind.is_same_sort(sort);
        is_of_sort.then_some((*id, side, entry))
    };
    let file = Kind::File(super::super::Content(0));
    let files: Vec<_> = crowd.iter().filter_map(|id| newcomer(id, file)).collect();
    let folders: Vec<_> = crowd.iter().filter_map(|id| newcomer(id, Kind::Folder)).collect();
    let pair = files.iter().find_map(|(file, side, entry)| {
        let folder = folders.iter().find(|(_, other, _)| other != side)?.0;
        (draft.view.policy(entry) == Policy::Manual).then_some((*file, folder, entry.is_parked))
    });
    let Some((file, folder, is_parked)) = pair else {
        return;
    };
    if is_parked {
        draft.notes.push(Note::Parked { entry: folder });
    } else {
        draft.ask(file, Clash::KindKind, Why::NameTaken);
    }
    for id in [file, folder] {
        stay(draft, id);
    }
}

/// Keeps something on the side that it is on.
fn stay(draft: &mut Draft<'_>, id: EntryId) {
    if let Some(entry) = draft.view.entry(id) {
        let goal = super::targets::stay(draft.view, id, entry);
        draft.goals.insert(id, goal);
        draft.fates.insert(id, Fate::Stays);
    }
}
