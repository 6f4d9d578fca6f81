//! What is foreseen is what happens.

use std::collections::BTreeSet;

use super::run::{Case, chain, end};
use super::story::Story;
use super::world::World;
use crate::{Direction, Kind, Side, foresee, plan};

/// A name without its suffix: which of two gets one may depend on when the base is written down.
fn plain(name: &str) -> String {
    name.split(" (").next().unwrap_or_default().to_owned()
}

type Line = (Side, Vec<String>, Kind);

/// Both trees by names alone.
fn lines(world: &World) -> BTreeSet<Line> {
    let mut lines = BTreeSet::new();
    for side in Side::BOTH {
        for (id, state) in world.tree(side) {
            let names = chain(world, side, id).filter_map(|above| world.on(above, side));
            lines.insert((side, names.map(|state| plain(&state.name)).collect(), state.kind));
        }
    }
    lines
}

/// Whether what is foreseen is told in the same terms: what is compared or kept beside is found out on the way.
fn is_foreseeable(case: &Case) -> bool {
    let is_known = case.start.bytes.is_empty() && case.start.scene.crowded.is_empty();
    case.later.is_empty() && is_known && case.start.setup.direction != Direction::Pull
}

#[test]
fn what_is_foreseen_happens() {
    let mut foreseen = 0;
    for seed in 0..20_000 {
        let case = Story::of(seed).case();
        if !is_foreseeable(&case) {
            continue;
        }
        let provider = case.start.setup.provider();

        let foresight = foresee(&case.start.scene, &case.start.setup.rules(&provider));
        let happened = end(&case, plan).expect("another test proves that it ends well");

        assert!(foresight.is_complete, "seed {seed} is not seen to its end");
        let mut imagined = case.start.clone();
        imagined.scene = foresight.end;
        let (imagined, happened) = (lines(&imagined), lines(&happened));
        let differences: Vec<_> = imagined.symmetric_difference(&happened).collect();
        assert!(differences.is_empty(), "seed {seed}: {differences:?}");
        foreseen += 1;
    }
    assert!(foreseen > 5_000, "only {foreseen} were foreseen");
}
