//! Starts stand-ins for the services that object stores are, each on a free port of this machine and only
//! for as long as somebody holds it. `.ci/stores` installs them.
//!
//! Another crate's tests take this file in by its path, so it needs nothing of ours.

#[path = "emulators/azurite.rs"]
pub mod azurite;
#[path = "emulators/gcs.rs"]
pub mod gcs;
#[path = "emulators/moto.rs"]
pub mod moto;
#[path = "emulators/proxy.rs"]
pub mod proxy;
#[path = "emulators/s3s.rs"]
pub mod s3s;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a stand-in may take to start on a machine that is busy.
const START: Duration = Duration::from_secs(60);
/// A port that is free now may be taken a moment later.
const PORTS: u32 = 10;

/// A stand-in that runs until it is dropped.
pub struct Running {
    child: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Running {
    /// Starts what `command` makes for a port, and waits until it takes connections.
    pub fn start(command: impl Fn(u16) -> Command) -> Self {
        for _ in 0..PORTS {
            let port = free_port();
            let mut command = command(port);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let child = command.spawn().unwrap_or_else(|error| {
                panic!("{command:?} cannot be started ({error}): run .ci/stores");
            });
            let mut running = Self { child, port };
            if running.takes_connections() {
                return running;
            }
        }
        panic!("the stand-in did not start on any of {PORTS} ports");
    }

    /// Stops it at once, as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    fn takes_connections(&mut self) -> bool {
        let until = Instant::now() + START;
        while Instant::now() < until {
            if self.child.try_wait().expect("a child").is_some() {
                return false;
            }
            if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
                && !is_ourselves(&stream)
            {
                // Somebody else's, when ours found the port taken.
                return self.child.try_wait().expect("a child").is_none();
            }
            sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a connection leads to itself: while nobody listens at a port, the system may give that very port to who asks
/// for it.
fn is_ourselves(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(local), Ok(peer)) if local == peer)
}

/// Where `.ci/stores` puts what it installs.
pub fn tools() -> PathBuf {
    match std::env::var_os("CUMULI_TEST_TOOLS") {
        Some(folder) => folder.into(),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools")),
    }
}

/// A port that nobody listens on at the moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
