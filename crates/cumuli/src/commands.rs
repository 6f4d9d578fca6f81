//! The commands: what they are called, what they take, and how they end.

mod backup;
mod connection;
mod doctor;
mod fsck;
mod migrate_cloud;
mod mirror;
mod openapi;
mod password;
mod print;
mod restore;
mod serve;
mod settings;
mod store;
mod sync;
mod table;
mod token;
mod token_key;
mod user;
mod worker;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::opened::{Opened, Purpose};
use crate::settings::{AllFlags, Loaded, PlaceFlags, SettingsError, Sources};

/// The command line.
#[derive(Parser)]
#[command(
    name = "cumuli",
    version,
    about = "One drive over many clouds.",
    long_about = "One drive over many clouds.\n\n\
                  `cumuli serve` with no settings starts a complete system on this machine: a web page, an API \
                  with its documents, and everything that is stored in ./cumuli-data.",
    after_help = "Examples:\n  \
                  cumuli serve                         on this machine, for this machine\n  \
                  cumuli serve --listen 0.0.0.0:8000   for the network\n  \
                  cumuli user add me@example.org       an account, without the web page\n  \
                  cumuli doctor                        what is wrong here, in sentences\n\n\
                  `cumuli help COMMAND` explains a command with more examples."
)]
struct Cli {
    /// The settings file [default: cumuli.toml in the working directory, if there is one]
    #[arg(long, value_name = "PATH", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts the server.
    #[command(after_help = serve::EXAMPLES)]
    Serve(Box<AllFlags>),
    /// Brings the database up to date and ends. `serve` does so too when it starts.
    #[command(after_help = "Examples:\n  \
                            cumuli migrate\n  \
                            cumuli migrate --database-url postgresql://cumuli@db.example.org/cumuli")]
    Migrate(PlaceFlags),
    /// Adds, lists and changes accounts.
    #[command(after_help = user::EXAMPLES)]
    User(AtPlace<user::Command>),
    /// Makes, lists and takes back passwords for programs, and makes invitations.
    #[command(after_help = token::EXAMPLES)]
    Token(AtPlace<token::Command>),
    /// Lists the places where contents are kept, and moves them from one to another.
    #[command(after_help = store::EXAMPLES)]
    Store(AtPlace<store::Command>),
    /// Lists, tries, adds, removes and imports connections to buckets, folders and linked accounts.
    #[command(after_help = connection::EXAMPLES)]
    Connection(AtPlace<connection::Command>),
    /// Moves a folder in one connection to a folder in another, and follows what changes until nothing differs.
    #[command(after_help = migrate_cloud::EXAMPLES)]
    MigrateCloud(Box<migrate_cloud::Flags>),
    /// Keeps folders in step with folders at connections: adds, lists, plans, approves, removes.
    #[command(after_help = mirror::EXAMPLES)]
    Mirror(AtPlace<mirror::Command>),
    /// Looks at all connections and brings all mirrors in step, once.
    #[command(after_help = sync::EXAMPLES)]
    Sync(sync::Flags),
    /// Replaces the key that credentials of linked accounts are sealed with.
    #[command(after_help = token_key::EXAMPLES)]
    TokenKey(AtPlace<token_key::Command>),
    /// Says what is wrong with this installation: settings, folder, disk, database, clock.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(Box<AllFlags>),
    /// Compares the database with the stored contents. Changes nothing.
    #[command(after_help = fsck::EXAMPLES)]
    Fsck(fsck::Flags),
    /// Copies everything into a folder, while the server runs.
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::Flags),
    /// Fills an empty installation from a backup.
    #[command(after_help = restore::EXAMPLES)]
    Restore(restore::Flags),
    /// Prints the API's OpenAPI document.
    #[command(after_help = openapi::EXAMPLES)]
    Openapi,
    /// Lists, shows and documents the settings.
    #[command(after_help = settings::EXAMPLES)]
    Settings(settings::Flags),
}

/// A group of commands with the flags that say where everything is kept.
#[derive(Args)]
struct AtPlace<C: Subcommand> {
    #[command(flatten)]
    place: PlaceFlags,
    #[command(subcommand)]
    command: C,
}

/// Exit codes: 0 all is well, 1 it did not work, 2 the command line or the settings are wrong, 3
/// something is damaged.
pub const DAMAGED: u8 = 3;
const FAILED: u8 = 1;
const WRONG: u8 = 2;

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(code) => code,
        // `cumuli user list | head`: the reader has what it wants.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            let is_wrong = error.downcast_ref::<SettingsError>().is_some();
            ExitCode::from(if is_wrong { WRONG } else { FAILED })
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = cli.config;
    let load = |flags: Vec<(String, String)>| -> anyhow::Result<Loaded> {
        Ok(Loaded::read(Sources {
            flags,
            config: config.clone(),
            environment: std::env::vars_os().collect(),
            folder: PathBuf::from("."),
        })?)
    };
    match cli.command {
        Command::Serve(flags) => serve::run(load(flags.0)?),
        Command::Migrate(flags) => quiet(load(flags.0)?, Purpose::Making, |opened| async move {
            print::line(opened.migrated_sentence())
        }),
        Command::User(AtPlace { place, command }) => {
            quiet(load(place.0)?, command.purpose(), |opened| async move {
                user::run(&opened.hub, command).await
            })
        }
        Command::Token(AtPlace { place, command }) => {
            quiet(load(place.0)?, Purpose::Looking, |opened| async move {
                token::run(&opened.hub, command).await
            })
        }
        Command::Store(AtPlace { place, command }) => quiet_with_code(load(place.0)?, |opened| async move {
            store::run(&opened.hub, command).await
        }),
        Command::Connection(AtPlace { place, command }) => {
            quiet_with_code(load(place.0)?, |opened| async move {
                connection::run(&opened.hub, command).await
            })
        }
        Command::MigrateCloud(flags) => quiet_with_code(load(flags.place.0.clone())?, |opened| async move {
            migrate_cloud::run(&opened.hub, *flags).await
        }),
        Command::Mirror(AtPlace { place, command }) => quiet_with_code(load(place.0)?, |opened| async move {
            mirror::run(&opened.hub, command).await
        }),
        Command::Sync(flags) => quiet_with_code(load(flags.place.0.clone())?, |opened| async move {
            sync::run(&opened.hub, flags).await
        }),
        Command::TokenKey(AtPlace { place, command }) => token_key::run(&load(place.0)?, &command),
        Command::Doctor(flags) => {
            let loaded = load(flags.0)?;
            runtime()?.block_on(doctor::run(&loaded))
        }
        Command::Fsck(flags) => fsck::run(load(flags.place.0.clone())?, &flags),
        Command::Backup(flags) => backup::run(load(flags.place.0.clone())?, &flags),
        Command::Restore(flags) => restore::run(load(flags.place.0.clone())?, &flags),
        Command::Openapi => {
            openapi::run()?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Settings(flags) => {
            settings::run(flags.command, || load(Vec::new()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs a command that answers on the standard output and logs only what an operator must see.
fn quiet<F>(loaded: Loaded, purpose: Purpose, work: impl FnOnce(Opened) -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<()>>,
{
    crate::logs::start("warn", loaded.settings.log_style())?;
    runtime()?.block_on(async {
        let opened = Opened::open(&loaded, purpose).await?;
        let tasks = opened.tasks.clone();
        let outcome = work(opened).await;
        tasks.close();
        tasks.wait().await;
        outcome
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The same for a command on what is there that says how it ended.
fn quiet_with_code<F>(loaded: Loaded, work: impl FnOnce(Opened) -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<ExitCode>>,
{
    let mut code = ExitCode::SUCCESS;
    let slot = &mut code;
    quiet(loaded, Purpose::Looking, |opened| async move {
        *slot = work(opened).await?;
        Ok(())
    })?;
    Ok(code)
}

/// The threads that commands run on.
fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads")
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
