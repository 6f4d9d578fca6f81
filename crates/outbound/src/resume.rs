//! Reads of a range that go on where a broken answer ended.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use model::{BodyError, ByteStream};
use tokio::time::Instant;

use super::{Answer, Failure, Patience};

/// How often in a row answers may break before they have brought something worth the while.
const BREAKS: u32 = 3;
/// What is worth the while.
const PROGRESS_BYTES: u64 = 64 * 1024;
/// The slowest that a service may be while it is waited for.
const MIN_BYTES_PER_SEC: u64 = 1024;

/// Asks for a range, tries included. The answer is a 206, or a 200 from a service that passes over ranges.
pub type Reopen<E> = Box<dyn Fn(Range<u64>) -> BoxFuture<'static, Result<Answer, E>> + Send + Sync>;

/// Why a read could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// What is there has another length than what is to be read.
    #[error("it holds {found_bytes} bytes instead of {expected_bytes}")]
    Length {
        /// What is to be read.
        expected_bytes: u64,
        /// What is there.
        found_bytes: u64,
    },
    /// Something else is there now than when the read began.
    #[error("something else stands in its place")]
    Replaced,
    /// It does not answer as it should.
    #[error("it is not available")]
    Unavailable(#[source] std::io::Error),
}

/// Streams `range`, which is not empty and lies within `size_bytes`, and asks for what is left of it
/// when an answer breaks.
///
/// # Errors
/// What the first request answers; [`Broken::Length`] when what is there is not of `size_bytes`.
pub async fn ranged<E>(
    reopen: Reopen<E>,
    size_bytes: u64,
    range: Range<u64>,
    patience: Patience,
) -> Result<ByteStream, E>
where
    E: From<Broken> + Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let mut reader = Reader {
        reopen,
        size_bytes,
        left: range,
        part: None,
        tag: None,
        breaks: 0,
        since_break: 0,
        pace: PaceOfService::new(patience.silence),
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

struct Reader<E> {
    reopen: Reopen<E>,
    size_bytes: u64,
    /// What has not come yet.
    left: Range<u64>,
    part: Option<OpenPart>,
    /// What the service called the content at first: it must stay the same.
    tag: Option<String>,
    breaks: u32,
    since_break: u64,
    pace: PaceOfService,
}

struct OpenPart {
    answer: Answer,
    /// What comes before the range, from a service that passes over ranges.
    skip_bytes: u64,
}

impl<E: From<Broken>> Reader<E> {
    async fn open(&mut self) -> Result<(), E> {
        let answer = (self.reopen)(self.left.clone()).await?;
        let skip_bytes = self.checked(&answer)?;
        let tag = answer.header("etag").map(str::to_owned);
        if self.tag.is_some() && tag != self.tag {
            return Err(Broken::Replaced.into());
        }
        self.tag = tag;
        self.part = Some(OpenPart { answer, skip_bytes });
        Ok(())
    }

    /// Compares what the answer tells of itself with what was asked for.
    fn checked(&self, answer: &Answer) -> Result<u64, Broken> {
        let strange = |what| Broken::Unavailable(std::io::Error::other(what));
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
            return Err(Broken::Length {
                expected_bytes: self.size_bytes,
                found_bytes,
            });
        }
        Ok(skip_bytes)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, E> {
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

    fn broke(&mut self, failure: Failure) -> Result<(), Broken> {
        if self.since_break >= PROGRESS_BYTES {
            self.breaks = 0;
        }
        self.breaks += 1;
        self.since_break = 0;
        self.part = None;
        self.pace.restart();
        tracing::debug!(%failure, breaks = self.breaks, "an answer broke off");
        if self.breaks > BREAKS {
            return Err(Broken::Unavailable(std::io::Error::other(failure.to_string())));
        }
        Ok(())
    }
}

/// Finds out that a service drips. Only the time spent waiting for it counts.
struct PaceOfService {
    window: Duration,
    waited: Duration,
    window_bytes: u64,
}

impl PaceOfService {
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
