//! Connections that only read: each works on a snapshot and never waits for the writer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::{self, Use};
use crate::{CatalogError, Durability, Options};

/// The pool of readers. It opens a connection when none is idle, up to its limit.
pub(super) struct Readers {
    path: PathBuf,
    patience: Duration,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, options: &Options) -> Self {
        let permits = Arc::new(Semaphore::new(options.connections.max(1)));
        Self {
            path,
            patience: options.patience,
            permits,
            idle: Mutex::default(),
        }
    }

    /// Begins a read transaction. Its snapshot is taken by its first statement.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<ReadTx, CatalogError> {
        let permit = tokio::time::timeout(self.patience, self.permits.clone().acquire_owned()).await;
        let permit = match permit {
            Ok(Ok(permit)) => permit,
            Ok(Err(closed)) => return Err(CatalogError::Unavailable(closed.into())),
            Err(_) => {
                return Err(CatalogError::Unavailable(
                    "every reader of the catalog is busy".into(),
                ));
            }
        };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                connection::open(&self.path, Use::Read, Durability::Full).map_err(connection::translate)?
            }
        };
        connection::steer(&connection, "BEGIN").map_err(connection::translate)?;
        Ok(ReadTx {
            connection: Some(connection),
            pool: Arc::clone(self),
            _permit: permit,
        })
    }
}

/// A snapshot. It ends when it is dropped.
pub(crate) struct ReadTx {
    connection: Option<Connection>,
    pool: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl ReadTx {
    pub(crate) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("only drop takes it")
    }
}

impl Drop for ReadTx {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // A connection that cannot end its transaction would pin its snapshot: it is closed instead.
            if connection::steer(&connection, "ROLLBACK").is_ok() {
                self.pool
                    .idle
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(connection);
            }
        }
    }
}
