//! Reads of a range that go on where a broken answer ended.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use model::{BodyError, ByteStream};
use tokio::time::Instant;

use super::{Answer, Failure, Patience};
use crate::{ContentError, Damage};

/// How often in a row answers may break before they have brought something worth the while.
const BREAKS: u32 = 3;
/// What is worth the while.
const PROGRESS_BYTES: u64 = 64 * 1024;
/// The slowest that a store may be while it is waited for.
const MIN_BYTES_PER_SEC: u64 = 1024;

/// Asks for a range, tries included. The answer is a 206, or a 200 from a store that passes over
/// ranges; another length that shows in a refusal (416) is told as `Damaged`.
pub(crate) type Reopen =
    Box<dyn Fn(Range<u64>) -> BoxFuture<'static, Result<Answer, ContentError>> + Send + Sync>;

/// What reading an empty range of an object yields: nothing, if the object is there with its length.
///
/// # Errors
/// `Missing`; `Damaged` when it has another length.
pub(crate) fn nothing_of(found_bytes: Option<u64>, size_bytes: u64) -> Result<ByteStream, ContentError> {
    match found_bytes.ok_or(ContentError::Missing)? {
        found_bytes if found_bytes == size_bytes => Ok(Box::pin(futures_util::stream::empty())),
        found_bytes => Err(ContentError::wrong_length(size_bytes, found_bytes)),
    }
}

/// Streams `range`, which is not empty and lies within `size_bytes`, and asks for what is left of it
/// when an answer breaks.
///
/// # Errors
/// What the first request answers; `Damaged` when the stored length is not `size_bytes`.
pub(crate) async fn ranged(
    reopen: Reopen,
    size_bytes: u64,
    range: Range<u64>,
    patience: Patience,
) -> Result<ByteStream, ContentError> {
    let mut reader = Reader {
        reopen,
        size_bytes,
        left: range,
        part: None,
        tag: None,
        breaks: 0,
        since_break: 0,
        pace: PaceOfStore::new(patience.silence),
    };
    reader.open().await?;
    Ok(Box::pin(futures_util::stream::unfold(
        Some(reader),
        |reader| async move {
            let mut reader = reader?;
            match reader.next().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(reader))),
                Ok(None) => None,
                Err(error) => Some((Err(BodyError::Unreadable(error.into())), None)),
            }
        },
    )))
}

struct Reader {
    reopen: Reopen,
    size_bytes: u64,
    /// What has not come yet.
    left: Range<u64>,
    part: Option<OpenPart>,
    /// What the store called the content at first: it must stay the same.
    tag: Option<String>,
    breaks: u32,
    since_break: u64,
    pace: PaceOfStore,
}

struct OpenPart {
    answer: Answer,
    /// What comes before the range, from a store that passes over ranges.
    skip_bytes: u64,
}

impl Reader {
    async fn open(&mut self) -> Result<(), ContentError> {
        let answer = (self.reopen)(self.left.clone()).await?;
        let skip_bytes = self.checked(&answer)?;
        let tag = answer.header("etag").map(str::to_owned);
        if self.tag.is_some() && tag != self.tag {
            return Err(ContentError::Damaged(Damage::Replaced));
        }
        self.tag = tag;
        self.part = Some(OpenPart { answer, skip_bytes });
        Ok(())
    }

    /// Compares what the answer tells of itself with what was asked for.
    fn checked(&self, answer: &Answer) -> Result<u64, ContentError> {
        let strange = |what| ContentError::Unavailable(std::io::Error::other(what));
        let (found_bytes, skip_bytes) = if answer.status() == 206 {
            let told = answer.header("content-range").and_then(content_range);
            let (start, found_bytes) = told.ok_or_else(|| strange("its range cannot be read"))?;
            if start != self.left.start {
                return Err(strange("it answered with another range"));
            }
            (found_bytes, 0)
        } else {
            let told = answer
                .header("content-length")
                .and_then(|length| length.parse().ok());
            let found_bytes = told.ok_or_else(|| strange("it does not tell the length"))?;
            (found_bytes, self.left.start)
        };
        if found_bytes != self.size_bytes {
            return Err(ContentError::wrong_length(self.size_bytes, found_bytes));
        }
        Ok(skip_bytes)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ContentError> {
        while !self.left.is_empty() {
            if self.part.is_none() {
                self.open().await?;
            }
            let part = self.part.as_mut().expect("it was opened");
            let started = Instant::now();
            let outcome = part.answer.chunk().await;
            let in_time = self.pace.passed(started.elapsed(), &outcome);
            match outcome {
                Ok(Some(chunk)) if in_time => {
                    let chunk = self.wanted(chunk);
                    if !chunk.is_empty() {
                        return Ok(Some(chunk));
                    }
                }
                Ok(Some(_)) => self.broke(Failure::too_slow())?,
                Ok(None) => self.broke(Failure::strange("the answer ended early"))?,
                Err(failure) => self.broke(failure)?,
            }
        }
        Ok(None)
    }

    /// What of a chunk was asked for.
    fn wanted(&mut self, mut chunk: Bytes) -> Bytes {
        let part = self.part.as_mut().expect("it brought the chunk");
        // Neither is longer than the chunk, so both fit.
        let skipped = part.skip_bytes.min(chunk.len() as u64);
        part.skip_bytes -= skipped;
        drop(chunk.split_to(skipped as usize));
        let room = self.left.end - self.left.start;
        chunk.truncate(room.min(chunk.len() as u64) as usize);
        self.left.start += chunk.len() as u64;
        self.since_break += chunk.len() as u64;
        chunk
    }

    fn broke(&mut self, failure: Failure) -> Result<(), ContentError> {
        if self.since_break >= PROGRESS_BYTES {
            self.breaks = 0;
        }
        self.breaks += 1;
        self.since_break = 0;
        self.part = None;
        self.pace.restart();
        tracing::debug!(%failure, breaks = self.breaks, "an answer broke off");
        if self.breaks > BREAKS {
            return Err(ContentError::Unavailable(std::io::Error::other(
                failure.to_string(),
            )));
        }
        Ok(())
    }
}

/// Finds out that a store drips. Only the time spent waiting for it counts.
struct PaceOfStore {
    window: Duration,
    waited: Duration,
    window_bytes: u64,
}

impl PaceOfStore {
    const fn new(window: Duration) -> Self {
        Self {
            window,
            waited: Duration::ZERO,
            window_bytes: 0,
        }
    }

    fn restart(&mut self) {
        self.waited = Duration::ZERO;
        self.window_bytes = 0;
    }

    /// Counts a wait; false at the end of a window that brought too little.
    fn passed(&mut self, waited: Duration, outcome: &Result<Option<Bytes>, Failure>) -> bool {
        self.waited += waited;
        if let Ok(Some(chunk)) = outcome {
            self.window_bytes += chunk.len() as u64;
        }
        if self.waited < self.window {
            return true;
        }
        let least = u128::from(MIN_BYTES_PER_SEC) * self.waited.as_millis() / 1000;
        let is_enough = u128::from(self.window_bytes) >= least;
        self.restart();
        is_enough
    }
}

/// The first place and the whole length of `bytes 0-9/100` (RFC 9110 14.4).
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, whole.trim().parse().ok()?))
}
