//! Names for what cannot have its own.

use super::super::EntryId;
use super::clock::day;
use crate::fault::{self, Fault};

/// What a name here may hold, bytes.
pub(super) const LONGEST_BYTES: usize = 255;

/// The longest ending that counts as an extension, with its dot, bytes.
const EXTENSION_BYTES: usize = 32;

/// How many further names are tried when one is taken, each with a number of its own.
const ATTEMPTS: u32 = 64;

/// What follows a name that was cut from something else's conflict.
const CONFLICT: &str = " (conflict ";

/// The name that is added to, and how long the new one may be.
#[derive(Clone, Copy)]
pub(super) struct Stem<'a> {
    pub name: &'a str,
    pub id: EntryId,
}

impl Stem<'_> {
    /// The first name with a suffix for which `fits` holds. Shorter ones are tried too, for the other side may not hold
    /// one as long as ours. Without any, the last one that was tried.
    pub fn suffixed(self, fits: impl Fn(&str) -> bool) -> String {
        first_that_fits(fits, |attempt, longest| {
            suffixed(self.name, self.id, attempt, longest)
        })
    }

    /// The name of a copy of a file in conflict, likewise.
    pub fn conflict(self, changed_ms: i64, fits: impl Fn(&str) -> bool) -> String {
        let (stem, extension) = split(self.name);
        // A conflict of a conflict is told by its latest one.
        let stem = match stem.rfind(CONFLICT) {
            Some(at) if at > 0 && stem.ends_with(')') => &stem[..at],
            _ => stem,
        };
        let day = day(changed_ms).map(|day| format!("{day} ")).unwrap_or_default();
        first_that_fits(fits, |attempt, longest| {
            let mark = mark(self.id, attempt);
            join((stem, extension), &format!("{CONFLICT}{day}{mark})"), longest)
        })
    }
}

/// Whether a name is what [`Stem::suffixed`] makes of another.
pub(super) fn is_suffixed(name: &str, of: &str, id: EntryId) -> bool {
    name.contains(" (")
        && name.ends_with(split(of).1)
        && (0..ATTEMPTS)
            .take_while(|attempt| *attempt == 0 || name.contains(&format!("({:x}-", id.0)))
            .any(|attempt| suffixed(of, id, attempt, LONGEST_BYTES) == name)
}

fn first_that_fits(fits: impl Fn(&str) -> bool, make: impl Fn(u32, usize) -> String) -> String {
    let lengths = [LONGEST_BYTES, 200, 150, 120, 100, 80, 60];
    lengths
        .into_iter()
        .flat_map(|longest| (0..ATTEMPTS).map(move |attempt| (attempt, longest)))
        .map(|(attempt, longest)| make(attempt, longest))
        .find(|name| fits(name))
        .unwrap_or_else(|| make(0, LONGEST_BYTES))
}

/// `report.txt` of the entry 47 is `report (2f).txt`, then `report (2f-1).txt`.
fn suffixed(name: &str, id: EntryId, attempt: u32, longest: usize) -> String {
    let id = if fault::is(Fault::SuffixWithoutId) {
        EntryId(1)
    } else {
        id
    };
    join(split(name), &format!(" ({})", mark(id, attempt)), longest)
}

fn mark(id: EntryId, attempt: u32) -> String {
    match attempt {
        0 => format!("{:x}", id.0),
        _ => format!("{:x}-{attempt}", id.0),
    }
}

/// A name before and from its extension.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= EXTENSION_BYTES => name.split_at(dot),
        _ => (name, ""),
    }
}

fn join((stem, extension): (&str, &str), middle: &str, longest: usize) -> String {
    let room = longest.saturating_sub(middle.len() + extension.len());
    let end = (0..=room.min(stem.len()))
        .rev()
        .find(|end| stem.is_char_boundary(*end))
        .unwrap_or(0);
    format!("{}{middle}{extension}", &stem[..end])
}
