//! What a connection is doing, so that one that does nothing can be told from one that works.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Limits;

/// How every HTTP/2 connection begins (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Stands for "never" in the times below.
const NEVER: u64 = u64::MAX;

/// Times of one connection, in milliseconds since it began.
pub struct Watch {
    began: Instant,
    /// Requests whose reply is not complete.
    running: AtomicUsize,
    /// Since when none runs.
    quiet: AtomicU64,
    /// When the first byte came after the connection fell quiet.
    head: AtomicU64,
    /// Since when the client takes nothing.
    stalled: AtomicU64,
    /// Requests so far.
    requests: AtomicUsize,
}

/// What a connection has done for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// Sent a part of a request's head, or nothing at all.
    Head,
    /// Rested between requests.
    Idle,
    /// Taken nothing.
    Stalled,
}

/// The versions of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One request after the other.
    One,
    /// Many at a time.
    Two,
}

impl Watch {
    /// For a connection that begins now.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            running: AtomicUsize::new(0),
            quiet: AtomicU64::new(0),
            head: AtomicU64::new(NEVER),
            stalled: AtomicU64::new(NEVER),
            requests: AtomicUsize::new(0),
        }
    }

    /// What will be overdue next, and when.
    pub fn next(&self, version: Version, limits: &Limits) -> (Overdue, Instant) {
        let moment = |millis: u64| self.began + std::time::Duration::from_millis(millis);
        let head = self.head.load(Ordering::Relaxed);
        let quiet = moment(self.quiet.load(Ordering::Relaxed));
        let stalled = self.stalled.load(Ordering::Relaxed);
        let waiting = if self.running.load(Ordering::Relaxed) > 0 {
            // Asked again by then; a reply that goes on moves the moment.
            (Overdue::Idle, Instant::now() + limits.idle)
        } else if self.requests.load(Ordering::Relaxed) == 0 {
            (Overdue::Head, quiet + limits.head)
        } else if head != NEVER && version == Version::One {
            (Overdue::Head, moment(head) + limits.head)
        } else {
            (Overdue::Idle, quiet + limits.idle)
        };
        if stalled == NEVER {
            return waiting;
        }
        let cut = moment(stalled) + limits.stalled;
        if cut < waiting.1 {
            (Overdue::Stalled, cut)
        } else {
            waiting
        }
    }

    /// Whether it waits for a request of which nothing came yet.
    pub fn is_resting(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 0 && self.head.load(Ordering::Relaxed) == NEVER
    }

    /// Begins to count the rest anew.
    pub fn rest(&self) {
        self.quiet.store(self.now(), Ordering::Relaxed);
    }

    /// A request came in.
    pub fn begin(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.head.store(NEVER, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    fn has_read(&self) {
        if self.running.load(Ordering::Relaxed) == 0 && self.head.load(Ordering::Relaxed) == NEVER {
            self.head.store(self.now(), Ordering::Relaxed);
        }
    }

    fn has_written(&self, outcome: &Poll<io::Result<usize>>) {
        let is_stalled = self.stalled.load(Ordering::Relaxed) != NEVER;
        match outcome {
            Poll::Pending if !is_stalled => self.stalled.store(self.now(), Ordering::Relaxed),
            Poll::Ready(_) if is_stalled => self.stalled.store(NEVER, Ordering::Relaxed),
            Poll::Pending | Poll::Ready(_) => {}
        }
    }
}

/// A request whose reply is not complete. Dropping it says that the reply is, or never will be.
pub struct Running(Arc<Watch>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.rest();
        }
    }
}

/// A reply's body that says when it ends.
pub struct WatchedBody {
    body: Body,
    running: Option<Running>,
}

impl WatchedBody {
    /// `running` ends with `body`.
    pub const fn new(body: Body, running: Running) -> Self {
        Self {
            body,
            running: Some(running),
        }
    }
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) {
            self.running = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that notes when bytes move.
pub struct WatchedStream {
    stream: TcpStream,
    watch: Arc<Watch>,
    /// What was read to tell the version, to be read again.
    ahead: [u8; PREFACE.len()],
    ahead_start: usize,
    ahead_end: usize,
}

impl WatchedStream {
    /// Notes on `watch` what `stream` does.
    pub const fn new(stream: TcpStream, watch: Arc<Watch>) -> Self {
        Self {
            stream,
            watch,
            ahead: [0; PREFACE.len()],
            ahead_start: 0,
            ahead_end: 0,
        }
    }

    /// Reads as little as tells HTTP/2 from HTTP/1; it will be read again.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn version(&mut self) -> io::Result<Version> {
        loop {
            let seen = &self.ahead[..self.ahead_end];
            if !PREFACE.starts_with(seen) {
                return Ok(Version::One);
            }
            if seen.len() == PREFACE.len() {
                return Ok(Version::Two);
            }
            let count = self.stream.read(&mut self.ahead[self.ahead_end..]).await?;
            if count == 0 {
                return Ok(Version::One);
            }
            self.watch.has_read();
            self.ahead_end += count;
        }
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead_start < self.ahead_end {
            let count = buf.remaining().min(self.ahead_end - self.ahead_start);
            buf.put_slice(&self.ahead[self.ahead_start..self.ahead_start + count]);
            self.ahead_start += count;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.watch.has_read();
        }
        outcome
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch.has_written(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch.has_written(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
