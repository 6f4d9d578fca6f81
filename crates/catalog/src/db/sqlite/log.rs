//! The write-ahead log and the thread that moves its pages into the database file.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::connection::{self, Use};
use crate::{Durability, OpenError};

/// Pages in the log that wake the checkpoint thread.
const CHECKPOINT_PAGES: i64 = 1000;

/// Pages at which the log is emptied while the writer waits, so that it cannot grow for ever under a load that
/// never pauses: 64 MiB.
const TRUNCATE_PAGES: i64 = 16 * 1024;

/// Pages by which the log grows between two tries to empty it, while a reader holds on to it.
const TRUNCATE_STEP: i64 = 1024;

/// Keeps the log short.
pub(super) struct Log {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    truncate_at: AtomicI64,
}

impl Log {
    /// Starts the checkpoint thread with a connection of its own.
    pub(super) fn start(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let failed = |error: &dyn std::fmt::Display| format!("cannot start the checkpoint thread: {error}");
        let connection = connection::open(path, Use::Checkpoint, durability)
            .map_err(|error| OpenError::because(failed(&error), error))?;
        let (wake, woken) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("catalog-checkpoint".into())
            .spawn(move || run(&woken, &connection))
            .map_err(|error| OpenError::because(failed(&error), error))?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            truncate_at: AtomicI64::new(TRUNCATE_PAGES),
        })
    }

    /// Looks how long the log is after a commit, on the writer's connection outside of a transaction.
    pub(super) fn look(&self, writer: &Connection) {
        let Ok(Size {
            pages, pages_done, ..
        }) = checkpoint(writer, "NOOP")
        else {
            return;
        };
        if pages >= self.truncate_at.load(Ordering::Relaxed) {
            let is_empty = matches!(checkpoint(writer, "TRUNCATE"), Ok(size) if !size.is_busy);
            let next = if is_empty {
                TRUNCATE_PAGES
            } else {
                pages + TRUNCATE_STEP
            };
            self.truncate_at.store(next, Ordering::Relaxed);
        } else if pages - pages_done >= CHECKPOINT_PAGES
            && let Some(wake) = &self.wake
        {
            // A full channel means that the thread is about to look anyway.
            let _ = wake.try_send(());
        }
    }
}

/// What a checkpoint says of the log.
struct Size {
    is_busy: bool,
    pages: i64,
    pages_done: i64,
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Size> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row([], |row| {
        Ok(Size {
            is_busy: row.get::<_, i64>(0)? != 0,
            pages: row.get(1)?,
            pages_done: row.get(2)?,
        })
    })
}

fn run(woken: &Receiver<()>, connection: &Connection) {
    while woken.recv().is_ok() {
        if let Err(error) = checkpoint(connection, "PASSIVE") {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the catalog's log could not be checkpointed"
            );
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread had panicked");
        }
    }
}
