//! `moto`: much of AWS in memory. It believes every signature, so what it refuses proves nothing; but it
//! keeps versions and lists uploads.

use std::process::Command;

use super::{Running, tools};

/// The service, without buckets.
pub struct Moto {
    /// Dropping it stops the service.
    pub running: Running,
}

impl Moto {
    /// Starts it.
    pub fn start() -> Self {
        let program = tools().join("moto/bin/moto_server");
        let running = Running::start(|port| {
            let mut command = Command::new(&program);
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        });
        Self { running }
    }

    /// Where it answers.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.running.port)
    }
}
