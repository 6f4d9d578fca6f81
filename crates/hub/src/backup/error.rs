//! Why a backup or a restore did not happen.

use std::io;
use std::path::{Path, PathBuf};

use crate::HubError;

/// Why a backup or a restore did not happen.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It must not, or cannot, be done; a sentence says why.
    #[error("{0}")]
    Refused(String),
    /// A file of the backup cannot be read or written.
    #[error("{} cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The database or a store.
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl BackupError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |cause| Self::File {
            path: path.to_owned(),
            cause,
        }
    }

    pub(crate) fn refused(sentence: impl Into<String>) -> Self {
        Self::Refused(sentence.into())
    }
}

impl From<catalog::CatalogError> for BackupError {
    fn from(error: catalog::CatalogError) -> Self {
        Self::Hub(error.into())
    }
}

impl From<content::ContentError> for BackupError {
    fn from(error: content::ContentError) -> Self {
        Self::Hub(error.into())
    }
}

impl From<catalog::OpenError> for BackupError {
    fn from(error: catalog::OpenError) -> Self {
        Self::Refused(error.to_string())
    }
}
