//! What people do to one of the two trees. An act says what by numbers that are taken modulo what there is, so each is
//! possible anywhere, and a list of them stays one when some are dropped.

use std::collections::BTreeMap;

use model::Millis;

use super::laws::is_detour;
use super::rng::Rng;
use super::world::World;
use crate::{Base, Content, EntryId, Kind, Name, Obstacle, Side, State};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    File,
    Folder,
    /// Something without a counterpart; there only.
    Other,
    Edit,
    /// Back to the content that was agreed.
    Revert,
    Rename,
    Move,
    Relocate,
    Delete,
    /// Deleted, and written anew under the same name: how many editors save.
    Resave,
    /// Deleted, and something of the other sort in its place.
    Retype,
    /// Two things change places.
    Swap,
    /// A folder goes into one that was in it.
    Flip,
    /// A folder goes into another.
    Into,
}

/// Each as often as it is in here.
const VERBS: [Verb; 24] = [
    Verb::File,
    Verb::File,
    Verb::File,
    Verb::Folder,
    Verb::Folder,
    Verb::Other,
    Verb::Edit,
    Verb::Edit,
    Verb::Edit,
    Verb::Revert,
    Verb::Rename,
    Verb::Rename,
    Verb::Rename,
    Verb::Move,
    Verb::Move,
    Verb::Move,
    Verb::Relocate,
    Verb::Delete,
    Verb::Delete,
    Verb::Delete,
    Verb::Resave,
    Verb::Retype,
    Verb::Swap,
    Verb::Flip,
];

const NAMES_HERE: [&str; 10] = ["a", "a", "b", "b", "c", "A", "B", "x:y", "p_q", "*z"];
const NAMES_THERE: [&str; 10] = ["a", "a", "b", "b", "c", "A", "B", "x\u{201b}cy", "p/q", "p_q"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) verb: Verb,
    /// Which entry.
    pub(super) what: u8,
    /// Which folder, or which other entry.
    pub(super) to: u8,
    /// Which name.
    pub(super) name: u8,
    /// Which content.
    pub(super) content: u16,
    /// When.
    pub(super) when: u8,
}

impl Act {
    pub(super) fn any(rng: &mut Rng) -> Self {
        let verb = rng.pick(&VERBS);
        Self::of(verb, rng)
    }

    pub(super) fn of(verb: Verb, rng: &mut Rng) -> Self {
        let [what, to, name, when, low, high, ..] = rng.next().to_le_bytes();
        Self {
            verb,
            what,
            to,
            name,
            content: u16::from_le_bytes([low, high]),
            when,
        }
    }
}

fn at<T: Copy>(all: &[T], index: u8) -> Option<T> {
    let last = all.len().max(1);
    all.get(usize::from(index) % last).copied()
}

impl World {
    /// Somebody does something on a side. Nothing, where it cannot be done.
    pub(super) fn act(&mut self, side: Side, act: Act) {
        let ids: Vec<EntryId> = self.tree(side).map(|(id, _)| id).collect();
        let mut folders = vec![EntryId::ROOT];
        folders.extend(ids.iter().copied().filter(|id| self.is_folder(*id, side)));
        let Some(folder) = at(&folders, act.to) else {
            return;
        };
        let name: Name = self.name_of(side, act);
        match act.verb {
            Verb::File => self.add(side, folder, name, self.file_of(act), act),
            Verb::Folder => self.add(side, folder, name, Kind::Folder, act),
            Verb::Other if side == Side::There => self.add(side, folder, name, Kind::Other, act),
            Verb::Other => {}
            Verb::Into => {
                let folders = &folders[1..];
                if let (Some(inner), Some(outer)) = (at(folders, act.what), at(folders, act.to)) {
                    let name = self
                        .on(inner, side)
                        .expect("picked from those that are there")
                        .name
                        .clone();
                    self.relocate(side, inner, outer, name);
                }
            }
            _ => {
                if let Some(entry) = at(&ids, act.what) {
                    self.change(side, entry, folder, act);
                }
            }
        }
    }

    fn change(&mut self, side: Side, entry: EntryId, folder: EntryId, act: Act) {
        let state = self
            .on(entry, side)
            .expect("picked from those that are there")
            .clone();
        let name = self.name_of(side, act);
        match act.verb {
            Verb::Edit => self.edit(side, entry, self.file_of(act), act),
            Verb::Revert => {
                let base = self.scene.entries[&entry]
                    .base
                    .as_ref()
                    .and_then(|base| base.content);
                if let Some(content) = base {
                    self.edit(side, entry, Kind::File(content), act);
                }
            }
            Verb::Rename => self.relocate(side, entry, state.parent, name),
            Verb::Move => self.relocate(side, entry, folder, state.name),
            Verb::Relocate => self.relocate(side, entry, folder, name),
            Verb::Delete => self.remove(side, entry),
            Verb::Resave if matches!(state.kind, Kind::File(_)) => {
                self.remove(side, entry);
                let kind = if act.to.is_multiple_of(3) {
                    state.kind
                } else {
                    self.file_of(act)
                };
                self.add(side, state.parent, state.name, kind, act);
            }
            // What takes the place of something with a name for the way would be called so.
            Verb::Retype if !is_detour(&state.name) => {
                self.remove(side, entry);
                let kind = if state.kind == Kind::Folder {
                    self.file_of(act)
                } else {
                    Kind::Folder
                };
                self.add(side, state.parent, state.name, kind, act);
            }
            Verb::Swap => self.swap(side, entry, act),
            Verb::Flip => self.flip(side, entry),
            Verb::Resave | Verb::Retype | Verb::File | Verb::Folder | Verb::Other | Verb::Into => {}
        }
    }

    fn name_of(&self, side: Side, act: Act) -> Name {
        let pool = match side {
            Side::Here => NAMES_HERE,
            Side::There => NAMES_THERE,
        };
        at(&pool, act.name).expect("a pool is not empty").into()
    }

    /// A content that both sides may come upon, or one that only the same act makes.
    fn file_of(&self, act: Act) -> Kind {
        let pool = act.content % 10;
        Kind::File(if pool < 3 {
            Content(900 + u64::from(pool))
        } else {
            Content(10_000 + u64::from(act.content))
        })
    }

    fn state_of(parent: EntryId, name: Name, kind: Kind, act: Act) -> State {
        State {
            parent,
            name,
            kind,
            size_bytes: kind.content().map_or(0, Self::size_of),
            changed: Self::time_of(act),
            obstacle: (kind == Kind::Other).then_some(Obstacle::Document),
        }
    }

    /// One of a few near each other, or none.
    const fn time_of(act: Act) -> Millis {
        match act.when % 16 {
            0 => Millis(0),
            nth => Millis(1_700_000_000_000 + 1_000 * nth as i64),
        }
    }

    pub(super) const fn size_of(content: Content) -> u64 {
        1 + content.0 % 2
    }

    fn add(&mut self, side: Side, parent: EntryId, name: Name, kind: Kind, act: Act) {
        if !self.is_folder(parent, side) || !self.is_free(side, parent, &name, None) {
            return;
        }
        let id = self.id_of(side, parent, &name, kind);
        self.put(id, side, Some(Self::state_of(parent, name, kind, act)));
        if side == Side::Here {
            self.keep(id, side);
        }
    }

    /// Where ids are paths, what comes back to a path is what was there.
    fn id_of(&mut self, side: Side, parent: EntryId, name: &str, kind: Kind) -> EntryId {
        if side == Side::There && !self.setup.has_ids {
            let is_it = |base: &Base| {
                base.parent == Some(parent)
                    && base.names.as_ref().is_some_and(|(_, there)| **there == *name)
                    && base.is_folder == (kind == Kind::Folder)
                    && kind != Kind::Other
            };
            let mut gone = self
                .scene
                .entries
                .iter()
                .filter(|(_, entry)| entry.there.is_none());
            if let Some((id, _)) = gone.find(|(_, entry)| entry.base.as_ref().is_some_and(is_it)) {
                return *id;
            }
        }
        self.new_id()
    }

    fn edit(&mut self, side: Side, entry: EntryId, kind: Kind, act: Act) {
        let state = self.state_mut(entry, side);
        if !matches!(state.kind, Kind::File(_)) {
            return;
        }
        *state = State {
            obstacle: state.obstacle.clone(),
            ..Self::state_of(state.parent, state.name.clone(), kind, act)
        };
        if side == Side::Here {
            self.keep(entry, side);
        }
    }

    fn remove(&mut self, side: Side, entry: EntryId) {
        let ids: Vec<EntryId> = self.tree(side).map(|(id, _)| id).collect();
        for id in ids
            .iter()
            .filter(|id| self.is_below(side, entry, **id))
            .copied()
            .collect::<Vec<_>>()
        {
            self.put(id, side, None);
            self.tidy(id);
        }
    }

    /// What never was anywhere else and is gone is nothing.
    fn tidy(&mut self, id: EntryId) {
        let entry = &self.scene.entries[&id];
        if entry.here.is_none() && entry.there.is_none() && entry.base.is_none() {
            self.scene.entries.remove(&id);
        }
    }

    fn relocate(&mut self, side: Side, entry: EntryId, parent: EntryId, name: Name) {
        if self.is_below(side, entry, parent) || !self.is_free(side, parent, &name, Some(entry)) {
            return;
        }
        let state = self.on(entry, side).expect("picked from those that are there");
        if state.parent == parent && state.name == name {
            return;
        }
        if side == Side::There && !self.setup.has_ids {
            return self.relocate_paths(entry, parent, &name);
        }
        let state = self.state_mut(entry, side);
        state.parent = parent;
        state.name = name;
    }

    /// Where ids are paths, what is moved is something else afterwards, and so is all that is in it.
    fn relocate_paths(&mut self, entry: EntryId, parent: EntryId, name: &Name) {
        let mut moved = vec![entry];
        let mut at = 0;
        while let Some(folder) = moved.get(at).copied() {
            moved.extend(
                self.tree(Side::There)
                    .filter(|(_, state)| state.parent == folder)
                    .map(|(id, _)| id),
            );
            at += 1;
        }
        let states: Vec<(EntryId, State)> = moved
            .iter()
            .map(|id| (*id, self.on(*id, Side::There).expect("just found there").clone()))
            .collect();
        // What has a name for the way would keep it as something else.
        if states.iter().any(|(_, state)| is_detour(&state.name)) {
            return;
        }
        for id in &moved {
            self.put(*id, Side::There, None);
            self.tidy(*id);
        }
        let mut ids = BTreeMap::new();
        for (id, state) in states {
            let (parent, name) = match ids.get(&state.parent) {
                Some(parent) => (*parent, state.name.clone()),
                None => (parent, name.clone()),
            };
            let new = self.id_of(Side::There, parent, &name, state.kind);
            ids.insert(id, new);
            self.put(
                new,
                Side::There,
                Some(State {
                    parent,
                    name,
                    ..state
                }),
            );
        }
    }

    fn swap(&mut self, side: Side, one: EntryId, act: Act) {
        let ids: Vec<EntryId> = self.tree(side).map(|(id, _)| id).collect();
        let Some(other) = at(&ids, act.to) else { return };
        if self.is_below(side, one, other) || self.is_below(side, other, one) {
            return;
        }
        if side == Side::There && !self.setup.has_ids {
            return;
        }
        let place = |world: &Self, id| {
            let state = world.on(id, side).expect("picked from those that are there");
            (state.parent, state.name.clone())
        };
        let (first, second) = (place(self, one), place(self, other));
        // Nobody gives something a name for the way of something else.
        if is_detour(&first.1) || is_detour(&second.1) {
            return;
        }
        for (id, (parent, name)) in [(one, second), (other, first)] {
            let state = self.state_mut(id, side);
            state.parent = parent;
            state.name = name;
        }
    }

    fn flip(&mut self, side: Side, inner: EntryId) {
        if side == Side::There && !self.setup.has_ids {
            return;
        }
        let state = self
            .on(inner, side)
            .expect("picked from those that are there")
            .clone();
        let outer = state.parent;
        if outer == EntryId::ROOT || state.kind != Kind::Folder {
            return;
        }
        let place = self.on(outer, side).expect("a folder of something").clone();
        let is_taken = !self.is_free(side, inner, &place.name, None)
            || (!self.is_free(side, place.parent, &state.name, Some(outer)));
        if is_taken {
            return;
        }
        self.state_mut(inner, side).parent = place.parent;
        self.state_mut(outer, side).parent = inner;
    }
}
