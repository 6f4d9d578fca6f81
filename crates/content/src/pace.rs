//! The lowest rate at which a body may come.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use model::{BodyError, ByteStream};
use tokio::time::{Instant, timeout};

/// The lowest rate at which a body may come. Only the time spent waiting for it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The lowest rate.
    pub min_bytes_per_sec: u64,
    /// Over how long a wait it is measured.
    pub window: Duration,
}

impl Default for Pace {
    /// 1 KiB per second over 30 seconds.
    fn default() -> Self {
        Self {
            min_bytes_per_sec: 1024,
            window: Duration::from_secs(30),
        }
    }
}

/// A body that is held to a pace.
pub(crate) struct Paced {
    body: ByteStream,
    pace: Pace,
    waited: Duration,
    window_bytes: u64,
}

impl Paced {
    pub(crate) const fn new(body: ByteStream, pace: Pace) -> Self {
        Self {
            body,
            pace,
            waited: Duration::ZERO,
            window_bytes: 0,
        }
    }

    /// Returns the next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let started = Instant::now();
            let left = self.pace.window.saturating_sub(self.waited);
            let arrived = timeout(left, self.body.next()).await;
            self.waited += started.elapsed();
            let chunk = match arrived {
                Ok(None) => return Ok(None),
                Ok(Some(chunk)) => Some(chunk?),
                Err(_) => None,
            };
            self.window_bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            if self.waited >= self.pace.window {
                self.end_window()?;
            }
            if chunk.is_some() {
                return Ok(chunk);
            }
        }
    }

    fn end_window(&mut self) -> Result<(), BodyError> {
        let window_ms = self.pace.window.as_millis();
        if u128::from(self.window_bytes) * 1000 < u128::from(self.pace.min_bytes_per_sec) * window_ms {
            return Err(BodyError::TooSlow);
        }
        self.waited = Duration::ZERO;
        self.window_bytes = 0;
        Ok(())
    }
}
