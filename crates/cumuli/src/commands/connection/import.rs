//! `cumuli connection import`: what rclone is connected to.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use hub::{Hub, ImportOutcome, ImportedRemote, RcloneImport};

use super::super::table::Table;
use super::super::{DAMAGED, print};
use super::maker;

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli connection import ~/.config/rclone/rclone.conf --dry-run        what would become of each remote\n  \
    cumuli connection import rclone.conf --user me@example.org\n  \
    cumuli connection import rclone.conf --bucket minio=photos --bucket disk=/srv/media\n  \
    rclone config show | cumuli connection import - --only nas\n\n\
    Taken are s3, b2, azureblob, webdav, local, aliases of these, and drive and onedrive that have a client id of their \
    own. rclone's file does not say which bucket of an account is meant: an alias to `remote:bucket/path` says it, or \
    --bucket. A remote is taken whole or not at all; what is not taken is listed with the reason. rclone's file stays \
    as it is. Exit code: 0 all is well, 3 a remote did not work when it was tried.";

/// A larger file is none of rclone's.
const MOST_BYTES: u64 = (1 << 20) + 1;

/// The flags of `cumuli connection import`.
#[derive(Args)]
pub struct Flags {
    /// rclone's file; `-` is the standard input
    file: PathBuf,
    /// Whose the connections are, by e-mail address [default: the server's]
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
    /// The bucket or container of a remote with a path below it, or the folder of a local one
    #[arg(long, value_name = "REMOTE=PLACE")]
    bucket: Vec<String>,
    /// The S3 endpoint of a B2 remote
    #[arg(long, value_name = "REMOTE=URL")]
    endpoint: Vec<String>,
    /// Takes only this remote, and others named so
    #[arg(long, value_name = "REMOTE")]
    only: Vec<String>,
    /// Makes nothing and asks nobody
    #[arg(long)]
    dry_run: bool,
    /// Takes keys without trying them out; `check` does it later
    #[arg(long)]
    no_check: bool,
}

/// Makes connections of the remotes, and lists what became of each.
///
/// # Errors
/// When the file cannot be read.
pub async fn run(hub: &Hub, flags: Flags) -> anyhow::Result<ExitCode> {
    let maker = maker(hub, flags.user.as_deref()).await?;
    let text = read(&flags.file)?;
    let options = RcloneImport {
        places: pairs("--bucket", &flags.bucket)?,
        endpoints: pairs("--endpoint", &flags.endpoint)?,
        only: flags.only,
        is_servers: maker.is_servers,
        is_unchecked: flags.no_check,
        is_dry_run: flags.dry_run,
    };
    let imported = hub.import_rclone(&maker.actor, &text, &options).await?;
    let mut table = Table::new(&["REMOTE", "TYPE", "", "WHAT BECAME OF IT"]);
    for remote in &imported {
        let (word, detail) = words(remote);
        table.row([remote.name.clone(), remote.kind.clone(), word.to_owned(), detail]);
    }
    print::text(&table.render())?;
    let has_failed = |remote: &ImportedRemote| matches!(remote.outcome, ImportOutcome::Failed(_));
    Ok(match imported.iter().any(has_failed) {
        true => ExitCode::from(DAMAGED),
        false => ExitCode::SUCCESS,
    })
}

fn words(remote: &ImportedRemote) -> (&'static str, String) {
    match &remote.outcome {
        ImportOutcome::Made(row) if row.connection.drive.is_empty() => {
            let id = row.connection.id;
            ("made", format!("{id}; not tried: `cumuli connection check {id}`"))
        }
        ImportOutcome::Made(row) => ("made", row.connection.id.to_string()),
        ImportOutcome::WouldMake(kind) => ("would be made", format!("a connection of the kind `{kind}`")),
        ImportOutcome::Already => ("there already", "this drive is connected".to_owned()),
        ImportOutcome::Link(reason) => ("TO LINK", reason.clone()),
        ImportOutcome::NotTaken(reason) => ("not taken", reason.clone()),
        ImportOutcome::Failed(reason) => ("FAILED", reason.clone()),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("{} cannot be read", path.display());
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text),
        false => {
            let file = std::fs::File::open(path).with_context(cannot)?;
            file.take(MOST_BYTES).read_to_string(&mut text)
        }
    };
    read.with_context(cannot)?;
    Ok(text)
}

/// Reads `NAME=VALUE` of each. A name of a remote holds no `=`.
fn pairs(flag: &str, texts: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for text in texts {
        let Some((name, value)) = text.split_once('=').filter(|(_, value)| !value.is_empty()) else {
            bail!("{flag} needs the name of a remote, `=` and a value, such as {flag} minio=photos");
        };
        pairs.insert(name.to_owned(), value.to_owned());
    }
    Ok(pairs)
}
