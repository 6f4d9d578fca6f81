//! The provider in `tests/oidc`: a program of its own, which others wrote.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::harness::{PATIENCE, finished, sha256, told};

/// How long its packages may take to come.
const INSTALL: Duration = Duration::from_secs(200);

/// The provider as a process, gone when dropped.
pub struct Provider {
    pub issuer: String,
    child: Child,
    input: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Provider {
    /// Starts one that sends browsers back to these addresses. `claims` are told at its userinfo endpoint,
    /// or `in the ID token`.
    pub async fn start(redirect_uris: &str, claims: &str) -> Self {
        let folder = installed().await;
        let mut child = Command::new("node")
            .arg("provider.mjs")
            .current_dir(&folder)
            .env("REDIRECT_URIS", redirect_uris)
            .env("CLAIMS", claims)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let (sender, lines) = mpsc::unbounded_channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // The test may have seen enough.
                let _ = sender.send(line);
            }
        });
        let mut provider = Self {
            issuer: String::new(),
            input: child.stdin.take().unwrap(),
            child,
            lines,
        };
        provider.issuer = provider.line("issuer ").await;
        provider
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        self.issuer.strip_prefix("http://").unwrap()
    }

    /// Signs with another key from now on.
    pub async fn rotate_keys(&mut self) {
        self.input.write_all(b"\n").unwrap();
        self.line("rotated").await;
    }

    /// What follows `start` in the next line that begins so.
    async fn line(&mut self, start: &str) -> String {
        let found = async {
            loop {
                let line = self.lines.recv().await.expect("the provider lives");
                if let Some(rest) = line.strip_prefix(start) {
                    return rest.to_owned();
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("it comes in time")
    }
}

/// The provider in a folder with the packages that it needs, which are fetched once for all tests.
async fn installed() -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc");
    let names = ["package.json", "package-lock.json", "provider.mjs"];
    let sources: Vec<Vec<u8>> = names.map(|name| std::fs::read(from.join(name)).unwrap()).to_vec();
    let version = &sha256(&sources.concat())[..16];
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oidc-{version}"));
    if folder.is_dir() {
        return folder;
    }
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (name, source) in names.iter().zip(&sources) {
        std::fs::write(work.path().join(name), source).unwrap();
    }
    let installed = finished(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(work.path()),
        INSTALL,
    )
    .await;
    assert!(installed.status.success(), "{}", told(&installed));
    // Whole or not at all; another test may have been faster.
    if std::fs::rename(work.path(), &folder).is_ok() {
        let _ = work.keep();
    }
    assert!(folder.is_dir());
    folder
}
