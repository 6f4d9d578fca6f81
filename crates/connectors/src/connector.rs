//! The seam to other people's drives: one small object-safe trait, abilities as data, and one contract
//! suite (`contract.rs`) that runs on each implementation.
//!
//! A connector speaks for one connection: one account, bucket or folder. It keeps nothing of its own;
//! cursors, sessions and tokens are the caller's to keep. Ids and revisions are opaque, compared for
//! equality and given back as they were received.

mod abilities;
mod changes;
mod channels;
mod error;
mod fetch;
mod hashes;
mod items;
mod uploads;

use async_trait::async_trait;

pub use abilities::{Abilities, Conditions, Feed, NameFault, NameRules, Relocation, TrashKind};
pub use changes::{ChangePage, Cursor, Entry, Next};
pub use channels::{Channel, NewChannel, Notifies};
pub use error::{RemoteError, SignInReason};
pub use fetch::{Fetched, fetch};
pub use hashes::{HashKind, Hasher, Hashes};
pub use items::{About, DirectLink, Item, ItemId, ItemKind, ItemPage, Past, Quota, Revision, Tag};
pub use uploads::{NoJournal, Source, Target, Upload, UploadJournal, Written};

use model::{ByteStream, Millis};

/// What is read of an item.
#[derive(Debug, Clone)]
pub struct Read<'a> {
    /// The item.
    pub id: &'a ItemId,
    /// Its content as of this revision and no other: `Changed` when it is not that any more.
    pub revision: Option<&'a Revision>,
    /// The first byte.
    pub offset: u64,
    /// The media type that a document is exported as. Only documents have exports, and only they need one.
    pub export: Option<&'a str>,
}

/// A content on its way. The stream ends with an error when it breaks off or is not of the length that was told.
pub struct Reading {
    /// Bytes from the offset on.
    pub stream: ByteStream,
    /// The length of the whole content, bytes; unknown of exports.
    pub size_bytes: Option<u64>,
    /// Which content it is.
    pub revision: Option<Revision>,
}

/// Another place or name for an item. Both at once is one step where [`Relocation::Native`].
#[derive(Debug, Clone)]
pub struct Relocate<'a> {
    /// The folder that it goes to.
    pub parent: Option<&'a ItemId>,
    /// Its new name.
    pub name: Option<&'a str>,
    /// It must still be as when this tag was seen, where the connection can check it: else `Changed`.
    pub expected: Option<&'a Tag>,
}

/// A drive at a provider.
///
/// Every call may be repeated when its answer was lost: what was done already is found to be done. Calls
/// retry by themselves what is likely to pass within seconds; what lasts longer comes back as an error that
/// says whether and when trying again makes sense.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What this connection can do. It does not change while the connector lives.
    fn abilities(&self) -> &Abilities;

    /// Whose drive it is, its root and its room. The cheapest call that proves that the credentials work.
    async fn about(&self) -> Result<About, RemoteError>;

    /// An item by its id; `None` when there is none (any more) that we may see. What is in the provider's trash
    /// is an item with `is_trashed`.
    async fn item(&self, id: &ItemId) -> Result<Option<Item>, RemoteError>;

    /// What is in a folder, the trash left out, a page at a time. `page` is what the page before named.
    /// Pages may lag behind writes, and what is absent in them may exist: no deletion follows from them.
    async fn children(&self, folder: &ItemId, page: Option<&str>) -> Result<ItemPage, RemoteError>;

    /// What went to the trash with the folder that it is in, as [`Connector::children`]. `Unsupported` where the provider
    /// does not tell.
    async fn trashed_children(&self, folder: &ItemId, page: Option<&str>) -> Result<ItemPage, RemoteError> {
        let _ = (folder, page);
        Err(RemoteError::Unsupported("list what is in its trash"))
    }

    /// What is there, then what changes. Without a cursor it begins anew: pages of everything
    /// ([`ChangePage::is_snapshot`]) until [`Next::Settled`]. With the cursor of a settled feed, only what changed
    /// since ([`Feed::Changes`]), or everything once more ([`Feed::Listing`]). A cursor is good for the next
    /// call whatever happened to this one.
    ///
    /// # Errors
    /// `CursorLost`: begin anew, and delete nothing until settled.
    async fn changes(&self, cursor: Option<&Cursor>) -> Result<ChangePage, RemoteError>;

    /// Reads a content. Use [`fetch()`], which verifies and resumes.
    async fn read(&self, read: Read<'_>) -> Result<Reading, RemoteError>;

    /// Creates a file or replaces a content, verified by the provider's hash in the same pass. A file that
    /// exists is never replaced by a [`Target::Create`]: where names are unique that is `Exists`.
    ///
    /// # Errors
    /// `Changed` when a [`Target::Replace`] expected another revision. `Damaged` when the provider holds something
    /// else than was sent; it is removed again then where it is new.
    async fn upload(&self, upload: Upload<'_>) -> Result<Written, RemoteError>;

    /// Makes a folder. One of that name that is there already is `Exists`, unless `id` shows that an earlier
    /// try of the same made it.
    async fn make_folder(
        &self,
        parent: &ItemId,
        name: &str,
        id: Option<&ItemId>,
    ) -> Result<Item, RemoteError>;

    /// Moves or renames. Something of that name in that place is `Exists` where names are unique. The item that
    /// results may have another id where [`Abilities::has_ids`] is false.
    async fn relocate(&self, id: &ItemId, relocate: Relocate<'_>) -> Result<Item, RemoteError>;

    /// Puts an item, with all below it, where a person can get it back from. What is gone already is done.
    /// `expected` as in [`Relocate::expected`].
    async fn trash(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError>;

    /// Removes a folder in which nothing was found. `expected` as in [`Relocate::expected`], seen before that was looked
    /// for. What is gone already is done.
    ///
    /// # Errors
    /// `Changed` when something is in it after all, where [`Conditions::empty`]: it stays then, or is put back.
    /// Elsewhere that goes to the trash with it.
    async fn remove_folder(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        self.trash(id, expected).await
    }

    /// Brings an item back from the trash. `Unsupported` where [`Abilities::restores`] is false.
    async fn restore(&self, id: &ItemId) -> Result<Item, RemoteError> {
        let _ = id;
        Err(RemoteError::Unsupported("bring back what is in its trash"))
    }

    /// Ids for items that are about to be created, so that a repeated create is found out.
    /// Empty where [`Abilities::gives_ids`] is false.
    async fn new_ids(&self, count: usize) -> Result<Vec<ItemId>, RemoteError> {
        let _ = count;
        Ok(Vec::new())
    }

    /// Contents that the provider still keeps of a file, the newest first; at least the current one where
    /// [`Abilities::has_revisions`].
    async fn revisions(&self, id: &ItemId) -> Result<Vec<Past>, RemoteError> {
        let _ = id;
        Err(RemoteError::Unsupported("keep earlier contents"))
    }

    /// An address that gives a file's content to whoever has it, for a short time. `None` where
    /// [`Abilities::has_direct_links`] is false. Never log or keep it.
    async fn direct_link(&self, id: &ItemId, file_name: &str) -> Result<Option<DirectLink>, RemoteError> {
        let _ = (id, file_name);
        Ok(None)
    }

    /// Returns once something changed, or may have. `Unsupported` where [`Abilities::watches`] is false.
    async fn watch(&self) -> Result<(), RemoteError> {
        Err(RemoteError::Unsupported("tell when something changes"))
    }

    /// Has the provider tell an address when something changes, as [`Abilities::notifies`] says. What is told is only
    /// that it did. A channel may tell twice, late, or not at all.
    ///
    /// # Errors
    /// `Unsupported` where the provider does not; `Exists` when an earlier try of the same opened it, unheard;
    /// `Refused` when it does not take the address.
    async fn open_channel(&self, new: NewChannel<'_>) -> Result<Channel, RemoteError> {
        let _ = new;
        Err(RemoteError::Unsupported("tell an address when something changes"))
    }

    /// Has a channel end later, at `until` at the most. `Unsupported` where it cannot be renewed; `NotFound` when it is
    /// no more.
    async fn renew_channel(&self, channel: &Channel, until: Millis) -> Result<Channel, RemoteError> {
        let _ = (channel, until);
        Err(RemoteError::Unsupported("renew a channel"))
    }

    /// Ends a channel. One that is no more is done.
    async fn close_channel(&self, channel: &Channel) -> Result<(), RemoteError> {
        let _ = channel;
        Err(RemoteError::Unsupported("tell an address when something changes"))
    }
}
