//! The listener: records every request, makes happen what the script says, and hands the rest to a provider.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header, request};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::fmt::rfc2822;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::{Act, FakeClock, Faults, Record, Seen};

/// Finds out whose request it is, from its headers; `None` if nobody's.
pub type AccountOf = Arc<dyn Fn(&HeaderMap) -> Option<String> + Send + Sync>;

/// What every fake has. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Core {
    /// The time.
    pub clock: FakeClock,
    /// The script of what goes wrong.
    pub faults: Faults,
    /// What clients did.
    pub record: Record,
}

/// One listening port of a fake; closed when dropped.
pub struct Server {
    url: String,
    task: tokio::task::JoinHandle<()>,
}

/// How long a client may say nothing in the middle of a body that nobody needs.
const MOST_SILENCE: Duration = Duration::from_millis(500);
/// Below this path no request is recorded and nothing goes wrong.
const CONTROL: &str = "/_fake/";

impl Server {
    /// Serves `app` on a listener, until dropped. `account_of` is for the windows of Retry-After.
    ///
    /// # Errors
    /// The listener's address cannot be told.
    pub fn start(listener: TcpListener, app: Router, core: Core, account_of: AccountOf) -> io::Result<Self> {
        let url = url_of(&listener)?;
        let door = Door {
            app,
            core,
            account_of,
        };
        let task = tokio::spawn(accept(listener, door));
        Ok(Self { url, task })
    }

    /// Its address without a slash at the end, such as `http://127.0.0.1:8090`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves until it is stopped from outside.
    pub async fn wait(&mut self) {
        // It ends only together with the process or with `self`.
        (&mut self.task).await.ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A listener on this address.
///
/// # Errors
/// The address is taken or not ours.
pub async fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(listen).await
}

/// Where a listener is reached.
///
/// # Errors
/// Its address cannot be told.
pub fn url_of(listener: &TcpListener) -> io::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// The origin that a client believes to speak to: its Host, by TLS unless that is an address of this machine.
///
/// A client that a proxy leads here from `https://www.googleapis.com` needs addresses with that name.
#[must_use]
pub fn origin_of(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_here = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    format!("{}://{host}", if is_here { "http" } else { "https" })
}

#[derive(Clone)]
struct Door {
    app: Router,
    core: Core,
    account_of: AccountOf,
}

/// The connection is closed without an answer.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

async fn accept(listener: TcpListener, door: Door) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    stream.set_nodelay(true).ok();
                    connections.spawn(serve(stream, door.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, door: Door) {
    let service = service_fn(move |request| {
        let door = door.clone();
        async move { door.answer(request).await }
    });
    // What fails here is the client's end of the connection, or meant to.
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response, Dropped> {
        if request.uri().path().starts_with(CONTROL) {
            return self.hand_over(request.map(Body::new)).await;
        }
        let (head, body) = request.into_parts();
        let account = (self.account_of)(&head.headers);
        self.check_pause(&head, account.as_deref());
        let number = self.core.record.begin(Seen::of(&head, self.core.clock.now()));
        let bytes = Arc::new(AtomicU64::new(0));
        let path = head
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let act = self.core.faults.due(head.method.as_str(), path);
        let body = Shared(Arc::new(Mutex::new(body)));
        let counted = Counted {
            inner: body.clone(),
            count: bytes.clone(),
            limit: if let Some(Act::DropMid(limit)) = act {
                limit
            } else {
                u64::MAX
            },
        };
        let answered = self.act(act, Request::from_parts(head, Body::new(counted))).await;
        if answered.is_ok() {
            body.drain().await;
        }

        let status = answered.as_ref().map_or(0, |response| response.status().as_u16());
        self.core.record.end(number, status, bytes.load(Ordering::SeqCst));
        if let (Ok(response), Some(account)) = (&answered, account) {
            self.note_pause(response, &account);
        }
        let record = self.core.record.clone();
        answered.map(|response| response.map(|body| Body::new(Sent { body, record, number })))
    }

    async fn act(&self, act: Option<Act>, request: Request<Body>) -> Result<Response, Dropped> {
        match act {
            None => self.hand_over(request).await,
            Some(Act::Answer {
                status,
                headers,
                body,
            }) => {
                drop(request);
                Ok(scripted(status, &headers, body))
            }
            Some(Act::AnswerAfter {
                status,
                headers,
                body,
            }) => {
                self.hand_over(request).await?;
                Ok(scripted(status, &headers, body))
            }
            Some(Act::Delay(ms)) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                self.hand_over(request).await
            }
            Some(Act::Hold(name)) => {
                self.core.faults.hold(&name).await;
                self.hand_over(request).await
            }
            Some(Act::DropBefore) => Err(Dropped),
            Some(Act::DropMid(_) | Act::DropAfter) => {
                self.hand_over(request).await?;
                Err(Dropped)
            }
            Some(Act::Truncate) => truncated(self.hand_over(request).await?).await,
            Some(Act::Flip) => flipped(self.hand_over(request).await?).await,
            Some(Act::Twice) => {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
                let first = Request::from_parts(head.clone(), Body::from(body.clone()));
                self.hand_over(first).await?;
                self.hand_over(Request::from_parts(head, Body::from(body))).await
            }
        }
    }

    async fn hand_over(&self, request: Request<Body>) -> Result<Response, Dropped> {
        let answered: Result<Response, Infallible> = self.app.clone().oneshot(request).await;
        answered.map_err(|never| match never {})
    }

    fn check_pause(&self, head: &request::Parts, account: Option<&str>) {
        let Some(account) = account else { return };
        if self.core.record.is_paused(account, self.core.clock.now()) {
            self.core.record.violation(format!(
                "{} {} for {account} before the time of Retry-After was over",
                head.method,
                head.uri.path()
            ));
        }
    }

    fn note_pause(&self, response: &Response, account: &str) {
        let is_pause = matches!(
            response.status(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        let after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|after| after.to_str().ok());
        let now = self.core.clock.now();
        if let Some(until) = after.filter(|_| is_pause).and_then(|after| retry_at(after, now)) {
            self.core.record.pause(account, until);
        }
    }
}

/// When Retry-After lets a client come again: seconds from now, or an HTTP date.
fn retry_at(after: &str, now_ms: i64) -> Option<i64> {
    match after.parse::<i64>() {
        Ok(secs) => Some(now_ms + secs * 1000),
        Err(_) => Some(rfc2822::parse(after).ok()?.timestamp().as_millisecond()),
    }
}

fn scripted(status: u16, headers: &std::collections::BTreeMap<String, String>, body: String) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).unwrap_or_else(|error| {
        let mut response = Response::new(Body::from(format!("the script's answer: {error}")));
        *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
        response
    })
}

/// The head of an answer, with its length, and all of its body.
async fn whole(response: Response) -> Result<(http::response::Parts, Bytes), Dropped> {
    let (mut head, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
    head.headers.insert(header::CONTENT_LENGTH, body.len().into());
    Ok((head, body))
}

async fn truncated(response: Response) -> Result<Response, Dropped> {
    let (head, body) = whole(response).await?;
    let half = body.slice(..body.len() / 2);
    // The pause lets the half go out before the connection ends.
    let pieces = futures_util::stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) => Some((Ok(half), None)),
            None => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(Dropped), None))
            }
        }
    });
    Ok(Response::from_parts(head, Body::from_stream(pieces)))
}

async fn flipped(response: Response) -> Result<Response, Dropped> {
    let (head, body) = whole(response).await?;
    let mut body = Vec::from(body);
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

/// A body that the listener can read on when the provider is done with it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Incoming>>);

impl Shared {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut body = self.0.lock().expect("nobody panics while holding it");
        Pin::new(&mut *body).poll_frame(cx)
    }

    /// Reads what is left, or the client sees a reset instead of the answer.
    async fn drain(&self) {
        while let Ok(Some(Ok(_))) = timeout(MOST_SILENCE, poll_fn(|cx| self.poll(cx))).await {}
    }
}

/// Counts what is read of a body, and breaks it off after `limit` bytes.
struct Counted {
    inner: Shared,
    count: Arc<AtomicU64>,
    limit: u64,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let read = self.count.load(Ordering::SeqCst);
        if read >= self.limit {
            return Poll::Ready(Some(Err(axum::Error::new(Dropped))));
        }
        let polled = self.inner.poll(cx);
        let Poll::Ready(Some(Ok(frame))) = polled else {
            return polled.map_err(axum::Error::new);
        };
        let room = usize::try_from(self.limit - read).unwrap_or(usize::MAX);
        let frame = frame.map_data(|data| data.slice(..data.len().min(room)));
        let length = frame.data_ref().map_or(0, Bytes::len);
        self.count.fetch_add(length as u64, Ordering::SeqCst);
        Poll::Ready(Some(Ok(frame)))
    }
}

/// Writes down how much of an answer went out.
struct Sent {
    body: Body,
    record: Record,
    number: usize,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let length = frame.data_ref().map_or(0, Bytes::len);
            self.record.answered(self.number, length as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    // Or hyper would not tell the length.
    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
