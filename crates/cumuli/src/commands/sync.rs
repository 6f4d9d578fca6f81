//! `cumuli sync --once`: looks at all connections, brings all mirrors in step, says what came of it, and ends.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use hub::{ConnectionRow, Hub, MirrorHeads, MirrorRow};
use model::{Actor, MirrorState};
use sync_run::Runner;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::mirror::{arrow, folder, there};
use super::{DAMAGED, connection, print, token, user, worker};
use crate::settings::PlaceFlags;

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli sync --once                            everybody's connections and mirrors\n  \
    cumuli sync --once --user me@example.org      one person's\n\n\
    It works beside a running server and without one. It ends with 3 when something could not be brought in step.";

/// Connections that are looked at.
const MOST: u32 = 10_000;
/// Changes of a mirror that are shown at the most.
const SHOWN: usize = 100;
/// How often to look how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The flags of `cumuli sync`.
#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    pub place: PlaceFlags,
    /// Once, and then end; the server itself does it all the time
    #[arg(long)]
    once: bool,
    /// Whose connections and mirrors, by e-mail address [default: everybody's]
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
    /// How long to wait at the most, seconds [default: until everything is in step]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

/// What is brought in step, as it was before.
struct Whole {
    connections: Vec<ConnectionRow>,
    mirrors: Vec<(MirrorRow, MirrorHeads)>,
}

/// Does it.
///
/// # Errors
/// What the hub says, and when it takes too long.
pub async fn run(hub: &Hub, flags: Flags) -> anyhow::Result<ExitCode> {
    if !flags.once {
        bail!("`cumuli serve` keeps everything in step all the time; --once does it once, here and now");
    }
    let whole = Whole::begin(hub, flags.user.as_deref()).await?;
    let stop = CancellationToken::new();
    worker::bury(hub).await;
    let runner = Runner::new(hub.clone(), worker::name());
    let working = tokio::spawn({
        let stop = stop.clone();
        async move { runner.run(stop).await }
    });
    let patience = flags.timeout.map(Duration::from_secs);
    let settled = whole.settle(hub, patience).await;
    stop.cancel();
    working.await?;
    settled?;
    whole.tell(hub).await
}

impl Whole {
    /// Has everything looked at.
    async fn begin(hub: &Hub, email: Option<&str>) -> anyhow::Result<Self> {
        let worker = Actor::Worker;
        let (watched, rows) = match email {
            Some(email) => {
                let actor = token::acting_as(&user::find(hub, email).await?);
                let own = hub.connections(&actor).await?;
                let own = own.into_iter().map(|row| row.connection).collect();
                (own, hub.mirrors(&actor).await?)
            }
            None => {
                let admin = connection::an_admin(hub).await?;
                (
                    hub.watched_connections(&admin, MOST).await?,
                    hub.mirrors(&worker).await?,
                )
            }
        };
        let mut whole = Self {
            connections: Vec::with_capacity(watched.len()),
            mirrors: Vec::with_capacity(rows.len()),
        };
        for connection in watched {
            whole
                .connections
                .push(hub.connection(&worker, connection.id).await?);
            hub.refresh_connection(&worker, connection.id).await?;
        }
        for row in rows {
            let heads = hub.mirror_heads(&row.mirror).await?;
            if row.mirror.state != MirrorState::Paused {
                hub.run_mirror(&worker, row.mirror.id).await?;
            }
            whole.mirrors.push((row, heads));
        }
        Ok(whole)
    }

    /// Waits until everything was looked at, and every mirror has done what it can.
    async fn settle(&self, hub: &Hub, patience: Option<Duration>) -> anyhow::Result<()> {
        let began = Instant::now();
        while !self.is_settled(hub).await? {
            if patience.is_some_and(|patience| began.elapsed() > patience) {
                bail!("it is not done yet: run the command again, it goes on");
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn is_settled(&self, hub: &Hub) -> anyhow::Result<bool> {
        for before in &self.connections {
            if !was_looked_at(hub, before).await? {
                return Ok(false);
            }
        }
        for (before, _) in &self.mirrors {
            let row = hub.mirror(&Actor::Worker, before.mirror.id).await?;
            let (now, then) = (&row.mirror.progress, &before.mirror.progress);
            let is_stopped = matches!(row.mirror.state, MirrorState::Paused | MirrorState::Trouble);
            let was_tried = now.began_ms > then.began_ms;
            let has_failed = now.failures > 0;
            let is_done = was_tried && row.counts.due == 0 && !hub.is_mirror_behind(&row.mirror).await?;
            if !(is_stopped || (was_tried && has_failed) || is_done) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says what came of it.
    async fn tell(&self, hub: &Hub) -> anyhow::Result<ExitCode> {
        let mut is_good = true;
        for before in &self.connections {
            let row = hub.connection(&Actor::Worker, before.connection.id).await?;
            let error = row.feed.as_ref().filter(|feed| feed.failures > 0);
            let error = error.and_then(|feed| feed.error.clone());
            is_good &= error.is_none();
            let known = hub
                .remote_item_count(&Actor::Worker, before.connection.id)
                .await?;
            let told = error.unwrap_or_else(|| format!("looked at; {known} things are in it"));
            print::line(format!(
                "{} ({}): {told}",
                row.connection.label, row.connection.kind
            ))?;
        }
        for (before, heads) in &self.mirrors {
            let row = hub.mirror(&Actor::Worker, before.mirror.id).await?;
            let is_in_step = row.behind_secs.is_none() && row.mirror.state == MirrorState::Active;
            is_good &= is_in_step || row.mirror.state == MirrorState::Paused;
            let state = match is_in_step {
                true => "in step",
                false => row.mirror.state.as_str(),
            };
            print::line(format!(
                "{} {} {}: {state}; {} things on both sides, {} before",
                folder(&row),
                arrow(&row),
                there(&row),
                row.linked,
                before.linked
            ))?;
            let changed = hub.mirror_changes(&row.mirror, *heads).await?;
            for change in changed.iter().take(SHOWN) {
                print::line(format!(
                    "  changed {}: {}",
                    change.side.as_str(),
                    clean(&change.path)
                ))?;
            }
            if changed.len() > SHOWN {
                print::line(format!("  and {} more", changed.len() - SHOWN))?;
            }
            for advice in &row.advice {
                print::line(format!("  {advice}"))?;
            }
        }
        Ok(match is_good {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(DAMAGED),
        })
    }
}

/// Whether a connection was looked at since, or cannot be.
async fn was_looked_at(hub: &Hub, before: &ConnectionRow) -> anyhow::Result<bool> {
    let row = hub.connection(&Actor::Worker, before.connection.id).await?;
    let is_broken = row.connection.state != model::ConnectionState::Active;
    let Some(feed) = row.feed else {
        return Ok(is_broken);
    };
    let then = before.feed.as_ref();
    let is_settled = feed.started_ms.is_none() && feed.settled_ms > then.and_then(|feed| feed.settled_ms);
    let has_failed = feed.failures > then.map_or(0, |feed| feed.failures);
    Ok(is_settled || has_failed || is_broken)
}

/// What a user typed cannot draw on the terminal.
fn clean(text: &str) -> String {
    text.replace(char::is_control, " ")
}
