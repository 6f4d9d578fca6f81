//! `cumuli token-key`: the key that credentials of linked accounts are sealed with.

use std::process::ExitCode;

use catalog::Engine;
use clap::Subcommand;
use hub::{Hub, HubError, Rotated};

use super::{DAMAGED, print, runtime};
use crate::data_folder::{Change, DataFolder, DataLock};
use crate::opened::{Opened, Purpose};
use crate::settings::Loaded;

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli token-key rotate     a new key, and everything sealed with it\n\n\
    Credentials of linked accounts are sealed in the database. Without TOKEN_ENCRYPTION_KEY the key is in the data \
    folder (keys/tokens.key): this command makes another one and seals everything with it. It may be cut at any time \
    and run again. A server that runs beside it goes on and finds the new key by itself; the earlier one is removed \
    when that server starts the next time, or at once when none runs.\n\n\
    With TOKEN_ENCRYPTION_KEY it seals everything with that key. No server may meet what it cannot open, so with \
    servers that run, and on several nodes, go step by step:\n  \
    1. On every node put the new key into CUMULI_OLD_TOKEN_KEYS, and start it again: now all can open it.\n  \
    2. On every node swap them: the new key into TOKEN_ENCRYPTION_KEY, the old one into CUMULI_OLD_TOKEN_KEYS; start \
    it again.\n  \
    3. On one node run `cumuli token-key rotate`.\n  \
    4. On every node remove CUMULI_OLD_TOKEN_KEYS, and keep the old key for as long as backups are kept.";

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Seals the credentials of all linked accounts with a new key.
    Rotate,
}

/// Does it.
///
/// # Errors
/// When a key cannot be kept, or the database does not answer.
pub fn run(loaded: &Loaded, command: &Command) -> anyhow::Result<ExitCode> {
    crate::logs::start("warn", loaded.settings.log_style())?;
    match command {
        Command::Rotate => runtime()?.block_on(rotate(loaded)),
    }
}

async fn rotate(loaded: &Loaded) -> anyhow::Result<ExitCode> {
    if loaded.settings.token_key.is_some() {
        let rotated = seal(loaded).await?.0;
        tell(rotated)?;
        print::line(
            "CUMULI_OLD_TOKEN_KEYS can go once this was done with the same TOKEN_ENCRYPTION_KEY on every node; backups \
             made before need the old keys",
        )?;
        return Ok(code(rotated));
    }
    let folder = DataFolder::open_existing(&loaded.settings.data)?;
    // While it is held, no server begins that would seal with the earlier key.
    let held = match DataLock::is_taken(&folder.lock_file()) {
        true => None,
        false => DataLock::take(&folder.lock_file()).ok(),
    };
    match folder.change_token_key()? {
        Change::Made => print::line("there is a new key in keys/tokens.key")?,
        Change::GoesOn => print::line("the key was changed before; that change goes on")?,
    }
    let (rotated, engine) = seal(loaded).await?;
    tell(rotated)?;
    // Servers on PostgreSQL hold no lock, so that nobody knows whether one runs.
    if held.is_some() && engine == Engine::Sqlite {
        folder.remove_earlier_token_key()?;
        print::line("the earlier key is removed; backups made before need it, and hold it")?;
    } else {
        print::line("the earlier key stays in keys/tokens-earlier.key until the server is started again")?;
    }
    Ok(code(rotated))
}

/// Seals everything with the present key.
async fn seal(loaded: &Loaded) -> anyhow::Result<(Rotated, Engine)> {
    let opened = Opened::open(loaded, Purpose::Looking).await?;
    let engine = opened.engine;
    let rotated = seal_all(&opened.hub).await;
    opened.close().await;
    Ok((rotated?, engine))
}

/// Goes over all until nothing was left to seal: what another process sealed meanwhile too.
async fn seal_all(hub: &Hub) -> Result<Rotated, HubError> {
    let mut done = hub.rotate_token_key().await?;
    let mut sealed = done.sealed;
    while sealed > 0 {
        sealed = hub.rotate_token_key().await?.sealed;
        done.sealed += sealed;
    }
    Ok(done)
}

fn tell(rotated: Rotated) -> anyhow::Result<()> {
    let Rotated {
        sealed,
        current,
        lost,
    } = rotated;
    print::line(format!(
        "{sealed} sealed anew, {current} had the present key already"
    ))?;
    if lost > 0 {
        print::line(format!(
            "{lost} cannot be opened with any key that there is: put the missing key into CUMULI_OLD_TOKEN_KEYS and run \
             this again, or link them anew"
        ))?;
    }
    Ok(())
}

fn code(rotated: Rotated) -> ExitCode {
    match rotated.lost {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(DAMAGED),
    }
}
