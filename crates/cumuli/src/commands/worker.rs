//! Who works off background jobs in this process, and who did in one that is gone.

use std::path::Path;

use hub::Hub;

/// The name of this process's worker: machine and process.
pub fn name() -> String {
    format!("{}:{}", host(), std::process::id())
}

/// Makes the jobs due at once that processes of this machine held when they were killed, rather than when
/// their leases run out.
pub async fn bury(hub: &Hub) {
    let host = host();
    let is_dead = |worker: &str| {
        let process = worker.strip_prefix(&host).and_then(|rest| rest.strip_prefix(':'));
        // Without `/proc` nobody can be told to be dead.
        process.is_some_and(|id| {
            id.parse::<u32>().is_ok()
                && Path::new("/proc/self").exists()
                && !Path::new("/proc").join(id).exists()
        })
    };
    if let Err(error) = hub.release_jobs_of_the_dead(is_dead).await {
        tracing::warn!(%error, "jobs of processes that are gone wait for their leases");
    }
}

fn host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    host.trim().to_owned()
}
