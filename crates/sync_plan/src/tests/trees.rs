//! What trees, names and providers make of a plan.

use std::fmt::Write as _;

use super::stage::{PLAIN, Stage, two_way};
use crate::{Content, EntryId, NameLimits, Note, Obstacle, Policy, Rules, Side, Step, plan};

/// A provider that takes capitals for small letters, and refuses some names.
const FUSSY: NameLimits = NameLimits {
    longest: 200,
    forbidden: ":*?",
    forbidden_ends: ". ",
    reserved: &["CON"],
    folds_case: true,
    ..PLAIN
};

#[track_caller]
fn check(scene: &str, rules: &Rules<'_>, outcome: &str) -> Stage {
    let stage = Stage::of(scene).settle(rules);
    assert_eq!(stage.outcome(), outcome, "\nof:{scene}\nby: {:#?}", stage.steps);
    stage
}

/// The steps that change a side.
fn steps(stage: &Stage, side: Side) -> Vec<&Step> {
    stage
        .steps
        .iter()
        .filter(|step| step.side() == Some(side))
        .collect()
}

#[test]
fn a_rename_in_case_only_is_one_step_where_capitals_do_not_count() {
    let stage = check("1 a=1 A=1 a=1", &two_way(&FUSSY), "A=1");
    assert!(matches!(steps(&stage, Side::There)[..], [Step::Place { .. }]));

    let stage = check("1 a=1 a=1 A=1", &two_way(&FUSSY), "A=1");
    assert!(matches!(steps(&stage, Side::Here)[..], [Step::Place { .. }]));
}

#[test]
fn names_that_change_places_do_so_by_one_name_for_the_way() {
    let stage = check("1 a=1 b=1 a=1\n2 b=2 a=2 b=2", &two_way(&PLAIN), "a=2, b=1");
    assert_eq!(steps(&stage, Side::There).len(), 3);

    let stage = check(
        "1 a=1 a=1 b=1\n2 b=2 b=2 c=2\n3 c=3 c=3 a=3",
        &two_way(&PLAIN),
        "a=3, b=1, c=2",
    );
    assert_eq!(steps(&stage, Side::Here).len(), 4);
}

#[test]
fn a_swap_goes_on_beside_something_that_never_ends() {
    let scene = "1 a=1 b=1 a=1\n2 b=2 a=2 b=2\n3 - c=3 -";
    let plan = plan(&Stage::of(scene).scene, &two_way(&PLAIN));

    assert!(
        plan.steps
            .iter()
            .any(|planned| matches!(&planned.step, Step::Place { name, .. } if **name == *".~cumuli-1"))
    );
}

#[test]
fn a_folder_changes_places_with_one_in_it() {
    check(
        "1 a/ b/a/ a/\n2 a/b/ b/ a/b/\n3 a/b/c=1 b/c=1 a/b/c=1",
        &two_way(&PLAIN),
        "b/, b/a/, b/c=1",
    );
    check("1 x/ x/x/ x/\n2 x/x/ x/ x/x/", &two_way(&PLAIN), "x/, x/x/");
}

#[test]
fn a_name_for_the_way_that_was_left_is_given_up() {
    check("1 a=1 a=1 .~cumuli-1=1", &two_way(&PLAIN), "a=1");
    check("1 a=1 b=1 .~cumuli-1=1", &two_way(&PLAIN), "b=1");
    check("1 a=1 .~cumuli-1=1 -", &two_way(&PLAIN), "nothing");
}

#[test]
fn duplicates_there_get_names_here_and_keep_theirs() {
    let rules = Rules {
        has_duplicates: true,
        ..two_way(&PLAIN)
    };

    let stage = check(
        "1 - - a.txt=1\n2 - - a.txt=2\n3 - - d/\n4 - - d/",
        &rules,
        "here a (2).txt=2, a.txt=1, d (4)/, d/ | there a.txt=1, a.txt=2, d/, d/",
    );

    assert!(steps(&stage, Side::There).is_empty());
}

#[test]
fn a_duplicate_is_renamed_there_when_somebody_renames_it_here() {
    let rules = Rules {
        has_duplicates: true,
        ..two_way(&PLAIN)
    };
    let mut stage = Stage::of("1 - - a.txt=1\n2 - - a.txt=2").settle(&rules);
    let second = stage
        .scene
        .entries
        .get_mut(&EntryId(2))
        .and_then(|entry| entry.here.as_mut())
        .expect("made here");
    second.name = "b.txt".into();

    assert_eq!(stage.settle(&rules).outcome(), "a.txt=1, b.txt=2");
}

#[test]
fn names_that_differ_in_case_only_stay_as_they_are_here() {
    let stage = check(
        "1 - A=1 -\n2 - a=2 -",
        &two_way(&FUSSY),
        "here A=1, a=2 | there A=1, a (2)=2",
    );

    assert!(steps(&stage, Side::Here).is_empty());
}

#[test]
fn what_a_provider_refuses_is_called_alike_there() {
    check(
        "1 - a:b=1 -\n2 - con=2 -",
        &two_way(&FUSSY),
        "here a:b=1, con=2 | there a：b=1, ‛con=2",
    );
    check("1 a=1 a.=1 a=1", &two_way(&FUSSY), "here a.=1 | there a．=1");
}

#[test]
fn a_name_that_cannot_be_held_there_stops_nothing_else() {
    let long = "x".repeat(201);
    let scene = format!("1 - {long}/ -\n2 - {long}/a=1 -\n3 - b=2 -");

    let stage = check(
        &scene,
        &two_way(&FUSSY),
        &format!("here b=2, {long}/, {long}/a=1 | there b=2"),
    );

    let is_told = |note: &Note| {
        matches!(
            note,
            Note::Blocked {
                entry: EntryId(1),
                side: Side::There,
                obstacle: Obstacle::Name(_)
            }
        )
    };
    assert!(stage.notes.iter().any(is_told), "{:?}", stage.notes);
}

#[test]
fn a_move_goes_on_though_the_new_name_cannot_be_held() {
    let long = "x".repeat(201);

    check(
        &format!("1 d/ d/ d/\n2 a=1 d/{long}=2 a=1"),
        &two_way(&FUSSY),
        &format!("here d/, d/{long}=2 | there d/, d/a=2"),
    );
}

#[test]
fn a_suffix_never_makes_a_name_too_long() {
    let long = format!("{}.txt", "ä".repeat(125));
    let scene = format!("1 - {long}=1 -\n2 - - {long}=2");

    let stage = Stage::of(&scene).settle(&two_way(&PLAIN));

    let names = stage
        .scene
        .entries
        .values()
        .filter_map(|entry| entry.here.as_ref());
    let lengths: Vec<usize> = names.map(|state| state.name.len()).collect();
    assert!(lengths.iter().all(|length| *length <= 255), "{lengths:?}");
    assert_eq!(stage.list_len(), 2);
}

#[test]
fn a_copy_of_a_copy_is_called_as_the_first() {
    check(
        "1 a+(conflict+2026-01-01+7).txt=1 a+(conflict+2026-01-01+7).txt=2@10 a+(conflict+2026-01-01+7).txt=3@10",
        &two_way(&PLAIN),
        "a (conflict 2026-01-01 7).txt=3, a (conflict 2026-11-21 1).txt=2 ~EditEdit",
    );
}

#[test]
fn a_file_that_was_moved_is_moved_here_where_ids_are_paths() {
    let rules = Rules {
        has_ids: false,
        ..two_way(&PLAIN)
    };

    let stage = check("1 d/ d/ d/\n2 a=1 a=1 -\n3 - - d/b=1", &rules, "d/, d/b=1");
    assert!(matches!(
        steps(&stage, Side::Here)[..],
        [Step::Place {
            entry: EntryId(2),
            ..
        }]
    ));

    let stage = check("1 a=1 a=2 -\n2 - - b=1", &rules, "b=2");
    assert!(
        stage
            .steps
            .iter()
            .all(|step| !matches!(step, Step::Trash { .. } | Step::Create { .. }))
    );
}

#[test]
fn a_folder_that_was_deleted_here_stays_there_for_what_has_no_counterpart() {
    let stage = check(
        "1 d/ - d/\n2 d/a=1 - d/a=1\n3 - - d/b=*",
        &two_way(&PLAIN),
        "here nothing | there d/, d/b=*",
    );

    assert!(stage.notes.iter().any(|note| matches!(
        note,
        Note::Blocked {
            entry: EntryId(3),
            ..
        }
    )));
}

#[test]
fn a_folder_that_was_deleted_stays_on_the_other_side_for_what_a_person_decides() {
    check(
        "1 d/ - d/\n2 d/a=1 - d/a=2 parked",
        &two_way(&PLAIN),
        "here nothing | there d/, d/a=2",
    );
    check(
        "1 d/ d/ -\n2 d/a=1 d/a=2 - parked",
        &two_way(&PLAIN),
        "here d/, d/a=2 | there nothing",
    );
}

#[test]
fn what_a_person_decides_still_moves() {
    check(
        "1 d/ d/ d/\n2 a=1 d/a=2 a=3 parked",
        &two_way(&PLAIN),
        "here d/, d/a=2 | there d/, d/a=3",
    );
}

#[test]
fn what_is_too_large_stays_where_it_is_and_holds_its_name() {
    check(
        "1 - a.txt=1! -\n2 - b=2 -",
        &two_way(&PLAIN),
        "here a.txt=1, b=2 | there b=2",
    );
    check(
        "1 - a.txt=1! -\n2 - - a.txt=2",
        &two_way(&PLAIN),
        "here a (2).txt=2, a.txt=1 | there a.txt=2",
    );
    check("1 a=1 a=2! a=1", &two_way(&PLAIN), "here a=2 | there a=1");
    check(
        "1 d/ d/ -\n2 d/a=1 d/a=2! -",
        &two_way(&PLAIN),
        "here d/, d/a=2 | there nothing",
    );
}

#[test]
fn what_has_no_counterpart_holds_its_name() {
    check(
        "1 - - a=*\n2 - a=1 -",
        &two_way(&PLAIN),
        "here a=1 | there a (2)=1, a=*",
    );
}

#[test]
fn contents_that_may_be_equal_are_compared_first() {
    let mut pair = Stage::of("1 - a=1 -\n2 - - a=2\n3 b=3 b=4 b=5\n4 - c=6 -");
    pair.scene
        .unsure
        .extend([(Content(1), Content(2)), (Content(4), Content(5))]);

    let steps: Vec<Step> = plan(&pair.scene, &two_way(&PLAIN))
        .steps
        .into_iter()
        .map(|planned| planned.step)
        .collect();

    let about = |id: u64| steps.iter().filter(move |step| step.entry() == EntryId(id));
    assert!(about(1).all(|step| matches!(
        step,
        Step::Compare {
            there: EntryId(2),
            ..
        }
    )));
    assert!(about(3).all(|step| matches!(
        step,
        Step::Compare {
            there: EntryId(3),
            ..
        }
    )));
    assert_eq!(
        (
            about(1).count(),
            about(2).count(),
            about(3).count(),
            about(4).count()
        ),
        (1, 0, 1, 1)
    );
}

#[test]
fn a_folder_of_which_not_all_is_known_is_not_removed() {
    let mut stage = Stage::of("1 d/ - d/");
    stage.scene.crowded.insert((Side::There, EntryId(1)));

    let plan = plan(&stage.scene, &two_way(&PLAIN));

    assert!(plan.is_empty());
    assert_eq!(plan.notes, [Note::Waits { entry: EntryId(1) }]);
}

#[test]
fn an_entry_may_have_a_policy_of_its_own() {
    let mut stage = Stage::of("1 a=1 a=2@10 a=3@20\n2 b=1 b=2@10 b=3@20");
    stage
        .scene
        .entries
        .get_mut(&EntryId(1))
        .expect("in the scene")
        .policy = Some(Policy::LastWrite);

    let outcome = stage.settle(&two_way(&PLAIN)).outcome();

    assert_eq!(
        outcome,
        "a=3, b (conflict 2026-11-21 2)=2, b=3 ~EditEdit ^2 ~EditEdit"
    );
}

#[test]
fn clocks_that_were_never_set_decide_nothing() {
    let rules = Rules {
        policy: Policy::LastWrite,
        ..two_way(&PLAIN)
    };
    for seconds in [-1_795_219_200_i64, -1_795_219_100, -1_790_000_000, 9_000_000_000] {
        let scene = format!("1 a=1 a=2@{seconds} a=3@10");

        let outcome = Stage::of(&scene).settle(&rules).outcome();

        assert!(outcome.contains("conflict"), "{seconds}: {outcome}");
    }
}

#[test]
fn what_lies_in_a_folder_that_is_nowhere_comes_to_the_top() {
    let mut stage = Stage::of("1 d/ d/ d/\n2 d/a=1 d/a=1 d/a=1");
    let folder = stage.scene.entries.get_mut(&EntryId(1)).expect("in the scene");
    (folder.here, folder.there) = (None, None);

    assert_eq!(stage.settle(&two_way(&PLAIN)).outcome(), "a=1");
}

#[test]
fn deep_trees_come_and_go() {
    let path = |depth: u64| {
        (1..=depth)
            .map(|at| format!("d{at}"))
            .collect::<Vec<_>>()
            .join("/")
    };
    let mut came = String::new();
    let mut went = String::new();
    for depth in 1..=1_000 {
        let path = path(depth);
        writeln!(came, "{depth} - {path}/ -").expect("memory");
        writeln!(went, "{depth} {path}/ - {path}/").expect("memory");
    }

    let came = Stage::of(&came).settle(&two_way(&PLAIN));
    assert!(came.scene.entries.values().all(|entry| entry.there.is_some()));
    assert!(came.rounds <= 1_001, "{}", came.rounds);
    let went = Stage::of(&went).settle(&two_way(&PLAIN));
    assert!(went.scene.entries.is_empty());
}

#[test]
fn ten_thousand_entries_are_planned_at_once() {
    let mut text = String::new();
    for folder in 1..=100_u64 {
        writeln!(text, "{folder} f{folder}/ g{folder}/ f{folder}/").expect("memory");
        for file in 0..99 {
            let id = 1_000 + folder * 100 + file;
            let line = match file % 4 {
                0 => format!("{id} f{folder}/a{file}=1 g{folder}/a{file}=2 f{folder}/a{file}=1"),
                1 => format!("{id} f{folder}/a{file}=1 g{folder}/a{file}=1 f{folder}/b{file}=1"),
                2 => format!("{id} f{folder}/a{file}=1 - f{folder}/a{file}=1"),
                _ => format!("{id} - - f{folder}/a{file}=1"),
            };
            writeln!(text, "{line}").expect("memory");
        }
    }
    let stage = Stage::of(&text);

    let plan = plan(&stage.scene, &two_way(&PLAIN));

    assert_eq!(stage.scene.entries.len(), 10_000);
    assert_eq!(
        plan.steps
            .iter()
            .filter(|planned| planned.step.side().is_some())
            .count(),
        10_000
    );
    let stage = stage.settle(&two_way(&PLAIN));
    assert!(stage.rounds <= 3, "{}", stage.rounds);
}
