//! Bytes: blobs on a store, hashed and flushed before they are acknowledged.
//!
//! Knows no rows, no users and no HTTP: a blob here is a key, a length and a digest.

mod azure;
mod backend;
mod content;
#[cfg(test)]
mod contract;
mod drafts;
mod error;
mod gcs;
mod hash;
mod key;
mod local;
mod memory;
mod pace;
mod parts_writer;
mod s3;
mod seal;
#[cfg(test)]
mod tests;
mod writer;

pub use azure::{AzureOptions, AzureStore};
pub use backend::{
    Abilities, Backend, BlobWriter, Listed, NewBlob, NewPart, NewParts, Part, PartRules, Parts, Probe,
    SignedPart, SignedRead, SignedRequest, StoreHealth, Written,
};
pub use content::{Content, Take, Taken, body_of};
pub use drafts::{Append, Appender, Begun, Checkpoint, Draft, Filled, Promise, part_bytes_of};
pub use error::{ContentError, Damage};
pub use gcs::{GcsOptions, GcsStore};
pub use hash::{Digests, Hasher, digest};
pub use local::{Durability, LocalOptions, LocalStore};
pub use memory::Memory;
pub use outbound::{Patience, Secret};
pub use pace::Pace;
pub use s3::{Quirks, S3Options, S3Store};
pub use seal::Keyring;
pub use writer::Writer;
