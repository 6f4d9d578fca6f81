//! Uploads in many pieces.

use std::sync::Arc;

use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::BodyExt as _;
use tokio::sync::Mutex;

use super::Drive;
use super::answer::{Fail, empty_response};
use super::call::{Call, Caller};
use super::upload::{Order, Place};
use super::write::Media;
use crate::oauth::bearer;
use crate::{Blob, BlobWriter};

/// How long an upload may take.
const LIFE_MS: i64 = 7 * 24 * 3_600_000;
/// Pieces are multiples of this, but for the last.
const UNIT: usize = 256 << 10;

/// Pieces are multiples of so many bytes.
pub const fn unit() -> u64 {
    UNIT as u64
}

/// An upload in many pieces.
pub struct Session {
    order: Order,
    caller: Caller,
    begun: Begun,
    until_ms: i64,
    total: Option<u64>,
    mime: Option<String>,
    writer: Option<BlobWriter>,
    /// The answer to the last piece, which every later question gets.
    done: Option<Result<String, Fail>>,
}

/// The request that began it, whose parameters form the last answer.
struct Begun {
    path: String,
    raw_query: String,
    query: Vec<(String, String)>,
    origin: String,
    method: Method,
}

/// A session with the address that was given out for it.
#[derive(Clone)]
pub struct Kept {
    address: String,
    session: Arc<Mutex<Session>>,
}

impl Session {
    /// Nothing of the content yet.
    pub fn new(order: Order, call: &Call, caller: &Caller, declared: Option<u64>, drive: &Drive) -> Self {
        let begun = Begun {
            path: call.path.clone(),
            raw_query: call.raw_query.clone(),
            query: call.query.clone(),
            origin: call.origin.clone(),
            method: call.method.clone(),
        };
        Self {
            order,
            caller: caller.clone(),
            begun,
            until_ms: drive.core.clock.now() + LIFE_MS,
            total: declared,
            mime: call.header("x-upload-content-type").map(str::to_owned),
            writer: Some(BlobWriter::new(drive.keeps_bytes)),
            done: None,
        }
    }

    fn kept_bytes(&self) -> u64 {
        self.writer.as_ref().map_or(0, BlobWriter::size_bytes)
    }
}

impl Drive {
    /// Remembers a session.
    pub(super) fn keep_session(&self, upload_id: String, address: String, session: Session) {
        let session = Arc::new(Mutex::new(session));
        self.sessions().insert(upload_id, Kept { address, session });
    }

    /// Forgets all sessions, as Google does when it likes.
    pub(super) fn forget_sessions(&self) {
        self.sessions().clear();
    }

    /// `PUT` or `POST` to the address of a session.
    pub(super) async fn upload_piece(&self, mut call: Call) -> Result<Response, Fail> {
        // A token is not needed, but one that is sent must be good.
        if bearer(&call.headers).is_some() {
            self.caller(&call.headers)?;
        }
        let upload_id = call.parameter("upload_id").unwrap_or_default();
        let kept = self.sessions().get(upload_id).cloned();
        let over = match self.switches.get().session_over_status {
            0 => 404,
            status => status,
        };
        let gone = || Fail::new(over, "notFound", "Upload session not found.");
        let kept = kept.ok_or_else(gone)?;
        if kept.address != format!("{}?{}", call.path, call.raw_query) {
            self.core
                .record
                .violation("the address of an upload session was written differently than given");
        }
        let mut session = kept.session.lock().await;
        if self.core.clock.now() >= session.until_ms {
            return Err(gone());
        }
        if let Some(done) = session.done.clone() {
            let id = done?;
            return self.show_upload(&session, &id);
        }
        let place = Place::read(&call)?;
        self.check_place(&mut session, place)?;
        match place {
            Place::Nothing(total) if total != Some(0) => return Ok(progress(session.kept_bytes())),
            Place::Nothing(_) => {}
            Place::Whole => self.take(&mut session, &mut call, 0, true).await?,
            Place::Range(first, ..) => self.take(&mut session, &mut call, first, place.is_last()).await?,
        }
        let is_whole = place.is_last() && session.total.is_none_or(|total| session.kept_bytes() == total);
        if !is_whole {
            return Ok(progress(session.kept_bytes()));
        }
        self.end(&mut session)
    }

    /// What no honest client says of a piece.
    fn check_place(&self, session: &mut Session, place: Place) -> Result<(), Fail> {
        let refuse = |text: String| {
            self.core.record.violation(text.clone());
            Err(Fail::bad(text))
        };
        if !place.is_even() {
            return refuse("a piece that is not the last is not a multiple of 256 KiB".to_owned());
        }
        if let Place::Range(first, _, _) = place
            && first > session.kept_bytes()
        {
            return refuse(format!(
                "a piece begins at {first} and {} bytes are there",
                session.kept_bytes()
            ));
        }
        let total = match place {
            Place::Range(_, _, total) | Place::Nothing(total) => total,
            Place::Whole => None,
        };
        if let (Some(total), Some(declared)) = (total, session.total)
            && total != declared
        {
            return refuse(format!("an upload of {declared} bytes became one of {total}"));
        }
        session.total = session.total.or(total);
        Ok(())
    }

    /// Takes a piece in, as far as it is kept.
    async fn take(
        &self,
        session: &mut Session,
        call: &mut Call,
        first: u64,
        is_last: bool,
    ) -> Result<(), Fail> {
        let mut most = self.next_limit();
        // What is there already comes again and is not kept twice.
        let mut skip = session.kept_bytes() - first.min(session.kept_bytes());
        let mut waiting = BytesMut::new();
        // Whoever hangs up takes nothing along that was kept.
        let writer = session
            .writer
            .as_mut()
            .ok_or_else(|| Fail::bad("the upload is over"))?;
        let mut is_cut = false;
        while let Some(frame) = call.body.frame().await {
            let Ok(frame) = frame else {
                is_cut = true;
                break;
            };
            let mut data = frame.into_data().unwrap_or_else(|_| Bytes::new());
            let skipped = data.len().min(usize::try_from(skip).unwrap_or(usize::MAX));
            skip -= skipped as u64;
            data = data.slice(skipped..);
            waiting.extend_from_slice(&data);
            while waiting.len() >= UNIT && most >= unit() {
                writer.write(&waiting.split_to(UNIT));
                most -= unit();
            }
            if most < unit() {
                waiting.clear();
            }
        }
        if is_last && !is_cut && most >= waiting.len() as u64 {
            writer.write(&waiting);
        }
        if is_cut {
            Err(Fail::bad("the body ended early"))
        } else {
            Ok(())
        }
    }

    /// How much is kept of the next piece at most.
    fn next_limit(&self) -> u64 {
        let mut limit = u64::MAX;
        self.switches.set(|switches| {
            if !switches.keep_of_pieces.is_empty() {
                limit = switches.keep_of_pieces.remove(0);
            }
        });
        limit
    }

    /// The content is there: makes or changes the file.
    fn end(&self, session: &mut Session) -> Result<Response, Fail> {
        let blob = session
            .writer
            .take()
            .map_or_else(|| Blob::new(""), BlobWriter::finish);
        let media = Media {
            blob,
            mime: session.mime.clone(),
        };
        let call = self.begun_call(session);
        let order = session.order.clone();
        let checked = if self.switches.get().v2_if_match.is_at_end() {
            self.check_tag(&order)
        } else {
            Ok(())
        };
        let caller = session.caller.clone();
        let made = checked.and_then(|()| match order.id.clone() {
            Some(id) => self
                .rewrite(&id, &order.metadata, Some(media), &call, &caller)
                .map(|()| id),
            None => self.make(order.metadata.clone(), Some(media), &call, &caller),
        });
        session.done = Some(made.clone());
        let id = made?;
        self.show_upload(session, &id)
    }

    fn show_upload(&self, session: &Session, id: &str) -> Result<Response, Fail> {
        let call = self.begun_call(session);
        match session.order.api {
            super::upload::Api::V3 => self.show(id, &call, &session.caller),
            super::upload::Api::V2 => self.show_v2(id, &call, &session.caller),
        }
    }

    fn begun_call(&self, session: &Session) -> Call {
        Call {
            method: session.begun.method.clone(),
            path: session.begun.path.clone(),
            raw_query: session.begun.raw_query.clone(),
            query: session.begun.query.clone(),
            headers: HeaderMap::new(),
            body: axum::body::Body::empty(),
            origin: session.begun.origin.clone(),
            record: self.core.record.clone(),
        }
    }
}

/// 308, and how much is there; no `Range` if nothing is.
fn progress(kept_bytes: u64) -> Response {
    let mut response = empty_response(308);
    if let Some(last) = kept_bytes.checked_sub(1) {
        let range = HeaderValue::from_str(&format!("bytes=0-{last}")).expect("digits are visible ASCII");
        response.headers_mut().insert(header::RANGE, range);
    }
    response
}
