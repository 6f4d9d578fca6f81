//! Moving what is in one connection to another while people go on working with it: everything first, then again and
//! again what changed since, in the end nothing any more, and each copy held against its original.
//!
//! Nothing at the source is ever changed, and nothing at the target that is not as it was written there. What is done is
//! written down item by item, so it goes on after any interruption, for as many weeks as it takes.

mod compare;
mod content;
mod copying;
mod finding;
mod names;
mod occupied;
mod placing;
mod removing;
mod report;
mod starting;
mod trouble;
mod verifying;

use std::sync::Arc;

use catalog::{NewJob, Tx};
use connectors::Connector;
use model::{
    Connection, ConnectionId, ConnectionState, Job, JobId, JobKind, Migration, MigrationId, MigrationStage,
    MigrationState, Millis, Progress,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::jobs::{Keep, Lease};
use crate::{Hub, HubError, Upkept, keys};

pub use report::{MigrationPage, MigrationReport};
pub use starting::NewMigration;
use trouble::{Side, Trouble};

/// The rest between two passes: so long at the least, and so many times what a pass took, seconds.
const REST_SECS: i64 = 5 * 60;
const REST_TIMES: i64 = 20;
/// How often it is looked whether the source was looked at, seconds.
const LOOK_SECS: i64 = 2;
/// How long one job goes on before others have their turn, seconds.
const TURN_SECS: i64 = 60;
/// Migrations whose job is late that one round of upkeep takes in, and how late that is, seconds.
const LATE: u32 = 200;
const LATE_SECS: i64 = 5 * 60;
const TRIES: u32 = 50;

#[derive(Serialize, Deserialize)]
struct Payload {
    migration: MigrationId,
}

/// What comes after a step.
enum Flow {
    GoOn,
    /// There is nothing to do before its time.
    Rest,
}

/// Both sides of a migration, open.
#[derive(Clone)]
struct Sides {
    id: MigrationId,
    from: Connection,
    to: Connection,
    source: Arc<dyn Connector>,
    target: Arc<dyn Connector>,
    /// Copies are moved one after the other, since they may be in each other's way.
    moving: Arc<Mutex<()>>,
}

impl Hub {
    /// Has a migration gone on with as soon as a worker is free.
    async fn queue_migration(&self, tx: &mut Tx, of: &Migration) -> Result<(), HubError> {
        let now = self.now();
        let job = NewJob {
            id: JobId::new(now, keys::random()),
            kind: JobKind::Migrate,
            payload: serde_json::to_string(&Payload { migration: of.id })
                .expect("an id can be written as JSON"),
            dedupe_key: Some(format!("migrate {}", of.id)),
            owner: of.owner,
            node: None,
            priority: 15,
            max_attempts: TRIES,
            run_at_ms: now,
        };
        let job = tx.enqueue_job(&job, now).await?;
        tx.hasten_job(job, now).await?;
        Ok(())
    }

    /// Sees to it that each migration has its job, such as after somebody called that off.
    pub(crate) async fn schedule_migrations(&self, tx: &mut Tx, now: Millis) -> Result<(), HubError> {
        for late in tx.due_migrations(now.minus_secs(LATE_SECS), LATE).await? {
            self.queue_migration(tx, &late).await?;
        }
        Ok(())
    }

    /// When a migration's job is due again; `None` when it does not go on by itself.
    pub(crate) async fn next_migration_step(
        &self,
        tx: &mut Tx,
        job: &Job,
    ) -> Result<Option<Millis>, HubError> {
        let Ok(payload) = serde_json::from_str::<Payload>(&job.payload) else {
            return Ok(None);
        };
        let migration = tx.lock_migration(payload.migration).await?;
        let active = migration.filter(|known| known.state == MigrationState::Active);
        Ok(active.map(|known| known.next_ms))
    }

    /// Goes on with a migration for a while. What goes wrong is written down with it, and tried again later.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn migrate(&self, lease: &Lease) -> Result<Upkept, HubError> {
        let payload: Payload =
            serde_json::from_str(&lease.job.payload).map_err(|error| HubError::Internal(error.into()))?;
        let until = self.now().plus_secs(TURN_SECS);
        let mut progress = self.migration_progress(payload.migration).await?;
        loop {
            let migration = self.read().await?.migration(payload.migration).await?;
            let Some(migration) = migration.filter(|known| known.state == MigrationState::Active) else {
                return Ok(Upkept::default());
            };
            if self.now() >= until {
                let now = self.now();
                self.change_migration(migration.id, |known| known.next_ms = now)
                    .await?;
                return Ok(Upkept::default());
            }
            if lease.report(progress).await? == Keep::Stop {
                return Ok(Upkept::default().stopped());
            }
            match self.migration_step(&migration, &mut progress).await {
                Ok(Flow::GoOn) => {}
                Ok(Flow::Rest) => return Ok(Upkept::default()),
                Err(Trouble::Ours(error)) => return Err(error),
                Err(Trouble::Theirs(side, error)) => {
                    self.migration_waits(&migration, side, &error).await?;
                    return Ok(Upkept::default());
                }
            }
        }
    }

    async fn migration_step(&self, of: &Migration, progress: &mut Progress) -> Result<Flow, Trouble> {
        let Some(sides) = self.open_sides(of).await? else {
            return Ok(Flow::Rest);
        };
        match of.stage {
            MigrationStage::Look => self.look_at_source(of, &sides).await,
            MigrationStage::Compare => self.compare_source(of, &sides).await,
            MigrationStage::Missing => self.look_for_missing(of, &sides).await,
            MigrationStage::Copy => self.copy_some(of, &sides, progress).await,
            MigrationStage::Remove => self.remove_some(of, &sides).await,
            MigrationStage::Verify => self.verify_some(of, &sides).await,
            MigrationStage::Rest => self.end_rest(of).await,
        }
    }

    /// Both connectors; `None` when it has to wait for a person, or one of the connections is gone.
    async fn open_sides(&self, of: &Migration) -> Result<Option<Sides>, Trouble> {
        let mut tx = self.read().await?;
        let from = tx.connection(of.from.connection).await?;
        let to = tx.connection(of.to.connection).await?;
        drop(tx);
        let (Some(from), Some(to)) = (from, to) else {
            self.end_migration(
                of,
                MigrationState::Cancelled,
                Some("a connection of it was removed"),
            )
            .await?;
            return Ok(None);
        };
        for (side, connection) in [(Side::From, &from), (Side::To, &to)] {
            if connection.state == ConnectionState::SignInAgain {
                self.wait_for_person(of, side, connection).await?;
                return Ok(None);
            }
        }
        let source = self.connector(&from).await.map_err(Trouble::from_side)?;
        let target = self.connector(&to).await.map_err(Trouble::to_side)?;
        Ok(Some(Sides {
            id: of.id,
            from,
            to,
            source,
            target,
            moving: Arc::default(),
        }))
    }

    /// Begins a pass, and waits until the source was looked at since.
    async fn look_at_source(&self, of: &Migration, sides: &Sides) -> Result<Flow, Trouble> {
        if of.to.folder.is_none() {
            self.make_target(of, sides).await?;
            return Ok(Flow::GoOn);
        }
        let now = self.now();
        // The target has to be known before the first copy, and before copies are held against their originals.
        let passes = of.pass + u64::from(of.pass_began_ms.is_none());
        let wants_target = of.is_finishing || passes <= 1;
        let target = wants_target.then_some(of.to.connection);
        let looked_at = [Some(of.from.connection), target].into_iter().flatten();
        let Some(began) = of.pass_began_ms else {
            let mut tx = self.write().await?;
            for connection in looked_at {
                self.queue_observation(&mut tx, connection).await?;
            }
            if let Some(mut known) = tx.lock_migration(of.id).await? {
                known.pass += 1;
                known.pass_began_ms = Some(now);
                known.pass_changes = 0;
                tx.put_migration(&known).await?;
            }
            tx.commit().await.map_err(HubError::from)?;
            self.wake_workers();
            return Ok(Flow::GoOn);
        };
        for connection in looked_at {
            if let Some(wait) = self.wait_for_look(connection, began).await? {
                self.change_migration(of.id, |known| {
                    known.reason = wait;
                    known.next_ms = now.plus_secs(LOOK_SECS);
                })
                .await?;
                return Ok(Flow::Rest);
            }
        }
        self.begin_compare(of, sides).await
    }

    /// Whether a connection has yet to be looked at, and why that takes its time when there is more to it.
    async fn wait_for_look(
        &self,
        id: ConnectionId,
        began: Millis,
    ) -> Result<Option<Option<String>>, HubError> {
        let feed = self.read().await?.feed(id).await?;
        let Some(feed) = feed else {
            return Ok(Some(None));
        };
        // A look that began before was asked to be taken once more.
        let is_new = feed.settled_ms.is_some_and(|settled| settled >= began) && feed.next_ms > began;
        let trouble = feed.error.filter(|_| feed.failures > 0);
        Ok((!is_new).then(|| trouble.map(|error| format!("a connection cannot be looked at: {error}"))))
    }

    async fn end_rest(&self, of: &Migration) -> Result<Flow, Trouble> {
        if of.next_ms > self.now() && !of.is_finishing {
            return Ok(Flow::Rest);
        }
        self.change_migration(of.id, begin_pass).await?;
        Ok(Flow::GoOn)
    }

    /// What comes after all that a pass could do.
    async fn end_pass(&self, of: &Migration) -> Result<Flow, Trouble> {
        let now = self.now();
        let began = of.pass_began_ms.unwrap_or(now);
        // The end may have been asked for in the middle of a pass.
        let knows_target = self.wait_for_look(of.to.connection, began).await?.is_none();
        let mut tx = self.write().await?;
        let pending = tx.next_migration_work(of.id).await?;
        let Some(mut known) = tx.lock_migration(of.id).await? else {
            return Ok(Flow::Rest);
        };
        let flow = match (known.is_finishing, known.pass_changes, pending) {
            (true, 0, None) if knows_target => {
                known.stage = MigrationStage::Verify;
                Flow::GoOn
            }
            // Only what is tried again later keeps it from its end.
            (true, 0, Some(next)) => {
                known.stage = MigrationStage::Copy;
                known.next_ms = next.max(now.plus_secs(1));
                Flow::Rest
            }
            (true, _, _) => {
                begin_pass(&mut known);
                Flow::GoOn
            }
            (false, _, _) => {
                let took_secs = known
                    .pass_began_ms
                    .map_or(0, |began| (now.0 - began.0).max(0) / 1000);
                known.stage = MigrationStage::Rest;
                known.next_ms = now.plus_secs(REST_SECS.max(took_secs * REST_TIMES));
                Flow::Rest
            }
        };
        known.failures = 0;
        known.reason = None;
        tx.put_migration(&known).await?;
        tx.commit().await.map_err(HubError::from)?;
        Ok(flow)
    }

    async fn end_migration(
        &self,
        of: &Migration,
        state: MigrationState,
        reason: Option<&str>,
    ) -> Result<(), HubError> {
        let now = self.now();
        tracing::info!(migration = %of.id, state = state.as_str(), "a migration ended");
        self.change_migration(of.id, |known| {
            known.state = state;
            known.reason = reason.map(ToOwned::to_owned);
            known.ended_ms = Some(now);
        })
        .await
    }

    /// Changes a migration, if it is still there and has not ended.
    async fn change_migration(
        &self,
        id: MigrationId,
        change: impl FnOnce(&mut Migration) + Send,
    ) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        if let Some(mut known) = tx.lock_migration(id).await?.filter(Migration::is_live) {
            change(&mut known);
            tx.put_migration(&known).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn enter_stage(&self, of: &Migration, stage: MigrationStage) -> Result<Flow, Trouble> {
        self.change_migration(of.id, |known| {
            known.stage = stage;
            known.reason = None;
        })
        .await?;
        Ok(Flow::GoOn)
    }
}

fn begin_pass(known: &mut Migration) {
    known.stage = MigrationStage::Look;
    known.pass_began_ms = None;
}
