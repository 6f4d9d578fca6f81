//! The runner: leases jobs that are due, a bounded number at once, and waits for the next.

use std::time::Duration;

use hub::{Hub, HubError, Lease};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempt;

/// Jobs that one node does at once unless it is told otherwise: one of each kind of chore, so that a
/// long one holds up no other.
const WORKERS: usize = 4;
/// How long to wait at the most for a job that another node queued.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long to wait at the least: a job that is due may be another node's already.
const BREATH: Duration = Duration::from_millis(200);
/// How long to leave a catalog alone that does not answer.
const OUTAGE: Duration = Duration::from_secs(5);
/// A third of a lease, so that two renewals may fail.
const RENEW_EVERY: Duration = Duration::from_secs(20);

/// Takes jobs from the queue and does them.
#[derive(Clone)]
pub struct Runner {
    hub: Hub,
    worker: String,
    workers: usize,
    pub(crate) renew_every: Duration,
}

impl Runner {
    /// A runner that shows as `worker` in the leases it takes.
    pub fn new(hub: Hub, worker: impl Into<String>) -> Self {
        Self {
            hub,
            worker: worker.into(),
            workers: WORKERS,
            renew_every: RENEW_EVERY,
        }
    }

    /// The same runner doing at most `count` jobs at once; at least one.
    #[must_use]
    pub fn with_workers(mut self, count: usize) -> Self {
        self.workers = count.max(1);
        self
    }

    /// Runs until `stop` is cancelled. Jobs in hand are then put down, and are due again at once.
    pub async fn run(&self, stop: CancellationToken) {
        let mut in_hand = JoinSet::new();
        let mut upkeep_at = Instant::now();
        let mut is_out = false;
        while !stop.is_cancelled() {
            let wait = match self.look(&mut in_hand, &mut upkeep_at, &stop).await {
                Ok(wait) => {
                    is_out = false;
                    wait
                }
                Err(error) => {
                    // Once an outage, not once a look.
                    if !is_out {
                        tracing::warn!(%error, "the queue of jobs cannot be read");
                    }
                    is_out = true;
                    OUTAGE
                }
            };
            let has_room = in_hand.len() < self.workers;
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = in_hand.join_next(), if !in_hand.is_empty() => report(ended),
                () = self.hub.job_queued(), if has_room && !is_out => {}
                () = sleep(wait) => {}
            }
        }
        while let Some(ended) = in_hand.join_next().await {
            report(ended);
        }
    }

    /// Schedules and leases what is due; answers how long to wait for more.
    async fn look(
        &self,
        in_hand: &mut JoinSet<()>,
        upkeep_at: &mut Instant,
        stop: &CancellationToken,
    ) -> Result<Duration, HubError> {
        if *upkeep_at <= Instant::now() {
            self.hub.schedule_upkeep().await?;
            *upkeep_at = Instant::now() + self.hub.upkeep_every();
        }
        let room = self.workers - in_hand.len();
        if room > 0 {
            for lease in self.hub.lease_jobs(&self.worker, count(room)).await? {
                in_hand.spawn(self.attempt(lease, stop).run());
            }
        }
        let most = LOOK_EVERY.min(upkeep_at.saturating_duration_since(Instant::now()));
        if in_hand.len() == self.workers {
            return Ok(most);
        }
        let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let wait = Duration::from_millis(self.hub.ms_to_next_job(most_ms).await?);
        Ok(wait.max(BREATH))
    }

    /// Does every job that is due, and those that come of them, then returns how many tries that took.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn run_until_idle(&self) -> Result<u64, HubError> {
        let stop = CancellationToken::new();
        let mut tries = 0;
        loop {
            let leases = self.hub.lease_jobs(&self.worker, count(self.workers)).await?;
            if leases.is_empty() {
                return Ok(tries);
            }
            for lease in leases {
                self.attempt(lease, &stop).run().await;
                tries += 1;
            }
        }
    }

    fn attempt(&self, lease: Lease, stop: &CancellationToken) -> Attempt {
        Attempt {
            hub: self.hub.clone(),
            lease,
            renew_every: self.renew_every,
            stop: stop.clone(),
        }
    }
}

fn count(jobs: usize) -> u32 {
    u32::try_from(jobs).unwrap_or(u32::MAX)
}

/// A try catches the panics of its job; one of its own is a mistake of ours.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(panic) = ended {
        tracing::error!(%panic, "a worker broke; its job's lease runs out");
    }
}
