//! The one integration test binary: it runs the real program and speaks real HTTP to it.

// Clippy lets only `#[test]` functions unwrap; their helpers may too.
#![allow(clippy::unwrap_used)]

mod architecture;
mod bad_input;
mod commands;
mod conflicts;
mod connections;
mod dialects;
mod direct;
mod disaster;
mod drill;
mod harness;
mod headers;
mod interrupted;
mod linked;
mod linked_commands;
mod matrix;
mod migrate_cloud;
mod mirrors;
mod mirrors_real;
mod notices;
mod oidc;
mod page;
mod people;
mod photos;
mod races;
mod rights;
mod seeds;
mod serving;
mod settings;
mod stores;
mod tokens;
mod tus;
mod two_nodes;
mod visitors;
mod wire;
