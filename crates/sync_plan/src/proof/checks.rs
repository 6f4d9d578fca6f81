//! What has to be so after each round, and when nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};

use super::identity;
use super::laws;
use super::oracle;
use super::run::{Case, Planner, chain};
use super::world::{Tally, World};
use crate::{Content, Direction, Entry, EntryId, Kind, Names, Note, Side};

fn rule(is_kept: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_kept { Ok(()) } else { Err(otherwise()) }
}

/// Both trees are trees, and no two things in a folder have one name.
pub(super) fn is_valid(world: &World) -> Result<(), String> {
    for side in Side::BOTH {
        let mut names = BTreeSet::new();
        let is_loose = side == Side::There && world.setup.has_duplicates;
        for (id, state) in world.tree(side) {
            rule(world.is_folder(state.parent, side), || {
                format!("{id:?} is in nothing {side:?}")
            })?;
            rule(world.is_below(side, EntryId::ROOT, state.parent), || {
                format!("{id:?} is lost {side:?}")
            })?;
            let is_in_itself = chain(world, side, state.parent).any(|above| above == id);
            rule(!is_in_itself, || format!("{id:?} is in itself {side:?}"))?;
            let folded = match side {
                Side::Here => state.name.to_string(),
                Side::There => world.setup.provider().folded(&state.name),
            };
            let is_new = names.insert((state.parent, folded));
            rule(is_new || is_loose, || {
                format!("two things are called {} {side:?}", state.name)
            })?;
        }
    }
    Ok(())
}

/// Checks what is left when there is nothing more to do.
pub(super) fn at_rest(case: &Case, end: &World, planner: Planner) -> Result<(), String> {
    let start = &case.start;
    is_valid(end)?;
    let provider = end.setup.provider();
    let again = planner(&end.scene, &end.setup.rules(&provider));
    rule(again.is_empty(), || format!("there is more to do: {again:?}"))?;
    let stuck = Stuck::of(end, &again.notes);
    for side in Side::BOTH {
        let mut left = end
            .tree(side)
            .filter(|(id, state)| laws::is_detour(&state.name) && !stuck.in_it.contains(id));
        rule(left.next().is_none(), || {
            format!("a name for the way is left {side:?}")
        })?;
    }
    if case.later.is_empty() {
        nothing_is_lost(start, end)?;
        few_steps(start, end)?;
        if let Some(side) = case.only {
            one_sided(start, end, side, &again.notes)?;
        }
        oracle::agrees(start, end, &again.notes)?;
        identity::are_found(start, end)?;
    }
    if end.setup.direction == Direction::TwoWay {
        converged(end, &again.notes)?;
    }
    Ok(())
}

fn contents(world: &World) -> BTreeSet<Content> {
    let both = world.tree(Side::Here).chain(world.tree(Side::There));
    both.filter_map(|(_, state)| state.kind.content())
        .map(|content| world.bytes_of(content))
        .collect()
}

fn nothing_is_lost(start: &World, end: &World) -> Result<(), String> {
    let left = contents(end);
    let mut lost = contents(start);
    lost.retain(|content| !left.contains(content) && !end.kept.contains(content));
    rule(lost.is_empty(), || format!("lost for ever: {lost:?}"))
}

/// Whether an entry cannot be alike on both sides, whatever is done.
fn is_stuck(world: &World, entry: &Entry) -> bool {
    let provider = world.setup.provider();
    let states = [entry.here.as_ref(), entry.there.as_ref()];
    entry.is_parked
        || states
            .into_iter()
            .flatten()
            .any(|state| state.obstacle.is_some() || state.kind == Kind::Other)
        || entry
            .here
            .as_ref()
            .is_some_and(|here| provider.there(&here.name).is_err())
}

/// Those, what is in them, and the folders that hold them.
pub(super) struct Stuck {
    pub(super) itself: BTreeSet<EntryId>,
    pub(super) in_it: BTreeSet<EntryId>,
    pub(super) around: BTreeSet<EntryId>,
}

impl Stuck {
    /// `notes` are those of the plan that has nothing left to do.
    pub(super) fn of(world: &World, notes: &[Note]) -> Self {
        let all = world.scene.entries.iter();
        let mut itself: BTreeSet<EntryId> = all
            .filter(|(_, entry)| is_stuck(world, entry))
            .map(|(id, _)| *id)
            .collect();
        // What waits for a stuck one. Nothing waits for ever for anything else.
        if !itself.is_empty() {
            itself.extend(notes.iter().filter_map(|note| match note {
                Note::Waits { entry } | Note::Parked { entry } => Some(*entry),
                Note::Blocked { .. } | Note::Drift { .. } | Note::Decided { .. } => None,
            }));
        }
        let (mut in_it, mut around) = (BTreeSet::new(), BTreeSet::new());
        if itself.is_empty() {
            return Self {
                itself,
                in_it,
                around,
            };
        }
        for id in world.scene.entries.keys() {
            for side in Side::BOTH {
                if chain(world, side, *id).any(|above| itself.contains(&above)) {
                    in_it.insert(*id);
                }
            }
        }
        for id in &in_it {
            for side in Side::BOTH {
                around.extend(chain(world, side, *id));
            }
        }
        Self {
            itself,
            in_it,
            around,
        }
    }
}

fn converged(end: &World, notes: &[Note]) -> Result<(), String> {
    let stuck = Stuck::of(end, notes);
    for (id, entry) in &end.scene.entries {
        if stuck.itself.contains(id) || stuck.in_it.contains(id) {
            continue;
        }
        let (here, there) = match (&entry.here, &entry.there) {
            (Some(here), Some(there)) => (here, there),
            (None, None) => return Err(format!("{id:?} is nowhere and not forgotten")),
            _ if stuck.around.contains(id) => continue,
            _ => return Err(format!("{id:?} is on one side only")),
        };
        rule(here.kind == there.kind, || format!("{id:?} differs"))?;
        rule(here.parent == there.parent, || {
            format!("{id:?} is in different folders")
        })?;
        rule(are_tied(end, *id, &here.name, &there.name), || {
            format!("{id:?} has different names")
        })?;
        let base = entry.base.clone().unwrap_or_default();
        let is_agreed = base.parent == Some(here.parent)
            && base.names == Some((here.name.clone(), there.name.clone()))
            && base.content == here.kind.content()
            && base.is_folder == (here.kind == Kind::Folder);
        rule(is_agreed, || format!("{id:?} is alike and not agreed on"))?;
    }
    Ok(())
}

/// Whether two names stand for each other: one is the other, encoded, or told apart from another of that name.
fn are_tied(world: &World, id: EntryId, here: &str, there: &str) -> bool {
    let provider = world.setup.provider();
    let (decoded, encoded) = (provider.here(there), provider.there(here).unwrap_or_default());
    let mark = format!(" ({:x}", id.0);
    let is_from = |name: &str, of: &str| name.strip_prefix(of).is_some_and(|rest| rest.starts_with(&mark));
    decoded == here || encoded == there || is_from(here, &decoded) || is_from(there, &encoded)
}

/// Nothing is done about what agrees, and no more than needed about the rest.
fn few_steps(start: &World, end: &World) -> Result<(), String> {
    for ((id, side), tally) in &end.tally {
        let Tally {
            creates,
            writes,
            places,
            detours,
            trashes,
        } = *tally;
        let told = || format!("too much is done about {id:?} {side:?}: {tally:?}");
        rule(
            creates <= 1 && writes <= 1 && places <= 2 && detours <= 1 && trashes <= 1,
            told,
        )?;
        if start.scene.entries.get(id).is_some_and(is_as_agreed) {
            rule(creates + writes + places + detours + trashes == 0, told)?;
        }
    }
    Ok(())
}

/// Whether both sides have what was agreed.
pub(super) fn is_as_agreed(entry: &Entry) -> bool {
    let (Some(here), Some(there), Some(base)) = (&entry.here, &entry.there, &entry.base) else {
        return false;
    };
    here.kind == there.kind
        && base.content == here.kind.content()
        && base.parent == Some(here.parent)
        && here.parent == there.parent
        && base.names == Some((here.name.clone(), there.name.clone()))
}

/// Only one side was changed: what is there afterwards is what that side was.
fn one_sided(start: &World, end: &World, side: Side, notes: &[Note]) -> Result<(), String> {
    let setup = end.setup;
    if setup.receiver() == Some(side) {
        return Ok(());
    }
    let mut moves = end.tally.iter().filter(|((_, on), _)| *on == side);
    let names: Vec<_> = start
        .tree(Side::Here)
        .map(|(_, state)| (state.parent, &state.name))
        .collect();
    let is_clash = |one: usize| {
        names[..one]
            .iter()
            .any(|(parent, name)| *parent == names[one].0 && setup.collide(Side::There, name, names[one].1))
    };
    if side == Side::Here && (0..names.len()).any(is_clash) {
        return Ok(());
    }
    if let Some(((id, _), tally)) = moves.next() {
        return Err(format!(
            "{id:?} is changed on the side that changed already: {tally:?}"
        ));
    }
    let before: BTreeMap<EntryId, _> = start
        .tree(side)
        .map(|(id, state)| (end.today(id), state))
        .collect();
    let after: BTreeMap<EntryId, _> = end.tree(side).collect();
    rule(before.len() == after.len(), || {
        "the side that changed is another".to_owned()
    })?;
    let stuck = Stuck::of(end, notes);
    for id in before.keys().filter(|id| !stuck.in_it.contains(id)) {
        let is_gone = end.on(*id, side.other()).is_none();
        rule(!is_gone, || format!("{id:?} did not come to the other side"))?;
    }
    for (id, _) in end.tree(side.other()) {
        let is_foreign = !before.contains_key(&id) && !stuck.around.contains(&id);
        rule(!is_foreign, || {
            format!("{id:?} was deleted and is still on the other side")
        })?;
    }
    Ok(())
}

/// Both trees, in a form that does not depend on what copies are called inside. Where ids are paths, neither does it on
/// which of several things is the one that was moved.
pub(super) fn outline(world: &World) -> BTreeSet<(Option<EntryId>, Side, String, Kind)> {
    let mut lines = BTreeSet::new();
    for side in Side::BOTH {
        for (id, state) in world.tree(side) {
            let kind = match state.kind {
                Kind::File(content) => Kind::File(world.bytes_of(content)),
                other => other,
            };
            let names = chain(world, side, id).filter_map(|above| world.on(above, side));
            // Who of two gets a suffix may depend on which of their steps was done when the base was written down.
            let path: Vec<&str> = names
                .map(|state| state.name.split(" (").next().unwrap_or_default())
                .collect();
            lines.insert((
                Some(id).filter(|_| world.setup.has_ids),
                side,
                path.join("<"),
                kind,
            ));
        }
    }
    lines
}
