//! Chance that repeats itself: the same seed gives the same ids in every run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of numbers (SplitMix64). Cheap to clone; all clones are one source.
#[derive(Debug, Clone)]
pub struct Dice(Arc<AtomicU64>);

/// Letters of ids that are case-sensitive and need no encoding in an address.
pub const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Dice {
    /// Numbers that follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// The next number.
    #[must_use]
    pub fn roll(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number below `limit`.
    #[must_use]
    pub fn below(&self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    /// `length` characters out of `letters`, which are ASCII.
    #[must_use]
    pub fn text(&self, length: usize, letters: &[u8]) -> String {
        let count = u64::try_from(letters.len()).unwrap_or(1);
        (0..length)
            .map(|_| char::from(letters[usize::try_from(self.below(count)).unwrap_or(0)]))
            .collect()
    }
}
