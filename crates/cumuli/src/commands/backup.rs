//! `cumuli backup`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hub::{BackupOf, BackupReport};

use super::table::size;
use super::{DAMAGED, print, runtime};
use crate::data_folder::DataFolder;
use crate::opened::{Opened, Purpose, clock};
use crate::settings::{Loaded, PlaceFlags};

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli backup /mnt/backup              all rows, and the contents that are not there yet\n  \
    cumuli backup /mnt/backup --rows-only  the rows alone, in seconds\n\n\
    It runs beside the server and holds the state of one moment. The same folder takes any number of backups; \
    each adds a file of rows and what is new. The folder holds the secrets in keys/ too: keep it as safe as \
    the data folder. `cumuli restore` reads it. Exit code: 0 everything is there, 3 damaged contents were left \
    out, 1 it did not work.";

/// The flags of `cumuli backup`.
#[derive(Args)]
pub struct Flags {
    /// The folder of backups; made if it is missing.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Leaves out contents, but for the small ones that lie in the database.
    #[arg(long)]
    pub rows_only: bool,
    #[command(flatten)]
    pub place: PlaceFlags,
}

/// Writes a backup and prints what it holds.
///
/// # Errors
/// When the folder cannot be written, or the database or a store does not answer.
pub fn run(loaded: Loaded, flags: &Flags) -> anyhow::Result<ExitCode> {
    crate::logs::start("warn", loaded.settings.log_style())?;
    let what = match flags.rows_only {
        true => BackupOf::Rows,
        false => BackupOf::Everything,
    };
    let report = runtime()?.block_on(async {
        let opened = Opened::open(&loaded, Purpose::Looking).await?;
        let report = opened.hub.back_up(&flags.folder, &stamp(), what).await?;
        DataFolder::open_existing(&loaded.settings.data)?.copy_secrets_to(&flags.folder)?;
        opened.close().await;
        anyhow::Ok(report)
    })?;
    print::text(&told(&report))?;
    Ok(match report.damage.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(DAMAGED),
    })
}

/// The time in a form that sorts and is a file name everywhere: `20261121T030405Z`.
fn stamp() -> String {
    jiff::Timestamp::from_millisecond(clock()().0).map_or_else(
        |_| "unknown".to_owned(),
        |time| time.strftime("%Y%m%dT%H%M%SZ").to_string(),
    )
}

fn told(report: &BackupReport) -> String {
    let mut text = String::new();
    for damage in &report.damage {
        text.push_str(&format!("left out: {damage}\n"));
    }
    text.push_str(&format!(
        "{}: {} rows; {} contents copied ({}), {} were there, {} left out\n",
        report.rows_file.display(),
        report.rows,
        report.copied,
        size(report.copied_bytes),
        report.kept,
        report.damage.len()
    ));
    text
}
