//! PostgreSQL: a pool of connections, and one more that carries the news of changes between nodes.

mod error;
mod listener;
mod tls;
mod value;

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use model::SpaceId;
use tokio::sync::broadcast;

use self::error::{translate, translate_pool};
use self::listener::Listener;
use super::stats::Counters;
use super::{Row, Value};
use crate::url::Server;
use crate::{CatalogError, Durability, OpenError, Options};

/// How long a new connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What every connection is told first. A statement or a silent transaction may take a minute at the most, a
/// client that went away is noticed, and compiling a statement never pays for what runs in a millisecond.
const SESSION: &str = "SET statement_timeout = '60s';
    SET idle_in_transaction_session_timeout = '60s';
    SET client_connection_check_interval = '5s';
    SET jit = off;
    SET client_min_messages = warning;";

/// The database, connected.
pub(super) struct Postgres {
    pool: Pool,
    listener: Listener,
    pub(super) stats: Counters,
    changes: broadcast::Sender<SpaceId>,
}

impl Postgres {
    /// Connects to `server` and asks whether it is one that the catalog can trust.
    pub(super) async fn open(
        server: &Server,
        options: &Options,
        changes: broadcast::Sender<SpaceId>,
    ) -> Result<Arc<Self>, OpenError> {
        let tls = tls::connector(server)?;
        let session = format!("{SESSION} {}", synchronous_commit(options.durability));
        let manager = Manager::from_config(
            server.config.clone(),
            tls.clone(),
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(options.connections.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(options.patience))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .post_create(Hook::async_fn(move |client, _| {
                let session = session.clone();
                Box::pin(async move { client.batch_execute(&session).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|error| OpenError::because("cannot make the pool of database connections", error))?;
        let client = pool
            .get()
            .await
            .map_err(|error| unreachable_server(server, error))?;
        prove(&client, options.durability).await?;
        drop(client);
        let listener = Listener::start(server.config.clone(), tls, changes.clone());
        Ok(Arc::new(Self {
            pool,
            listener,
            stats: Counters::default(),
            changes,
        }))
    }

    /// Takes a connection; its transaction begins with its first statement.
    pub(super) async fn begin(self: &Arc<Self>, mode: Mode) -> Result<PgTx, CatalogError> {
        let client = self.pool.get().await.map_err(translate_pool)?;
        Ok(PgTx {
            client: Some(client),
            postgres: Arc::clone(self),
            mode,
            state: State::Fresh,
            wakes: Vec::new(),
        })
    }
}

/// Full durability is asked for by each session, so that a server set to lose commits does not lose ours.
const fn synchronous_commit(durability: Durability) -> &'static str {
    match durability {
        Durability::Full => {
            "SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') = 'off'"
        }
        Durability::UnsafeNone => "SET synchronous_commit = off",
    }
}

fn unreachable_server(server: &Server, error: deadpool_postgres::PoolError) -> OpenError {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(deeper) = cause {
        reason = deeper.to_string();
        cause = deeper.source();
    }
    // The reason comes from a TLS library whose errors are not told apart by type here.
    let hint = match reason.contains("certificate") {
        true => {
            " (if an authority of your own signed it, name its file in the address: ?sslrootcert=/path/ca.pem)"
        }
        false => "",
    };
    OpenError::because(
        format!("cannot connect to the database {server}: {reason}{hint}"),
        error,
    )
}

/// Refuses a server that cannot hold the catalog and warns of one that may lose it.
async fn prove(client: &Object, durability: Durability) -> Result<(), OpenError> {
    let row = client
        .query_one(
            "SELECT current_setting('server_encoding'), current_setting('fsync'), \
             current_setting('full_page_writes'), \
             (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit')",
            &[],
        )
        .await
        .map_err(|error| OpenError::because(format!("the database does not answer: {error}"), error))?;
    let setting = |i: usize| {
        row.try_get::<_, Option<String>>(i)
            .ok()
            .flatten()
            .unwrap_or_default()
    };
    if setting(0) != "UTF8" {
        return Err(OpenError::new(format!(
            "the database is encoded in {}, and names need UTF8: create it with ENCODING 'UTF8'",
            setting(0)
        )));
    }
    if durability == Durability::Full {
        for (name, value) in [("fsync", setting(1)), ("full_page_writes", setting(2))] {
            if value == "off" {
                tracing::warn!(
                    "the database server runs with {name} = off: a power failure can destroy the catalog"
                );
            }
        }
        if setting(3) == "off" {
            tracing::warn!(
                "the database has synchronous_commit = off; Cumuli turns it on for its connections"
            );
        }
    }
    Ok(())
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One snapshot, read only.
    Read,
    /// Each statement sees what was committed before it.
    Write,
}

impl Mode {
    const fn begin(self) -> &'static str {
        match self {
            Self::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Self::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }
}

/// Where the connection of a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was sent.
    Fresh,
    /// A transaction is open and the server waits for us.
    Open,
    /// A request is on its way. Whoever is dropped now does not know what the server will make of it.
    Busy,
}

/// A transaction of PostgreSQL.
pub(super) struct PgTx {
    client: Option<Object>,
    postgres: Arc<Postgres>,
    mode: Mode,
    state: State,
    wakes: Vec<SpaceId>,
}

impl PgTx {
    fn client(&self) -> &Object {
        self.client.as_ref().expect("only the end takes it")
    }

    pub(super) async fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, CatalogError> {
        let (begin, client) = self.start();
        let work = async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, &slots(params)).await
        };
        // The first statement takes the `BEGIN` along in the same packet.
        let (begun, rows) = tokio::join!(biased; send(client, begin), work);
        self.state = State::Open;
        begun.map_err(translate)?;
        rows.map_err(translate)?.iter().map(value::read).collect()
    }

    pub(super) async fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, CatalogError> {
        let (begin, client) = self.start();
        let work = async {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, &slots(params)).await
        };
        let (begun, changed) = tokio::join!(biased; send(client, begin), work);
        self.state = State::Open;
        begun.map_err(translate)?;
        changed.map_err(translate)
    }

    pub(super) async fn define(&mut self, sql: &str) -> Result<(), CatalogError> {
        let (begin, client) = self.start();
        let (begun, done) = tokio::join!(biased; send(client, begin), client.batch_execute(sql));
        self.state = State::Open;
        begun.and(done).map_err(translate)
    }

    /// Marks that a request is on its way. Returns what to send before it, and to whom.
    fn start(&mut self) -> (Option<&'static str>, &Object) {
        let begin = (self.state == State::Fresh).then_some(self.mode.begin());
        self.state = State::Busy;
        (begin, self.client())
    }

    pub(super) fn wake(&mut self, space: SpaceId) {
        if !self.wakes.contains(&space) {
            self.wakes.push(space);
        }
    }

    /// Ends the transaction and returns when it is durable.
    pub(super) async fn commit(mut self) -> Result<(), CatalogError> {
        if self.state == State::Fresh {
            return Ok(());
        }
        self.state = State::Busy;
        let started = Instant::now();
        self.client().batch_execute("COMMIT").await.map_err(translate)?;
        self.state = State::Fresh;
        if self.mode == Mode::Write {
            self.postgres.stats.flushed(1, started.elapsed());
        }
        for space in self.wakes.drain(..) {
            // Here at once, elsewhere through the server. Nobody may be watching.
            let _ = self.postgres.changes.send(space);
            self.postgres.listener.tell(space);
        }
        Ok(())
    }
}

async fn send(client: &Object, sql: Option<&str>) -> Result<(), tokio_postgres::Error> {
    match sql {
        Some(sql) => client.batch_execute(sql).await,
        None => Ok(()),
    }
}

fn slots(params: &[Value]) -> Vec<&(dyn tokio_postgres::types::ToSql + Sync)> {
    params.iter().map(|value| value as _).collect()
}

impl Drop for PgTx {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        match self.state {
            State::Fresh => {}
            State::Open => {
                // Sent by its first poll, in front of whatever the next user of the connection sends.
                let mut rollback = std::pin::pin!(client.batch_execute("ROLLBACK"));
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                let _ = rollback.as_mut().poll(&mut context);
            }
            // The server rolls back when the connection closes. The pool makes a new one.
            State::Busy => drop(Object::take(client)),
        }
    }
}
