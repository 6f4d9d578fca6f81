//! `s3s-fs`: S3 over a folder. It checks signatures, digests and conditions, and cannot list uploads.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::{Running, tools};

/// The service with one bucket.
pub struct S3s {
    /// Dropping it stops the service.
    pub running: Running,
    /// What it stores.
    pub folder: TempDir,
}

impl S3s {
    /// The bucket that is there from the start.
    pub const BUCKET: &str = "cumuli-tests";
    /// The public part of the key.
    pub const ACCESS_KEY: &str = "CUMULITESTSKEY";
    /// The secret part of the key.
    pub const SECRET_KEY: &str = "SeCrEtOfTheTests0123456789";

    /// Starts it.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join(Self::BUCKET)).expect("a bucket");
        let program = tools().join("s3s-fs/bin/s3s-fs");
        let running = Running::start(|port| {
            let mut command = Command::new(&program);
            command
                .args(["--host", "127.0.0.1", "--port", &port.to_string()])
                .args(["--access-key", Self::ACCESS_KEY, "--secret-key", Self::SECRET_KEY])
                .arg(folder.path());
            command
        });
        Self { running, folder }
    }

    /// Where it answers.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.running.port)
    }
}
