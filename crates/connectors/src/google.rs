//! Google Drive: the account's own drive (My Drive), by version 3 of its API, and by version 2 where contents
//! are replaced, which alone writes under a condition.
//!
//! Drive knows no unique names, no transactions and only one precondition. What makes up for it: ids are had
//! before something is made, so that a repeat is found out; contents are replaced under `If-Match` and what
//! was overwritten in spite of it is found among the revisions; reads are of one revision.

mod account;
mod ask;
mod channels;
mod documents;
mod fault;
mod feed;
mod multipart;
mod reading;
mod replace;
mod session;
mod shapes;
mod tree;
mod upload;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use model::Clock;
use outbound::{Client, Gate, Patience, Wire};

use ask::Api;

use crate::{
    Abilities, About, ChangePage, Channel, Conditions, Connector, Cursor, Feed, HashKind, Item, ItemId,
    ItemPage, NameRules, NewChannel, Past, Read, Reading, Relocate, Relocation, RemoteError, Tag, Tokens,
    TrashKind, Upload, Written,
};

/// The largest file, bytes.
const LARGEST_BYTES: u64 = 5_497_558_138_880;
/// From this length on, contents are sent in pieces; Google recommends it above 5 MB.
const RESUMES_FROM_BYTES: u64 = 5 << 20;
/// Pieces are multiples of this, but for the last.
const PIECE_UNIT_BYTES: usize = 256 << 10;

/// What a drive is reached with.
pub struct GoogleOptions {
    /// Where the API is: `https://www.googleapis.com`.
    pub api_url: String,
    /// The connection's tokens.
    pub tokens: Arc<dyn Tokens>,
    /// Connections, shared with others.
    pub wire: Wire,
    /// The pace that all nodes keep together.
    pub gate: Option<Arc<dyn Gate>>,
    /// Our time.
    pub clock: Clock,
    /// How long Google is waited for.
    pub patience: Patience,
    /// The pieces that large contents are sent in, bytes, each of which is held in memory; rounded down to a
    /// multiple of 256 KiB.
    pub piece_bytes: usize,
}

/// A Google account's drive.
pub struct Google {
    api: Api,
    piece_bytes: usize,
    abilities: Abilities,
    /// Ids that are not used yet.
    ids: Mutex<Vec<ItemId>>,
}

impl Google {
    /// Takes what it needs. Google is not asked yet.
    ///
    /// # Errors
    /// `Misconfigured`: the API's address is none.
    pub fn new(options: GoogleOptions) -> Result<Self, RemoteError> {
        let base = options.api_url.trim_end_matches('/').to_owned();
        if reqwest::Url::parse(&base).is_err() {
            return Err(RemoteError::Misconfigured(format!(
                "the address {base:?} of Google's API is none"
            )));
        }
        let dialect = Arc::new(ask::Google);
        let client = Client::over(options.wire, "google", dialect, options.clock, options.patience);
        let client = match options.gate {
            Some(gate) => client.gated(gate),
            None => client,
        };
        let pieces = (options.piece_bytes / PIECE_UNIT_BYTES).max(1);
        Ok(Self {
            api: Api {
                client,
                tokens: options.tokens,
                base,
            },
            piece_bytes: pieces * PIECE_UNIT_BYTES,
            abilities: abilities(),
            ids: Mutex::default(),
        })
    }
}

const fn abilities() -> Abilities {
    Abilities {
        feed: Feed::Changes,
        has_ids: true,
        has_duplicates: true,
        has_empty_folders: true,
        is_read_only: false,
        hashes: &[HashKind::Sha256, HashKind::Md5],
        modified_step_ms: Some(1),
        conditions: Conditions {
            create: true,
            // Whether the condition holds to the end of an upload in pieces is nowhere promised.
            replace: false,
            detects_overwritten: true,
            relocate: false,
            trash: false,
            // Whether something was in it is found out by its trash, which can be looked into.
            empty: false,
        },
        relocation: Relocation::Native,
        trash: TrashKind::Native,
        restores: true,
        has_revisions: true,
        has_documents: true,
        gives_ids: true,
        has_direct_links: false,
        watches: false,
        notifies: Some(channels::NOTIFIES),
        largest_bytes: LARGEST_BYTES,
        resumes_from_bytes: Some(RESUMES_FROM_BYTES),
        names: NameRules::ANY,
        limits: &[
            "Google takes about 750 GB from one person in a day",
            "exports of documents are at most 10 MB long",
            "a folder holds at most 500,000 items and is at most 100 folders deep",
            "a person may use 325,000 quota units a minute: listing 1000 items takes 100, a download 200, a write 50",
        ],
    }
}

#[async_trait]
impl Connector for Google {
    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    async fn about(&self) -> Result<About, RemoteError> {
        Ok(self.account().await?)
    }

    async fn item(&self, id: &ItemId) -> Result<Option<Item>, RemoteError> {
        Ok(self.find(id).await?)
    }

    async fn children(&self, folder: &ItemId, page: Option<&str>) -> Result<ItemPage, RemoteError> {
        Ok(self.page_of((folder, false), page).await?)
    }

    async fn trashed_children(&self, folder: &ItemId, page: Option<&str>) -> Result<ItemPage, RemoteError> {
        Ok(self.page_of((folder, true), page).await?)
    }

    async fn changes(&self, cursor: Option<&Cursor>) -> Result<ChangePage, RemoteError> {
        Ok(self.feed_page(cursor).await?)
    }

    async fn read(&self, read: Read<'_>) -> Result<Reading, RemoteError> {
        Ok(self.content(read).await?)
    }

    async fn upload(&self, upload: Upload<'_>) -> Result<Written, RemoteError> {
        Ok(self.put(&upload).await?)
    }

    async fn make_folder(
        &self,
        parent: &ItemId,
        name: &str,
        id: Option<&ItemId>,
    ) -> Result<Item, RemoteError> {
        Ok(self.create_folder(parent, name, id).await?)
    }

    async fn relocate(&self, id: &ItemId, relocate: Relocate<'_>) -> Result<Item, RemoteError> {
        Ok(self.bring(id, &relocate).await?)
    }

    async fn trash(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        Ok(self.throw_away(id, expected).await?)
    }

    async fn restore(&self, id: &ItemId) -> Result<Item, RemoteError> {
        Ok(self.bring_back(id).await?)
    }

    async fn new_ids(&self, count: usize) -> Result<Vec<ItemId>, RemoteError> {
        Ok(self.take_ids(count).await?)
    }

    async fn revisions(&self, id: &ItemId) -> Result<Vec<Past>, RemoteError> {
        Ok(self.contents(id).await?)
    }

    async fn open_channel(&self, new: NewChannel<'_>) -> Result<Channel, RemoteError> {
        Ok(self.begin_telling(&new).await?)
    }

    async fn close_channel(&self, channel: &Channel) -> Result<(), RemoteError> {
        Ok(self.stop_telling(channel).await?)
    }
}
