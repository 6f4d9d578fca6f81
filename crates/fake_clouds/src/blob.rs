//! Contents of files, with their digests.

use aws_lc_rs::digest;
use bytes::{Bytes, BytesMut};
use md5::{Digest as _, Md5};

/// A content. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its length.
    pub size_bytes: u64,
    /// Its MD5 in lower-case hex.
    pub md5: String,
    /// Its SHA-1 in lower-case hex.
    pub sha1: String,
    /// Its SHA-256 in lower-case hex.
    pub sha256: String,
    /// The bytes, unless the fake was told not to keep those of uploads.
    pub bytes: Option<Bytes>,
}

impl Blob {
    /// These bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let mut writer = BlobWriter::new(false);
        writer.write(&bytes);
        Self {
            bytes: Some(bytes),
            ..writer.finish()
        }
    }
}

/// Takes a content in piece by piece.
#[derive(Clone)]
pub struct BlobWriter {
    kept: Option<BytesMut>,
    size_bytes: u64,
    md5: Md5,
    sha1: digest::Context,
    sha256: digest::Context,
}

impl std::fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobWriter")
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

impl BlobWriter {
    /// Nothing yet. `keep_bytes` is false where only length and digests matter.
    #[must_use]
    pub fn new(keep_bytes: bool) -> Self {
        Self {
            kept: keep_bytes.then(BytesMut::new),
            size_bytes: 0,
            md5: Md5::new(),
            sha1: digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            sha256: digest::Context::new(&digest::SHA256),
        }
    }

    /// Appends.
    pub fn write(&mut self, piece: &[u8]) {
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(piece);
        }
        self.size_bytes += piece.len() as u64;
        self.md5.update(piece);
        self.sha1.update(piece);
        self.sha256.update(piece);
    }

    /// How much was written.
    #[must_use]
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The whole content.
    #[must_use]
    pub fn finish(self) -> Blob {
        Blob {
            size_bytes: self.size_bytes,
            md5: hex(&self.md5.finalize()),
            sha1: hex(self.sha1.finish().as_ref()),
            sha256: hex(self.sha256.finish().as_ref()),
            bytes: self.kept.map(BytesMut::freeze),
        }
    }
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards_whatever_the_pieces() {
        let mut writer = BlobWriter::new(true);
        writer.write(b"a");
        writer.write(b"bc");

        assert_eq!(writer.finish(), Blob::new("abc"));
        assert_eq!(Blob::new("abc").md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(Blob::new("abc").sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(Blob::new("abc").sha256.starts_with("ba7816bf8f01cfea"));
    }
}
