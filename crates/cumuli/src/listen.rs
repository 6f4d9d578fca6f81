//! The server loop: accepts connections and bounds how many there are, how long they may be silent
//! and how long they may take to end.

mod connection;
mod request;
mod slots;
mod watch;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::settings::Settings;
use connection::Server;
use slots::{Refusal, Slots};
use web::Network;

/// Connections that the kernel may hold ready for us; it cuts this to its own limit.
const BACKLOG: u32 = 4096;
/// Descriptors for files and the database, besides those of connections.
const OTHER_FILES: u64 = 1024;
/// First and longest pause after the machine had no descriptor or no memory for a connection.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Bounds on connections.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time.
    pub connections: u32,
    /// Connections at a time from one address; for IPv6 from one /64.
    pub connections_per_address: u32,
    /// Who is exempt from the limit per address: proxies, which speak for many.
    pub trusted: Vec<Network>,
    /// How long the head of a request may take, from its first byte to its last, and how long a
    /// new connection may be silent.
    pub head: Duration,
    /// How long a connection may rest between requests.
    pub idle: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub stalled: Duration,
    /// How long running requests may go on after the shutdown began.
    pub drain: Duration,
}

impl Limits {
    /// Those of the settings.
    pub fn of(settings: &Settings) -> Self {
        Self {
            connections: settings.max_connections,
            connections_per_address: settings.max_connections_per_address,
            trusted: settings.trusted_proxies.clone(),
            head: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            stalled: Duration::from_secs(60),
            drain: settings.drain_timeout,
        }
    }
}

/// Tells everybody that the server ends. A clone is another handle.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    cut: CancellationToken,
}

impl Shutdown {
    /// Nobody asked for the end yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes nothing new, and lets end what runs.
    pub fn begin(&self) {
        self.draining.cancel();
    }

    /// Ends at once.
    pub fn cut(&self) {
        self.draining.cancel();
        self.cut.cancel();
    }

    /// Waits until the end begins.
    pub async fn begun(&self) {
        self.draining.cancelled().await;
    }

    /// A token that is cancelled when the end begins.
    pub fn token(&self) -> CancellationToken {
        self.draining.child_token()
    }

    /// Begins the end at the first SIGTERM or SIGINT, and cuts at the second. Runs until dropped.
    ///
    /// # Errors
    /// When the process may not listen to signals.
    pub async fn on_signals(self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if self.draining.is_cancelled() {
                tracing::warn!("second signal: ending at once");
                self.cut();
            } else {
                tracing::info!("ending: new connections are refused, running requests go on");
                self.begin();
            }
        }
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every request that ran came to its end.
    Drained,
    /// This many connections were cut.
    Cut(usize),
}

/// Binds an address.
///
/// # Errors
/// When it is taken, not of this machine, or needs rights that this user does not have.
pub fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    };
    let bound = socket.and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    });
    match bound {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            bail!("another program listens on {address}: stop it, or choose another address with --listen")
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => bail!(
            "this user may not listen on {address}: ports below 1024 need the right to (see \
             deploy/cumuli.service), or choose another with --listen"
        ),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            bail!("{address} is not an address of this machine: choose another with --listen")
        }
        Err(error) => Err(error).with_context(|| format!("{address} cannot be listened on")),
    }
}

/// Raises the number of files that the process may have open so that `connections` fit; says how
/// many fit if they do not.
pub fn make_room(connections: u32) -> Result<(), u64> {
    let wanted = u64::from(connections) + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let limit = Rlimit {
        current: Some(raised),
        maximum,
    };
    let is_raised = setrlimit(Resource::Nofile, limit).is_ok();
    let room = if is_raised {
        raised
    } else {
        current.unwrap_or(raised)
    };
    if room >= wanted {
        Ok(())
    } else {
        Err(room.saturating_sub(OTHER_FILES))
    }
}

/// Serves `router` on `listener` until `shutdown` begins, then waits for what runs. Every request
/// carries its peer as `ConnectInfo<SocketAddr>`.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, shutdown: Shutdown) -> Ended {
    let drain = limits.drain;
    let slots = Arc::new(Slots::new(&limits));
    let tasks = TaskTracker::new();
    let server = Arc::new(Server::new(router, limits, shutdown.clone(), tasks.clone()));
    let take = |stream: TcpStream, peer: SocketAddr| match slots.take(peer.ip()) {
        Ok(slot) => {
            let server = Arc::clone(&server);
            tasks.spawn(async move {
                server.serve(stream, peer).await;
                drop(slot);
            });
        }
        Err(refusal) => refuse(&stream, refusal),
    };

    let mut pause = PAUSES.0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.begun() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = PAUSES.0;
                take(stream, peer);
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted for the moment");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = shutdown.begun() => break,
                }
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
    // The kernel already said yes to these. The runtime may not have heard of them yet, so they are
    // asked for directly.
    if let Ok(listener) = listener.into_std() {
        for _ in 0..BACKLOG {
            let Ok((stream, peer)) = listener.accept() else {
                break;
            };
            let is_ready = stream.set_nonblocking(true);
            if let Ok(stream) = is_ready.and_then(|()| TcpStream::from_std(stream)) {
                take(stream, peer);
            }
        }
    }
    drain_for(drain, &tasks, &slots, &shutdown).await
}

async fn drain_for(drain: Duration, tasks: &TaskTracker, slots: &Slots, shutdown: &Shutdown) -> Ended {
    tasks.close();
    tokio::select! {
        () = tasks.wait() => return Ended::Drained,
        () = tokio::time::sleep(drain) => {}
        () = shutdown.cut.cancelled() => {}
    }
    let cut = slots.open();
    shutdown.cut();
    tasks.wait().await;
    Ended::Cut(cut)
}

/// Whether accepting failed because of that one client, so that the next may be fine.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Says in one write why the connection ends. A client that is not there to read it learns no less.
fn refuse(stream: &TcpStream, refusal: Refusal) {
    let detail = match refusal {
        Refusal::Full => "the server has as many connections as it may have; try again in a moment",
        Refusal::FullForAddress => "your address has as many connections as it may have; close some",
    };
    let body =
        format!(r#"{{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"{detail}"}}"#);
    let reply = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         retry-after: 2\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.try_write(reply.as_bytes());
}
