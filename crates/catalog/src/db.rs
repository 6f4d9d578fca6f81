//! One door to both engines: transactions, statements and rows.
//!
//! Statements are written once, in the subset that SQLite and PostgreSQL share: `$1` parameters, `BIGINT`,
//! `TEXT` and bytes, `ON CONFLICT`, `RETURNING`, `WITH RECURSIVE`, comparisons of rows. A statement that fails
//! spoils its transaction on both.

mod postgres;
mod sqlite;
mod stats;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::{BlobId, Millis, SpaceId};
use tokio::sync::broadcast;

use self::postgres::{Mode, PgTx, Postgres};
use self::sqlite::{ReadTx, Sqlite, WriteTx};
use crate::url::{Address, DatabaseUrl};
use crate::{CatalogError, OpenError};

pub use stats::Stats;
pub(crate) use value::{Kind as ValueKind, Row, Value};

/// What a watcher is told instead of a space when news may have been missed: the journal of any space may have
/// grown.
pub const EVERY_SPACE: SpaceId = SpaceId::from_bytes([0; 16]);

/// News that a slow watcher may fall behind before it is told that it missed some.
const NEWS: usize = 1024;

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
    /// Connections at the most: readers on SQLite, all but one on PostgreSQL.
    pub connections: usize,
    /// How long a transaction waits for one of them to be free.
    pub patience: Duration,
}

impl Options {
    /// The usual options for the database at `url`.
    pub const fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            durability: Durability::Full,
            connections: 16,
            patience: Duration::from_secs(5),
        }
    }
}

/// The rows of one Cumuli. A clone is another handle of the same catalog.
#[derive(Clone)]
pub struct Catalog {
    backing: Backing,
    changes: broadcast::Sender<SpaceId>,
}

#[derive(Clone)]
enum Backing {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Catalog").field(&self.engine()).finish()
    }
}

impl Catalog {
    /// Connects to the database, which is made if it is a file. Does not migrate.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the database or its address.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let (changes, _) = broadcast::channel(NEWS);
        let backing = match options.url.address() {
            Address::Sqlite(path) => Backing::Sqlite(Sqlite::open(path, &options, changes.clone())?),
            Address::Postgres(server) => {
                Backing::Postgres(Postgres::open(server, &options, changes.clone()).await?)
            }
        };
        Ok(Self { backing, changes })
    }

    /// Begins a read-only transaction: all its statements see one state. On SQLite it never waits for the writer.
    ///
    /// # Errors
    /// `Unavailable` when no connection is free in time, or the server is gone.
    pub async fn read(&self) -> Result<Tx, CatalogError> {
        let inner = match &self.backing {
            Backing::Sqlite(sqlite) => Inner::SqliteRead(sqlite.read().await?),
            Backing::Postgres(postgres) => Inner::Postgres(postgres.begin(Mode::Read).await?),
        };
        Ok(Tx {
            inner,
            has_failed: false,
            uses: BTreeMap::new(),
        })
    }

    /// Begins a transaction that may write: on SQLite the only one, on PostgreSQL one of many.
    ///
    /// # Errors
    /// `Unavailable` when no connection is free in time, another process writes for so long, or the
    /// server is gone.
    pub async fn write(&self) -> Result<Tx, CatalogError> {
        let inner = match &self.backing {
            Backing::Sqlite(sqlite) => Inner::SqliteWrite(sqlite.write().await?),
            Backing::Postgres(postgres) => Inner::Postgres(postgres.begin(Mode::Write).await?),
        };
        Ok(Tx {
            inner,
            has_failed: false,
            uses: BTreeMap::new(),
        })
    }

    /// Says that a write follows within moments, so that a flush that is about to start may wait for it.
    ///
    /// Turn it into the write with [`Announced::write`], or drop it when there will be none.
    pub fn announce(&self) -> Announced {
        if let Backing::Sqlite(sqlite) = &self.backing {
            sqlite.core.arrivals.announce();
        }
        Announced {
            catalog: self.clone(),
        }
    }

    /// The spaces whose journal grew, on this node or any other.
    ///
    /// News is a hint and may be lost when a node dies: look at the journal now and then anyway. A receiver that
    /// lags, or that gets [`EVERY_SPACE`], looks at every space that it cares for.
    pub fn watch(&self) -> broadcast::Receiver<SpaceId> {
        self.changes.subscribe()
    }

    /// Makes one round trip to the database.
    ///
    /// # Errors
    /// What a request would get that needs the catalog now.
    pub async fn check(&self) -> Result<(), CatalogError> {
        self.read().await?.first("SELECT 1", &[]).await.map(drop)
    }

    /// Which database runs underneath.
    pub const fn engine(&self) -> Engine {
        match self.backing {
            Backing::Sqlite(_) => Engine::Sqlite,
            Backing::Postgres(_) => Engine::Postgres,
        }
    }

    /// The name and the version of the database, such as `PostgreSQL 15.4`.
    ///
    /// # Errors
    /// As of [`Catalog::read`].
    pub async fn engine_version(&self) -> Result<String, CatalogError> {
        let (name, sql) = match self.engine() {
            Engine::Sqlite => ("SQLite", "SELECT sqlite_version()"),
            Engine::Postgres => ("PostgreSQL", "SELECT current_setting('server_version')"),
        };
        let row = self.read().await?.first(sql, &[]).await?;
        let version = row.map(|row| row.text(0)).transpose()?.unwrap_or_default();
        Ok(format!("{name} {version}"))
    }

    /// What the engine counted since it was opened.
    pub fn stats(&self) -> Stats {
        match &self.backing {
            Backing::Sqlite(sqlite) => sqlite.core.stats.read(),
            Backing::Postgres(postgres) => postgres.stats.read(),
        }
    }
}

/// An announced write. A flush on SQLite waits a moment for it to join.
#[derive(Debug)]
pub struct Announced {
    catalog: Catalog,
}

impl Announced {
    /// Begins the transaction that was announced.
    ///
    /// # Errors
    /// As of [`Catalog::write`].
    pub async fn write(self) -> Result<Tx, CatalogError> {
        self.catalog.write().await
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let Backing::Sqlite(sqlite) = &self.catalog.backing {
            sqlite.core.arrivals.end_announcement();
        }
    }
}

/// A transaction. Dropping it without [`Tx::commit`] rolls back.
pub struct Tx {
    inner: Inner,
    has_failed: bool,
    /// Uses of blobs to be counted at the end: how many more, and when.
    pub(crate) uses: BTreeMap<BlobId, (i64, Millis)>,
}

enum Inner {
    SqliteRead(ReadTx),
    SqliteWrite(WriteTx),
    Postgres(PgTx),
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx")
            .field("engine", &self.engine())
            .field("has_failed", &self.has_failed)
            .finish()
    }
}

impl Tx {
    /// Runs a statement and returns its rows.
    pub(crate) async fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, CatalogError> {
        self.rows(sql, params, usize::MAX).await
    }

    /// Runs a statement and returns its first row.
    pub(crate) async fn first(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>, CatalogError> {
        Ok(self.rows(sql, params, 1).await?.into_iter().next())
    }

    async fn rows(&mut self, sql: &str, params: &[Value], limit: usize) -> Result<Vec<Row>, CatalogError> {
        self.admit(params)?;
        let rows = match &mut self.inner {
            Inner::SqliteRead(tx) => sqlite::query(tx.connection(), sql, params, limit),
            Inner::SqliteWrite(tx) => sqlite::query(tx.connection(), sql, params, limit),
            Inner::Postgres(tx) => tx.query(sql, params).await,
        };
        self.has_failed = rows.is_err();
        rows
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, CatalogError> {
        self.admit(params)?;
        let changed = match &mut self.inner {
            Inner::SqliteRead(tx) => sqlite::execute(tx.connection(), sql, params),
            Inner::SqliteWrite(tx) => sqlite::execute(tx.connection(), sql, params),
            Inner::Postgres(tx) => tx.execute(sql, params).await,
        };
        self.has_failed = changed.is_err();
        changed
    }

    /// Runs a statement of the schema, without parameters.
    pub(crate) async fn define(&mut self, sql: &str) -> Result<(), CatalogError> {
        self.proceed()?;
        let done = match &mut self.inner {
            Inner::SqliteRead(tx) => sqlite::define(tx.connection(), sql),
            Inner::SqliteWrite(tx) => sqlite::define(tx.connection(), sql),
            Inner::Postgres(tx) => tx.define(sql).await,
        };
        self.has_failed = done.is_err();
        done
    }

    /// Holds SQLite to what PostgreSQL demands: nothing after a failure, and no NUL in a text.
    fn admit(&self, params: &[Value]) -> Result<(), CatalogError> {
        self.proceed()?;
        let has_nul = |value: &Value| matches!(value, Value::Text(text) if text.as_bytes().contains(&0));
        match params.iter().any(has_nul) {
            true => Err(CatalogError::Database(
                "a text with a NUL character cannot be stored".into(),
            )),
            false => Ok(()),
        }
    }

    fn proceed(&self) -> Result<(), CatalogError> {
        match self.has_failed {
            true => Err(CatalogError::Database(
                "a statement of this transaction failed before".into(),
            )),
            false => Ok(()),
        }
    }

    /// Which database runs underneath.
    pub(crate) const fn engine(&self) -> Engine {
        match self.inner {
            Inner::SqliteRead(_) | Inner::SqliteWrite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }

    /// What to append to a `SELECT` whose rows must not change before the commit.
    pub(crate) const fn lock_suffix(&self) -> &'static str {
        match self.engine() {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE",
        }
    }

    /// What to append to a table's name for SQLite to read it by this index. It knows nothing of how many rows there are
    /// of one owner, and believes that it is quicker to read them all by a clustered key than some by another index.
    pub(crate) fn indexed_by(&self, index: &str) -> String {
        match self.engine() {
            Engine::Sqlite => format!(" INDEXED BY {index}"),
            Engine::Postgres => String::new(),
        }
    }

    /// Tells the watchers of `space` after, and only after, the commit.
    pub(crate) fn wake(&mut self, space: SpaceId) {
        match &mut self.inner {
            Inner::SqliteRead(_) => {}
            Inner::SqliteWrite(tx) => tx.wake(space),
            Inner::Postgres(tx) => tx.wake(space),
        }
    }

    /// Ends the transaction and returns when it is durable.
    ///
    /// # Errors
    /// After `Unavailable` it is not known whether the transaction took place: the answer was lost.
    pub async fn commit(mut self) -> Result<(), CatalogError> {
        self.settle_uses().await?;
        self.proceed()?;
        match self.inner {
            Inner::SqliteRead(_) => Ok(()),
            Inner::SqliteWrite(tx) => tx.commit().await,
            Inner::Postgres(tx) => tx.commit().await,
        }
    }
}
