//! Bytes: blobs on a store, hashed and flushed before they are acknowledged.
//!
//! Knows no rows, no users and no HTTP: a blob here is a key, a length and a digest.

mod backend;
mod content;
#[cfg(test)]
mod contract;
mod error;
mod hash;
mod local;
mod pace;
#[cfg(test)]
mod tests;

pub use backend::{Abilities, Backend, BlobWriter, Listed, NewBlob, StoreHealth, Written};
pub use content::{Content, Take, Taken, body_of};
pub use error::{ContentError, Damage};
pub use hash::{Digests, Hasher, digest};
pub use local::{Durability, LocalOptions, LocalStore};
pub use pace::Pace;
