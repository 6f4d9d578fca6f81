//! What a run would do in all: planned, carried out on paper, planned again, until nothing is left.

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

#[cfg(test)]
mod tests {
    use model::Millis;

    use super::*;
    use crate::{Base, Clash, Content, Why};

    fn file(parent: u64, name: &str, content: u64) -> State {
        State {
            parent: EntryId(parent),
            name: name.into(),
            kind: Kind::File(Content(content)),
            size_bytes: 10 + content,
            changed: Millis(0),
            obstacle: None,
        }
    }

    fn folder(parent: u64, name: &str) -> State {
        State {
            kind: Kind::Folder,
            size_bytes: 0,
            ..file(parent, name, 0)
        }
    }

    fn scene(entries: Vec<(u64, Entry)>) -> Scene {
        let entries = entries.into_iter().map(|(id, entry)| (EntryId(id), entry));
        Scene {
            entries: entries.collect(),
            ..Scene::default()
        }
    }

    fn only(here: Option<State>, there: Option<State>) -> Entry {
        Entry {
            here,
            there,
            ..Entry::default()
        }
    }

    fn planned(step: Step) -> Planned {
        Planned {
            step,
            why: Why::New(Side::Here),
        }
    }

    /// Sends up whatever is here only and whose folder is there, and writes down what agrees.
    fn pusher(scene: &Scene) -> Plan {
        let is_there = |id: EntryId| {
            id == EntryId::ROOT || scene.entries.get(&id).is_some_and(|entry| entry.there.is_some())
        };
        let mut plan = Plan::default();
        for (id, entry) in &scene.entries {
            match (&entry.here, &entry.there, &entry.base) {
                (Some(here), None, _) if is_there(here.parent) => plan.steps.push(planned(Step::Create {
                    entry: *id,
                    side: Side::There,
                    parent: here.parent,
                    name: Arc::clone(&here.name),
                })),
                (Some(here), Some(there), None) => plan.steps.push(planned(Step::Agree {
                    entry: *id,
                    base: Base {
                        parent: Some(here.parent),
                        names: Some((Arc::clone(&here.name), Arc::clone(&there.name))),
                        content: here.kind.content(),
                        is_folder: here.kind == Kind::Folder,
                    },
                })),
                _ => {}
            }
        }
        plan
    }

    #[test]
    fn what_waits_for_a_folder_is_foreseen_with_it() {
        let scene = scene(vec![
            (1, only(Some(folder(0, "a")), None)),
            (2, only(Some(folder(1, "b")), None)),
            (3, only(Some(file(2, "c.txt", 5)), None)),
        ]);

        let foresight = foresee_by(&scene, pusher);

        assert!(foresight.is_complete);
        let visible = foresight.steps.iter().filter(|step| step.is_visible());
        let told: Vec<(&str, u64, bool)> = visible
            .map(|step| (step.path.as_str(), step.moved_bytes(), step.is_folder))
            .collect();
        assert_eq!(told, [("a", 0, true), ("a/b", 0, true), ("a/b/c.txt", 15, false)]);
        assert!(pusher(&foresight.end).is_empty());
    }

    #[test]
    fn a_plan_that_never_ends_is_told_as_far_as_it_was_seen() {
        let scene = scene(vec![(1, only(Some(file(0, "a", 1)), Some(file(0, "a", 1))))]);
        let turn = |scene: &Scene| {
            let name = &scene.entries[&EntryId(1)].here.as_ref().unwrap().name;
            let name: Name = if &**name == "a" { "b" } else { "a" }.into();
            let step = Step::Place {
                entry: EntryId(1),
                side: Side::Here,
                parent: EntryId::ROOT,
                name,
            };
            Plan {
                steps: vec![planned(step)],
                notes: Vec::new(),
            }
        };

        let foresight = foresee_by(&scene, turn);

        assert!(!foresight.is_complete);
        assert_eq!(foresight.steps.len(), ROUNDS);
    }

    #[test]
    fn steps_that_change_nothing_end_it() {
        let scene = scene(vec![(1, only(Some(file(0, "a", 1)), None))]);
        let gone = |_: &Scene| Plan {
            steps: vec![planned(Step::Forget { entry: EntryId(9) })],
            notes: Vec::new(),
        };

        let foresight = foresee_by(&scene, gone);

        assert!(foresight.steps.is_empty() && !foresight.is_complete);
    }

    #[test]
    fn a_comparison_is_taken_for_equal() {
        let mut scene = scene(vec![(1, only(Some(file(0, "a", 1)), Some(file(0, "a", 2))))]);
        scene.unsure.insert((Content(1), Content(2)));

        assert!(apply(
            &mut scene,
            &Step::Compare {
                here: EntryId(1),
                there: EntryId(1)
            }
        ));

        assert!(scene.unsure.is_empty());
        let entry = &scene.entries[&EntryId(1)];
        assert_eq!(
            entry.here.as_ref().unwrap().kind,
            entry.there.as_ref().unwrap().kind
        );
    }

    #[test]
    fn what_is_linked_takes_its_children_along() {
        let mut scene = scene(vec![
            (1, only(Some(folder(0, "a")), None)),
            (2, only(None, Some(folder(0, "a")))),
            (3, only(None, Some(file(2, "b", 1)))),
        ]);

        assert!(apply(
            &mut scene,
            &Step::Link {
                here: EntryId(1),
                there: EntryId(2)
            }
        ));

        assert!(!scene.entries.contains_key(&EntryId(2)));
        let child = scene.entries[&EntryId(3)].there.as_ref().unwrap();
        assert_eq!(child.parent, EntryId(1));
        assert!(scene.entries[&EntryId(1)].there.is_some());
    }

    #[test]
    fn keeping_both_makes_a_file_beside() {
        let mut scene = scene(vec![(
            1,
            only(Some(file(0, "a.txt", 1)), Some(file(0, "a.txt", 2))),
        )]);

        assert!(apply(
            &mut scene,
            &Step::KeepBoth {
                entry: EntryId(1),
                copy: "a (2).txt".into(),
                clash: Clash::EditEdit,
            }
        ));

        let kept = scene.entries[&EntryId(1)].here.as_ref().unwrap();
        assert_eq!(kept.kind, Kind::File(Content(2)));
        let beside = scene.entries[&EntryId(2)].here.as_ref().unwrap();
        assert_eq!(
            (&*beside.name, beside.kind),
            ("a (2).txt", Kind::File(Content(1)))
        );
    }

    #[test]
    fn a_path_is_that_of_the_side_that_changes_and_else_where_it_was() {
        let mut gone = only(None, None);
        gone.base = Some(Base {
            parent: Some(EntryId(1)),
            names: Some(("b".into(), "B".into())),
            content: None,
            is_folder: false,
        });
        let scene = scene(vec![
            (1, only(Some(folder(0, "a")), Some(folder(0, "A")))),
            (2, gone),
        ]);
        assert_eq!(scene.path(EntryId(2), Some(Side::There)), "A/B");
        assert_eq!(scene.path(EntryId(2), None), "a/b");
        assert_eq!(scene.path(EntryId(7), None), "");
    }
}
