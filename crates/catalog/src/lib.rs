//! Rows: one catalog over SQLite or PostgreSQL. The only crate that knows SQL; it holds no rule of
//! who may do what and knows no HTTP.

mod archive;
mod blobs;
mod changes;
mod channels;
mod cloud_migrations;
mod conflicts;
mod connections;
mod content_hashes;
mod db;
mod error;
mod feeds;
mod fsck;
mod holds;
mod identities;
mod jobs;
mod links;
mod listings;
mod lists;
mod migrate;
mod migration_items;
mod mirror_entries;
mod mirror_work;
mod mirrors;
mod nodes;
mod photos;
mod rebuild;
mod remote_changes;
mod remote_items;
mod search;
mod sessions;
mod shares;
mod spaces;
mod stores;
mod tables;
mod throttles;
mod trees;
mod uploads;
mod url;
mod users;
mod versions;

#[cfg(test)]
mod tests;

use model::Digest;

pub use archive::{ARCHIVED, Behind, Queued};
pub use changes::Entry;
pub use channels::{ChannelState, ConnectionChannel};
pub use cloud_migrations::MigrationMark;
pub use conflicts::ConflictFilter;
pub use connections::SealedCredentials;
pub use content_hashes::ContentHashes;
pub use db::{Announced, Catalog, Durability, EVERY_SPACE, Engine, Options, Stats, Tx};
pub use error::{CatalogError, OpenError};
pub use feeds::{ConnectionFeed, Pace};
pub use holds::TO_RESTORE;
pub use jobs::{JobMark, Lease, NewJob};
pub use listings::{CHUNK, Mark, MarkValue, Whereabouts};
pub use migrate::Migrated;
pub use mirror_entries::{EntryContent, EntryList, EntryProof, EntryRow};
pub use mirror_work::{DirtyCounts, DirtyRow, IntentRow, MirrorEvent, MirrorSide};
pub use nodes::{NewNode, Step};
pub use remote_items::{ItemMark, Marked};
pub use search::{Criteria, Looked};
pub use stores::StoreTotals;
pub use tables::{Cell, Table};
pub use throttles::Tries;
pub use trees::Freed;
pub use uploads::{UploadPart, UploadStep};
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

/// The SHA-256 that a column holds; none when it holds the bytes that stand in for one that is not known.
fn digest(bytes: &[u8]) -> Result<Option<Digest>, CatalogError> {
    match bytes.len() {
        32 => Ok(bytes.try_into().ok().map(Digest)),
        0 | 16 => Ok(None),
        _ => Err(CatalogError::Damaged("a digest is not 32 bytes long".to_owned())),
    }
}
