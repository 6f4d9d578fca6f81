//! What is where on a side now.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::super::{EntryId, Side};
use super::draft::Spot;
use super::index::Index;
use super::view::View;
use crate::fault::{self, Fault};

/// A side as it is.
pub(super) struct Ground<'a> {
    view: View<'a>,
    side: Side,
    index: Index,
    children: BTreeMap<EntryId, Vec<EntryId>>,
    /// When the way through the tree enters and leaves each folder.
    spans: OnceCell<BTreeMap<EntryId, (usize, usize)>>,
}

impl<'a> Ground<'a> {
    pub fn new(view: View<'a>, side: Side) -> Self {
        let states = || {
            view.scene
                .entries
                .iter()
                .filter_map(move |(&id, entry)| Some((id, entry.on(side)?)))
        };
        let mut children: BTreeMap<EntryId, Vec<EntryId>> = BTreeMap::new();
        for (id, state) in states() {
            children.entry(state.parent).or_default().push(id);
        }
        Self {
            view,
            side,
            index: Index::of(states().map(|(id, state)| (state.parent, view.key(side, &state.name), id))),
            children,
            spans: OnceCell::new(),
        }
    }

    /// Who else has the name of a place.
    pub fn occupant(&self, spot: &Spot, id: EntryId) -> Option<EntryId> {
        let allows_all = self.side == Side::There && self.view.rules.has_duplicates;
        if allows_all || fault::is(Fault::IgnoreOccupied) {
            return None;
        }
        let key = self.view.key(self.side, &spot.name);
        self.index.at(spot.parent, &key).find(|other| *other != id)
    }

    /// Whether a place has nothing at all.
    pub fn is_free(&self, spot: &Spot) -> bool {
        self.index
            .is_free(spot.parent, &self.view.key(self.side, &spot.name))
    }

    /// What is in a folder, as far as the scene has it.
    pub fn children(&self, id: EntryId) -> &[EntryId] {
        self.children.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether nothing is in it.
    pub fn is_childless(&self, id: EntryId) -> bool {
        let is_crowded =
            self.view.scene.crowded.contains(&(self.side, id)) && !fault::is(Fault::IgnoreCrowded);
        !is_crowded && (self.children(id).is_empty() || fault::is(Fault::TrashFull))
    }

    /// What lies on the way from one folder up to another that it lies in; `None` if it does not.
    pub fn way_out(&self, folder: EntryId, within: EntryId) -> Option<Vec<EntryId>> {
        if fault::is(Fault::PlaceIntoItself) || !self.is_within(folder, within) {
            return None;
        }
        let mut way = Vec::new();
        let mut at = within;
        while at != folder && way.len() < self.view.scene.entries.len() {
            way.push(at);
            match self.view.on(at, self.side) {
                Some(state) => at = state.parent,
                None => break,
            }
        }
        Some(way)
    }

    fn is_within(&self, folder: EntryId, within: EntryId) -> bool {
        if folder == within {
            return true;
        }
        let spans = self.spans.get_or_init(|| self.walk());
        match (spans.get(&folder), spans.get(&within)) {
            (Some(outer), Some(inner)) => outer.0 <= inner.0 && inner.1 <= outer.1,
            // What does not hang on the top may hang on anything.
            _ => within != EntryId::ROOT,
        }
    }

    fn walk(&self) -> BTreeMap<EntryId, (usize, usize)> {
        let mut spans = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut stack = vec![(EntryId::ROOT, false)];
        let mut step = 0;
        while let Some((id, is_leaving)) = stack.pop() {
            step += 1;
            if is_leaving {
                spans
                    .entry(id)
                    .and_modify(|span: &mut (usize, usize)| span.1 = step);
            } else if seen.insert(id) {
                spans.insert(id, (step, step));
                stack.push((id, true));
                stack.extend(self.children(id).iter().map(|child| (*child, false)));
            }
        }
        spans
    }
}
