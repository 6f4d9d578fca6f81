//! The whole router over a real hub, asked in this process.

// Clippy lets only `#[test]` functions unwrap; their helpers may too.
#![allow(clippy::unwrap_used)]

mod acts;
mod parity;
mod world;
