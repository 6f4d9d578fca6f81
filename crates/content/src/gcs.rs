//! Blobs in a bucket of Google Cloud Storage, by its JSON interface.
//!
//! A blob of key `0190c2/0190c2a4…` is the object `blobs/0190c2/0190c2a4…` below the prefix that the
//! operator chose; notes are below `notes/`, and uploads in parts below `uploads/` until they are complete.
//! Nothing else in the bucket is listed, read or removed.

mod account;
mod dialect;
mod probe;
mod requests;
mod sign;
mod tokens;
mod uploads;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use model::{ByteStream, Clock, Millis};
use outbound::{Body, Client, base64, content_disposition};

use crate::error::{Told as _, nothing_of};
use crate::key::{Key, is_note_name};
use crate::parts_writer::{PartsStore, PartsWriter};
use crate::{
    Abilities, Backend, BlobWriter, ContentError, Digests, Listed, Memory, NewBlob, NewPart, NewParts, Part,
    PartRules, Parts, Patience, Probe, Secret, SignedPart, SignedRead, SignedRequest, StoreHealth,
};
use account::Account;
use dialect::GcsDialect;
use requests::{Listing, Unless, is_taken, md5_of, was_repeated};
use sign::Unsigned;
use tokens::Tokens;
use uploads::Upload;

/// Where the service answers.
const ENDPOINT: &str = "https://storage.googleapis.com";
/// The longest note that is read.
const NOTE_BYTES: usize = 64 * 1024 * 1024;
/// Parts but the last have to be multiples of this.
const STEP_BYTES: u64 = 256 * 1024;
/// The most that is sent to a session at once.
const PART_BYTES: u64 = 1024 * 1024 * 1024;
/// The service has no bound; this many of the smallest make the longest object that it takes.
const PARTS: u32 = 1_000_000;

/// Where a bucket of Google Cloud Storage is, and what opens it.
#[derive(Clone)]
pub struct GcsOptions {
    /// The word that stands for the store in the catalog, such as `gcs`.
    pub name: String,
    /// The bucket, which must be there.
    pub bucket: String,
    /// What all names begin with; may be empty.
    pub prefix: String,
    /// The JSON of a service account's key. Without it nobody is asked who we are, which emulators allow,
    /// and no addresses can be signed for others.
    pub credentials: Option<Secret>,
    /// Where the service answers, when that is not Google's own address. The setting is often called
    /// `STORAGE_EMULATOR_HOST`; a scheme that is missing is `http`.
    pub endpoint: Option<String>,
    /// Where others reach it, when that is not where we do.
    pub public_endpoint: Option<String>,
    /// The origin of the pages that upload directly, such as `https://files.example.com`.
    pub page_origin: Option<String>,
    /// Tells the time.
    pub clock: Clock,
    /// How long the service is waited for.
    pub patience: Patience,
    /// The memory that uploads share.
    pub memory: Memory,
}

/// Blobs in a bucket of Google Cloud Storage. A clone is the same store.
#[derive(Clone)]
pub struct GcsStore(Arc<Inner>);

struct Inner {
    client: Client,
    account: Option<Arc<Account>>,
    endpoint: String,
    public_endpoint: String,
    bucket: String,
    /// Empty, or with a slash at its end.
    prefix: String,
    page_origin: Option<String>,
    abilities: Mutex<Abilities>,
    memory: Memory,
}

impl GcsStore {
    /// Reads the options. Asks nothing of the service yet: see [`Backend::probe`].
    ///
    /// # Errors
    /// `Rejected` with a sentence when an option cannot be.
    pub fn open(options: GcsOptions) -> Result<Self, ContentError> {
        let refuse = |reason: String| ContentError::Rejected {
            store: options.name.clone(),
            reason,
        };
        let bucket = checked_bucket(&options.bucket).map_err(refuse)?;
        let prefix = checked_prefix(&options.prefix).map_err(refuse)?;
        let endpoint = checked_endpoint(options.endpoint.as_deref().unwrap_or(ENDPOINT)).map_err(refuse)?;
        let public_endpoint = match &options.public_endpoint {
            Some(endpoint) => checked_endpoint(endpoint).map_err(refuse)?,
            None => endpoint.clone(),
        };
        let account = match &options.credentials {
            Some(text) => Some(Arc::new(Account::parse(text.reveal()).map_err(refuse)?)),
            None => None,
        };
        let (clock, patience) = (&options.clock, options.patience);
        let told = |reason| ContentError::of(&options.name, reason);
        let tokens = match &account {
            Some(account) => {
                let (account, clock) = (Arc::clone(account), Arc::clone(clock));
                Some(Tokens::new(&options.name, account, clock, patience).map_err(told)?)
            }
            None => None,
        };
        let dialect = Arc::new(GcsDialect { tokens });
        Ok(Self(Arc::new(Inner {
            client: Client::new(&options.name, dialect, Arc::clone(clock), patience).map_err(told)?,
            abilities: Mutex::new(Abilities {
                reads_ranges: true,
                lists: true,
                signs_urls: account.is_some(),
                signs_parts: true,
                creates_only: None,
                checks_digests: None,
                binds_digests: false,
            }),
            account,
            endpoint,
            public_endpoint,
            bucket,
            prefix,
            page_origin: options.page_origin,
            memory: options.memory,
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

    async fn list_blobs(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, ContentError> {
        let prefix = self.blob_prefix();
        let start = after.map(|after| format!("{prefix}{after}"));
        let mut token: Option<String> = None;
        loop {
            let listing = Listing {
                prefix: &prefix,
                start: start.as_deref(),
                // The name itself comes first if it is still there.
                limit: limit.saturating_add(1),
                page_token: token.as_deref(),
            };
            let (objects, next) = self.list_page(&listing).await?;
            let listed = objects.iter().filter_map(|object| {
                let key = Key::parse(object.name.strip_prefix(&prefix)?)?.to_string();
                let is_asked = after.is_none_or(|after| key.as_str() > after);
                is_asked.then_some(Listed {
                    key,
                    size_bytes: object.size_bytes()?,
                    modified_ms: object.modified_ms()?,
                })
            });
            let listed: Vec<Listed> = listed.take(limit).collect();
            token = next;
            if !listed.is_empty() || token.is_none() || limit == 0 {
                return Ok(listed);
            }
        }
    }

    async fn list_notes(
        &self,
        begin: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ContentError> {
        let notes = self.note_prefix();
        let prefix = format!("{notes}{begin}");
        let start = after.map(|after| format!("{notes}{after}"));
        let mut token: Option<String> = None;
        loop {
            let listing = Listing {
                prefix: &prefix,
                start: start.as_deref(),
                limit: limit.saturating_add(1),
                page_token: token.as_deref(),
            };
            let (objects, next) = self.list_page(&listing).await?;
            let names = objects
                .iter()
                .filter_map(|object| object.name.strip_prefix(&notes));
            let names = names.filter(|name| is_note_name(name) && after.is_none_or(|after| *name > after));
            let names: Vec<String> = names.take(limit).map(str::to_owned).collect();
            token = next;
            if !names.is_empty() || token.is_none() || limit == 0 {
                return Ok(names);
            }
        }
    }
}

#[async_trait]
impl PartsStore for GcsStore {
    async fn put_whole(&self, key: &Key, bytes: Vec<Bytes>, digests: Digests) -> Result<(), ContentError> {
        let name = self.0.blob_name(key);
        let body = Body::from(bytes);
        let size_bytes = body.len();
        let md5 = match digests.md5 {
            Some(md5) => md5,
            None => md5_of(&body).await,
        };
        match self.0.put(&name, body, md5, Unless::Taken).await {
            Ok(()) => Ok(()),
            // By a try of this request whose answer was lost: nobody else knows the name.
            Err(failure) if is_taken(&failure) => match self.0.look_at(&name).await? {
                Some(found)
                    if found.size_bytes() == Some(size_bytes) && found.md5_hash == Some(base64(&md5)) =>
                {
                    Ok(())
                }
                _ => Err(self.0.client.error(failure)),
            },
            Err(failure) => Err(self.0.client.error(failure)),
        }
    }

    async fn begin_own(&self, new: NewParts) -> Result<Parts, ContentError> {
        self.0.begin_direct(&Key::of(new.id)).await
    }

    fn memory(&self) -> &Memory {
        &self.0.memory
    }
}

#[async_trait]
impl Backend for GcsStore {
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
        let found = self.0.look_at(&self.0.blob_name(&key)).await?;
        Ok(found.and_then(|object| object.size_bytes()))
    }

    async fn remove(&self, key: &str) -> Result<(), ContentError> {
        let Some(key) = Key::parse(key) else { return Ok(()) };
        self.0.delete(&self.0.blob_name(&key)).await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, ContentError> {
        self.0.list_blobs(after, limit).await
    }

    /// There is nothing to sweep: what writers leave are sessions, which the service drops after a week.
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
            least_bytes: STEP_BYTES,
            most_bytes: PART_BYTES,
            most_parts: PARTS,
            step_bytes: STEP_BYTES,
            is_sequential: true,
            lists: false,
        }
    }

    async fn begin(&self, new: NewParts) -> Result<Parts, ContentError> {
        self.0.begin_staged(&Key::of(new.id), new.size_bytes).await
    }

    async fn put_part(
        &self,
        upload: &Parts,
        part: NewPart,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError> {
        self.0.send_part(&self.upload(upload)?, part, bytes).await
    }

    /// Nothing: a session knows how many bytes it holds and not in which parts they came. Who has its
    /// address asks it for that by a `PUT` with `Content-Range: bytes */*`.
    async fn parts(&self, _: &Parts) -> Result<Vec<Part>, ContentError> {
        Ok(Vec::new())
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
        let account = self.0.account.as_ref().ok_or(ContentError::Unsupported)?;
        let key = Key::parse(key).ok_or(ContentError::Missing)?;
        let disposition = content_disposition(&how.name, how.is_inline);
        let unsigned = Unsigned {
            endpoint: &self.0.public_endpoint,
            bucket: &self.0.bucket,
            object: &self.0.blob_name(&key),
            query: vec![
                ("response-content-disposition", &disposition),
                ("response-content-type", &how.media_type),
            ],
            now: how.now,
            secs: how.secs,
        };
        Ok(SignedRequest {
            method: "GET",
            url: unsigned.signed(account),
            headers: Vec::new(),
        })
    }

    /// The address is that of the session: the same for all parts, which have to be sent in order, good for
    /// a week at most and not for the time that is asked for. It takes bytes for this upload's own name
    /// below `uploads/`, up to the length that was told at `begin`, and nothing once they are all there.
    /// Whoever has it can also give the upload up.
    async fn sign_part(&self, upload: &Parts, part: &SignedPart) -> Result<SignedRequest, ContentError> {
        let upload = self.upload(upload)?;
        if upload.session.is_empty() {
            return Err(ContentError::Missing);
        }
        let end = part.offset_bytes.saturating_add(part.size_bytes);
        let range = match part.size_bytes {
            0 => format!("bytes */{}", part.total_bytes),
            _ => format!("bytes {}-{}/{}", part.offset_bytes, end - 1, part.total_bytes),
        };
        Ok(SignedRequest {
            method: "PUT",
            url: upload.session,
            headers: vec![("content-range", range)],
        })
    }

    async fn put_note(&self, name: &str, bytes: Bytes) -> Result<(), ContentError> {
        let name = self.0.note_name(name)?;
        let body = Body::from(bytes);
        let md5 = md5_of(&body).await;
        let put = self.0.put(&name, body, md5, Unless::Never).await;
        put.map_err(|failure| self.0.client.error(failure))
    }

    async fn create_note(&self, name: &str, bytes: Bytes) -> Result<bool, ContentError> {
        let name = self.0.note_name(name)?;
        let body = Body::from(bytes.clone());
        let md5 = md5_of(&body).await;
        match self.0.put(&name, body, md5, Unless::Taken).await {
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
        self.0.delete(&self.0.note_name(name)?).await
    }
}

/// The rules for buckets' names, as far as addresses depend on them.
fn checked_bucket(name: &str) -> Result<String, String> {
    let is_letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    let is_name = (3..=222).contains(&name.len())
        && name.bytes().all(is_letter)
        && name.as_bytes()[0].is_ascii_alphanumeric();
    if is_name {
        return Ok(name.to_owned());
    }
    let name: String = name.chars().take(100).collect();
    Err(format!(
        "`{name}` cannot be a bucket's name: 3 to 63 small letters, digits, `-`, `_` and `.`"
    ))
}

/// The prefix with a slash at its end, or none at all.
fn checked_prefix(prefix: &str) -> Result<String, String> {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() {
        return Ok(String::new());
    }
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control);
    if prefix.len() <= 200 && prefix.split('/').all(is_part) {
        return Ok(format!("{prefix}/"));
    }
    Err(
        "the prefix may not be longer than 200 bytes, nor hold `//`, `.` or `..` or what cannot be seen"
            .to_owned(),
    )
}

/// Scheme, host and path without a slash at the end.
fn checked_endpoint(text: &str) -> Result<String, String> {
    let text = text.trim();
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = reqwest::Url::parse(&full)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or("the endpoint is not an address such as https://storage.googleapis.com")?;
    let origin = url.origin().ascii_serialization();
    Ok(format!("{origin}{}", url.path().trim_end_matches('/')))
}
