//! Everything, page by page in the order of keys.

use serde::{Deserialize, Serialize};

use super::Bucket;
use super::items::folder_item;
use super::place::{Place, TRASH};
use super::store::{Listing, Object};
use crate::{ChangePage, Cursor, Entry, Next, RemoteError};

/// How many keys a page has at most.
const PAGE: usize = 1000;
const VERSION: u8 = 1;

/// A place in a round. What was told before it is not kept here: the caller compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    version: u8,
    /// Where the page before ended, as the bucket wants it; `None` is the beginning of a round.
    mark: Option<String>,
    /// The last path that was told: the folders above it were told as well.
    last: String,
}

impl Position {
    fn parse(cursor: Option<&Cursor>) -> Result<Self, RemoteError> {
        let Some(cursor) = cursor else {
            return Ok(Self::begin());
        };
        let position: Option<Self> = serde_json::from_str(&cursor.0).ok();
        position
            .filter(|position| position.version == VERSION)
            .ok_or(RemoteError::CursorLost)
    }

    const fn begin() -> Self {
        Self {
            version: VERSION,
            mark: None,
            last: String::new(),
        }
    }

    fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("a number and words"))
    }
}

impl Bucket {
    pub(super) async fn list_on(&self, cursor: Option<&Cursor>) -> Result<ChangePage, RemoteError> {
        let mut position = Position::parse(cursor)?;
        let listing = Listing {
            prefix: &self.prefix,
            by_folder: false,
            mark: position.mark.as_deref(),
            limit: PAGE,
        };
        let page = match self.page(listing).await {
            // A mark that is not taken any more.
            Err(failure) if failure.status() == Some(400) && position.mark.is_some() => {
                return Err(RemoteError::CursorLost);
            }
            page => page.map_err(|failure| self.error(failure))?,
        };
        let mut entries = Vec::with_capacity(page.objects.len());
        for object in &page.objects {
            self.tell(object, &mut position, &mut entries);
        }
        let next = match page.next {
            None => Next::Settled(Position::begin().cursor()),
            Some(mark) => {
                position.mark = Some(self.past_trash(mark));
                Next::More(position.cursor())
            }
        };
        Ok(ChangePage {
            entries,
            is_snapshot: true,
            next,
        })
    }

    /// Tells an object, and the folders above it that were not told yet.
    fn tell(&self, object: &Object, position: &mut Position, entries: &mut Vec<Entry>) {
        let Some(place) = self.place(&object.key).filter(|place| !place.is_root()) else {
            return;
        };
        let is_new = |folder: &Place| !position.last.starts_with(folder.path());
        let folder = object.is_marker().then(|| match place.is_folder() {
            true => place.clone(),
            false => place.twin(),
        });
        let folders = place.above().chain(folder.clone()).filter(is_new);
        entries.extend(folders.map(|folder| Entry::Is(Box::new(folder_item(&folder)))));
        if folder.is_none() {
            entries.push(Entry::Is(Box::new(self.file_item(&place, object))));
        }
        position.last = folder.unwrap_or(place).path().to_owned();
    }

    /// Skips what is left of the trash, where a page may begin anywhere.
    fn past_trash(&self, mark: String) -> String {
        let trash = format!("{}{TRASH}/", self.prefix);
        match self.store.marks_are_keys() && mark.starts_with(&trash) {
            true => format!("{trash}\u{10ffff}"),
            false => mark,
        }
    }
}
