//! One thing that goes wrong at each gate there is, and schedules that have to fail.

use std::collections::{BTreeMap, BTreeSet};

use super::play::can_be;
use super::runs::{Alter, alone, alone_altered};
use super::sea::Telling;
use super::stage::Point;
use super::tape::{Tape, Trouble};

/// Schedules whose gates are tried.
const SEEDS: u64 = 120;
/// How many of those that come to a gate are tried with each trouble.
const PER_GATE: usize = 1;

const TROUBLES: [Trouble; 5] = [
    Trouble::Crash,
    Trouble::Zombie,
    Trouble::LostAnswer,
    Trouble::Unavailable,
    Trouble::Late,
];

/// A schedule in which nothing goes wrong by chance.
fn quiet(seed: u64) -> Tape {
    let mut tape = Tape::of(seed);
    tape.faults.clear();
    tape
}

#[test]
fn whatever_goes_wrong_at_any_gate_ends_well() {
    let mut tries: BTreeMap<(Point, Trouble), Vec<u64>> = BTreeMap::new();
    for seed in 1..=SEEDS {
        for point in alone(&quiet(seed), Telling::Not).count.points.into_keys() {
            for trouble in TROUBLES.into_iter().filter(|trouble| can_be(*trouble, point)) {
                let seeds = tries.entry((point, trouble)).or_default();
                if seeds.len() < PER_GATE {
                    seeds.push(seed);
                }
            }
        }
    }
    let mut failed = Vec::new();
    for ((point, trouble), seeds) in &tries {
        for seed in seeds {
            let mut tape = quiet(*seed);
            tape.aim = Some((*point, *trouble));
            if let Err(why) = alone(&tape, Telling::Not).verdict {
                println!("seed {seed}, {trouble:?} at {point:?}: {why}");
                failed.push((point, trouble, seed));
            }
        }
    }
    assert_eq!(failed, []);
    let steps = tries.keys().filter_map(|(point, _)| match point {
        Point::Step(name) => Some(*name),
        _ => None,
    });
    let steps: BTreeSet<&str> = steps.collect();
    println!(
        "{} gates and troubles, the engine's own steps: {steps:?}",
        tries.len()
    );
    let missed: Vec<_> = named().into_iter().filter(|name| !steps.contains(name)).collect();
    assert!(missed.len() <= named().len() / 4, "never reached: {missed:?}");
}

/// The steps that the engine names.
fn named() -> BTreeSet<&'static str> {
    let sources = [
        include_str!("../mirrors/here.rs"),
        include_str!("../mirrors/there.rs"),
        include_str!("../mirrors/recover.rs"),
        include_str!("../mirrors/round.rs"),
    ];
    let calls = sources
        .into_iter()
        .flat_map(|source| source.split("gate(\"").skip(1));
    calls.filter_map(|rest| rest.split('"').next()).collect()
}

/// Schedules that ended badly once, with what was wrong with the engine. They mean something as long as numbers mean the
/// schedules that they meant then.
const ONCE: [(&str, &[u64]); 8] = [
    (
        "a write of ours that came late was somebody's edit",
        &[53671, 104862, 131959, 178138, 210933, 301052, 312515],
    ),
    (
        "what went with a folder of ours was not looked for after a lost cursor",
        &[90966, 92061, 170952, 269150, 296861],
    ),
    (
        "what was gone on both sides came back after a lost cursor",
        &[122868, 172653, 179096],
    ),
    ("a folder stayed that a document had left", &[155737, 230437]),
    (
        "what may have been made counted as not made, or as what another call was to make",
        &[145455, 196093],
    ),
    (
        "an answer counted that was older than the feed",
        &[411425, 271235],
    ),
    ("what is in a folder that moved looked gone", &[276244, 360342]),
    (
        "what did not come back was left in the trash, or brought back where nobody looks",
        &[403460, 502712, 403637],
    ),
];

#[test]
fn what_ended_badly_once_ends_well() {
    for (fault, seeds) in ONCE {
        for seed in seeds {
            let verdict = alone(&Tape::of(*seed), Telling::Not).verdict;
            assert_eq!(verdict, Ok(()), "seed {seed}: {fault}");
        }
    }
}

#[test]
fn a_schedule_that_ends_badly_is_found_out() {
    let seed = (1..100).find(|seed| {
        let outcome = alone(&quiet(*seed), Telling::Not);
        outcome.verdict.is_ok() && outcome.count.writes > 3
    });
    let tape = quiet(seed.expect("there is one with writes"));
    for alter in [Alter::ContentThere, Alter::GoneThere, Alter::Unstored] {
        let verdict = alone_altered(&tape, alter).verdict;
        assert!(verdict.is_err(), "{alter:?} was not found out");
    }
}
