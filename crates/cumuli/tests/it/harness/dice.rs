//! Chance that can be repeated: everything follows from one printed number.

use aws_lc_rs::digest::{SHA256, digest};

/// Bytes of noise in a content's block.
const BLOCK: usize = 1024;

/// A source of chance (splitmix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

/// Bytes that are told by two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    pub seed: u64,
    pub len: usize,
}

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Those of `variable`, or new ones. Either way they are printed.
    pub fn of_environment(variable: &str) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = match std::env::var(variable) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is a number")),
            Err(_) => u64::try_from(now.unwrap().as_nanos() % 1_000_000_000_000).unwrap(),
        };
        println!("{variable}={seed}");
        Self::new(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number from 0 to `end - 1`.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A number from `first` to `last`.
    pub const fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() {
            return None;
        }
        items.get(usize::try_from(self.below(items.len() as u64)).unwrap())
    }
}

impl Content {
    /// Blocks of the same noise, each with its own number in front: cheap to make, and no part of it
    /// can stand in for another.
    pub fn bytes(self) -> Vec<u8> {
        let mut dice = Dice::new(self.seed);
        let noise: Vec<u8> = (0..BLOCK / 8).flat_map(|_| dice.next().to_le_bytes()).collect();
        let mut bytes = Vec::with_capacity(self.len + BLOCK);
        while bytes.len() < self.len {
            let number = dice.next();
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.extend_from_slice(&noise);
        }
        bytes.truncate(self.len);
        bytes
    }

    /// The SHA-256, as the API writes it.
    pub fn sha256(self) -> String {
        sha256(&self.bytes())
    }
}

/// The SHA-256 of bytes, as the API writes it.
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
