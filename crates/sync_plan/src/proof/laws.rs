//! What no step may do, whatever came before it.

use super::world::{SKEW_MS, World};
use crate::{
    Base, Clash, Content, Direction, Drift, Entry, EntryId, Kind, Names, Policy, Scene, Side, State, Step,
};

/// Whether a name is one that something has on the way only.
pub(super) fn is_detour(name: &str) -> bool {
    name.starts_with(".~")
}

/// Whether each part of a base is what both sides have, or what it was before, or nothing is agreed on any more.
pub(super) fn is_honest(entry: &Entry, base: &Base) -> bool {
    if *base == Base::default() {
        return true;
    }
    let was = entry.base.clone().unwrap_or_default();
    let (here, there) = (entry.here.as_ref(), entry.there.as_ref());
    let both = here.zip(there);
    let parent = both.and_then(|(here, there)| (here.parent == there.parent).then_some(here.parent));
    let names = both.map(|(here, there)| (here.name.clone(), there.name.clone()));
    let is_content_agreed = both.is_some_and(|(here, there)| here.kind == there.kind);
    let content = both.and_then(|(here, _)| here.kind.content());
    (base.parent == was.parent || base.parent == parent)
        && (base.names == was.names || (base.names == names && names.is_some()))
        && (base.content == was.content || (is_content_agreed && base.content == content))
        && (base.is_folder == was.is_folder || is_content_agreed)
}

/// What an entry's content was when it was agreed last.
fn base_content(entry: &Entry) -> Option<Content> {
    entry.base.as_ref().and_then(|base| base.content)
}

/// Whether it is a file whose content is not the one that was agreed last.
fn is_edited(entry: &Entry, side: Side) -> bool {
    let content = entry.on(side).and_then(|state| state.kind.content());
    content.is_some() && content != base_content(entry)
}

/// Whether its place on a side is not the one that was agreed last.
fn is_moved(entry: &Entry, side: Side) -> bool {
    let (Some(state), Some(base)) = (entry.on(side), &entry.base) else {
        return true;
    };
    let name = base.names.as_ref().map(|(here, there)| match side {
        Side::Here => here,
        Side::There => there,
    });
    // A name for the way that carries another is that of something that was renamed.
    let is_unchanged = is_detour(&state.name) && !state.name[2..].contains('~');
    base.parent != Some(state.parent) || (name != Some(&state.name) && !is_unchanged)
}

/// Checks a step against the laws.
///
/// # Errors
/// The law that it breaks.
pub(super) fn check(world: &World, step: &Step, seen: &Scene) -> Result<(), String> {
    let Some(entry) = seen.entries.get(&step.entry()) else {
        return Err("it is about something that is not in the scene".to_owned());
    };
    direction(world, step)?;
    let is_content = matches!(
        step,
        Step::Create { .. } | Step::Write { .. } | Step::KeepBoth { .. } | Step::Ask { .. }
    );
    if entry.is_parked && (is_content || matches!(step, Step::Trash { .. })) {
        return Err("what is parked stays as it is".to_owned());
    }
    let is_other = |state: &Option<State>| state.as_ref().is_some_and(|state| state.kind == Kind::Other);
    if (is_other(&entry.here) || is_other(&entry.there)) && step.side().is_some() {
        return Err("nothing is done about something else".to_owned());
    }
    match step {
        Step::Compare { here, there } => compare(seen, *here, *there),
        Step::Link { here, there } => link(world, seen, *here, *there),
        Step::Retie { newcomer, side, .. } => retie(world, seen, entry, *newcomer, *side),
        Step::Create { side, name, .. } => create(world, entry, *side, name),
        Step::Write { side, overrides, .. } => write(world, entry, *side, *overrides),
        Step::KeepBoth { copy, .. } => keep_both(world, seen, entry, copy),
        Step::Place { side, name, .. } => place(world, entry, *side, name),
        Step::Trash { side, keeps, .. } => trash(world, seen, step.entry(), *side, *keeps),
        Step::Ask { clash, .. } => ask(seen, entry, *clash),
        Step::Agree { base, .. } => agree(entry, base),
        Step::Forget { .. } if entry.here.is_some() || entry.there.is_some() => {
            Err("what is somewhere is not forgotten".to_owned())
        }
        Step::Forget { .. } => Ok(()),
    }
}

fn direction(world: &World, step: &Step) -> Result<(), String> {
    let is_wrong = match world.setup.direction {
        Direction::TwoWay => false,
        Direction::Push => step.side() == Some(Side::Here),
        Direction::Pull => step.side() == Some(Side::There),
    };
    if is_wrong {
        return Err("it changes the side that only gives".to_owned());
    }
    Ok(())
}

fn rule(is_kept: bool, otherwise: &str) -> Result<(), String> {
    if is_kept {
        Ok(())
    } else {
        Err(otherwise.to_owned())
    }
}

fn compare(seen: &Scene, here: EntryId, there: EntryId) -> Result<(), String> {
    let content = |entry: EntryId, side| {
        seen.entries
            .get(&entry)
            .and_then(|entry: &Entry| entry.on(side))
            .and_then(|state| state.kind.content())
    };
    let pair = content(here, Side::Here).zip(content(there, Side::There));
    rule(
        pair.is_some_and(|pair| seen.unsure.contains(&pair)),
        "compares what is known",
    )
}

fn link(world: &World, seen: &Scene, here: EntryId, there: EntryId) -> Result<(), String> {
    let (Some(ours), Some(theirs)) = (seen.entries.get(&here), seen.entries.get(&there)) else {
        return Err("links something that is not in the scene".to_owned());
    };
    rule(
        ours.there.is_none() && theirs.here.is_none(),
        "links what is tied already",
    )?;
    rule(theirs.base.is_none(), "links away what was agreed")?;
    let (Some(ours), Some(theirs)) = (&ours.here, &theirs.there) else {
        return Err("links what is nowhere".to_owned());
    };
    rule(
        ours.kind.is_same_sort(theirs.kind) && ours.kind != Kind::Other,
        "links unlike things",
    )?;
    if let Some(pair) = ours.kind.content().zip(theirs.kind.content()) {
        rule(
            !seen.unsure.contains(&pair),
            "links contents that may be the same",
        )?;
        let is_told = later(ours, theirs).is_some();
        let makes_one = match world.setup.direction {
            Direction::Push => true,
            Direction::Pull => false,
            Direction::TwoWay => match seen.entries[&here].policy.unwrap_or(world.setup.policy) {
                Policy::Manual => true,
                Policy::LastWrite => is_told,
                Policy::KeepBoth => false,
            },
        };
        rule(
            pair.0 == pair.1 || makes_one,
            "links different files that both stay",
        )?;
    }
    // Folders may be linked in the same plan.
    let are_in_one = ours.parent == theirs.parent
        || (ours.parent != EntryId::ROOT && link(world, seen, ours.parent, theirs.parent).is_ok());
    rule(are_in_one, "links things in different folders")?;
    let provider = world.setup.provider();
    let is_one = provider
        .there(&ours.name)
        .is_ok_and(|name| provider.is_one(&name, &theirs.name))
        || *provider.here(&theirs.name) == *ours.name;
    rule(is_one, "links things with different names")
}

fn retie(world: &World, seen: &Scene, entry: &Entry, newcomer: EntryId, side: Side) -> Result<(), String> {
    let new = seen
        .entries
        .get(&newcomer)
        .ok_or("ties something that is not in the scene")?;
    rule(entry.on(side).is_none(), "ties again what did not go")?;
    rule(
        new.on(side.other()).is_none() && new.base.is_none(),
        "ties again something that is no newcomer",
    )?;
    let (Some(base), Some(new)) = (&entry.base, new.on(side)) else {
        return Err("ties again what was never tied".to_owned());
    };
    let is_same_sort = match new.kind {
        Kind::Folder => base.is_folder,
        Kind::File(_) => !base.is_folder,
        Kind::Other => false,
    };
    rule(is_same_sort, "ties unlike things")?;
    let is_here = base.names.as_ref().is_some_and(|(here, there)| match side {
        Side::Here => *here == new.name,
        Side::There => world.setup.provider().is_one(there, &new.name),
    });
    let is_same_place = base.parent == Some(new.parent) && is_here;
    let is_moved = !world.setup.has_ids && side == Side::There && new.kind.content() == base.content;
    rule(
        is_same_place || is_moved || is_detour(&new.name),
        "ties what came back somewhere else",
    )
}

/// Whether nothing keeps the content of a side from going to the other.
fn goes(entry: &Entry, to: Side) -> bool {
    entry.on(to.other()).is_some_and(|state| state.obstacle.is_none())
}

fn create(world: &World, entry: &Entry, side: Side, name: &str) -> Result<(), String> {
    rule(entry.on(side).is_none(), "makes what is there")?;
    rule(entry.on(side.other()).is_some(), "makes what is nowhere")?;
    rule(goes(entry, side), "takes over an obstacle")?;
    rule(!is_detour(name), "makes something under a name for the way")?;
    let is_gone = entry.base.is_some();
    let is_giver = world.setup.receiver() == Some(side);
    let lives = !is_gone || is_giver || is_edited(entry, side.other()) || is_moved(entry, side.other());
    // A folder may be needed by something in it, and something in a folder that was moved goes with it.
    let is_needed = entry
        .on(side.other())
        .is_some_and(|state| state.kind == Kind::Folder);
    let is_carried = entry
        .on(side.other())
        .is_some_and(|state| state.parent != EntryId::ROOT);
    rule(lives || is_needed || is_carried, "makes again what was deleted")?;
    valid_name(world, side, name)
}

fn valid_name(world: &World, side: Side, name: &str) -> Result<(), String> {
    let provider = world.setup.provider();
    match side {
        Side::Here => rule(
            !name.is_empty() && !name.contains('/'),
            "gives a name that cannot be here",
        ),
        Side::There => rule(
            !name.is_empty()
                && !name.starts_with('*')
                && !name.contains(':')
                && !provider.here(name).is_empty(),
            "gives a name that cannot be there",
        ),
    }
}

fn write(world: &World, entry: &Entry, side: Side, overrides: Option<Clash>) -> Result<(), String> {
    let (Some(old), Some(new)) = (entry.on(side), entry.on(side.other())) else {
        return Err("writes what is not on both sides".to_owned());
    };
    let (Some(was), Some(is)) = (old.kind.content(), new.kind.content()) else {
        return Err("writes what is no file".to_owned());
    };
    rule(was != is, "writes what is there already")?;
    rule(goes(entry, side), "takes over an obstacle")?;
    // What is undone here is a version here already.
    let is_undone_here = world.setup.direction == Direction::Pull && !is_edited(entry, side.other());
    let is_told = is_edited(entry, side) == overrides.is_some() || is_undone_here;
    rule(is_told, "overrides without saying so, or says so without")?;
    known(world, entry)?;
    let Some(receiver) = world.setup.receiver() else {
        rule(
            is_edited(entry, side.other()),
            "takes a change back that nobody else made",
        )?;
        if overrides.is_some() {
            let (here, there) = if side == Side::Here {
                (old, new)
            } else {
                (new, old)
            };
            let is_later = later(here, there) == Some(side.other());
            return rule(
                is_later && policy(world, entry) == Policy::LastWrite,
                "overrides what it may not",
            );
        }
        return Ok(());
    };
    let is_drift = receiver == side && !is_edited(entry, side.other());
    rule(
        !is_drift || world.setup.drift == Drift::Revert,
        "undoes a drift that it has to leave",
    )
}

/// The side that changed later, if the clocks can tell.
fn later(here: &State, there: &State) -> Option<Side> {
    let apart_ms = there.changed.0 - here.changed.0;
    let is_told = here.changed.0 > 0 && there.changed.0 > 0 && apart_ms.abs() > SKEW_MS;
    is_told.then_some(if apart_ms > 0 { Side::There } else { Side::Here })
}

/// Nothing is decided about contents that may be the same.
fn known(world: &World, entry: &Entry) -> Result<(), String> {
    let content = |side| entry.on(side).and_then(|state: &State| state.kind.content());
    let (Some(here), Some(there)) = (content(Side::Here), content(Side::There)) else {
        return Ok(());
    };
    rule(
        !world.scene.unsure.contains(&(here, there)),
        "decides about contents that may be the same",
    )?;
    rule(
        world.bytes_of(here) != world.bytes_of(there),
        "takes equal contents for different ones",
    )
}

fn policy(world: &World, entry: &Entry) -> Policy {
    entry.policy.unwrap_or(world.setup.policy)
}

fn keep_both(world: &World, seen: &Scene, entry: &Entry, copy: &str) -> Result<(), String> {
    let (Some(here), Some(there)) = (&entry.here, &entry.there) else {
        return Err("keeps both of what is not on both sides".to_owned());
    };
    rule(
        is_edited(entry, Side::Here),
        "keeps a copy of what nobody changed here",
    )?;
    rule(
        matches!((here.kind, there.kind), (Kind::File(_), Kind::File(_))),
        "keeps both of what is no file",
    )?;
    rule(goes(entry, Side::Here), "takes over an obstacle")?;
    known(world, entry)?;
    valid_name(world, Side::Here, copy)?;
    let is_taken = seen.entries.values().filter_map(|entry| entry.here.as_ref());
    let is_taken = is_taken
        .into_iter()
        .any(|state| state.parent == here.parent && *state.name == *copy);
    rule(!is_taken, "calls a copy as something else is called")?;
    if world.setup.direction == Direction::Pull {
        return Ok(());
    }
    rule(
        is_edited(entry, Side::There),
        "keeps both though only one was changed",
    )?;
    let is_close = later(here, there).is_none();
    match policy(world, entry) {
        Policy::KeepBoth => Ok(()),
        Policy::LastWrite => rule(
            is_close || !goes(entry, Side::There),
            "keeps both though one is later",
        ),
        Policy::Manual => Err("keeps both though a person decides".to_owned()),
    }
}

fn place(world: &World, entry: &Entry, side: Side, name: &str) -> Result<(), String> {
    rule(entry.on(side).is_some(), "moves what is not there")?;
    valid_name(world, side, name)
}

fn trash(world: &World, seen: &Scene, id: EntryId, side: Side, keeps: bool) -> Result<(), String> {
    let entry = &seen.entries[&id];
    let Some(state) = entry.on(side) else {
        return Err("trashes what is not there".to_owned());
    };
    rule(
        entry.on(side.other()).is_none(),
        "trashes what the other side has",
    )?;
    // A push that undoes what others did takes along what they put into a folder that goes.
    let is_swept = world.setup.direction == Direction::Push
        && world.setup.drift == Drift::Revert
        && state.parent != EntryId::ROOT;
    rule(
        entry.base.is_some() || is_swept,
        "trashes what never was on the other side",
    )?;
    rule(
        !seen.crowded.contains(&(side, id)),
        "trashes a folder with unknown things in it",
    )?;
    if let Some(content) = state.kind.content() {
        let bytes = world.bytes_of(content);
        let is_safe = side == Side::Here || keeps || world.kept.contains(&bytes);
        rule(is_safe, "trashes a content that nobody else has")?;
        rule(!keeps || is_edited(entry, side), "keeps what is kept already")?;
        rule(
            keeps || !is_edited(entry, side),
            "trashes a change without keeping it",
        )?;
    }
    if world.setup.direction == Direction::TwoWay {
        rule(!is_edited(entry, side), "trashes a change")?;
        rule(
            state.kind == Kind::Folder || !is_moved(entry, side),
            "trashes what was moved",
        )?;
    }
    Ok(())
}

fn ask(seen: &Scene, entry: &Entry, clash: Clash) -> Result<(), String> {
    let (here, there) = (is_edited(entry, Side::Here), is_edited(entry, Side::There));
    if let (Some(ours), Some(theirs)) = (&entry.here, &entry.there) {
        rule(ours.kind != theirs.kind, "asks about equal things")?;
        if let Some(pair) = ours.kind.content().zip(theirs.kind.content()) {
            rule(
                !seen.unsure.contains(&pair),
                "asks about contents that may be the same",
            )?;
        }
    }
    match clash {
        Clash::EditEdit => rule(here && there, "asks about a change that nobody else made"),
        Clash::EditDelete => rule(
            entry.there.is_none() && entry.here.is_some(),
            "asks about a wrong deletion",
        ),
        Clash::DeleteEdit => rule(
            entry.here.is_none() && entry.there.is_some(),
            "asks about a wrong deletion",
        ),
        Clash::CreateCreate | Clash::KindKind => rule(
            entry.base.as_ref().is_none_or(|base| base.content.is_none()),
            "asks about a creation that is none",
        ),
    }
}

fn agree(entry: &Entry, base: &Base) -> Result<(), String> {
    rule(entry.base.as_ref() != Some(base), "agrees on what is agreed")?;
    rule(is_honest(entry, base), "agrees on what is not so")?;
    let is_detour = base
        .names
        .as_ref()
        .is_some_and(|(here, there)| is_detour(here) || is_detour(there));
    rule(!is_detour, "agrees on a name for the way")
}
