//! `cumuli mirror`: folders that are kept in step with folders at connections, by the one who runs the server.

mod add;

use std::process::ExitCode;

use clap::Subcommand;
use hub::{Hub, MirrorPlan, MirrorRow, Part, PlanSide, PlanSummary};
use model::{Actor, MirrorId};

use super::table::Table;
use super::{DAMAGED, print};

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli mirror add /Papers 0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f:/Papers --user me@example.org --paused\n  \
    cumuli mirror plan 0190c2a5-…                what it would do; nothing happens\n  \
    cumuli mirror resume 0190c2a5-…              let it run\n  \
    cumuli mirror approve 0190c2a5-…             let the deletes go that wait for a word\n\n\
    `cumuli connection list` shows the ids of connections. A mirror that is made with --paused does nothing until it is \
    resumed, so that its plan can be looked at first.";

/// Steps of a plan that one look takes in.
const PAGE: u32 = 500;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Lists all mirrors and how they are.
    List,
    /// Keeps a folder in step with a folder at a connection.
    #[command(after_help = add::EXAMPLES)]
    Add(add::Flags),
    /// Says what a mirror would do, step by step. Nothing happens.
    Plan {
        /// Its id, as `list` shows it.
        id: String,
        /// Steps that are shown at the most
        #[arg(long, default_value_t = 200)]
        limit: usize,
    },
    /// Lets the deletes go that wait for a word, as `plan` shows them.
    Approve {
        /// Its id, as `list` shows it.
        id: String,
        /// The set that was looked at, as `plan` names it
        #[arg(long, value_name = "DIGEST")]
        set: String,
    },
    /// Takes back the deletes that wait for a word: what was deleted is brought back from the other side.
    Reject {
        /// Its id, as `list` shows it.
        id: String,
        /// The set that was looked at, as `plan` names it
        #[arg(long, value_name = "DIGEST")]
        set: String,
    },
    /// Stops a mirror until it is resumed.
    Pause {
        /// Its id, as `list` shows it.
        id: String,
    },
    /// Lets a mirror run that was paused.
    Resume {
        /// Its id, as `list` shows it.
        id: String,
    },
    /// Removes a mirror. Both sides stay as they are.
    Remove {
        /// Its id, as `list` shows it.
        id: String,
    },
}

/// Does it.
///
/// # Errors
/// What the hub says.
pub async fn run(hub: &Hub, command: Command) -> anyhow::Result<ExitCode> {
    let worker = Actor::Worker;
    match command {
        Command::List => list(hub).await?,
        Command::Add(flags) => add::run(hub, flags).await?,
        Command::Plan { id, limit } => return plan(hub, id.parse()?, limit).await,
        Command::Approve { id, set } => {
            let count = hub.approve_deletes(&worker, id.parse()?, &set).await?;
            print::line(format!("{count} things will be deleted"))?;
        }
        Command::Reject { id, set } => {
            let count = hub.reject_deletes(&worker, id.parse()?, &set).await?;
            print::line(format!("{count} things will be brought back"))?;
        }
        Command::Pause { id } => {
            hub.pause_mirror(&worker, id.parse()?).await?;
            print::line("paused")?;
        }
        Command::Resume { id } => {
            hub.resume_mirror(&worker, id.parse()?).await?;
            print::line("it runs as soon as a server does, or with `cumuli sync --once`")?;
        }
        Command::Remove { id } => {
            hub.remove_mirror(&worker, id.parse()?).await?;
            print::line("removed; both sides stay as they are")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(hub: &Hub) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        "ID",
        "FOLDER",
        "",
        "THERE",
        "STATE",
        "IN STEP",
        "TO DO",
        "HELD",
        "WHAT TO KNOW",
    ]);
    for row in hub.mirrors(&Actor::Worker).await? {
        table.row([
            row.mirror.id.to_string(),
            folder(&row),
            arrow(&row).to_owned(),
            there(&row),
            row.mirror.state.as_str().to_owned(),
            row.linked.to_string(),
            (row.counts.due + row.counts.waiting).to_string(),
            row.unapproved.to_string(),
            row.advice.join("; "),
        ]);
    }
    print::text(&table.render())
}

/// Where the folder here is.
pub(super) fn folder(row: &MirrorRow) -> String {
    row.folder
        .as_ref()
        .map_or_else(|| "(gone)".to_owned(), ToString::to_string)
}

/// Where the folder there is.
pub(super) fn there(row: &MirrorRow) -> String {
    let label = row.connection.as_ref().map_or("(unlinked)", |known| &known.label);
    let path = row.remote.as_deref().unwrap_or(&row.mirror.item);
    format!("{label}:{path}")
}

/// Which way changes go.
pub(super) const fn arrow(row: &MirrorRow) -> &'static str {
    match row.mirror.direction {
        model::MirrorDirection::TwoWay => "<->",
        model::MirrorDirection::Push => "-->",
        model::MirrorDirection::Pull => "<--",
    }
}

async fn plan(hub: &Hub, id: MirrorId, limit: usize) -> anyhow::Result<ExitCode> {
    let (mut cursor, mut shown, mut left, mut code) = (None, 0, 0, ExitCode::SUCCESS);
    loop {
        let part = Part { limit: PAGE, cursor };
        let page: MirrorPlan = hub.mirror_plan(&Actor::Worker, id, part).await?;
        if let Some(summary) = &page.summary {
            tell(summary)?;
            if summary.held.is_some() || !summary.room_here.is_enough || !summary.room_there.is_enough {
                code = ExitCode::from(DAMAGED);
            }
        }
        let mut table = Table::new(&["", "", "", ""]);
        for step in page.steps {
            if shown >= limit {
                left += 1;
                continue;
            }
            shown += 1;
            let held = if step.is_held { " (waits for a word)" } else { "" };
            table.row([
                step.side.map_or("", PlanSide::as_str).to_owned(),
                step.kind.replace('_', " "),
                step.path,
                format!("{}{held}", step.reason),
            ]);
        }
        for note in page.notes {
            if shown >= limit {
                left += 1;
                continue;
            }
            shown += 1;
            table.row([String::new(), note.kind.to_owned(), note.path, note.reason]);
        }
        print::text(table.render().trim_start_matches('\n'))?;
        cursor = page.next;
        if cursor.is_none() || shown >= limit {
            break;
        }
    }
    if left > 0 || cursor.is_some() {
        print::line("and more: --limit shows more of them")?;
    }
    Ok(code)
}

fn tell(summary: &PlanSummary) -> anyhow::Result<()> {
    if summary.is_gathering {
        print::line("both sides are still being looked at: more may come")?;
    }
    for ((kind, side), count) in &summary.counts {
        let side = side.map_or("", PlanSide::as_str);
        print::line(format!("{count} x {} {side}", kind.replace('_', " ")))?;
    }
    print::line(format!(
        "{} bytes go there, {} come here; about {} calls, about {} s",
        summary.up_bytes, summary.down_bytes, summary.calls, summary.secs
    ))?;
    for (room, name) in [(summary.room_here, "here"), (summary.room_there, "there")] {
        if !room.is_enough {
            print::line(format!("there is not enough room {name}"))?;
        }
    }
    for problem in &summary.names {
        let there = problem.there.as_deref().unwrap_or("(not at all)");
        print::line(format!(
            "{}: called {there} there: {}",
            problem.path, problem.problem
        ))?;
    }
    for (reason, count) in &summary.blocked {
        print::line(format!("{count} x left undone: {reason}"))?;
    }
    if let Some(held) = &summary.held {
        print::line(format!(
            "{} deletes here and {} there wait for a word: `approve` or `reject` with --set {}",
            held.here, held.there, held.digest
        ))?;
    }
    Ok(())
}
