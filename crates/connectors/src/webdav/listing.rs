//! Everything that is there, a folder at a time.

use super::WebDav;
use super::ask::Depth;
use super::place::{Place, is_theirs};
use super::props::{ASKED, Found};
use crate::{ChangePage, Cursor, Entry, Item, ItemId, Next, RemoteError};

/// The cursor of a feed that is settled: everything is looked at once more.
const SETTLED: &str = "settled";

/// How cursors begin that are in the midst of a round: the id of the folder that was told last follows.
const AFTER: &str = "after:";

/// An unfinished upload is removed when nobody has written to it for that long.
const STALE_SECS: i64 = 24 * 60 * 60;

/// Deeper than any tree that people make.
const MOST_DEPTH: usize = 200;

/// A way through all folders, each before those in it.
#[derive(Debug)]
pub(super) struct Walk {
    frames: Vec<Frame>,
    /// The folder that was told last.
    at: Place,
}

/// Folders in a folder that are still to come, the next one last.
#[derive(Debug)]
struct Frame {
    place: Place,
    left: Vec<String>,
}

impl Walk {
    fn next(&mut self) -> Option<Place> {
        loop {
            let frame = self.frames.last_mut()?;
            if let Some(name) = frame.left.pop() {
                return Some(frame.place.join(&name));
            }
            self.frames.pop();
        }
    }
}

impl WebDav {
    /// What is in a folder, by name, without what is ours.
    pub(super) async fn inside(&self, place: &Place) -> Result<Vec<(Place, Found)>, RemoteError> {
        let mut told = self.propfind(place, Depth::Children, ASKED).await?;
        self.sweep(&told).await;
        told.retain(|(told, _)| {
            told.split()
                .is_some_and(|(parent, name)| parent == *place && is_theirs(name))
        });
        told.sort_by(|(one, _), (other, _)| one.cmp(other));
        told.dedup_by(|(one, _), (other, _)| one == other);
        Ok(told)
    }

    /// Removes what uploads left behind that were cut off long ago.
    async fn sweep(&self, told: &[(Place, Found)]) {
        if self.abilities.is_read_only {
            return;
        }
        let before = self.client.now().minus_secs(STALE_SECS);
        for (place, found) in told {
            let is_unfinished = place
                .split()
                .is_some_and(|(_, name)| name.starts_with(super::writing::TEMPORARY));
            if is_unfinished && found.modified.is_some_and(|modified| modified < before) {
                self.discard(place).await;
            }
        }
    }

    pub(super) fn items(&self, told: Vec<(Place, Found)>) -> Vec<Item> {
        let is_editable = !self.abilities.is_read_only;
        told.into_iter()
            .map(|(place, found)| found.into_item(&place, is_editable))
            .collect()
    }

    /// A page of the feed: one folder.
    pub(super) async fn page(&self, cursor: Option<&Cursor>) -> Result<ChangePage, RemoteError> {
        let after = match cursor.map(|cursor| cursor.0.as_str()) {
            None | Some(SETTLED) => None,
            Some(text) => {
                let id = text.strip_prefix(AFTER).ok_or(RemoteError::CursorLost)?;
                Some(Place::parse(&ItemId(id.to_owned())).ok_or(RemoteError::CursorLost)?)
            }
        };
        let mut walk = match after {
            None => Walk {
                frames: Vec::new(),
                at: Place::root(),
            },
            Some(at) => self.walk_from(at).await?,
        };
        let is_first = walk.frames.is_empty() && cursor.is_none_or(|cursor| cursor.0 == SETTLED);
        let place = if is_first {
            Some(Place::root())
        } else {
            walk.next()
        };
        let Some(place) = place else {
            return Ok(page_of(Vec::new(), Next::Settled(Cursor(SETTLED.to_owned()))));
        };
        let told = match self.inside(&place).await {
            // It went away meanwhile. That the root does is another matter.
            Err(RemoteError::NotFound) if !place.is_root() => Vec::new(),
            Err(RemoteError::NotFound) => return Err(super::missing_root()),
            told => told?,
        };
        if walk.frames.len() >= MOST_DEPTH {
            let what = "there are folders in folders without an end";
            return Err(RemoteError::Misconfigured(what.to_owned()));
        }
        walk.frames.push(Frame {
            left: folders_in(&told),
            place: place.clone(),
        });
        walk.at = place;
        let is_last = walk.frames.iter().all(|frame| frame.left.is_empty());
        let next = if is_last {
            Next::Settled(Cursor(SETTLED.to_owned()))
        } else {
            let cursor = Cursor(format!("{AFTER}{}", walk.at.id().0));
            self.keep(walk);
            Next::More(cursor)
        };
        Ok(page_of(self.items(told), next))
    }

    fn keep(&self, walk: Walk) {
        *self
            .walk
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(walk);
    }

    /// The walk that told a folder last: kept from the page before, or found again.
    async fn walk_from(&self, at: Place) -> Result<Walk, RemoteError> {
        let kept = self
            .walk
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(walk) = kept.filter(|walk| walk.at == at) {
            return Ok(walk);
        }
        let mut frames = Vec::new();
        for depth in 0..=at.0.len() {
            let place = Place(at.0[..depth].to_vec());
            let told = match self.inside(&place).await {
                Err(RemoteError::NotFound) if !place.is_root() => break,
                Err(RemoteError::NotFound) => return Err(super::missing_root()),
                told => told?,
            };
            let mut left = folders_in(&told);
            if let Some(passed) = at.0.get(depth) {
                left.retain(|name| name > passed);
            }
            frames.push(Frame { place, left });
        }
        Ok(Walk { frames, at })
    }
}

fn page_of(items: Vec<Item>, next: Next) -> ChangePage {
    ChangePage {
        entries: items.into_iter().map(|item| Entry::Is(Box::new(item))).collect(),
        is_snapshot: true,
        next,
    }
}

/// The names of folders, the first one last.
fn folders_in(told: &[(Place, Found)]) -> Vec<String> {
    told.iter()
        .rev()
        .filter(|(_, found)| found.is_folder)
        .filter_map(|(place, _)| place.split().map(|(_, name)| name.to_owned()))
        .collect()
}
