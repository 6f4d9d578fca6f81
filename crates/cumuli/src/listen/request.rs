//! A request whose client may stop listening: what came in whole is carried out, what did not is not
//! taken for whole, and what a refusal leaves unread is taken in so that the refusal is heard.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Request, Version, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::Shutdown;

/// What is left of a body and is taken in without giving up the connection.
const SHORT_REST_BYTES: u64 = 64 * 1024;
/// How long the rest of a body is taken in: until the client has read why it need not send it.
const LINGER: Duration = Duration::from_secs(20);
/// How long the client may be silent meanwhile.
const LINGER_SILENT: Duration = Duration::from_secs(5);

/// What is known about one request from outside of its handler.
#[derive(Clone, Default)]
pub struct Fate(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// The connection, or the HTTP/2 stream, has ended before the reply was complete.
    is_cut: AtomicBool,
    /// A body that the handler did not read to its end.
    unread: Mutex<Option<Incoming>>,
}

/// A request's body as its handler reads it.
pub struct RequestBody {
    incoming: Option<Incoming>,
    fate: Fate,
}

/// Wraps the body of a request.
pub fn watched(request: Request<Incoming>) -> (Request<RequestBody>, Fate) {
    let fate = Fate::default();
    let wrap = |incoming| RequestBody {
        incoming: Some(incoming),
        fate: fate.clone(),
    };
    (request.map(wrap), fate)
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Ready(None) => {
                // Hyper ends a body whose connection it gave up as if it were complete. One whose
                // length is known tells the truth; of another it is believed as long as the
                // connection stands.
                let is_whole = incoming.is_end_stream() || !self.fate.0.is_cut.load(Ordering::Acquire);
                self.incoming = None;
                Poll::Ready((!is_whole).then(|| Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())))
            }
            frame => frame.map(|frame| frame.map(|frame| frame.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.incoming.as_ref().map(Body::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let unread = self.incoming.take().filter(|incoming| !incoming.is_end_stream());
        *self.fate.0.unread.lock().unwrap_or_else(PoisonError::into_inner) = unread;
    }
}

impl Fate {
    /// Deals with what the handler of an HTTP/1 request left of its body: the client may still be
    /// sending it, and would take a closed connection for an answer.
    pub fn settle(
        &self,
        is_expecting: bool,
        headers: &mut HeaderMap,
        tasks: &TaskTracker,
        shutdown: &Shutdown,
    ) {
        let unread = self
            .0
            .unread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(unread) = unread else { return };
        let is_short = unread
            .size_hint()
            .upper()
            .is_some_and(|rest| rest <= SHORT_REST_BYTES);
        if is_expecting || !is_short {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        // Reading on would ask a client that waits for a word (`Expect: 100-continue`) to send.
        if !is_expecting {
            let shutdown = shutdown.clone();
            tasks.spawn(async move {
                tokio::select! {
                    _ = timeout(LINGER, read_on(unread)) => {}
                    () = shutdown.begun() => {}
                }
            });
        }
    }
}

async fn read_on(mut unread: Incoming) {
    let mut next = async || std::future::poll_fn(|cx| Pin::new(&mut unread).poll_frame(cx)).await;
    while let Ok(Some(Ok(_))) = timeout(LINGER_SILENT, next()).await {}
}

/// Whether the client waits for a word before it sends the body.
pub fn is_expecting<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_11 && request.headers().contains_key(header::EXPECT)
}

/// The handler of a request. One that goes on is not dropped with its connection: nobody waits for
/// the reply any more, but what came in whole is done. A body that did not come in whole ends it.
pub struct Carried<F: Future + Send + 'static> {
    handler: Option<Pin<Box<F>>>,
    fate: Fate,
    tasks: Option<TaskTracker>,
}

impl<F: Future + Send + 'static> Carried<F> {
    /// The handler goes on among `tasks`, if there are any.
    pub fn new(handler: F, fate: Fate, tasks: Option<TaskTracker>) -> Self {
        Self {
            handler: Some(Box::pin(handler)),
            fate,
            tasks,
        }
    }
}

impl<F: Future + Send + 'static> Future for Carried<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(handler) = &mut self.handler else {
            return Poll::Pending;
        };
        let outcome = handler.as_mut().poll(cx);
        if outcome.is_ready() {
            self.handler = None;
        }
        outcome
    }
}

impl<F: Future + Send + 'static> Drop for Carried<F> {
    fn drop(&mut self) {
        if let (Some(handler), Some(tasks)) = (self.handler.take(), &self.tasks) {
            self.fate.0.is_cut.store(true, Ordering::Release);
            tasks.spawn(async move {
                handler.await;
            });
        }
    }
}
