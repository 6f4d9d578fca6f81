//! Contents on their way from the service, which keeps them at another origin.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::stream;
use model::{BodyError, ByteStream, Millis};
use outbound::{Answer, Call, Kind};
use reqwest::Method;
use serde::Deserialize;

use super::OneDrive;
use super::item::{DriveItem, FIELDS, FIELDS_AND_CONTENT, read_time};
use super::refusal::Trouble;
use crate::{DirectLink, Hashes, ItemId, Past, Read, Reading, RemoteError, Revision};

/// What the revision of a content begins with that a file had earlier.
const VERSION: &str = "v:";
/// How long an address of a content is said to work. One of Microsoft's pages says an hour, another minutes.
const LINK_SECS: i64 = 120;
/// The most pages of versions that are read.
const VERSION_PAGES: usize = 20;

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    value: Vec<Version>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    id: String,
    size: Option<u64>,
    last_modified_date_time: Option<String>,
    last_modified_by: Option<By>,
}

#[derive(Deserialize)]
struct By {
    user: Option<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    display_name: Option<String>,
}

impl DriveItem {
    /// Whether its content is that of a revision, in whichever words that one was told.
    pub(super) fn has(&self, revision: &Revision, drive: super::DriveKind) -> bool {
        let told =
            |word: &str, tag: Option<&String>| tag.is_some_and(|tag| revision.0 == format!("{word}:{tag}"));
        self.revision(drive).as_ref() == Some(revision)
            || told("c", self.c_tag.as_ref())
            || told("e", self.e_tag.as_ref())
    }
}

impl OneDrive {
    /// Opens a content.
    pub(super) async fn open(&self, read: &Read<'_>) -> Result<Reading, RemoteError> {
        if read.export.is_some() {
            return Err(RemoteError::NoContent);
        }
        if let Some(version) = read
            .revision
            .and_then(|revision| revision.0.strip_prefix(VERSION))
        {
            return self.open_version(read, version).await;
        }
        let mut item = self.get_item(read.id, FIELDS_AND_CONTENT).await?;
        if !item.is_file() {
            return Err(RemoteError::NoContent);
        }
        if item.malware.is_some() {
            return Err(RemoteError::Refused {
                code: "malwareDetected".to_owned(),
                reason: "Microsoft found malware in this file".to_owned(),
            });
        }
        // Also before a read goes on that broke off: the address leads to whatever is there now.
        if read
            .revision
            .is_some_and(|revision| !item.has(revision, self.kind))
        {
            return Err(RemoteError::Changed);
        }
        let size_bytes = item.size.unwrap_or(0);
        let revision = read.revision.cloned().or_else(|| item.revision(self.kind));
        if read.offset >= size_bytes {
            return nothing(read.offset, size_bytes, revision);
        }
        let wanted = Wanted {
            offset: read.offset,
            size_bytes: Some(size_bytes),
        };
        let content = format!("{}/content", self.addresses.item(&read.id.0, ""));
        let (stream, size_bytes) = self.follow(item.download_url.take(), &content, wanted).await?;
        Ok(Reading {
            stream,
            size_bytes,
            revision,
        })
    }

    async fn open_version(&self, read: &Read<'_>, version: &str) -> Result<Reading, RemoteError> {
        let rest = format!("/versions/{}/content", outbound::encoded(version, ""));
        let content = self.addresses.item(&read.id.0, &rest);
        let wanted = Wanted {
            offset: read.offset,
            size_bytes: None,
        };
        let (stream, size_bytes) = self.follow(None, &content, wanted).await?;
        Ok(Reading {
            stream,
            size_bytes,
            revision: read.revision.cloned(),
        })
    }

    /// Reads from an address that was told with the item, or else from where the API leads to. One that does not
    /// work any more is asked for anew.
    async fn follow(
        &self,
        told: Option<String>,
        content: &str,
        wanted: Wanted,
    ) -> Result<(ByteStream, Option<u64>), RemoteError> {
        if let Some(link) = told.filter(|link| self.addresses.is_safe(link)) {
            match self.download(link, wanted).await {
                Err(trouble) if matches!(trouble.status(), 401 | 403 | 404 | 410) => {}
                done => return Ok(done?),
            }
        }
        let link = self.led_to(content).await?;
        match self.download(link, wanted).await {
            // It was told this moment: that is no word about our account.
            Err(trouble) if matches!(trouble.status(), 401 | 403) => Err(RemoteError::Unavailable(
                "the address of the content does not work".to_owned(),
            )),
            done => Ok(done?),
        }
    }

    /// Where `/content` leads to. The token stays here, and so does a range.
    async fn led_to(&self, content: &str) -> Result<String, RemoteError> {
        let mut call = Call::new(Method::GET, content.to_owned());
        call.also_good = &[301, 302, 303, 307, 308];
        let answer = self.ask(call).await?;
        let link = answer
            .header("location")
            .filter(|link| self.addresses.is_safe(link));
        let link =
            link.ok_or_else(|| RemoteError::Unavailable("it does not say where the content is".to_owned()))?;
        Ok(link.to_owned())
    }

    async fn download(&self, link: String, wanted: Wanted) -> Result<(ByteStream, Option<u64>), Trouble> {
        let mut call = Call::new(Method::GET, link).with_kind(Kind::Content);
        // Ranges are of the bytes as they are, not of what a compressor makes of them.
        call.set_header("accept-encoding", "identity");
        if wanted.offset > 0 {
            call.set_header("range", &format!("bytes={}-", wanted.offset));
        }
        match self.open_bare(call).await {
            // It has become shorter.
            Err(trouble) if trouble.status() == 416 => Err(RemoteError::Changed.into()),
            answer => Ok(wanted.take(answer?)?),
        }
    }

    /// An address for whoever has it.
    pub(super) async fn link(&self, id: &ItemId) -> Result<Option<DirectLink>, RemoteError> {
        let item = self.get_item(id, FIELDS_AND_CONTENT).await?;
        if !item.is_file() {
            return Err(RemoteError::NoContent);
        }
        let expires = Millis(self.client.now().0).plus_secs(LINK_SECS);
        let url = item.download_url.filter(|link| self.addresses.is_safe(link));
        Ok(url.map(|url| DirectLink { url, expires }))
    }

    /// The contents that the service keeps of a file.
    pub(super) async fn versions(&self, id: &ItemId) -> Result<Vec<Past>, RemoteError> {
        let item = self.get_item(id, FIELDS).await?;
        let Some(now) = item.revision(self.kind) else {
            return Err(RemoteError::NoContent);
        };
        let all = self.list_versions(id).await?;
        let mut author = None;
        let mut older = all.into_iter();
        // The newest is the content itself, which has its own name.
        if let Some(newest) = older.next() {
            author = newest.author();
        }
        let current = Past {
            revision: now,
            size_bytes: item.size,
            hashes: item.hashes(),
            modified: item.clone().into_item(self.kind).modified,
            author,
        };
        Ok(std::iter::once(current)
            .chain(older.map(Version::into_past))
            .collect())
    }

    /// What the service calls the contents that it keeps of a file.
    pub(super) async fn version_names(&self, id: &ItemId) -> Result<HashSet<String>, RemoteError> {
        let all = self.list_versions(id).await?;
        Ok(all.into_iter().map(|version| version.id).collect())
    }

    /// The contents that came since, but for the newest.
    pub(super) async fn newer_versions(
        &self,
        id: &ItemId,
        before: &HashSet<String>,
    ) -> Result<Vec<Revision>, RemoteError> {
        let all = self.list_versions(id).await?.into_iter();
        let new = all.filter(|version| !before.contains(&version.id)).skip(1);
        Ok(new.map(|version| version.into_past().revision).collect())
    }

    /// The newest first.
    async fn list_versions(&self, id: &ItemId) -> Result<Vec<Version>, RemoteError> {
        let mut all = Vec::new();
        let mut next = Some(self.addresses.item(&id.0, "/versions"));
        for _ in 0..VERSION_PAGES {
            let Some(url) = next.take() else { break };
            let page: Versions = self.get(url, Kind::List).await?;
            all.extend(page.value);
            next = page.next.filter(|link| self.addresses.is_ours(link));
        }
        Ok(all)
    }
}

impl Version {
    fn author(&self) -> Option<String> {
        self.last_modified_by
            .as_ref()?
            .user
            .as_ref()?
            .display_name
            .clone()
    }

    fn into_past(self) -> Past {
        Past {
            revision: Revision(format!("{VERSION}{}", self.id)),
            size_bytes: self.size,
            hashes: Hashes::default(),
            modified: self.last_modified_date_time.as_deref().and_then(read_time),
            author: self.author(),
        }
    }
}

fn nothing(offset: u64, size_bytes: u64, revision: Option<Revision>) -> Result<Reading, RemoteError> {
    if offset > size_bytes {
        return Err(RemoteError::Changed);
    }
    Ok(Reading {
        stream: Box::pin(stream::empty()),
        size_bytes: Some(size_bytes),
        revision,
    })
}

/// What is wanted of a content.
#[derive(Clone, Copy)]
struct Wanted {
    offset: u64,
    /// Its length, where it is known.
    size_bytes: Option<u64>,
}

impl Wanted {
    /// Holds an answer's head against what was asked for, and turns its body into a stream.
    fn take(self, answer: Answer) -> Result<(ByteStream, Option<u64>), RemoteError> {
        let strange = |what: &str| RemoteError::Unavailable(what.to_owned());
        let (skip_bytes, whole_bytes) = if answer.status() == 206 {
            let (start, whole_bytes) = answer
                .header("content-range")
                .and_then(content_range)
                .ok_or_else(|| strange("its range cannot be read"))?;
            if start != self.offset {
                return Err(strange("it answered with another range"));
            }
            (0, Some(whole_bytes))
        } else {
            // Ranges may be passed over: then everything comes.
            let told = answer.header("content-length").and_then(|told| told.parse().ok());
            (self.offset, told)
        };
        if whole_bytes.is_some_and(|whole| whole < self.offset) {
            return Err(RemoteError::Changed);
        }
        let size_bytes = whole_bytes.or(self.size_bytes);
        let body = Body {
            answer,
            skip_bytes,
            left_bytes: size_bytes.map(|size| size - self.offset),
        };
        Ok((Box::pin(stream::unfold(Some(body), Body::next)), size_bytes))
    }
}

/// What is still to come of a content.
struct Body {
    answer: Answer,
    skip_bytes: u64,
    left_bytes: Option<u64>,
}

impl Body {
    async fn next(state: Option<Self>) -> Option<(Result<Bytes, BodyError>, Option<Self>)> {
        let mut body = state?;
        loop {
            let mut bytes = match body.answer.chunk().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) if body.left_bytes.unwrap_or(0) == 0 => return None,
                Ok(None) => return Some((Err(BodyError::Incomplete), None)),
                Err(failure) => {
                    let error = RemoteError::from(Trouble::from(failure));
                    return Some((Err(BodyError::Unreadable(Box::new(error))), None));
                }
            };
            // Not above the length of the chunk, so it fits.
            let skipped = body.skip_bytes.min(bytes.len() as u64);
            body.skip_bytes -= skipped;
            drop(bytes.split_to(skipped as usize));
            if bytes.is_empty() {
                continue;
            }
            if let Some(left) = &mut body.left_bytes {
                let Some(rest) = left.checked_sub(bytes.len() as u64) else {
                    let error = BodyError::Malformed("more came than the file is long".to_owned());
                    return Some((Err(error), None));
                };
                *left = rest;
            }
            return Some((Ok(bytes), Some(body)));
        }
    }
}

/// The first place and the whole length of `bytes 0-9/100` (RFC 9110 14.4).
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, whole.trim().parse().ok()?))
}
