//! Reading a content so that what arrives is what the provider has: it goes on after a break, never splices two
//! contents, and ends with an error unless length and hash are right.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use model::{BodyError, ByteStream};

use super::{Connector, Hasher, Hashes, Item, ItemId, Read, Reading, RemoteError, Revision};

/// Tries without a byte before it is given up.
const TRIES: u32 = 3;

/// A content from a provider.
pub struct Fetched {
    /// Its bytes. It ends with an error unless all of them came and were right.
    pub stream: ByteStream,
    /// The length of the whole content, bytes; unknown of exports.
    pub size_bytes: Option<u64>,
    /// Which content it is.
    pub revision: Option<Revision>,
}

/// Reads a content from `offset` on, as an item tells of it, or as the export of a document. From the beginning
/// on it is compared with the provider's hash; from elsewhere on only its length is.
///
/// # Errors
/// `Changed` when the item has another content by now, and those of [`Connector::read`]. The stream ends with
/// `BodyError::Unreadable`, whose source is a [`RemoteError`].
pub async fn fetch(
    connector: Arc<dyn Connector>,
    item: &Item,
    offset: u64,
    export: Option<&str>,
) -> Result<Fetched, RemoteError> {
    let mut state = State {
        connector,
        id: item.id.clone(),
        revision: item.revision.clone().filter(|_| export.is_none()),
        export: export.map(ToOwned::to_owned),
        size_bytes: item.size_bytes.filter(|_| export.is_none()),
        expected: if export.is_none() {
            item.hashes
        } else {
            Hashes::default()
        },
        hasher: (offset == 0 && export.is_none()).then(|| Hasher::new(&item.hashes.kinds())),
        at: offset,
        tries: 0,
        reading: None,
        is_over: false,
    };
    let reading = state.open().await?;
    let size_bytes = state.size_bytes.or(reading.size_bytes);
    if state
        .size_bytes
        .is_some_and(|size| reading.size_bytes.is_some_and(|told| told != size))
    {
        return Err(RemoteError::Changed);
    }
    let revision = reading.revision.clone().or_else(|| state.revision.clone());
    state.size_bytes = size_bytes;
    state.revision = revision.clone().filter(|_| state.export.is_none());
    state.reading = Some(reading.stream);
    Ok(Fetched {
        stream: Box::pin(stream::unfold(state, State::next)),
        size_bytes,
        revision,
    })
}

struct State {
    connector: Arc<dyn Connector>,
    id: ItemId,
    revision: Option<Revision>,
    export: Option<String>,
    size_bytes: Option<u64>,
    expected: Hashes,
    hasher: Option<Hasher>,
    at: u64,
    tries: u32,
    reading: Option<ByteStream>,
    is_over: bool,
}

impl State {
    async fn open(&mut self) -> Result<Reading, RemoteError> {
        let read = Read {
            id: &self.id,
            revision: self.revision.as_ref(),
            offset: self.at,
            export: self.export.as_deref(),
        };
        self.connector.read(read).await
    }

    async fn next(mut self) -> Option<(Result<Bytes, BodyError>, Self)> {
        if self.is_over {
            return None;
        }
        loop {
            let step = self.step().await;
            match step {
                Ok(Some(bytes)) => return Some((Ok(bytes), self)),
                Ok(None) => {
                    self.is_over = true;
                    let fault = self.fault()?;
                    return Some((Err(unreadable(fault)), self));
                }
                Err(error) if self.may_go_on(&error) => {
                    self.tries += 1;
                    self.reading = None;
                }
                Err(error) => {
                    self.is_over = true;
                    return Some((Err(unreadable(error)), self));
                }
            }
        }
    }

    /// The next bytes; `None` at the end.
    async fn step(&mut self) -> Result<Option<Bytes>, RemoteError> {
        if self.reading.is_none() {
            if self.size_bytes == Some(self.at) {
                return Ok(None);
            }
            self.reading = Some(self.open().await?.stream);
        }
        let Some(reading) = &mut self.reading else {
            return Ok(None);
        };
        match reading.next().await {
            Some(Ok(bytes)) => {
                self.at += bytes.len() as u64;
                if self.size_bytes.is_some_and(|size| self.at > size) {
                    return Err(RemoteError::Damaged("more came than the file is long".to_owned()));
                }
                self.tries = 0;
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(&bytes);
                }
                Ok(Some(bytes))
            }
            Some(Err(error)) => Err(RemoteError::Unavailable(error.to_string())),
            None if self.size_bytes.is_some_and(|size| self.at < size) => {
                Err(RemoteError::Unavailable("the content broke off".to_owned()))
            }
            None => Ok(None),
        }
    }

    /// Exports cannot be resumed: they have no revision, and no ranges.
    fn may_go_on(&self, error: &RemoteError) -> bool {
        let is_pinned = self.revision.is_some() && self.export.is_none();
        matches!(error, RemoteError::Unavailable(_)) && is_pinned && self.tries < TRIES
    }

    /// What is wrong with what came.
    fn fault(&mut self) -> Option<RemoteError> {
        let found = self.hasher.take()?.finish();
        let is_other = self.expected.agrees(&found) == Some(false);
        is_other.then(|| RemoteError::Damaged("it has another hash than the provider tells".to_owned()))
    }
}

fn unreadable(error: RemoteError) -> BodyError {
    BodyError::Unreadable(Box::new(error))
}
