//! What the drive asks of a bucket: objects by their keys, whoever keeps them.

use async_trait::async_trait;
use model::Millis;
use outbound::{Answer, Body, Client, Failure};
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};

/// What an endpoint was found to do; see [`super::Bucket::probe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Probed {
    /// Writes in one request keep their conditions.
    pub guards_puts: bool,
    /// Uploads in parts keep theirs.
    pub guards_parts: bool,
    /// Removals keep theirs.
    pub guards_deletes: bool,
    /// The entity tag of what is written in one request is its MD5.
    pub tags_are_md5: bool,
    /// Objects whose keys end with a `/` are not listed.
    pub hides_marks: bool,
    /// Keys are listed as they are, though it says that they are encoded.
    pub lists_verbatim: bool,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// Its whole key.
    pub(super) key: String,
    pub(super) size_bytes: u64,
    /// Its entity tag, without quotes.
    pub(super) tag: String,
    /// When it was written.
    pub(super) written: Millis,
    pub(super) md5: Option<[u8; 16]>,
    /// What whoever wrote it says, where that is told.
    pub(super) notes: Notes,
    /// It stands for a folder though its name does not end with a `/`.
    pub(super) is_folder: bool,
    /// Where a copy at the provider came from, where that is told.
    pub(super) copied_from: Option<String>,
}

/// What is noted beside an object, in metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Notes {
    /// When the content was last modified.
    pub(super) modified: Option<Millis>,
    /// Its SHA-256 and the MD5 that it goes with, as digits.
    pub(super) digests: Option<(String, String)>,
    /// The folder that is being moved here.
    pub(super) moving_from: Option<String>,
    /// Its media type.
    pub(super) media_type: Option<String>,
}

/// When a write is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// When nothing has that key.
    New,
    /// When the object still has that entity tag.
    Tagged(String),
}

/// What to list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing<'a> {
    /// What keys begin with.
    pub(super) prefix: &'a str,
    /// Names folders instead of what is in them.
    pub(super) by_folder: bool,
    /// Where the page before ended.
    pub(super) mark: Option<&'a str>,
    pub(super) limit: usize,
}

impl<'a> Listing<'a> {
    /// The first of all that begin so.
    pub(super) const fn first(prefix: &'a str) -> Self {
        Self {
            prefix,
            by_folder: false,
            mark: None,
            limit: 1,
        }
    }
}

/// A page of a listing, in the order of keys.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<Object>,
    /// Keys of folders, with the `/`.
    pub(super) folders: Vec<String>,
    /// Where the next begins; `None` on the last.
    pub(super) next: Option<String>,
    /// See [`Probed::lists_verbatim`].
    pub(super) is_verbatim: bool,
}

/// A part that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) number: u32,
    pub(super) size_bytes: u64,
    pub(super) tag: String,
}

/// An upload in parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) key: &'a str,
    pub(super) id: &'a str,
}

/// The end of an upload in parts.
pub(super) struct Ending<'a> {
    pub(super) session: Session<'a>,
    pub(super) parts: &'a [Sent],
    pub(super) notes: &'a Notes,
    pub(super) when: &'a When,
    /// The MD5 of the whole, when it is known.
    pub(super) md5: Option<[u8; 16]>,
}

/// A copy within the bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copy<'a> {
    /// What is copied, as it was last seen: another content is not.
    pub(super) from: &'a Object,
    pub(super) to: &'a str,
    pub(super) when: &'a When,
}

/// A bucket. Keys are whole; failures of 404 are about the object, and 409 and 412 about conditions.
#[async_trait]
pub(super) trait Store: Send + Sync {
    fn client(&self) -> &Client;

    /// What tells this bucket from all others.
    fn identity(&self) -> String;

    /// What its conditions are worth.
    fn probed(&self) -> Probed;

    /// Notes are told in listings as well.
    fn lists_notes(&self) -> bool;

    /// The most that parts can make.
    fn most_parts(&self) -> u64;

    /// Flat listings may begin behind any key.
    fn marks_are_keys(&self) -> bool;

    /// A page, and the headers that it came with.
    async fn list_with_headers(&self, listing: Listing<'_>) -> Result<(Page, HeaderMap), Failure>;

    async fn list(&self, listing: Listing<'_>) -> Result<Page, Failure> {
        self.list_with_headers(listing).await.map(|(page, _)| page)
    }

    /// `None` when there is none.
    async fn look(&self, key: &str) -> Result<Option<Object>, Failure>;

    /// Its bytes from an offset on, as of that entity tag.
    async fn get(&self, key: &str, offset: u64, tag: Option<&str>) -> Result<Answer, Failure>;

    /// Returns the entity tag.
    async fn put(&self, key: &str, body: Body, notes: &Notes, when: &When) -> Result<String, Failure>;

    /// Begins an upload in parts and returns its id.
    async fn begin(&self, key: &str, notes: &Notes) -> Result<String, Failure>;

    async fn put_part(&self, session: Session<'_>, number: u32, body: Body) -> Result<Sent, Failure>;

    /// The parts that arrived, in order; none of an upload that is not there.
    async fn parts(&self, session: Session<'_>) -> Result<Vec<Sent>, Failure>;

    /// Makes the object, and keeps the condition where [`Probed::guards_parts`]. Returns the entity tag.
    async fn complete(&self, ending: Ending<'_>) -> Result<String, Failure>;

    /// The same, and tells the condition in any case.
    async fn complete_guarded(&self, ending: Ending<'_>) -> Result<String, Failure> {
        self.complete(ending).await
    }

    async fn abort(&self, session: Session<'_>) -> Result<(), Failure>;

    async fn copy(&self, copy: Copy<'_>) -> Result<(), Failure>;

    /// A missing object is a success.
    async fn delete(&self, key: &str, tag: Option<&str>) -> Result<(), Failure>;

    /// Whether addresses can be signed.
    fn signs(&self) -> bool;

    /// The address that gives an object to whoever has it; `None` where none can be signed.
    fn sign(&self, key: &str, disposition: &str, secs: u32) -> Option<String>;
}

impl Notes {
    /// When the content was last modified, as other programs write it too: seconds with decimals.
    pub(super) fn modified_text(&self) -> Option<String> {
        let at = self.modified?.0;
        Some(format!("{}.{:03}", at.div_euclid(1000), at.rem_euclid(1000)))
    }

    /// Reads what [`Notes::modified_text`] wrote, or another program did.
    pub(super) fn parse_modified(text: &str) -> Option<Millis> {
        let (secs, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let mut digits: String = decimals.chars().take(3).collect();
        while digits.len() < 3 {
            digits.push('0');
        }
        let secs: i64 = secs.parse().ok()?;
        let millis: i64 = digits.parse().ok()?;
        let is_plain = decimals.bytes().all(|byte| byte.is_ascii_digit());
        let whole = secs.checked_mul(1000)?.checked_add(millis)?;
        is_plain.then_some(Millis(whole))
    }
}

impl Object {
    /// Whether it stands for a folder.
    pub(super) fn is_marker(&self) -> bool {
        self.is_folder || self.key.ends_with('/')
    }

    /// Whether both have one content, as far as can be told.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same_bytes = match (self.md5, other.md5) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.tag == other.tag,
        };
        self.size_bytes == other.size_bytes && same_bytes
    }
}

/// The MD5 that an entity tag is; those of parts are none.
pub(super) fn md5_of_tag(tag: &str) -> Option<[u8; 16]> {
    let mut hashes = crate::Hashes::default();
    hashes.set(crate::HashKind::Md5, tag);
    hashes.md5
}

/// An entity tag without its quotes.
pub(super) fn unquoted(tag: &str) -> String {
    tag.trim().trim_start_matches("W/").trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_programs_write_them() {
        for (text, millis) in [
            ("1614834367", 1_614_834_367_000),
            ("1614834367.123456789", 1_614_834_367_123),
            ("1614834367.5", 1_614_834_367_500),
            ("0", 0),
        ] {
            assert_eq!(Notes::parse_modified(text), Some(Millis(millis)), "{text}");
        }
        for text in ["", "soon", "1.x", "99999999999999999999", "9223372036854775807"] {
            assert_eq!(Notes::parse_modified(text), None, "{text}");
        }
        for millis in [1_614_834_367_007, 999, -1500] {
            let notes = Notes {
                modified: Some(Millis(millis)),
                ..Notes::default()
            };
            let text = notes.modified_text().expect("a time");
            assert_eq!(Notes::parse_modified(&text), Some(Millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_tag_of_parts_is_no_md5() {
        assert!(md5_of_tag(&"0a".repeat(16)).is_some());
        assert_eq!(md5_of_tag(&format!("{}-2", "0a".repeat(16))), None);
        assert_eq!(unquoted("W/\"abc\""), "abc");
    }
}
