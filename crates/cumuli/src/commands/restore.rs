//! `cumuli restore`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use hub::{RestoreReport, restore_backup, restore_from_store};

use super::table::size;
use super::{DAMAGED, print, runtime};
use crate::opened::ToRestore;
use crate::settings::{Loaded, PlaceFlags};

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli restore /mnt/backup\n      the newest backup there\n  \
    cumuli restore /mnt/backup --at 20261121T030405Z --data /srv/new\n      one of that moment, elsewhere\n  \
    cumuli restore --from-store\n      the database, rebuilt from what the store of contents knows of it\n\n\
    It goes into an empty installation only, on either database and any store, whichever the backup came from. \
    Interrupted, it leaves an installation that does not serve: run it again. People sign in anew afterwards. \
    Exit code: 0 everything is there, 3 some contents are missing or damaged, 1 it did not work.";

/// The flags of `cumuli restore`.
#[derive(Args)]
pub struct Flags {
    /// The folder of backups.
    #[arg(value_name = "DIR", required_unless_present = "from_store")]
    pub folder: Option<PathBuf>,
    /// Which of them, by the time in its name [default: the newest]
    #[arg(long, value_name = "TIME", requires = "folder")]
    pub at: Option<String>,
    /// Rebuilds the database from the archive that the server keeps in the store, up to its last segment.
    #[arg(long, conflicts_with = "folder")]
    pub from_store: bool,
    /// Which archive, where there are several [default: the newest]
    #[arg(long, value_name = "NAME", requires = "from_store")]
    pub generation: Option<String>,
    #[command(flatten)]
    pub place: PlaceFlags,
}

/// Restores and prints what is there now.
///
/// # Errors
/// When something is stored here already, or the backup is not whole.
pub fn run(loaded: Loaded, flags: &Flags) -> anyhow::Result<ExitCode> {
    crate::logs::start("warn", loaded.settings.log_style())?;
    let report = runtime()?.block_on(async {
        let Some(folder) = &flags.folder else {
            let opened = ToRestore::open(&loaded, None).await?;
            let report = restore_from_store(&opened.parts, flags.generation.as_deref()).await?;
            return anyhow::Ok(report);
        };
        let rows_file = rows_file(folder, flags.at.as_deref())?;
        let opened = ToRestore::open(&loaded, Some(folder)).await?;
        Ok(restore_backup(&opened.parts, folder, &rows_file).await?)
    })?;
    print::text(&told(&report))?;
    Ok(match report.damage.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(DAMAGED),
    })
}

/// The file of rows that is meant.
fn rows_file(folder: &Path, at: Option<&str>) -> anyhow::Result<PathBuf> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("rows-") && name.ends_with(".cumuli"))
        .collect();
    names.sort();
    let found = match at {
        None => names.pop(),
        Some(at) => names
            .iter()
            .find(|name| **name == format!("rows-{at}.cumuli"))
            .cloned(),
    };
    match (found, names.is_empty()) {
        (Some(name), _) => Ok(folder.join(name)),
        (None, true) => bail!("there is no backup in {}", folder.display()),
        (None, false) => bail!("there is no backup of that time; there are: {}", names.join(", ")),
    }
}

fn told(report: &RestoreReport) -> String {
    let mut text = String::new();
    for damage in &report.damage {
        text.push_str(&format!("missing: {damage}\n"));
    }
    for note in &report.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text.push_str(&format!(
        "{} rows and {} contents ({}) are restored, {} are missing; everybody signs in anew\n",
        report.rows,
        report.blobs,
        size(report.bytes),
        report.damage.len()
    ));
    text
}
