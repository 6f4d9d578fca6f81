//! Real servers of WebDAV, a folder of theirs for each drive, and somebody else who works in that folder.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use model::Millis;
use outbound::{Patience, Reach, Secret, Wire};
use serde_json::json;
use tempfile::TempDir;

use super::{Login, WebDav, WebDavOptions};
use crate::Connector;
use crate::contract::{Disk, Tree, World};

pub const USER: &str = "ada";
/// No text of ours may have it.
pub const PASSWORD: &str = "canary-5d1f0c";

/// A server that ends with the test.
pub struct Server {
    child: Child,
    folder: TempDir,
    url: String,
    flavour: Option<String>,
}

/// A folder of a server, and what is in it.
pub struct Served {
    disk: Disk,
    drive: Arc<WebDav>,
    /// Where nobody else keeps it.
    server: Option<Server>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Served {
    /// A new folder.
    pub async fn on(server: &Server) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("drive {}", COUNT.fetch_add(1, Ordering::Relaxed));
        let root = server.folder.path().join("root").join(&name);
        fs::create_dir(&root).expect("a folder");
        let url = format!("{}/{}", server.url, name.replace(' ', "%20"));
        Self {
            disk: Disk(root),
            drive: Arc::new(open(&url, PASSWORD, server.flavour.clone())),
            server: None,
        }
    }

    /// A folder of an rclone of its own, which starts at once, and is slow with what it served before.
    pub async fn alone_by_rclone() -> Self {
        let server = Server::by_rclone().await;
        let mut served = Self::on(&server).await;
        served.server = Some(server);
        served
    }
}

impl Server {
    /// The most complete server of Python, which writes straight into files.
    pub async fn by_wsgidav() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let settings = json!({
            "host": "127.0.0.1",
            "port": port,
            "provider_mapping": { "/a folder": root },
            "simple_dc": { "user_mapping": { "*": { USER: { "password": PASSWORD } } } },
            "http_authenticator": { "accept_basic": true, "accept_digest": false, "default_to_digest": false },
            "verbose": 3,
        });
        let file = folder.path().join("wsgidav.json");
        fs::write(&file, settings.to_string()).expect("settings");
        let mut command = Command::new(program("wsgidav"));
        command.arg("--config").arg(file);
        let url = format!("http://127.0.0.1:{port}/a%20folder");
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        Self::start(folder, command, "Serving on", |_| url.clone()).await
    }

    /// rclone, which answers as Go's library does.
    pub async fn by_rclone() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root");
        let mut command = Command::new(program("rclone"));
        command
            .args(["serve", "webdav"])
            .arg(&root)
            .args(["--addr", "127.0.0.1:0", "--user", USER, "--pass", PASSWORD])
            .args(["--dir-cache-time", "0s", "--poll-interval", "0", "--config", ""])
            .args(["--etag-hash", "", "-v"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Self::start(folder, command, "http://127.0.0.1:", |line| {
            let from = line.find("http://").expect("an address");
            let to = line[from..]
                .find(['/', ']', ' '])
                .map_or(line.len(), |_| line.len());
            let url = line[from..to].trim_end_matches([']', '/', ' ']);
            url.split(']')
                .next()
                .expect("an address")
                .trim_end_matches('/')
                .to_owned()
        })
        .await
    }

    async fn start(
        folder: TempDir,
        mut command: Command,
        ready: &str,
        url: impl FnOnce(&str) -> String,
    ) -> Self {
        let root = folder.path().join("root");
        fs::create_dir(&root).expect("a folder");
        let mut child = command.stdin(Stdio::null()).spawn().expect("a server");
        let words: Box<dyn Read + Send> = match (child.stdout.take(), child.stderr.take()) {
            (Some(words), _) => Box::new(words),
            (None, Some(words)) => Box::new(words),
            (None, None) => panic!("it says nothing"),
        };
        let mut lines = BufReader::new(words).lines();
        let mut said = Vec::new();
        let line = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("it ended: {said:#?}"))
                .expect("text");
            if line.contains(ready) {
                break line;
            }
            said.push(line);
        };
        // Nobody else reads what it says, and it must not wait for that.
        std::thread::spawn(move || lines.for_each(drop));
        let url = url(&line);
        // Some say that they serve a moment before they do.
        let patience = Patience {
            try_count: 60,
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_millis(200),
            ..Patience::default()
        };
        let first = open_with(&url, PASSWORD, None, patience);
        let flavour = first.about().await.expect("about").flavour;
        Self {
            child,
            folder,
            url,
            flavour,
        }
    }
}

/// A connector that is not patient.
pub fn open(url: &str, password: &str, flavour: Option<String>) -> WebDav {
    let patience = Patience {
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(10),
        ..Patience::default()
    };
    open_with(url, password, flavour, patience)
}

fn open_with(url: &str, password: &str, flavour: Option<String>, patience: Patience) -> WebDav {
    WebDav::new(WebDavOptions {
        url: url.to_owned(),
        login: Login::Basic {
            user: USER.to_owned(),
            password: Secret::new(password),
        },
        flavour,
        wire: Wire::open(&Reach::Any, patience).expect("connections"),
        gate: None,
        clock: Arc::new(now),
        patience,
    })
    .expect("an address")
}

pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Millis(i64::try_from(since.expect("after 1970").as_millis()).expect("before the end of time"))
}

/// Where `.ci/clients` installs what others wrote.
fn program(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("target/tools/clients/bin").join(name);
    assert!(path.exists(), "{name} is missing: run .ci/clients");
    path
}

#[async_trait]
impl World for Served {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.drive) as Arc<dyn Connector>
    }

    async fn write(&self, path: &str, bytes: &[u8]) {
        self.disk.write(path, bytes);
    }

    async fn make_folder(&self, path: &str) {
        self.disk.make_folder(path);
    }

    async fn relocate(&self, from: &str, to: &str) {
        self.disk.relocate(from, to);
    }

    async fn remove(&self, path: &str) {
        self.disk.remove(path);
    }

    async fn tree(&self) -> Tree {
        self.disk.tree()
    }
}
