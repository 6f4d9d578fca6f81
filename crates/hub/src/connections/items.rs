//! Browsing a connection by what is known of it, and reading from it.

use std::collections::HashSet;
use std::ops::Range;

use catalog::ItemMark;
use connectors::{DirectLink, Item, ItemId, ItemKind, RemoteError, fetch};
use futures_util::{StreamExt, future, stream};
use model::{Actor, ByteStream, Connection, ConnectionId, Millis, RemoteItem, RemoteKind};
use serde::{Deserialize, Serialize};

use super::found;
use super::known::as_remote;
use crate::listings::Part;
use crate::{Hub, HubError, access, cursors};

/// Folders on the way up to the root that are told at the most.
const DEEPEST: usize = 128;

/// A page of a folder in a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePage {
    /// The folder itself, when more than its id is known.
    pub folder: Option<RemoteItem>,
    /// The folders above it, the root first.
    pub way: Vec<RemoteItem>,
    /// Folders, then everything else, by name.
    pub items: Vec<RemoteItem>,
    /// Opens the next page; `None` on the last.
    pub next: Option<String>,
    /// When the connection was last looked at to the end; `None` never yet.
    pub as_of: Option<Millis>,
    /// It is being looked at for the first time: not everything is here yet.
    pub is_filling: bool,
    /// The root's id.
    pub root: String,
}

/// A content in a connection, ready to be sent on.
pub struct RemoteDownload {
    /// The item as it is now.
    pub item: RemoteItem,
    /// What it is called when it is saved.
    pub file_name: String,
    /// Its media type.
    pub media_type: String,
    /// The length of the whole content, bytes; unknown of exports.
    pub size_bytes: Option<u64>,
    /// The bytes: of the range that was asked for, or all.
    pub stream: ByteStream,
    /// Which bytes these are, when a range was asked for and can be had.
    pub range: Option<Range<u64>>,
}

#[derive(Serialize, Deserialize)]
struct Place {
    kind: i64,
    name: String,
    key: Vec<u8>,
}

impl Hub {
    /// Lists a folder of a connection, as it was when it was last looked at. It never waits for the provider.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (a cursor).
    pub async fn remote_items(
        &self,
        actor: &Actor,
        (id, folder): (ConnectionId, Option<&str>),
        part: Part,
    ) -> Result<RemotePage, HubError> {
        let mut tx = self.read().await?;
        let connection = found(&mut tx, actor, id).await?;
        let root = connection.root.clone();
        let folder = folder.filter(|folder| *folder != "root").unwrap_or(&root);
        let scope = format!("items of {id} in {folder} for {}", access::scope(actor));
        let after: Option<Place> = match &part.cursor {
            Some(cursor) => Some(cursors::open(self.keys(), &scope, cursor)?),
            None => None,
        };
        let after = after.map(|place| ItemMark {
            kind: place.kind,
            sort_key: place.name,
            key: place.key,
        });
        let mut marked = tx
            .items_in((id, folder), after.as_ref(), part.limit.saturating_add(1))
            .await?;
        let has_more = marked.len() > part.limit as usize;
        marked.truncate(part.limit as usize);
        let next = marked.last().filter(|_| has_more).map(|(_, mark)| {
            let place = Place {
                kind: mark.kind,
                name: mark.sort_key.clone(),
                key: mark.key.clone(),
            };
            cursors::seal(self.keys(), &scope, &place)
        });
        let known = tx.item(id, folder).await?;
        let is_root = folder == root;
        if known
            .as_ref()
            .is_some_and(|known| known.kind != RemoteKind::Folder && !is_root)
        {
            return Err(HubError::invalid("folder", "this item is no folder"));
        }
        if known.is_none() && marked.is_empty() && !is_root {
            return Err(HubError::NotFound("folder at the provider"));
        }
        let mut way = Vec::new();
        let mut above = known.as_ref().and_then(|known| known.parent.clone());
        while let Some(parent) = above.filter(|_| way.len() < DEEPEST) {
            let Some(item) = tx.item(id, &parent).await? else {
                break;
            };
            above = item.parent.clone();
            way.push(item);
        }
        way.reverse();
        let feed = tx.feed(id).await?;
        let as_of = feed.as_ref().and_then(|feed| feed.settled_ms);
        Ok(RemotePage {
            folder: known,
            way,
            items: marked.into_iter().map(|(item, _)| item).collect(),
            next,
            as_of,
            is_filling: as_of.is_none(),
            root,
        })
    }

    /// Looks at a connection once more, as soon as a worker is free.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn refresh_connection(&self, actor: &Actor, id: ConnectionId) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        found(&mut tx, actor, id).await?;
        self.queue_observation(&mut tx, id).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(())
    }

    /// Looks once more at all connections of these kinds that the actor watches, and has their mirrors run, as soon as
    /// workers are free. Answers the kinds that there are.
    ///
    /// # Errors
    /// `Forbidden` for visitors.
    pub async fn look_at_connections(
        &self,
        actor: &Actor,
        kinds: &[&str],
        limit: u32,
    ) -> Result<HashSet<String>, HubError> {
        let mut all = self.watched_connections(actor, limit).await?;
        all.retain(|connection| kinds.contains(&connection.kind.as_str()));
        let mut tx = self.write().await?;
        for connection in &all {
            self.queue_observation(&mut tx, connection.id).await?;
            for mirror in tx.mirrors_of_connection(connection.id).await? {
                self.queue_mirror(&mut tx, mirror.id).await?;
            }
        }
        tx.commit().await?;
        self.wake_workers();
        Ok(all.into_iter().map(|connection| connection.kind).collect())
    }

    /// An item as it is at the provider now.
    ///
    /// # Errors
    /// `NotFound`, and what the provider says.
    pub async fn remote_item(
        &self,
        actor: &Actor,
        (id, item): (ConnectionId, &str),
    ) -> Result<RemoteItem, HubError> {
        let connection = found(&mut self.read().await?, actor, id).await?;
        let connector = self.connector(&connection).await?;
        let item = connector.item(&ItemId(item.to_owned())).await;
        let item = self.heard(&connection, item).await?;
        Ok(as_remote(item.ok_or(HubError::NotFound("item at the provider"))?))
    }

    /// Opens a content in a connection: a file's, or the export of a document in `export`, the first that it has when
    /// it is not said. What arrives is compared with the provider's hash.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (an export that it has not), `RemoteRefuses` (a folder has no content), and what the
    /// provider says.
    pub async fn open_remote(
        &self,
        actor: &Actor,
        (id, item): (ConnectionId, &str),
        export: Option<&str>,
        range: Option<Range<u64>>,
    ) -> Result<RemoteDownload, HubError> {
        let connection = found(&mut self.read().await?, actor, id).await?;
        let connector = self.connector(&connection).await?;
        let item = connector.item(&ItemId(item.to_owned())).await;
        let item = self.heard(&connection, item).await?;
        let item = item
            .filter(|item| !item.is_trashed)
            .ok_or(HubError::NotFound("item at the provider"))?;
        let export = match &item.kind {
            ItemKind::File => None,
            ItemKind::Document { exports } => Some(chosen(exports, export)?),
            ItemKind::Folder | ItemKind::Shortcut { .. } | ItemKind::Other => {
                return Err(RemoteError::NoContent.into());
            }
        };
        let range = range.filter(|_| export.is_none() && item.size_bytes.is_some());
        let start = range.as_ref().map_or(0, |range| range.start);
        let fetched = fetch(connector, &item, start, export).await;
        let fetched = self.heard(&connection, fetched).await?;
        let stream = match &range {
            Some(range) => first_bytes(fetched.stream, range.end - range.start),
            None => fetched.stream,
        };
        Ok(RemoteDownload {
            file_name: saved_name(&item, export),
            media_type: export
                .map(ToOwned::to_owned)
                .or_else(|| item.media_type.clone())
                .unwrap_or_else(|| "application/octet-stream".to_owned()),
            size_bytes: fetched.size_bytes,
            stream,
            range,
            item: as_remote(item),
        })
    }

    /// An address of the provider's own that gives a file's content for a short time; `None` where it has none.
    ///
    /// # Errors
    /// `NotFound`, and what the provider says.
    pub async fn remote_link(
        &self,
        actor: &Actor,
        (id, item): (ConnectionId, &str),
        file_name: &str,
    ) -> Result<Option<DirectLink>, HubError> {
        let connection = found(&mut self.read().await?, actor, id).await?;
        let connector = self.connector(&connection).await?;
        if !connector.abilities().has_direct_links {
            return Ok(None);
        }
        let link = connector.direct_link(&ItemId(item.to_owned()), file_name).await;
        self.heard(&connection, link).await
    }

    /// Passes on what a provider said, and writes it down when a person has to do something.
    pub(crate) async fn heard<T>(
        &self,
        connection: &Connection,
        heard: Result<T, RemoteError>,
    ) -> Result<T, HubError> {
        match heard {
            Ok(value) => Ok(value),
            Err(RemoteError::Paused { until }) => {
                let wait_ms = until.0.saturating_sub(self.now().0);
                Err(HubError::RemoteBusy {
                    retry_after_secs: u64::try_from(wait_ms / 1000 + 1).unwrap_or(1),
                })
            }
            Err(error) => {
                self.note_trouble(connection.id, &error).await;
                Err(error.into())
            }
        }
    }
}

fn chosen<'a>(exports: &[&'a str], wanted: Option<&str>) -> Result<&'a str, HubError> {
    let fits = |export: &&&str| wanted.is_none_or(|wanted| wanted == **export);
    exports.iter().find(fits).copied().ok_or_else(|| {
        if exports.is_empty() {
            return RemoteError::NoContent.into();
        }
        HubError::invalid(
            "export",
            format!("this document can be had as {}", exports.join(", ")),
        )
    })
}

/// The name of a file that an item is saved as: that of an export has its ending.
pub(crate) fn saved_name(item: &Item, export: Option<&str>) -> String {
    let ending = match export {
        Some("application/vnd.openxmlformats-officedocument.wordprocessingml.document") => ".docx",
        Some("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet") => ".xlsx",
        Some("application/vnd.openxmlformats-officedocument.presentationml.presentation") => ".pptx",
        Some("application/vnd.oasis.opendocument.text") => ".odt",
        Some("application/vnd.oasis.opendocument.spreadsheet") => ".ods",
        Some("application/vnd.oasis.opendocument.presentation") => ".odp",
        Some("application/pdf") => ".pdf",
        Some("text/plain") => ".txt",
        Some("text/csv") => ".csv",
        Some("text/markdown") => ".md",
        Some("image/png") => ".png",
        Some("image/jpeg") => ".jpg",
        Some("image/svg+xml") => ".svg",
        Some("application/zip") => ".zip",
        Some("application/vnd.google-apps.script+json") => ".json",
        _ => "",
    };
    format!("{}{ending}", item.name)
}

/// So many bytes of a stream, and no more.
fn first_bytes(stream: ByteStream, most: u64) -> ByteStream {
    let cut = stream.scan(most, |left, piece| {
        if *left == 0 {
            return future::ready(None);
        }
        let piece = piece.map(|bytes| {
            let take = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
            *left -= take as u64;
            bytes.slice(..take)
        });
        future::ready(Some(piece))
    });
    match most {
        0 => Box::pin(stream::empty()),
        _ => Box::pin(cut),
    }
}
