//! What is in the drive, and what changes: `delta` and `children`.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use outbound::{Call, Kind};
use reqwest::Method;
use serde::Deserialize;

use super::OneDrive;
use super::ask::read_json;
use super::item::{DriveItem, FIELDS};
use super::refusal::Trouble;
use crate::{ChangePage, Cursor, Entry, ItemId, ItemPage, Next, RemoteError};

/// How many rows are asked for at once; the service gives fewer where it likes.
const CHANGES_A_PAGE: u32 = 1000;
const CHILDREN_A_PAGE: u32 = 200;
/// How many items are looked at side by side that a page does not tell enough of.
const LOOKS: usize = 4;

/// A page of `delta` or of a folder.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    value: Vec<DriveItem>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta: Option<String>,
}

/// What a cursor holds: the link that goes on, and whether everything is being listed.
struct Place {
    is_snapshot: bool,
    link: String,
}

impl Place {
    const SNAPSHOT: &str = "all ";
    const CHANGES: &str = "new ";

    fn read(cursor: &Cursor) -> Option<Self> {
        let all = cursor.0.strip_prefix(Self::SNAPSHOT);
        let link = all.or_else(|| cursor.0.strip_prefix(Self::CHANGES))?;
        Some(Self {
            is_snapshot: all.is_some(),
            link: link.to_owned(),
        })
    }

    fn write(self) -> Cursor {
        let word = if self.is_snapshot {
            Self::SNAPSHOT
        } else {
            Self::CHANGES
        };
        Cursor(format!("{word}{}", self.link))
    }
}

impl OneDrive {
    /// A page of the feed.
    pub(super) async fn change_page(&self, cursor: Option<&Cursor>) -> Result<ChangePage, RemoteError> {
        let place = match cursor {
            // A link that leads elsewhere is none that we were given: nobody else gets our token.
            Some(cursor) => Place::read(cursor)
                .filter(|place| self.addresses.is_ours(&place.link))
                .ok_or(RemoteError::CursorLost)?,
            None => {
                let rest = format!("/root/delta?$top={CHANGES_A_PAGE}&$select={FIELDS}");
                Place {
                    is_snapshot: true,
                    link: self.addresses.drive(&rest),
                }
            }
        };
        // Otherwise all folders above come along with every change.
        let call = Call::new(Method::GET, place.link)
            .with_kind(Kind::List)
            .with_header("deltaexcludeparent", "true");
        let answer = self
            .ask(call)
            .await
            .map_err(|trouble| lost(trouble, cursor.is_some()))?;
        let page: Page = read_json(&answer)?;
        let next = match (page.next, page.delta) {
            (Some(link), _) => Next::More(
                Place {
                    is_snapshot: place.is_snapshot,
                    link: self.followed(link)?,
                }
                .write(),
            ),
            (None, Some(link)) => Next::Settled(
                Place {
                    is_snapshot: false,
                    link: self.followed(link)?,
                }
                .write(),
            ),
            (None, None) => {
                return Err(RemoteError::Unavailable(
                    "it does not say how to go on".to_owned(),
                ));
            }
        };
        Ok(ChangePage {
            entries: self.entries(page.value).await?,
            is_snapshot: place.is_snapshot,
            next,
        })
    }

    fn followed(&self, link: String) -> Result<String, RemoteError> {
        if self.addresses.is_ours(&link) {
            Ok(link)
        } else {
            Err(RemoteError::Unavailable(
                "its next page is somewhere else".to_owned(),
            ))
        }
    }

    /// What rows say. Of several about one item the last counts.
    async fn entries(&self, rows: Vec<DriveItem>) -> Result<Vec<Entry>, RemoteError> {
        let mut told = HashSet::new();
        let mut last: Vec<DriveItem> = rows
            .into_iter()
            .rev()
            .filter(|row| row.root.is_none() && !row.id.is_empty() && told.insert(row.id.clone()))
            .collect();
        last.reverse();
        // In order, as a page should be the same whoever asks for it.
        let entries = stream::iter(last).map(|row| self.entry(row)).buffered(LOOKS);
        entries.try_collect().await
    }

    async fn entry(&self, row: DriveItem) -> Result<Entry, RemoteError> {
        let id = ItemId(row.id.clone());
        if row.deleted.is_some() {
            return Ok(Entry::Gone(id));
        }
        if row.is_whole() && !row.lacks_revision(self.kind) {
            return Ok(Entry::Is(Box::new(row.into_item(self.kind))));
        }
        match self.get_item(&id, FIELDS).await {
            Ok(now) if now.deleted.is_some() || !now.is_whole() => Ok(Entry::Gone(id)),
            Ok(now) => Ok(Entry::Is(Box::new(now.into_item(self.kind)))),
            Err(trouble) if trouble.may_be_lag() && row.is_whole() => {
                Ok(Entry::Is(Box::new(row.into_item(self.kind))))
            }
            Err(trouble) if trouble.status() == 404 => Ok(Entry::Gone(id)),
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// A page of a folder.
    pub(super) async fn folder_page(
        &self,
        folder: &ItemId,
        page: Option<&str>,
    ) -> Result<ItemPage, RemoteError> {
        let url = match page {
            Some(link) => self.followed(link.to_owned())?,
            None => {
                let rest = format!("/children?$top={CHILDREN_A_PAGE}&$select={FIELDS}");
                self.addresses.item(&folder.0, &rest)
            }
        };
        let page: Page = self.get(url, Kind::List).await?;
        let whole = page
            .value
            .into_iter()
            .filter(|row| row.is_whole() && row.deleted.is_none());
        Ok(ItemPage {
            items: whole.map(|row| row.into_item(self.kind)).collect(),
            next: page.next.map(|link| self.followed(link)).transpose()?,
            is_partial: false,
        })
    }
}

/// Whether a feed cannot go on: besides saying so (410), the service loses rounds on their way (404), takes links
/// of its own for malformed (400), and gives up on a tree that changes too fast.
fn lost(trouble: Trouble, has_cursor: bool) -> RemoteError {
    let is_lost = matches!(trouble.status(), 400 | 404 | 410) || trouble.code() == "cannotSnapshotTree";
    if has_cursor && is_lost {
        return RemoteError::CursorLost;
    }
    trouble.into()
}
