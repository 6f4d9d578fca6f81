//! New contents. Most servers write what comes straight into the file, and leave half of it when the connection
//! breaks: so it is sent to a name beside, looked at, and moved into its place. Where the server itself keeps
//! conditions and whole contents it is sent in one step.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{StreamExt, stream};
use model::{BodyError, ByteStream};
use outbound::{Body, Call, Failure, Kind};
use reqwest::Method;
use tokio::sync::mpsc;

use super::WebDav;
use super::ask::{ANSWER_BYTES, method, refused};
use super::place::Place;
use super::probe::ODD;
use super::props::Found;
use crate::{Hasher, Hashes, NameFault, RemoteError, Revision, Target, Upload, Written};

/// How names of unfinished files begin.
pub(super) const TEMPORARY: &str = ".cumuli-new-";

/// Pieces of a content that wait to be sent.
const WAITING_PIECES: usize = 4;

/// What the reading of a source came to.
enum Pumped {
    /// All of it was taken.
    Whole(Hashes),
    /// Nobody takes any more of it.
    Cut,
    /// It is not what it was told to be, or could not be read.
    Failed(BodyError),
}

/// Why an attempt came to nothing.
enum Trouble {
    Source(BodyError),
    Failed(Failure),
    Cut,
}

impl WebDav {
    pub(super) async fn send(&self, upload: &Upload<'_>) -> Result<Written, RemoteError> {
        let (place, expected) = match upload.target {
            Target::Create { parent, name, .. } => (self.place(parent, name)?, None),
            Target::Replace { id, expected } => {
                (Place::parse(id).ok_or(RemoteError::NotFound)?, Some(expected))
            }
        };
        // Spares sending what will not be taken.
        self.check(&place, expected).await?;
        let found = if self.features.is_direct() {
            self.send_directly(&place, expected, upload).await?
        } else {
            self.send_beside(&place, expected, upload).await?
        };
        upload.journal.keep(None).await.map_err(RemoteError::Source)?;
        Ok(Written {
            item: found.into_item(&place, true),
            overwrote: Vec::new(),
            is_rewritten: false,
        })
    }

    /// Whether the place is as it is expected to be: free, or with this content.
    async fn check(&self, place: &Place, expected: Option<&Revision>) -> Result<(), RemoteError> {
        match (self.look(place).await?, expected) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(RemoteError::Exists),
            (None, Some(_)) => Err(RemoteError::NotFound),
            (Some(found), Some(_)) if found.is_folder => Err(RemoteError::NoContent),
            (Some(found), Some(expected)) if found.revision().as_ref() == Some(expected) => Ok(()),
            (Some(_), Some(_)) => Err(RemoteError::Changed),
        }
    }

    async fn send_directly(
        &self,
        place: &Place,
        expected: Option<&Revision>,
        upload: &Upload<'_>,
    ) -> Result<Found, RemoteError> {
        let condition = expected.map_or(("if-none-match", "*"), |expected| {
            ("if-match", expected.0.as_str())
        });
        match self.put(place, Some(condition), upload).await {
            Ok(hashes) => self.sent(place, upload, hashes).await,
            Err(Trouble::Failed(failure)) if failure.status() == Some(412) => Err(match expected {
                Some(_) => RemoteError::Changed,
                None => RemoteError::Exists,
            }),
            Err(trouble) => Err(self.trouble(trouble)),
        }
    }

    async fn send_beside(
        &self,
        place: &Place,
        expected: Option<&Revision>,
        upload: &Upload<'_>,
    ) -> Result<Found, RemoteError> {
        let (above, _) = place.split().ok_or(RemoteError::NoContent)?;
        let beside = above.join(&format!("{TEMPORARY}{}", self.random()));
        let placed = async {
            let put = self.put(&beside, None, upload).await;
            let hashes = put.map_err(|trouble| self.trouble(trouble))?;
            let found = self.sent(&beside, upload, hashes).await?;
            if expected.is_some() {
                self.check(place, expected).await?;
            }
            self.shift(&beside, &found, place, expected.is_some()).await
        };
        match placed.await {
            Ok(()) => self.look(place).await?.ok_or(RemoteError::Changed),
            Err(error) => {
                self.discard(&beside).await;
                Err(error)
            }
        }
    }

    /// Looks whether all that was sent is there.
    async fn sent(&self, place: &Place, upload: &Upload<'_>, hashes: Hashes) -> Result<Found, RemoteError> {
        let found = self.look(place).await?.ok_or(RemoteError::Changed)?;
        if found
            .size_bytes
            .is_some_and(|size| size != upload.source.size_bytes())
        {
            return Err(RemoteError::Damaged(
                "it has another length than was sent".to_owned(),
            ));
        }
        if found.hashes.agrees(&hashes) == Some(false) {
            return Err(RemoteError::Damaged(
                "it has another hash than was sent".to_owned(),
            ));
        }
        Ok(found)
    }

    fn trouble(&self, trouble: Trouble) -> RemoteError {
        match trouble {
            Trouble::Source(error) => RemoteError::Source(error),
            Trouble::Failed(failure) => self.error(failure),
            Trouble::Cut => RemoteError::Unavailable("it did not take the whole content".to_owned()),
        }
    }

    /// Sends a content, and once more from its beginning when that may help.
    async fn put(
        &self,
        place: &Place,
        condition: Option<(&'static str, &str)>,
        upload: &Upload<'_>,
    ) -> Result<Hashes, Trouble> {
        let patience = self.client.patience();
        let mut tried = 1;
        loop {
            let failure = match self.put_once(place, condition, upload).await {
                Err(Trouble::Failed(failure)) if is_passing(&failure) => failure,
                done => return done,
            };
            let Some(pause) = patience.pause(tried, failure.retry_after()) else {
                return Err(Trouble::Failed(failure));
            };
            tokio::time::sleep(pause).await;
            tried += 1;
        }
    }

    async fn put_once(
        &self,
        place: &Place,
        condition: Option<(&'static str, &str)>,
        upload: &Upload<'_>,
    ) -> Result<Hashes, Trouble> {
        let (taking, taken) = mpsc::channel(WAITING_PIECES);
        let size_bytes = upload.source.size_bytes();
        let mut call = Call::new(Method::PUT, self.base.url(place, false))
            .with_kind(Kind::Content)
            .with_header("content-type", upload.media_type)
            .with_body(Body::streamed(size_bytes, opening(taken)));
        call.is_repeatable = false;
        if let Some((name, value)) = condition {
            call.set_header(name, value);
        }
        if let Some(modified) = upload.modified {
            call.set_header("x-oc-mtime", &modified.0.div_euclid(1000).to_string());
        }
        let pumping = self.pump(upload, taking);
        if size_bytes == 0 {
            // Nothing would ask for it otherwise, and it may have more than it said.
            let hashes = hashes_of(pumping.await)?;
            self.client
                .fetch(&call, ANSWER_BYTES)
                .await
                .map_err(Trouble::Failed)?;
            return Ok(hashes);
        }
        let sending = std::pin::pin!(self.client.fetch(&call, ANSWER_BYTES));
        match select(sending, std::pin::pin!(pumping)).await {
            Either::Left((Err(failure), _)) => Err(Trouble::Failed(failure)),
            Either::Left((Ok(_), pumping)) => hashes_of(pumping.await),
            Either::Right((Pumped::Failed(error), _)) => Err(Trouble::Source(error)),
            Either::Right((pumped, sending)) => {
                sending.await.map_err(Trouble::Failed)?;
                hashes_of(pumped)
            }
        }
    }

    /// Reads a source for who sends it. Its last piece is given only when it is known to be the last.
    async fn pump(&self, upload: &Upload<'_>, taking: mpsc::Sender<Result<Bytes, BodyError>>) -> Pumped {
        let told_bytes = upload.source.size_bytes();
        let mut stream = match upload.source.open(0).await {
            Ok(stream) => stream,
            Err(error) => return Pumped::Failed(error),
        };
        let mut hasher = Hasher::new(self.abilities.hashes);
        let mut waiting: Option<Bytes> = None;
        while let Some(piece) = stream.next().await {
            let piece = match piece {
                Ok(piece) if hasher.size_bytes() + piece.len() as u64 <= told_bytes => piece,
                Ok(_) => {
                    let what = "more bytes came than were told";
                    return Pumped::Failed(BodyError::Malformed(what.to_owned()));
                }
                Err(error) => return Pumped::Failed(error),
            };
            hasher.update(&piece);
            if let Some(piece) = waiting.replace(piece)
                && taking.send(Ok(piece)).await.is_err()
            {
                return Pumped::Cut;
            }
            upload.journal.arrived(hasher.size_bytes());
        }
        if hasher.size_bytes() < told_bytes {
            return Pumped::Failed(BodyError::Incomplete);
        }
        if let Some(piece) = waiting
            && taking.send(Ok(piece)).await.is_err()
        {
            return Pumped::Cut;
        }
        Pumped::Whole(hasher.finish())
    }

    /// Moves something. Nothing is written over unless it is told to. What an earlier try moved is moved.
    pub(super) async fn shift(
        &self,
        from: &Place,
        found: &Found,
        to: &Place,
        may_replace: bool,
    ) -> Result<(), RemoteError> {
        let odd =
            to.0.iter()
                .flat_map(|name| name.chars())
                .find(|c| ODD.contains(c));
        if let Some(odd) = odd.filter(|_| !self.features.has_odd_names) {
            // It would come to be somewhere else.
            return Err(RemoteError::Name(NameFault::Character(odd)));
        }
        let call = Call::new(method("MOVE"), self.base.url(from, found.is_folder))
            .with_header("destination", &self.base.url(to, found.is_folder))
            .with_header("overwrite", if may_replace { "T" } else { "F" });
        let patience = self.client.patience();
        let mut tried = 1;
        loop {
            let failure = match self.client.fetch(&call, ANSWER_BYTES).await {
                // Some of what is in a folder stayed where it was (RFC 4918 9.9.4).
                Ok(answer) if answer.status == 207 => {
                    return Err(RemoteError::Unavailable(
                        "not all of it could be moved".to_owned(),
                    ));
                }
                Ok(_) => return Ok(()),
                Err(failure) => failure,
            };
            if !matches!(failure.status(), Some(403 | 404 | 412)) {
                return Err(self.error(failure));
            }
            let is_gone = self.look(from).await?.is_none();
            match self.look(to).await? {
                Some(there) if is_gone && is_like(&there, found) => return Ok(()),
                _ if is_gone => return Err(RemoteError::NotFound),
                Some(_) if !may_replace => return Err(RemoteError::Exists),
                // Go's library says so as well when somebody else was at work in the folder just then.
                _ if failure.status() == Some(403) && tried < 3 => {}
                _ => return Err(self.error(failure)),
            }
            tokio::time::sleep(patience.pause(tried, None).unwrap_or_default()).await;
            tried += 1;
        }
    }

    /// Removes a file of ours for good. What cannot be removed is swept another time.
    pub(super) async fn discard(&self, place: &Place) {
        let call = Call::new(Method::DELETE, self.base.url(place, false));
        if self.client.fetch(&call, ANSWER_BYTES).await.is_err() {
            tracing::debug!("an unfinished upload could not be removed");
        }
    }

    /// Makes a folder. `Exists` when there is something.
    pub(super) async fn make(&self, place: &Place) -> Result<(), RemoteError> {
        // Some servers take it for made when it is there.
        if self.look(place).await?.is_some() {
            return Err(RemoteError::Exists);
        }
        let patience = self.client.patience();
        let mut call = Call::new(method("MKCOL"), self.base.url(place, true));
        call.is_repeatable = false;
        let mut tried = 1;
        loop {
            let failure = match self.client.fetch(&call, ANSWER_BYTES).await {
                Ok(_) => return Ok(()),
                Err(failure) => failure,
            };
            match failure.status() {
                // RFC 4918 9.3.1: there is something.
                Some(405) => return Err(RemoteError::Exists),
                Some(415) => return Err(refused(415, "the server makes no folders")),
                _ if !is_passing(&failure) => return Err(self.error(failure)),
                _ => {}
            }
            // It may have been made: then it is there now, and was not before.
            if self.look(place).await?.is_some_and(|found| found.is_folder) {
                return Ok(());
            }
            let Some(pause) = patience.pause(tried, failure.retry_after()) else {
                return Err(self.error(failure));
            };
            tokio::time::sleep(pause).await;
            tried += 1;
        }
    }
}

/// Whether what is there may be what was moved.
fn is_like(there: &Found, moved: &Found) -> bool {
    (there.is_folder, there.size_bytes) == (moved.is_folder, moved.size_bytes)
}

fn hashes_of(pumped: Pumped) -> Result<Hashes, Trouble> {
    match pumped {
        Pumped::Whole(hashes) => Ok(hashes),
        Pumped::Cut => Err(Trouble::Cut),
        Pumped::Failed(error) => Err(Trouble::Source(error)),
    }
}

/// Gives what is pumped to one request.
fn opening(taken: mpsc::Receiver<Result<Bytes, BodyError>>) -> outbound::Open {
    let taken = Mutex::new(Some(taken));
    Arc::new(move || -> ByteStream {
        let taken = taken.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(stream::unfold(taken, |taken| async move {
            let mut taken = taken?;
            let piece = taken.recv().await?;
            Some((piece, Some(taken)))
        }))
    })
}

/// Whether another try may help.
fn is_passing(failure: &Failure) -> bool {
    match failure {
        Failure::Silent(_) => true,
        Failure::Refused(refusal) => matches!(refusal.status, 408 | 429 | 500 | 502 | 503 | 504),
        Failure::Ours(_) | Failure::Paused { .. } => false,
    }
}
