//! Uploads in parts: a part is a block, and the blob is made of its blocks in one step.
//!
//! Whoever may write blocks to a name (`sp=w`) may also make a blob of that name, write over it, and
//! lease it or break its lease, until the signature's time is over, which may be long after the upload is
//! complete. No condition, lease or policy of the service takes that back from a signature of ours, short
//! of a new account key. So what others may write to is a name below `uploads/` that nothing ever reads:
//! `complete` makes a blob of the blocks there, and copies exactly that one, known by its entity tag, to
//! the blob's own name, for which no signature that writes is ever given. The copy stays within the
//! account, where it costs one request and moves no bytes over the network.
//!
//! Our own writer signs nothing, so its blocks go to the blob's own name and no copy is needed.

use std::time::Duration;

use bytes::Bytes;
use model::Millis;
use outbound::{Body, Failure, base64};
use tokio::time::{Instant, sleep};

use super::Inner;
use super::requests::{Block, Entry, Listing, Seen, Unless, is_missing, is_taken};
use crate::error::Told as _;
use crate::key::{FOLDER_DIGITS, Key, number};
use crate::{ContentError, Part, Parts};

/// The token of an upload that others may send parts of.
pub(super) const STAGED: &str = "staged";
/// The token of an upload of our own.
pub(super) const DIRECT: &str = "direct";

/// Blocks that were not made a blob are gone after a week; an upload may have begun a while before.
const UNCOMMITTED_MS: i64 = 10 * 24 * 60 * 60 * 1000;
/// How long a copy within the account is waited for: it is usually done when it is answered.
const COPY_WAIT: Duration = Duration::from_secs(120);
const COPY_LOOK: Duration = Duration::from_millis(250);

const WRITTEN_TO: &str = "the upload was written to while it was completed";

/// An upload in parts.
pub(super) struct Upload {
    key: Key,
    is_staged: bool,
}

impl Upload {
    /// Reads what `begin` or `unfinished` gave; `None` for anything else.
    pub(super) fn parse(parts: &Parts) -> Option<Self> {
        let is_staged = match parts.token.as_str() {
            STAGED => true,
            DIRECT => false,
            _ => return None,
        };
        let key = Key::parse(&parts.key)?;
        Some(Self { key, is_staged })
    }

    pub(super) const fn is_staged(&self) -> bool {
        self.is_staged
    }

    /// The name that its blocks belong to.
    pub(super) fn name(&self, inner: &Inner) -> String {
        if self.is_staged {
            inner.upload_name(&self.key)
        } else {
            inner.blob_name(&self.key)
        }
    }

    /// What a block is called: its number, so that it can be sent again, and half of the blob's id, so that
    /// it is never taken for a block of another upload. Names of one blob's blocks must be of one length.
    pub(super) fn block_id(&self, number: u32) -> String {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&u64::from(number).to_be_bytes());
        id[8..].copy_from_slice(&self.key.number().to_be_bytes()[8..]);
        base64(&id)
    }

    /// The number of a block of this upload; `None` when it is not one.
    fn number(&self, block: &Block) -> Option<u32> {
        use base64::Engine as _;
        let id = base64::engine::general_purpose::STANDARD.decode(&block.id).ok()?;
        let number = u64::from_be_bytes(id.get(..8)?.try_into().ok()?);
        let number = u32::try_from(number).ok()?;
        (self.block_id(number) == block.id).then_some(number)
    }
}

impl Inner {
    pub(super) async fn put_part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError> {
        let id = upload.block_id(number);
        let put = self.put_block(&upload.name(self), &id, Body::from(bytes)).await;
        put.map_err(|failure| self.client.error(failure))?;
        Ok(id)
    }

    pub(super) async fn parts_of(&self, upload: &Upload) -> Result<Vec<Part>, ContentError> {
        let blocks = self.blocks(&upload.name(self)).await?.unwrap_or_default();
        let part = |block: &Block| {
            upload.number(block).map(|number| Part {
                number,
                size_bytes: block.size_bytes,
                tag: block.id.clone(),
            })
        };
        // Blocks that wait come last and are newer than those that a blob was made of.
        let mut parts: Vec<Part> = blocks.iter().rev().filter_map(part).collect();
        parts.sort_by_key(|part| part.number);
        parts.dedup_by_key(|part| part.number);
        Ok(parts)
    }

    pub(super) async fn complete_upload(&self, upload: &Upload, parts: &[Part]) -> Result<(), ContentError> {
        let size_bytes = parts.iter().map(|part| part.size_bytes).sum();
        let blob = self.blob_name(&upload.key);
        if let Some(seen) = self.look_at(&blob).await? {
            // Completed before, or copied from what was.
            return self.settle(upload, seen, size_bytes).await;
        }
        let ids = self.checked_ids(upload, parts).await?;
        let unless = if upload.is_staged {
            Unless::Never
        } else {
            Unless::Taken
        };
        let name = upload.name(self);
        let tag = match self.put_block_list(&name, &ids, unless).await {
            Err(failure) if failure.code() == "LeaseIdMissing" => {
                self.break_lease(&name)
                    .await
                    .map_err(|failure| self.client.error(failure))?;
                self.put_block_list(&name, &ids, unless).await
            }
            other => other,
        };
        let copied = match tag {
            Ok(_) if !upload.is_staged => return Ok(()),
            Ok(tag) => self.copy(&name, &tag, &blob).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = copied
            && !is_taken(&failure)
        {
            return Err(self.refused_parts(failure));
        }
        // Here already by a request whose answer was lost, or by another that completes the same upload.
        let seen = self.look_at(&blob).await?;
        let seen = seen.ok_or_else(|| self.client.rejected(WRITTEN_TO))?;
        self.settle(upload, seen, size_bytes).await
    }

    /// Compares what is to be made a blob with what the service holds.
    async fn checked_ids(&self, upload: &Upload, parts: &[Part]) -> Result<Vec<String>, ContentError> {
        let held = self.parts_of(upload).await?;
        if held.is_empty() && !parts.is_empty() {
            return Err(ContentError::Missing);
        }
        let mut ids = Vec::with_capacity(parts.len());
        for part in parts {
            let place = held.binary_search_by_key(&part.number, |held| held.number);
            let found_bytes = place.ok().map(|place| held[place].size_bytes);
            if found_bytes != Some(part.size_bytes) {
                let (number, size_bytes) = (part.number, part.size_bytes);
                let found = found_bytes.map_or("is not there".to_owned(), |bytes| format!("holds {bytes}"));
                return Err(self.client.rejected(format!(
                    "part {number} of the upload should hold {size_bytes} bytes and {found}"
                )));
            }
            ids.push(upload.block_id(part.number));
        }
        Ok(ids)
    }

    /// What a refusal to make a blob means.
    fn refused_parts(&self, failure: Failure) -> ContentError {
        if is_missing(&failure) {
            return ContentError::Missing;
        }
        match failure.code() {
            "InvalidBlockList" => self.client.rejected("the parts are not those that it holds"),
            "SourceConditionNotMet" | "CannotVerifyCopySource" => self.client.rejected(WRITTEN_TO),
            _ => self.client.error(failure),
        }
    }

    /// Waits until the blob is all there, and clears what the upload has left.
    async fn settle(&self, upload: &Upload, seen: Seen, size_bytes: u64) -> Result<(), ContentError> {
        let blob = self.blob_name(&upload.key);
        let until = Instant::now() + COPY_WAIT;
        let mut seen = Some(seen);
        loop {
            let copy = match &seen {
                None => return Err(ContentError::Missing),
                Some(seen) if seen.is_whole() => break,
                Some(seen) => seen.copy.clone().unwrap_or_default(),
            };
            if copy != "pending" {
                // What failed half-way is in the way of the next try.
                self.delete(&blob)
                    .await
                    .map_err(|failure| self.client.error(failure))?;
                return Err(unavailable("its copy of the upload failed"));
            }
            if Instant::now() >= until {
                return Err(unavailable("it is still copying the upload"));
            }
            sleep(COPY_LOOK).await;
            seen = self.look_at(&blob).await?;
        }
        let found_bytes = seen.map_or(0, |seen| seen.size_bytes);
        if found_bytes != size_bytes {
            return Err(self.client.rejected(format!(
                "the upload should hold {size_bytes} bytes, and its blob holds {found_bytes}"
            )));
        }
        if upload.is_staged
            && let Err(failure) = self.discard(&upload.name(self)).await
        {
            // The sweep of unfinished uploads finds it.
            tracing::debug!(%failure, "an upload that is complete was not cleared away");
        }
        Ok(())
    }

    pub(super) async fn abort_upload(&self, upload: &Upload) -> Result<(), ContentError> {
        let name = upload.name(self);
        if !upload.is_staged {
            // Blocks alone cannot be removed; making a blob drops them. A completed one stays.
            match self.put(&name, Body::default(), Unless::Taken).await {
                Ok(()) => {}
                Err(failure) if is_taken(&failure) => return Ok(()),
                Err(failure) => return Err(self.client.error(failure)),
            }
        } else if self.look_at(&name).await?.is_none() {
            let put = self.put(&name, Body::default(), Unless::Never).await;
            put.map_err(|failure| self.client.error(failure))?;
        }
        self.discard(&name)
            .await
            .map_err(|failure| self.client.error(failure))
    }

    /// Removes a blob even if somebody who was let write it has leased it.
    async fn discard(&self, name: &str) -> Result<(), Failure> {
        match self.delete(name).await {
            Err(failure) if failure.code() == "LeaseIdMissing" => {
                self.break_lease(name).await?;
                self.delete(name).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    pub(super) async fn unfinished_uploads(
        &self,
        older_than: Millis,
        limit: usize,
    ) -> Result<Vec<Parts>, ContentError> {
        let mut found = Vec::new();
        let prefix = self.upload_prefix();
        self.collect_unfinished(&prefix, STAGED, older_than, limit, &mut found)
            .await?;
        let first_ms = self.client.now().0.saturating_sub(UNCOMMITTED_MS);
        let first_folder = u32::try_from(first_ms.max(0) >> 24).unwrap_or(0);
        for folder in self.folders(first_folder, true).await? {
            if found.len() >= limit {
                break;
            }
            let prefix = format!("{}{folder:06x}/", self.blob_prefix());
            self.collect_unfinished(&prefix, DIRECT, older_than, limit, &mut found)
                .await?;
        }
        Ok(found)
    }

    async fn collect_unfinished(
        &self,
        prefix: &str,
        token: &str,
        older_than: Millis,
        limit: usize,
        found: &mut Vec<Parts>,
    ) -> Result<(), ContentError> {
        let mut marker: Option<String> = None;
        while found.len() < limit {
            let listing = Listing {
                prefix,
                marker: marker.as_deref(),
                limit: 5000,
                by_folder: false,
                unfinished_too: true,
            };
            let page = self.list_page(&listing).await?;
            for entry in &page.blobs {
                if found.len() < limit && self.is_unfinished(entry, token, older_than).await? {
                    let key = self.key_of(&entry.name).expect("it was looked at").to_string();
                    found.push(Parts {
                        key,
                        token: token.to_owned(),
                    });
                }
            }
            marker = page.marker;
            if marker.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn is_unfinished(
        &self,
        entry: &Entry,
        token: &str,
        older_than: Millis,
    ) -> Result<bool, ContentError> {
        let Some(key) = self.key_of(&entry.name) else {
            return Ok(false);
        };
        // An id begins with its time.
        let begun = Millis(i64::try_from(key.number() >> 80).unwrap_or(i64::MAX));
        if entry.modified_ms.unwrap_or(begun) >= older_than {
            return Ok(false);
        }
        if token == STAGED {
            return Ok(true);
        }
        // Blocks without a blob are listed as if it were empty.
        Ok(entry.size_bytes == 0 && self.look_at(&entry.name).await?.is_none())
    }

    /// The numbers of the folders of blobs from `first` on, in order: one for each 4.7 hours with an upload.
    pub(super) async fn folders(&self, first: u32, unfinished_too: bool) -> Result<Vec<u32>, ContentError> {
        let prefix = self.blob_prefix();
        let mut numbers = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let listing = Listing {
                prefix: &prefix,
                marker: marker.as_deref(),
                limit: 5000,
                by_folder: true,
                unfinished_too,
            };
            let page = self.list_page(&listing).await?;
            let names = page.folders.iter().filter_map(|name| name.strip_prefix(&prefix));
            let folder = |name: &str| u32::try_from(number(name.strip_suffix('/')?, FOLDER_DIGITS)?).ok();
            numbers.extend(names.filter_map(folder).filter(|number| *number >= first));
            marker = page.marker;
            if marker.is_none() {
                return Ok(numbers);
            }
        }
    }
}

fn unavailable(what: &'static str) -> ContentError {
    ContentError::Unavailable(std::io::Error::other(what))
}
