//! A database of its own for each server.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;

/// Names a PostgreSQL server where databases may be made.
const SERVER: &str = "CUMULI_TEST_POSTGRES";
/// Says how that server copies a database fastest, in the words that end `CREATE DATABASE`.
const COPYING: &str = "CUMULI_TEST_POSTGRES_COPYING";

/// Which database a server runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Those that can be tested here: SQLite always, PostgreSQL when a server is named.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Sqlite];
        all.extend(std::env::var_os(SERVER).map(|_| Self::Postgres));
        all
    }

    /// The stricter one of those: for what is the same on each, and is asked of one alone.
    pub fn strictest() -> Self {
        Self::all().pop().expect("there is SQLite")
    }
}

/// A database, removed when dropped.
pub enum Database {
    /// The file in the data folder.
    Sqlite,
    /// A database of a server.
    Postgres { url: String, name: String },
}

impl Database {
    /// Makes an empty one.
    pub async fn create(engine: Engine) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if engine == Engine::Sqlite {
            return Self::Sqlite;
        }
        let server = std::env::var(SERVER).expect("CUMULI_TEST_POSTGRES names a server");
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cumuli_it_{}_{count}", std::process::id());
        let copying = std::env::var(COPYING).unwrap_or_default();
        execute(&server, &format!("CREATE DATABASE {name} {copying}")).await;
        Self::Postgres {
            url: with_database(&server, &name),
            name,
        }
    }

    /// Its address, where the default is not meant.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres { url, .. } => Some(url),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Self::Postgres { name, .. } = self else {
            return;
        };
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let server = std::env::var(SERVER).expect("CUMULI_TEST_POSTGRES names a server");
        // A runtime cannot wait inside another one, so this one has a thread of its own.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(execute(&server, &statement));
        });
        let _ = dropped.join();
    }
}

async fn execute(server: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(server, NoTls)
        .await
        .expect("the server answers");
    let connection = tokio::spawn(connection);
    client.batch_execute(statement).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

/// The address of another database of the same server.
fn with_database(server: &str, name: &str) -> String {
    let (address, parameters) = match server.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (server, String::new()),
    };
    let (scheme, rest) = address.split_once("://").expect("an address");
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    format!("{scheme}://{host}/{name}{parameters}")
}
