//! What may become of each entry, looked up for it alone: slow, and easy to check against the table of cases.

use std::collections::BTreeSet;

use super::checks::Stuck;
use super::laws::is_detour;
use super::run::chain;
use super::world::{SKEW_MS, World};
use crate::{Base, Content, Direction, Drift, Entry, EntryId, Kind, Name, Names, Note, Policy, Side, State};

/// What is wanted of an entry on a side in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    Gone,
    /// There only for what is in it.
    IfNeeded,
    /// There with this content, if it is a file.
    Lives(Option<Content>),
    Any,
}

/// What is wanted of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wishes {
    here: Wish,
    there: Wish,
    /// How many copies of it.
    copies: usize,
    is_asked: Option<bool>,
}

impl Wishes {
    const fn both(wish: Wish, again: Wish) -> Self {
        Self {
            here: wish,
            there: again,
            copies: 0,
            is_asked: Some(false),
        }
    }
}

fn content(entry: &Entry, side: Side) -> Option<Content> {
    entry.on(side).and_then(|state| state.kind.content())
}

fn is_edited(entry: &Entry, side: Side) -> bool {
    content(entry, side).is_some_and(|now| entry.base.as_ref().is_none_or(|base| base.content != Some(now)))
}

fn base_name(base: &Base, side: Side) -> Option<&Name> {
    base.names.as_ref().map(|(here, there)| match side {
        Side::Here => here,
        Side::There => there,
    })
}

fn is_renamed(entry: &Entry, side: Side) -> bool {
    let (Some(state), Some(base)) = (entry.on(side), &entry.base) else {
        return false;
    };
    base_name(base, side) != Some(&state.name)
}

fn has_left(entry: &Entry, side: Side) -> bool {
    let (Some(state), Some(base)) = (entry.on(side), &entry.base) else {
        return false;
    };
    base.parent != Some(state.parent)
}

fn is_moved(entry: &Entry, side: Side) -> bool {
    is_renamed(entry, side) || has_left(entry, side)
}

/// Whether it lies in a folder that was moved on that side and went on the other, with all that was in it.
fn is_carried(world: &World, id: EntryId, side: Side) -> bool {
    let mut above = chain(world, side, id)
        .skip(1)
        .map(|above| &world.scene.entries[&above]);
    let mut went = above
        .by_ref()
        .take_while(|above| above.on(side.other()).is_none());
    went.any(|above| above.base.is_some() && is_moved(above, side))
}

/// Checks what became of each entry.
///
/// # Errors
/// The first that is not as it should be.
pub(super) fn agrees(start: &World, end: &World, notes: &[Note]) -> Result<(), String> {
    let doubt = Doubt::of(start, end, notes);
    for (id, entry) in &start.scene.entries {
        if doubt.about.contains(id) {
            continue;
        }
        let wishes = match start.setup.receiver() {
            None => two_way(start, *id, entry),
            Some(receiver) => one_way(start, *id, entry, receiver),
        };
        let told = |what: String| format!("{id:?} {what}; wanted {wishes:?}");
        meets(end, *id, Side::Here, &wishes.here).map_err(told)?;
        meets(end, *id, Side::There, &wishes.there).map_err(told)?;
        let copies = end.copies.values().filter(|origin| *origin == id).count();
        if copies != wishes.copies {
            return Err(told(format!("has {copies} copies")));
        }
        let is_parked = end.scene.entries.get(id).is_some_and(|entry| entry.is_parked);
        if wishes.is_asked.is_some_and(|is_asked| is_asked != is_parked) {
            return Err(told(format!("is parked: {is_parked}")));
        }
        stays_here(start, end, *id, entry).map_err(told)?;
        if !doubt.has_ring && !doubt.is_crowded && start.setup.direction == Direction::TwoWay && !is_parked {
            place(start, end, *id, entry).map_err(told)?;
        }
    }
    one_giver(start, end)
}

/// What cannot be told by looking at an entry alone.
struct Doubt {
    about: BTreeSet<EntryId>,
    /// Moves put folders into each other.
    has_ring: bool,
    /// Something has to stay where it is, and others give way.
    is_crowded: bool,
}

impl Doubt {
    fn of(start: &World, end: &World, notes: &[Note]) -> Self {
        let (before, after) = (Stuck::of(start, &[]), Stuck::of(end, notes));
        let mut about = before.itself;
        about.extend(before.in_it);
        about.extend(before.around);
        about.extend(end.ended.iter().flat_map(|(ended, stays)| [*ended, *stays]));
        for (id, entry) in &start.scene.entries {
            let is_alias = |content: Option<Content>| content.is_some_and(|is| start.bytes.contains_key(&is));
            // A new file and a new folder of one name are asked about, too: that depends on more than one of them.
            let is_asked = end
                .scene
                .entries
                .get(id)
                .is_some_and(|now| now.is_parked && now.base.is_some());
            if is_alias(content(entry, Side::There)) || (after.in_it.contains(id) && !is_asked) {
                about.insert(*id);
            }
        }
        let crowded = start.scene.crowded.iter().map(|(_, folder)| *folder);
        about.extend(crowded);
        Self {
            about,
            has_ring: has_ring(start),
            is_crowded: start.scene.entries.values().any(|entry| {
                let mut states = [entry.here.as_ref(), entry.there.as_ref()].into_iter().flatten();
                states.any(|state| state.obstacle.is_some() && state.kind != Kind::Other)
            }),
        }
    }
}

/// The folder that it would be in if nothing else was.
fn parent(entry: &Entry) -> Option<EntryId> {
    match (&entry.here, &entry.there) {
        (Some(here), Some(there)) => {
            let is_theirs = has_left(entry, Side::There) && !has_left(entry, Side::Here);
            Some(if is_theirs { there.parent } else { here.parent })
        }
        (Some(only), None) | (None, Some(only)) => Some(only.parent),
        (None, None) => None,
    }
}

fn has_ring(world: &World) -> bool {
    let up = |id: &EntryId| world.scene.entries.get(id).and_then(parent);
    let most = world.scene.entries.len() + 1;
    world
        .scene
        .entries
        .keys()
        .any(|id| std::iter::successors(Some(*id), up).nth(most).is_some())
}

fn meets(end: &World, id: EntryId, side: Side, wish: &Wish) -> Result<(), String> {
    let state = end.on(id, side);
    let is_met = match wish {
        Wish::Any => true,
        Wish::Gone => state.is_none(),
        Wish::IfNeeded => {
            // Where ids are paths, it may turn out later that what it was needed for was moved elsewhere.
            state.is_none()
                || !end.setup.has_ids
                || Side::BOTH.into_iter().any(|side| end.has_children(id, side))
        }
        Wish::Lives(content) => state.is_some_and(|state| state.kind.content() == *content),
    };
    if is_met {
        Ok(())
    } else {
        Err(format!("{side:?} is {state:?}"))
    }
}

fn two_way(world: &World, id: EntryId, entry: &Entry) -> Wishes {
    let policy = entry.policy.unwrap_or(world.setup.policy);
    match (&entry.here, &entry.there) {
        (None, None) => Wishes::both(Wish::Gone, Wish::Gone),
        (Some(here), Some(there)) => both(policy, entry, (here, there)),
        (Some(_), None) => only(world, id, Side::Here, policy),
        (None, Some(_)) => only(world, id, Side::There, policy),
    }
}

/// On both sides: contents are merged.
fn both(policy: Policy, entry: &Entry, (here, there): (&State, &State)) -> Wishes {
    let (ours, theirs) = (here.kind.content(), there.kind.content());
    let lives = |content| Wishes::both(Wish::Lives(content), Wish::Lives(content));
    if ours == theirs || !is_edited(entry, Side::There) {
        return lives(ours);
    }
    if !is_edited(entry, Side::Here) {
        return lives(theirs);
    }
    let is_known = here.changed.0 > 0 && there.changed.0 > 0;
    let later_ms = if is_known {
        there.changed.0 - here.changed.0
    } else {
        0
    };
    match policy {
        Policy::Manual => Wishes {
            is_asked: Some(true),
            ..Wishes::both(Wish::Lives(ours), Wish::Lives(theirs))
        },
        Policy::LastWrite if later_ms > SKEW_MS => lives(theirs),
        Policy::LastWrite if -later_ms > SKEW_MS => lives(ours),
        Policy::LastWrite | Policy::KeepBoth => Wishes {
            copies: 1,
            ..lives(theirs)
        },
    }
}

/// On one side only: new, or deleted on the other.
fn only(world: &World, id: EntryId, side: Side, policy: Policy) -> Wishes {
    let entry = &world.scene.entries[&id];
    let content = content(entry, side);
    let lives = Wishes::both(Wish::Lives(content), Wish::Lives(content));
    if entry.base.is_none() {
        return lives;
    }
    let is_touched = is_edited(entry, side) || is_moved(entry, side);
    if policy == Policy::Manual && is_touched {
        let (kept, gone) = (Wish::Lives(content), Wish::Gone);
        let (here, there) = if side == Side::Here {
            (kept, gone)
        } else {
            (gone, kept)
        };
        return Wishes {
            here,
            there,
            copies: 0,
            is_asked: Some(true),
        };
    }
    if is_touched {
        return lives;
    }
    if is_carried(world, id, side) {
        return lives;
    }
    if content.is_none() {
        return Wishes::both(Wish::IfNeeded, Wish::IfNeeded);
    }
    Wishes::both(Wish::Gone, Wish::Gone)
}

/// One side only gives: its state counts, and what the other did is left or undone.
fn one_way(world: &World, id: EntryId, entry: &Entry, receiver: Side) -> Wishes {
    let giver = receiver.other();
    let (given, got) = (content(entry, giver), content(entry, receiver));
    let is_left = world.setup.drift == Drift::Leave;
    let gives = entry.on(giver).is_some();
    let at_giver = if gives { Wish::Lives(given) } else { Wish::Gone };
    let mut copies = 0;
    let at_receiver = match (entry.on(receiver), &entry.base) {
        (None, None) => Wish::Lives(given),
        (Some(_), None) if receiver == Side::There && !is_left && is_doomed(world, id) => Wish::Any,
        (Some(_), None) => Wish::Lives(got),
        (None, Some(_)) if !gives => Wish::Gone,
        (None, Some(_)) if is_edited(entry, giver) || is_moved(entry, giver) || !is_left => {
            Wish::Lives(given)
        }
        (None, Some(_)) if is_carried(world, id, giver) => Wish::Lives(given),
        (None, Some(_)) => Wish::IfNeeded,
        (Some(state), Some(_)) if !gives => {
            copies = usize::from(receiver == Side::Here && is_edited(entry, receiver));
            if state.kind == Kind::Folder {
                Wish::IfNeeded
            } else {
                Wish::Gone
            }
        }
        (Some(_), Some(_)) if is_edited(entry, giver) || !is_left => {
            let is_lost = receiver == Side::Here && is_edited(entry, receiver) && is_edited(entry, giver);
            copies = usize::from(is_lost && given != got);
            Wish::Lives(given)
        }
        (Some(_), Some(_)) => Wish::Lives(got),
    };
    let (here, there) = match receiver {
        Side::Here => (at_receiver, at_giver),
        Side::There => (at_giver, at_receiver),
    };
    Wishes {
        here,
        there,
        copies,
        is_asked: None,
    }
}

/// Whether it lies, there, in something that was deleted here.
fn is_doomed(world: &World, id: EntryId) -> bool {
    chain(world, Side::There, id).any(|above| {
        let above = &world.scene.entries[&above];
        above.base.is_some() && above.here.is_none()
    })
}

/// Of folders that would be put into each other, the places here count.
fn stays_here(start: &World, end: &World, id: EntryId, entry: &Entry) -> Result<(), String> {
    let (Some(here), Some(_), Some(now)) = (&entry.here, &entry.there, end.on(id, Side::Here)) else {
        return Ok(());
    };
    let is_kept = now.parent == end.today(here.parent) || !has_left(entry, Side::Here);
    if is_kept || start.setup.direction != Direction::TwoWay {
        return Ok(());
    }
    Err(format!("was moved here, and is in {:?}", now.parent))
}

/// Where it has to be, and how it has to be called, on both sides.
fn place(start: &World, end: &World, id: EntryId, entry: &Entry) -> Result<(), String> {
    let Some(parent) = parent(entry) else {
        return Ok(());
    };
    let provider = start.setup.provider();
    for side in Side::BOTH {
        let Some(state) = end.on(id, side) else { continue };
        if state.parent != end.today(parent) {
            return Err(format!("is in {:?} {side:?} and not in {parent:?}", state.parent));
        }
        let from = match (&entry.here, &entry.there) {
            (Some(_), Some(_)) if !is_renamed(entry, Side::There) || is_renamed(entry, Side::Here) => {
                Side::Here
            }
            (Some(_), None) => Side::Here,
            (None | Some(_), Some(_)) => Side::There,
            (None, None) => return Ok(()),
        };
        let is_same = !is_renamed(entry, side) && !is_renamed(entry, from);
        let own = entry.on(side).filter(|_| from == side || is_same);
        let name = match (own, entry.on(from)) {
            (Some(own), _) => own.name.to_string(),
            (None, Some(state)) if side == Side::Here => provider.here(&state.name),
            (None, Some(state)) => provider.there(&state.name).unwrap_or_default(),
            (None, None) => return Ok(()),
        };
        let is_called_so = *state.name == *name || provider.here(&state.name) == provider.here(&name);
        if !is_called_so && !is_taken(end, id, state.parent, &name) {
            return Err(format!("is called {} {side:?} and not {name}", state.name));
        }
        let is_theirs = entry.here.is_none() && entry.base.is_none();
        if !is_called_so && is_theirs && !is_contested(start, id, &name) {
            return Err(format!("gave up the name {name} to one that is new here"));
        }
        if !is_called_so && is_new_folder(entry) && !is_wanted((start, end), id, &name) {
            return Err(format!("is a folder, and gave up the name {name} to a file"));
        }
        if is_detour(&state.name) {
            return Err("has a name for the way".to_owned());
        }
    }
    Ok(())
}

fn is_new_folder(entry: &Entry) -> bool {
    let mut states = [entry.here.as_ref(), entry.there.as_ref()].into_iter().flatten();
    entry.base.is_none() && states.all(|state| state.kind == Kind::Folder)
}

/// Whether anything but new files wants a name, anywhere.
fn is_wanted((start, end): (&World, &World), id: EntryId, name: &str) -> bool {
    let common = |name: &str| {
        let provider = start.setup.provider();
        provider.folded(&provider.here(name))
    };
    start.scene.entries.iter().any(|(other, entry)| {
        let states = || [entry.here.as_ref(), entry.there.as_ref()].into_iter().flatten();
        let is_free_file = |state: &State| state.kind.content().is_some() && state.obstacle.is_none();
        let is_linked = end
            .ended
            .iter()
            .any(|(ended, stays)| ended == other || stays == other);
        let is_harmless =
            entry.base.is_none() && states().all(is_free_file) && !entry.is_parked && !is_linked;
        *other != id && !is_harmless && states().any(|state| common(&state.name) == common(name))
    })
}

/// Whether anything but new files of this side wants that name in the folder of something new there.
fn is_contested(start: &World, id: EntryId, name: &str) -> bool {
    let common = |name: &str| {
        let provider = start.setup.provider();
        provider.folded(&provider.here(name))
    };
    let is_free_file = |state: &State| state.kind.content().is_some() && state.obstacle.is_none();
    let is_file = |entry: &Entry| entry.here.as_ref().is_none_or(is_free_file);
    start.scene.entries.iter().any(|(other, entry)| {
        let names = [entry.here.as_ref(), entry.there.as_ref()]
            .into_iter()
            .flatten()
            .map(|state| &state.name);
        let is_harmless = entry.there.is_none() && entry.base.is_none() && is_file(entry) && !entry.is_parked;
        *other != id && !is_harmless && names.into_iter().any(|other| common(other) == common(name))
    })
}

/// Whether something else in that folder has the name, on either side.
fn is_taken(end: &World, id: EntryId, parent: EntryId, name: &str) -> bool {
    let provider = end.setup.provider();
    let folded = provider.folded(&provider.here(name));
    Side::BOTH.into_iter().any(|side| {
        end.tree(side).any(|(other, state)| {
            other != id && state.parent == parent && provider.folded(&provider.here(&state.name)) == folded
        })
    })
}

/// The side that only gives is as it was.
fn one_giver(start: &World, end: &World) -> Result<(), String> {
    let Some(giver) = start.setup.receiver().map(Side::other) else {
        return Ok(());
    };
    let known = |content: Kind| content.content().map(|content| start.bytes_of(content));
    let before: BTreeSet<_> = start
        .tree(giver)
        .map(|(id, state)| {
            (
                end.today(id),
                end.today(state.parent),
                state.name.clone(),
                known(state.kind),
            )
        })
        .collect();
    let after: BTreeSet<_> = end
        .tree(giver)
        .map(|(id, state)| (id, state.parent, state.name.clone(), known(state.kind)))
        .collect();
    if before == after {
        Ok(())
    } else {
        Err("the side that only gives is another".to_owned())
    }
}
