//! Who has, or is to have, which name in which folder.

use std::collections::BTreeSet;

use super::super::{EntryId, Name};

/// Entries by their folder and the key of their name.
#[derive(Default)]
pub(super) struct Index {
    rows: Vec<(EntryId, Name, EntryId)>,
    /// Places that were given away after the rest was counted.
    given: BTreeSet<(EntryId, Name)>,
}

impl Index {
    pub fn of(rows: impl Iterator<Item = (EntryId, Name, EntryId)>) -> Self {
        let mut rows: Vec<_> = rows.collect();
        rows.sort_unstable();
        Self {
            rows,
            given: BTreeSet::new(),
        }
    }

    /// Who is at a place.
    pub fn at(&self, parent: EntryId, key: &Name) -> impl Iterator<Item = EntryId> + Clone + '_ {
        let is_before = |row: &(EntryId, Name, EntryId)| (row.0, &row.1) < (parent, key);
        let start = self.rows.partition_point(is_before);
        let key = Name::clone(key);
        self.rows[start..]
            .iter()
            .take_while(move |row| row.0 == parent && row.1 == key)
            .map(|row| row.2)
    }

    /// Whether nothing is at a place.
    pub fn is_free(&self, parent: EntryId, key: &Name) -> bool {
        self.at(parent, key).next().is_none() && !self.given.contains(&(parent, Name::clone(key)))
    }

    /// Takes a place.
    pub fn give(&mut self, parent: EntryId, key: Name) {
        self.given.insert((parent, key));
    }

    /// The places that more than one has.
    pub fn crowds(&self) -> Vec<Vec<EntryId>> {
        self.rows
            .chunk_by(|a, b| a.0 == b.0 && a.1 == b.1)
            .filter(|rows| rows.len() > 1)
            .map(|rows| rows.iter().map(|row| row.2).collect())
            .collect()
    }
}
