//! The planner: from what is to what is to be, and the steps that can be taken now.
//!
//! 1. `identity`: entries that stand for one thing are tied; until they are, nothing else is planned.
//! 2. `survival`: what lives, what stays where it is, what goes.
//! 3. `targets`, `contents`: the three-way merge of folder, name and content, each by itself.
//! 4. `lineage`: what lives has its folders; no folder lies in itself.
//! 5. `collisions`: each has a name of its own.
//! 6. `emit`, `knots`: the steps whose preconditions hold; what waits in a ring is loosened by a temporary name.
//! 7. `agree`: what is so on both sides is written down.

mod agree;
mod clock;
mod collisions;
mod contents;
mod draft;
mod emit;
mod ground;
mod identity;
mod index;
mod knots;
mod lineage;
mod suffix;
mod survival;
mod targets;
mod view;

use super::{Note, Plan, Planned, Rules, Scene};
use draft::Draft;
use emit::Emitter;
use survival::Fate;
use view::View;

/// Says what to do next about a scene.
///
/// Every step can be done in the scene as it is, whichever of the others are done before it. When they are done, the
/// next plan says what can be done then; after a number of plans that the depth of the tree bounds, there are no steps.
pub fn plan(scene: &Scene, rules: &Rules<'_>) -> Plan {
    let view = View { scene, rules };
    let identity = identity::find(view);
    if !identity.steps.is_empty() {
        return Plan {
            steps: identity.steps,
            notes: Vec::new(),
        };
    }

    let mut draft = Draft::new(view, identity.comparing);
    survival::decide(&mut draft);
    targets::set(&mut draft);
    lineage::settle(&mut draft);
    collisions::settle(&mut draft);
    steps(draft, identity.compares)
}

fn steps(mut draft: Draft<'_>, compares: Vec<Planned>) -> Plan {
    let mut emitter = Emitter::new(&draft);
    emitter.run();
    knots::untie(&mut emitter);
    let waiting: Vec<Note> = emitter.waiting().collect();

    // What is written down comes first: it is of the scene as it is, which the other steps change.
    let mut steps = agree::settle(&draft);
    let (changes, trash) = (emitter.steps, emitter.trash);
    steps.extend(compares);
    steps.append(&mut draft.asks);
    steps.extend(changes);
    steps.extend(trash);

    let fates = &draft.fates;
    // What was to stay away is needed after all.
    let is_outdated = |note: &Note| match note {
        Note::Drift { entry, .. } => fates.get(entry) == Some(&Fate::Live(super::Why::Needed)),
        _ => false,
    };
    let mut notes = draft.notes;
    notes.retain(|note| !is_outdated(note));
    notes.extend(waiting);
    notes.dedup();
    Plan { steps, notes }
}
