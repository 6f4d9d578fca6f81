//! Blobs as objects of a bucket that speaks S3: AWS, Backblaze B2 and many others.
//!
//! A blob of key `0190c2/0190c2a4…` is the object `<prefix>blobs/0190c2/0190c2a4…`, a note `x` is
//! `<prefix>notes/x`. Nothing else in the bucket is listed, read or removed.

mod objects;
mod probe;
mod signed;
mod uploads;
mod versions;

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use model::{ByteStream, Clock, Millis};
use outbound::s3::{Address, Credentials, Signer, parse_prefix};
use outbound::{Client, Patience, Secret};

use crate::error::Told as _;
use crate::key::Key;
use crate::parts_writer::{PartsStore, PartsWriter};
use crate::{
    Abilities, Backend, BlobWriter, ContentError, Digests, Listed, Memory, NewBlob, NewPart, NewParts, Part,
    PartRules, Parts, Probe, SignedPart, SignedRead, SignedRequest, StoreHealth,
};

/// Where a bucket is, and how it is asked.
#[derive(Clone)]
pub struct S3Options {
    /// The word that stands for the store in the catalog, such as `s3` or `b2`.
    pub name: String,
    /// Scheme and host, such as `https://s3.example.com`; `None` is AWS, in the region's own host.
    pub endpoint: Option<String>,
    /// The endpoint as clients see it: signed addresses are made for it. `None` is the same.
    pub public_endpoint: Option<String>,
    /// The bucket's region; `None` is the one that the endpoint names, or `us-east-1`.
    pub region: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// What names of objects start with; may be empty.
    pub prefix: String,
    /// The public part of the key.
    pub access_key: String,
    /// The secret part of the key.
    pub secret_key: Secret,
    /// What comes with keys that expire.
    pub session_token: Option<Secret>,
    /// Whether the bucket's name stands in the path rather than in the host; `None` is the path for all
    /// but AWS.
    pub path_style: Option<bool>,
    /// Whose S3 it is, where that makes a difference.
    pub quirks: Quirks,
    /// The origin of pages that are to transfer directly; the probe asks whether the bucket lets them.
    pub page_origin: Option<String>,
    /// How long the store is waited for.
    pub patience: Patience,
    /// The memory that transfers share.
    pub memory: Memory,
    /// Our time.
    pub clock: Clock,
}

/// Whose S3 it is, where that makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quirks {
    /// Nobody's in particular: what it can do is found out by the probe.
    #[default]
    Generic,
    /// Backblaze B2: every object has versions and a removal without one only hides it; writes know
    /// no conditions.
    B2,
}

/// Blobs as objects of a bucket. A clone is the same store.
#[derive(Clone)]
pub struct S3Store {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    signer: Arc<Signer>,
    address: Address,
    public: Address,
    prefix: String,
    quirks: Quirks,
    page_origin: Option<String>,
    memory: Memory,
    found: RwLock<Found>,
}

/// What the probe found.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    creates_only: Option<bool>,
    checks_digests: Option<bool>,
    passes_over_ranges: bool,
    /// It compares MD5 but not SHA-256.
    wants_md5: bool,
    /// How a digest is signed into the address of a part.
    digests_in_addresses: Option<signed::DigestForm>,
}

impl S3Store {
    /// Takes the settings; nothing is sent yet.
    ///
    /// # Errors
    /// `Rejected` with a sentence when they cannot be right.
    pub fn open(options: S3Options) -> Result<Self, ContentError> {
        let rejected = |reason: String| ContentError::Rejected {
            store: options.name.clone(),
            reason,
        };
        let parse = |endpoint: Option<&str>| {
            Address::parse(endpoint, &options.bucket, options.path_style).map_err(rejected)
        };
        if options.access_key.is_empty() || options.secret_key.reveal().is_empty() {
            return Err(rejected(
                "the access key and the secret key must be set".to_owned(),
            ));
        }
        let address = parse(options.endpoint.as_deref())?;
        let public = match &options.public_endpoint {
            Some(public) => parse(Some(public))?,
            None => address.clone(),
        };
        let told = address.told_region().map(str::to_owned);
        let region = options.region.or(told).unwrap_or_else(|| "us-east-1".to_owned());
        let credentials = Credentials {
            access_key: options.access_key,
            secret_key: options.secret_key,
            session_token: options.session_token,
        };
        let prefix = parse_prefix(&options.prefix).map_err(rejected)?;
        let signer = Arc::new(Signer::new(credentials, Clone::clone(&options.clock), region));
        let dialect = Arc::clone(&signer);
        Ok(Self {
            inner: Arc::new(Inner {
                client: Client::new(&options.name, dialect, options.clock, options.patience)
                    .map_err(|reason| ContentError::of(&options.name, reason))?,
                signer,
                address,
                public,
                prefix,
                quirks: options.quirks,
                page_origin: options.page_origin,
                memory: options.memory,
                found: RwLock::default(),
            }),
        })
    }
}

impl Inner {
    fn found(&self) -> Found {
        *self.found.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a blob's object.
    fn blob(&self, key: &Key) -> String {
        format!("{}blobs/{key}", self.prefix)
    }

    /// The name of a note's object.
    fn note(&self, name: &str) -> String {
        format!("{}notes/{name}", self.prefix)
    }

    fn abilities(&self) -> Abilities {
        let found = self.found();
        Abilities {
            reads_ranges: !found.passes_over_ranges,
            lists: true,
            signs_urls: true,
            signs_parts: true,
            creates_only: found.creates_only,
            checks_digests: found.checks_digests,
            binds_digests: found.digests_in_addresses.is_some(),
        }
    }
}

#[async_trait]
impl Backend for S3Store {
    fn name(&self) -> &str {
        self.inner.client.name()
    }

    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn writer(&self, new: NewBlob) -> Result<Box<dyn BlobWriter>, ContentError> {
        Ok(Box::new(PartsWriter::new(Arc::new(self.clone()), new)))
    }

    async fn read(&self, key: &str, size_bytes: u64, range: Range<u64>) -> Result<ByteStream, ContentError> {
        let key = Key::parse(key).ok_or(ContentError::Missing)?;
        objects::read(&self.inner, self.inner.blob(&key), size_bytes, range).await
    }

    async fn measure(&self, key: &str) -> Result<Option<u64>, ContentError> {
        let Some(key) = Key::parse(key) else {
            return Ok(None);
        };
        let length = self.inner.length(&self.inner.blob(&key)).await;
        length.map_err(|failure| self.inner.client.error(failure))
    }

    async fn remove(&self, key: &str) -> Result<(), ContentError> {
        let Some(key) = Key::parse(key) else { return Ok(()) };
        let removed = self.inner.delete(&self.inner.blob(&key)).await;
        removed.map_err(|failure| self.inner.client.error(failure))
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, ContentError> {
        let listed = self.inner.blobs(after, limit).await;
        listed.map_err(|failure| self.inner.client.error(failure))
    }

    async fn sweep_temporary(&self, _: Millis) -> Result<u64, ContentError> {
        // Nothing of an unfinished blob is an object.
        Ok(0)
    }

    async fn check(&self) -> Result<StoreHealth, ContentError> {
        let inner = &self.inner;
        let name = inner.note(&probe::name());
        let started = Instant::now();
        let written = inner
            .put(&name, Bytes::from_static(&[0; 4096]).into(), None)
            .await;
        let flush = started.elapsed();
        written.map_err(|failure| inner.client.error(failure))?;
        let removed = inner.delete(&name).await;
        removed.map_err(|failure| inner.client.error(failure))?;
        Ok(StoreHealth {
            free_bytes: None,
            flush,
        })
    }

    async fn probe(&self) -> Result<Probe, ContentError> {
        probe::probe(&self.inner).await
    }

    fn part_rules(&self) -> PartRules {
        PartRules {
            least_bytes: 5 * 1024 * 1024,
            most_bytes: 5 * 1024 * 1024 * 1024,
            most_parts: 10_000,
            step_bytes: 1,
            is_sequential: false,
            lists: true,
        }
    }

    async fn begin(&self, new: NewParts) -> Result<Parts, ContentError> {
        self.inner.begin(&Key::of(new.id)).await
    }

    async fn put_part(
        &self,
        upload: &Parts,
        part: NewPart,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError> {
        self.inner.put_part(upload, part.number, bytes).await
    }

    async fn parts(&self, upload: &Parts) -> Result<Vec<Part>, ContentError> {
        self.inner.parts(upload).await
    }

    async fn complete(&self, upload: &Parts, parts: &[Part]) -> Result<(), ContentError> {
        self.inner.complete(upload, parts).await
    }

    async fn abort(&self, upload: &Parts) -> Result<(), ContentError> {
        self.inner.abort(upload).await
    }

    async fn unfinished(&self, older_than: Millis, limit: usize) -> Result<Vec<Parts>, ContentError> {
        self.inner.unfinished(older_than, limit).await
    }

    async fn sign_read(&self, key: &str, how: &SignedRead) -> Result<SignedRequest, ContentError> {
        let key = Key::parse(key).ok_or(ContentError::Missing)?;
        Ok(self.inner.sign_read(&key, how))
    }

    async fn sign_part(&self, upload: &Parts, part: &SignedPart) -> Result<SignedRequest, ContentError> {
        let name = self.inner.upload_name(upload)?;
        let form = self.inner.found().digests_in_addresses;
        Ok(self
            .inner
            .sign_part(&self.inner.public, &name, upload, part, form))
    }

    async fn put_note(&self, name: &str, bytes: Bytes) -> Result<(), ContentError> {
        objects::put_note(&self.inner, name, bytes).await
    }

    async fn create_note(&self, name: &str, bytes: Bytes) -> Result<bool, ContentError> {
        objects::create_note(&self.inner, name, bytes).await
    }

    async fn note(&self, name: &str) -> Result<Option<Bytes>, ContentError> {
        let read = self.inner.get_whole(&self.inner.note(name)).await;
        read.map_err(|failure| self.inner.client.error(failure))
    }

    async fn notes(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ContentError> {
        let listed = self.inner.notes(prefix, after, limit).await;
        listed.map_err(|failure| self.inner.client.error(failure))
    }

    async fn remove_note(&self, name: &str) -> Result<(), ContentError> {
        let removed = self.inner.delete(&self.inner.note(name)).await;
        removed.map_err(|failure| self.inner.client.error(failure))
    }
}

#[async_trait]
impl PartsStore for S3Store {
    async fn put_whole(&self, key: &Key, bytes: Vec<Bytes>, digests: Digests) -> Result<(), ContentError> {
        let written = self
            .inner
            .put(&self.inner.blob(key), bytes.into(), Some(digests))
            .await;
        written
            .map(drop)
            .map_err(|failure| self.inner.client.error(failure))
    }

    fn memory(&self) -> &Memory {
        &self.inner.memory
    }
}
