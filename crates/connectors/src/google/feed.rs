//! What is there, and what changed since.
//!
//! A round begins by remembering where the feed of changes is, then lists everything, then tells what changed
//! meanwhile: what the listing missed because it was written just then is among it. Cursors are texts with a
//! letter for the phase.

use outbound::{Call, Kind};
use reqwest::Method;

use super::Google;
use super::ask::{ALL_DRIVES, checked};
use super::fault::Fault;
use super::shapes::{Change, ChangeList, FILE, File, FileList, StartPageToken};
use crate::{ChangePage, Cursor, Entry, Item, ItemId, ItemPage, Next, RemoteError};

/// The most that there are on a page.
const PAGE: &str = "1000";
/// The longest cursor that is taken for one.
const LONGEST: usize = 4096;

/// Where a round is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// Listing: where the feed was when it began, and the next page.
    List { start: String, page: String },
    /// Telling what changed during the listing.
    Replay { token: String },
    /// Telling what changed since it was settled last.
    Follow { token: String },
}

impl Phase {
    fn read(cursor: &Cursor) -> Option<Self> {
        let (kind, rest) = cursor.0.split_once(':')?;
        let is_text = !rest.is_empty() && rest.len() <= LONGEST && !rest.contains(char::is_control);
        let token = rest.to_owned();
        match kind {
            _ if !is_text => None,
            "l" => {
                let (start, page) = rest.split_once(' ')?;
                Some(Self::List {
                    start: start.to_owned(),
                    page: page.to_owned(),
                })
            }
            "r" => Some(Self::Replay { token }),
            "c" => Some(Self::Follow { token }),
            _ => None,
        }
    }

    /// Where in the feed of changes it is.
    fn into_token(self) -> String {
        match self {
            Self::List { start, .. } => start,
            Self::Replay { token } | Self::Follow { token } => token,
        }
    }

    fn cursor(&self) -> Cursor {
        Cursor(match self {
            Self::List { start, page } => format!("l:{start} {page}"),
            Self::Replay { token } => format!("r:{token}"),
            Self::Follow { token } => format!("c:{token}"),
        })
    }
}

impl Google {
    pub(super) async fn feed_page(&self, cursor: Option<&Cursor>) -> Result<ChangePage, Fault> {
        let Some(cursor) = cursor else {
            return self.listed(self.newest_token().await?, None).await;
        };
        match Phase::read(cursor).ok_or(RemoteError::CursorLost)? {
            Phase::List { start, page } => self.listed(start, Some(page)).await,
            Phase::Replay { token } => self.changed(&token, true).await,
            Phase::Follow { token } => self.changed(&token, false).await,
        }
    }

    /// Where in the feed of changes a cursor is; without one, its end.
    pub(super) async fn token_of(&self, cursor: Option<&Cursor>) -> Result<String, Fault> {
        match cursor.and_then(Phase::read) {
            Some(phase) => Ok(phase.into_token()),
            None => self.newest_token().await,
        }
    }

    async fn newest_token(&self) -> Result<String, Fault> {
        let query = [ALL_DRIVES, ("fields", "startPageToken")];
        let url = self.api.url("/drive/v3/changes/startPageToken", &query);
        let start: StartPageToken = self.api.json(Call::new(Method::GET, url)).await?;
        Ok(start.start_page_token)
    }

    /// A page of everything that is not in the trash.
    async fn listed(&self, start: String, page: Option<String>) -> Result<ChangePage, Fault> {
        let list = self.search("trashed=false", page.as_deref()).await?;
        if list.incomplete_search {
            // Else what it left out would count as gone.
            let told = "its listing is not complete".to_owned();
            return Err(RemoteError::Unavailable(told).into());
        }
        let entries = list
            .files
            .into_iter()
            .map(|file| Entry::Is(Box::new(file.into_item())));
        let next = match list.next_page_token {
            Some(page) => Phase::List { start, page },
            None => Phase::Replay { token: start },
        };
        Ok(ChangePage {
            entries: entries.collect(),
            is_snapshot: true,
            next: Next::More(next.cursor()),
        })
    }

    /// A page of changes.
    async fn changed(&self, token: &str, is_snapshot: bool) -> Result<ChangePage, Fault> {
        let fields =
            format!("nextPageToken,newStartPageToken,changes(changeType,removed,fileId,file({FILE}))");
        let query = [
            ("pageToken", token),
            ("pageSize", PAGE),
            ("spaces", "drive"),
            ("includeRemoved", "true"),
            ALL_DRIVES,
            ("fields", &fields),
        ];
        let url = self.api.url("/drive/v3/changes", &query);
        let call = Call::new(Method::GET, url).with_kind(Kind::List);
        let list: ChangeList = self.api.json(call).await.map_err(lost)?;
        let next = match (list.next_page_token, list.new_start_page_token) {
            (Some(token), _) if is_snapshot => Next::More(Phase::Replay { token }.cursor()),
            (Some(token), _) => Next::More(Phase::Follow { token }.cursor()),
            (None, Some(token)) => Next::Settled(Phase::Follow { token }.cursor()),
            (None, None) => {
                let told = "its feed of changes does not say how it goes on".to_owned();
                return Err(RemoteError::Unavailable(told).into());
            }
        };
        Ok(ChangePage {
            entries: list.changes.into_iter().filter_map(entry).collect(),
            is_snapshot,
            next,
        })
    }

    /// A page of what is found.
    async fn search(&self, wanted: &str, page: Option<&str>) -> Result<FileList, Fault> {
        let fields = format!("nextPageToken,incompleteSearch,files({FILE})");
        let mut query = vec![
            ("q", wanted),
            ("pageSize", PAGE),
            ("spaces", "drive"),
            ALL_DRIVES,
            ("fields", &fields),
        ];
        query.extend(page.map(|page| ("pageToken", page)));
        let url = self.api.url("/drive/v3/files", &query);
        let asked = self
            .api
            .json(Call::new(Method::GET, url).with_kind(Kind::List))
            .await;
        if page.is_some() {
            asked.map_err(lost)
        } else {
            asked
        }
    }

    /// What is in a folder, or, `is_trashed`, went to the trash with it.
    pub(super) async fn page_of(
        &self,
        (folder, is_trashed): (&ItemId, bool),
        page: Option<&str>,
    ) -> Result<ItemPage, Fault> {
        let wanted = format!("'{}' in parents and trashed={is_trashed}", checked(folder)?);
        let list = self.search(&wanted, page).await?;
        let went_with = |file: &File| !is_trashed || !file.explicitly_trashed;
        Ok(ItemPage {
            items: list
                .files
                .into_iter()
                .filter(went_with)
                .map(File::into_item)
                .collect(),
            next: list.next_page_token,
            is_partial: list.incomplete_search,
        })
    }

    pub(super) async fn find(&self, id: &ItemId) -> Result<Option<Item>, Fault> {
        match self.get(id).await {
            Ok(file) => Ok(Some(file.into_item())),
            Err(Fault::Remote(RemoteError::NotFound)) => Ok(None),
            Err(fault) if fault.status() == 404 => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn get(&self, id: &ItemId) -> Result<File, Fault> {
        let url = self.api.file_url(id, &[("fields", FILE)])?;
        self.api.json(Call::new(Method::GET, url)).await
    }
}

/// What a change says of an item, if it is about one.
fn entry(change: Change) -> Option<Entry> {
    match (change.removed, change.file, change.file_id) {
        (false, Some(file), _) => Some(Entry::Is(Box::new(file.into_item()))),
        (true, _, Some(id)) => Some(Entry::Gone(ItemId(id))),
        // About a shared drive, or about nothing that we could know of.
        (false, None, _) | (true, _, None) => None,
    }
}

/// A token that is not taken is one that was forgotten: those of changes last, but nobody promises it.
fn lost(fault: Fault) -> Fault {
    match fault.status() {
        400 | 404 | 410 => RemoteError::CursorLost.into(),
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were() {
        for phase in [
            Phase::List {
                start: "1001".to_owned(),
                page: "~!!~a b:c".to_owned(),
            },
            Phase::Replay {
                token: "1001".to_owned(),
            },
            Phase::Follow {
                token: "a:b".to_owned(),
            },
        ] {
            assert_eq!(Phase::read(&phase.cursor()), Some(phase));
        }
        for nonsense in ["", "c", "c:", "x:1", "l:1001", "c:a\nb"] {
            assert_eq!(Phase::read(&Cursor(nonsense.to_owned())), None, "{nonsense:?}");
        }
    }
}
