//! Where the clients are, and how they are led here.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A program that `.ci/clients` installed.
pub fn program(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("target/tools/clients/bin").join(name);
    assert!(path.exists(), "{name} is missing: run .ci/clients");
    path
}

/// A script of this folder.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

/// Runs a program to its end and returns what it wrote.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("it can be started");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    format!("{out}{err}")
}

/// A proxy that leads hosts to this machine, by TLS of its own.
pub struct TlsProxy {
    child: Child,
    /// Where it listens.
    pub url: String,
    /// The certificate of its authority.
    pub authority: PathBuf,
}

impl TlsProxy {
    /// Leads each of the hosts to a server of this machine, `http://127.0.0.1:…`.
    pub fn start(folder: &Path, hosts: &[(&str, &str)]) -> Self {
        let authority = folder.join("authority.pem");
        let mut command = Command::new(program("python"));
        command.arg(script("tlsproxy.py")).arg(&authority);
        for (host, url) in hosts {
            command.arg(format!("{host}={}", url.trim_start_matches("http://")));
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the proxy starts");
        let mut port = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out)
            .read_line(&mut port)
            .expect("it tells its port");
        let url = format!("http://127.0.0.1:{}", port.trim());
        Self {
            child,
            url,
            authority,
        }
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
