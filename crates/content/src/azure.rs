//! Blobs in a container of Azure Blob Storage.
//!
//! A blob of key `0190c2/0190c2a4…` is the block blob `blobs/0190c2/0190c2a4…` below the prefix that the
//! operator chose; notes are below `notes/`, and uploads in parts below `uploads/` until they are complete.
//! Nothing else in the container is listed, read or removed.

mod blocks;
mod listing;
mod probe;
mod requests;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use model::{ByteStream, Clock, Millis};
use outbound::azure::{AzureDialect, BlobSignature, Connection, Credential, checked_endpoint, with_query};
use outbound::{Body, Client, base64, content_disposition};

use crate::error::{Told as _, nothing_of};
use crate::key::{Key, is_note_name};
use crate::parts_writer::{PartsStore, PartsWriter};
use crate::{
    Abilities, Backend, BlobWriter, ContentError, Digests, Listed, Memory, NewBlob, NewPart, NewParts, Part,
    PartRules, Parts, Patience, Probe, Secret, SignedPart, SignedRead, SignedRequest, StoreHealth,
};
use blocks::{DIRECT, STAGED, Upload};
use listing::Walks;
use requests::{Unless, is_taken, was_repeated};

/// The longest note that is read.
const NOTE_BYTES: usize = 64 * 1024 * 1024;
/// The most that one block may hold, by the service's rules.
const BLOCK_BYTES: u64 = 4000 * 1024 * 1024;
/// The most blocks of one blob.
const BLOCKS: u32 = 50_000;

/// Where a container of Azure Blob Storage is, and what opens it.
#[derive(Clone)]
pub struct AzureOptions {
    /// The word that stands for the store in the catalog, such as `azure`.
    pub name: String,
    /// The connection string as Azure's portal shows it, with an `AccountKey` or a
    /// `SharedAccessSignature`. Without a key no addresses can be signed for others.
    pub connection: Secret,
    /// The container, which must be there.
    pub container: String,
    /// What all names begin with; may be empty.
    pub prefix: String,
    /// Where others reach the account's blobs, when that is not where we do.
    pub public_endpoint: Option<String>,
    /// The origin of the pages that upload and download directly, such as `https://files.example.com`.
    pub page_origin: Option<String>,
    /// Tells the time.
    pub clock: Clock,
    /// How long the service is waited for.
    pub patience: Patience,
    /// The memory that uploads share.
    pub memory: Memory,
}

/// Blobs in a container of Azure Blob Storage. A clone is the same store.
#[derive(Clone)]
pub struct AzureStore(Arc<Inner>);

struct Inner {
    client: Client,
    dialect: Arc<AzureDialect>,
    endpoint: String,
    public_endpoint: String,
    container: String,
    /// Empty, or with a slash at its end.
    prefix: String,
    page_origin: Option<String>,
    abilities: Mutex<Abilities>,
    memory: Memory,
    walks: Walks,
}

impl AzureStore {
    /// Reads the options. Asks nothing of the service yet: see [`Backend::probe`].
    ///
    /// # Errors
    /// `Rejected` with a sentence when an option cannot be.
    pub fn open(options: AzureOptions) -> Result<Self, ContentError> {
        let refuse = |reason: String| ContentError::Rejected {
            store: options.name.clone(),
            reason,
        };
        let connection = Connection::parse(options.connection.reveal()).map_err(refuse)?;
        let container = checked_container(&options.container).map_err(refuse)?;
        let prefix = checked_prefix(&options.prefix).map_err(refuse)?;
        let public_endpoint = match &options.public_endpoint {
            Some(endpoint) => checked_endpoint(endpoint).map_err(refuse)?,
            None => connection.endpoint.clone(),
        };
        let signs = matches!(connection.credential, Credential::Key(_));
        let dialect = Arc::new(AzureDialect {
            account: connection.account,
            credential: connection.credential,
            clock: Arc::clone(&options.clock),
        });
        let client = Client::new(
            &options.name,
            Arc::clone(&dialect) as Arc<_>,
            options.clock,
            options.patience,
        )
        .map_err(|reason| ContentError::of(&options.name, reason))?;
        Ok(Self(Arc::new(Inner {
            client,
            dialect,
            endpoint: connection.endpoint,
            public_endpoint,
            container,
            prefix,
            page_origin: options.page_origin,
            abilities: Mutex::new(Abilities {
                reads_ranges: true,
                lists: true,
                signs_urls: signs,
                signs_parts: signs,
                creates_only: None,
                checks_digests: None,
                binds_digests: false,
            }),
            memory: options.memory,
            walks: Walks::default(),
        })))
    }

    fn upload(&self, parts: &Parts) -> Result<Upload, ContentError> {
        Upload::parse(parts).ok_or(ContentError::Missing)
    }
}

impl Inner {
    fn blob_prefix(&self) -> String {
        format!("{}blobs/", self.prefix)
    }

    fn upload_prefix(&self) -> String {
        format!("{}uploads/", self.prefix)
    }

    fn note_prefix(&self) -> String {
        format!("{}notes/", self.prefix)
    }

    fn blob_name(&self, key: &Key) -> String {
        format!("{}{key}", self.blob_prefix())
    }

    fn upload_name(&self, key: &Key) -> String {
        format!("{}{key}", self.upload_prefix())
    }

    fn note_name(&self, name: &str) -> Result<String, ContentError> {
        if is_note_name(name) {
            Ok(format!("{}{name}", self.note_prefix()))
        } else {
            Err(self.client.rejected("a note cannot have that name"))
        }
    }

    /// The key of the blob of that name; `None` for what is not ours.
    fn blob_key(&self, name: &str) -> Option<Key> {
        Key::parse(name.strip_prefix(&self.blob_prefix())?)
    }

    /// The key of the blob or upload of that name.
    fn key_of(&self, name: &str) -> Option<Key> {
        let upload = name.strip_prefix(&self.upload_prefix());
        upload.map_or_else(|| self.blob_key(name), Key::parse)
    }

    /// The address that lets its holder do one thing with one blob for a while.
    fn signed_url(&self, url: &str, signature: &BlobSignature<'_>) -> Result<String, ContentError> {
        let Credential::Key(key) = &self.dialect.credential else {
            // What was signed for us may allow much more than one blob.
            return Err(ContentError::Unsupported);
        };
        let query = signature.query(key);
        Ok(with_query(
            url,
            query.iter().map(|(name, value)| (*name, value.as_str())),
        ))
    }

    fn signature<'a>(&'a self, blob: &'a str, permissions: &'a str, ends: Millis) -> BlobSignature<'a> {
        BlobSignature {
            account: &self.dialect.account,
            container: &self.container,
            blob,
            permissions,
            ends,
            is_https_only: self.public_endpoint.starts_with("https://"),
            disposition: None,
            media_type: None,
        }
    }
}

#[async_trait]
impl PartsStore for AzureStore {
    async fn put_whole(&self, key: &Key, bytes: Vec<Bytes>, digests: Digests) -> Result<(), ContentError> {
        let name = self.0.blob_name(key);
        let body = Body::from(bytes);
        let size_bytes = body.len();
        let md5 = match digests.md5 {
            Some(md5) => md5,
            None => requests::md5_of(&body).await,
        };
        match self.0.put_blob(&name, body, md5, Unless::Taken).await {
            Ok(()) => Ok(()),
            // By a try of this request whose answer was lost: nobody else knows the name.
            Err(failure) if is_taken(&failure) => match self.0.look_at(&name).await? {
                Some(seen) if seen.size_bytes == size_bytes && seen.md5 == Some(base64(&md5)) => Ok(()),
                _ => Err(self.0.client.error(failure)),
            },
            Err(failure) => Err(self.0.client.error(failure)),
        }
    }

    async fn begin_own(&self, new: NewParts) -> Result<Parts, ContentError> {
        Ok(Parts {
            key: Key::of(new.id).to_string(),
            token: DIRECT.to_owned(),
        })
    }

    fn memory(&self) -> &Memory {
        &self.0.memory
    }
}

#[async_trait]
impl Backend for AzureStore {
    fn name(&self) -> &str {
        self.0.client.name()
    }

    fn abilities(&self) -> Abilities {
        *self.0.abilities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn writer(&self, new: NewBlob) -> Result<Box<dyn BlobWriter>, ContentError> {
        Ok(Box::new(PartsWriter::new(Arc::new(self.clone()), new)))
    }

    async fn read(&self, key: &str, size_bytes: u64, range: Range<u64>) -> Result<ByteStream, ContentError> {
        let key = Key::parse(key).ok_or(ContentError::Missing)?;
        let name = self.0.blob_name(&key);
        let end = range.end.min(size_bytes);
        if range.start < end {
            return self.0.stream(&name, size_bytes, range.start..end).await;
        }
        nothing_of(self.measure(&key.to_string()).await?, size_bytes)
    }

    async fn measure(&self, key: &str) -> Result<Option<u64>, ContentError> {
        let Some(key) = Key::parse(key) else {
            return Ok(None);
        };
        let seen = self.0.look_at(&self.0.blob_name(&key)).await?;
        Ok(seen.filter(requests::Seen::is_whole).map(|seen| seen.size_bytes))
    }

    async fn remove(&self, key: &str) -> Result<(), ContentError> {
        let Some(key) = Key::parse(key) else { return Ok(()) };
        let removed = self.0.delete(&self.0.blob_name(&key)).await;
        removed.map(drop).map_err(|failure| self.0.client.error(failure))
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, ContentError> {
        self.0.list_blobs(after, limit).await
    }

    /// There is nothing to sweep: what writers leave are uploads in parts.
    async fn sweep_temporary(&self, _: Millis) -> Result<u64, ContentError> {
        Ok(0)
    }

    async fn check(&self) -> Result<StoreHealth, ContentError> {
        self.0.measure_flush().await
    }

    async fn probe(&self) -> Result<Probe, ContentError> {
        self.0.find_out().await
    }

    fn part_rules(&self) -> PartRules {
        PartRules {
            least_bytes: 1,
            most_bytes: BLOCK_BYTES,
            most_parts: BLOCKS,
            step_bytes: 1,
            is_sequential: false,
            lists: true,
        }
    }

    async fn begin(&self, new: NewParts) -> Result<Parts, ContentError> {
        Ok(Parts {
            key: Key::of(new.id).to_string(),
            token: STAGED.to_owned(),
        })
    }

    async fn put_part(
        &self,
        upload: &Parts,
        part: NewPart,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError> {
        self.0.put_part(&self.upload(upload)?, part.number, bytes).await
    }

    async fn parts(&self, upload: &Parts) -> Result<Vec<Part>, ContentError> {
        self.0.parts_of(&self.upload(upload)?).await
    }

    async fn complete(&self, upload: &Parts, parts: &[Part]) -> Result<(), ContentError> {
        self.0.complete_upload(&self.upload(upload)?, parts).await
    }

    async fn abort(&self, upload: &Parts) -> Result<(), ContentError> {
        match Upload::parse(upload) {
            Some(upload) => self.0.abort_upload(&upload).await,
            None => Ok(()),
        }
    }

    async fn unfinished(&self, older_than: Millis, limit: usize) -> Result<Vec<Parts>, ContentError> {
        self.0.unfinished_uploads(older_than, limit).await
    }

    async fn sign_read(&self, key: &str, how: &SignedRead) -> Result<SignedRequest, ContentError> {
        let key = Key::parse(key).ok_or(ContentError::Missing)?;
        let name = self.0.blob_name(&key);
        let disposition = content_disposition(&how.name, how.is_inline);
        let signature = BlobSignature {
            disposition: Some(&disposition),
            media_type: Some(&how.media_type),
            ..self.0.signature(&name, "r", how.now.plus_secs(how.secs.into()))
        };
        let url = self.0.url_at(&self.0.public_endpoint, &name);
        Ok(SignedRequest {
            method: "GET",
            url: self.0.signed_url(&url, &signature)?,
            headers: Vec::new(),
        })
    }

    /// Signs the upload of one block. The service can bind neither its number nor its length nor its
    /// digest: whoever has the address may write what they like to this upload's own name below
    /// `uploads/`, and to no other. `complete` compares the lengths, takes the blocks of this upload only,
    /// and nothing that is written later reaches the blob; see `blocks.rs`.
    async fn sign_part(&self, upload: &Parts, part: &SignedPart) -> Result<SignedRequest, ContentError> {
        let upload = self.upload(upload)?;
        if !upload.is_staged() {
            return Err(ContentError::Unsupported);
        }
        let name = upload.name(&self.0);
        let url = self.0.url_at(&self.0.public_endpoint, &name);
        let url = requests::block_url(&url, &upload.block_id(part.number));
        let signature = self.0.signature(&name, "w", part.now.plus_secs(part.secs.into()));
        Ok(SignedRequest {
            method: "PUT",
            url: self.0.signed_url(&url, &signature)?,
            headers: Vec::new(),
        })
    }

    async fn put_note(&self, name: &str, bytes: Bytes) -> Result<(), ContentError> {
        let name = self.0.note_name(name)?;
        let put = self.0.put(&name, bytes.into(), Unless::Never).await;
        put.map_err(|failure| self.0.client.error(failure))
    }

    async fn create_note(&self, name: &str, bytes: Bytes) -> Result<bool, ContentError> {
        let name = self.0.note_name(name)?;
        match self.0.put(&name, Body::from(bytes.clone()), Unless::Taken).await {
            Ok(()) => Ok(true),
            // Ours, if an earlier try of this request wrote it and its answer was lost.
            Err(failure) if is_taken(&failure) && was_repeated(&failure) => {
                let found = self.0.get(&name, NOTE_BYTES).await?;
                Ok(found == Some(bytes))
            }
            Err(failure) if is_taken(&failure) => Ok(false),
            Err(failure) => Err(self.0.client.error(failure)),
        }
    }

    async fn note(&self, name: &str) -> Result<Option<Bytes>, ContentError> {
        self.0.get(&self.0.note_name(name)?, NOTE_BYTES).await
    }

    async fn notes(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ContentError> {
        self.0.list_notes(prefix, after, limit).await
    }

    async fn remove_note(&self, name: &str) -> Result<(), ContentError> {
        let removed = self.0.delete(&self.0.note_name(name)?).await;
        removed.map(drop).map_err(|failure| self.0.client.error(failure))
    }
}

/// The rules for containers' names.
fn checked_container(name: &str) -> Result<String, String> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (3..=63).contains(&name.len())
        && name.bytes().all(is_letter)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    if is_name {
        return Ok(name.to_owned());
    }
    let name: String = name.chars().take(100).collect();
    Err(format!(
        "`{name}` cannot be a container's name: 3 to 63 small letters, digits and single hyphens"
    ))
}

/// The prefix with a slash at its end, or none at all.
fn checked_prefix(prefix: &str) -> Result<String, String> {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() {
        return Ok(String::new());
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_part = |part: &str| !part.is_empty() && !part.ends_with('.') && part.bytes().all(is_letter);
    if prefix.len() <= 200 && prefix.split('/').all(is_part) {
        return Ok(format!("{prefix}/"));
    }
    Err("the prefix may hold letters, digits, `-`, `_`, `.` and `/` only".to_owned())
}
