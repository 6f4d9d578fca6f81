//! Folders: what lives needs those that it lies in, and none may lie in itself.

use std::collections::BTreeMap;

use super::super::{EntryId, Side, Why};
use super::draft::{Draft, Goal};
use super::survival::Fate;
use super::targets;
use super::view::Both;
use crate::fault::{self, Fault};

/// Brings back the folders that are needed, and takes back the moves that would put folders into each other.
pub(super) fn settle(draft: &mut Draft<'_>) {
    let mut taken_back = BTreeMap::new();
    loop {
        let mut revived = BTreeMap::new();
        revive(draft, &mut revived);
        if fault::is(Fault::NoRings) || !break_rings(draft, &mut taken_back) {
            return;
        }
        // Taking a move back may need a folder that was to go, and none that was needed for the move.
        for (id, (fate, goal)) in revived {
            if !taken_back.contains_key(&id) {
                draft.fates.insert(id, fate);
                draft.goals.insert(id, goal);
            }
        }
    }
}

/// What folders that were brought back were to become before.
type Revived = BTreeMap<EntryId, (Fate, Goal)>;

/// Makes every folder live that something living is to be in.
fn revive(draft: &mut Draft<'_>, revived: &mut Revived) {
    let mut waiting: Vec<(EntryId, Side)> = draft
        .goals
        .keys()
        .flat_map(|&id| Side::BOTH.map(|side| (id, side)))
        .collect();
    while let Some((id, side)) = waiting.pop() {
        let Some(parent) = draft.spot(id, side).map(|spot| spot.parent) else {
            continue;
        };
        if parent == EntryId::ROOT || draft.spot(parent, side).is_some() {
            continue;
        }
        let Some(entry) = draft.view.entry(parent) else {
            continue;
        };
        if entry.here.is_none() && entry.there.is_none() {
            rehome(draft, id);
            continue;
        }
        let before = draft
            .fates
            .get(&parent)
            .copied()
            .zip(draft.goals.get(&parent).cloned());
        if revive_one(draft, parent, side) {
            if let Some(before) = before {
                revived.entry(parent).or_insert(before);
            }
            waiting.extend(Side::BOTH.map(|side| (parent, side)));
        }
    }
}

/// Moves something to the top whose folder is nowhere.
fn rehome(draft: &mut Draft<'_>, id: EntryId) {
    for side in Side::BOTH {
        if let Some(spot) = draft.spot_mut(id, side) {
            spot.parent = EntryId::ROOT;
        }
    }
    if let Some(goal) = draft.goals.get_mut(&id) {
        goal.why_there = Why::Gone;
    }
}

/// Makes a folder live that was to go, or to stay on one side, because of something that is to be in it on `side`.
/// Tells whether it does now.
fn revive_one(draft: &mut Draft<'_>, id: EntryId, side: Side) -> bool {
    let Some(entry) = draft.view.entry(id) else {
        return false;
    };
    if fault::is(Fault::NoAncestors) {
        return false;
    }
    let goal = match draft.fates.get(&id) {
        // What a push or pull deletes is not made anew on the side that deleted it.
        Some(Fate::Dies { .. }) if draft.view.authority().is_some() => {
            draft.fates.insert(id, Fate::Stays);
            targets::stay(draft.view, id, entry)
        }
        // It is not made anew for what cannot go there.
        Some(Fate::Dies { .. }) if entry.on(side).is_some() => {
            draft.fates.insert(id, Fate::Left);
            targets::stay(draft.view, id, entry)
        }
        Some(Fate::Dies { .. } | Fate::Left) => {
            draft.fates.insert(id, Fate::Live(Why::Needed));
            targets::live(draft, id, entry, Why::Needed)
        }
        _ => return false,
    };
    draft.goals.insert(id, goal);
    true
}

/// How far the move of an entry was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct TakenBack {
    /// To the place on the side that leads.
    to_lead: bool,
    /// To where it is on the side that has the ring.
    to_own: Both<bool>,
}

/// Breaks each ring of folders once, on both sides. Tells whether there was any.
fn break_rings(draft: &mut Draft<'_>, taken_back: &mut BTreeMap<EntryId, TakenBack>) -> bool {
    let mut was_any = false;
    for side in Side::BOTH {
        for ring in rings(draft, side) {
            break_ring(draft, side, &ring, taken_back);
            was_any = true;
        }
    }
    was_any
}

fn break_ring(
    draft: &mut Draft<'_>,
    side: Side,
    ring: &[EntryId],
    taken_back: &mut BTreeMap<EntryId, TakenBack>,
) {
    let lead = draft
        .view
        .authority()
        .unwrap_or(if fault::is(Fault::RingRevertsHere) {
            Side::There
        } else {
            Side::Here
        });
    let parent_on = |draft: &Draft<'_>, id: EntryId, at: Side| {
        let parent = draft.view.on(id, at)?.parent;
        (Some(parent) != draft.spot(id, side).map(|spot| spot.parent)).then_some(parent)
    };
    let to_lead = ring
        .iter()
        .filter(|id| !taken_back.get(id).is_some_and(|taken| taken.to_lead))
        .filter_map(|&id| Some((id, parent_on(draft, id, lead)?)))
        .min();
    if let Some((id, parent)) = to_lead {
        taken_back.entry(id).or_default().to_lead = true;
        return put(draft, id, &Side::BOTH, parent);
    }
    let to_own = ring
        .iter()
        .filter(|id| !taken_back.get(id).is_some_and(|taken| *taken.to_own.get(side)))
        .filter_map(|&id| Some((id, parent_on(draft, id, side)?)))
        .min();
    if let Some((id, parent)) = to_own {
        *taken_back.entry(id).or_default().to_own.get_mut(side) = true;
        return put(draft, id, &[side], parent);
    }
    if let Some(&id) = ring.iter().min() {
        taken_back.entry(id).or_default();
        put(draft, id, &Side::BOTH, EntryId::ROOT);
    }
}

fn put(draft: &mut Draft<'_>, id: EntryId, sides: &[Side], parent: EntryId) {
    for &side in sides {
        if let Some(spot) = draft.spot_mut(id, side) {
            spot.parent = parent;
        }
    }
    let view = draft.view;
    if let Some(goal) = draft.goals.get_mut(&id) {
        goal.why_there = Why::Ring;
        // It comes to where it was not wanted: others keep their names.
        goal.pinned = Both::of(|at| !view.may_change(at));
    }
}

/// The rings that the goals of a side have. None shares an entry with another.
fn rings(draft: &Draft<'_>, side: Side) -> Vec<Vec<EntryId>> {
    // By the entry from which the way up came by first.
    let mut seen: BTreeMap<EntryId, EntryId> = BTreeMap::new();
    let mut rings = Vec::new();
    for &start in draft.goals.keys() {
        let mut path = Vec::new();
        let mut at = start;
        while let Some(spot) = draft.spot(at, side) {
            match seen.get(&at) {
                None => {}
                Some(&from) if from == start => {
                    let begin = path.iter().position(|id| *id == at).unwrap_or(0);
                    rings.push(path.split_off(begin));
                    break;
                }
                Some(_) => break,
            }
            seen.insert(at, start);
            path.push(at);
            at = spot.parent;
        }
    }
    rings
}
