//! The table of cases: what changed here and there, and what comes of it in each kind of mirror.

mod changed;
mod created;
mod deleted;
mod retyped;

use super::stage::{PLAIN, Stage, two_way};
use crate::{Direction, Drift, Policy, Rules};

/// The columns of the table.
const COLUMNS: [(&str, Direction, Drift, Policy); 7] = [
    ("keep-both", Direction::TwoWay, Drift::Leave, Policy::KeepBoth),
    ("last-write", Direction::TwoWay, Drift::Leave, Policy::LastWrite),
    ("manual", Direction::TwoWay, Drift::Leave, Policy::Manual),
    ("push", Direction::Push, Drift::Leave, Policy::KeepBoth),
    ("push-revert", Direction::Push, Drift::Revert, Policy::KeepBoth),
    ("pull", Direction::Pull, Drift::Leave, Policy::KeepBoth),
    ("pull-revert", Direction::Pull, Drift::Revert, Policy::KeepBoth),
];

/// Settles a scene in each kind of mirror and compares what comes of it. A line of `outcomes` names the columns that it
/// is about, or `all`.
#[track_caller]
fn check(scene: &str, outcomes: &str) {
    let mut actual: Vec<(String, Vec<&str>)> = Vec::new();
    for (column, direction, drift, policy) in COLUMNS {
        let rules = Rules {
            direction,
            drift,
            policy,
            ..two_way(&PLAIN)
        };
        let outcome = Stage::of(scene).settle(&rules).outcome();
        match actual.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, columns)) => columns.push(column),
            None => actual.push((outcome, vec![column])),
        }
    }
    let lines = actual.into_iter().map(|(outcome, columns)| {
        let columns = if columns.len() == COLUMNS.len() {
            "all".to_owned()
        } else {
            columns.join(" ")
        };
        format!("{columns}: {outcome}")
    });
    let actual: Vec<String> = lines.collect();
    let expected: Vec<&str> = outcomes
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(actual, expected, "\nof:{scene}\nis:\n{}\n", actual.join("\n"));
}
