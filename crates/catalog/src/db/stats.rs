//! What the engine counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the engine counted since the catalog was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Transactions that were committed.
    pub commits: u64,
    /// Commits of the engine underneath; fewer than `commits` where several shared one flush.
    pub flushes: u64,
    /// How long one of those takes, as a moving average; zero before the first.
    pub flush_latency: Duration,
}

/// The counters behind [`Stats`].
#[derive(Default)]
pub(super) struct Counters {
    commits: AtomicU64,
    flushes: AtomicU64,
    flush_nanos: AtomicU64,
}

impl Counters {
    /// Counts one flush that made `commits` transactions durable.
    pub(super) fn flushed(&self, commits: usize, took: Duration) {
        self.commits.fetch_add(commits as u64, Ordering::Relaxed);
        let is_first = self.flushes.fetch_add(1, Ordering::Relaxed) == 0;
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // Two flushes at once may lose one sample of the average, which harms nobody.
        let before = if is_first {
            nanos
        } else {
            self.flush_nanos.load(Ordering::Relaxed)
        };
        self.flush_nanos
            .store(before - before / 8 + nanos / 8, Ordering::Relaxed);
    }

    pub(super) fn flush_latency(&self) -> Duration {
        Duration::from_nanos(self.flush_nanos.load(Ordering::Relaxed))
    }

    pub(super) fn read(&self) -> Stats {
        Stats {
            commits: self.commits.load(Ordering::Relaxed),
            flushes: self.flushes.load(Ordering::Relaxed),
            flush_latency: self.flush_latency(),
        }
    }
}
