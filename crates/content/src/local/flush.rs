//! Makes finished files durable, many with one flush.
//!
//! Each file gets its place and is flushed by the thread that wrote it, all at the same time: the
//! file system commits what waits together as one. Their folders are flushed in groups: the first
//! that arrives leads, and while it waits for the device the next group gathers.
//!
//! The place comes before the flush so that the flush covers the file's count of names as well;
//! an unnamed file that was flushed first could come back from a power loss with none. What is cut
//! off in between is a file that no row speaks of, which the sweep removes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::fsync;
use rustix::io::Errno;
use tokio::sync::oneshot;

use super::root::{Key, Root};
use super::temporary::{Placed, Temporary};
use super::{Durability, failure};
use crate::{ContentError, Written};

/// Folders that are remembered as durable. Only the newest few get new blobs.
const PROVEN_FOLDERS: usize = 64;
/// The longest time that a leader waits for files that are about to follow.
const GATHER: Duration = Duration::from_millis(1);

/// A file that is complete, and who waits for it to become a blob.
pub(super) struct Finished {
    pub(super) temporary: Temporary,
    pub(super) key: Key,
    pub(super) written: Written,
    pub(super) done: Done,
}

/// Where the outcome goes.
pub(super) type Done = oneshot::Sender<Result<Written, ContentError>>;

/// A file that is in its place and durable but for its folder.
struct Waiting {
    placed: Placed,
    written: Written,
    done: Done,
}

/// Makes finished files durable.
pub(super) struct Flusher {
    root: Arc<Root>,
    state: Mutex<State>,
    arrived: Condvar,
    /// How many folders of blobs were flushed so far.
    folder_flushes: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    is_led: bool,
    /// Files that are being flushed, so that they are about to follow.
    coming: usize,
    /// How long a group's flush took lately.
    usual: Duration,
    /// Folders whose own entry is durable.
    proven: BTreeSet<String>,
}

/// Says that a file is about to follow, until it is dropped.
struct Coming<'a>(&'a Flusher);

impl Flusher {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self {
            root,
            state: Mutex::default(),
            arrived: Condvar::new(),
            folder_flushes: AtomicU64::new(0),
        }
    }

    /// Gives the file its place and makes both durable. May lead others on the way, so who waits
    /// for this file waits for `done` instead of for this call.
    pub(super) fn settle(&self, finished: Finished) {
        let coming = self.announce();
        let leads = self
            .prepare(finished)
            .is_some_and(|waiting| self.enqueue(waiting));
        drop(coming);
        if leads {
            self.lead();
        }
    }

    /// Does what each file needs for itself; `None` when nothing is left to do.
    fn prepare(&self, finished: Finished) -> Option<Waiting> {
        if finished.done.is_closed() {
            return None;
        }
        let placed = self
            .root
            .open_or_make_folder(finished.key.folder())
            .and_then(|folder| finished.temporary.place(folder, finished.key));
        let waiting = match placed {
            Ok(placed) => Waiting {
                placed,
                written: finished.written,
                done: finished.done,
            },
            Err(error) => {
                drop(finished.done.send(Err(error)));
                return None;
            }
        };
        if self.root.durability == Durability::UnsafeNone {
            waiting.acknowledge();
            return None;
        }
        match waiting.placed.flush() {
            Ok(()) => Some(waiting),
            Err(error) => {
                waiting.abandon(error);
                None
            }
        }
    }

    fn announce(&self) -> Coming<'_> {
        self.lock().coming += 1;
        Coming(self)
    }

    /// Adds a file to the group that gathers. Returns whether the caller has to lead.
    fn enqueue(&self, waiting: Waiting) -> bool {
        let mut state = self.lock();
        state.waiting.push(waiting);
        !std::mem::replace(&mut state.is_led, true)
    }

    /// Serves groups until no one waits.
    fn lead(&self) {
        loop {
            let group = self.gather();
            if group.is_empty() {
                return;
            }
            let started = Instant::now();
            self.flush_group(group);
            let took = started.elapsed();
            let mut state = self.lock();
            state.usual = (state.usual * 7 + took) / 8;
        }
    }

    /// Takes all that wait, after a short while for those that are about to follow.
    fn gather(&self) -> Vec<Waiting> {
        let mut state = self.lock();
        if !state.waiting.is_empty() {
            let patience = (state.usual / 8).min(GATHER);
            (state, _) = self
                .arrived
                .wait_timeout_while(state, patience, |state| state.coming > 0)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let group = std::mem::take(&mut state.waiting);
        state.is_led = !group.is_empty();
        group
    }

    fn flush_group(&self, group: Vec<Waiting>) {
        let mut folders: BTreeMap<String, Vec<Waiting>> = BTreeMap::new();
        for waiting in group {
            let folder = waiting.placed.key.folder().to_owned();
            folders.entry(folder).or_default().push(waiting);
        }
        for (name, members) in folders {
            match self.flush_folder(&name, &members[0].placed) {
                Ok(()) => members.into_iter().for_each(Waiting::acknowledge),
                Err(error) => {
                    for member in members {
                        member.abandon(failure(error));
                    }
                }
            }
        }
    }

    /// Flushes the folder, and its own entry when this process has not done so yet: an earlier run
    /// may have died between making it and flushing that.
    fn flush_folder(&self, name: &str, any: &Placed) -> Result<(), Errno> {
        self.folder_flushes.fetch_add(1, Ordering::Relaxed);
        any.flush_folder()?;
        if self.lock().proven.contains(name) {
            return Ok(());
        }
        fsync(&self.root.dir)?;
        let mut state = self.lock();
        state.proven.insert(name.to_owned());
        if state.proven.len() > PROVEN_FOLDERS {
            // Names start with the time: the first is the oldest.
            state.proven.pop_first();
        }
        drop(state);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn acknowledge(self) {
        if self.done.send(Ok(self.written)).is_err() {
            // No one waits any more, so no row will ever speak of it.
            self.placed.withdraw();
        }
    }

    fn abandon(self, error: ContentError) {
        self.placed.withdraw();
        drop(self.done.send(Err(error)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;

    fn finished(
        root: &Arc<Root>,
        number: u128,
    ) -> (Finished, oneshot::Receiver<Result<Written, ContentError>>) {
        let key = Key::from_number(number);
        let temporary = Temporary::new(root, key.name()).expect("temporary file");
        temporary.append(b"bytes").expect("write");
        let written = Written {
            key: key.to_string(),
            size_bytes: 5,
            digest: digest(b"bytes"),
            md5: None,
        };
        let (done, outcome) = oneshot::channel();
        (
            Finished {
                temporary,
                key,
                written,
                done,
            },
            outcome,
        )
    }

    fn flusher() -> (tempfile::TempDir, Arc<Root>, Flusher) {
        let folder = tempfile::tempdir().expect("folder");
        let root = Arc::new(Root::open(folder.path(), Durability::Full).expect("root"));
        (folder, Arc::clone(&root), Flusher::new(root))
    }

    #[test]
    fn files_that_wait_together_share_one_flush_of_their_folder() {
        let (_folder, root, flusher) = flusher();
        let (files, outcomes): (Vec<_>, Vec<_>) = (0..50).map(|number| finished(&root, number)).unzip();

        let leads: Vec<bool> = files
            .into_iter()
            .map(|file| flusher.enqueue(flusher.prepare(file).expect("prepared")))
            .collect();
        flusher.lead();

        assert_eq!(leads.iter().filter(|leads| **leads).count(), 1);
        assert_eq!(flusher.folder_flushes.load(Ordering::Relaxed), 1);
        for mut outcome in outcomes {
            outcome.try_recv().expect("told").expect("durable");
        }
    }

    #[test]
    fn each_folder_of_a_group_is_flushed() {
        let (_folder, root, flusher) = flusher();
        let (files, _outcomes): (Vec<_>, Vec<_>) = [1, 1 << 104, 2 << 104]
            .map(|number| finished(&root, number))
            .into_iter()
            .unzip();

        for file in files {
            flusher.enqueue(flusher.prepare(file).expect("prepared"));
        }
        flusher.lead();

        assert_eq!(flusher.folder_flushes.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_leader_that_is_done_lets_another_lead() {
        let (_folder, root, flusher) = flusher();
        for number in 0..3 {
            let (file, mut outcome) = finished(&root, number);

            flusher.settle(file);

            outcome.try_recv().expect("told").expect("durable");
        }
        assert_eq!(flusher.folder_flushes.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_file_that_no_one_waits_for_leaves_nothing() {
        let (_folder, root, flusher) = flusher();
        let (early, outcome) = finished(&root, 1);
        drop(outcome);
        let (late, outcome) = finished(&root, 2);

        assert!(flusher.prepare(early).is_none());
        flusher.enqueue(flusher.prepare(late).expect("prepared"));
        drop(outcome);
        flusher.lead();

        for number in [1, 2] {
            let found = root.open_blob(&Key::from_number(number));
            assert!(matches!(found, Err(ContentError::Missing)), "{number}");
        }
    }

    #[test]
    fn a_key_that_is_taken_keeps_its_bytes() {
        let (_folder, root, flusher) = flusher();
        let (first, _outcome) = finished(&root, 1);
        flusher.settle(first);
        let (second, mut outcome) = finished(&root, 1);

        flusher.settle(second);

        assert!(matches!(outcome.try_recv(), Ok(Err(ContentError::Io(_)))));
        let stored = root.open_blob(&Key::from_number(1)).expect("still there");
        assert_eq!(stored.length().expect("length"), 5);
    }
}
