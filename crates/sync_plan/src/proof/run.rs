//! Plans and does, until nothing is left to do.

use std::collections::BTreeSet;

use super::checks;
use super::closure;
use super::identity;
use super::rng::Rng;
use super::story::Later;
use super::world::{Outcome, World};
use crate::{Direction, EntryId, Plan, Planned, Rules, Scene, Side, Step};

pub(super) type Planner = fn(&Scene, &Rules<'_>) -> Plan;

/// In which order the steps of a plan are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As they come.
    Listed,
    /// Any, and some not at all at first.
    Shuffled,
    /// Nothing is deleted as long as there is anything else to do.
    DeletesLast,
}

impl Case {
    /// A round may end before all of its steps are done, which is as if something had come in between: what was done
    /// by then may decide what comes next.
    const fn is_halting(&self) -> bool {
        self.seed % 4 == 3
    }

    /// Whether what is found out on the way may come too late for something else. What a pull keeps beside, for it was
    /// changed here and deleted there, may be found to be what came from there; or what was compared, what was deleted.
    fn is_loose(&self) -> bool {
        !self.start.bytes.is_empty() || self.start.setup.direction == Direction::Pull
    }
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) what: String,
    pub(super) order: Order,
}

const MOST_ROUNDS: u32 = 200;

/// A world before anything was planned, and what is done to it later.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) start: World,
    pub(super) later: Vec<Later>,
    /// Nothing is different from what was agreed but on this side.
    pub(super) only: Option<Side>,
}

/// Does it all, in two orders, and checks what came of it.
///
/// # Errors
/// The first property that does not hold.
pub(super) fn prove(case: &Case, planner: Planner) -> Result<(), Broken> {
    let first = if case.seed.is_multiple_of(4) {
        Order::DeletesLast
    } else {
        Order::Listed
    };
    let mut ends = Vec::with_capacity(2);
    for order in [first, Order::Shuffled] {
        let broken = |what: String| Broken { what, order };
        let end = Run::of(case, planner, order).and_then(|run| {
            checks::at_rest(case, &run.world, planner)?;
            Ok(run.world)
        });
        ends.push(end.map_err(broken)?);
    }
    if case.later.is_empty()
        && !case.is_halting()
        && !case.is_loose()
        && checks::outline(&ends[0]) != checks::outline(&ends[1])
    {
        return Err(Broken {
            what: "the order of steps makes a difference".to_owned(),
            order: Order::Shuffled,
        });
    }
    Ok(())
}

/// The world when nothing is left to do, after steps in the order in which they come.
///
/// # Errors
/// It does not come to that.
pub(super) fn end(case: &Case, planner: Planner) -> Result<World, String> {
    Run::of(case, planner, Order::Listed).map(|run| run.world)
}

/// What happens, step by step: for a person.
pub(super) fn trace(case: &Case, planner: Planner, order: Order) -> String {
    let mut run = Run::new(case, planner, order);
    run.lines = Some(vec![
        format!("{:?}", case.start.setup),
        picture(&case.start.scene),
    ]);
    let end = run.finish();
    let mut lines = run.lines.unwrap_or_default();
    lines.push(picture(&run.world.scene));
    lines.push(format!("{end:?}"));
    lines.join("\n")
}

/// A scene, a line an entry.
pub(super) fn picture(scene: &Scene) -> String {
    let mut lines = Vec::new();
    for (id, entry) in &scene.entries {
        let side = |side| {
            entry.on(side).map_or_else(
                || "-".to_owned(),
                |state| {
                    let obstacle = state.obstacle.as_ref().map_or("", |_| " obstacle");
                    format!(
                        "{}/{} {:?} @{}{obstacle}",
                        state.parent.0, state.name, state.kind, state.changed.0
                    )
                },
            )
        };
        let base = entry.base.as_ref().map_or_else(
            || "-".to_owned(),
            |base| {
                let kind = if base.is_folder {
                    "folder".to_owned()
                } else {
                    format!("{:?}", base.content)
                };
                format!("{:?}/{:?} {kind}", base.parent.map(|id| id.0), base.names)
            },
        );
        let parked = if entry.is_parked { " PARKED" } else { "" };
        let policy = entry
            .policy
            .map_or_else(String::new, |policy| format!(" {policy:?}"));
        lines.push(format!(
            "  {:>3}{parked}{policy}: base {base} | here {} | there {}",
            id.0,
            side(Side::Here),
            side(Side::There)
        ));
    }
    if !scene.unsure.is_empty() || !scene.crowded.is_empty() {
        lines.push(format!("  unsure {:?} crowded {:?}", scene.unsure, scene.crowded));
    }
    lines.join("\n")
}

struct Run<'a> {
    case: &'a Case,
    world: World,
    planner: Planner,
    order: Order,
    rng: Rng,
    later: usize,
    steps: u32,
    lines: Option<Vec<String>>,
}

impl<'a> Run<'a> {
    fn new(case: &'a Case, planner: Planner, order: Order) -> Self {
        Self {
            case,
            world: case.start.clone(),
            planner,
            order,
            rng: Rng::of(case.seed, 5),
            later: 0,
            steps: 0,
            lines: None,
        }
    }

    fn of(case: &'a Case, planner: Planner, order: Order) -> Result<Self, String> {
        let mut run = Self::new(case, planner, order);
        run.finish()?;
        Ok(run)
    }

    fn finish(&mut self) -> Result<(), String> {
        let provider = self.world.setup.provider();
        let rules = self.world.setup.rules(&provider);
        for round in 0..MOST_ROUNDS {
            let plan = (self.planner)(&self.world.scene, &rules);
            self.note(|| format!("round {round}: notes {:?}", plan.notes));
            if plan.is_empty() {
                if self.go_on() {
                    continue;
                }
                return Ok(());
            }
            self.round(plan)?;
        }
        Err("it does not come to an end".to_owned())
    }

    /// Nothing is left to do: is there anything to be told now?
    fn go_on(&mut self) -> bool {
        if !self.world.scene.crowded.is_empty() {
            self.world.scene.crowded = BTreeSet::new();
            return true;
        }
        let Some(later) = self.case.later.get(self.later) else {
            return false;
        };
        self.later += 1;
        self.note(|| format!("at rest; then {later:?}"));
        self.world.act(later.side, later.act);
        true
    }

    fn round(&mut self, plan: Plan) -> Result<(), String> {
        let seen = self.world.scene.clone();
        let mut steps = plan.steps;
        identity::links_go_deep(&self.world, &steps)?;
        if self.order == Order::Shuffled && self.case.seed % 8 == 1 {
            closure::makes_no_difference(&self.world, &steps, self.planner)?;
        }
        let all = steps.len();
        match self.order {
            Order::Listed => {}
            Order::Shuffled => {
                self.rng.shuffle(&mut steps);
                if self.case.is_halting() && self.rng.is_within(30) {
                    let most = steps.len() as u64;
                    steps.truncate(usize::try_from(1 + self.rng.below(most)).unwrap_or(1));
                }
            }
            Order::DeletesLast => {
                if steps
                    .iter()
                    .any(|planned| !matches!(planned.step, Step::Trash { .. }))
                {
                    steps.retain(|planned| !matches!(planned.step, Step::Trash { .. }));
                }
            }
        }
        let mut is_any_done = false;
        for planned in &steps {
            let outcome = self
                .step(planned, &seen)
                .map_err(|what| format!("{what}: {planned:?}"))?;
            is_any_done |= outcome == Outcome::Done;
            let is_alone = !self.case.later.iter().any(|later| later.steps != u32::MAX);
            if outcome == Outcome::Late && is_alone && !self.may_be_late(&planned.step) {
                return Err(format!("it cannot be done when it is its turn: {planned:?}"));
            }
            self.interrupt();
        }
        if !is_any_done && steps.len() == all {
            return Err(format!("nothing of the plan can be done: {steps:?}"));
        }
        checks::is_valid(&self.world)
    }

    fn step(&mut self, planned: &Planned, seen: &Scene) -> Result<Outcome, String> {
        let outcome = self.world.apply(planned, seen);
        self.note(|| format!("  {outcome:?} {:?} because {:?}", planned.step, planned.why));
        self.steps += u32::from(outcome == Ok(Outcome::Done));
        outcome
    }

    /// Whether a step may have become impossible, or needless, by others of its plan: what is agreed on may have changed,
    /// and two moves that are possible by themselves may put folders into each other.
    fn may_be_late(&self, step: &Step) -> bool {
        match step {
            Step::Agree { .. } => true,
            Step::Place {
                entry, side, parent, ..
            } => self.world.is_below(*side, *entry, *parent),
            _ => false,
        }
    }

    /// Somebody does something in between.
    fn interrupt(&mut self) {
        while let Some(later) = self
            .case
            .later
            .get(self.later)
            .filter(|later| later.steps <= self.steps)
        {
            self.later += 1;
            self.note(|| format!("  meanwhile {later:?}"));
            self.world.act(later.side, later.act);
        }
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }
}

/// An entry, its folder on that side, the folder of that, up to the root.
pub(super) fn chain(world: &World, side: Side, entry: EntryId) -> impl Iterator<Item = EntryId> {
    let up = move |at: &EntryId| world.on(*at, side).map(|state| state.parent);
    let all = std::iter::successors(Some(entry), up).take_while(|at| *at != EntryId::ROOT);
    all.take(world.scene.entries.len() + 1)
}
