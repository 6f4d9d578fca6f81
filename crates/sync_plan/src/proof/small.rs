//! Everything that can be about a folder and a few files: all trees that may have been agreed on, with all that may have
//! become of them here and there.

use model::Millis;

use super::run::{Case, prove, trace};
use super::world::{Setup, World};
use crate::{Base, Content, Direction, Drift, EntryId, Kind, Policy, Side, State, plan};

/// Where a file is, and what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spot {
    is_inside: bool,
    name: usize,
    content: u64,
}

/// A folder, and files by themselves or in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tree {
    has_folder: bool,
    files: Vec<Option<Spot>>,
}

/// What is gone through.
#[derive(Debug, Clone, Copy)]
struct Scope {
    files: usize,
    contents: u64,
    names: [&'static str; 2],
    /// Only each so many-th.
    stride: usize,
}

impl Scope {
    fn trees(self, setup: Setup) -> Vec<Tree> {
        let mut all = Vec::new();
        for has_folder in [false, true] {
            let mut some = vec![Tree {
                has_folder,
                files: vec![],
            }];
            for _ in 0..self.files {
                some = some.iter().flat_map(|tree| self.with_one_more(tree)).collect();
            }
            all.extend(some);
        }
        all.retain(|tree| {
            let [Some(one), Some(other)] = tree.files[..] else {
                return true;
            };
            let (one_name, other_name) = (self.names[one.name], self.names[other.name]);
            one.is_inside != other.is_inside || !setup.collide(Side::There, one_name, other_name)
        });
        all
    }

    fn with_one_more(self, tree: &Tree) -> Vec<Tree> {
        let mut spots = vec![None];
        for is_inside in [false, true] {
            if is_inside && !tree.has_folder {
                continue;
            }
            for name in 0..2 {
                spots.extend((1..=self.contents).map(|content| {
                    Some(Spot {
                        is_inside,
                        name,
                        content,
                    })
                }));
            }
        }
        let with = |spot: &Option<Spot>| {
            let mut more = tree.clone();
            more.files.push(*spot);
            more
        };
        spots.iter().map(with).collect()
    }

    fn go_through(self, setup: Setup) {
        let trees = self.trees(setup);
        let mut at = 0;
        for base in trees.iter().filter(|tree| is_first_of_its_like(tree)) {
            for here in &trees {
                for there in &trees {
                    at += 1;
                    if at % self.stride == 0 {
                        self.check(setup, at as u64, [base, here, there]);
                    }
                }
            }
        }
    }

    fn check(self, setup: Setup, seed: u64, [base, here, there]: [&Tree; 3]) {
        let mut start = World::new(setup);
        self.put(&mut start, None, base);
        self.put(&mut start, Some((Side::Here, base)), here);
        self.put(&mut start, Some((Side::There, base)), there);
        let only = match (here == base, there == base) {
            (false, true) => Some(Side::Here),
            (true, false) => Some(Side::There),
            _ => None,
        };
        let case = Case {
            seed,
            start,
            later: vec![],
            only,
        };
        if let Err(broken) = prove(&case, plan) {
            panic!(
                "{}\n\n{} in {:?} order",
                trace(&case, plan, broken.order),
                broken.what,
                broken.order
            );
        }
    }

    /// Puts a tree on a side, or makes it what was agreed. What was agreed is what it was; what was not is something
    /// else on each side.
    fn put(self, world: &mut World, on: Option<(Side, &Tree)>, tree: &Tree) {
        let id = |nth: u64, was_agreed: bool| match on {
            Some((side, _)) if !was_agreed => EntryId(nth + if side == Side::Here { 10 } else { 20 }),
            _ => EntryId(nth),
        };
        let folder = id(1, on.is_none_or(|(_, base)| base.has_folder));
        if tree.has_folder {
            self.set(
                world,
                on.map(|(side, _)| side),
                (folder, EntryId::ROOT, "d"),
                Kind::Folder,
            );
        }
        for (nth, spot) in tree.files.iter().enumerate() {
            let Some(spot) = spot else { continue };
            let was_agreed = on.is_none_or(|(_, base)| base.files[nth].is_some());
            let parent = if spot.is_inside { folder } else { EntryId::ROOT };
            let kind = Kind::File(Content(spot.content));
            let place = (id(2 + nth as u64, was_agreed), parent, self.names[spot.name]);
            self.set(world, on.map(|(side, _)| side), place, kind);
        }
        world.next = 100;
    }

    fn set(
        self,
        world: &mut World,
        side: Option<Side>,
        (id, parent, name): (EntryId, EntryId, &str),
        kind: Kind,
    ) {
        let Some(side) = side else {
            world.scene.entries.entry(id).or_default().base = Some(Base {
                parent: Some(parent),
                names: Some((name.into(), name.into())),
                content: kind.content(),
                is_folder: kind == Kind::Folder,
            });
            world.kept.extend(kind.content());
            return;
        };
        // Ours are later than theirs by the number of the content: sooner, as good as at once, and later.
        let changed = Millis(match (side, kind.content()) {
            (Side::Here, Some(content)) => 1_000_000_000_000 + 4_000 * i64::try_from(content.0).unwrap_or(0),
            _ => 1_000_000_004_500,
        });
        let state = State {
            parent,
            name: name.into(),
            kind,
            size_bytes: kind.content().map_or(0, |_| 1),
            changed,
            obstacle: None,
        };
        world.put(id, side, Some(state));
        if side == Side::Here {
            world.keep(id, side);
        }
    }
}

/// Contents are called after the order in which they come, and the first file comes first: others are the same with
/// other names.
fn is_first_of_its_like(tree: &Tree) -> bool {
    let key = |spot: &Option<Spot>| spot.map(|spot| (spot.is_inside, spot.name));
    let mut most = 0;
    let are_contents_in_order = tree.files.iter().flatten().all(|spot| {
        let is_next = spot.content <= most + 1;
        most = most.max(spot.content);
        is_next
    });
    are_contents_in_order && tree.files.is_sorted_by_key(key)
}

fn setups(directions: &[Direction], folds: bool) -> Vec<Setup> {
    let mut all = Vec::new();
    for direction in directions {
        for policy in [Policy::KeepBoth, Policy::LastWrite, Policy::Manual] {
            for drift in [Drift::Leave, Drift::Revert] {
                if *direction == Direction::TwoWay && drift == Drift::Revert {
                    continue;
                }
                let is_eager = policy == Policy::LastWrite;
                let has_ids = true;
                let setup = Setup {
                    direction: *direction,
                    drift,
                    policy,
                    has_ids,
                    has_duplicates: false,
                    folds,
                    is_eager,
                };
                all.push(setup);
            }
        }
    }
    all
}

const ALL: [Direction; 3] = [Direction::TwoWay, Direction::Push, Direction::Pull];

/// Whether all of it is to be gone through.
fn stride(otherwise: usize) -> usize {
    if std::env::var_os("CUMULI_PLAN_WHOLE").is_some() {
        1
    } else {
        otherwise
    }
}

#[test]
fn all_that_can_be_about_a_folder_and_a_file_ends_well() {
    for setup in setups(&ALL, false) {
        Scope {
            files: 1,
            contents: 3,
            names: ["a", "b"],
            stride: 1,
        }
        .go_through(setup);
    }
}

#[test]
fn all_that_can_be_about_a_folder_and_a_file_ends_well_where_capitals_do_not_count() {
    for setup in setups(&ALL, true) {
        Scope {
            files: 1,
            contents: 2,
            names: ["a", "A"],
            stride: 1,
        }
        .go_through(setup);
    }
}

#[test]
fn all_that_can_be_about_a_folder_and_two_files_ends_well_both_ways() {
    for setup in setups(&[Direction::TwoWay], false) {
        Scope {
            files: 2,
            contents: 2,
            names: ["a", "b"],
            stride: stride(7),
        }
        .go_through(setup);
    }
}

#[test]
fn all_that_can_be_about_a_folder_and_two_files_ends_well_one_way() {
    for setup in setups(&[Direction::Push, Direction::Pull], false) {
        Scope {
            files: 2,
            contents: 2,
            names: ["a", "b"],
            stride: stride(61),
        }
        .go_through(setup);
    }
}
