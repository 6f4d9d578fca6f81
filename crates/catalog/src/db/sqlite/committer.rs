//! The thread that flushes groups, and whom it waits for.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Core;
use super::log::Log;
use crate::OpenError;

/// The longest that a flush waits for writes that are about to come.
const PATIENCE: Duration = Duration::from_millis(1);

/// Who is writing and who is about to.
///
/// Whoever wrote a moment ago is likely to come back: a client that was told of its upload sends the next one. If
/// the flush started without it, that would have to wait for one more; so the flush waits a little for as many
/// writers as there were at the last one.
#[derive(Default)]
pub(crate) struct Arrivals {
    counts: Mutex<Counts>,
    complete: Condvar,
}

#[derive(Default)]
struct Counts {
    /// Announced, and not begun.
    announced: usize,
    /// Begun, and not told of their end.
    writing: usize,
    /// Writing when the last flush ended.
    before: usize,
    is_awaited: bool,
}

impl Counts {
    const fn are_complete(&self) -> bool {
        self.announced == 0 && self.writing >= self.before
    }
}

impl Arrivals {
    pub(crate) fn announce(&self) {
        self.change(|counts| counts.announced += 1);
    }

    pub(crate) fn end_announcement(&self) {
        self.change(|counts| counts.announced = counts.announced.saturating_sub(1));
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut counts);
        if counts.is_awaited && counts.are_complete() {
            self.complete.notify_one();
        }
    }

    /// Returns when everybody is here who is about to write, and after `patience` at the latest.
    fn wait(&self, patience: Duration) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.is_awaited = true;
        let waited = self
            .complete
            .wait_timeout_while(counts, patience, |counts| !counts.are_complete());
        let (mut counts, _) = waited.unwrap_or_else(PoisonError::into_inner);
        counts.is_awaited = false;
    }
}

/// Counts a write from its beginning until it was told of its end.
pub(super) struct Arrival(Arc<Core>);

impl Arrival {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        core.arrivals.change(|counts| counts.writing += 1);
        Self(Arc::clone(core))
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.0.arrivals.change(|counts| counts.writing -= 1);
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
        core.arrivals.wait((core.stats.flush_latency() / 8).min(PATIENCE));
        // The lock is fair: whoever queued for it before this moment still joins the group.
        let mut writer = core.writer.blocking_lock();
        let ended = writer.flush(number, core);
        log.look(&writer.connection);
        drop(writer);
        core.arrivals.change(|counts| counts.before = counts.writing);
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
