//! Contents from a bucket.

use bytes::Bytes;
use futures_util::stream;
use model::{BodyError, ByteStream};
use outbound::{Answer, Failure};

use super::Bucket;
use super::place::Place;
use super::store::unquoted;
use crate::{Read, Reading, RemoteError, Revision};

impl Bucket {
    pub(super) async fn open_content(&self, read: Read<'_>) -> Result<Reading, RemoteError> {
        let place = Place::parse(read.id).ok_or(RemoteError::NotFound)?;
        if place.is_folder() {
            return Err(RemoteError::NoContent);
        }
        if read.export.is_some() {
            return Err(RemoteError::Unsupported("export files"));
        }
        let tag = read.revision.map(|revision| revision.0.as_str());
        let answer = match self.store.get(&self.key(&place), read.offset, tag).await {
            Ok(answer) => answer,
            Err(failure) if failure.status() == Some(416) => return self.end_of(&place, &read).await,
            Err(failure) => return Err(self.error(failure)),
        };
        let found = answer.header("etag").map(unquoted);
        // Some endpoints pass over conditions.
        if tag.is_some() && found.as_deref() != tag {
            return Err(RemoteError::Changed);
        }
        let (size_bytes, skip_bytes) = told_of(&answer, read.offset)?;
        let left = Left {
            answer,
            skip_bytes,
            left_bytes: size_bytes.checked_sub(read.offset).ok_or(RemoteError::Changed)?,
        };
        Ok(Reading {
            stream: left.stream(),
            size_bytes: Some(size_bytes),
            revision: found.map(Revision),
        })
    }

    /// Nothing is left to read, when the offset is the length.
    async fn end_of(&self, place: &Place, read: &Read<'_>) -> Result<Reading, RemoteError> {
        let object = self.look(place).await?.ok_or(RemoteError::NotFound)?;
        let is_other = read.revision.is_some_and(|revision| revision.0 != object.tag);
        if is_other || object.size_bytes != read.offset {
            return Err(RemoteError::Changed);
        }
        Ok(Reading {
            stream: Box::pin(stream::empty()),
            size_bytes: Some(object.size_bytes),
            revision: Some(Revision(object.tag)),
        })
    }
}

/// The whole length, and how many bytes come before the offset.
fn told_of(answer: &Answer, offset: u64) -> Result<(u64, u64), RemoteError> {
    let strange = || RemoteError::Unavailable("it does not tell what it sends".to_owned());
    if answer.status() == 206 {
        let told = answer.header("content-range").and_then(content_range);
        let (start, size_bytes) = told.ok_or_else(strange)?;
        return (start == offset).then_some((size_bytes, 0)).ok_or_else(strange);
    }
    let length = answer.header("content-length").and_then(|told| told.parse().ok());
    Ok((length.ok_or_else(strange)?, offset))
}

/// The first place and the whole length of `bytes 0-9/100` (RFC 9110 14.4).
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, whole.trim().parse().ok()?))
}

/// What of an answer is still to come.
struct Left {
    answer: Answer,
    skip_bytes: u64,
    left_bytes: u64,
}

impl Left {
    fn stream(self) -> ByteStream {
        Box::pin(stream::unfold(Some(self), |left| async move {
            let mut left = left?;
            match left.next().await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(left))),
                Ok(None) => None,
                Err(failure) => {
                    let error = RemoteError::Unavailable(failure.to_string());
                    Some((Err(BodyError::Unreadable(Box::new(error))), None))
                }
            }
        }))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        while self.left_bytes > 0 {
            let chunk = self.answer.chunk().await?;
            let mut chunk = chunk.ok_or_else(|| Failure::strange("the answer ended early"))?;
            // Neither is longer than the chunk, so both fit.
            let skipped = self.skip_bytes.min(chunk.len() as u64);
            self.skip_bytes -= skipped;
            drop(chunk.split_to(skipped as usize));
            chunk.truncate(self.left_bytes.min(chunk.len() as u64) as usize);
            self.left_bytes -= chunk.len() as u64;
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}
