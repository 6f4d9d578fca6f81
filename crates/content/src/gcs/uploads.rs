//! Uploads in parts: one resumable session, to which the parts are sent in order.
//!
//! The service makes the object as soon as the last byte is there, before anybody has looked at it. So what
//! others send goes to a name below `uploads/` that nothing ever reads; `complete` looks at it and has it
//! copied to the blob's own name, which costs one request and moves no bytes. Our own writer knows what it
//! sends, and sends it to the blob's own name at once.
//!
//! The session's address is all that is needed to send bytes to it, once and for that one name, and to give
//! it up. It is good for a week, or until the object is made; nothing can be changed by it after that.

use std::time::Duration;

use bytes::Bytes;
use crc32c::{crc32c_append, crc32c_combine};
use model::Millis;
use outbound::{Body, Call, Failure, Whole};
use reqwest::Method;
use tokio::time::sleep;

use super::Inner;
use super::requests::{Listing, Object, Unless, condition, is_taken};
use crate::error::Told as _;
use crate::key::Key;
use crate::{ContentError, NewPart, Part, Parts};

/// How often in a row a session may take nothing before it is given up for now.
const STUCK: u32 = 5;
/// How tokens of uploads begin that others may send parts of, and those of our own.
const STAGED: &str = "staged ";
const DIRECT: &str = "direct ";

/// An upload in parts.
pub(super) struct Upload {
    pub(super) key: Key,
    is_staged: bool,
    /// The session's address; empty when it is not known any more.
    pub(super) session: String,
}

/// How far a session is.
enum Progress {
    /// So many bytes are there to stay.
    Holds(u64),
    /// The object is made.
    Done,
    /// There is no such session any more.
    Gone,
}

impl Upload {
    /// Reads what `begin` or `unfinished` gave; `None` for anything else.
    pub(super) fn parse(parts: &Parts) -> Option<Self> {
        let staged = parts.token.strip_prefix(STAGED);
        let session = staged.or_else(|| parts.token.strip_prefix(DIRECT))?;
        Some(Self {
            key: Key::parse(&parts.key)?,
            is_staged: staged.is_some(),
            session: session.to_owned(),
        })
    }

    fn name(&self, inner: &Inner) -> String {
        if self.is_staged {
            inner.upload_name(&self.key)
        } else {
            inner.blob_name(&self.key)
        }
    }
}

impl Inner {
    /// Begins a session for others, bound to the length when that is known.
    pub(super) async fn begin_staged(
        &self,
        key: &Key,
        size_bytes: Option<u64>,
    ) -> Result<Parts, ContentError> {
        let session = self.begin_session(&self.upload_name(key), size_bytes).await?;
        Ok(Parts {
            key: key.to_string(),
            token: format!("{STAGED}{session}"),
        })
    }

    /// Begins a session of our own.
    pub(super) async fn begin_direct(&self, key: &Key) -> Result<Parts, ContentError> {
        let session = self.begin_session(&self.blob_name(key), None).await?;
        Ok(Parts {
            key: key.to_string(),
            token: format!("{DIRECT}{session}"),
        })
    }

    pub(super) async fn begin_session(
        &self,
        name: &str,
        size_bytes: Option<u64>,
    ) -> Result<String, ContentError> {
        let mut query = vec![("uploadType", "resumable"), ("name", name)];
        query.extend(condition(Unless::Taken));
        let mut call = Call::new(Method::POST, self.upload_url(&query))
            .with_header("content-type", "application/json; charset=UTF-8")
            .with_header("x-upload-content-type", "application/octet-stream")
            .with_body(Body::from(Bytes::from_static(b"{}")));
        if let Some(size_bytes) = size_bytes {
            call.set_header("x-upload-content-length", &size_bytes.to_string());
        }
        // Pages of this origin, and of no other, may then send to the session.
        if let Some(origin) = &self.page_origin {
            call.set_header("origin", origin);
        }
        let answer = self
            .json(&call)
            .await
            .map_err(|failure| self.client.error(failure))?;
        let session = answer.header("location").map(str::to_owned);
        session.ok_or_else(|| self.strange("it does not tell where to send an upload"))
    }

    /// Sends a part and returns its checksum. What the session has of it already is not sent again.
    pub(super) async fn send_part(
        &self,
        upload: &Upload,
        part: NewPart,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError> {
        let body = Body::from(bytes);
        let checksum = checksum_of(&body).await;
        let end = part.offset_bytes + body.len();
        let mut at = part.offset_bytes;
        let mut stuck = 0;
        loop {
            let sent = self.send_from(upload, part, &body, at).await;
            let progress = match sent {
                Ok(answer) => progress(&answer),
                Err(failure) => self.after_failure(upload, failure).await?,
            };
            let held_bytes = match progress {
                Progress::Done => break,
                Progress::Gone => return Err(ContentError::Missing),
                Progress::Holds(held_bytes) if held_bytes >= end && !part.is_last => break,
                Progress::Holds(held_bytes) => held_bytes.min(end),
            };
            if held_bytes < part.offset_bytes {
                return Err(self.client.rejected(format!(
                    "a part begins at byte {} of an upload of which {held_bytes} are there: parts have to come \
                     in order",
                    part.offset_bytes
                )));
            }
            stuck = if held_bytes > at { 0 } else { stuck + 1 };
            if stuck >= STUCK {
                return Err(unavailable("it takes no more of an upload"));
            }
            if stuck > 0 {
                sleep(self.pause(stuck)).await;
            }
            at = held_bytes;
        }
        Ok(format!("{checksum:08x}"))
    }

    /// Sends what of a part lies behind `at`, by one try: whether it worked, the session tells.
    async fn send_from(
        &self,
        upload: &Upload,
        part: NewPart,
        body: &Body,
        at: u64,
    ) -> Result<Whole, Failure> {
        let end = part.offset_bytes + body.len();
        let whole = if part.is_last {
            end.to_string()
        } else {
            "*".to_owned()
        };
        let range = match at < end {
            true => format!("bytes {at}-{}/{whole}", end - 1),
            false => format!("bytes */{whole}"),
        };
        let rest = Body::from(behind(body, at - part.offset_bytes));
        let mut call = session_call(Method::PUT, &upload.session)
            .with_header("content-range", &range)
            .with_body(rest);
        call.is_repeatable = false;
        self.json(&call).await
    }

    /// Asks the session how far it is after something went wrong.
    async fn after_failure(&self, upload: &Upload, failure: Failure) -> Result<Progress, ContentError> {
        match failure.status() {
            Some(404 | 410 | 499) => return self.done_or_gone(upload).await,
            // The name is taken: by an earlier try whose answer was lost.
            Some(412) => return self.done_or_gone(upload).await,
            Some(status) if status < 500 && !matches!(status, 408 | 429) => {
                return Err(self.client.error(failure));
            }
            _ => tracing::debug!(%failure, "a part was not taken"),
        }
        self.ask(upload, None).await
    }

    /// Asks the session how far it is; with the whole length, it is finished when all is there.
    async fn ask(&self, upload: &Upload, size_bytes: Option<u64>) -> Result<Progress, ContentError> {
        if upload.session.is_empty() {
            return self.done_or_gone(upload).await;
        }
        let whole = size_bytes.map_or("*".to_owned(), |bytes| bytes.to_string());
        let call = session_call(Method::PUT, &upload.session)
            .with_header("content-range", &format!("bytes */{whole}"));
        match self.json(&call).await {
            Ok(answer) => Ok(progress(&answer)),
            Err(failure) if matches!(failure.status(), Some(404 | 410 | 499 | 412)) => {
                self.done_or_gone(upload).await
            }
            Err(failure) => Err(self.client.error(failure)),
        }
    }

    async fn done_or_gone(&self, upload: &Upload) -> Result<Progress, ContentError> {
        let object = self.look_at(&upload.name(self)).await?;
        Ok(object.map_or(Progress::Gone, |_| Progress::Done))
    }

    pub(super) async fn complete_upload(&self, upload: &Upload, parts: &[Part]) -> Result<(), ContentError> {
        let blob = self.blob_name(&upload.key);
        if !upload.is_staged {
            let object = self.finished(upload, parts).await?;
            if let Err(error) = self.check(&object, parts) {
                // It is there already, and nobody must take it for what was sent.
                self.delete(&blob).await?;
                return Err(error);
            }
            return Ok(());
        }
        if let Some(object) = self.look_at(&blob).await? {
            // Completed before, and not cleared away.
            self.check(&object, parts)?;
            return self.clear(upload).await;
        }
        let object = self.finished(upload, parts).await?;
        self.check(&object, parts)?;
        match self.rewrite(&object, &blob).await {
            Ok(()) => {}
            // By a request whose answer was lost, or by another that completes the same upload.
            Err(failure) if is_taken(&failure) => {
                let object = self.look_at(&blob).await?;
                let object = object.ok_or_else(|| self.client.error(failure))?;
                self.check(&object, parts)?;
            }
            Err(failure) => return Err(self.client.error(failure)),
        }
        self.clear(upload).await
    }

    /// The object that the session has made, and makes now if all is there.
    async fn finished(&self, upload: &Upload, parts: &[Part]) -> Result<Object, ContentError> {
        let name = upload.name(self);
        if let Some(object) = self.look_at(&name).await? {
            return Ok(object);
        }
        let size_bytes = parts.iter().map(|part| part.size_bytes).sum();
        match self.ask(upload, Some(size_bytes)).await? {
            Progress::Done => self.look_at(&name).await?.ok_or(ContentError::Missing),
            Progress::Gone => Err(ContentError::Missing),
            Progress::Holds(held_bytes) => Err(self.client.rejected(format!(
                "the upload should hold {size_bytes} bytes, of which {held_bytes} are there"
            ))),
        }
    }

    /// Compares an object with the parts that it was made of.
    fn check(&self, object: &Object, parts: &[Part]) -> Result<(), ContentError> {
        let size_bytes: u64 = parts.iter().map(|part| part.size_bytes).sum();
        let found_bytes = object.size_bytes().unwrap_or_default();
        if found_bytes != size_bytes {
            return Err(self.client.rejected(format!(
                "the upload should hold {size_bytes} bytes, and its object holds {found_bytes}"
            )));
        }
        // Who sent parts to the session themselves knows no checksums.
        match (checksum_of_parts(parts), object.crc32c()) {
            (Some(ours), Some(theirs)) if ours != theirs => Err(self
                .client
                .rejected("the bytes of the upload changed on the way: its checksum differs")),
            _ => Ok(()),
        }
    }

    pub(super) async fn abort_upload(&self, upload: &Upload) -> Result<(), ContentError> {
        if !upload.session.is_empty() {
            self.end_session(&upload.session).await?;
        }
        self.clear(upload).await
    }

    /// Gives a session up. It answers 499 to that, and so it does when asked again.
    pub(super) async fn end_session(&self, session: &str) -> Result<(), ContentError> {
        let mut call = session_call(Method::DELETE, session);
        call.also_good = &[499, 404, 410];
        let ended = self.json(&call).await;
        ended.map(drop).map_err(|failure| self.client.error(failure))
    }

    /// Removes what others have sent.
    async fn clear(&self, upload: &Upload) -> Result<(), ContentError> {
        if upload.is_staged {
            self.delete(&upload.name(self)).await?;
        }
        Ok(())
    }

    /// Uploads whose last byte was sent and that nobody completed. Sessions that wait for more cannot be
    /// listed; the service drops them after a week.
    pub(super) async fn unfinished_uploads(
        &self,
        older_than: Millis,
        limit: usize,
    ) -> Result<Vec<Parts>, ContentError> {
        let prefix = self.upload_prefix();
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        while found.len() < limit {
            let listing = Listing {
                prefix: &prefix,
                start: None,
                limit: 1000,
                page_token: token.as_deref(),
            };
            let (objects, next) = self.list_page(&listing).await?;
            let old = objects
                .iter()
                .filter(|object| object.modified_ms() < Some(older_than));
            let keys = old.filter_map(|object| Key::parse(object.name.strip_prefix(&prefix)?));
            found.extend(keys.take(limit - found.len()).map(|key| Parts {
                key: key.to_string(),
                token: STAGED.to_owned(),
            }));
            token = next;
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn pause(&self, stuck: u32) -> Duration {
        let patience = self.client.patience();
        let pause = patience.first_pause.saturating_mul(1 << stuck.min(16));
        pause.min(patience.longest_pause)
    }
}

/// A request to a session, whose address proves by itself who asks.
pub(super) fn session_call(method: Method, session: &str) -> Call {
    let mut call = Call::new(method, session.to_owned());
    call.is_signed = true;
    call.also_good = &[308];
    call
}

/// What an answer of a session says. A 308 without a range is one that holds nothing.
fn progress(answer: &Whole) -> Progress {
    if answer.status != 308 {
        return Progress::Done;
    }
    let last = answer
        .header("range")
        .and_then(|range| range.rsplit_once('-')?.1.parse::<u64>().ok());
    Progress::Holds(last.map_or(0, |last| last + 1))
}

/// The bytes of a body from `start` on.
fn behind(body: &Body, start: u64) -> Vec<Bytes> {
    let mut skip = start;
    let mut rest = Vec::new();
    for piece in body.pieces() {
        let skipped = skip.min(piece.len() as u64);
        skip -= skipped;
        // It fits: no longer than bytes in memory.
        rest.push(piece.slice(skipped as usize..));
    }
    rest
}

async fn checksum_of(body: &Body) -> u32 {
    let body = body.clone();
    let summed = tokio::task::spawn_blocking(move || {
        body.pieces()
            .fold(0, |checksum, piece| crc32c_append(checksum, piece))
    });
    summed.await.expect("sums do not panic")
}

/// The checksum of all parts together, by their tags; `None` when one of them has none.
fn checksum_of_parts(parts: &[Part]) -> Option<u32> {
    let mut whole = 0;
    for part in parts {
        let checksum = u32::from_str_radix(&part.tag, 16)
            .ok()
            .filter(|_| part.tag.len() == 8)?;
        whole = crc32c_combine(whole, checksum, usize::try_from(part.size_bytes).ok()?);
    }
    Some(whole)
}

fn unavailable(what: &'static str) -> ContentError {
    ContentError::Unavailable(std::io::Error::other(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_parts_make_that_of_the_whole() {
        // RFC 3720 B.4, and the whole of it in parts.
        let bytes: Vec<u8> = (0..32).collect();
        let part = |bytes: &[u8]| Part {
            number: 1,
            size_bytes: bytes.len() as u64,
            tag: format!("{:08x}", crc32c_append(0, bytes)),
        };

        for cut in [0, 1, 16, 32] {
            let parts = [part(&bytes[..cut]), part(&bytes[cut..])];
            assert_eq!(checksum_of_parts(&parts), Some(0x46dd_794e));
        }
        let mut unknown = part(&bytes);
        unknown.tag.clear();
        assert_eq!(checksum_of_parts(&[unknown]), None);
    }

    #[test]
    fn what_lies_behind_a_place_is_found_across_pieces() {
        let body = Body::from(vec![Bytes::from_static(b"abc"), Bytes::from_static(b"de")]);

        for (start, rest) in [(0, &b"abcde"[..]), (2, b"cde"), (3, b"de"), (5, b"")] {
            assert_eq!(behind(&body, start).concat(), rest);
        }
    }
}
