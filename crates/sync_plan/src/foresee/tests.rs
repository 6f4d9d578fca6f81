//! Plans that are carried out on paper.

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

#[test]
fn what_the_planner_would_do_is_seen_to_its_end() {
    let names = crate::NameLimits {
        longest: 255,
        counts_utf16: false,
        forbidden: "",
        forbids_controls: false,
        forbidden_ends: "",
        forbidden_starts: &[],
        reserved: &[],
        forbidden_parts: &[],
        folds_case: false,
    };
    let rules = Rules {
        direction: crate::Direction::TwoWay,
        drift: crate::Drift::Leave,
        policy: crate::Policy::KeepBoth,
        names: &names,
        has_duplicates: false,
        has_ids: true,
        skew_ms: 2000,
    };
    let based = |mut entry: Entry, name: &str, content: u64| {
        entry.base = Some(Base {
            parent: Some(EntryId::ROOT),
            names: Some((name.into(), name.into())),
            content: Some(Content(content)),
            is_folder: false,
        });
        entry
    };
    let scene = scene(vec![
        (1, only(Some(folder(0, "new")), None)),
        (2, only(Some(file(1, "in it", 1)), None)),
        (3, only(None, Some(file(0, "theirs", 2)))),
        (4, based(only(Some(file(0, "gone", 3)), None), "gone", 3)),
        (
            5,
            based(
                only(Some(file(0, "both", 4)), Some(file(0, "both", 5))),
                "both",
                6,
            ),
        ),
    ]);

    let foresight = foresee(&scene, &rules);

    assert!(foresight.is_complete, "{foresight:?}");
    let visible = foresight.steps.iter().filter(|step| step.is_visible());
    let told: std::collections::BTreeSet<&str> = visible.map(|step| step.path.as_str()).collect();
    for path in ["new", "new/in it", "theirs", "gone", "both"] {
        assert!(told.contains(path), "{path}: {told:?}");
    }
    assert!(crate::plan(&foresight.end, &rules).is_empty());
    for entry in foresight.end.entries.values() {
        let sides = [&entry.here, &entry.there];
        assert!(sides.iter().all(|side| side.is_some()), "{entry:?}");
    }
}
