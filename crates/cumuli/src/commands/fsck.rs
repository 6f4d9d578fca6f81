//! `cumuli fsck`.

use std::process::ExitCode;

use clap::Args;
use hub::{FsckReport, Verify};

use super::table::size;
use super::{DAMAGED, print, runtime};
use crate::opened::{Opened, Purpose};
use crate::settings::{Loaded, PlaceFlags};

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli fsck                 rows against rows, and the length of every content\n  \
    cumuli fsck --verify        also reads every content back and compares its digest\n\n\
    It may run beside the server. Exit code: 0 nothing is damaged, 3 something is, 1 it could not be told.";

/// The flags of `cumuli fsck`.
#[derive(Args)]
pub struct Flags {
    /// Reads every content back and compares its digest.
    #[arg(long)]
    pub verify: bool,
    #[command(flatten)]
    pub place: PlaceFlags,
}

/// Checks and prints what it found.
///
/// # Errors
/// When the database or the store does not answer.
pub fn run(loaded: Loaded, flags: &Flags) -> anyhow::Result<ExitCode> {
    crate::logs::start("warn", loaded.settings.log_style())?;
    let verify = if flags.verify {
        Verify::Digest
    } else {
        Verify::Length
    };
    let report = runtime()?.block_on(async {
        let opened = Opened::open(&loaded, Purpose::Looking).await?;
        anyhow::Ok(opened.hub.fsck(verify).await?)
    })?;
    print::text(&told(&report))?;
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DAMAGED)
    })
}

fn told(report: &FsckReport) -> String {
    let mut text = String::new();
    for damage in &report.damage {
        text.push_str(&format!("damaged: {damage}\n"));
    }
    for orphan in &report.orphans {
        text.push_str(&format!("left over: {orphan}\n"));
    }
    text.push_str(&format!(
        "{} spaces, {} contents, {}: {} damaged, {} left over\n",
        report.spaces,
        report.blobs,
        size(report.bytes),
        report.damage.len(),
        report.orphans.len()
    ));
    if !report.orphans.is_empty() {
        text.push_str("What is left over does no harm; the server removes it after CUMULI_SWEEP_GRACE.\n");
    }
    text
}
