//! The time that a fake believes in.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A clock that tests move. Cheap to clone; all clones are one clock.
///
/// Expiry, lag and windows of Retry-After all go by it.
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<Time>);

#[derive(Debug)]
struct Time {
    /// What is added to real time, or the time itself where real time does not count.
    ms: AtomicI64,
    ticks: bool,
}

impl FakeClock {
    /// Real time, plus what it is advanced by.
    #[must_use]
    pub fn real() -> Self {
        Self(Arc::new(Time {
            ms: AtomicI64::new(0),
            ticks: true,
        }))
    }

    /// Stands at `now_ms` (milliseconds since 1970) until it is advanced.
    #[must_use]
    pub fn at(now_ms: i64) -> Self {
        Self(Arc::new(Time {
            ms: AtomicI64::new(now_ms),
            ticks: false,
        }))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        let ms = self.0.ms.load(Ordering::SeqCst);
        if self.0.ticks { ms + real_ms() } else { ms }
    }

    /// Moves it on.
    pub fn advance(&self, ms: i64) {
        self.0.ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// The time as providers write it: RFC 3339 in UTC with milliseconds.
    #[must_use]
    pub fn text(&self) -> String {
        rfc3339(self.now())
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::real()
    }
}

fn real_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC with exactly three digits of a second.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{time:.3}")
}

/// Milliseconds since 1970; digits below the millisecond are cut off. `None` if it is not RFC 3339.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    Some(text.parse::<Timestamp>().ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_three_digits_and_read_back_without_the_rest() {
        assert_eq!(rfc3339(1_700_000_000_000), "2023-11-14T22:13:20.000Z");
        assert_eq!(
            parse_rfc3339("2023-11-14T23:13:20.0019+01:00"),
            Some(1_700_000_000_001)
        );
        assert_eq!(parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn a_clock_that_was_set_stands_still() {
        let clock = FakeClock::at(5);
        clock.clone().advance(2);

        assert_eq!(clock.now(), 7);
    }
}
