//! The archive: what has to be written into the store so that the catalog can be rebuilt from it.

/// Name of the row that says how far the archive has come.
pub(crate) const STATE: &str = "archive";
