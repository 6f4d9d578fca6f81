//! Cases: a tree that was agreed on, what people did to it on both sides, and what else is special about it.

use std::fmt;

use super::acts::{Act, Verb};
use super::rng::Rng;
use super::run::Case;
use super::world::{Setup, World};
use crate::{Base, Content, Direction, Drift, EntryId, Kind, Name, Names, Obstacle, Policy, Side, State};

/// What else is special.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A person decides.
    Parked(u8),
    /// It cannot go to the other side.
    Obstacle(Side, u8, u8),
    /// A pattern has its own policy.
    Policy(u8, Policy),
    /// It is not known whether it is the same.
    Unsure(u8, u8),
    /// It was written anew there with the bytes that it had, and nobody knows.
    Touched(u8),
    /// There is more in it than is known.
    Crowded(Side, u8),
}

/// What somebody does while it goes on, or after it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Later {
    /// After how many steps; sooner when nothing is left to do.
    pub(super) steps: u32,
    pub(super) side: Side,
    pub(super) act: Act,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Story {
    pub(super) seed: u64,
    pub(super) setup: Setup,
    pub(super) base: Vec<Act>,
    pub(super) here: Vec<Act>,
    pub(super) there: Vec<Act>,
    pub(super) marks: Vec<Mark>,
    pub(super) later: Vec<Later>,
}

impl Story {
    /// The one that belongs to a seed.
    pub(super) fn of(seed: u64) -> Self {
        let rng = &mut Rng::of(seed, 1);
        let setup = Setup {
            direction: rng.pick(&[
                Direction::TwoWay,
                Direction::TwoWay,
                Direction::TwoWay,
                Direction::TwoWay,
                Direction::Push,
                Direction::Pull,
            ]),
            drift: rng.pick(&[Drift::Leave, Drift::Revert]),
            policy: rng.pick(&[
                Policy::KeepBoth,
                Policy::KeepBoth,
                Policy::LastWrite,
                Policy::Manual,
            ]),
            has_ids: rng.is_within(75),
            has_duplicates: rng.is_within(25),
            folds: rng.is_within(40),
            is_eager: rng.is_within(50),
        };
        let mut story = Self {
            seed,
            setup,
            base: vec![],
            here: vec![],
            there: vec![],
            marks: vec![],
            later: vec![],
        };
        story.fill(seed);
        story
    }

    fn fill(&mut self, seed: u64) {
        let rng = &mut Rng::of(seed, 2);
        for _ in 0..rng.below(12) {
            let verb = rng.pick(&[Verb::File, Verb::Folder, Verb::File]);
            self.base.push(Act::of(verb, rng));
        }
        let only = rng.below(8);
        let (ours, theirs) = (&mut Rng::of(seed, 3), &mut Rng::of(seed, 4));
        if only != 0 {
            self.here.extend((0..=ours.below(5)).map(|_| Act::any(ours)));
        }
        if only != 1 {
            self.there.extend((0..=theirs.below(5)).map(|_| Act::any(theirs)));
        }
        // The same on both sides: equal creations, and equal changes.
        if only > 1 && rng.is_within(30) {
            let from = rng.below(self.here.len() as u64);
            let echo = self
                .here
                .iter()
                .skip(usize::try_from(from).unwrap_or(0))
                .copied()
                .collect::<Vec<_>>();
            self.there.splice(0..0, echo);
        }
        // Two folders go into each other, one on each side.
        if only > 1 && rng.is_within(8) {
            let into = Act::of(Verb::Into, rng);
            self.here.insert(0, into);
            self.there.insert(
                0,
                Act {
                    what: into.to,
                    to: into.what,
                    ..into
                },
            );
        }
        if rng.is_within(35) {
            self.marks.extend((0..=rng.below(3)).map(|_| Mark::any(rng)));
        }
        if rng.is_within(20) {
            let is_during = rng.is_within(50);
            for _ in 0..=rng.below(3) {
                let steps = if is_during {
                    u32::try_from(rng.below(12)).unwrap_or(0)
                } else {
                    u32::MAX
                };
                self.later.push(Later {
                    steps,
                    side: rng.pick(&Side::BOTH),
                    act: Act::any(rng),
                });
            }
        }
        // Who changes something later would have to know what is compared with what.
        if !self.later.is_empty() {
            self.marks
                .retain(|mark| !matches!(mark, Mark::Unsure(..) | Mark::Touched(..)));
        }
    }

    pub(super) fn case(&self) -> Case {
        Case {
            seed: self.seed,
            start: self.world(),
            later: self.later.clone(),
            only: self.only(),
        }
    }

    /// Whether only one side was changed, and which.
    fn only(&self) -> Option<Side> {
        let is_plain = self.marks.is_empty() && self.later.is_empty();
        match (self.here.is_empty(), self.there.is_empty()) {
            (false, true) if is_plain => Some(Side::Here),
            (true, false) if is_plain => Some(Side::There),
            _ => None,
        }
    }

    /// The world as it is when the plan is asked for first.
    fn world(&self) -> World {
        let mut world = World::new(self.setup);
        for act in &self.base {
            world.act(Side::Here, *act);
        }
        world.agree_on_all();
        if self.here.is_empty() || self.there.is_empty() {
            world.scene.entries.retain(|_, entry| entry.base.is_some());
            world.kept.clear();
            let kept: Vec<_> = world
                .tree(Side::Here)
                .filter_map(|(_, state)| state.kind.content())
                .collect();
            world.kept.extend(kept);
        }
        for act in &self.here {
            world.act(Side::Here, *act);
        }
        for act in &self.there {
            world.act(Side::There, *act);
        }
        for mark in &self.marks {
            world.mark(*mark);
        }
        world
    }
}

impl Mark {
    fn any(rng: &mut Rng) -> Self {
        let [what, other, ..] = rng.next().to_le_bytes();
        let side = rng.pick(&Side::BOTH);
        match rng.below(12) {
            0 | 1 => Self::Parked(what),
            2 | 3 => Self::Obstacle(side, what, other),
            4 | 10 | 11 => Self::Policy(
                what,
                rng.pick(&[Policy::KeepBoth, Policy::LastWrite, Policy::Manual]),
            ),
            5..=7 => Self::Unsure(what, other),
            8 => Self::Touched(what),
            _ => Self::Crowded(side, what),
        }
    }
}

fn at<T: Copy>(all: &[T], index: u8) -> Option<T> {
    all.get(usize::from(index) % all.len().max(1)).copied()
}

impl World {
    /// What is here is there too, and was agreed.
    fn agree_on_all(&mut self) {
        let provider = self.setup.provider();
        let ids: Vec<EntryId> = self.scene.entries.keys().copied().collect();
        for id in ids {
            let Some(here) = self.on(id, Side::Here).cloned() else {
                continue;
            };
            let there = match provider.there(&here.name) {
                // The other name there that is called so here.
                Ok(_) if &*here.name == "p_q" && id.0 % 2 == 0 => "p/q".into(),
                Ok(name) => Name::from(name),
                Err(_) => continue,
            };
            let has_folder = here.parent == EntryId::ROOT || self.on(here.parent, Side::There).is_some();
            if !has_folder || !self.is_free(Side::There, here.parent, &there, None) {
                continue;
            }
            let base = Base {
                parent: Some(here.parent),
                names: Some((here.name.clone(), there.clone())),
                content: here.kind.content(),
                is_folder: here.kind == Kind::Folder,
            };
            let entry = self.entry_mut(id);
            entry.there = Some(State { name: there, ..here });
            entry.base = Some(base);
        }
    }

    fn mark(&mut self, mark: Mark) {
        let ids: Vec<EntryId> = self.scene.entries.keys().copied().collect();
        match mark {
            Mark::Parked(what) => {
                if let Some(id) = at(&ids, what) {
                    self.entry_mut(id).is_parked = true;
                }
            }
            Mark::Policy(what, policy) => {
                let is_edited = |id: &EntryId| {
                    let entry = &self.scene.entries[id];
                    let content =
                        |state: &Option<State>| state.as_ref().and_then(|state| state.kind.content());
                    content(&entry.here) != content(&entry.there)
                };
                let edited: Vec<EntryId> = ids.iter().copied().filter(is_edited).collect();
                if let Some(id) = at(&edited, what) {
                    self.entry_mut(id).policy = Some(policy);
                }
            }
            Mark::Obstacle(side, what, which) => {
                let ids: Vec<EntryId> = self.tree(side).map(|(id, _)| id).collect();
                if let Some(id) = at(&ids, what) {
                    let all = [
                        Obstacle::Skipped,
                        Obstacle::ReadOnly,
                        Obstacle::TooLarge { most_bytes: 1 },
                    ];
                    self.state_mut(id, side).obstacle = at(&all.each_ref(), which).cloned();
                }
            }
            Mark::Crowded(side, what) => {
                let folders: Vec<EntryId> = ids
                    .iter()
                    .copied()
                    .filter(|id| self.is_folder(*id, side))
                    .collect();
                if let Some(id) = at(&folders, what) {
                    self.scene.crowded.insert((side, id));
                }
            }
            Mark::Unsure(what, others) => self.blur(what, others),
            Mark::Touched(what) => self.touch(what),
        }
    }

    /// The content of something that was changed there could be one or the other content here.
    fn blur(&mut self, what: u8, others: u8) {
        let base = |id: &EntryId| self.scene.entries[id].base.as_ref().and_then(|base| base.content);
        let all = self.tree(Side::There);
        let changed: Vec<(EntryId, Content)> = all
            .filter_map(|(id, state)| Some((id, state.kind.content()?)))
            .filter(|(id, content)| base(id) != Some(*content) && !self.bytes.contains_key(content))
            .collect();
        let Some((id, bytes)) = at(&changed, what) else {
            return;
        };
        let has_twin = self
            .tree(Side::There)
            .any(|(other, state)| other != id && state.kind == Kind::File(bytes));
        let was_agreed = self.scene.entries.keys().any(|id| base(id) == Some(bytes));
        if has_twin || was_agreed {
            return;
        }
        let ours: Vec<Content> = self
            .tree(Side::Here)
            .filter_map(|(_, state)| state.kind.content())
            .collect();
        let label = Content(1_000_000 + id.0);
        for (at, content) in ours.iter().enumerate() {
            let is_alike = Self::size_of(*content) == Self::size_of(bytes);
            if *content == bytes || (is_alike && (others >> (at % 8)) & 1 == 1) {
                self.scene.unsure.insert((*content, label));
            }
        }
        self.rename_content(id, bytes, label);
    }

    /// Something that nobody changed could have been changed there.
    fn touch(&mut self, what: u8) {
        let same = self.scene.entries.iter().filter_map(|(id, entry)| {
            let (here, there) = (entry.here.as_ref()?.kind, entry.there.as_ref()?.kind);
            let content = here.content()?;
            let is_same = here == there && entry.base.as_ref()?.content == Some(content);
            is_same.then_some((*id, content))
        });
        let same: Vec<(EntryId, Content)> = same.collect();
        let Some((id, bytes)) = at(&same, what) else {
            return;
        };
        if self
            .tree(Side::There)
            .any(|(other, state)| other != id && state.kind == Kind::File(bytes))
        {
            return;
        }
        let label = Content(1_000_000 + id.0);
        self.scene.unsure.insert((bytes, label));
        self.rename_content(id, bytes, label);
    }

    fn rename_content(&mut self, id: EntryId, bytes: Content, label: Content) {
        self.bytes.insert(label, bytes);
        self.state_mut(id, Side::There).kind = Kind::File(label);
    }
}

impl fmt::Display for Story {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, acts) in [("base", &self.base), ("here", &self.here), ("there", &self.there)] {
            for act in acts {
                writeln!(to, "{what}: {act:?}")?;
            }
        }
        for mark in &self.marks {
            writeln!(to, "{mark:?}")?;
        }
        for later in &self.later {
            writeln!(to, "{later:?}")?;
        }
        Ok(())
    }
}
