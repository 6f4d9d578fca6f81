//! `cumuli store`: where contents are, what those places can do, and moving from one to another.

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use hub::{Hub, Move, StoreRow};
use model::{Actor, JobId, JobState};
use sync_run::Runner;
use tokio_util::sync::CancellationToken;

use super::table::{Table, size, time};
use super::{DAMAGED, print, worker};

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli store list                              which stores there are, and what each can do\n  \
    cumuli store copy --from local --to s3 --verify\n      \
    moves everything to the bucket, while the server runs or not; run again, it goes on\n  \
    cumuli store retire local --erase              once nothing is left in it\n  \
    cumuli store reseal                            after a new key was put first in CUMULI_SEAL_KEYS\n\n\
    Stores are described by settings: docs/settings.md, under \"Stores\".";

/// How often to look how far a job has come.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Reasons that are printed.
const SHOWN: usize = 20;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Lists the stores, tries each out, and says what it can do.
    List {
        /// Only lists them.
        #[arg(long)]
        no_probe: bool,
    },
    /// Moves all contents of one store to another. New ones go there from the first moment.
    Copy {
        /// The store to leave.
        #[arg(long, value_name = "STORE")]
        from: String,
        /// The store to fill.
        #[arg(long, value_name = "STORE")]
        to: String,
        /// Reads each copy back and compares it before the original is let go of.
        #[arg(long)]
        verify: bool,
    },
    /// Lets go of a store that holds nothing any more.
    Retire {
        /// Its name.
        store: String,
        /// Removes all that Cumuli stored in it; otherwise it stays as it is.
        #[arg(long)]
        erase: bool,
    },
    /// Seals the keys of sealed contents with the first of CUMULI_SEAL_KEYS. Then the others can go.
    Reseal,
}

/// Does it. Copying also works off other background jobs meanwhile, as a server does.
///
/// # Errors
/// What the hub says.
pub async fn run(hub: &Hub, command: Command) -> anyhow::Result<ExitCode> {
    let admin = &Actor::Worker;
    match command {
        Command::List { no_probe } => list(&hub.stores(admin, !no_probe).await?),
        Command::Copy { from, to, verify } => copy(hub, Move { from, to, verify }).await,
        Command::Retire { store, erase } => {
            let removed = hub.retire_store(admin, &store, erase).await?;
            print::line(match erase {
                true => format!("`{store}` is retired; {removed} contents that nothing used were removed"),
                false => format!("`{store}` is retired; what is stored there was left as it is"),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Reseal => {
            let job = hub.begin_reseal(admin).await?;
            let state = work_off(hub, job, |_| Ok(())).await?;
            print::line(format!("resealing: {}", state.as_str()))?;
            Ok(code(state == JobState::Completed))
        }
    }
}

fn list(stores: &[StoreRow]) -> anyhow::Result<ExitCode> {
    let mut table = Table::new(&["STORE", "CONTENTS", "BYTES", "DAMAGED", "UNPROVEN", "NOW", "CAN"]);
    let mut notes = String::new();
    let mut is_good = true;
    for store in stores {
        let state = match &store.probe {
            Some(Ok(probe)) => {
                for advice in &probe.advice {
                    notes.push_str(&format!("{}: {advice}\n", store.name));
                }
                if let Some(skew) = probe.skew_ms.filter(|skew| skew.abs() > 2000) {
                    notes.push_str(&format!("{}: its clock is {skew} ms ahead of ours\n", store.name));
                }
                "works"
            }
            Some(Err(reason)) => {
                is_good &= store.totals.blobs == 0 && !store.is_default;
                notes.push_str(&format!("{}: {reason}\n", store.name));
                "FAILS"
            }
            None if store.is_configured => "not tried",
            None => {
                is_good = false;
                "NOT IN THE SETTINGS"
            }
        };
        if let Some(to) = &store.moved_to {
            notes.push_str(&format!("{}: new contents go to `{to}` instead\n", store.name));
        }
        if let Some(at) = store.retired_ms {
            notes.push_str(&format!("{}: retired on {} UTC\n", store.name, time(at)));
        }
        let mark = if store.is_default { "* " } else { "  " };
        table.row([
            format!("{mark}{}", store.name),
            store.totals.blobs.to_string(),
            size(store.totals.bytes),
            store.totals.damaged.to_string(),
            store.totals.unproven.to_string(),
            state.to_owned(),
            abilities(store),
        ]);
    }
    print::text(&table.render())?;
    print::text("* new contents go here; small ones stay in the database\n")?;
    print::text(&notes)?;
    Ok(code(is_good))
}

/// What a store can do, in words.
fn abilities(store: &StoreRow) -> String {
    let Some(can) = store.abilities else {
        return String::new();
    };
    let known = |ability: Option<bool>, yes: &'static str| ability.unwrap_or(false).then_some(yes);
    let words = [
        can.reads_ranges.then_some("ranges"),
        can.signs_urls.then_some("signed downloads"),
        can.signs_parts.then_some("direct uploads"),
        known(can.creates_only, "conditional writes"),
        known(can.checks_digests, "checked digests"),
        store.is_sealed.then_some("sealed by us"),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

async fn copy(hub: &Hub, what: Move) -> anyhow::Result<ExitCode> {
    let job = hub.begin_move(&Actor::Worker, &what).await?;
    print::line(format!("new contents go to `{}` from now on", what.to))?;
    let mut told = 101;
    let state = work_off(hub, job, |row| {
        let progress = row.progress;
        if progress.percent != told {
            told = progress.percent;
            let (done, total) = (size(progress.done_bytes), size(progress.total_bytes));
            print::line(format!("{told:3} %  {done} of {total}"))?;
        }
        Ok(())
    })
    .await?;
    let report = hub.move_report(&Actor::Worker, &what.from, &what.to).await?;
    let (left, left_bytes) = report.left;
    let (there, there_bytes) = report.there;
    print::line(format!(
        "`{}` holds {there} contents, {}",
        what.to,
        size(there_bytes)
    ))?;
    print::line(format!(
        "`{}` still holds {left}, {}",
        what.from,
        size(left_bytes)
    ))?;
    for (blob, reason) in report.failures.iter().take(SHOWN) {
        print::line(format!("not moved: {blob}: {reason}"))?;
    }
    if report.failures.len() > SHOWN {
        print::line(format!("and {} more", report.failures.len() - SHOWN))?;
    }
    if state == JobState::Completed && left == 0 {
        print::line(format!(
            "done: set STORAGE_BACKEND={}, then `cumuli store retire {}`",
            what.to, what.from
        ))?;
    }
    Ok(code(state == JobState::Completed && left == 0))
}

/// Works jobs off beside a server that may run, until one of them has ended.
async fn work_off(
    hub: &Hub,
    job: JobId,
    mut tell: impl FnMut(&model::Job) -> anyhow::Result<()>,
) -> anyhow::Result<JobState> {
    let stop = CancellationToken::new();
    worker::bury(hub).await;
    let runner = Runner::new(hub.clone(), worker::name());
    let working = tokio::spawn({
        let stop = stop.clone();
        async move { runner.run(stop).await }
    });
    let state = loop {
        let row = hub.job(&Actor::Worker, job).await?.job;
        tell(&row)?;
        match row.state {
            JobState::Pending | JobState::Running => tokio::time::sleep(LOOK_EVERY).await,
            ended => break ended,
        }
        if let Some(error) = row
            .error
            .filter(|_| row.state == JobState::Pending && row.attempts > 2)
        {
            stop.cancel();
            working.await?;
            anyhow::bail!("{error}; run the command again to go on");
        }
    };
    stop.cancel();
    working.await?;
    Ok(state)
}

fn code(is_good: bool) -> ExitCode {
    match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(DAMAGED),
    }
}
