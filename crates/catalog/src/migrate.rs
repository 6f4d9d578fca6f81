//! Brings the schema up to date, one transaction per migration.
//!
//! The transaction also writes down that the migration was done, so an interruption at any statement leaves the
//! schema before or after it. A lock lets one node migrate while the others wait and then find it done.

use std::time::Duration;

use crate::db::{Catalog, Engine, Tx};
use crate::{CatalogError, OpenError};

/// One step of the schema. Once released it is never edited.
pub(crate) struct Migration {
    version: u32,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// Every migration, in order; versions count from 1.
pub(crate) const ALL: &[Migration] = &[
    Migration {
        version: 1,
        name: "foundation",
        sqlite: include_str!("../migrations/0001_foundation.sql"),
        postgres: include_str!("../migrations/0001_foundation.sql"),
    },
    Migration {
        version: 2,
        name: "search",
        sqlite: include_str!("../migrations/0002_search.sqlite.sql"),
        postgres: include_str!("../migrations/0002_search.postgres.sql"),
    },
    Migration {
        version: 3,
        name: "people",
        sqlite: include_str!("../migrations/0003_people.sql"),
        postgres: include_str!("../migrations/0003_people.sql"),
    },
    Migration {
        version: 4,
        name: "stores",
        sqlite: include_str!("../migrations/0004_stores.sql"),
        postgres: include_str!("../migrations/0004_stores.sql"),
    },
    Migration {
        version: 5,
        name: "uploads",
        sqlite: include_str!("../migrations/0005_uploads.sql"),
        postgres: include_str!("../migrations/0005_uploads.sql"),
    },
    Migration {
        version: 6,
        name: "archive",
        sqlite: include_str!("../migrations/0006_archive.sql"),
        postgres: include_str!("../migrations/0006_archive.sql"),
    },
    Migration {
        version: 7,
        name: "connections",
        sqlite: include_str!("../migrations/0007_connections.sql"),
        postgres: include_str!("../migrations/0007_connections.sql"),
    },
    Migration {
        version: 8,
        name: "mirrors",
        sqlite: include_str!("../migrations/0008_mirrors.sql"),
        postgres: include_str!("../migrations/0008_mirrors.sql"),
    },
    Migration {
        version: 9,
        name: "migrations",
        sqlite: include_str!("../migrations/0009_migrations.sql"),
        postgres: include_str!("../migrations/0009_migrations.sql"),
    },
    Migration {
        version: 10,
        name: "channels",
        sqlite: include_str!("../migrations/0010_channels.sql"),
        postgres: include_str!("../migrations/0010_channels.sql"),
    },
    Migration {
        version: 11,
        name: "late calls",
        sqlite: include_str!("../migrations/0011_late_calls.sql"),
        postgres: include_str!("../migrations/0011_late_calls.sql"),
    },
];

/// Names the lock that PostgreSQL gives to one migrating node at a time: `cumuli` in ASCII.
const LOCK: i64 = 0x6375_6d75_6c69;

/// How often to try to become SQLite's writer; each try waits for some seconds.
const TRIES: u32 = 120;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// What [`Catalog::migrate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version of the schema before; 0 when the database was empty.
    pub from: u32,
    /// The version now.
    pub to: u32,
}

impl Catalog {
    /// Brings the schema up to date. Any number of nodes may do so at once.
    ///
    /// # Errors
    /// A sentence when the database is newer than this program, may not be changed, or lacks an extension.
    pub async fn migrate(&self) -> Result<Migrated, OpenError> {
        self.migrate_with(ALL, usize::MAX).await
    }

    /// Brings an older schema up to `version` and no further: for rows that were written down then.
    ///
    /// # Errors
    /// As of [`Catalog::migrate`], and when this program does not know so high a version.
    pub async fn migrate_to(&self, version: u32) -> Result<Migrated, OpenError> {
        let known = ALL.len();
        let wanted = usize::try_from(version).unwrap_or(usize::MAX);
        match ALL.get(..wanted) {
            Some(migrations) => self.migrate_with(migrations, usize::MAX).await,
            None => Err(OpenError::new(format!(
                "version {version} of the database is meant, and this Cumuli knows versions up to {known}: use the \
                 newer Cumuli"
            ))),
        }
    }

    /// Applies those of `migrations` that are missing, giving up in the middle of one after `budget` statements.
    pub(crate) async fn migrate_with(
        &self,
        migrations: &[Migration],
        mut budget: usize,
    ) -> Result<Migrated, OpenError> {
        let mut tx = self.lock().await?;
        let from = applied(&mut tx, migrations).await?;
        let mut at = from;
        while let Some(next) = migrations.iter().find(|migration| migration.version == at + 1) {
            for statement in statements(&next.text(self.engine())) {
                budget = budget
                    .checked_sub(1)
                    .ok_or_else(|| OpenError::new("the migration was interrupted"))?;
                tx.define(&statement)
                    .await
                    .map_err(|error| failed(next, &statement, error))?;
            }
            write_down(&mut tx, next)
                .await
                .map_err(|error| failed(next, "", error))?;
            tx.commit().await.map_err(|error| failed(next, "COMMIT", error))?;
            tracing::info!(
                version = next.version,
                name = next.name,
                "the catalog's schema was migrated"
            );
            // Another node may have gone on in the meantime.
            tx = self.lock().await?;
            at = applied(&mut tx, migrations).await?;
        }
        tx.commit()
            .await
            .map_err(|error| OpenError::because("the schema could not be read", error))?;
        Ok(Migrated { from, to: at })
    }

    /// Begins a transaction that no other migration runs beside.
    async fn lock(&self) -> Result<Tx, OpenError> {
        let mut tries = 0;
        let mut tx = loop {
            match self.write().await {
                Ok(tx) => break tx,
                Err(error) if error.is_temporary() && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(OpenError::because("the database cannot be written", error)),
            }
        };
        let prepared = async {
            if self.engine() == Engine::Postgres {
                // An index on millions of rows takes longer than any request may.
                tx.define("SET LOCAL statement_timeout = 0").await?;
                tx.first("SELECT pg_advisory_xact_lock($1)", &[LOCK.into()])
                    .await?;
            }
            tx.define(
                "CREATE TABLE IF NOT EXISTS migrations (
                     version BIGINT PRIMARY KEY,
                     name TEXT NOT NULL,
                     applied_ms BIGINT NOT NULL
                 )",
            )
            .await
        };
        match prepared.await {
            Ok(()) => Ok(tx),
            Err(error) => Err(OpenError::because(
                format!("the database cannot be migrated: {}", deepest(&error)),
                error,
            )),
        }
    }
}

/// Returns the version of the schema, or refuses one that these migrations did not make.
async fn applied(tx: &mut Tx, migrations: &[Migration]) -> Result<u32, OpenError> {
    let unreadable = |error: CatalogError| {
        OpenError::because(
            format!("the version of the database cannot be read: {}", deepest(&error)),
            error,
        )
    };
    let rows = tx
        .query("SELECT version, name FROM migrations ORDER BY version", &[])
        .await
        .map_err(unreadable)?;
    let known = migrations.last().map_or(0, |migration| migration.version);
    let mut at = 0;
    for row in rows {
        let version = u32::try_from(row.int(0).map_err(unreadable)?).unwrap_or(u32::MAX);
        let name = row.text(1).map_err(unreadable)?;
        match migrations.iter().find(|migration| migration.version == version) {
            Some(migration) if migration.name == name => at = version,
            Some(migration) => {
                return Err(OpenError::new(format!(
                    "version {version} of the database is `{name}`, and this Cumuli knows it as `{}`: the database \
                     belongs to another program",
                    migration.name
                )));
            }
            None => {
                return Err(OpenError::new(format!(
                    "the database has version {version} (`{name}`) and this Cumuli knows versions up to {known}: \
                     start the newer Cumuli that migrated it, or restore a backup from before"
                )));
            }
        }
    }
    Ok(at)
}

async fn write_down(tx: &mut Tx, migration: &Migration) -> Result<(), CatalogError> {
    // The database's own clock: this row is for people to read.
    let now = match tx.engine() {
        Engine::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        Engine::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
    };
    let sql = format!("INSERT INTO migrations (version, name, applied_ms) VALUES ($1, $2, {now})");
    tx.execute(
        &sql,
        &[i64::from(migration.version).into(), migration.name.into()],
    )
    .await?;
    Ok(())
}

impl Migration {
    /// The statements in the words of `engine`.
    pub(crate) fn text(&self, engine: Engine) -> String {
        let (text, words) = match engine {
            Engine::Sqlite => (
                self.sqlite,
                [
                    ("ROW_NUMBER_KEY", "INTEGER PRIMARY KEY"),
                    ("CLUSTERED", "WITHOUT ROWID"),
                    ("KEYTEXT", "TEXT"),
                    ("BYTES", "BLOB"),
                ],
            ),
            Engine::Postgres => (
                self.postgres,
                [
                    (
                        "ROW_NUMBER_KEY",
                        "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                    ),
                    ("CLUSTERED", ""),
                    ("KEYTEXT", "TEXT COLLATE \"C\""),
                    ("BYTES", "BYTEA"),
                ],
            ),
        };
        words
            .into_iter()
            .fold(text.to_owned(), |text, (word, own)| text.replace(word, own))
    }
}

/// Splits a migration into its statements: one ends with a `;` at the end of a line that is not indented.
pub(crate) fn statements(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut statement = String::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with("--") && !line.trim().is_empty())
    {
        statement.push_str(line);
        statement.push('\n');
        if line.ends_with(';') && !line.starts_with(' ') {
            found.push(std::mem::take(&mut statement));
        }
    }
    if !statement.is_empty() {
        found.push(statement);
    }
    found
}

fn failed(migration: &Migration, statement: &str, error: CatalogError) -> OpenError {
    let reason = deepest(&error);
    let extension = statement.strip_prefix("CREATE EXTENSION IF NOT EXISTS ");
    let sentence = match extension.map(|name| name.trim_end_matches([';', '\n'])) {
        Some(name) => format!(
            "the database needs the extension {name} and this user may not add it ({reason}): install PostgreSQL's \
             contrib package if it is missing, and run `CREATE EXTENSION {name};` in this database as its superuser"
        ),
        None => format!(
            "migration {} (`{}`) failed: {reason}",
            migration.version, migration.name
        ),
    };
    OpenError::because(sentence, error)
}

/// The innermost cause, which is the one that says something.
fn deepest(error: &CatalogError) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
