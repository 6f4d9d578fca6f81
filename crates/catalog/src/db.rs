//! One door to both engines: transactions, statements and rows.

mod value;

use std::fmt;

use model::SpaceId;
use tokio::sync::broadcast;

use crate::url::DatabaseUrl;
use crate::{CatalogError, OpenError};

pub use value::{Kind, Row, Value};

/// Which database runs underneath.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, inside this process.
    Sqlite,
    /// PostgreSQL, a server.
    Postgres,
}

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The disk.
    #[default]
    Full,
    /// Nothing: a power failure loses acknowledged writes. For benchmarks only.
    UnsafeNone,
}

/// How to open a catalog.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which database.
    pub url: DatabaseUrl,
    /// What a commit waits for.
    pub durability: Durability,
    /// Connections at the most: readers on SQLite, all of them on PostgreSQL.
    pub connections: usize,
}

/// The rows of one Cumuli. A clone is another handle of the same catalog.
#[derive(Clone)]
pub struct Catalog;

/// What [`Catalog::migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The version of the schema before; 0 when the database was empty.
    pub from: u32,
    /// The version now.
    pub to: u32,
}

/// Says that a write follows within moments, so that a commit that is about to flush may wait for it.
pub struct Announced;

/// A transaction. Dropping it without [`Tx::commit`] rolls back.
pub struct Tx;

fn later() -> CatalogError {
    CatalogError::Unavailable("not yet".into())
}

impl Catalog {
    /// Connects. Does not migrate.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        Err(OpenError::new(format!("{} is not there yet", options.url)))
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<Migrated, OpenError> {
        Err(OpenError::new("not yet"))
    }

    /// Begins a read-only transaction on one snapshot. On SQLite it never waits for the writer.
    pub async fn read(&self) -> Result<Tx, CatalogError> {
        Err(later())
    }

    /// Begins a transaction that may write.
    pub async fn write(&self) -> Result<Tx, CatalogError> {
        Err(later())
    }

    /// Announces a write.
    pub fn announce(&self) -> Announced {
        Announced
    }

    /// The spaces whose journal grew.
    pub fn watch(&self) -> broadcast::Receiver<SpaceId> {
        broadcast::channel(1).1
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tx")
    }
}

impl Tx {
    /// Runs a statement and returns its rows.
    pub(crate) async fn query(&mut self, _sql: &str, _params: &[Value]) -> Result<Vec<Row>, CatalogError> {
        Err(later())
    }

    /// Runs a statement and returns its first row.
    pub(crate) async fn first(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>, CatalogError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(&mut self, _sql: &str, _params: &[Value]) -> Result<u64, CatalogError> {
        Err(later())
    }

    /// Which database runs underneath.
    pub(crate) const fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    /// What to append to a `SELECT` whose rows must not change before the commit.
    pub(crate) fn lock_suffix(&self) -> &'static str {
        match self.engine() {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE",
        }
    }

    /// Tells the watchers of `space` after, and only after, the commit.
    pub(crate) fn wake(&mut self, _space: SpaceId) {}

    /// Ends the transaction and returns when it is durable.
    pub async fn commit(self) -> Result<(), CatalogError> {
        Err(later())
    }
}
