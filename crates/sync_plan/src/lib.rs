//! sync_plan
