//! `cumuli migrate-cloud`: moves a folder in one connection to a folder in another.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use hub::{Hub, MigrationReport, NewMigration, Part};
use model::{
    Actor, Connection, ConnectionId, MigrationDocuments, MigrationId, MigrationItemState, MigrationStage,
    MigrationState,
};
use sync_run::Runner;
use tokio_util::sync::CancellationToken;

use super::table::{Table, size, time};
use super::{DAMAGED, connection, print, token, worker};
use crate::settings::PlaceFlags;

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli migrate-cloud --from 'My Drive:/Papers' --to nas:/Papers\n      \
    copies everything, then what changed meanwhile, until nothing differs; verifies each copy; says what could not \
    be moved and why. Run again, it goes on where it was\n  \
    cumuli migrate-cloud --from 0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f:/ --to s3:/all --follow\n      \
    copies everything and leaves the rest to the server, which follows what changes until `finish`\n  \
    cumuli migrate-cloud list\n  \
    cumuli migrate-cloud show 0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f --items failed\n  \
    cumuli migrate-cloud finish 0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f\n\n\
    A connection is given by its id or its name, as `cumuli connection list` shows them. Nothing is changed at the \
    source, and nothing overwritten at the target that was not written by this.\n\
    Exit code: 0 everything that can be moved was, 3 something failed or is in conflict.";

/// How often to look how far it has come.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Items that are listed of each kind of trouble.
const SHOWN: u32 = 20;
/// Connections and migrations that are looked through.
const MOST: u32 = 10_000;
const PAGE: u32 = 1000;

/// The flags of `cumuli migrate-cloud`.
#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    pub place: PlaceFlags,
    #[command(flatten)]
    new: NewFlags,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to move.
#[derive(Args)]
struct NewFlags {
    /// The folder to move.
    #[arg(long, value_name = "CONNECTION:/FOLDER", requires = "to")]
    from: Option<String>,
    /// Where to. It is made when it is not there.
    #[arg(long, value_name = "CONNECTION:/FOLDER", requires = "from")]
    to: Option<String>,
    /// What becomes of documents that have no bytes of their own.
    #[arg(long, value_enum, default_value_t = Documents::Export)]
    documents: Documents,
    /// Puts copies of what is gone at the source into the target's trash, if they are as they were written.
    #[arg(long)]
    delete_gone: bool,
    /// Reads each copy back in the end, also where the provider tells its hash.
    #[arg(long)]
    read_back: bool,
    /// Ends once everything is copied, and leaves it to the server to follow what changes.
    #[arg(long)]
    follow: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Documents {
    /// They are exported.
    Export,
    /// They are listed as what could not be moved.
    List,
}

/// What to do with migrations that are there.
#[derive(Subcommand)]
enum Command {
    /// Lists all of them.
    List,
    /// Shows one, with its report.
    Show {
        /// Its id, as `list` shows it.
        id: String,
        /// Lists the items that stand so: waiting, done, failed, conflict, unmovable, gone, removed.
        #[arg(long, value_name = "STATE")]
        items: Option<String>,
    },
    /// Brings one to its end: until nothing differs and each copy is verified.
    Finish {
        /// Its id.
        id: String,
    },
    /// Stops one for now.
    Pause {
        /// Its id.
        id: String,
    },
    /// Has the server go on with one.
    Resume {
        /// Its id.
        id: String,
    },
    /// Calls one off; what was copied stays. One that has ended is forgotten.
    Cancel {
        /// Its id.
        id: String,
    },
}

/// Does it. Moving also works off other background jobs meanwhile, as a server does.
///
/// # Errors
/// What the hub says.
pub async fn run(hub: &Hub, flags: Flags) -> anyhow::Result<ExitCode> {
    let worker = &Actor::Worker;
    match flags.command {
        None => migrate(hub, flags.new).await,
        Some(Command::List) => list(hub).await,
        Some(Command::Show { id, items }) => show(hub, id.parse()?, items.as_deref()).await,
        Some(Command::Finish { id }) => {
            let id = id.parse()?;
            hub.finish_migration(worker, id).await?;
            work_off(hub, id, false).await
        }
        Some(Command::Pause { id }) => one(&hub.pause_migration(worker, id.parse()?).await?),
        Some(Command::Resume { id }) => one(&hub.resume_migration(worker, id.parse()?).await?),
        Some(Command::Cancel { id }) => {
            hub.cancel_migration(worker, id.parse()?).await?;
            print::line(format!("{id}: called off, or forgotten; what was copied stays"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn migrate(hub: &Hub, new: NewFlags) -> anyhow::Result<ExitCode> {
    let (Some(from), Some(to)) = (&new.from, &new.to) else {
        anyhow::bail!("say what to move with --from and --to; `cumuli help migrate-cloud` has examples");
    };
    let all = hub
        .watched_connections(&connection::an_admin(hub).await?, MOST)
        .await?;
    let from = place(&all, from)?;
    let to = place(&all, to)?;
    let actor = acting(hub, &all, [from.0, to.0]).await?;
    let id = match under_way(hub, &from, &to).await? {
        Some(id) => {
            print::line(format!("{id}: goes on where it was"))?;
            match new.follow {
                true => hub.resume_migration(&Actor::Worker, id).await?,
                false => hub.finish_migration(&Actor::Worker, id).await?,
            };
            id
        }
        None => {
            let wanted = NewMigration {
                from,
                to,
                documents: match new.documents {
                    Documents::Export => MigrationDocuments::Export,
                    Documents::List => MigrationDocuments::List,
                },
                deletes_gone: new.delete_gone,
                reads_back: new.read_back,
                is_finishing: !new.follow,
            };
            let begun = hub.begin_migration(&actor, wanted).await?;
            print::line(format!("{}: begins", begun.migration.id))?;
            begun.migration.id
        }
    };
    work_off(hub, id, new.follow).await
}

/// A connection and a path, as they are written on a command line.
fn place(all: &[Connection], text: &str) -> anyhow::Result<(ConnectionId, String)> {
    let Some((name, path)) = text.split_once(":/") else {
        anyhow::bail!(
            "`{text}`: write a connection and a folder, such as 'My Drive:/Papers', or 'My Drive:/'"
        );
    };
    let id = name.parse::<ConnectionId>().ok();
    let is_it = |known: &&Connection| id == Some(known.id) || known.label == name;
    let mut found = all.iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(found), None) => {
            let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
            Ok((found.id, format!("/{}", names.join("/"))))
        }
        (Some(_), Some(_)) => {
            anyhow::bail!(
                "several connections are called `{name}`: give the id that `cumuli connection list` shows"
            )
        }
        (None, _) => anyhow::bail!("there is no connection `{name}`: `cumuli connection list` shows them"),
    }
}

/// Whose the migration will be: of who owns the connections, or an administrator for the server's.
async fn acting(hub: &Hub, all: &[Connection], ids: [ConnectionId; 2]) -> anyhow::Result<Actor> {
    let owner = all
        .iter()
        .filter(|known| ids.contains(&known.id))
        .find_map(|known| known.owner);
    let Some(owner) = owner else {
        return connection::an_admin(hub).await;
    };
    let users = connection::users(hub).await?;
    match users.iter().find(|user| user.id == owner) {
        Some(user) => Ok(token::acting_as(user)),
        None => anyhow::bail!("the owner of the connection has no account any more"),
    }
}

/// The migration between two places that has not ended.
async fn under_way(
    hub: &Hub,
    from: &(ConnectionId, String),
    to: &(ConnectionId, String),
) -> anyhow::Result<Option<MigrationId>> {
    let mut part = Part {
        limit: PAGE,
        cursor: None,
    };
    loop {
        let page = hub.migrations(&Actor::Worker, part.clone()).await?;
        let is_it = |report: &&MigrationReport| {
            let of = &report.migration;
            of.is_live()
                && (of.from.connection, &of.from.path) == (from.0, &from.1)
                && (of.to.connection, &of.to.path) == (to.0, &to.1)
        };
        if let Some(found) = page.items.iter().find(is_it) {
            return Ok(Some(found.migration.id));
        }
        match page.next {
            Some(cursor) => part.cursor = Some(cursor),
            None => return Ok(None),
        }
    }
}

async fn list(hub: &Hub) -> anyhow::Result<ExitCode> {
    let mut part = Part {
        limit: PAGE,
        cursor: None,
    };
    let mut table = Table::new(&[
        "ID", "FROM", "TO", "STATE", "PASS", "DONE", "LEFT", "BEGAN", "WHY",
    ]);
    loop {
        let page = hub.migrations(&Actor::Worker, part.clone()).await?;
        for report in &page.items {
            let of = &report.migration;
            let label = |label: &Option<String>| label.clone().unwrap_or_else(|| "(removed)".to_owned());
            table.row([
                of.id.to_string(),
                format!("{}:{}", label(&report.from_label), of.from.path),
                format!("{}:{}", label(&report.to_label), of.to.path),
                of.state.as_str().to_owned(),
                of.pass.to_string(),
                files(report, MigrationItemState::Done).0.to_string(),
                files(report, MigrationItemState::Waiting).0.to_string(),
                time(of.created_ms),
                of.reason.clone().unwrap_or_default(),
            ]);
        }
        match page.next {
            Some(cursor) => part.cursor = Some(cursor),
            None => break,
        }
    }
    print::text(&table.render())?;
    Ok(ExitCode::SUCCESS)
}

async fn show(hub: &Hub, id: MigrationId, items: Option<&str>) -> anyhow::Result<ExitCode> {
    let report = hub.migration(&Actor::Worker, id).await?;
    let Some(word) = items else {
        one(&report)?;
        return tell(hub, &report).await;
    };
    let Some(state) = MigrationItemState::from_word(word) else {
        let words: Vec<&str> = MigrationItemState::ALL
            .iter()
            .map(|state| state.as_str())
            .collect();
        anyhow::bail!("`{word}`: give one of {}", words.join(", "));
    };
    print_items(hub, id, state, u32::MAX).await?;
    Ok(ExitCode::SUCCESS)
}

fn one(report: &MigrationReport) -> anyhow::Result<ExitCode> {
    print::line(progress(report))?;
    Ok(ExitCode::SUCCESS)
}

/// Works jobs off beside a server that may run, until the migration has ended, or rests when that is enough.
async fn work_off(hub: &Hub, id: MigrationId, until_rest: bool) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    worker::bury(hub).await;
    let runner = Runner::new(hub.clone(), worker::name());
    let working = tokio::spawn({
        let stop = stop.clone();
        async move { runner.run(stop).await }
    });
    let mut told = String::new();
    let report = loop {
        let report = hub.migration(&Actor::Worker, id).await?;
        let line = progress(&report);
        if line != told {
            print::line(&line)?;
            told = line;
        }
        let is_resting = report.migration.stage == MigrationStage::Rest;
        if report.migration.state != MigrationState::Active || (until_rest && is_resting) {
            break report;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    stop.cancel();
    working.await?;
    tell(hub, &report).await
}

/// Everything but folders that stands so: how many, and their bytes.
fn files(report: &MigrationReport, state: MigrationItemState) -> (u64, u64) {
    let of = report.counts.iter();
    let of = of.filter(|count| count.state == state && !count.is_folder);
    of.fold((0, 0), |(items, bytes), count| {
        (items + count.items, bytes + count.bytes)
    })
}

fn progress(report: &MigrationReport) -> String {
    let of = &report.migration;
    let (done, done_bytes) = files(report, MigrationItemState::Done);
    let (left, left_bytes) = files(report, MigrationItemState::Waiting);
    let mut line = format!(
        "{}: {}, pass {}, {}: {done} files ({}) there, {left} ({}) to go",
        of.id,
        of.state.as_str(),
        of.pass,
        of.stage.as_str(),
        size(done_bytes),
        size(left_bytes)
    );
    if let Some(reason) = &of.reason {
        line.push_str(&format!("; waits: {reason}"));
    }
    line
}

/// The report, and how the command ends.
async fn tell(hub: &Hub, report: &MigrationReport) -> anyhow::Result<ExitCode> {
    let mut table = Table::new(&["STATE", "PROOF", "WHAT", "COUNT", "BYTES"]);
    for count in &report.counts {
        let what = if count.is_folder { "folders" } else { "files" };
        table.row([
            count.state.as_str().to_owned(),
            count.proof.map_or("", model::MigrationProof::as_str).to_owned(),
            what.to_owned(),
            count.items.to_string(),
            size(count.bytes),
        ]);
    }
    print::text(&table.render())?;
    let id = report.migration.id;
    for state in [
        MigrationItemState::Failed,
        MigrationItemState::Conflict,
        MigrationItemState::Unmovable,
        MigrationItemState::Gone,
    ] {
        print_items(hub, id, state, SHOWN).await?;
    }
    let bad = [MigrationItemState::Failed, MigrationItemState::Conflict];
    let is_bad = report.counts.iter().any(|count| bad.contains(&count.state));
    Ok(
        match is_bad || report.migration.state == MigrationState::Cancelled {
            false => ExitCode::SUCCESS,
            true => ExitCode::from(DAMAGED),
        },
    )
}

async fn print_items(hub: &Hub, id: MigrationId, state: MigrationItemState, most: u32) -> anyhow::Result<()> {
    let mut part = Part {
        limit: most.min(PAGE),
        cursor: None,
    };
    loop {
        let page = hub
            .migration_items(&Actor::Worker, (id, Some(state)), part.clone())
            .await?;
        for item in page.items {
            let why = [item.reason, item.note].into_iter().flatten();
            let why: Vec<String> = why.collect();
            print::line(format!("{}: {}: {}", state.as_str(), item.path, why.join("; ")))?;
        }
        match page.next {
            Some(cursor) if most > PAGE => part.cursor = Some(cursor),
            Some(_) => {
                return print::line(format!(
                    "and more: `cumuli migrate-cloud show {id} --items {}`",
                    state.as_str()
                ));
            }
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_connection_and_a_path() {
        for text in ["", "nas", "nas:", "nas:folder", "other:/x"] {
            assert!(place(&[], text).is_err(), "{text}");
        }
    }
}
