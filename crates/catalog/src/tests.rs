//! Every test runs on SQLite, and on PostgreSQL when `CUMULI_TEST_POSTGRES` names a server.

mod channels;
mod conflicts;
mod database;
mod groups;
mod jobs;
mod migrations;
mod mirrors;
mod nodes;
mod nodes_apart;
pub(crate) mod plans;
mod remote;
mod transactions;
mod urls;
mod values;
