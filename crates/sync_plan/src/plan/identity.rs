//! Finds what is the same thing though two entries stand for it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Content, Direction, Entry, EntryId, Kind, Name, Planned, Policy, Side, State, Step, Why};
use super::clock::{Later, later};
use super::view::{View, base_name, only_side, temp_of};
use crate::fault::{self, Fault};

/// What was found.
#[derive(Default)]
pub(super) struct Identity {
    /// Ties to change. As long as there are any, nothing else is planned.
    pub steps: Vec<Planned>,
    /// Comparisons to make.
    pub compares: Vec<Planned>,
    /// What is compared; nothing else is planned about it.
    pub comparing: BTreeSet<EntryId>,
}

/// Looks for entries that are one thing, and for contents that have to be compared.
pub(super) fn find(view: View<'_>) -> Identity {
    let mut finder = Finder {
        view,
        found: Identity::default(),
        used: BTreeSet::new(),
        linked: BTreeMap::new(),
    };
    let newcomers = finder.meeting_places();
    finder.link(&newcomers, Certainty::Equal);
    finder.retie_on_the_way();
    finder.retie_at_place();
    if !view.rules.has_ids {
        finder.retie_moved();
    }
    finder.link(&newcomers, Certainty::Possible);
    finder.compare_sides();
    finder.found
}

/// Whether two entries are one thing.
enum Match {
    Same,
    /// One node is to hold both contents, one after the other.
    Clashing,
    Unsure,
    No,
}

/// Which matches are acted on. What was written anew over its place comes between: it belongs to what was there before
/// rather than to something that may be another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Equal,
    Possible,
}

/// Newcomers by where they came to be.
struct Newcomers {
    /// Those here, by their folder.
    here: BTreeMap<EntryId, Vec<EntryId>>,
    /// Those there, by their folder and the names by which they can be one with something here.
    there: BTreeMap<(EntryId, Name), Vec<EntryId>>,
}

struct Finder<'a> {
    view: View<'a>,
    found: Identity,
    /// Counterparts that were found.
    linked: BTreeMap<EntryId, EntryId>,
    /// Entries that a step is planned about.
    used: BTreeSet<EntryId>,
}

impl<'a> Finder<'a> {
    /// Entries that are on one side only and were never on the other.
    fn newcomers(&self, side: Side) -> impl Iterator<Item = (EntryId, &'a Entry, &'a State)> {
        self.view.scene.entries.iter().filter_map(move |(&id, entry)| {
            let state = entry.on(side)?;
            let is_new = only_side(entry).is_some() && entry.base.is_none() && !entry.is_parked;
            let can_be_tied = state.kind != Kind::Other;
            (is_new && can_be_tied).then_some((id, entry, state))
        })
    }

    fn meeting_places(&self) -> Newcomers {
        let mut newcomers = Newcomers {
            here: BTreeMap::new(),
            there: BTreeMap::new(),
        };
        for (id, _, state) in self.newcomers(Side::There) {
            let exact = Name::from(self.view.rules.names.here(&state.name));
            let folded = self.view.rules.names.folded(&state.name).into();
            for key in BTreeSet::from([exact, folded]) {
                newcomers.there.entry((state.parent, key)).or_default().push(id);
            }
        }
        if !newcomers.there.is_empty() {
            for (id, _, state) in self.newcomers(Side::Here) {
                newcomers.here.entry(state.parent).or_default().push(id);
            }
        }
        newcomers
    }

    /// Links what came to be at one place on both sides, folders before what is in them.
    fn link(&mut self, newcomers: &Newcomers, certainty: Certainty) {
        // A folder that is linked leads to the two folders whose children may be the same.
        let mut folders: Vec<(EntryId, EntryId)> = newcomers.here.keys().map(|&id| (id, id)).collect();
        let mut at = 0;
        while let Some(&(parent_here, parent_there)) = folders.get(at) {
            at += 1;
            let children = newcomers.here.get(&parent_here).into_iter().flatten();
            // What is called alike to the letter comes first.
            for is_exact in [true, false] {
                for &here in children.clone() {
                    let candidates = self.candidates(here, parent_there, newcomers, is_exact);
                    self.link_one(here, candidates, certainty);
                }
            }
            let pairs = children.filter_map(|here| Some((*here, *self.linked.get(here)?)));
            folders.extend(pairs.filter(|_| !fault::is(Fault::LinkTopOnly)));
        }
    }

    /// What is there at the place where something is here.
    fn candidates(
        &self,
        here: EntryId,
        parent_there: EntryId,
        newcomers: &Newcomers,
        is_exact: bool,
    ) -> BTreeSet<EntryId> {
        let Some(state) = self
            .view
            .on(here, Side::Here)
            .filter(|_| !self.used.contains(&here))
        else {
            return BTreeSet::new();
        };
        let key = if is_exact {
            Some(Name::clone(&state.name))
        } else {
            let encoded = self.view.rules.names.there(&state.name).ok();
            encoded.map(|name| self.view.rules.names.folded(&name).into())
        };
        let at_place = key.and_then(|key| newcomers.there.get(&(parent_there, key)));
        let free = at_place.into_iter().flatten().copied();
        free.filter(|id| !self.used.contains(id)).collect()
    }

    /// Links one entry that is here, if one of the candidates is its counterpart.
    fn link_one(&mut self, here: EntryId, candidates: BTreeSet<EntryId>, certainty: Certainty) {
        let Some((entry, state)) = self.view.entry(here).zip(self.view.on(here, Side::Here)) else {
            return;
        };
        let rank = |matching: &Match| match matching {
            Match::Same => 0,
            Match::Unsure => 1,
            Match::Clashing => 2,
            Match::No => 3,
        };
        let best = candidates
            .into_iter()
            .filter_map(|id| Some((id, self.view.on(id, Side::There)?)))
            .map(|(id, other)| (self.matching(entry, state, other), id))
            .min_by_key(|(matching, id)| (rank(matching), *id));
        let Some((matching, there)) = best.filter(|_| !fault::is(Fault::NoLink)) else {
            return;
        };
        let (step, why) = match (matching, certainty) {
            (Match::No, _) | (Match::Unsure | Match::Clashing, Certainty::Equal) => return,
            (Match::Same, _) | (Match::Clashing, Certainty::Possible) => {
                (Step::Link { here, there }, Why::Same)
            }
            (Match::Unsure, Certainty::Possible) => (Step::Compare { here, there }, Why::Unsure),
        };
        self.used.extend([here, there]);
        if why == Why::Unsure {
            self.found.comparing.extend([here, there]);
            self.found.compares.push(Planned { step, why });
        } else {
            self.linked.insert(here, there);
            self.found.steps.push(Planned { step, why });
        }
    }

    /// Whether an entry here and one there, at one place, are one thing.
    fn matching(&self, entry: &Entry, here: &State, there: &State) -> Match {
        match (here.kind, there.kind) {
            (Kind::Folder, Kind::Folder) => Match::Same,
            (Kind::File(ours), Kind::File(theirs)) => {
                self.matching_files(entry, (here, ours), (there, theirs))
            }
            _ if fault::is(Fault::LinkAcrossKinds) => Match::Same,
            _ => Match::No,
        }
    }

    fn matching_files(
        &self,
        entry: &Entry,
        (here, ours): (&State, Content),
        (there, theirs): (&State, Content),
    ) -> Match {
        if ours == theirs || fault::is(Fault::LinkDifferent) {
            return Match::Same;
        }
        if self.view.scene.unsure.contains(&(ours, theirs)) && !fault::is(Fault::NoCompare) {
            return Match::Unsure;
        }
        if here.obstacle.is_some() || there.obstacle.is_some() {
            return Match::No;
        }
        match (self.view.rules.direction, self.view.policy(entry)) {
            (Direction::Push, _) | (Direction::TwoWay, Policy::Manual) => Match::Clashing,
            (Direction::TwoWay, Policy::LastWrite)
                if later(here, there, self.view.rules.skew_ms) != Later::Unknown =>
            {
                Match::Clashing
            }
            _ => Match::No,
        }
    }

    /// Gives a file that was deleted, and created anew at its place, its new item: many programs save like that.
    fn retie_at_place(&mut self) {
        for side in Side::BOTH {
            let mut at_place: BTreeMap<(EntryId, Name), Vec<EntryId>> = BTreeMap::new();
            for (id, _, state) in self.newcomers(side) {
                if state.kind.content().is_some() {
                    let place = (state.parent, Name::clone(&state.name));
                    at_place.entry(place).or_default().push(id);
                }
            }
            if at_place.is_empty() || fault::is(Fault::NoRetie) {
                continue;
            }
            for (id, entry) in self.bereft(side) {
                let place = entry.base.as_ref().and_then(|base| base.parent);
                let Some((parent, name)) = place.zip(base_name(entry, side)) else {
                    continue;
                };
                let same_place = at_place.get(&(parent, Name::clone(name))).into_iter().flatten();
                let newcomer = same_place
                    .into_iter()
                    .find(|newcomer| !self.used.contains(newcomer));
                if let Some(&newcomer) = newcomer {
                    self.retie(id, newcomer, side);
                }
            }
        }
    }

    /// Gives what was written anew, or moved, while it made room for another its new item: the name tells whose it is.
    fn retie_on_the_way(&mut self) {
        for side in Side::BOTH {
            let found: Vec<(EntryId, EntryId)> = self
                .newcomers(side)
                .filter_map(|(newcomer, _, state)| {
                    let (id, _) = temp_of(&state.name)?;
                    let entry = self.view.entry(id).filter(|entry| entry.on(side).is_none())?;
                    let is_folder = entry.base.as_ref()?.is_folder;
                    (is_folder == (state.kind == Kind::Folder)).then_some((id, newcomer))
                })
                .collect();
            for (id, newcomer) in found {
                if !self.used.contains(&id) && !self.used.contains(&newcomer) {
                    self.retie(id, newcomer, side);
                }
            }
        }
    }

    /// Gives files that went their new items elsewhere, where an id there ends with a move. Of several with one content
    /// those of one name belong together, the others in the order of their numbers: all at once, so that it makes no
    /// difference later which of them is dealt with first.
    fn retie_moved(&mut self) {
        if fault::is(Fault::NoRetieMoved) {
            return;
        }
        let mut came: BTreeMap<Content, Vec<(EntryId, &Name)>> = BTreeMap::new();
        for (id, _, state) in self.newcomers(Side::There) {
            let is_free = state.obstacle.is_none() && !self.used.contains(&id);
            if let Some(content) = state.kind.content().filter(|_| is_free) {
                let content = moved_content(content);
                came.entry(content).or_default().push((id, &state.name));
            }
        }
        let went: Vec<(EntryId, Content, Option<&Name>)> = self
            .bereft(Side::There)
            .into_iter()
            .filter_map(|(id, entry)| {
                let content = moved_content(entry.base.as_ref()?.content?);
                Some((id, content, base_name(entry, Side::There)))
            })
            .collect();
        for is_by_name in [true, false] {
            for &(id, content, name) in &went {
                let Some(came) = came.get_mut(&content).filter(|_| !self.used.contains(&id)) else {
                    continue;
                };
                let at = came
                    .iter()
                    .position(|(_, other)| !is_by_name || Some(*other) == name);
                if let Some(at) = at {
                    let (newcomer, _) = came.remove(at);
                    self.retie(id, newcomer, Side::There);
                }
            }
        }
    }

    /// Files that were on both sides and are no more on that one.
    fn bereft(&self, side: Side) -> Vec<(EntryId, &'a Entry)> {
        let is_bereft = |entry: &Entry| {
            let state = entry.on(side.other());
            entry.on(side).is_none()
                && entry.base.is_some()
                && state.is_some_and(|state| state.kind.content().is_some())
        };
        self.view
            .scene
            .entries
            .iter()
            .filter(|(id, entry)| is_bereft(entry) && !self.used.contains(id))
            .map(|(&id, entry)| (id, entry))
            .collect()
    }

    fn retie(&mut self, entry: EntryId, newcomer: EntryId, side: Side) {
        self.used.extend([entry, newcomer]);
        self.found.steps.push(Planned {
            step: Step::Retie {
                entry,
                newcomer,
                side,
            },
            why: Why::CameBack,
        });
    }

    /// Compares the two sides of an entry where their contents may be the same.
    fn compare_sides(&mut self) {
        if self.view.scene.unsure.is_empty() || fault::is(Fault::NoCompare) {
            return;
        }
        for (&id, entry) in &self.view.scene.entries {
            let content = |side| entry.on(side).and_then(|state| state.kind.content());
            let pair = content(Side::Here).zip(content(Side::There));
            let is_unsure = pair.is_some_and(|pair| self.view.scene.unsure.contains(&pair));
            if is_unsure && !entry.is_parked {
                self.found.comparing.insert(id);
                self.found.compares.push(Planned {
                    step: Step::Compare { here: id, there: id },
                    why: Why::Unsure,
                });
            }
        }
    }
}

/// What a file that went and one that came have to have in common.
fn moved_content(content: Content) -> Content {
    if fault::is(Fault::RetieAmbiguous) {
        Content(0)
    } else {
        content
    }
}
