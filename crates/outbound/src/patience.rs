//! How long a service is waited for, and how often it is asked again.

use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::time::Duration;

/// How long a service is waited for, and how often it is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often a request is sent at most.
    pub try_count: u32,
    /// About how long it waits before the second try; the next waits are twice as long each.
    pub first_pause: Duration,
    /// The longest that it waits of its own accord.
    pub longest_pause: Duration,
    /// The longest wait that a service may ask for; one that asks for more is given up at once.
    pub longest_asked: Duration,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long a service may say nothing.
    pub silence: Duration,
    /// The slowest line: it bounds how long an upload may take.
    pub min_bytes_per_sec: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            try_count: 5,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
            longest_asked: Duration::from_secs(30),
            connect: Duration::from_secs(5),
            silence: Duration::from_secs(30),
            min_bytes_per_sec: 64 * 1024,
        }
    }
}

impl Patience {
    /// How long one try may take that sends so many bytes.
    pub(crate) fn one_try(&self, size_bytes: u64) -> Duration {
        let sending = Duration::from_secs(size_bytes / self.min_bytes_per_sec.max(1));
        self.connect + self.silence + sending
    }

    /// How long all tries together may take.
    pub(crate) fn whole(&self, size_bytes: u64) -> Duration {
        self.one_try(size_bytes) * 2 + self.longest_asked
    }

    /// How long to wait after the `tried`th try failed; `None` to give up.
    pub fn pause(&self, tried: u32, asked: Option<Duration>) -> Option<Duration> {
        if tried >= self.try_count {
            return None;
        }
        if let Some(asked) = asked {
            return (asked <= self.longest_asked).then_some(asked);
        }
        let doubled = self.first_pause.saturating_mul(1 << (tried - 1).min(16));
        let longest = doubled.min(self.longest_pause);
        // Between half and all of it, so that many who failed together do not come back together.
        let spread = RandomState::new().build_hasher().finish() % 1000;
        Some(longest / 2 + longest / 2 * u32::try_from(spread).expect("below 1000") / 1000)
    }
}
