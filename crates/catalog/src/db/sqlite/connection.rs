//! One connection to the file: how it is set up, how it runs a statement, what its errors mean.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::ToSqlOutput;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, ToSql};

use super::super::value::{Row, Value};
use crate::{CatalogError, Durability, OpenError};

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 256;

/// How long a connection waits for the moments in which the file is locked, such as a recovery.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
    Checkpoint,
}

/// Makes the file if it is missing, readable by its owner only.
pub(super) fn create_file(path: &Path) -> Result<(), OpenError> {
    refuse_network(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        // A power failure must not forget the file while its first commits are acknowledged.
        Ok(file) => file
            .sync_all()
            .and_then(|()| sync_folder(path))
            .map_err(|error| cannot(path, error)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(cannot(path, error)),
    }
}

fn cannot(path: &Path, error: std::io::Error) -> OpenError {
    OpenError::because(
        format!("cannot make the database file {}: {error}", path.display()),
        error,
    )
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    }
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder(path))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

/// The write-ahead log needs memory that all processes share, which no network file system has.
#[cfg(target_os = "linux")]
fn refuse_network(path: &Path) -> Result<(), OpenError> {
    /// From `linux/magic.h`: NFS, SMB, CIFS, SMB2, AFS, Ceph.
    const NETWORK: [u32; 6] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x5346_414f, 0x00c3_6400];
    let Ok(found) = rustix::fs::statfs(folder(path)) else {
        return Ok(());
    };
    // The kernel's number has 32 bits; some targets widen it with its sign.
    if NETWORK.contains(&(found.f_type as u32)) {
        return Err(OpenError::new(format!(
            "the database {} is on a network file system, where SQLite loses data: use a folder on a local disk, \
             or PostgreSQL",
            path.display()
        )));
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_path: &Path) -> Result<(), OpenError> {
    Ok(())
}

/// Opens the file for `purpose`.
pub(super) fn open(path: &Path, purpose: Use, durability: Durability) -> rusqlite::Result<Connection> {
    let access = match purpose {
        Use::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Use::Write | Use::Checkpoint => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(PATIENCE)?;
    // Without it the planner looks at bound values, and prepares a statement anew at every one.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::UnsafeNone => "OFF",
    };
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous};
         PRAGMA fullfsync = 1;
         PRAGMA checkpoint_fullfsync = 1;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -4096;"
    ))?;
    if purpose == Use::Read {
        connection.execute_batch("PRAGMA query_only = ON")?;
    }
    Ok(connection)
}

/// Switches the file to the write-ahead log, if it is not yet, and proves that commits will be flushed.
pub(super) fn prove(connection: &Connection, path: &Path, durability: Durability) -> Result<(), OpenError> {
    let because = |error: rusqlite::Error| {
        OpenError::because(
            format!("cannot use the database {}: {error}", path.display()),
            error,
        )
    };
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(because)?;
    let synchronous: i64 = connection
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .map_err(because)?;
    let wanted = match durability {
        Durability::Full => 2,
        Durability::UnsafeNone => 0,
    };
    if !mode.eq_ignore_ascii_case("wal") || synchronous != wanted {
        return Err(OpenError::new(format!(
            "the file system of {} does not let SQLite keep its write-ahead log there (journal mode {mode}, \
             synchronous {synchronous}): use a folder on a local disk, or PostgreSQL",
            path.display()
        )));
    }
    // From here on the writer waits by itself, without blocking its thread.
    connection.busy_timeout(Duration::ZERO).map_err(because)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null(_) => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Puts `params[n - 1]` where the statement says `$n`: SQLite itself numbers names by first appearance.
fn bind(statement: &mut Statement<'_>, params: &[Value]) -> Result<(), CatalogError> {
    let count = statement.parameter_count();
    if count != params.len() {
        let text = format!(
            "the statement has {count} parameters and was given {}",
            params.len()
        );
        return Err(CatalogError::Database(text.into()));
    }
    for position in 1..=count {
        let number = statement
            .parameter_name(position)
            .and_then(|name| name.strip_prefix('$'))
            .and_then(|number| number.parse::<usize>().ok());
        let value = number.and_then(|number| params.get(number.wrapping_sub(1)));
        let value = value.ok_or_else(|| {
            CatalogError::Database(format!("parameter {position} is not one of $1 to ${count}").into())
        })?;
        statement.raw_bind_parameter(position, value).map_err(translate)?;
    }
    Ok(())
}

/// Runs a statement and returns its rows, at most `limit`.
pub(crate) fn query(
    connection: &Connection,
    sql: &str,
    params: &[Value],
    limit: usize,
) -> Result<Vec<Row>, CatalogError> {
    #[cfg(test)]
    crate::tests::plans::note(connection, sql);
    let mut statement = connection.prepare_cached(sql).map_err(translate)?;
    bind(&mut statement, params)?;
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next().map_err(translate)?
    {
        found.push(read(row, columns).map_err(translate)?);
    }
    Ok(found)
}

fn read(row: &rusqlite::Row<'_>, columns: usize) -> rusqlite::Result<Row> {
    let mut copy = Row::with_columns(columns);
    for i in 0..columns {
        match row.get_ref(i)? {
            ValueRef::Null => copy.push_null(),
            ValueRef::Integer(number) => copy.push_int(number),
            ValueRef::Text(text) => copy.push_text(text),
            ValueRef::Blob(bytes) => copy.push_bytes(bytes),
            ValueRef::Real(_) => {
                return Err(rusqlite::Error::InvalidColumnType(
                    i,
                    String::new(),
                    rusqlite::types::Type::Real,
                ));
            }
        }
    }
    Ok(copy)
}

/// Runs a statement and returns how many rows it changed.
pub(crate) fn execute(connection: &Connection, sql: &str, params: &[Value]) -> Result<u64, CatalogError> {
    #[cfg(test)]
    crate::tests::plans::note(connection, sql);
    let mut statement = connection.prepare_cached(sql).map_err(translate)?;
    bind(&mut statement, params)?;
    let changed = statement.raw_execute().map_err(translate)?;
    Ok(changed as u64)
}

/// Runs a statement that is not worth keeping.
pub(crate) fn define(connection: &Connection, sql: &str) -> Result<(), CatalogError> {
    connection.execute_batch(sql).map_err(translate)
}

/// Runs one of the statements that steer transactions.
pub(super) fn steer(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.raw_execute().map(|_| ())
}

/// Whether another connection holds what this one wanted.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Puts an error of SQLite into the catalog's words.
pub(super) fn translate(error: rusqlite::Error) -> CatalogError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => CatalogError::Unavailable(error.into()),
        Some(ErrorCode::DiskFull) => CatalogError::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            CatalogError::Damaged(error.to_string())
        }
        Some(_) | None => CatalogError::Database(error.into()),
    }
}
