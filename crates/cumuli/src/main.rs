//! `cumuli`: the server and its commands. Wires everything and decides nothing.
//!
//! The only crate that reads the environment, the command line, the clock and signals.

mod clouds;
mod commands;
mod data_folder;
mod listen;
mod logs;
mod metrics;
mod opened;
mod settings;
mod stores;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run()
}
