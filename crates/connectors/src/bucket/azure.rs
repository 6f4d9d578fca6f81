//! A container of Azure Blob Storage.

use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use model::Clock;
use outbound::azure::{AzureDialect, BlobSignature, Credential, with_query};
use outbound::{
    Answer, Body, Call, Client, Element, Failure, Kind, Reason, Whole, base64, encoded, escaped,
    parse_http_date, parse_xml,
};
use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio::time::{Instant, sleep};

use super::store::{
    Copy, Ending, Listing, Notes, Object, Page, Probed, Sent, Session, Store, When, unquoted,
};

/// The most that an answer about one page of a listing, or one list of blocks, may hold.
const LIST_BYTES: usize = 32 * 1024 * 1024;
/// What an answer that is only looked at for its headers may hold.
const WORD_BYTES: usize = 64 * 1024;
/// The most blocks of one blob.
const MOST_BLOCKS: u64 = 50_000;
/// How long a copy within the account is waited for: it is usually done when it is answered.
const COPY_WAIT: Duration = Duration::from_secs(600);
const COPY_LOOK: Duration = Duration::from_millis(250);

const MODIFIED: &str = "x-ms-meta-mtime";
const SHA256: &str = "x-ms-meta-cumuli_sha256";
const MD5: &str = "x-ms-meta-cumuli_md5";
const MOVING: &str = "x-ms-meta-cumuli_moving_from";
const FOLDER: &str = "x-ms-meta-hdi_isfolder";

/// A container.
pub(super) struct Azure {
    pub(super) client: Client,
    pub(super) dialect: Arc<AzureDialect>,
    pub(super) endpoint: String,
    pub(super) container: String,
    pub(super) clock: Clock,
}

impl Azure {
    fn url(&self, key: &str) -> String {
        format!("{}/{}/{}", self.endpoint, self.container, encoded(key, "/"))
    }

    fn url_with(&self, key: &str, query: &[(&str, &str)]) -> String {
        with_query(&self.url(key), query.iter().copied())
    }

    /// Sends a request whose answer has no body to speak of.
    async fn quick(&self, call: &Call) -> Result<Whole, Failure> {
        self.client.fetch(call, WORD_BYTES).await
    }

    /// Tells where a copy came from by its key, when that was here.
    fn with_source(&self, mut object: Object) -> Object {
        let source = object.copied_from.as_deref();
        let source = source.and_then(|source| source.split('?').next()?.strip_prefix(&self.url("")));
        object.copied_from = source.and_then(outbound::decoded);
        object
    }

    /// Waits until a copy is done.
    async fn settle(&self, key: &str) -> Result<(), Failure> {
        let until = Instant::now() + COPY_WAIT;
        loop {
            let head = self.quick(&Call::new(Method::HEAD, self.url(key))).await?;
            match head.header("x-ms-copy-status") {
                None | Some("success") => return Ok(()),
                Some("pending") if Instant::now() < until => sleep(COPY_LOOK).await,
                Some("pending") => return Err(Failure::too_slow()),
                Some(_) => return Err(Failure::strange("a copy failed")),
            }
        }
    }
}

/// An object as headers or the properties of a listing tell it.
fn object<'a>(key: &str, told: impl Fn(&'static str) -> Option<&'a str>) -> Option<Object> {
    let md5 = told("content-md5").and_then(|text| STANDARD.decode(text.trim()).ok()?.try_into().ok());
    let text = |name| told(name).map(str::to_owned);
    Some(Object {
        key: key.to_owned(),
        size_bytes: told("content-length")?.trim().parse().ok()?,
        tag: unquoted(told("etag")?),
        written: parse_http_date(told("last-modified")?)?,
        md5,
        notes: Notes {
            modified: told(MODIFIED).and_then(Notes::parse_modified),
            digests: text(SHA256).zip(text(MD5)),
            moving_from: told(MOVING).and_then(outbound::decoded),
            media_type: text("content-type"),
        },
        is_folder: told(FOLDER) == Some("true"),
        copied_from: text("x-ms-copy-source"),
    })
}

fn listed(blob: &Element) -> Option<Object> {
    let properties = blob.child("Properties")?;
    let notes = blob.child("Metadata");
    object(blob.text_of("Name")?, |name| {
        let found = match name.strip_prefix("x-ms-meta-") {
            Some(note) => notes?
                .children
                .iter()
                .find(|child| child.name.eq_ignore_ascii_case(note)),
            None if name == "x-ms-copy-source" => properties.child("CopySource"),
            None => properties
                .children
                .iter()
                .find(|child| child.name.eq_ignore_ascii_case(name)),
        };
        found
            .map(|found| found.text.as_str())
            .filter(|text| !text.is_empty())
    })
}

fn read_page(page: &Element) -> Option<Page> {
    let blobs = page.child("Blobs")?;
    let folders = blobs
        .all("BlobPrefix")
        .filter_map(|folder| folder.text_of("Name"));
    let marker = page.text_of("NextMarker").filter(|marker| !marker.is_empty());
    Some(Page {
        objects: blobs.all("Blob").map(listed).collect::<Option<_>>()?,
        folders: folders.map(str::to_owned).collect(),
        next: marker.map(str::to_owned),
        is_verbatim: false,
    })
}

fn conditional(call: Call, when: &When) -> Call {
    match when {
        When::Always => call,
        When::New => call.with_header("if-none-match", "*"),
        When::Tagged(tag) => call.with_header("if-match", &format!("\"{tag}\"")),
    }
}

/// Adds what is noted beside a blob.
fn noted(mut call: Call, notes: &Notes) -> Call {
    let media_type = notes.media_type.as_deref().unwrap_or("application/octet-stream");
    call.set_header("x-ms-blob-content-type", media_type);
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

async fn md5_of(body: &Body) -> Result<[u8; 16], Failure> {
    let body = body.clone();
    let hashing = tokio::task::spawn_blocking(move || {
        let mut md5 = Md5::new();
        body.pieces().for_each(|piece| md5.update(piece));
        md5.finalize().into()
    });
    hashing
        .await
        .map_err(|stopped| Failure::Ours(Reason::Unavailable(stopped.into())))
}

/// What a block is called: its number and the upload that it is of. Names of one blob's blocks must be of one
/// length.
fn block_id(session: Session<'_>, number: u32) -> String {
    base64(format!("{number:08x}{:0>16.16}", session.id).as_bytes())
}

/// The number of a block of this upload; `None` when it is not one.
fn number_of(session: Session<'_>, id: &str) -> Option<u32> {
    let text = String::from_utf8(STANDARD.decode(id).ok()?).ok()?;
    let number = u32::from_str_radix(text.get(..8)?, 16).ok()?;
    (block_id(session, number) == id).then_some(number)
}

/// `None` for a blob that is not there, rather than a container or account.
fn missing<T>(failure: Failure) -> Result<Option<T>, Failure> {
    let is_place = matches!(
        failure.code(),
        "ContainerNotFound" | "ResourceNotFound" | "AccountNotFound"
    );
    match failure.status() {
        Some(404) if !is_place => Ok(None),
        _ => Err(failure),
    }
}

#[async_trait]
impl Store for Azure {
    fn client(&self) -> &Client {
        &self.client
    }

    fn identity(&self) -> String {
        let place = self.endpoint.split_once("://").map_or("", |(_, place)| place);
        format!("{place}/{}", self.container)
    }

    fn probed(&self) -> Probed {
        Probed {
            guards_puts: true,
            guards_parts: true,
            guards_deletes: true,
            tags_are_md5: false,
            hides_marks: false,
            lists_verbatim: false,
        }
    }

    fn lists_notes(&self) -> bool {
        true
    }

    fn most_parts(&self) -> u64 {
        MOST_BLOCKS
    }

    fn marks_are_keys(&self) -> bool {
        false
    }

    async fn list_with_headers(&self, listing: Listing<'_>) -> Result<(Page, HeaderMap), Failure> {
        let limit = listing.limit.clamp(1, 5000).to_string();
        let mut query = vec![
            ("restype", "container"),
            ("comp", "list"),
            ("include", "metadata,copy"),
            ("maxresults", &limit),
        ];
        query.extend((!listing.prefix.is_empty()).then_some(("prefix", listing.prefix)));
        query.extend(listing.mark.map(|mark| ("marker", mark)));
        query.extend(listing.by_folder.then_some(("delimiter", "/")));
        let container = format!("{}/{}", self.endpoint, self.container);
        let call = Call::new(Method::GET, with_query(&container, query.into_iter())).with_kind(Kind::List);
        let answer = self.client.fetch(&call, LIST_BYTES).await?;
        let page = parse_xml(&answer.body).filter(|page| page.name == "EnumerationResults");
        let page = page.and_then(|page| read_page(&page));
        let page = page.ok_or_else(|| Failure::strange("its listing cannot be read"))?;
        Ok((page, answer.headers))
    }

    async fn look(&self, key: &str) -> Result<Option<Object>, Failure> {
        match self.quick(&Call::new(Method::HEAD, self.url(key))).await {
            Ok(head) => match object(key, |name| head.header(name)) {
                Some(object) => Ok(Some(self.with_source(object))),
                None => Err(Failure::strange("what it says of a blob cannot be read")),
            },
            Err(failure) => missing(failure),
        }
    }

    async fn get(&self, key: &str, offset: u64, tag: Option<&str>) -> Result<Answer, Failure> {
        let mut call = Call::new(Method::GET, self.url(key)).with_kind(Kind::Content);
        if offset > 0 {
            call.set_header("range", &format!("bytes={offset}-"));
        }
        if let Some(tag) = tag {
            call.set_header("if-match", &format!("\"{tag}\""));
        }
        self.client.send(&call).await
    }

    async fn put(&self, key: &str, body: Body, notes: &Notes, when: &When) -> Result<String, Failure> {
        let md5 = md5_of(&body).await?;
        let call = Call::new(Method::PUT, self.url(key))
            .with_header("x-ms-blob-type", "BlockBlob")
            .with_header("content-md5", &base64(&md5))
            .with_body(body);
        let answer = self.quick(&noted(conditional(call, when), notes)).await?;
        let tag = answer.header("etag").map(unquoted);
        tag.ok_or_else(|| Failure::strange("it does not tell the tag of a blob"))
    }

    /// Nothing is asked: blocks wait under the blob's name, each known by its upload.
    async fn begin(&self, _key: &str, _notes: &Notes) -> Result<String, Failure> {
        Ok(format!("{:016x}", RandomState::new().build_hasher().finish()))
    }

    async fn put_part(&self, session: Session<'_>, number: u32, body: Body) -> Result<Sent, Failure> {
        let id = block_id(session, number);
        let size_bytes = body.len();
        let call = Call::new(
            Method::PUT,
            self.url_with(session.key, &[("comp", "block"), ("blockid", &id)]),
        )
        .with_kind(Kind::Content)
        .with_header("content-md5", &base64(&md5_of(&body).await?))
        .with_body(body);
        self.quick(&call).await?;
        Ok(Sent {
            number,
            size_bytes,
            tag: id,
        })
    }

    async fn parts(&self, session: Session<'_>) -> Result<Vec<Sent>, Failure> {
        let query = [("comp", "blocklist"), ("blocklisttype", "uncommitted")];
        let call = Call::new(Method::GET, self.url_with(session.key, &query)).with_kind(Kind::List);
        let answer = match self.client.fetch(&call, LIST_BYTES).await {
            Err(failure) => return missing(failure).map(Option::unwrap_or_default),
            Ok(answer) => answer,
        };
        let list =
            parse_xml(&answer.body).ok_or_else(|| Failure::strange("its list of blocks cannot be read"))?;
        let blocks = list.child("UncommittedBlocks");
        let blocks = blocks.into_iter().flat_map(|blocks| blocks.all("Block"));
        let mut parts: Vec<Sent> = blocks
            .filter_map(|block| {
                let id = block.text_of("Name")?;
                Some(Sent {
                    number: number_of(session, id)?,
                    size_bytes: block.text_of("Size")?.parse().ok()?,
                    tag: id.to_owned(),
                })
            })
            .collect();
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    async fn complete(&self, ending: Ending<'_>) -> Result<String, Failure> {
        let mut list = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        for part in ending.parts {
            // Also finds what a commit whose answer was lost has taken.
            list.push_str(&format!("<Latest>{}</Latest>", escaped(&part.tag)));
        }
        list.push_str("</BlockList>");
        let body = Body::from(Bytes::from(list));
        let mut call = Call::new(
            Method::PUT,
            self.url_with(ending.session.key, &[("comp", "blocklist")]),
        )
        .with_header("content-type", "application/xml")
        .with_header("content-md5", &base64(&md5_of(&body).await?))
        .with_body(body);
        if let Some(md5) = ending.md5 {
            call.set_header("x-ms-blob-content-md5", &base64(&md5));
        }
        let answer = self
            .quick(&noted(conditional(call, ending.when), ending.notes))
            .await?;
        let tag = answer.header("etag").map(unquoted);
        tag.ok_or_else(|| Failure::strange("it does not tell the tag of a blob"))
    }

    /// Nothing can be given up: blocks that no blob was made of are gone after a week.
    async fn abort(&self, _session: Session<'_>) -> Result<(), Failure> {
        Ok(())
    }

    async fn copy(&self, copy: Copy<'_>) -> Result<(), Failure> {
        let call = Call::new(Method::PUT, self.url(copy.to))
            .with_header("x-ms-copy-source", &self.url(&copy.from.key))
            .with_header("x-ms-source-if-match", &format!("\"{}\"", copy.from.tag));
        self.quick(&conditional(call, copy.when)).await?;
        self.settle(copy.to).await
    }

    async fn delete(&self, key: &str, tag: Option<&str>) -> Result<(), Failure> {
        let mut call =
            Call::new(Method::DELETE, self.url(key)).with_header("x-ms-delete-snapshots", "include");
        if let Some(tag) = tag {
            call.set_header("if-match", &format!("\"{tag}\""));
        }
        match self.quick(&call).await {
            Ok(_) => Ok(()),
            Err(failure) => missing::<()>(failure).map(drop),
        }
    }

    fn signs(&self) -> bool {
        matches!(self.dialect.credential, Credential::Key(_))
    }

    fn sign(&self, key: &str, disposition: &str, secs: u32) -> Option<String> {
        let Credential::Key(account_key) = &self.dialect.credential else {
            // What was signed for us may allow much more than one blob.
            return None;
        };
        let signature = BlobSignature {
            account: &self.dialect.account,
            container: &self.container,
            blob: key,
            permissions: "r",
            ends: (self.clock)().plus_secs(secs.into()),
            is_https_only: self.endpoint.starts_with("https://"),
            disposition: Some(disposition),
            media_type: None,
        };
        let query = signature.query(account_key);
        Some(with_query(
            &self.url(key),
            query.iter().map(|(name, value)| (*name, value.as_str())),
        ))
    }
}
