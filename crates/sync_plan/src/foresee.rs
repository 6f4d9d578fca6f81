//! What a run would do in all: planned, carried out on paper, planned again, until nothing is left.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{Entry, EntryId, Kind, Name, Note, Plan, Planned, Rules, Scene, Side, State, Step};

/// Rounds at the most. Each brings every branch of the scene a level further; a plan that has not ended by then is
/// told as far as it was seen.
const ROUNDS: usize = 300;
/// Folders above something that are told at the most.
const DEEPEST: usize = 512;

/// A step that a run would take, and what it is about at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// The step and its reason.
    pub planned: Planned,
    /// The path below the mirror's folder of what it is about: where it will be when it is made or moved, else where
    /// it is.
    pub path: String,
    /// The length of what is moved or removed; of folders 0.
    pub size_bytes: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// What a run would do, as far as can be told before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Foresight {
    /// The steps in the order in which they would be taken.
    pub steps: Vec<Foreseen>,
    /// What is left undone in the end, and why.
    pub notes: Vec<Note>,
    /// Whether it was seen to its end.
    pub is_complete: bool,
    /// The scene as it would be then.
    pub end: Scene,
}

/// Says what a run would do about a scene in all. What can only be told by reading both contents is taken for equal.
pub fn foresee(scene: &Scene, rules: &Rules<'_>) -> Foresight {
    foresee_by(scene, |scene| super::plan(scene, rules))
}

fn foresee_by(scene: &Scene, plan: impl Fn(&Scene) -> Plan) -> Foresight {
    let mut foresight = Foresight {
        end: scene.clone(),
        ..Foresight::default()
    };
    for _ in 0..ROUNDS {
        let next = plan(&foresight.end);
        foresight.notes = next.notes;
        if next.steps.is_empty() {
            foresight.is_complete = true;
            break;
        }
        let mut has_changed = false;
        for planned in next.steps {
            let Some(seen) = take(&mut foresight.end, planned) else {
                continue;
            };
            has_changed = true;
            foresight.steps.push(seen);
        }
        if !has_changed {
            break;
        }
    }
    foresight
}

/// Carries a step out on paper. `None` when it does not fit the scene any more.
fn take(scene: &mut Scene, planned: Planned) -> Option<Foreseen> {
    let entry = scene.entries.get(&planned.step.entry())?;
    let side = planned.step.side();
    let (size_bytes, is_folder) = measure(entry, &planned.step);
    let before = scene.path(planned.step.entry(), side);
    if !apply(scene, &planned.step) {
        return None;
    }
    let after = match &planned.step {
        Step::Create { entry, side, .. } | Step::Place { entry, side, .. } => scene.path(*entry, Some(*side)),
        _ => before,
    };
    Some(Foreseen {
        planned,
        path: after,
        size_bytes,
        is_folder,
    })
}

/// How much a step moves or removes.
fn measure(entry: &Entry, step: &Step) -> (u64, bool) {
    let from = match step {
        Step::Create { side, .. } | Step::Write { side, .. } => entry.on(side.other()),
        Step::Trash { side, .. } | Step::Place { side, .. } => entry.on(*side),
        Step::KeepBoth { .. } => entry.there.as_ref(),
        _ => entry.here.as_ref().or(entry.there.as_ref()),
    };
    let is_folder = from.is_some_and(|state| state.kind == Kind::Folder);
    (
        from.filter(|_| !is_folder).map_or(0, |state| state.size_bytes),
        is_folder,
    )
}

impl Scene {
    /// The path of an entry below the mirror's folder: on the side that is asked for, else where it is at all, else
    /// where it was.
    pub fn path(&self, entry: EntryId, side: Option<Side>) -> String {
        let mut names: Vec<Name> = Vec::new();
        let mut at = entry;
        while at != EntryId::ROOT && names.len() < DEEPEST {
            let Some((parent, name)) = self.entries.get(&at).and_then(|entry| place(entry, side)) else {
                break;
            };
            names.push(name);
            at = parent;
        }
        names.reverse();
        names.join("/")
    }
}

fn place(entry: &Entry, side: Option<Side>) -> Option<(EntryId, Name)> {
    let on = |side: Side| {
        entry
            .on(side)
            .map(|state| (state.parent, Arc::clone(&state.name)))
    };
    let wanted = side.unwrap_or(Side::Here);
    on(wanted).or_else(|| on(wanted.other())).or_else(|| {
        let base = entry.base.as_ref()?;
        let (here, there) = base.names.as_ref()?;
        let name = match wanted {
            Side::Here => here,
            Side::There => there,
        };
        Some((base.parent?, Arc::clone(name)))
    })
}

/// Changes the scene as the step would change the world. False when there is nothing (any more) that it fits.
fn apply(scene: &mut Scene, step: &Step) -> bool {
    match step {
        Step::Compare { here, there } => same(scene, *here, *there),
        Step::Link { here, there } => take_over(scene, *here, *there, Side::There),
        Step::Retie {
            entry,
            newcomer,
            side,
        } => take_over(scene, *entry, *newcomer, *side),
        Step::Create {
            entry,
            side,
            parent,
            name,
        } => create(scene, (*entry, *side), *parent, name),
        Step::Write { entry, side, .. } => write(scene, *entry, *side),
        Step::KeepBoth { entry, copy, .. } => keep_both(scene, *entry, copy),
        Step::Place {
            entry,
            side,
            parent,
            name,
        } => change(scene, *entry, *side, |state| {
            state.parent = *parent;
            state.name = Arc::clone(name);
        }),
        Step::Trash { entry, side, .. } => {
            let Some(entry) = scene.entries.get_mut(entry) else {
                return false;
            };
            slot(entry, *side).take().is_some()
        }
        Step::Ask { entry, .. } => {
            let Some(entry) = scene.entries.get_mut(entry) else {
                return false;
            };
            !std::mem::replace(&mut entry.is_parked, true)
        }
        Step::Agree { entry, base } => {
            let Some(entry) = scene.entries.get_mut(entry) else {
                return false;
            };
            entry.base.replace(base.clone()).as_ref() != Some(base)
        }
        Step::Forget { entry } => scene.entries.remove(entry).is_some(),
    }
}

fn slot(entry: &mut Entry, side: Side) -> &mut Option<State> {
    match side {
        Side::Here => &mut entry.here,
        Side::There => &mut entry.there,
    }
}

fn change(scene: &mut Scene, entry: EntryId, side: Side, how: impl FnOnce(&mut State)) -> bool {
    let state = scene
        .entries
        .get_mut(&entry)
        .and_then(|entry| slot(entry, side).as_mut());
    state.map(how).is_some()
}

/// What it reads is found to be the same.
fn same(scene: &mut Scene, here: EntryId, there: EntryId) -> bool {
    let content = |entry: EntryId, side: Side| {
        let state = scene.entries.get(&entry)?.on(side)?;
        state.kind.content()
    };
    let (Some(ours), Some(theirs)) = (content(here, Side::Here), content(there, Side::There)) else {
        return false;
    };
    scene.unsure.remove(&(ours, theirs));
    let pairs = std::mem::take(&mut scene.unsure);
    scene.unsure = pairs
        .into_iter()
        .map(|(one, other)| (one, if other == theirs { ours } else { other }))
        .filter(|(one, other)| one != other)
        .collect();
    for entry in scene.entries.values_mut() {
        for state in [&mut entry.here, &mut entry.there].into_iter().flatten() {
            if state.kind == Kind::File(theirs) {
                state.kind = Kind::File(ours);
            }
        }
        if let Some(base) = &mut entry.base
            && base.content == Some(theirs)
        {
            base.content = Some(ours);
        }
    }
    true
}

/// `entry` takes over what `other` is on a side.
fn take_over(scene: &mut Scene, entry: EntryId, other: EntryId, side: Side) -> bool {
    let Some(taken) = scene
        .entries
        .get_mut(&other)
        .and_then(|other| slot(other, side).take())
    else {
        return false;
    };
    let Some(into) = scene.entries.get_mut(&entry) else {
        return false;
    };
    *slot(into, side) = Some(taken);
    if scene
        .entries
        .get(&other)
        .is_some_and(|other| other.here.is_none() && other.there.is_none())
    {
        scene.entries.remove(&other);
    }
    if scene.crowded.remove(&(side, other)) {
        scene.crowded.insert((side, entry));
    }
    for child in scene.entries.values_mut() {
        if let Some(state) = slot(child, side)
            && state.parent == other
        {
            state.parent = entry;
        }
        if let Some(base) = &mut child.base
            && base.parent == Some(other)
        {
            base.parent = Some(entry);
        }
    }
    true
}

fn create(scene: &mut Scene, (entry, side): (EntryId, Side), parent: EntryId, name: &Name) -> bool {
    let Some(entry) = scene.entries.get_mut(&entry) else {
        return false;
    };
    let Some(from) = entry.on(side.other()) else {
        return false;
    };
    let made = State {
        parent,
        name: Arc::clone(name),
        obstacle: None,
        ..from.clone()
    };
    slot(entry, side).replace(made).is_none()
}

fn write(scene: &mut Scene, entry: EntryId, side: Side) -> bool {
    let from = scene.entries.get(&entry).and_then(|entry| entry.on(side.other()));
    let Some((kind, size_bytes, changed)) = from.map(|from| (from.kind, from.size_bytes, from.changed))
    else {
        return false;
    };
    change(scene, entry, side, |state| {
        state.kind = kind;
        state.size_bytes = size_bytes;
        state.changed = changed;
    })
}

fn keep_both(scene: &mut Scene, entry: EntryId, copy: &Name) -> bool {
    let Some(ours) = scene.entries.get(&entry).and_then(|entry| entry.here.clone()) else {
        return false;
    };
    if !write(scene, entry, Side::Here) {
        return false;
    }
    let last = scene.entries.last_key_value().map_or(0, |(id, _)| id.0);
    let beside = State {
        name: Arc::clone(copy),
        obstacle: None,
        ..ours
    };
    let fresh = Entry {
        here: Some(beside),
        ..Entry::default()
    };
    scene.entries.insert(EntryId(last.saturating_add(1)), fresh);
    true
}

impl Foreseen {
    /// Bytes that go to the side that the step changes.
    pub const fn moved_bytes(&self) -> u64 {
        match self.planned.step {
            Step::Create { .. } | Step::Write { .. } | Step::KeepBoth { .. } => self.size_bytes,
            _ => 0,
        }
    }

    /// Whether it changes something that people see, rather than what is written down about it.
    pub const fn is_visible(&self) -> bool {
        self.planned.step.side().is_some() || matches!(self.planned.step, Step::Ask { .. })
    }
}
