//! Whether folders are in the way of new files.
//!
//! A bucket may have `a` beside `a/b`, a drive may not. The first new file in a folder has its own name asked about; when
//! more come, the folder is listed once for all of them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use model::Millis;

use super::Bucket;
use super::place::Place;
use super::store::Listing;
use crate::RemoteError;

/// How long something counts that was seen, milliseconds.
const FRESH_MS: i64 = 5_000;
/// Folders that are known at once.
const MOST: usize = 32;
/// What a folder may hold that is listed for this.
const PAGE: usize = 1000;

/// What is known of folders that new files come into.
#[derive(Default)]
pub(super) struct Siblings(Mutex<Vec<Folder>>);

struct Folder {
    place: Place,
    at: Millis,
    known: Known,
}

enum Known {
    /// That one file came into it.
    One,
    /// The keys of all folders in it.
    Folders(HashSet<String>),
    /// That it holds too much to be listed for this.
    Long,
}

/// What to do to know whether there is a folder of some name.
enum Next {
    Ask,
    List,
    Nothing(bool),
}

impl Siblings {
    /// Forgets everything: there are other folders now.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn next(&self, place: &Place, key: &str, now: Millis) -> Next {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        folders.retain(|folder| now.0 - folder.at.0 < FRESH_MS);
        match folders.iter().find(|folder| folder.place == *place) {
            Some(folder) => match &folder.known {
                Known::One => Next::List,
                Known::Folders(keys) => Next::Nothing(keys.contains(key)),
                Known::Long => Next::Ask,
            },
            None => {
                keep(&mut folders, place, now, Known::One);
                Next::Ask
            }
        }
    }

    fn listed(&self, place: &Place, at: Millis, known: Known) {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keep(&mut folders, place, at, known);
    }
}

fn keep(folders: &mut Vec<Folder>, place: &Place, at: Millis, known: Known) {
    folders.retain(|folder| folder.place != *place);
    if folders.len() >= MOST {
        folders.remove(0);
    }
    let place = place.clone();
    folders.push(Folder { place, at, known });
}

impl Bucket {
    /// Whether a folder has the name of a new file, or had it some seconds ago.
    pub(super) async fn has_twin(&self, file: &Place) -> Result<bool, RemoteError> {
        let (twin, now) = (file.twin(), self.now());
        let Some(parent) = file.parent() else {
            return Ok(false);
        };
        let key = self.key(&twin);
        match self.siblings.next(&parent, &key, now) {
            Next::Nothing(has_twin) => return Ok(has_twin),
            Next::Ask => return self.has_folder(&twin).await,
            Next::List => {}
        }
        let listing = Listing {
            prefix: &self.key(&parent),
            by_folder: true,
            mark: None,
            limit: PAGE,
        };
        let page = self.store.list(listing).await;
        let page = page.map_err(|failure| self.error(failure))?;
        if page.next.is_some() {
            self.siblings.listed(&parent, now, Known::Long);
            return self.has_folder(&twin).await;
        }
        let keys: HashSet<String> = page.folders.into_iter().collect();
        let has_twin = keys.contains(&key);
        self.siblings.listed(&parent, now, Known::Folders(keys));
        Ok(has_twin)
    }
}
