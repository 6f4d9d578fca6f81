//! What the errors of PostgreSQL mean.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::CatalogError;

/// Puts an error of PostgreSQL into the catalog's words.
pub(super) fn translate(error: tokio_postgres::Error) -> CatalogError {
    let Some(code) = error.code() else {
        // Without a code it is the connection that failed, or a value that could not be sent.
        let is_connection = error.is_closed()
            || std::error::Error::source(&error).is_some_and(|cause| cause.is::<std::io::Error>());
        return match is_connection {
            true => CatalogError::Unavailable(error.into()),
            false => CatalogError::Database(error.into()),
        };
    };
    match code {
        &SqlState::DISK_FULL => CatalogError::Full,
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => CatalogError::Damaged(error.to_string()),
        _ if is_temporary(code) => CatalogError::Unavailable(error.into()),
        _ => CatalogError::Database(error.into()),
    }
}

/// Whether the same statement may succeed later.
fn is_temporary(code: &SqlState) -> bool {
    // By class: connection (08), transaction rollback (40), resources (53), operator intervention (57),
    // such as a restart or a statement that took too long.
    let class = code.code().get(..2).unwrap_or_default();
    matches!(class, "08" | "40" | "53" | "57")
        || *code == SqlState::LOCK_NOT_AVAILABLE
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

/// Puts an error of the pool into the catalog's words.
pub(super) fn translate_pool(error: PoolError) -> CatalogError {
    match error {
        PoolError::Backend(error) => translate(error),
        PoolError::Timeout(_) | PoolError::Closed | PoolError::NoRuntimeSpecified => {
            CatalogError::Unavailable(error.into())
        }
        PoolError::PostCreateHook(_) => CatalogError::Unavailable(error.into()),
    }
}
