//! `cumuli settings`.

use clap::{Args, Subcommand};

use super::print;
use super::table::Table;
use crate::settings::{Loaded, TABLE, markdown, sample};

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli settings list                      every setting in a line\n  \
    cumuli settings show                      what is set here, and where\n  \
    cumuli settings sample > cumuli.toml      a file to begin with";

/// The flags of `cumuli settings`.
#[derive(Args)]
pub struct Flags {
    #[command(subcommand)]
    pub command: Command,
}

/// What to print.
#[derive(Subcommand)]
pub enum Command {
    /// Lists every setting with its default.
    List,
    /// Shows what is set here and where; secrets are masked.
    Show,
    /// Prints a cumuli.toml in which everything is commented out.
    Sample,
    /// Prints the document of the settings in Markdown.
    Markdown,
}

/// Prints it.
///
/// # Errors
/// When the settings are wrong, or the output is closed.
pub fn run(command: Command, load: impl FnOnce() -> anyhow::Result<Loaded>) -> anyhow::Result<()> {
    match command {
        Command::List => {
            let mut table = Table::new(&["SETTING", "DEFAULT", "WHAT IT DOES"]);
            for row in TABLE {
                table.row([
                    row.name.to_owned(),
                    row.default_words().to_owned(),
                    row.sentence(),
                ]);
            }
            print::text(&table.render())
        }
        Command::Show => {
            let loaded = load()?;
            let mut table = Table::new(&["SETTING", "VALUE", "FROM"]);
            for (name, text, origin) in loaded.given() {
                table.row([name.to_owned(), text, origin]);
            }
            print::text(&table.render())?;
            for warning in loaded.warnings() {
                eprintln!("warning: {warning}");
            }
            Ok(())
        }
        Command::Sample => print::text(&sample()),
        Command::Markdown => print::text(&markdown()),
    }
}
