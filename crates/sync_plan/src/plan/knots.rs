//! Things that wait for each other: swaps of names, folders that change places with what is in them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{EntryId, Planned, Side, Step, Why};
use super::emit::{Emitter, Wait};
use super::suffix::LONGEST_BYTES;
use super::view::{is_renamed, is_temp, temp_name};
use crate::fault::{self, Fault};

/// Gives one of each knot a temporary name, so that another can have its own.
pub(super) fn untie(emitter: &mut Emitter<'_, '_>) {
    if fault::is(Fault::NoTemp) {
        return;
    }
    for side in Side::BOTH {
        for knot in knots(emitter, side) {
            if let Some(id) = loosest(emitter, side, &knot) {
                make_room(emitter, side, id);
            }
        }
    }
}

/// Rings of what waits for each other on a side.
fn knots(emitter: &Emitter<'_, '_>, side: Side) -> Vec<Vec<EntryId>> {
    let mut seen: BTreeMap<EntryId, EntryId> = BTreeMap::new();
    let mut knots = Vec::new();
    for &(_, start) in emitter.waits.keys().filter(|(at, _)| *at == side) {
        let mut path = Vec::new();
        let mut at = start;
        while let Some(wait) = emitter.waits.get(&(side, at)) {
            match seen.get(&at) {
                None => {}
                Some(&from) if from == start => {
                    let begin = path.iter().position(|id| *id == at).unwrap_or(0);
                    knots.push(path.split_off(begin));
                    break;
                }
                Some(_) => break,
            }
            seen.insert(at, start);
            path.push(at);
            match wait {
                Wait::Name(other) | Wait::Other(other) => at = *other,
                Wait::Nothing => break,
            }
        }
    }
    knots
}

/// The one of a knot to be renamed: it has a name that another of the knot waits for, and its own is not news if that
/// can be had.
fn loosest(emitter: &Emitter<'_, '_>, side: Side, knot: &[EntryId]) -> Option<EntryId> {
    let view = emitter.draft.view;
    let holders: BTreeSet<EntryId> = knot
        .iter()
        .filter_map(|id| match emitter.waits.get(&(side, *id)) {
            Some(Wait::Name(holder)) => Some(*holder),
            _ => None,
        })
        .collect();
    holders
        .into_iter()
        .filter_map(|id| Some((id, view.entry(id)?)))
        .filter(|(id, entry)| entry.on(side).is_some_and(|state| !is_temp(*id, &state.name)))
        .map(|(id, entry)| (is_renamed(id, entry, side), id))
        .min()
        .map(|(_, id)| id)
}

fn make_room(emitter: &mut Emitter<'_, '_>, side: Side, id: EntryId) {
    let view = emitter.draft.view;
    let Some((entry, state)) = view.entry(id).zip(view.on(id, side)) else {
        return;
    };
    let carried = temp_name(id, Some(&state.name));
    let is_held = carried.len() <= LONGEST_BYTES && view.rules.names.there(&carried).is_ok();
    let name = if is_renamed(id, entry, side) && is_held {
        carried
    } else {
        temp_name(id, None)
    };
    let step = Step::Place {
        entry: id,
        side,
        parent: state.parent,
        name,
    };
    emitter.steps.push(Planned {
        step,
        why: Why::MakesRoom,
    });
}
