//! Goes through the blobs in the order of their keys, and through notes in that of their names.
//!
//! The service lists names that begin with a prefix, page by page, and cannot start behind a name; where a
//! page ended is a marker, which only the service understands. So the markers of the last few pages are
//! kept. Who asks for what follows another key (after a restart, say) has it found by narrower and narrower
//! prefixes: no more is passed over than what one minute has brought.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::Inner;
use super::requests::Listing;
use crate::key::{FOLDER_DIGITS, Key, is_note_name};
use crate::{ContentError, Listed};

/// How many pages are remembered: one for each walk that goes on at the same time.
const REMEMBERED: usize = 32;
/// The most that the service puts on a page.
const PAGE_NAMES: usize = 5000;
/// Digits of a key whose blobs are listed from their first on: those of 65 seconds.
const NARROW_DIGITS: usize = 8;

/// Where walks are that may go on.
#[derive(Default)]
pub(super) struct Walks(Mutex<VecDeque<(String, Place)>>);

impl Walks {
    fn take(&self, after: &str) -> Option<Place> {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = walks.iter().position(|(key, _)| key == after)?;
        walks.remove(found).map(|(_, place)| place)
    }

    fn keep(&self, after: String, place: Place) {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks.push_back((after, place));
        if walks.len() > REMEMBERED {
            walks.pop_front();
        }
    }
}

/// What of a walk is still to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// The blobs whose ids begin so come first.
    digits: String,
    /// Where in them.
    marker: Option<String>,
    /// What follows.
    then: Then,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Then {
    /// Nothing: these are all.
    End,
    /// What is left of their folder, and then whatever folders there are.
    Rest,
    /// These folders.
    Folders(VecDeque<u32>),
}

impl Place {
    const fn first() -> Self {
        Self {
            digits: String::new(),
            marker: None,
            then: Then::End,
        }
    }

    /// Before the key, and near it.
    fn near(key: &Key) -> Self {
        Self {
            digits: key.name()[..NARROW_DIGITS].to_owned(),
            marker: None,
            then: Then::Rest,
        }
    }
}

/// What follows the blobs whose ids begin with `digits` within their folder.
fn next_in_folder(digits: &str) -> Option<String> {
    let digits = digits.trim_end_matches('f');
    if digits.len() <= FOLDER_DIGITS {
        return None;
    }
    let (head, last) = digits.split_at(digits.len() - 1);
    let last = u8::from_str_radix(last, 16).ok()?;
    Some(format!("{head}{:x}", last + 1))
}

impl Inner {
    pub(super) async fn list_blobs(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, ContentError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut place = match after {
            None => Place::first(),
            Some(after) => match (self.walks.take(after), Key::parse(after)) {
                (Some(place), _) => place,
                (None, Some(key)) => Place::near(&key),
                (None, None) => Place::first(),
            },
        };
        loop {
            let (listed, next) = self.list_place(place, after, limit).await?;
            if let Some(last) = listed.last() {
                if let Some(next) = next {
                    self.walks.keep(last.key.clone(), next);
                }
                return Ok(listed);
            }
            match next {
                Some(next) => place = next,
                None => return Ok(listed),
            }
        }
    }

    /// One page, which may hold nothing, and where to go on; `None` at the end.
    async fn list_place(
        &self,
        place: Place,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Listed>, Option<Place>), ContentError> {
        let prefix = match place.digits.get(..FOLDER_DIGITS) {
            None => self.blob_prefix(),
            Some(folder) => format!("{}{folder}/{}", self.blob_prefix(), in_folder(&place.digits)),
        };
        let listing = Listing {
            prefix: &prefix,
            marker: place.marker.as_deref(),
            limit: limit.min(PAGE_NAMES),
            by_folder: false,
            unfinished_too: false,
        };
        let page = self.list_page(&listing).await?;
        let listed = page.blobs.into_iter().filter_map(|entry| {
            let key = self.blob_key(&entry.name)?.to_string();
            let is_asked = after.is_none_or(|after| key.as_str() > after);
            is_asked.then_some(Listed {
                key,
                size_bytes: entry.size_bytes,
                modified_ms: entry.modified_ms?,
            })
        });
        let listed = listed.collect();
        let next = match page.marker {
            Some(marker) => Some(Place {
                marker: Some(marker),
                ..place
            }),
            None => self.following(place).await?,
        };
        Ok((listed, next))
    }

    async fn following(&self, place: Place) -> Result<Option<Place>, ContentError> {
        let mut folders = match place.then {
            Then::End => return Ok(None),
            Then::Folders(folders) => folders,
            Then::Rest => match next_in_folder(&place.digits) {
                Some(digits) => {
                    return Ok(Some(Place {
                        digits,
                        marker: None,
                        then: Then::Rest,
                    }));
                }
                None => {
                    let folder = u32::from_str_radix(&place.digits[..FOLDER_DIGITS], 16).unwrap_or(u32::MAX);
                    self.folders(folder.saturating_add(1), false).await?.into()
                }
            },
        };
        Ok(folders.pop_front().map(|folder| Place {
            digits: format!("{folder:06x}"),
            marker: None,
            then: Then::Folders(folders),
        }))
    }

    pub(super) async fn list_notes(
        &self,
        start: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ContentError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let prefix = self.note_prefix();
        let walk = |last: &str| format!("notes {start} {last}");
        let full_prefix = format!("{prefix}{start}");
        let mut marker = after.and_then(|after| self.walks.take(&walk(after))?.marker);
        loop {
            let listing = Listing {
                prefix: &full_prefix,
                marker: marker.as_deref(),
                limit: limit.min(PAGE_NAMES),
                by_folder: false,
                unfinished_too: false,
            };
            let page = self.list_page(&listing).await?;
            let names = page
                .blobs
                .iter()
                .filter_map(|entry| entry.name.strip_prefix(&prefix));
            let names = names.filter(|name| is_note_name(name) && after.is_none_or(|after| *name > after));
            let names: Vec<String> = names.map(str::to_owned).collect();
            if let Some(last) = names.last() {
                if page.marker.is_some() {
                    let place = Place {
                        marker: page.marker,
                        ..Place::first()
                    };
                    self.walks.keep(walk(last), place);
                }
                return Ok(names);
            }
            marker = page.marker;
            if marker.is_none() {
                return Ok(names);
            }
        }
    }
}

/// What of a key's first digits stands behind its folder: all of them, since names repeat the folder's.
fn in_folder(digits: &str) -> &str {
    if digits.len() == FOLDER_DIGITS { "" } else { digits }
}

#[cfg(test)]
mod tests {
    use super::next_in_folder;

    #[track_caller]
    fn check(digits: &str, next: &[&str]) {
        let mut digits = digits.to_owned();
        for expected in next {
            digits = next_in_folder(&digits).expect("more");
            assert_eq!(digits, *expected);
        }
        assert_eq!(next_in_folder(&digits), None);
    }

    #[test]
    fn what_follows_within_a_folder_is_named_by_few_prefixes() {
        check("0190c2ff", &[]);
        check("0190c2fe", &["0190c2ff"]);
        check("0190c2ee", &["0190c2ef", "0190c2f"]);
        check(
            "0190c2cd",
            &["0190c2ce", "0190c2cf", "0190c2d", "0190c2e", "0190c2f"],
        );
        check("ffffffff", &[]);
    }
}
