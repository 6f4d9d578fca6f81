//! Contents in pieces, by a session that Google keeps for a week.
//!
//! A piece whose answer is lost is not sent again blindly: Google is asked how far it got, and it goes on from
//! there, which may be before the end of the last piece.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::StreamExt;
use model::{BodyError, ByteStream};
use outbound::{Call, Failure, Kind, Whole};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::ask::read_json;
use super::fault::Fault;
use super::shapes::File;
use super::upload::{HASHES, too_long};
use super::{Google, multipart};
use crate::{Hasher, Hashes, RemoteError, Source, Upload};

/// How often an upload begins anew because Google forgot its session.
const SESSIONS: u32 = 3;
/// The longest address of a session.
const LONGEST_URL: usize = 8192;

/// What a session begins with.
pub(super) struct Begin {
    /// What the upload is, so that no other goes on with its session.
    pub key: String,
    /// The id that the file will have, if it is new.
    pub id: Option<String>,
    /// The request with the description.
    pub call: Call,
}

/// A session that can be gone on with. Whoever has it can write to that file.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    key: String,
    size_bytes: u64,
    url: String,
    pub id: Option<String>,
}

/// An upload that is done.
pub(super) struct Sent {
    pub file: File,
    pub hashes: Hashes,
}

/// How far an upload is.
enum Progress {
    At(u64),
    Done(Whole),
    /// Google knows the session no more.
    Gone,
}

impl Google {
    /// The session that an earlier try of the same upload left behind.
    pub(super) async fn kept_session(&self, upload: &Upload<'_>, key: &str) -> Option<Kept> {
        let text = upload.journal.kept().await?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        (kept.key == key && kept.size_bytes == upload.source.size_bytes()).then_some(kept)
    }

    pub(super) async fn forget(&self, upload: &Upload<'_>) -> Result<(), Fault> {
        let forgotten = upload.journal.keep(None).await;
        Ok(forgotten.map_err(RemoteError::Source)?)
    }

    /// Sends everything, from where a kept session is on.
    pub(super) async fn send(
        &self,
        upload: &Upload<'_>,
        begin: &Begin,
        kept: Option<Kept>,
        pieces: &mut Pieces<'_>,
    ) -> Result<Sent, Fault> {
        let mut kept = kept.map(|kept| kept.url);
        for _ in 0..SESSIONS {
            let (url, at) = match kept.take() {
                Some(url) => (url.clone(), self.status(&url, pieces.size_bytes).await?),
                None => (self.begin(upload, begin).await?, Progress::At(0)),
            };
            match self.pump(upload, &url, at, pieces).await? {
                Progress::Done(whole) => {
                    let hashes = pieces.all().await?;
                    let file: File = read_json(&whole)?;
                    upload.journal.arrived(pieces.size_bytes);
                    self.forget(upload).await?;
                    return Ok(Sent { file, hashes });
                }
                Progress::At(_) | Progress::Gone => self.forget(upload).await?,
            }
        }
        let told = "it forgets uploads before they are done".to_owned();
        Err(RemoteError::Unavailable(told).into())
    }

    /// Begins a session and keeps it before a byte is sent.
    async fn begin(&self, upload: &Upload<'_>, begin: &Begin) -> Result<String, Fault> {
        let size_bytes = upload.source.size_bytes();
        let call = begin
            .call
            .clone()
            .with_header("x-upload-content-type", multipart::plain_type(upload.media_type))
            .with_header("x-upload-content-length", &size_bytes.to_string());
        let answer = self.api.whole(call).await?;
        let url = answer.header("location").filter(|url| url.len() <= LONGEST_URL);
        let url = url.ok_or(Fault::Http(Failure::strange(
            "it names no address for the upload",
        )))?;
        let kept = Kept {
            key: begin.key.clone(),
            size_bytes,
            url: url.to_owned(),
            id: begin.id.clone(),
        };
        let text = serde_json::to_string(&kept).expect("texts and numbers can be written");
        let keeping = upload.journal.keep(Some(&text)).await;
        keeping.map_err(RemoteError::Source)?;
        Ok(kept.url)
    }

    /// Sends piece after piece.
    async fn pump(
        &self,
        upload: &Upload<'_>,
        url: &str,
        mut progress: Progress,
        pieces: &mut Pieces<'_>,
    ) -> Result<Progress, Fault> {
        let mut failures = 0;
        loop {
            let at = match progress {
                Progress::At(at) => at,
                done @ (Progress::Done(_) | Progress::Gone) => return Ok(done),
            };
            upload.journal.arrived(at);
            let piece = pieces.from(at).await?;
            progress = match self.put_piece(url, at, piece, pieces.size_bytes).await {
                Ok(Progress::At(next)) if next <= at => {
                    failures += 1;
                    self.pause_or(failures, None, stuck).await?;
                    Progress::At(next)
                }
                Ok(next) => {
                    failures = 0;
                    next
                }
                Err(fault) if fault.may_pass() => {
                    failures += 1;
                    self.pause_or(failures, fault.wait(), || fault).await?;
                    self.status(url, pieces.size_bytes).await?
                }
                Err(fault) => return Err(fault),
            };
        }
    }

    /// Waits before the next try, or gives up.
    pub(super) async fn pause_or(
        &self,
        failures: u32,
        asked: Option<std::time::Duration>,
        fault: impl FnOnce() -> Fault,
    ) -> Result<(), Fault> {
        match self.api.client.patience().pause(failures, asked) {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                Ok(())
            }
            None => Err(fault()),
        }
    }

    async fn put_piece(
        &self,
        url: &str,
        at: u64,
        piece: Vec<Bytes>,
        size_bytes: u64,
    ) -> Result<Progress, Fault> {
        let length = piece.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        let range = match length {
            0 => format!("bytes */{size_bytes}"),
            _ => format!("bytes {at}-{}/{size_bytes}", at + length - 1),
        };
        let mut call = ranged(url, &range).with_body(piece.into());
        call.is_repeatable = false;
        self.progress(call).await
    }

    /// How far Google got; the whole answer if it has everything.
    async fn status(&self, url: &str, size_bytes: u64) -> Result<Progress, Fault> {
        self.progress(ranged(url, &format!("bytes */{size_bytes}"))).await
    }

    async fn progress(&self, call: Call) -> Result<Progress, Fault> {
        match self.api.whole(call).await {
            Ok(answer) if answer.status == 308 => {
                // None is that nothing is there.
                let last = answer
                    .header("range")
                    .and_then(|range| range.rsplit('-').next()?.parse::<u64>().ok());
                Ok(Progress::At(last.map_or(0, |last| last + 1)))
            }
            Ok(answer) => Ok(Progress::Done(answer)),
            Err(fault) if matches!(fault.status(), 404 | 410) => Ok(Progress::Gone),
            Err(fault) => Err(fault),
        }
    }
}

/// A request to a session. 308 does not lead elsewhere here.
fn ranged(url: &str, range: &str) -> Call {
    let mut call = Call::new(Method::PUT, url.to_owned())
        .with_kind(Kind::Content)
        .with_header("content-range", range);
    call.also_good = &[308];
    call
}

fn stuck() -> Fault {
    RemoteError::Unavailable("it keeps nothing of what it is sent".to_owned()).into()
}

/// A source by pieces, hashed in the same pass. What was sent before is read again where it is not hashed yet.
pub(super) struct Pieces<'a> {
    source: &'a dyn Source,
    pub size_bytes: u64,
    piece_bytes: usize,
    stream: Option<ByteStream>,
    /// What was read and may be sent again: it ends at `read_bytes`.
    held: VecDeque<Bytes>,
    held_bytes: u64,
    read_bytes: u64,
    hasher: Hasher,
    is_ended: bool,
}

impl<'a> Pieces<'a> {
    pub fn new(upload: &Upload<'a>, piece_bytes: usize) -> Self {
        Self {
            source: upload.source,
            size_bytes: upload.source.size_bytes(),
            piece_bytes,
            stream: None,
            held: VecDeque::new(),
            held_bytes: 0,
            read_bytes: 0,
            hasher: Hasher::new(&HASHES),
            is_ended: false,
        }
    }

    /// The piece that begins there; the last one only if the source ends with it.
    pub async fn from(&mut self, at: u64) -> Result<Vec<Bytes>, RemoteError> {
        self.seek(at).await?;
        while self.read_bytes < self.size_bytes && self.held_bytes < self.piece_bytes as u64 {
            self.read().await?;
        }
        if self.read_bytes == self.size_bytes {
            self.end().await?;
        }
        let mut room = self.piece_bytes;
        let mut piece = Vec::new();
        for bytes in &self.held {
            let part = bytes.slice(..bytes.len().min(room));
            room -= part.len();
            piece.push(part);
            if room == 0 {
                break;
            }
        }
        Ok(piece)
    }

    /// The hashes of everything; what is not read yet is read.
    pub async fn all(&mut self) -> Result<Hashes, RemoteError> {
        self.seek(self.hasher.size_bytes()).await?;
        while self.read_bytes < self.size_bytes {
            self.read().await?;
            self.drop_before(self.read_bytes);
        }
        self.end().await?;
        Ok(self.hasher.clone().finish())
    }

    /// Makes what is held begin there.
    async fn seek(&mut self, at: u64) -> Result<(), RemoteError> {
        let first = self.read_bytes - self.held_bytes;
        if self.stream.is_none() || at < first {
            // Not beyond what is hashed: the hash is of everything.
            let from = at.min(self.hasher.size_bytes());
            self.stream = Some(self.source.open(from).await.map_err(RemoteError::Source)?);
            self.held.clear();
            self.held_bytes = 0;
            self.read_bytes = from;
            self.is_ended = false;
        }
        self.drop_before(at);
        while self.read_bytes < at.min(self.size_bytes) {
            self.read().await?;
            self.drop_before(at);
        }
        Ok(())
    }

    fn drop_before(&mut self, at: u64) {
        let mut drop_bytes = at.saturating_sub(self.read_bytes - self.held_bytes);
        while drop_bytes > 0 {
            let Some(bytes) = self.held.front_mut() else {
                return;
            };
            // Not more than the bytes themselves, so it fits.
            let part = drop_bytes.min(bytes.len() as u64) as usize;
            drop(bytes.split_to(part));
            if bytes.is_empty() {
                self.held.pop_front();
            }
            self.held_bytes -= part as u64;
            drop_bytes -= part as u64;
        }
    }

    async fn read(&mut self) -> Result<(), RemoteError> {
        let bytes = self.next().await?;
        let bytes = bytes.ok_or(RemoteError::Source(BodyError::Incomplete))?;
        let length = bytes.len() as u64;
        if self.read_bytes + length > self.size_bytes {
            return Err(too_long());
        }
        let hashed = self
            .hasher
            .size_bytes()
            .saturating_sub(self.read_bytes)
            .min(length);
        self.hasher.update(&bytes[hashed as usize..]);
        self.read_bytes += length;
        self.held_bytes += length;
        self.held.push_back(bytes);
        Ok(())
    }

    /// Makes sure that nothing is left.
    async fn end(&mut self) -> Result<(), RemoteError> {
        while !self.is_ended {
            match self.next().await? {
                Some(bytes) if bytes.is_empty() => {}
                Some(_) => return Err(too_long()),
                None => self.is_ended = true,
            }
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, RemoteError> {
        let Some(stream) = &mut self.stream else {
            return Ok(None);
        };
        stream.next().await.transpose().map_err(RemoteError::Source)
    }
}
