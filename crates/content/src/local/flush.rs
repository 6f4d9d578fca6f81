//! Makes finished files durable, many with one flush.
//!
//! Each file's own bytes are flushed by the thread that wrote them, all at the same time: the file
//! system commits what waits together as one. What gives them their place is done in groups: the
//! first that arrives leads, and while it waits for the folder's flush the next group gathers.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, fsync, unlinkat};
use tokio::sync::oneshot;

use super::root::{Key, Root};
use super::temporary::Temporary;
use super::{Durability, failure};
use crate::{ContentError, Written};

/// Folders that are remembered as durable. Only the newest few get new blobs.
const PROVEN_FOLDERS: usize = 64;
/// The longest time that a leader waits for files that are about to follow.
const GATHER: Duration = Duration::from_millis(1);

/// A file whose bytes are durable or need not be, and who waits for it to become a blob.
pub(super) struct Finished {
    pub(super) temporary: Temporary,
    pub(super) key: Key,
    pub(super) written: Written,
    pub(super) done: Done,
}

/// Where the outcome goes.
pub(super) type Done = oneshot::Sender<Result<Written, ContentError>>;

/// Makes finished files durable.
pub(super) struct Flusher {
    root: Arc<Root>,
    state: Mutex<State>,
    arrived: Condvar,
    /// How many folders were flushed so far.
    folder_flushes: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<Finished>,
    is_led: bool,
    /// Files whose bytes are being flushed, so that they are about to follow.
    coming: usize,
    /// How long a group's flush took lately.
    usual: Duration,
    /// Folders whose own entry is durable.
    proven: BTreeSet<String>,
}

/// Says that a file is about to follow, until it is dropped.
pub(super) struct Coming<'a>(&'a Flusher);

impl Flusher {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self {
            root,
            state: Mutex::default(),
            arrived: Condvar::new(),
            folder_flushes: AtomicU64::new(0),
        }
    }

    /// Flushes the file, gives it its place and flushes that. May lead others on the way, so what
    /// waits for this file waits for `done` instead of for this call.
    pub(super) fn settle(&self, finished: Finished) {
        if self.root.durability == Durability::UnsafeNone {
            let placed = self
                .root
                .open_or_make_folder(finished.key.folder())
                .and_then(|folder| finished.temporary.place(folder.as_fd(), &finished.key));
            tell(finished.done, placed.map(|()| finished.written));
            return;
        }
        let coming = self.announce();
        match finished.temporary.flush() {
            Ok(()) => self.join(coming, finished),
            Err(error) => tell(finished.done, Err(error)),
        }
    }

    fn announce(&self) -> Coming<'_> {
        self.lock().coming += 1;
        Coming(self)
    }

    /// Joins the group that gathers, and leads when no one does.
    fn join(&self, coming: Coming<'_>, finished: Finished) {
        if self.enqueue(coming, finished) {
            self.lead();
        }
    }

    /// Returns whether the caller has to lead.
    pub(super) fn enqueue(&self, coming: Coming<'_>, finished: Finished) -> bool {
        let mut state = self.lock();
        state.waiting.push(finished);
        let leads = !std::mem::replace(&mut state.is_led, true);
        drop(state);
        drop(coming);
        leads
    }

    /// Serves groups until no one waits.
    pub(super) fn lead(&self) {
        loop {
            let group = self.gather();
            if group.is_empty() {
                return;
            }
            let started = Instant::now();
            self.place_group(group);
            let took = started.elapsed();
            let mut state = self.lock();
            state.usual = (state.usual * 7 + took) / 8;
        }
    }

    /// Takes all that wait, after a short while for those that are about to follow.
    fn gather(&self) -> Vec<Finished> {
        let mut state = self.lock();
        let patience = (state.usual / 8).min(GATHER);
        (state, _) = self
            .arrived
            .wait_timeout_while(state, patience, |state| state.coming > 0)
            .unwrap_or_else(PoisonError::into_inner);
        let group = std::mem::take(&mut state.waiting);
        state.is_led = !group.is_empty();
        group
    }

    fn place_group(&self, group: Vec<Finished>) {
        let mut folders: BTreeMap<String, Vec<Finished>> = BTreeMap::new();
        for finished in group {
            // No one waits any more: without a place the file goes with its handle.
            if !finished.done.is_closed() {
                folders
                    .entry(finished.key.folder().to_owned())
                    .or_default()
                    .push(finished);
            }
        }
        for (name, members) in folders {
            match self.root.open_or_make_folder(&name) {
                Ok(folder) => self.place_members(&name, &folder, members),
                Err(error) => tell_all(members.into_iter().map(|member| member.done), &error),
            }
        }
    }

    fn place_members(&self, name: &str, folder: &OwnedFd, members: Vec<Finished>) {
        let mut placed = Vec::with_capacity(members.len());
        for member in members {
            match member.temporary.place(folder.as_fd(), &member.key) {
                Ok(()) => placed.push((member.key, member.written, member.done)),
                Err(error) => tell(member.done, Err(error)),
            }
        }
        if placed.is_empty() {
            return;
        }
        match self.flush_folder(name, folder) {
            Ok(()) => {
                for (_, written, done) in placed {
                    tell(done, Ok(written));
                }
            }
            Err(error) => {
                for (key, ..) in &placed {
                    if let Err(error) = unlinkat(folder, key.name(), AtFlags::empty()) {
                        tracing::warn!(%error, "a blob that could not be flushed could not be removed");
                    }
                }
                tell_all(placed.into_iter().map(|(_, _, done)| done), &error);
            }
        }
    }

    /// Flushes the folder, and its own entry when this process has not done so yet: an earlier run
    /// may have died between making it and flushing that.
    fn flush_folder(&self, name: &str, folder: &OwnedFd) -> Result<(), ContentError> {
        self.folder_flushes.fetch_add(1, Ordering::Relaxed);
        fsync(folder).map_err(failure)?;
        if self.lock().proven.contains(name) {
            return Ok(());
        }
        fsync(&self.root.dir).map_err(failure)?;
        let mut state = self.lock();
        state.proven.insert(name.to_owned());
        if state.proven.len() > PROVEN_FOLDERS {
            // Names start with the time: the first is the oldest.
            state.proven.pop_first();
        }
        drop(state);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn folder_flushes(&self) -> u64 {
        self.folder_flushes.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.coming -= 1;
        if state.coming == 0 {
            self.0.arrived.notify_all();
        }
    }
}

fn tell(done: Done, outcome: Result<Written, ContentError>) {
    // No one waits any more: what has got its place has no row, and the sweep removes it.
    let _ = done.send(outcome);
}

fn tell_all(waiting: impl Iterator<Item = Done>, error: &ContentError) {
    for done in waiting {
        tell(done, Err(same(error)));
    }
}

/// The same error for one more caller.
fn same(error: &ContentError) -> ContentError {
    match error {
        ContentError::Full => ContentError::Full,
        ContentError::Io(cause) => ContentError::Io(copy(cause)),
        ContentError::Damaged(_) => ContentError::Damaged(crate::Damage::Replaced),
        ContentError::Unavailable(cause) => ContentError::Unavailable(copy(cause)),
        other => ContentError::Unavailable(std::io::Error::other(other.to_string())),
    }
}

fn copy(cause: &std::io::Error) -> std::io::Error {
    cause
        .raw_os_error()
        .map_or_else(|| cause.kind().into(), std::io::Error::from_raw_os_error)
}
