//! Fresh databases for tests.

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::url::Address;
use crate::{Catalog, DatabaseUrl, Engine, Options, migrate};

/// Names a server where databases may be made.
const SERVER: &str = "CUMULI_TEST_POSTGRES";
/// Says how that server copies a database fastest, in the words that end `CREATE DATABASE`.
const COPYING: &str = "CUMULI_TEST_POSTGRES_COPYING";

/// What a fresh database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    /// Nothing.
    Empty,
    /// The whole schema.
    Migrated,
}

/// A database of one test.
pub(crate) struct Database {
    pub(crate) url: DatabaseUrl,
    folder: Option<TempDir>,
}

impl Database {
    /// Opens one more handle, as another node would.
    pub(crate) async fn open(&self) -> Catalog {
        self.open_with(|_| ()).await
    }

    /// Opens a handle with options of its own.
    pub(crate) async fn open_with(&self, set: impl FnOnce(&mut Options)) -> Catalog {
        let mut options = Options::new(self.url.clone());
        set(&mut options);
        Catalog::open(options).await.unwrap()
    }

    pub(crate) fn engine(&self) -> Engine {
        self.url.engine()
    }

    pub(crate) async fn sqlite(schema: Schema) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("catalog.db"));
        let database = Self {
            url,
            folder: Some(folder),
        };
        if schema == Schema::Migrated {
            database.open().await.migrate().await.unwrap();
        }
        database
    }

    /// The folder of a SQLite file.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.as_ref().unwrap().path()
    }
}

/// Runs `test` on a migrated catalog of each engine.
pub(crate) async fn on_each_engine<F, Fut>(test: F)
where
    F: Fn(Catalog) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let test = Arc::new(test);
    on_each_database(Schema::Migrated, move |database| {
        let test = Arc::clone(&test);
        async move { test(database.open().await).await }
    })
    .await;
}

/// Runs `test` on a fresh database of each engine.
pub(crate) async fn on_each_database<F, Fut>(schema: Schema, test: F)
where
    F: Fn(Database) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    test(Database::sqlite(schema).await).await;
    if let Ok(server) = std::env::var(SERVER) {
        let server = Server { address: server };
        let name = server.create(schema).await;
        let outcome = tokio::spawn(test(Database {
            url: server.url(&name),
            folder: None,
        }))
        .await;
        server.run(&[&format!("DROP DATABASE {name} WITH (FORCE)")]).await;
        if let Err(error) = outcome {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

struct Server {
    address: String,
}

impl Server {
    fn url(&self, database: &str) -> DatabaseUrl {
        let (address, parameters) = self.address.split_once('?').unwrap_or((&self.address, ""));
        let (server, _) = address.rsplit_once('/').unwrap();
        format!("{server}/{database}?{parameters}").parse().unwrap()
    }

    async fn connect(&self) -> tokio_postgres::Client {
        let url: DatabaseUrl = self.address.parse().unwrap();
        let Address::Postgres(server) = url.address() else {
            panic!("{SERVER} is not the address of a PostgreSQL server");
        };
        let (client, connection) = server.config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn run(&self, statements: &[&str]) {
        let client = self.connect().await;
        for statement in statements {
            client.batch_execute(statement).await.unwrap();
        }
    }

    /// Makes a database and returns its name. A migrated one is a copy, which is faster than migrating.
    async fn create(&self, schema: Schema) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "cumuli_test_{}_{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        let template = match schema {
            Schema::Empty => "template0".to_owned(),
            Schema::Migrated => self.template().await,
        };
        let copying = std::env::var(COPYING).unwrap_or_default();
        self.run(&[
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            &format!("CREATE DATABASE {name} TEMPLATE {template} {copying}"),
        ])
        .await;
        name
    }

    /// Returns the name of a migrated database, made by the first test that needs it.
    async fn template(&self) -> String {
        let mut hasher = DefaultHasher::new();
        migrate::ALL
            .iter()
            .for_each(|migration| migration.text(Engine::Postgres).hash(&mut hasher));
        let name = format!("cumuli_template_{:016x}", hasher.finish());
        let client = self.connect().await;
        // Tests run in many processes at once; the lock ends with the connection.
        client.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
        let found = client
            .query("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
            .await
            .unwrap();
        if found.is_empty() {
            let unfinished = format!("{name}_unfinished");
            let drop_old = format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)");
            client.batch_execute(&drop_old).await.unwrap();
            client
                .batch_execute(&format!("CREATE DATABASE {unfinished} TEMPLATE template0"))
                .await
                .unwrap();
            let catalog = Catalog::open(Options::new(self.url(&unfinished))).await.unwrap();
            catalog.migrate().await.unwrap();
            drop(catalog);
            // A copy and a renaming both need the database to themselves.
            let disconnect = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
            let rename = format!("ALTER DATABASE {unfinished} RENAME TO {name}");
            loop {
                client.query(disconnect, &[&unfinished]).await.unwrap();
                if client.batch_execute(&rename).await.is_ok() {
                    break;
                }
            }
        }
        name
    }
}
