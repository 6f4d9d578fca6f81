//! Contents on their way to a provider.

use async_trait::async_trait;
use model::{BodyError, ByteStream, Millis};

use super::{Item, ItemId, Revision};

/// A content that can be read as often as it takes.
#[async_trait]
pub trait Source: Send + Sync {
    /// Its length, bytes.
    fn size_bytes(&self) -> u64;

    /// Its bytes from an offset on.
    async fn open(&self, offset: u64) -> Result<ByteStream, BodyError>;
}

/// Where a content goes.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// A new file.
    Create {
        /// Its folder.
        parent: &'a ItemId,
        /// Its name.
        name: &'a str,
        /// Its id, from [`super::Connector::new_ids`].
        id: Option<&'a ItemId>,
    },
    /// The content of a file that is there.
    Replace {
        /// The file.
        id: &'a ItemId,
        /// The content that it must still have.
        expected: &'a Revision,
    },
}

/// What is sent.
#[derive(Clone, Copy)]
pub struct Upload<'a> {
    /// Where it goes.
    pub target: Target<'a>,
    /// The bytes.
    pub source: &'a dyn Source,
    /// Their media type.
    pub media_type: &'a str,
    /// When the content was last modified; kept where [`super::Abilities::modified_step_ms`].
    pub modified: Option<Millis>,
    /// Remembers how far it got, so that it can go on after a restart.
    pub journal: &'a dyn UploadJournal,
}

/// Remembers a running upload. What it keeps is a secret: whoever has it can write to that file.
#[async_trait]
pub trait UploadJournal: Send + Sync {
    /// What was kept last, by an earlier try of the same upload.
    async fn kept(&self) -> Option<String>;

    /// Keeps what is needed to go on, before a byte is sent that relies on it; `None` forgets it.
    async fn keep(&self, session: Option<&str>) -> Result<(), BodyError>;

    /// So many bytes have arrived.
    fn arrived(&self, bytes: u64);
}

/// For uploads that begin anew after a restart.
pub struct NoJournal;

#[async_trait]
impl UploadJournal for NoJournal {
    async fn kept(&self) -> Option<String> {
        None
    }

    async fn keep(&self, _session: Option<&str>) -> Result<(), BodyError> {
        Ok(())
    }

    fn arrived(&self, _bytes: u64) {}
}

/// What an upload made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file as it is now.
    pub item: Item,
    /// Contents that somebody wrote between our look and our write, and that ours replaced: the provider
    /// still has them as revisions. Empty where [`super::Conditions::replace`] holds, unless the provider broke
    /// its word about a condition again and again.
    pub overwrote: Vec<Revision>,
    /// The provider stored other bytes than it was sent, as SharePoint does with office files: what it tells of the
    /// file is what counts from now on.
    pub is_rewritten: bool,
}
