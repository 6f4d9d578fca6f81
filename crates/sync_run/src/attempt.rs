//! One try at one job, from its lease to its end.

use std::time::Duration;

use hub::{Hub, HubError, JobOutcome, Keep, Lease, Upkept};
use model::JobKind;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

/// A try that goes on until its job is done, fails, is called off, or is put down.
pub(crate) struct Attempt {
    pub(crate) hub: Hub,
    pub(crate) lease: Lease,
    /// How often the lease is renewed, and so how soon a cancelled job is put down.
    pub(crate) renew_every: Duration,
    /// Puts the job down.
    pub(crate) stop: CancellationToken,
}

impl Attempt {
    /// Does the job and writes down how it ended.
    pub(crate) async fn run(self) {
        let outcome = self.outcome().await;
        let (job, kind) = (self.lease.job.id, self.lease.job.kind.as_str());
        tracing::debug!(%job, kind, ?outcome, "a try at a job ended");
        if let Err(error) = self.lease.end(outcome).await {
            // The lease runs out, and another try finds out what is left to do.
            tracing::warn!(%job, kind, %error, "the end of a job could not be written down");
        }
    }

    async fn outcome(&self) -> JobOutcome {
        // A task of its own, so that a panic is this job's failure and nothing else's.
        let mut work = JoinSet::new();
        work.spawn(perform(self.hub.clone(), self.lease.clone()));
        let mut renewals = interval_at(Instant::now() + self.renew_every, self.renew_every);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let left = tokio::select! {
                biased;
                ended = work.join_next() => return judge(ended),
                () = self.stop.cancelled() => JobOutcome::Released,
                _ = renewals.tick() => match self.lease.keep().await {
                    Ok(Keep::Stop) => JobOutcome::Stopped,
                    Ok(Keep::GoOn) => continue,
                    Err(error) => {
                        tracing::warn!(job = %self.lease.job.id, %error, "a job's lease could not be renewed");
                        continue;
                    }
                },
            };
            // Every chore may be cut anywhere: its transactions are small, and the next try goes on.
            work.shutdown().await;
            return left;
        }
    }
}

/// Does what the job's kind says.
pub(crate) async fn perform(hub: Hub, lease: Lease) -> Result<Upkept, HubError> {
    match lease.job.kind {
        // The file is stored before the job is made; mirrors make the copies.
        JobKind::Upload => hub.follow_upload(&lease).await,
        JobKind::Sweep => hub.sweep(&lease).await,
        JobKind::Retention => hub.retention(&lease).await,
        JobKind::Scrub => hub.scrub(&lease).await,
        JobKind::Archive => hub.archive(&lease).await,
        JobKind::Purge => hub.free_purged(&lease).await,
        JobKind::StoreCopy => hub.run_move(&lease).await,
        JobKind::Reseal => hub.reseal(&lease).await,
        JobKind::Prove => hub.prove_new(&lease).await,
        JobKind::Observe => hub.observe(&lease).await,
        JobKind::Mirror => crate::mirrors::run(&hub, &lease).await,
        JobKind::Migrate => hub.migrate(&lease).await,
    }
}

pub(crate) fn judge(ended: Option<Result<Result<Upkept, HubError>, JoinError>>) -> JobOutcome {
    match ended {
        Some(Ok(Ok(upkept))) if upkept.was_stopped => JobOutcome::Stopped,
        Some(Ok(Ok(_))) => JobOutcome::Done,
        Some(Ok(Err(error))) => JobOutcome::Failed(error),
        Some(Err(panic)) => JobOutcome::Failed(HubError::Internal(panic.into())),
        // The set holds the one task until it is joined.
        None => JobOutcome::Released,
    }
}
