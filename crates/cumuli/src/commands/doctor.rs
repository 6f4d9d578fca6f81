//! `cumuli doctor`: looks at everything that an installation stands on.

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use hub::{Check, CheckState};

use super::print;
use super::table::Table;
use crate::data_folder::{DataFolder, DataLock};
use crate::listen;
use crate::opened::{Opened, Purpose};
use crate::settings::Loaded;

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli doctor\n  \
    cumuli doctor --data /var/lib/cumuli\n\n\
    It may run beside the server. Exit code: 0 it works, perhaps with warnings, 1 something does not.";

/// Before this a clock is surely wrong: 2026-01-01.
const EARLIEST: Duration = Duration::from_secs(1_767_225_600);
/// How far a file's time may be ahead of the clock.
const AHEAD: Duration = Duration::from_secs(120);

/// Looks, and prints a table of what it saw.
///
/// # Errors
/// When the output is closed.
pub async fn run(loaded: &Loaded) -> anyhow::Result<ExitCode> {
    crate::logs::start("error", loaded.settings.log_style())?;
    let mut checks = check_settings(loaded);
    checks.push(check_files(loaded));
    let path = &loaded.settings.data;
    match DataFolder::open_existing(path) {
        Ok(folder) => {
            checks.push(check_folder(&folder));
            checks.push(check_clock(&folder));
            checks.extend(check_inside(loaded).await);
        }
        Err(_) if !path.exists() => checks.push(warning(
            "data folder",
            format!("there is no {} yet; `cumuli serve` makes it", path.display()),
        )),
        Err(error) => checks.push(bad("data folder", format!("{error:#}"))),
    }
    let mut table = Table::new(&["", "CHECK", "WHAT WAS FOUND"]);
    for check in &checks {
        let mark = match check.state {
            CheckState::Good => "ok",
            CheckState::Warning => "warning",
            CheckState::Bad => "BAD",
        };
        table.row([mark.to_owned(), check.name.to_owned(), check.detail.clone()]);
    }
    print::text(&table.render())?;
    let is_bad = checks.iter().any(|check| check.state == CheckState::Bad);
    Ok(if is_bad {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

const fn good(name: &'static str, detail: String) -> Check {
    Check {
        name,
        state: CheckState::Good,
        detail,
    }
}

const fn warning(name: &'static str, detail: String) -> Check {
    Check {
        name,
        state: CheckState::Warning,
        detail,
    }
}

const fn bad(name: &'static str, detail: String) -> Check {
    Check {
        name,
        state: CheckState::Bad,
        detail,
    }
}

fn check_settings(loaded: &Loaded) -> Vec<Check> {
    let count = loaded.given().len();
    let mut checks = vec![good("settings", format!("{count} given, all of them right"))];
    checks.extend(
        loaded
            .warnings()
            .into_iter()
            .map(|text| warning("settings", text)),
    );
    checks
}

fn check_files(loaded: &Loaded) -> Check {
    let wanted = loaded.settings.max_connections;
    match listen::make_room(wanted) {
        Ok(()) => good("open files", format!("{wanted} connections fit")),
        Err(room) => warning(
            "open files",
            format!("only {room} of {wanted} connections fit: raise the limit (LimitNOFILE, `ulimit -n`)"),
        ),
    }
}

fn check_folder(folder: &DataFolder) -> Check {
    let name = "data folder";
    let path = folder.path().display();
    let running = if DataLock::is_taken(&folder.lock_file()) {
        "a server runs on it"
    } else {
        "no server runs on it"
    };
    match folder.is_open_to_others() {
        Ok(false) => good(name, format!("{path}; {running}")),
        Ok(true) => warning(
            name,
            format!("other users of this machine may look into {path}: `chmod 700` it; {running}"),
        ),
        Err(error) => bad(name, format!("{path}: {error}")),
    }
}

fn check_clock(folder: &DataFolder) -> Check {
    let name = "clock";
    let now = SystemTime::now();
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let shown = super::table::time(crate::opened::clock()());
    if since < EARLIEST {
        return bad(
            name,
            format!("it is not {shown} UTC: set the clock of this machine"),
        );
    }
    let newest = newest_file(folder).unwrap_or(SystemTime::UNIX_EPOCH);
    if newest.duration_since(now).is_ok_and(|ahead| ahead > AHEAD) {
        return warning(
            name,
            format!("it says {shown} UTC, and files here are newer: it was set back, or is wrong"),
        );
    }
    good(name, format!("{shown} UTC"))
}

fn newest_file(folder: &DataFolder) -> Option<SystemTime> {
    let entries = fs::read_dir(folder.path()).ok()?;
    let times = entries.filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok());
    times.max()
}

async fn check_inside(loaded: &Loaded) -> Vec<Check> {
    match Opened::open(loaded, Purpose::Looking).await {
        Ok(opened) => {
            let mut checks = vec![good("schema", opened.migrated_sentence())];
            checks.extend(opened.hub.checks().await);
            opened.close().await;
            checks
        }
        Err(error) => vec![bad("opening", format!("{error:#}"))],
    }
}
