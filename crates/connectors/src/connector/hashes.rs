//! Hashes that providers know of contents, computed in the pass that moves the bytes.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use crate::quick_xor::{HASH_BYTES, QuickXor};

/// A kind of hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashKind {
    /// SHA-256.
    Sha256,
    /// SHA-1.
    Sha1,
    /// MD5.
    Md5,
    /// OneDrive's quickXorHash.
    QuickXor,
}

/// What is known of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hashes {
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// SHA-1.
    pub sha1: Option<[u8; 20]>,
    /// MD5.
    pub md5: Option<[u8; 16]>,
    /// quickXorHash.
    pub quick_xor: Option<[u8; HASH_BYTES]>,
}

impl HashKind {
    /// All of them, the strongest first.
    pub const ALL: [Self; 4] = [Self::Sha256, Self::Sha1, Self::Md5, Self::QuickXor];

    /// The word that stands for it in the catalog and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
            Self::QuickXor => "quickxor",
        }
    }
}

impl Hashes {
    /// Whether both speak of the same content, by the strongest hash that both have; `None` when they have none in
    /// common.
    pub fn agrees(&self, other: &Self) -> Option<bool> {
        fn both<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<bool> {
            Some(a? == b?)
        }
        both(self.sha256, other.sha256)
            .or_else(|| both(self.sha1, other.sha1))
            .or_else(|| both(self.md5, other.md5))
            .or_else(|| both(self.quick_xor, other.quick_xor))
    }

    /// The kinds that are known.
    pub fn kinds(&self) -> Vec<HashKind> {
        HashKind::ALL
            .into_iter()
            .filter(|kind| self.text(*kind).is_some())
            .collect()
    }

    /// A hash as its provider writes it: hexadecimal, quickXorHash in base64.
    pub fn text(&self, kind: HashKind) -> Option<String> {
        match kind {
            HashKind::Sha256 => self.sha256.map(|hash| hex(&hash)),
            HashKind::Sha1 => self.sha1.map(|hash| hex(&hash)),
            HashKind::Md5 => self.md5.map(|hash| hex(&hash)),
            HashKind::QuickXor => self.quick_xor.map(|hash| STANDARD.encode(hash)),
        }
    }

    /// Takes a hash from a provider's text. What is not one is passed over.
    pub fn set(&mut self, kind: HashKind, text: &str) {
        match kind {
            HashKind::Sha256 => self.sha256 = unhex(text),
            HashKind::Sha1 => self.sha1 = unhex(text),
            HashKind::Md5 => self.md5 = unhex(text),
            HashKind::QuickXor => {
                self.quick_xor = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
            }
        }
    }

    /// The strongest as `kind:text`, for the catalog; see [`Hashes::parse`].
    pub fn strongest(&self) -> Option<String> {
        let kind = self.kinds().into_iter().next()?;
        Some(format!("{}:{}", kind.as_str(), self.text(kind)?))
    }

    /// Reads what [`Hashes::strongest`] wrote.
    pub fn parse(text: &str) -> Self {
        let mut hashes = Self::default();
        if let Some((word, text)) = text.split_once(':')
            && let Some(kind) = HashKind::ALL.into_iter().find(|kind| kind.as_str() == word)
        {
            hashes.set(kind, text);
        }
        hashes
    }
}

/// Computes hashes of several kinds in one pass.
#[derive(Clone)]
pub struct Hasher {
    sha256: Option<Context>,
    sha1: Option<Context>,
    md5: Option<Md5>,
    quick_xor: Option<QuickXor>,
    size_bytes: u64,
}

impl Hasher {
    /// Starts with no bytes.
    pub fn new(kinds: &[HashKind]) -> Self {
        let wants = |kind| kinds.contains(&kind);
        Self {
            sha256: wants(HashKind::Sha256).then(|| Context::new(&SHA256)),
            sha1: wants(HashKind::Sha1).then(|| Context::new(&SHA1_FOR_LEGACY_USE_ONLY)),
            md5: wants(HashKind::Md5).then(Md5::new),
            quick_xor: wants(HashKind::QuickXor).then(QuickXor::new),
            size_bytes: 0,
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size_bytes += bytes.len() as u64;
        if let Some(hash) = &mut self.sha256 {
            hash.update(bytes);
        }
        if let Some(hash) = &mut self.sha1 {
            hash.update(bytes);
        }
        if let Some(hash) = &mut self.md5 {
            hash.update(bytes);
        }
        if let Some(hash) = &mut self.quick_xor {
            hash.update(bytes);
        }
    }

    /// How many bytes were added.
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The hashes of all bytes that were added.
    pub fn finish(self) -> Hashes {
        Hashes {
            sha256: self
                .sha256
                .and_then(|hash| hash.finish().as_ref().try_into().ok()),
            sha1: self.sha1.and_then(|hash| hash.finish().as_ref().try_into().ok()),
            md5: self.md5.map(|hash| hash.finalize().into()),
            quick_xor: self.quick_xor.map(|hash| hash.finish()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_hashes_of_abc_come_out_of_one_pass() {
        let mut hasher = Hasher::new(&HashKind::ALL);
        hasher.update(b"a");
        hasher.update(b"bc");
        let hashes = hasher.finish();
        for (kind, text) in [
            (
                HashKind::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (HashKind::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (HashKind::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (HashKind::QuickXor, "YRDDGAAAAAAAAAAAAwAAAAAAAAA="),
        ] {
            assert_eq!(hashes.text(kind).as_deref(), Some(text));
            let mut read = Hashes::default();
            read.set(kind, text);
            assert_eq!(read.agrees(&hashes), Some(true), "{kind:?}");
            assert_eq!(Hashes::parse(&read.strongest().unwrap()), read);
        }
        assert_eq!(Hashes::default().agrees(&hashes), None);
    }

    #[test]
    fn what_is_no_hash_is_passed_over() {
        let mut hashes = Hashes::default();
        hashes.set(HashKind::Md5, "zz");
        hashes.set(HashKind::Md5, &"é".repeat(16));
        hashes.set(HashKind::QuickXor, "AAAA");
        assert_eq!(hashes, Hashes::default());
        assert_eq!(Hashes::parse("crc:00"), Hashes::default());
    }
}
