//! Contents: of one revision where it is known, so that what arrives after a break is of the same.

use bytes::Bytes;
use futures_util::stream;
use model::BodyError;
use outbound::{Answer, Call, Kind};
use reqwest::Method;

use super::Google;
use super::ask::checked;
use super::fault::Fault;
use crate::{Item, ItemId, Read, Reading, RemoteError, Revision};

impl Google {
    pub(super) async fn content(&self, read: Read<'_>) -> Result<Reading, Fault> {
        if let Some(media_type) = read.export {
            return self.export(read.id, media_type, read.offset).await;
        }
        let Some(revision) = read.revision else {
            let item = self.get(read.id).await?.into_item();
            let revision = item.revision.clone().ok_or(RemoteError::NoContent)?;
            if item.size_bytes == Some(read.offset) {
                return Ok(nothing(read.offset, Some(revision)));
            }
            return self.pinned(read.id, &revision, read.offset).await;
        };
        self.pinned(read.id, revision, read.offset).await
    }

    /// That content and no other.
    async fn pinned(&self, id: &ItemId, revision: &Revision, offset: u64) -> Result<Reading, Fault> {
        let file = checked(id)?;
        // Google's are letters and digits as ids are.
        let Ok(name) = checked(&ItemId(revision.0.clone())).map(ToOwned::to_owned) else {
            return self.otherwise(id, revision, offset).await;
        };
        let path = format!("/drive/v3/files/{file}/revisions/{name}");
        let url = self.api.url(&path, &[("alt", "media")]);
        match self.open(url, offset).await {
            Ok(answer) => reading(answer, offset, Some(revision.clone())),
            Err(fault) if may_be_of_revisions(&fault) => self.otherwise(id, revision, offset).await,
            Err(fault) => Err(fault),
        }
    }

    /// The same where the revision cannot be asked for: who may only read a file may not see its revisions.
    async fn otherwise(&self, id: &ItemId, revision: &Revision, offset: u64) -> Result<Reading, Fault> {
        let item = self.get(id).await?.into_item();
        if !item.is_file() {
            return Err(RemoteError::NoContent.into());
        }
        if item.revision.as_ref() != Some(revision) {
            return Err(RemoteError::Changed.into());
        }
        if item.size_bytes.is_some_and(|size| offset >= size) {
            return Ok(nothing(item.size_bytes.unwrap_or(offset), item.revision));
        }
        let url = self.api.file_url(id, &[("alt", "media")])?;
        let answer = self.open(url, offset).await?;
        // Somebody may have written between the look and the answer. From the beginning on the hash would tell.
        if offset > 0 && !self.is_still(id, &item).await? {
            return Err(RemoteError::Changed.into());
        }
        reading(answer, offset, item.revision)
    }

    async fn is_still(&self, id: &ItemId, item: &Item) -> Result<bool, Fault> {
        Ok(self.get(id).await?.into_item().revision == item.revision)
    }

    async fn export(&self, id: &ItemId, media_type: &str, offset: u64) -> Result<Reading, Fault> {
        if offset > 0 {
            return Err(RemoteError::Unsupported("export a document from its midst").into());
        }
        let path = format!("/drive/v3/files/{}/export", checked(id)?);
        let url = self.api.url(&path, &[("mimeType", media_type)]);
        let answer = self.open(url, 0).await?;
        let mut reading = reading(answer, 0, None)?;
        // Each export is written anew and may be of another length.
        reading.size_bytes = None;
        Ok(reading)
    }

    async fn open(&self, url: String, offset: u64) -> Result<Answer, Fault> {
        let mut call = Call::new(Method::GET, url)
            .with_kind(Kind::Content)
            .with_header("accept-encoding", "identity");
        if offset > 0 {
            call.set_header("range", &format!("bytes={offset}-"));
        }
        self.api.begin(call).await
    }
}

/// Whether it was the revision that was refused, and the file itself may be had.
fn may_be_of_revisions(fault: &Fault) -> bool {
    match fault.status() {
        400 | 404 | 416 => true,
        403 => matches!(
            fault.code(),
            "" | "insufficientFilePermissions" | "forbidden" | "cannotDownloadFile" | "fileNotDownloadable"
        ),
        _ => false,
    }
}

fn nothing(size_bytes: u64, revision: Option<Revision>) -> Reading {
    Reading {
        stream: Box::pin(stream::empty()),
        size_bytes: Some(size_bytes),
        revision,
    }
}

/// Reads an answer from the offset on, whether or not it passed over the range that was asked for.
fn reading(answer: Answer, offset: u64, revision: Option<Revision>) -> Result<Reading, Fault> {
    let strange = || Fault::from(RemoteError::Unavailable("its range cannot be read".to_owned()));
    let (size_bytes, skip_bytes) = if answer.status() == 206 {
        let told = answer.header("content-range").and_then(content_range);
        let (first, whole) = told.ok_or_else(strange)?;
        if first != offset {
            return Err(strange());
        }
        (Some(whole), 0)
    } else {
        let length = answer.header("content-length");
        (length.and_then(|length| length.parse().ok()), offset)
    };
    let body = Body {
        answer,
        skip_bytes,
        left_bytes: size_bytes.map(|size| size.saturating_sub(offset)),
        is_over: false,
    };
    Ok(Reading {
        stream: Box::pin(stream::unfold(body, Body::next)),
        size_bytes,
        revision,
    })
}

/// What is still to come.
struct Body {
    answer: Answer,
    /// What comes before the offset.
    skip_bytes: u64,
    left_bytes: Option<u64>,
    is_over: bool,
}

impl Body {
    async fn next(mut self) -> Option<(Result<Bytes, BodyError>, Self)> {
        while !self.is_over {
            match self.answer.chunk().await {
                Ok(Some(bytes)) => {
                    let bytes = self.wanted(bytes);
                    if !bytes.is_empty() {
                        return Some((Ok(bytes), self));
                    }
                }
                Ok(None) => {
                    self.is_over = true;
                    if self.left_bytes.is_some_and(|left| left > 0) {
                        return Some((Err(BodyError::Incomplete), self));
                    }
                }
                Err(failure) => {
                    self.is_over = true;
                    let error = BodyError::Unreadable(failure.to_string().into());
                    return Some((Err(error), self));
                }
            }
        }
        None
    }

    fn wanted(&mut self, mut bytes: Bytes) -> Bytes {
        // Not longer than the bytes themselves, so it fits.
        let skipped = self.skip_bytes.min(bytes.len() as u64);
        self.skip_bytes -= skipped;
        let bytes = bytes.split_off(skipped as usize);
        if let Some(left) = &mut self.left_bytes {
            *left = left.saturating_sub(bytes.len() as u64);
        }
        bytes
    }
}

/// The first place and the whole length of `bytes 0-9/100` (RFC 9110 14.4).
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, whole.trim().parse().ok()?))
}
