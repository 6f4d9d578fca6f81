//! Clients that others wrote, unmodified, against the fakes: what they get along with, ours may rely on.
//! `.ci/clients` installs them.

// Clippy lets only `#[test]` functions unwrap; their helpers may too.
#![allow(clippy::unwrap_used)]

mod drive_client;
mod graph_sdk;
mod rclone;
mod tools;
