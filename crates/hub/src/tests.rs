//! Every operation on real rows and bytes: on SQLite, and on PostgreSQL when `CUMULI_TEST_POSTGRES` names a
//! server.

mod accounts;
mod copies;
mod database;
mod folders;
mod guesses;
mod harness;
mod listings;
mod quota;
mod search;
mod sessions;
mod trash;
mod uploads;
mod versions;
