//! What has to be found to be one thing, though two entries stand for it.

use super::world::World;
use crate::{Content, Direction, Entry, EntryId, Kind, Name, Names, Planned, Side, State, Step};

/// Something that came to be on one side.
struct Newcomer<'a> {
    id: EntryId,
    state: &'a State,
    /// What its name has in common with others that it collides with.
    name: String,
    /// Nothing keeps it from going to the other side.
    is_free: bool,
}

/// Checks what was found to be one, where it is beyond doubt.
///
/// # Errors
/// Two that are one.
pub(super) fn are_found(start: &World, end: &World) -> Result<(), String> {
    let (here, there) = (newcomers(start, Side::Here), newcomers(start, Side::There));
    for ours in &here {
        for theirs in &there {
            let are_alone = count(&here, ours) == 1 && count(&there, ours) == 1;
            let are_free = ours.is_free
                && theirs.is_free
                && (ours.state.kind == theirs.state.kind || !may_be_older(start, ours));
            if are_alone && are_free && is_same_creation(start, ours.state, theirs.state) {
                is_one(end, ours.id, theirs.id)?;
            }
        }
    }
    for (side, came, others) in [(Side::Here, &here, &there), (Side::There, &there, &here)] {
        for new in came {
            let is_linked = others.iter().any(|other| is_at_one_place(new, other));
            let place = (new.state.parent, &new.state.name);
            let gone: Vec<EntryId> = bereft(start, side)
                .filter(|(_, was, _)| *was == place)
                .map(|(id, ..)| id)
                .collect();
            let rivals = came
                .iter()
                .filter(|other| (other.state.parent, &other.state.name) == place)
                .count();
            let is_file = new.state.kind.content().is_some() && new.is_free;
            if let ([entry], 1, false, true) = (&gone[..], rivals, is_linked, is_file) {
                is_one(end, *entry, new.id)?;
            }
        }
    }
    if start.setup.has_ids {
        Ok(())
    } else {
        moves_are_found(start, end, &here, &there)
    }
}

/// Folders are linked with all that is alike in them, in one plan.
///
/// # Errors
/// What was left out.
pub(super) fn links_go_deep(world: &World, steps: &[Planned]) -> Result<(), String> {
    let mut links = steps.iter().filter_map(|planned| match planned.step {
        Step::Link { here, there } if world.is_folder(here, Side::Here) => Some((here, there)),
        _ => None,
    });
    let Some((folder, counterpart)) = links.next() else {
        return Ok(());
    };
    let (here, there) = (newcomers(world, Side::Here), newcomers(world, Side::There));
    for ours in here.iter().filter(|ours| ours.state.parent == folder) {
        let mut alike = there.iter().filter(|theirs| {
            theirs.state.parent == counterpart
                && theirs.state.kind == ours.state.kind
                && theirs.name == ours.name
        });
        let is_linked = steps.iter().any(|planned| planned.step.entry() == ours.id);
        if alike.next().is_some() && alike.next().is_none() && count(&here, ours) == 1 && !is_linked {
            return Err(format!("{folder:?} is linked, and {:?} in it is not", ours.id));
        }
    }
    Ok(())
}

/// Where ids are paths, what went and what came with the same content is one.
fn moves_are_found(
    start: &World,
    end: &World,
    here: &[Newcomer<'_>],
    there: &[Newcomer<'_>],
) -> Result<(), String> {
    for new in there {
        let Kind::File(content) = new.state.kind else {
            continue;
        };
        if !new.is_free {
            continue;
        }
        let gone: Vec<_> = bereft(start, Side::There)
            .filter(|(_, _, was)| *was == content)
            .collect();
        let came = start
            .tree(Side::There)
            .filter(|(id, state)| state.kind == new.state.kind && start.scene.entries[id].base.is_none());
        // What is in a folder that is linked may be linked, too.
        let is_in_linked = end.today(new.state.parent) != new.state.parent;
        let is_linked = here.iter().any(|other| is_at_one_place(new, other));
        let ([(entry, place, _)], 1, false) = (&gone[..], came.count(), is_linked || is_in_linked) else {
            continue;
        };
        let came_back = there
            .iter()
            .any(|other| (other.state.parent, &other.state.name) == *place);
        let was_rival =
            bereft(start, Side::There).any(|(_, was, _)| was == (new.state.parent, &new.state.name));
        if !came_back && !was_rival {
            is_one(end, *entry, new.id)?;
        }
    }
    Ok(())
}

fn is_one(end: &World, one: EntryId, other: EntryId) -> Result<(), String> {
    if end.today(one) == end.today(other) {
        return Ok(());
    }
    Err(format!("{one:?} and {other:?} are one, and nobody noticed"))
}

fn newcomers(world: &World, side: Side) -> Vec<Newcomer<'_>> {
    let provider = world.setup.provider();
    let is_new = |entry: &Entry| entry.base.is_none() && entry.on(side.other()).is_none() && !entry.is_parked;
    let all = world.scene.entries.iter().filter(|(_, entry)| is_new(entry));
    all.filter_map(|(id, entry)| Some((*id, entry.on(side)?)))
        .filter(|(_, state)| state.kind != Kind::Other)
        .map(|(id, state)| Newcomer {
            id,
            state,
            name: provider.folded(&provider.here(&state.name)),
            is_free: state.obstacle.is_none(),
        })
        .collect()
}

/// Whether it may be what went from there: that comes before what has to be compared first.
fn may_be_older(world: &World, new: &Newcomer<'_>) -> bool {
    let provider = world.setup.provider();
    Side::BOTH.into_iter().any(|side| {
        bereft(world, side).any(|(_, (parent, name), _)| {
            parent == new.state.parent && provider.folded(&provider.here(name)) == new.name
        })
    })
}

fn is_at_one_place(one: &Newcomer<'_>, other: &Newcomer<'_>) -> bool {
    one.state.parent == other.state.parent && one.name == other.name
}

fn count(all: &[Newcomer<'_>], like: &Newcomer<'_>) -> usize {
    all.iter().filter(|other| is_at_one_place(like, other)).count()
}

fn is_same_creation(world: &World, ours: &State, theirs: &State) -> bool {
    let is_same_kind = match (ours.kind, theirs.kind) {
        (Kind::Folder, Kind::Folder) => true,
        // In a pull, ours may have to give way to something else while it is compared.
        (Kind::File(ours), Kind::File(theirs)) if world.setup.direction == Direction::Pull => ours == theirs,
        (Kind::File(ours), Kind::File(theirs)) => world.bytes_of(ours) == world.bytes_of(theirs),
        _ => false,
    };
    let name = world.setup.provider().here(&theirs.name);
    is_same_kind && ours.parent == theirs.parent && *ours.name == *name
}

type Gone<'a> = (EntryId, (EntryId, &'a Name), Content);

/// Files that are no more on a side, and are on the other: where they were there, and with what content.
fn bereft(world: &World, side: Side) -> impl Iterator<Item = Gone<'_>> {
    world.scene.entries.iter().filter_map(move |(id, entry)| {
        let is_gone = entry.on(side).is_none() && entry.on(side.other())?.kind.content().is_some();
        let base = entry.base.as_ref().filter(|_| is_gone)?;
        let (here, there) = base.names.as_ref()?;
        let name = if side == Side::Here { here } else { there };
        Some((*id, (base.parent?, name), base.content?))
    })
}
