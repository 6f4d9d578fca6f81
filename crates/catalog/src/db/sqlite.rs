//! SQLite: one writer with group commit, many readers, a write-ahead log.
//!
//! Statements run where they are asked for: they take microseconds, less than a hop to another thread. Only
//! flushes have a thread of their own.

mod committer;
mod connection;
mod log;
mod readers;
mod writer;

use std::path::Path;
use std::sync::Arc;

use model::SpaceId;
use tokio::sync::{Mutex, OwnedMutexGuard, broadcast};

use self::committer::{Arrivals, Committer};
use self::connection::Use;
use self::log::Log;
use self::readers::Readers;
use self::writer::Writer;
use super::stats::Counters;
use crate::{CatalogError, Durability, OpenError, Options};

pub(super) use self::connection::{define, execute, query};
pub(super) use self::readers::ReadTx;
pub(super) use self::writer::WriteTx;

/// The catalog's file, open.
pub(super) struct Sqlite {
    // Dropped first: its thread ends its last flush while everything else is still there. Without one, each commit
    // ends its own group: there is nothing to wait for when nothing is flushed.
    committer: Option<Committer>,
    log: Arc<Log>,
    pub(super) core: Arc<Core>,
    readers: Arc<Readers>,
}

/// What the committer thread shares with the transactions.
pub(super) struct Core {
    writer: Arc<Mutex<Writer>>,
    pub(super) arrivals: Arrivals,
    pub(super) stats: Counters,
    changes: broadcast::Sender<SpaceId>,
}

impl Sqlite {
    /// Opens the file at `path`, made if it is missing.
    pub(super) fn open(
        path: &Path,
        options: &Options,
        changes: broadcast::Sender<SpaceId>,
    ) -> Result<Arc<Self>, OpenError> {
        let durability = options.durability;
        connection::create_file(path)?;
        let connection = connection::open(path, Use::Write, durability).map_err(|error| {
            OpenError::because(
                format!("cannot open the database {}: {error}", path.display()),
                error,
            )
        })?;
        connection::prove(&connection, path, durability)?;
        let core = Arc::new(Core {
            writer: Arc::new(Mutex::new(Writer::new(connection))),
            arrivals: Arrivals::default(),
            stats: Counters::default(),
            changes,
        });
        let log = Arc::new(Log::start(path, durability)?);
        let committer = match durability {
            Durability::Full => Some(Committer::start(&core, Arc::clone(&log))?),
            Durability::UnsafeNone => None,
        };
        Ok(Arc::new(Self {
            committer,
            log,
            core,
            readers: Arc::new(Readers::new(path.to_owned(), options)),
        }))
    }

    pub(super) async fn read(&self) -> Result<ReadTx, CatalogError> {
        self.readers.begin().await
    }

    /// Sees to it that the group that `writer` has open is flushed.
    fn close_group(&self, mut writer: OwnedMutexGuard<Writer>, number: u64, is_new: bool) {
        match &self.committer {
            Some(committer) if is_new => {
                drop(writer);
                committer.ask(number);
            }
            Some(_) => {}
            None => {
                let ended = writer.flush(number, &self.core);
                self.log.look(&writer.connection);
                drop(writer);
                ended.into_iter().for_each(|ended| ended.tell(&self.core));
            }
        }
    }

    pub(super) async fn write(self: &Arc<Self>) -> Result<WriteTx, CatalogError> {
        WriteTx::begin(self).await
    }
}
