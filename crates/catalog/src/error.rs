//! What can go wrong with the catalog.

/// A cause, for the log.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a query or a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The database cannot be reached, is too busy, or gave up on a conflict with another
    /// transaction. The same call may succeed later.
    #[error("the database is unavailable for the moment")]
    Unavailable(#[source] Cause),
    /// The disk under the database is full.
    #[error("the disk of the database is full")]
    Full,
    /// A row holds what no code of ours writes.
    #[error("the catalog is damaged: {0}")]
    Damaged(String),
    /// Anything else that the engine says: a mistake of ours or a fault of the machine.
    #[error("the database failed")]
    Database(#[source] Cause),
}

impl CatalogError {
    /// Whether the same call may succeed later.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Full | Self::Damaged(_) | Self::Database(_) => false,
        }
    }
}

/// Why a catalog could not be opened or brought up to date, in a sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct OpenError {
    sentence: String,
    #[source]
    cause: Option<Cause>,
}

impl OpenError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            cause: None,
        }
    }

    pub(crate) fn because(sentence: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self {
            sentence: sentence.into(),
            cause: Some(cause.into()),
        }
    }
}
