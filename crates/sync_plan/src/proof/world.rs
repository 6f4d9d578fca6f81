//! Two trees in memory, and what is kept of what was replaced or removed. Does steps as the engine does them: each is
//! checked against the scene that it was planned from and against what is true by then.

use std::collections::{BTreeMap, BTreeSet};

use model::Millis;

use super::laws;
use super::provider::Provider;
use crate::{
    Content, Direction, Drift, Entry, EntryId, Kind, Name, Names, Planned, Policy, Rules, Scene, Side, State,
    Step,
};

/// What kind of mirror it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) direction: Direction,
    pub(super) drift: Drift,
    pub(super) policy: Policy,
    pub(super) has_ids: bool,
    pub(super) has_duplicates: bool,
    pub(super) folds: bool,
    /// The base is written down with each step, not only by `Agree`.
    pub(super) is_eager: bool,
}

pub(super) const SKEW_MS: i64 = 2_000;

impl Setup {
    pub(super) const fn provider(self) -> Provider {
        Provider { folds: self.folds }
    }

    pub(super) const fn rules(self, names: &Provider) -> Rules<'_> {
        Rules {
            direction: self.direction,
            drift: self.drift,
            policy: self.policy,
            names,
            has_duplicates: self.has_duplicates,
            has_ids: self.has_ids,
            skew_ms: SKEW_MS,
        }
    }

    /// Whether two names cannot be in one folder on a side.
    pub(super) fn collide(self, side: Side, one: &str, other: &str) -> bool {
        match side {
            Side::Here => one == other,
            Side::There => !self.has_duplicates && self.provider().is_one(one, other),
        }
    }

    /// The side that only receives.
    pub(super) const fn receiver(self) -> Option<Side> {
        match self.direction {
            Direction::TwoWay => None,
            Direction::Push => Some(Side::There),
            Direction::Pull => Some(Side::Here),
        }
    }
}

/// What was done about an entry on a side.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) creates: u32,
    pub(super) writes: u32,
    pub(super) places: u32,
    pub(super) detours: u32,
    pub(super) trashes: u32,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) scene: Scene,
    /// Contents in versions and in the trash here. The trash there is not counted on.
    pub(super) kept: BTreeSet<Content>,
    /// The bytes behind contents that are not called after them, because nobody compared them yet.
    pub(super) bytes: BTreeMap<Content, Content>,
    /// Entries that ended in others.
    pub(super) ended: BTreeMap<EntryId, EntryId>,
    /// Copies, and what they are copies of.
    pub(super) copies: BTreeMap<EntryId, EntryId>,
    pub(super) tally: BTreeMap<(EntryId, Side), Tally>,
    pub(super) next: u64,
    clock: i64,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// Something else came first.
    Late,
}

impl World {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup,
            scene: Scene::default(),
            kept: BTreeSet::new(),
            bytes: BTreeMap::new(),
            ended: BTreeMap::new(),
            copies: BTreeMap::new(),
            tally: BTreeMap::new(),
            next: 1,
            clock: 1_800_000_000_000,
        }
    }

    pub(super) fn bytes_of(&self, content: Content) -> Content {
        self.bytes.get(&content).copied().unwrap_or(content)
    }

    /// The entry that it is today.
    pub(super) fn today(&self, mut entry: EntryId) -> EntryId {
        while let Some(after) = self.ended.get(&entry) {
            entry = *after;
        }
        entry
    }

    pub(super) fn on(&self, entry: EntryId, side: Side) -> Option<&State> {
        self.scene.entries.get(&entry).and_then(|entry| entry.on(side))
    }

    pub(super) fn tree(&self, side: Side) -> impl Iterator<Item = (EntryId, &State)> {
        let all = self.scene.entries.iter();
        all.filter_map(move |(id, entry)| entry.on(side).map(|state| (*id, state)))
    }

    pub(super) fn is_folder(&self, entry: EntryId, side: Side) -> bool {
        entry == EntryId::ROOT
            || self
                .on(entry, side)
                .is_some_and(|state| state.kind == Kind::Folder)
    }

    pub(super) fn has_children(&self, folder: EntryId, side: Side) -> bool {
        self.tree(side).any(|(_, state)| state.parent == folder)
    }

    /// Whether nothing but `but` has that name.
    pub(super) fn is_free(&self, side: Side, parent: EntryId, name: &str, but: Option<EntryId>) -> bool {
        !self.tree(side).any(|(id, state)| {
            state.parent == parent && Some(id) != but && self.setup.collide(side, &state.name, name)
        })
    }

    /// Whether `entry` is `above` or lies below it.
    pub(super) fn is_below(&self, side: Side, above: EntryId, mut entry: EntryId) -> bool {
        for _ in 0..=self.scene.entries.len() {
            if entry == above {
                return true;
            }
            let Some(state) = self.on(entry, side) else {
                return false;
            };
            entry = state.parent;
        }
        true
    }

    pub(super) fn new_id(&mut self) -> EntryId {
        self.next += 1;
        EntryId(self.next)
    }

    /// The same whatever else was done before.
    fn copy_id(&self, of: EntryId) -> EntryId {
        let mut id = EntryId(of.0 + 1_000_000);
        while self.scene.entries.contains_key(&id) || self.copies.contains_key(&id) {
            id.0 += 1_000_000;
        }
        id
    }

    /// Does a step.
    ///
    /// # Errors
    /// It breaks a law, whatever came before it.
    pub(super) fn apply(&mut self, planned: &Planned, seen: &Scene) -> Result<Outcome, String> {
        laws::check(self, &planned.step, seen)?;
        if !self.is_as_seen(&planned.step, seen) || !self.is_possible(&planned.step) {
            return Ok(Outcome::Late);
        }
        self.carry_out(&planned.step);
        let entry = planned.step.entry();
        if self.setup.is_eager {
            self.advance(entry);
        }
        Ok(Outcome::Done)
    }

    /// Whether what a step is about is still what it was planned from.
    fn is_as_seen(&self, step: &Step, seen: &Scene) -> bool {
        let (Some(now), Some(then)) = (
            self.scene.entries.get(&step.entry()),
            seen.entries.get(&step.entry()),
        ) else {
            return false;
        };
        let place = |entry: &Entry, side| entry.on(side).map(|state| (state.parent, state.name.clone()));
        let kind = |entry: &Entry, side| entry.on(side).map(|state| state.kind);
        let is_same_kind = |side| kind(now, side) == kind(then, side);
        match step {
            Step::Place { side, .. } => place(now, *side) == place(then, *side),
            Step::Trash { side, .. } => place(now, *side) == place(then, *side) && is_same_kind(*side),
            Step::Create { .. }
            | Step::Write { .. }
            | Step::KeepBoth { .. }
            | Step::Ask { .. }
            | Step::Compare { .. }
            | Step::Forget { .. }
            | Step::Link { .. }
            | Step::Retie { .. } => is_same_kind(Side::Here) && is_same_kind(Side::There),
            Step::Agree { .. } => true,
        }
    }

    fn is_possible(&self, step: &Step) -> bool {
        let entry = step.entry();
        match step {
            Step::Create {
                side, parent, name, ..
            } => {
                self.on(entry, *side).is_none()
                    && self.is_folder(*parent, *side)
                    && self.is_free(*side, *parent, name, None)
            }
            Step::Place {
                side, parent, name, ..
            } => {
                self.is_folder(*parent, *side)
                    && !self.is_below(*side, entry, *parent)
                    && self.is_free(*side, *parent, name, Some(entry))
            }
            Step::Trash { side, .. } => !self.has_children(entry, *side),
            Step::KeepBoth { copy, .. } => {
                let here = self.on(entry, Side::Here);
                here.is_some_and(|here| self.is_free(Side::Here, here.parent, copy, None))
            }
            Step::Link { there, .. } => self.scene.entries.contains_key(there),
            Step::Retie { newcomer, .. } => self.scene.entries.contains_key(newcomer),
            Step::Agree { base, .. } => {
                let entry = &self.scene.entries[&entry];
                entry.base.as_ref() != Some(base) && laws::is_honest(entry, base)
            }
            Step::Forget { .. } => self.scene.entries[&entry].here.is_none(),
            Step::Compare { .. } | Step::Write { .. } | Step::Ask { .. } => true,
        }
    }

    fn carry_out(&mut self, step: &Step) {
        self.count(step);
        let entry = step.entry();
        match step {
            Step::Compare { here, there } => self.compare(*here, *there),
            Step::Link { here, there } => self.join(*here, *there, Side::There),
            Step::Retie {
                entry,
                newcomer,
                side,
            } => self.join(*entry, *newcomer, *side),
            Step::Create {
                side, parent, name, ..
            } => self.create(entry, *side, *parent, name),
            Step::Write { side, overrides, .. } => self.write(entry, *side, overrides.is_some()),
            Step::KeepBoth { copy, .. } => self.keep_both(entry, copy),
            Step::Place {
                side, parent, name, ..
            } => {
                let state = self.state_mut(entry, *side);
                state.parent = *parent;
                state.name = name.clone();
            }
            Step::Trash { side, keeps, .. } => self.trash(entry, *side, *keeps),
            Step::Ask { .. } => self.entry_mut(entry).is_parked = true,
            Step::Agree { base, .. } => self.entry_mut(entry).base = Some(base.clone()),
            Step::Forget { .. } => {
                self.scene.entries.remove(&entry);
            }
        }
    }

    fn count(&mut self, step: &Step) {
        let entry = step.entry();
        let Some(side) = step.side() else { return };
        let tally = self.tally.entry((entry, side)).or_default();
        match step {
            Step::Create { .. } => tally.creates += 1,
            Step::Write { .. } | Step::KeepBoth { .. } => tally.writes += 1,
            Step::Place { name, .. } if laws::is_detour(name) => tally.detours += 1,
            Step::Place { .. } => tally.places += 1,
            Step::Trash { .. } => tally.trashes += 1,
            Step::Compare { .. }
            | Step::Link { .. }
            | Step::Retie { .. }
            | Step::Ask { .. }
            | Step::Agree { .. }
            | Step::Forget { .. } => {}
        }
    }

    pub(super) fn entry_mut(&mut self, entry: EntryId) -> &mut Entry {
        self.scene
            .entries
            .get_mut(&entry)
            .expect("checked before it is done")
    }

    pub(super) fn state_mut(&mut self, entry: EntryId, side: Side) -> &mut State {
        let entry = self.entry_mut(entry);
        let state = match side {
            Side::Here => entry.here.as_mut(),
            Side::There => entry.there.as_mut(),
        };
        state.expect("checked before it is done")
    }

    pub(super) fn put(&mut self, entry: EntryId, side: Side, state: Option<State>) {
        let entry = self.scene.entries.entry(entry).or_default();
        match side {
            Side::Here => entry.here = state,
            Side::There => entry.there = state,
        }
    }

    const fn tick(&mut self) -> Millis {
        self.clock += 10_000;
        Millis(self.clock)
    }

    fn compare(&mut self, here: EntryId, there: EntryId) {
        let content = |entry, side| self.on(entry, side).and_then(|state| state.kind.content());
        let (Some(ours), Some(theirs)) = (content(here, Side::Here), content(there, Side::There)) else {
            return;
        };
        self.scene.unsure.remove(&(ours, theirs));
        if self.bytes_of(ours) == self.bytes_of(theirs) {
            self.call_it(theirs, ours);
        }
    }

    /// Two contents turned out to be one.
    fn call_it(&mut self, was: Content, is: Content) {
        for entry in self.scene.entries.values_mut() {
            for state in [entry.here.as_mut(), entry.there.as_mut()].into_iter().flatten() {
                if state.kind == Kind::File(was) {
                    state.kind = Kind::File(is);
                }
            }
            if let Some(base) = entry.base.as_mut().filter(|base| base.content == Some(was)) {
                base.content = Some(is);
            }
        }
        self.scene.unsure.retain(|(_, theirs)| *theirs != was);
    }

    /// `stays` takes over what `ends` is on a side.
    fn join(&mut self, stays: EntryId, ends: EntryId, side: Side) {
        let ended = self
            .scene
            .entries
            .remove(&ends)
            .expect("checked before it is done");
        let state = ended.on(side).cloned();
        self.put(stays, side, state);
        self.ended.insert(ends, stays);
        for entry in self.scene.entries.values_mut() {
            for state in [entry.here.as_mut(), entry.there.as_mut()].into_iter().flatten() {
                if state.parent == ends {
                    state.parent = stays;
                }
            }
            if let Some(base) = entry.base.as_mut().filter(|base| base.parent == Some(ends)) {
                base.parent = Some(stays);
            }
        }
        self.scene.crowded = std::mem::take(&mut self.scene.crowded)
            .into_iter()
            .map(|(side, folder)| (side, if folder == ends { stays } else { folder }))
            .collect();
        self.entry_mut(stays).is_parked |= ended.is_parked;
        self.advance(stays);
    }

    fn create(&mut self, entry: EntryId, side: Side, parent: EntryId, name: &Name) {
        let changed = self.tick();
        let source = self.on(entry, side.other()).expect("a law");
        let state = State {
            parent,
            name: name.clone(),
            kind: source.kind,
            size_bytes: source.size_bytes,
            changed,
            obstacle: None,
        };
        self.put(entry, side, Some(state));
        if side == Side::Here {
            self.keep(entry, Side::Here);
        }
    }

    fn write(&mut self, entry: EntryId, side: Side, is_override: bool) {
        if side == Side::Here || is_override {
            self.keep(entry, side);
        }
        let changed = self.tick();
        let source = self.on(entry, side.other()).expect("a law");
        let (kind, size_bytes) = (source.kind, source.size_bytes);
        let state = self.state_mut(entry, side);
        state.kind = kind;
        state.size_bytes = size_bytes;
        state.changed = changed;
        if side == Side::Here {
            self.keep(entry, Side::Here);
        }
    }

    /// What an entry has on a side is a version here from now on.
    pub(super) fn keep(&mut self, entry: EntryId, side: Side) {
        if let Some(content) = self.on(entry, side).and_then(|state| state.kind.content()) {
            self.kept.insert(self.bytes_of(content));
        }
    }

    fn keep_both(&mut self, entry: EntryId, copy: &Name) {
        let mut state = self.on(entry, Side::Here).expect("a law").clone();
        state.name = copy.clone();
        state.obstacle = None;
        let id = self.copy_id(entry);
        self.put(id, Side::Here, Some(state));
        self.copies.insert(id, entry);
        self.write(entry, Side::Here, false);
    }

    fn trash(&mut self, entry: EntryId, side: Side, keeps: bool) {
        if side == Side::Here || keeps {
            self.keep(entry, side);
        }
        if side == Side::Here && keeps {
            let state = self.on(entry, Side::Here).cloned();
            let id = self.copy_id(entry);
            self.put(id, Side::Here, state);
            self.copies.insert(id, entry);
        }
        self.put(entry, side, None);
    }

    /// Writes down what both sides agree on.
    fn advance(&mut self, entry: EntryId) {
        let Some(entry) = self.scene.entries.get_mut(&entry) else {
            return;
        };
        let (Some(here), Some(there)) = (&entry.here, &entry.there) else {
            return;
        };
        let mut base = entry.base.clone().unwrap_or_default();
        if here.parent == there.parent {
            base.parent = Some(here.parent);
        }
        let is_one = self
            .setup
            .provider()
            .there(&here.name)
            .is_ok_and(|name| *name == *there.name);
        if is_one && !laws::is_detour(&here.name) {
            base.names = Some((here.name.clone(), there.name.clone()));
        }
        if here.kind == there.kind {
            base.content = here.kind.content();
            base.is_folder = here.kind == Kind::Folder;
        }
        entry.base = Some(base);
    }
}
