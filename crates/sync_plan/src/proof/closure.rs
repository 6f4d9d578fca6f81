//! A scene holds what changed and its surroundings only. What else there is makes no difference.

use std::collections::BTreeSet;

use super::checks::is_as_agreed;
use super::run::Planner;
use super::world::World;
use crate::{EntryId, Name, Names, Planned, Scene, Side, Step};

/// The least that a scene has to hold.
fn closed(world: &World) -> Scene {
    let whole = &world.scene;
    let changed: Vec<EntryId> = whole
        .entries
        .iter()
        .filter(|(_, entry)| !is_as_agreed(entry))
        .map(|(id, _)| *id)
        .collect();
    let mut inside: BTreeSet<EntryId> = changed.iter().copied().collect();
    for id in &changed {
        let (folders, names) = reach(world, *id);
        for (other, entry) in &whole.entries {
            let is_in = |side| {
                entry.on(side).is_some_and(|state| {
                    folders.contains(&state.parent) && names.contains(&common(world, &state.name))
                })
            };
            if Side::BOTH.into_iter().any(is_in) {
                inside.insert(*other);
            }
        }
    }
    loop {
        let mut more: BTreeSet<EntryId> = inside.iter().flat_map(|id| reach(world, *id).0).collect();
        for (id, entry) in &whole.entries {
            let is_in_gone = Side::BOTH.into_iter().any(|side| {
                entry.on(side).is_some_and(|state| {
                    inside.contains(&state.parent) && world.on(state.parent, side.other()).is_none()
                })
            });
            if is_in_gone {
                more.insert(*id);
            }
        }
        more.retain(|id| whole.entries.contains_key(id) && !inside.contains(id));
        if more.is_empty() {
            break;
        }
        inside.append(&mut more);
    }
    let entries = whole.entries.iter().filter(|(id, _)| inside.contains(id));
    Scene {
        entries: entries.map(|(id, entry)| (*id, entry.clone())).collect(),
        ..whole.clone()
    }
}

/// What two names have in common that could collide on either side.
fn common(world: &World, name: &str) -> String {
    let provider = world.setup.provider();
    provider.folded(&provider.here(name))
}

/// The folders that something is or was in, and its names.
fn reach(world: &World, id: EntryId) -> (Vec<EntryId>, BTreeSet<String>) {
    let entry = &world.scene.entries[&id];
    let base = entry.base.clone().unwrap_or_default();
    let states = [entry.here.as_ref(), entry.there.as_ref()].into_iter().flatten();
    let mut folders: Vec<EntryId> = states.clone().map(|state| state.parent).collect();
    folders.extend(base.parent);
    let mut names: Vec<Name> = states.map(|state| state.name.clone()).collect();
    names.extend(base.names.into_iter().flat_map(|(here, there)| [here, there]));
    (folders, names.iter().map(|name| common(world, name)).collect())
}

/// Checks that a plan of the least scene says the same as one of the whole.
///
/// # Errors
/// A step that only one of them has.
pub(super) fn makes_no_difference(world: &World, steps: &[Planned], planner: Planner) -> Result<(), String> {
    let scene = closed(world);
    if scene.entries.len() == world.scene.entries.len() {
        return Ok(());
    }
    let provider = world.setup.provider();
    let of_least = planner(&scene, &world.setup.rules(&provider)).steps;
    let only_one = |ours: &[Planned], others: &[Planned]| -> Option<Step> {
        ours.iter()
            .find(|planned| !others.contains(planned))
            .map(|planned| planned.step.clone())
    };
    match only_one(steps, &of_least).or_else(|| only_one(&of_least, steps)) {
        None => Ok(()),
        Some(step) => Err(format!("what did not change makes a difference: {step:?}")),
    }
}
