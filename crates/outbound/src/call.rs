//! Requests that can be sent again, and answers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use model::{BodyError, ByteStream};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, Url};
use tokio::time::timeout;

use super::{Failure, Reason};

/// A request that can be sent again.
#[derive(Clone)]
pub struct Call {
    /// What to do.
    pub method: Method,
    /// Where, percent-encoded.
    pub url: String,
    /// Headers beside those that proofs and the body bring.
    pub headers: HeaderMap,
    /// What is sent.
    pub body: Body,
    /// Statuses beside 2xx that are no failure.
    pub also_good: &'static [u16],
    /// A 2xx may hold an error in its body, which [`crate::Dialect::code`] finds.
    pub hides_errors: bool,
    /// Doing it twice is the same as once.
    pub is_repeatable: bool,
    /// The address proves by itself who asks: nothing is added.
    pub is_signed: bool,
    /// How many stored bytes the service puts together before it answers, for which it is given time.
    pub joined_bytes: u64,
    /// How many redirects are followed. Whoever is at another origin is not told who asks.
    pub follow: u8,
    /// Not even the same origin is told who asks, once the answer leads on.
    pub drops_proofs: bool,
    /// What it costs the service.
    pub kind: Kind,
    /// Nobody waits for it.
    pub is_background: bool,
}

/// What a request costs a service, as far as its limits tell requests apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Looks at one thing.
    Read,
    /// Lists many.
    List,
    /// Changes something.
    Write,
    /// Moves bytes of files.
    Content,
}

impl Call {
    /// A request without a body that may be repeated.
    pub fn new(method: Method, url: String) -> Self {
        let only_reads = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::default(),
            also_good: &[],
            hides_errors: false,
            is_repeatable: true,
            is_signed: false,
            joined_bytes: 0,
            follow: 0,
            drops_proofs: false,
            kind: if only_reads { Kind::Read } else { Kind::Write },
            is_background: false,
        }
    }

    /// What it takes the service to do it, as if it were so many bytes to be sent. One moves what it holds
    /// faster than a slow line does.
    pub(crate) fn weight_bytes(&self) -> u64 {
        self.body.len() + self.joined_bytes / 16
    }

    /// Says what it costs.
    #[must_use]
    pub const fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Sends these bytes.
    #[must_use]
    pub fn with_body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Adds a header, in place of one of the same name. What cannot be a header's value, which no caller
    /// has, is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.set_header(name, value);
        self
    }

    /// Sets a header; see [`Call::with_header`].
    pub fn set_header(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    pub(crate) fn into_request(self) -> Result<reqwest::Request, Failure> {
        let url = Url::parse(&self.url).map_err(|error| {
            let wrong = format!("the address of a request is not one: {error}");
            Failure::Ours(Reason::Io(std::io::Error::other(wrong)))
        })?;
        let mut request = reqwest::Request::new(self.method, url);
        *request.headers_mut() = self.headers;
        if !self.body.is_empty() {
            *request.body_mut() = Some(reqwest::Body::wrap(self.body));
        } else if matches!(*request.method(), Method::PUT | Method::POST) {
            // Nothing would be said of an empty body's length otherwise, which some stores insist on.
            request
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(request)
    }
}

/// Bytes that can be sent again: in memory, where a clone shares them, or from where they are read anew.
#[derive(Clone, Default)]
pub struct Body {
    pieces: VecDeque<Bytes>,
    size_bytes: u64,
    opened: Option<Opened>,
}

/// Reads the bytes of a body from their beginning.
pub type Open = Arc<dyn Fn() -> ByteStream + Send + Sync>;

/// A stream that was begun or not. A clone begins anew.
struct Opened {
    open: Open,
    /// Only ever reached by who has it alone.
    stream: Mutex<Option<ByteStream>>,
}

impl Clone for Opened {
    fn clone(&self) -> Self {
        Self {
            open: Arc::clone(&self.open),
            stream: Mutex::default(),
        }
    }
}

impl Body {
    /// Bytes that are read when they are sent, and again when they are sent again; `size_bytes` of them.
    pub fn streamed(size_bytes: u64, open: Open) -> Self {
        let stream = Mutex::default();
        Self {
            pieces: VecDeque::new(),
            size_bytes,
            opened: (size_bytes > 0).then_some(Opened { open, stream }),
        }
    }

    /// How many bytes there are.
    pub const fn len(&self) -> u64 {
        self.size_bytes
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.size_bytes == 0
    }

    /// The pieces in order, of bytes in memory.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter()
    }

    /// Takes from what is left to come; more than there is to be breaks the request.
    fn count(&mut self, piece: Bytes) -> Result<Frame<Bytes>, BodyError> {
        let left = self.size_bytes.checked_sub(piece.len() as u64);
        self.size_bytes =
            left.ok_or_else(|| BodyError::Malformed("more bytes came than were told".to_owned()))?;
        Ok(Frame::data(piece))
    }
}

impl From<Vec<Bytes>> for Body {
    fn from(pieces: Vec<Bytes>) -> Self {
        Self {
            size_bytes: pieces.iter().map(|piece| piece.len() as u64).sum(),
            pieces: pieces.into_iter().filter(|piece| !piece.is_empty()).collect(),
            opened: None,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        vec![bytes].into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(opened) = &mut self.opened else {
            let piece = self.pieces.pop_front();
            return Poll::Ready(piece.map(|piece| self.count(piece)));
        };
        let stream = opened.stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        let stream = stream.get_or_insert_with(|| (opened.open)());
        let piece = ready!(stream.as_mut().poll_next(ctx));
        Poll::Ready(match piece {
            Some(Ok(piece)) => Some(self.count(piece)),
            Some(Err(error)) => Some(Err(error)),
            None if self.size_bytes > 0 => Some(Err(BodyError::Incomplete)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.opened.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size_bytes)
    }
}

/// An answer whose body is still to come.
pub struct Answer {
    response: Response,
    silence: Duration,
}

impl Answer {
    pub(crate) const fn new(response: Response, silence: Duration) -> Self {
        Self { response, silence }
    }

    /// Its status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        text_of(self.headers(), name)
    }

    /// The next bytes of the body; `None` at its end.
    ///
    /// # Errors
    /// The connection broke, or the service says nothing any more.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        match timeout(self.silence, self.response.chunk()).await {
            Ok(chunk) => chunk.map_err(Failure::silent),
            Err(_) => Err(Failure::too_slow()),
        }
    }

    pub(crate) async fn whole(mut self, limit_bytes: usize) -> Result<Whole, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit_bytes {
                return Err(Failure::strange("its answer is longer than it can be"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(self.with_body(body))
    }

    /// As much of the body as comes, up to `limit_bytes`.
    pub(crate) async fn beginning(mut self, limit_bytes: usize) -> Whole {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            let room = limit_bytes - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == limit_bytes {
                break;
            }
        }
        self.with_body(body)
    }

    fn with_body(self, body: Vec<u8>) -> Whole {
        Whole {
            status: self.status(),
            headers: self.response.headers().clone(),
            body: body.into(),
        }
    }
}

/// An answer that was read to its end.
#[derive(Debug, Clone)]
pub struct Whole {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Whole {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        text_of(&self.headers, name)
    }
}

pub(crate) fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
