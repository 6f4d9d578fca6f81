//! A bucket that speaks S3.

mod parts;

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use md5::{Digest as _, Md5};
use outbound::s3::{Address, CONTENT_SHA256, OneThing, Signer, name_of, time_of};
use outbound::{
    Answer, Body, Call, Client, Element, Failure, Kind, Reason, Whole, base64, decoded, encoded,
    parse_http_date, parse_xml, sha256_hex,
};
use reqwest::Method;
use reqwest::header::HeaderMap;

use super::store::{
    Copy, Ending, Listing, Notes, Object, Page, Probed, Sent, Session, Store, When, md5_of_tag, unquoted,
};

pub(super) use parts::tag_of_parts;

/// The longest answer that lists something.
const LIST_BYTES: usize = 8 * 1024 * 1024;
/// The longest answer that holds little more than a word.
const WORD_BYTES: usize = 256 * 1024;
/// What is copied in one request.
const COPY_BYTES: u64 = 5 * 1024 * 1024 * 1024;
/// The most parts of one object.
pub(super) const MOST_PARTS: u64 = 10_000;

const MODIFIED: &str = "x-amz-meta-mtime";
const SHA256: &str = "x-amz-meta-cumuli-sha256";
const MD5: &str = "x-amz-meta-cumuli-md5";
const MOVING: &str = "x-amz-meta-cumuli-moving-from";
/// Stands in a folder for that folder, where keys that end with a `/` are not listed.
pub(super) const MARK: &str = ".cumuli-folder";

/// A bucket that speaks S3.
pub(super) struct S3 {
    pub(super) client: Client,
    pub(super) signer: Arc<Signer>,
    pub(super) address: Address,
    pub(super) bucket: String,
    pub(super) probed: Probed,
    pub(super) clock: model::Clock,
}

impl S3 {
    /// A request about an object; without a key, about the bucket.
    fn call(&self, method: Method, key: &str, query: &[(&str, &str)]) -> Call {
        let key = self.stored(key);
        Call::new(method, self.address.url(&self.signer.region(), &key, query))
    }

    /// The key that an object has in the bucket.
    fn stored<'a>(&self, key: &'a str) -> Cow<'a, str> {
        match self.probed.hides_marks && key.ends_with('/') {
            true => Cow::Owned(format!("{key}{MARK}")),
            false => Cow::Borrowed(key),
        }
    }

    /// Sends what `make` makes, once more when the answer tells that the bucket is in another region.
    async fn fetch(
        &self,
        make: impl Fn() -> Call + Send + Sync,
        limit_bytes: usize,
    ) -> Result<Whole, Failure> {
        match self.client.fetch(&make(), limit_bytes).await {
            Err(Failure::Refused(refusal)) if self.signer.learn(&refusal) => {
                self.client.fetch(&make(), limit_bytes).await
            }
            outcome => outcome,
        }
    }

    async fn quick(&self, make: impl Fn() -> Call + Send + Sync) -> Result<Whole, Failure> {
        self.fetch(make, WORD_BYTES).await
    }

    fn object(&self, key: &str, head: &Whole) -> Option<Object> {
        let tag = unquoted(head.header("etag")?);
        let is_sealed = head
            .header("x-amz-server-side-encryption")
            .is_some_and(|kind| kind.starts_with("aws:kms"));
        let text = |name: &str| head.header(name).map(str::to_owned);
        Some(Object {
            key: key.to_owned(),
            size_bytes: head.header("content-length")?.trim().parse().ok()?,
            written: parse_http_date(head.header("last-modified")?)?,
            md5: self.md5(&tag).filter(|_| !is_sealed),
            notes: Notes {
                modified: head.header(MODIFIED).and_then(Notes::parse_modified),
                digests: text(SHA256).zip(text(MD5)),
                moving_from: head.header(MOVING).and_then(decoded),
                media_type: text("content-type"),
            },
            tag,
            is_folder: false,
            copied_from: None,
        })
    }

    fn listed(&self, object: &Element, name: impl Fn(&str) -> Option<String>) -> Option<Object> {
        // Not all endpoints tell it here.
        let tag = unquoted(object.text_of("ETag").unwrap_or_default());
        // Headers tell whole seconds only.
        let written = time_of(object.text_of("LastModified")?).0;
        Some(Object {
            key: name(object.text_of("Key")?)?,
            size_bytes: object.text_of("Size")?.trim().parse().ok()?,
            written: model::Millis(written.div_euclid(1000) * 1000),
            md5: self.md5(&tag),
            tag,
            notes: Notes::default(),
            is_folder: false,
            copied_from: None,
        })
    }

    fn md5(&self, tag: &str) -> Option<[u8; 16]> {
        md5_of_tag(tag).filter(|_| self.probed.tags_are_md5)
    }

    fn page(&self, top: &Element, listing: Listing<'_>) -> Option<Page> {
        // What is encoded has no such sign left as it was.
        let is_echoed = top.text_of("Prefix") == Some(listing.prefix) && listing.prefix.contains('%');
        let is_verbatim = is_echoed || self.probed.lists_verbatim;
        let name = |name: &str| match is_verbatim {
            true => Some(name.to_owned()),
            false => name_of(top, name),
        };
        let objects = top.all("Contents").map(|object| self.listed(object, name));
        let folders = top
            .all("CommonPrefixes")
            .map(|folder| name(folder.text_of("Prefix")?));
        let mut page = Page {
            objects: objects.collect::<Option<_>>()?,
            folders: folders.collect::<Option<_>>()?,
            next: None,
            is_verbatim,
        };
        page.objects
            .retain(|object| object.key.starts_with(listing.prefix));
        if top.text_of("IsTruncated").map(str::trim) == Some("true") {
            page.next = match listing.by_folder {
                true => top.text_of("NextContinuationToken").map(str::to_owned),
                // Good for ever, which a token is not.
                false => page.objects.last().map(|object| object.key.clone()),
            };
            let goes_on = page
                .next
                .as_deref()
                .is_some_and(|next| Some(next) != listing.mark);
            // Whoever does not say how to go on would have us miss the rest.
            goes_on.then_some(())?;
        }
        if self.probed.hides_marks {
            page.objects.iter_mut().for_each(show_mark);
        }
        Some(page)
    }

    async fn copy_whole(&self, copy: Copy<'_>, is_bound: bool) -> Result<(), Failure> {
        let make = || {
            let mut call = self
                .call(Method::PUT, copy.to, &[])
                .with_header("x-amz-copy-source", &self.copy_source(&copy.from.key));
            if is_bound {
                call.set_header("x-amz-copy-source-if-match", &format!("\"{}\"", copy.from.tag));
            }
            call.hides_errors = true;
            call.joined_bytes = copy.from.size_bytes;
            match self.probed.guards_puts {
                true => conditional(call, copy.when),
                false => call,
            }
        };
        self.quick(make).await.map(drop)
    }

    fn copy_source(&self, key: &str) -> String {
        format!("/{}/{}", self.bucket, encoded(&self.stored(key), "/"))
    }
}

/// Gives what stands for a folder the key that it has everywhere else.
fn show_mark(object: &mut Object) {
    let folder = object.key.strip_suffix(MARK).unwrap_or_default();
    if folder.ends_with('/') && object.size_bytes == 0 {
        object.key.truncate(folder.len());
    }
}

/// Adds what is noted beside an object.
fn noted(mut call: Call, notes: &Notes) -> Call {
    let media_type = notes.media_type.as_deref().unwrap_or("application/octet-stream");
    call.set_header("content-type", media_type);
    if let Some(modified) = notes.modified_text() {
        call.set_header(MODIFIED, &modified);
    }
    if let Some((sha256, md5)) = &notes.digests {
        call.set_header(SHA256, sha256);
        call.set_header(MD5, md5);
    }
    if let Some(from) = &notes.moving_from {
        call.set_header(MOVING, &encoded(from, "/"));
    }
    call
}

fn conditional(call: Call, when: &When) -> Call {
    match when {
        When::Always => call,
        When::New => call.with_header("if-none-match", "*"),
        When::Tagged(tag) => call.with_header("if-match", &format!("\"{tag}\"")),
    }
}

/// The checksums of a body: SHA-256 in digits, and MD5. Found on a thread where that takes a while.
async fn checksums(body: &Body) -> Result<(String, [u8; 16]), Failure> {
    let body = body.clone();
    let hashing = tokio::task::spawn_blocking(move || {
        let mut md5 = Md5::new();
        body.pieces().for_each(|piece| md5.update(piece));
        (
            sha256_hex(body.pieces().map(AsRef::as_ref)),
            md5.finalize().into(),
        )
    });
    hashing
        .await
        .map_err(|stopped| Failure::Ours(Reason::Unavailable(stopped.into())))
}

/// `None` for an object that is not there. A bucket that is not there is a failure.
fn missing<T>(failure: Failure) -> Result<Option<T>, Failure> {
    match failure.status() {
        Some(404) if failure.code() != "NoSuchBucket" => Ok(None),
        _ => Err(failure),
    }
}

#[async_trait]
impl Store for S3 {
    fn client(&self) -> &Client {
        &self.client
    }

    fn identity(&self) -> String {
        format!("{}/{}", self.address.host(&self.signer.region()), self.bucket)
    }

    fn probed(&self) -> Probed {
        self.probed
    }

    fn lists_notes(&self) -> bool {
        false
    }

    fn most_parts(&self) -> u64 {
        MOST_PARTS
    }

    fn marks_are_keys(&self) -> bool {
        true
    }

    async fn list_with_headers(&self, listing: Listing<'_>) -> Result<(Page, HeaderMap), Failure> {
        let limit = listing.limit.clamp(1, 1000).to_string();
        let mut query = vec![
            ("list-type", "2"),
            ("encoding-type", "url"),
            ("max-keys", &limit),
            ("prefix", listing.prefix),
        ];
        let mark = if listing.by_folder {
            query.push(("delimiter", "/"));
            "continuation-token"
        } else {
            "start-after"
        };
        query.extend(listing.mark.map(|at| (mark, at)));
        let make = || self.call(Method::GET, "", &query).with_kind(Kind::List);
        let answer = self.fetch(make, LIST_BYTES).await?;
        let top = parse_xml(&answer.body).filter(|top| top.name == "ListBucketResult");
        let page = top.and_then(|top| self.page(&top, listing));
        let page = page.ok_or_else(|| Failure::strange("its listing cannot be read"))?;
        Ok((page, answer.headers))
    }

    async fn look(&self, key: &str) -> Result<Option<Object>, Failure> {
        match self.quick(|| self.call(Method::HEAD, key, &[])).await {
            Ok(head) => match self.object(key, &head) {
                Some(object) => Ok(Some(object)),
                None => Err(Failure::strange("what it says of an object cannot be read")),
            },
            // Answers without a body have no word for what is wrong; a listing has.
            Err(failure) if matches!(failure.status(), Some(400 | 403)) && failure.code().is_empty() => {
                let listing = Listing::first(key);
                self.list(listing).await?;
                Err(failure)
            }
            Err(failure) => missing(failure),
        }
    }

    async fn get(&self, key: &str, offset: u64, tag: Option<&str>) -> Result<Answer, Failure> {
        let make = || {
            let mut call = self.call(Method::GET, key, &[]).with_kind(Kind::Content);
            if offset > 0 {
                call.set_header("range", &format!("bytes={offset}-"));
            }
            if let Some(tag) = tag {
                call.set_header("if-match", &format!("\"{tag}\""));
            }
            call
        };
        match self.client.send(&make()).await {
            Err(Failure::Refused(refusal)) if self.signer.learn(&refusal) => self.client.send(&make()).await,
            outcome => outcome,
        }
    }

    async fn put(&self, key: &str, body: Body, notes: &Notes, when: &When) -> Result<String, Failure> {
        let (sha256, md5) = checksums(&body).await?;
        let make = || {
            let call = self.call(Method::PUT, key, &[]).with_body(body.clone());
            let call = call
                .with_header(CONTENT_SHA256, &sha256)
                .with_header("content-md5", &base64(&md5));
            noted(conditional(call, when), notes)
        };
        let answer = self.quick(make).await?;
        match answer.header("etag").map(unquoted) {
            Some(tag) => Ok(tag),
            // Some endpoints have none for what stands for a folder.
            None if key.ends_with('/') => Ok(String::new()),
            None => Err(Failure::strange("it does not tell the tag of an object")),
        }
    }

    async fn begin(&self, key: &str, notes: &Notes) -> Result<String, Failure> {
        self.begin_parts(key, notes).await
    }

    async fn put_part(&self, session: Session<'_>, number: u32, body: Body) -> Result<Sent, Failure> {
        self.send_part(session, number, body).await
    }

    async fn parts(&self, session: Session<'_>) -> Result<Vec<Sent>, Failure> {
        match self.list_parts(session).await {
            Err(failure) => missing(failure).map(Option::unwrap_or_default),
            listed => listed,
        }
    }

    async fn complete(&self, ending: Ending<'_>) -> Result<String, Failure> {
        let is_guarded = self.probed.guards_parts;
        self.complete_parts(ending, is_guarded).await
    }

    async fn complete_guarded(&self, ending: Ending<'_>) -> Result<String, Failure> {
        self.complete_parts(ending, true).await
    }

    async fn abort(&self, session: Session<'_>) -> Result<(), Failure> {
        let query = [("uploadId", session.id)];
        match self
            .quick(|| self.call(Method::DELETE, session.key, &query))
            .await
        {
            Ok(_) => Ok(()),
            Err(failure) => missing::<()>(failure).map(drop),
        }
    }

    async fn copy(&self, copy: Copy<'_>) -> Result<(), Failure> {
        if copy.from.size_bytes > COPY_BYTES {
            return self.copy_parts(copy).await;
        }
        match self.copy_whole(copy, true).await {
            // Whoever does not know the condition; it was looked at just before.
            Err(failure) if failure.status() == Some(501) => self.copy_whole(copy, false).await,
            copied => copied,
        }
    }

    async fn delete(&self, key: &str, tag: Option<&str>) -> Result<(), Failure> {
        let make = || {
            let call = self.call(Method::DELETE, key, &[]);
            match tag {
                Some(tag) => call.with_header("if-match", &format!("\"{tag}\"")),
                None => call,
            }
        };
        match self.quick(make).await {
            Ok(_) => {}
            Err(failure) => missing::<()>(failure).map(drop)?,
        }
        if self.probed.hides_marks && key.ends_with('/') {
            // Over a file system the folder itself is left, and in the way of a file of its name.
            let url = self.address.url(&self.signer.region(), key, &[]);
            self.quick(|| Call::new(Method::DELETE, url.clone())).await.ok();
        }
        Ok(())
    }

    fn signs(&self) -> bool {
        true
    }

    fn sign(&self, key: &str, disposition: &str, secs: u32) -> Option<String> {
        let one = OneThing {
            method: "GET",
            name: key,
            query: &[
                ("response-cache-control", "private"),
                ("response-content-disposition", disposition),
            ],
            headers: &[],
            payload: None,
            at: (self.clock)(),
            secs,
        };
        Some(self.signer.signed_url(&self.address, &one))
    }
}
