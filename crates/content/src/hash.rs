//! Digests of bytes.

use aws_lc_rs::digest::{Context, SHA256};
use md5::{Digest as _, Md5};
use model::Digest;

/// Computes SHA-256, and MD5 where it is needed, in one pass.
#[derive(Clone)]
pub struct Hasher {
    sha256: Context,
    md5: Option<Md5>,
}

/// What a hasher found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// The SHA-256.
    pub digest: Digest,
    /// The MD5, when it was asked for.
    pub md5: Option<[u8; 16]>,
}

impl Hasher {
    /// Starts with no bytes.
    pub fn new(wants_md5: bool) -> Self {
        Self {
            sha256: Context::new(&SHA256),
            md5: wants_md5.then(Md5::new),
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    /// Returns the digests of all bytes that were added.
    pub fn finish(self) -> Digests {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.sha256.finish().as_ref());
        Digests {
            digest: Digest(digest),
            md5: self.md5.map(|md5| md5.finalize().into()),
        }
    }
}

/// Returns the SHA-256 of bytes in memory.
pub fn digest(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(false);
    hasher.update(bytes);
    hasher.finish().digest
}
