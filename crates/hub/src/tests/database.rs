//! A migrated database for each test.

use std::sync::atomic::{AtomicU32, Ordering};

use catalog::{Catalog, DatabaseUrl, Options};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// Names a server where databases may be made.
const SERVER: &str = "CUMULI_TEST_POSTGRES";
/// Says how that server copies a database fastest, in the words that end `CREATE DATABASE`.
const COPYING: &str = "CUMULI_TEST_POSTGRES_COPYING";

/// A database of one test.
pub(crate) enum Database {
    /// A file in a folder of its own.
    Sqlite(TempDir),
    /// A database of the server.
    Postgres { server: String, name: String },
}

impl Database {
    /// One of each engine: SQLite always, PostgreSQL when a server is named.
    pub(crate) async fn of_each_engine() -> Vec<Self> {
        let mut databases = vec![Self::Sqlite(tempfile::tempdir().unwrap())];
        if let Ok(server) = std::env::var(SERVER) {
            databases.push(Self::create(server).await);
        }
        databases
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        match self {
            Self::Sqlite(folder) => DatabaseUrl::sqlite(folder.path().join("catalog.db")),
            Self::Postgres { server, name } => named(server, name),
        }
    }

    /// Removes it, whoever is still connected.
    pub(crate) async fn remove(self) {
        if let Self::Postgres { server, name } = self {
            let client = connect(&server).await;
            run(&client, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    /// Copies a migrated database, which is faster than migrating one.
    async fn create(server: String) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("cumuli_hub_{}_{number}", std::process::id());
        let client = connect(&server).await;
        // Tests run in many processes at once, and one of them makes what all copy.
        run(&client, "SELECT pg_advisory_lock(8)").await;
        let template = template(&client, &server).await;
        run(&client, "SELECT pg_advisory_unlock(8)").await;
        let copying = std::env::var(COPYING).unwrap_or_default();
        run(
            &client,
            &format!("CREATE DATABASE {name} TEMPLATE {template} {copying}"),
        )
        .await;
        Self::Postgres { server, name }
    }
}

/// Returns the name of a migrated database, made by the first test of this build that needs it.
async fn template(client: &Client, server: &str) -> String {
    // Another build may have another schema.
    let program = std::env::current_exe().unwrap().metadata().unwrap();
    let built = program
        .modified()
        .unwrap()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let name = format!("cumuli_hub_template_{}", built.as_nanos());
    let is_there = client
        .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
        .await
        .unwrap();
    if is_there.is_none() {
        let unfinished = format!("{name}_unfinished");
        run(
            client,
            &format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"),
        )
        .await;
        run(
            client,
            &format!("CREATE DATABASE {unfinished} TEMPLATE template0"),
        )
        .await;
        let catalog = Catalog::open(Options::new(named(server, &unfinished)))
            .await
            .unwrap();
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

fn named(server: &str, database: &str) -> DatabaseUrl {
    let (address, parameters) = server.split_once('?').unwrap_or((server, ""));
    let (address, _) = address.rsplit_once('/').unwrap();
    format!("{address}/{database}?{parameters}").parse().unwrap()
}

async fn connect(server: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn run(client: &Client, statement: &str) {
    client.batch_execute(statement).await.unwrap();
}
