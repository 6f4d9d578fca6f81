//! sync_run
