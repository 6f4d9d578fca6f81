//! Rows: one catalog over SQLite or PostgreSQL. The only crate that knows SQL; it holds no rule of
//! who may do what and knows no HTTP.

mod blobs;
mod changes;
mod db;
mod error;
mod fsck;
mod identities;
mod jobs;
mod links;
mod listings;
mod migrate;
mod nodes;
mod photos;
mod search;
mod sessions;
mod shares;
mod spaces;
mod throttles;
mod trees;
mod url;
mod users;
mod versions;

#[cfg(test)]
mod tests;

pub use changes::Entry;
pub use db::{Announced, Catalog, Durability, EVERY_SPACE, Engine, Options, Stats, Tx};
pub use error::{CatalogError, OpenError};
pub use jobs::{JobMark, Lease, NewJob};
pub use listings::{CHUNK, Mark, MarkValue, Whereabouts};
pub use migrate::Migrated;
pub use nodes::{NewNode, Step};
pub use search::{Criteria, Looked};
pub use throttles::Tries;
pub use trees::Freed;
pub use url::{DatabaseUrl, UrlError};
pub use versions::VersionMark;

/// A number that the database holds as a signed one; below zero reads as none.
fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A number as the database holds it; what does not fit is as large as can be.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The 32 bytes of a SHA-256.
fn digest(bytes: &[u8]) -> Result<[u8; 32], CatalogError> {
    bytes
        .try_into()
        .map_err(|_| CatalogError::Damaged("a digest is not 32 bytes long".to_owned()))
}
