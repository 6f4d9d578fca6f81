//! The thread that flushes groups, and the announcements that let it wait for a fuller one.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Core;
use super::log::Log;
use crate::OpenError;

/// The longest that a flush waits for announced writes.
const PATIENCE: Duration = Duration::from_millis(1);

/// Writes that were announced and have not begun.
#[derive(Default)]
pub(crate) struct Announcements {
    count: Mutex<usize>,
    quiet: Condvar,
}

impl Announcements {
    pub(crate) fn add(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    pub(crate) fn remove(&self) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.quiet.notify_all();
        }
    }

    /// Returns when no write is announced, and after `patience` at the latest.
    fn wait(&self, patience: Duration) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.quiet.wait_timeout_while(count, patience, |count| *count > 0));
    }
}

/// Hands groups to the thread that flushes them.
pub(super) struct Committer {
    groups: Option<Sender<u64>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    pub(super) fn start(core: &Arc<Core>, log: Arc<Log>) -> Result<Self, OpenError> {
        let (groups, asked) = mpsc::channel();
        let core = Arc::clone(core);
        let thread = std::thread::Builder::new()
            .name("catalog-commit".into())
            .spawn(move || run(&asked, &core, &log))
            .map_err(|error| OpenError::because("cannot start the thread that commits", error))?;
        Ok(Self {
            groups: Some(groups),
            thread: Some(thread),
        })
    }

    /// Asks for the flush of group `number`.
    pub(super) fn ask(&self, number: u64) {
        if let Some(groups) = &self.groups {
            // The thread lives as long as this sender.
            let _ = groups.send(number);
        }
    }
}

fn run(asked: &Receiver<u64>, core: &Core, log: &Log) {
    while let Ok(number) = asked.recv() {
        core.announcements
            .wait((core.stats.flush_latency() / 8).min(PATIENCE));
        // The lock is fair: whoever queued for it before this moment still joins the group.
        let mut writer = core.writer.blocking_lock();
        let ended = writer.flush(number, core);
        log.look(&writer.connection);
        drop(writer);
        ended.into_iter().for_each(|ended| ended.tell(core));
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.groups = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that commits had panicked");
        }
    }
}
