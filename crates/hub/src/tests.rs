//! Every operation on real rows and bytes: on SQLite, and on PostgreSQL when `CUMULI_TEST_POSTGRES` names a
//! server.

mod accounts;
mod archive;
mod backups;
mod conflicts;
mod copies;
mod crowd;
mod database;
mod folders;
mod gifts;
mod guesses;
mod harness;
mod histories;
mod identities;
mod issuer;
mod jobs;
mod journal;
mod linked;
mod links;
mod listings;
mod photos;
pub(crate) mod pictures;
mod quota;
mod rclone;
mod search;
mod sessions;
mod shares;
mod sign_in;
mod strangers;
mod transfers;
mod trash;
mod upkeep;
mod uploads;
mod versions;
