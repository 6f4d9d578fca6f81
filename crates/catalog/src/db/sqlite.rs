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
use tokio::sync::{Mutex, broadcast};

use self::committer::{Arrivals, Committer};
use self::connection::Use;
use self::log::Log;
use self::readers::Readers;
use self::writer::Writer;
use super::stats::Counters;
use crate::{CatalogError, OpenError, Options};

pub(super) use self::connection::{define, execute, query};
pub(super) use self::readers::ReadTx;
pub(super) use self::writer::WriteTx;

/// The catalog's file, open.
pub(super) struct Sqlite {
    // Dropped first: its thread ends its last flush while everything else is still there.
    committer: Committer,
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
        let log = Log::start(path, durability)?;
        Ok(Arc::new(Self {
            committer: Committer::start(&core, log)?,
            core,
            readers: Arc::new(Readers::new(path.to_owned(), options)),
        }))
    }

    pub(super) async fn read(&self) -> Result<ReadTx, CatalogError> {
        self.readers.begin().await
    }

    pub(super) async fn write(self: &Arc<Self>) -> Result<WriteTx, CatalogError> {
        WriteTx::begin(self).await
    }
}
