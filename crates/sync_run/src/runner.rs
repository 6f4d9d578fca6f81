//! The runner: leases jobs that are due, a bounded number at once, and waits for the next.

use std::time::Duration;

use hub::{Hub, HubError, Lease};
use model::Lane;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempt;
use crate::watcher;

/// Jobs that one node does at once unless it is told otherwise: one of each kind of chore, so that a
/// long one holds up no other.
const WORKERS: usize = 4;
/// Connections that one node looks at at once: these wait for others most of the time, and may do so long.
const LOOKS: usize = 16;
/// How long to wait at the least while a lane is full: whoever ends wakes us.
const FULL: Duration = Duration::from_secs(1);
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

/// Tries that are under way, by the workers that they share.
#[derive(Default)]
struct InHand {
    own: JoinSet<()>,
    others: JoinSet<()>,
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
        tokio::join!(
            self.run_jobs(&stop),
            watcher::run(&self.hub, &stop),
            watcher::wake_mirrors(&self.hub, &stop)
        );
    }

    async fn run_jobs(&self, stop: &CancellationToken) {
        let mut in_hand = InHand::default();
        let mut upkeep_at = Instant::now();
        let mut is_out = false;
        while !stop.is_cancelled() {
            let wait = match self.look(&mut in_hand, &mut upkeep_at, stop).await {
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
            let has_room = in_hand.own.len() < self.workers || in_hand.others.len() < LOOKS;
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = in_hand.own.join_next(), if !in_hand.own.is_empty() => report(ended),
                Some(ended) = in_hand.others.join_next(), if !in_hand.others.is_empty() => report(ended),
                () = self.hub.job_queued(), if has_room && !is_out => {}
                () = sleep(wait) => {}
            }
        }
        for mut lane in [in_hand.own, in_hand.others] {
            while let Some(ended) = lane.join_next().await {
                report(ended);
            }
        }
    }

    /// Schedules and leases what is due; answers how long to wait for more.
    async fn look(
        &self,
        in_hand: &mut InHand,
        upkeep_at: &mut Instant,
        stop: &CancellationToken,
    ) -> Result<Duration, HubError> {
        if *upkeep_at <= Instant::now() {
            self.hub.schedule_upkeep().await?;
            *upkeep_at = Instant::now() + self.hub.upkeep_every();
        }
        let lanes = [
            (Lane::Own, &mut in_hand.own, self.workers),
            (Lane::Others, &mut in_hand.others, LOOKS),
        ];
        let mut is_full = false;
        for (lane, in_hand, most) in lanes {
            let room = most.saturating_sub(in_hand.len());
            if room > 0 {
                for lease in self.hub.lease_jobs_of(lane, &self.worker, count(room)).await? {
                    in_hand.spawn(self.attempt(lease, stop).run());
                }
            }
            is_full |= in_hand.len() >= most;
        }
        let most = LOOK_EVERY.min(upkeep_at.saturating_duration_since(Instant::now()));
        let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let wait = Duration::from_millis(self.hub.ms_to_next_job(most_ms).await?);
        // What is due in a full lane is not to be had.
        Ok(wait.max(if is_full { FULL } else { BREATH }))
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
