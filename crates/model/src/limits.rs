//! Bounds on what comes from outside. Those that an operator may want to change are settings.

/// Longest name of a node, in bytes of UTF-8.
pub const NAME_BYTES: usize = 255;
/// Deepest level that a node may be created at or moved to; the root is level 0.
pub const DEPTH: usize = 128;
/// Longest path, in bytes.
pub const PATH_BYTES: usize = 4096;
/// Items that one page may hold.
pub const PAGE_ITEMS: u32 = 1000;
/// Items that a page holds when the caller does not say.
pub const PAGE_ITEMS_DEFAULT: u32 = 100;
/// Largest `offset` of a listing; beyond it a cursor is cheaper for everyone.
pub const OFFSET_ITEMS: u32 = 100_000;
/// Longest search text, in bytes.
pub const SEARCH_BYTES: usize = 512;
/// Shortest and longest password, in bytes.
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=1024;
/// Longest e-mail address, in bytes (RFC 5321 section 4.5.3.1.3).
pub const EMAIL_BYTES: usize = 254;
/// Longest free text such as a person's name or a label, in bytes.
pub const TEXT_BYTES: usize = 255;
/// Longest tag of a language, in bytes (RFC 5646 section 4.4.1).
pub const LOCALE_BYTES: usize = 35;
/// App passwords and sessions that one user may have.
pub const CREDENTIALS: usize = 200;
