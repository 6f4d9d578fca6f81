//! One connection from its first byte to its last.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode, Version as HttpVersion};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::request::{self, Carried, Fate, RequestBody};
use super::watch::{Overdue, Version, Watch, WatchedBody, WatchedStream};
use super::{Limits, Shutdown};

/// The most that a request's head may hold, in bytes and in fields.
const HEAD_BYTES: usize = 32 * 1024;
const HEAD_FIELDS: usize = 100;
/// Requests at a time on one HTTP/2 connection.
const STREAMS: u32 = 100;
/// What an HTTP/2 client may send ahead of our reading, on one stream and on all of them.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// How often a quiet HTTP/2 peer is asked whether it is still there, and how long it may think.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a shutdown waits for the first byte of a connection that is as good as new.
const LAST_WORD: Duration = Duration::from_millis(250);

/// What all connections of a listener share.
pub struct Server {
    router: Router,
    limits: Limits,
    shutdown: Shutdown,
    http1: http1::Builder,
    http2: http2::Builder<Tasks>,
    tasks: TaskTracker,
}

/// Spawns what HTTP/2 needs spawned where the shutdown waits for it.
#[derive(Clone)]
struct Tasks(TaskTracker);

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

impl Server {
    /// Serves `router`; `tasks` owns what it spawns.
    pub fn new(router: Router, limits: Limits, shutdown: Shutdown, tasks: TaskTracker) -> Self {
        let mut http1 = http1::Builder::new();
        // The watch bounds the head's time: hyper's own bound would also end resting connections.
        // Hyper allows 100 fields unless told otherwise, and is faster when it is not told.
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_header_size(HEAD_BYTES);
        let mut http2 = http2::Builder::new(Tasks(tasks.clone()));
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES as u32)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT);
        Self {
            router,
            limits,
            shutdown,
            http1,
            http2,
            tasks,
        }
    }

    /// Serves one connection until it ends, rests too long, or the shutdown ends it.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        // Replies go out as soon as they are written; a failure here only makes them slower.
        let _ = stream.set_nodelay(true);
        let watch = Arc::new(Watch::new());
        let mut stream = WatchedStream::new(stream, Arc::clone(&watch));
        let version = tokio::select! {
            version = stream.version() => version,
            () = tokio::time::sleep(self.limits.head) => return,
            () = self.last_word() => return,
        };
        let Ok(version) = version else {
            return;
        };
        let service = {
            let (server, watch) = (Arc::clone(&self), Arc::clone(&watch));
            service_fn(move |request| Arc::clone(&server).take(request, peer, Arc::clone(&watch)))
        };
        let io = TokioIo::new(stream);
        match version {
            Version::One => {
                self.drive(self.http1.serve_connection(io, service), version, &watch)
                    .await
            }
            Version::Two => {
                self.drive(self.http2.serve_connection(io, service), version, &watch)
                    .await
            }
        }
    }

    /// Ends when a shutdown has left a silent client the time to send what it was sending.
    async fn last_word(&self) {
        self.shutdown.begun().await;
        tokio::time::sleep(LAST_WORD).await;
    }

    async fn drive<C: Connection>(&self, connection: C, version: Version, watch: &Watch) {
        let mut connection = pin!(connection);
        let mut begun = pin!(self.shutdown.begun());
        let mut cut = pin!(self.shutdown.cut.cancelled());
        let mut alarm = pin!(sleep_until(watch.next(version, &self.limits).1));
        let mut is_finishing = false;
        poll_fn(|cx| {
            if connection.as_mut().poll(cx).is_ready() || cut.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            if !is_finishing && begun.as_mut().poll(cx).is_ready() {
                if version == Version::One && watch.is_resting() {
                    return Poll::Ready(());
                }
                is_finishing = true;
                connection.as_mut().finish();
                cx.waker().wake_by_ref();
            }
            loop {
                let (overdue, moment) = watch.next(version, &self.limits);
                if moment <= Instant::now() {
                    if overdue != Overdue::Idle || is_finishing {
                        tracing::debug!(?overdue, "a connection was closed");
                        return Poll::Ready(());
                    }
                    is_finishing = true;
                    watch.rest();
                    connection.as_mut().finish();
                    cx.waker().wake_by_ref();
                    continue;
                }
                // A moment that moved away is looked at when the alarm rings: setting it costs.
                if moment < alarm.deadline() || alarm.is_elapsed() {
                    alarm.as_mut().reset(moment);
                }
                if alarm.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }

    /// Takes in a request. One that changes something is carried out from now on, even if the
    /// connection ends before its turn comes.
    fn take(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        watch: Arc<Watch>,
    ) -> Carried<impl Future<Output = Result<Response<WatchedBody>, Infallible>>> {
        let running = watch.begin();
        let goes_on = !request.method().is_safe();
        let (request, fate) = request::watched(request);
        let tasks = self.tasks.clone();
        let known = fate.clone();
        let handler = async move {
            let response = self.answer(request, peer, &known).await?;
            Ok(response.map(|body| WatchedBody::new(body, running)))
        };
        Carried::new(handler, fate, goes_on.then_some(tasks))
    }

    async fn answer(
        &self,
        request: Request<RequestBody>,
        peer: SocketAddr,
        fate: &Fate,
    ) -> Result<Response<Body>, Infallible> {
        if request.headers().len() > HEAD_FIELDS {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Ok(response);
        }
        let is_one = request.version() < HttpVersion::HTTP_2;
        let is_expecting = request::is_expecting(&request);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let mut response = self.router.clone().oneshot(request).await?;
        if is_one {
            fate.settle(is_expecting, response.headers_mut(), &self.tasks, &self.shutdown);
        }
        Ok(response)
    }
}

/// A connection of either version that can be asked to end after what runs.
trait Connection: Future<Output = hyper::Result<()>> {
    fn finish(self: Pin<&mut Self>);
}

impl<S> Connection for http1::Connection<TokioIo<WatchedStream>, S>
where
    S: hyper::service::HttpService<Incoming, ResBody = WatchedBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S> Connection for http2::Connection<TokioIo<WatchedStream>, S, Tasks>
where
    S: hyper::service::HttpService<Incoming, ResBody = WatchedBody>,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
