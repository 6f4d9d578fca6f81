//! Contents on their way from the source to the target, hashed as they pass.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use connectors::{
    Connector, HashKind, Hasher, Hashes, Item, ItemKind, RemoteError, Source, UploadJournal, fetch,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{BodyError, ByteStream, MigrationId};

use super::Sides;
use super::trouble::Trouble;
use crate::Hub;
use crate::connections::{hash, saved_name};

/// The largest export that is taken: its length is not known before it is there, so it is held in memory.
const EXPORT_BYTES: usize = 32 << 20;

/// What is sent of an item.
pub(super) struct Original {
    connector: Arc<dyn Connector>,
    pub item: Item,
    /// What it is called at the source, with the ending of what it is exported as.
    pub name: String,
    pub media_type: String,
    pub is_export: bool,
    /// All of an export.
    exported: Option<Bytes>,
    hasher: Arc<Mutex<Hasher>>,
}

impl Original {
    /// A file as it is told to be, or what a document is exported as.
    pub async fn new(sides: &Sides, item: Item) -> Result<Self, Trouble> {
        let export = match &item.kind {
            ItemKind::Document { exports } => {
                let export = exports.first().copied();
                Some(export.ok_or(Trouble::from_side(RemoteError::NoContent))?)
            }
            _ => None,
        };
        let mut kinds = sides.target.abilities().hashes.to_vec();
        kinds.extend(item.hashes.kinds());
        kinds.push(HashKind::Sha256);
        let exported = match export {
            Some(export) => Some(
                exported(&sides.source, &item, export)
                    .await
                    .map_err(Trouble::from_side)?,
            ),
            None => None,
        };
        let media_type = export.map(ToOwned::to_owned).or_else(|| item.media_type.clone());
        Ok(Self {
            connector: sides.source.clone(),
            name: saved_name(&item, export),
            media_type: media_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
            is_export: export.is_some(),
            exported,
            item,
            hasher: Arc::new(Mutex::new(Hasher::new(&kinds))),
        })
    }

    /// The hashes of what was sent, if all of it was.
    pub fn sent(&self) -> Option<Hashes> {
        let hasher = self.hasher.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (hasher.size_bytes() == self.size_bytes()).then(|| hasher.finish())
    }

    /// The hashes of the whole content, read for them where it has not been sent.
    pub async fn hashes(&self) -> Result<Hashes, Trouble> {
        if self.sent().is_none() {
            let stream = self.open(0).await;
            let read = async { stream?.try_for_each(|_| async { Ok(()) }).await };
            read.await
                .map_err(|error| Trouble::to_side(RemoteError::Source(error)))?;
        }
        let broken = || Trouble::from_side(RemoteError::Unavailable("the content broke off".to_owned()));
        self.sent().ok_or_else(broken)
    }
}

#[async_trait]
impl Source for Original {
    fn size_bytes(&self) -> u64 {
        match &self.exported {
            Some(bytes) => bytes.len() as u64,
            None => self.item.size_bytes.unwrap_or(0),
        }
    }

    async fn open(&self, offset: u64) -> Result<ByteStream, BodyError> {
        let stream: ByteStream = match &self.exported {
            Some(bytes) => {
                let from = usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
                Box::pin(stream::iter([Ok(bytes.slice(from..))]))
            }
            None => {
                let fetched = fetch(self.connector.clone(), &self.item, offset, None).await;
                fetched
                    .map_err(|error| BodyError::Unreadable(Box::new(error)))?
                    .stream
            }
        };
        let hasher = self.hasher.clone();
        let mut at = offset;
        Ok(Box::pin(stream.inspect(move |piece| {
            if let Ok(bytes) = piece {
                let mut hasher = hasher.lock().unwrap_or_else(PoisonError::into_inner);
                take_in(&mut hasher, at, bytes);
                at += bytes.len() as u64;
            }
        })))
    }
}

/// Hashes what follows on what was hashed, wherever a stream begins: all of them are of one revision.
fn take_in(hasher: &mut Hasher, at: u64, bytes: &[u8]) {
    let known = hasher.size_bytes().checked_sub(at);
    let known = known.and_then(|known| usize::try_from(known).ok());
    if let Some(new) = known.and_then(|known| bytes.get(known..)) {
        hasher.update(new);
    }
}

async fn exported(source: &Arc<dyn Connector>, item: &Item, export: &str) -> Result<Bytes, RemoteError> {
    let mut stream = fetch(source.clone(), item, 0, Some(export)).await?.stream;
    let mut whole = Vec::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| match error {
            BodyError::Unreadable(cause) => match cause.downcast::<RemoteError>() {
                Ok(error) => *error,
                Err(cause) => RemoteError::Unavailable(cause.to_string()),
            },
            error => RemoteError::Unavailable(error.to_string()),
        })?;
        whole.extend_from_slice(&piece);
        if whole.len() > EXPORT_BYTES {
            let most_bytes = EXPORT_BYTES as u64;
            return Err(RemoteError::TooLarge { most_bytes });
        }
    }
    Ok(whole.into())
}

/// All hashes of a content at a provider.
pub(super) async fn read_hashes(connector: &Arc<dyn Connector>, item: &Item) -> Result<Hashes, RemoteError> {
    let stream = fetch(connector.clone(), item, 0, None).await?.stream;
    let hashes = hash(stream, &HashKind::ALL).await;
    hashes.map_err(|error| RemoteError::Unavailable(error.to_string()))
}

/// Remembers a running upload with its item. Whoever knows one can write to that file, so it is sealed.
pub(super) struct Session {
    hub: Hub,
    migration: MigrationId,
    source: String,
    sealed: Mutex<Option<Vec<u8>>>,
}

impl Session {
    pub fn new(hub: &Hub, migration: MigrationId, source: &str, sealed: Option<Vec<u8>>) -> Self {
        Self {
            hub: hub.clone(),
            migration,
            source: source.to_owned(),
            sealed: Mutex::new(sealed),
        }
    }

    /// What is kept now.
    pub fn sealed(&self) -> Option<Vec<u8>> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it is sealed to: no session opens for another file.
    fn name(&self) -> String {
        format!("migration {} {}", self.migration, self.source)
    }
}

#[async_trait]
impl UploadJournal for Session {
    async fn kept(&self) -> Option<String> {
        let sealed = self.sealed()?;
        self.hub.open_session(&self.name(), &sealed)
    }

    async fn keep(&self, session: Option<&str>) -> Result<(), BodyError> {
        let sealed = session.map(|session| self.hub.seal_session(&self.name(), session));
        if sealed.is_none() && self.sealed().is_none() {
            return Ok(());
        }
        let put = async {
            let mut tx = self.hub.write().await?;
            tx.put_migration_session(self.migration, &self.source, sealed.clone())
                .await?;
            Ok::<_, crate::HubError>(tx.commit().await?)
        };
        put.await
            .map_err(|error| BodyError::Unreadable(Box::new(error)))?;
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) = sealed;
        Ok(())
    }

    fn arrived(&self, _bytes: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_that_is_read_in_overlapping_pieces_is_hashed_once() {
        let mut hasher = Hasher::new(&HashKind::ALL);
        for (at, bytes) in [(0, "ab"), (0, "a"), (1, "bc"), (9, "no"), (3, "d"), (0, "abcde")] {
            take_in(&mut hasher, at, bytes.as_bytes());
        }
        let mut whole = Hasher::new(&HashKind::ALL);
        whole.update(b"abcde");
        assert_eq!(hasher.finish(), whole.finish());
    }
}
