//! Azurite: Azure Blob Storage in memory. It checks keys and signatures.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Running, tools};

const MAKE_CONTAINER: &[u8] = include_bytes!("make_container.mjs");

/// Azurite with one account.
pub struct Azurite {
    /// Dropping it stops the service.
    pub running: Running,
}

impl Azurite {
    /// The account's name.
    pub const ACCOUNT: &str = "cumulitests";
    /// Its key.
    pub const KEY: &str =
        "b25lIG9mIHRoZSB0ZXN0cyBhbmQgb3BlbnMgbm90aGluZyBlbHNlLCBhcyBldmVyeW9uZSBjYW4gc2VlIGhlcmUuLi4u";

    /// The container that is there from the start.
    pub const CONTAINER: &str = "cumuli-tests";

    /// Starts it.
    pub fn start() -> Self {
        let program = tools().join("azurite/node_modules/.bin/azurite-blob");
        let running = Running::start(|port| {
            let mut command = Command::new(&program);
            command
                .env("AZURITE_ACCOUNTS", format!("{}:{}", Self::ACCOUNT, Self::KEY))
                .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
                .args(["--inMemoryPersistence", "--silent", "--disableTelemetry"])
                // Versions of the service that it does not know yet differ in nothing that we use.
                .arg("--skipApiVersionCheck");
            command
        });
        let azurite = Self { running };
        azurite.make_container(Self::CONTAINER);
        azurite
    }

    /// Makes another container.
    pub fn make_container(&self, name: &str) {
        let made = Command::new("node")
            .args([
                "--input-type=module",
                "-",
                &self.endpoint(),
                Self::ACCOUNT,
                Self::KEY,
                name,
            ])
            .stdin(Stdio::piped())
            .spawn()
            .and_then(|mut node| {
                node.stdin.take().expect("piped").write_all(MAKE_CONTAINER)?;
                node.wait()
            })
            .expect("node");
        assert!(made.success(), "the container {name} could not be made");
    }

    /// Where its blobs are.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{}", self.running.port, Self::ACCOUNT)
    }

    /// The connection string with the account's key.
    pub fn connection(&self) -> String {
        format!(
            "DefaultEndpointsProtocol=http;AccountName={};AccountKey={};BlobEndpoint={};",
            Self::ACCOUNT,
            Self::KEY,
            self.endpoint()
        )
    }
}
