//! `gcp-storage-emulator`: Google Cloud Storage in memory. It asks nobody who they are.

use std::process::Command;

use super::{Running, tools};

/// The emulator with one bucket.
pub struct Gcs {
    /// Dropping it stops the service.
    pub running: Running,
}

impl Gcs {
    /// The bucket that is there from the start.
    pub const BUCKET: &str = "cumuli-tests";

    /// Starts it.
    pub fn start() -> Self {
        let program = tools().join("gcs/bin/gcp-storage-emulator");
        let running = Running::start(|port| {
            let mut command = Command::new(&program);
            command
                .args(["start", "--host", "127.0.0.1", "--port", &port.to_string()])
                .args(["--in-memory", "--quiet", "--default-bucket", Self::BUCKET]);
            command
        });
        Self { running }
    }

    /// Where it answers.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.running.port)
    }
}
