//! What a schedule is made of: everything that is left to chance in it, drawn ahead from three independent streams, so
//! that one part can be left out without changing the others.

use std::collections::BTreeSet;

use super::flavours::Flavour;
use super::stage::Point;

/// Numbers that look random and follow from a seed (splitmix64).
#[derive(Clone)]
pub(super) struct Rng(u64);

impl Rng {
    /// A stream of a seed's.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = Self(seed ^ stream.wrapping_mul(0xA076_1D64_78BD_642F));
        rng.next();
        rng
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when that is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("an index fits")
    }

    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        match of.len() {
            0 => None,
            len => Some(&of[self.index(len)]),
        }
    }
}

/// Whose hands do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    Here,
    There,
}

/// Something that a person does, once so many gates were passed.
#[derive(Debug, Clone)]
pub(super) struct Act {
    pub(super) at: u32,
    pub(super) hand: Hand,
    pub(super) seed: u64,
}

/// Something that goes wrong at the first gate from there on where it can.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) at: u32,
    pub(super) trouble: Trouble,
    pub(super) seed: u64,
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Trouble {
    /// The worker is no more; its node forgets what it had in memory.
    Crash,
    /// The worker stands still until its lease ran out, then goes on.
    Zombie,
    /// The provider refuses before anything is done.
    Unavailable,
    Paused,
    Locked,
    Full,
    Damaged,
    /// What was asked is done, and nobody hears of it.
    LostAnswer,
    /// It is done later, and nobody hears of it.
    Late,
    /// A content breaks off.
    Cut,
    /// A content comes with another byte in it.
    Flipped,
    /// The feed cannot go on.
    CursorLost,
    /// Fewer entries than there are.
    ShortPage,
    /// Entries come twice.
    Duplicates,
    /// Entries come in another order.
    Reordered,
    /// A page tells what was true a while ago, as well.
    Stale,
    /// A person has to sign in again, which takes a while.
    SignedOut,
    /// The provider never tells that something is gone, until everything is listed anew.
    LostTombstone,
}

impl Trouble {
    pub(super) const ALL: [Self; 18] = [
        Self::Crash,
        Self::Zombie,
        Self::Unavailable,
        Self::Paused,
        Self::Locked,
        Self::Full,
        Self::Damaged,
        Self::LostAnswer,
        Self::Late,
        Self::Cut,
        Self::Flipped,
        Self::CursorLost,
        Self::ShortPage,
        Self::Duplicates,
        Self::Reordered,
        Self::Stale,
        Self::SignedOut,
        Self::LostTombstone,
    ];
}

/// What kind of world it happens in.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) flavour: Flavour,
    /// Workers, by the node that each is on.
    pub(super) workers: Vec<usize>,
    /// Only these hands do anything.
    pub(super) one_sided: Option<Hand>,
    pub(super) direction: model::MirrorDirection,
    pub(super) policy: model::ConflictPolicy,
    pub(super) drift: model::MirrorDrift,
}

/// A whole schedule.
#[derive(Debug, Clone)]
pub(super) struct Tape {
    pub(super) seed: u64,
    pub(super) setup: Setup,
    pub(super) acts: Vec<(usize, Act)>,
    pub(super) faults: Vec<(usize, Fault)>,
    /// What goes wrong the first time that somebody comes to a gate.
    pub(super) aim: Option<(Point, Trouble)>,
}

impl Setup {
    /// The same in words.
    pub(super) fn told(&self) -> String {
        let flavour = &self.flavour;
        let conditions = flavour.abilities.conditions;
        format!(
            "{:?} {:?} {:?} {:?}, workers on nodes {:?}, {conditions:?}, hashes {:?}, rewrites {}",
            flavour.kind,
            self.direction,
            self.policy,
            self.drift,
            self.workers,
            flavour.abilities.hashes,
            flavour.rewrites
        )
    }
}

const SETUP: u64 = 1;
const USERS: u64 = 2;
const FAULTS: u64 = 3;
/// The stream that decides who goes on.
pub(super) const TURNS: u64 = 4;

impl Tape {
    /// The schedule of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let setup = setup(&mut Rng::new(seed, SETUP));
        let acts = acts(&mut Rng::new(seed, USERS), setup.one_sided);
        let faults = faults(&mut Rng::new(seed, FAULTS));
        Self {
            seed,
            setup,
            acts: acts.into_iter().enumerate().collect(),
            faults: faults.into_iter().enumerate().collect(),
            aim: None,
        }
    }

    /// The same without some of its parts: `a3` is an act, `f0` a fault.
    pub(super) fn without(mut self, parts: &BTreeSet<String>) -> Self {
        self.acts
            .retain(|(number, _)| !parts.contains(&format!("a{number}")));
        self.faults
            .retain(|(number, _)| !parts.contains(&format!("f{number}")));
        self
    }

    /// The names of all its parts, faults first: they are the first that are tried to do without.
    pub(super) fn parts(&self) -> Vec<String> {
        let faults = self.faults.iter().map(|(number, _)| format!("f{number}"));
        let acts = self.acts.iter().map(|(number, _)| format!("a{number}"));
        faults.chain(acts).collect()
    }
}

fn setup(rng: &mut Rng) -> Setup {
    use model::{ConflictPolicy, MirrorDirection, MirrorDrift};
    let flavour = Flavour::of(rng);
    let workers = match rng.below(10) {
        0..4 => vec![0],
        4..8 => vec![0, 1],
        _ => vec![0, 0, 1],
    };
    let one_sided = match rng.below(100) {
        0..8 => Some(Hand::Here),
        8..16 => Some(Hand::There),
        _ => None,
    };
    let direction = match rng.below(100) {
        0..80 => MirrorDirection::TwoWay,
        80..90 => MirrorDirection::Push,
        _ => MirrorDirection::Pull,
    };
    let policy = match rng.below(100) {
        0..50 => ConflictPolicy::KeepBoth,
        50..85 => ConflictPolicy::LastWrite,
        _ => ConflictPolicy::Manual,
    };
    Setup {
        flavour,
        workers,
        one_sided,
        direction,
        policy,
        drift: if rng.percent(50) {
            MirrorDrift::Leave
        } else {
            MirrorDrift::Revert
        },
    }
}

fn acts(rng: &mut Rng, only: Option<Hand>) -> Vec<Act> {
    let count = 3 + rng.below(20);
    // Those that come before anything else, and how close the others follow each other.
    let first = rng.below(8);
    let gap = *rng.pick(&[2, 5, 12, 30]).expect("there are some");
    let mut at = 0;
    let mut acts = Vec::new();
    for number in 0..count {
        if number >= first {
            at += u32::try_from(rng.below(gap * 2)).expect("a small number");
        }
        let hand = if rng.percent(50) { Hand::Here } else { Hand::There };
        acts.push(Act {
            at,
            hand: only.unwrap_or(hand),
            seed: rng.next(),
        });
    }
    acts
}

fn faults(rng: &mut Rng) -> Vec<Fault> {
    let count = if rng.percent(20) { 0 } else { rng.below(9) };
    let gap = *rng.pick(&[4, 10, 25, 60]).expect("there are some");
    let mut at = 0;
    let mut faults = Vec::new();
    for _ in 0..count {
        at += u32::try_from(rng.below(gap * 2)).expect("a small number");
        // Crashes and lost answers find the most.
        let trouble = match rng.below(100) {
            0..25 => Trouble::Crash,
            25..40 => Trouble::LostAnswer,
            40..50 => Trouble::Late,
            50..58 => Trouble::Zombie,
            _ => *rng.pick(&Trouble::ALL).expect("there are some"),
        };
        faults.push(Fault {
            at,
            trouble,
            seed: rng.next(),
        });
    }
    faults
}
