//! What is kept of a running upload.

use serde::{Deserialize, Serialize};

use super::super::store::{Object, Session};
use crate::{HashKind, Hashes};

const VERSION: u8 = 1;

/// A running upload in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    version: u8,
    key: String,
    id: String,
    size_bytes: u64,
    pub(super) part_bytes: u64,
    /// The entity tag that it will have, once all parts are known.
    pub(super) tag: Option<String>,
    /// The MD5 of the whole, when it is known.
    md5: Option<String>,
}

impl Kept {
    pub(super) fn new(key: &str, size_bytes: u64, part_bytes: u64) -> Self {
        Self {
            version: VERSION,
            key: key.to_owned(),
            id: String::new(),
            size_bytes,
            part_bytes,
            tag: None,
            md5: None,
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let kept: Self = serde_json::from_str(text).ok()?;
        (kept.version == VERSION).then_some(kept)
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("numbers and words")
    }

    /// Whether it is of this upload.
    pub(super) fn is_of(&self, key: &str, size_bytes: u64, part_bytes: u64) -> bool {
        self.key == key && self.size_bytes == size_bytes && self.part_bytes == part_bytes
    }

    pub(super) fn begin(&mut self, id: String) {
        self.id = id;
        self.tag = None;
        self.md5 = None;
    }

    /// Notes what will be made, before it is.
    pub(super) fn expect(&mut self, tag: Option<String>, hashes: Option<&Hashes>) {
        self.tag = tag;
        self.md5 = hashes.and_then(|hashes| hashes.text(HashKind::Md5));
    }

    /// Whether it made that object.
    pub(super) fn made(&self, object: &Object) -> bool {
        let mut hashes = Hashes::default();
        if let Some(md5) = &self.md5 {
            hashes.set(HashKind::Md5, md5);
        }
        let is_tagged = self.tag.as_ref() == Some(&object.tag);
        let is_hashed = hashes.md5.is_some() && hashes.md5 == object.md5;
        object.size_bytes == self.size_bytes && (is_tagged || is_hashed)
    }

    pub(super) fn session(&self) -> Session<'_> {
        Session {
            key: &self.key,
            id: &self.id,
        }
    }
}
