//! Whether the stories come upon everything that the planner can say.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::run::prove;
use super::story::Story;
use crate::{Note, Plan, Rules, Scene, Step, plan};

thread_local! {
    static MET: RefCell<BTreeMap<String, u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Plans, and counts what is said.
fn counting(scene: &Scene, rules: &Rules<'_>) -> Plan {
    let plan = plan(scene, rules);
    MET.with_borrow_mut(|met| {
        let mut count = |what: String| *met.entry(what).or_default() += 1;
        for planned in &plan.steps {
            let step = first_word(&format!("{:?}", planned.step));
            count(format!(
                "{step} because {}",
                first_word(&format!("{:?}", planned.why))
            ));
            match planned.step {
                Step::Write { side, overrides, .. } => count(format!("Write {side:?} {overrides:?}")),
                Step::Trash { side, keeps, .. } => count(format!("Trash {side:?} {keeps}")),
                Step::KeepBoth { clash, .. } => count(format!("KeepBoth {clash:?}")),
                Step::Ask { clash, .. } => count(format!("Ask {clash:?}")),
                _ => count(step),
            }
        }
        for note in &plan.notes {
            count(match note {
                Note::Drift { side, .. } => format!("Drift {side:?}"),
                other => first_word(&format!("{other:?}")),
            });
        }
    });
    plan
}

fn first_word(text: &str) -> String {
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

/// What has to be met.
const ALL: &[&str] = &[
    "Ask CreateCreate",
    "Ask DeleteEdit",
    "Ask EditDelete",
    "Ask EditEdit",
    "Ask KindKind",
    "Agree because Same",
    "Agree because Survives",
    "Blocked",
    "Compare because Unsure",
    "Create because Drifted",
    "Create because NameEncoded",
    "Create because NameTaken",
    "Create because Needed",
    "Create because New",
    "Create because Survives",
    "Decided",
    "Drift Here",
    "Drift There",
    "Forget because Gone",
    "KeepBoth CreateCreate",
    "KeepBoth EditEdit",
    "Link because Same",
    "Parked",
    "Place because BothMoved",
    "Place because Drifted",
    "Place because MakesRoom",
    "Place because Moved",
    "Place because NameEncoded",
    "Place because NameTaken",
    "Place because Ring",
    "Retie because CameBack",
    "Trash Here false",
    "Trash Here true",
    "Trash There false",
    "Trash There true",
    "Trash because Deleted",
    "Trash because Drifted",
    "Waits",
    "Write Here None",
    "Write Here Some(CreateCreate)",
    "Write Here Some(EditEdit)",
    "Write There None",
    "Write There Some(CreateCreate)",
    "Write There Some(EditEdit)",
    "Write because BothEdited",
    "Write because Drifted",
    "Write because Edited",
];

#[test]
fn the_stories_come_upon_all_that_can_be_planned() {
    for seed in 0..20_000 {
        let _ = prove(&Story::of(seed).case(), counting);
    }

    let met = MET.take();
    if std::env::var_os("CUMULI_PLAN_TELL").is_some() {
        println!("{met:#?}");
    }
    let missing: Vec<_> = ALL
        .iter()
        .filter(|what| met.get(**what).is_none_or(|times| *times < 3))
        .collect();
    assert!(missing.is_empty(), "hardly met: {missing:?}");
}
