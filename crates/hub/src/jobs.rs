//! Jobs: asking for them, watching them, and, for workers, leasing and ending them.

use std::sync::{Arc, Mutex, PoisonError};

use catalog::{NewJob, Tx};
use model::{Actor, Job, JobId, JobKind, JobState, Lane, Millis, Node, Progress, UserId};
use serde::{Deserialize, Serialize};

use crate::error::told;
use crate::listings::Part;
use crate::mirrors::Copied;
use crate::{Hub, HubError, access, cursors, keys};

/// How long a worker may be silent before its job is another's.
const LEASE_SECS: i64 = 60;
/// Tries at the most; then a job waits for a person.
const TRIES: u32 = 8;
/// The pause before the second try; it doubles from try to try, up to the longest.
const FIRST_PAUSE_SECS: i64 = 2;
const LONGEST_PAUSE_SECS: i64 = 60 * 60;

/// A worker's hold on a job. A clone is the same hold.
#[derive(Clone)]
pub struct Lease {
    hub: Hub,
    /// The job as it was when it was leased.
    pub job: Job,
    /// What was reported last.
    progress: Arc<Mutex<Progress>>,
}

/// Whether to go on with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Go on.
    GoOn,
    /// Someone called it off, or the lease is lost: put everything down.
    Stop,
}

/// How a try ended.
#[derive(Debug)]
pub enum JobOutcome {
    /// It is done.
    Done,
    /// It was called off on the way.
    Stopped,
    /// It was put down, such as at a shutdown: it is due again at once, and this was no try.
    Released,
    /// It went wrong.
    Failed(HubError),
}

/// What an upload's job is about.
#[derive(Serialize, Deserialize)]
pub(crate) struct UploadPayload {
    pub(crate) filename: String,
    /// Copies that it asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) copies: Vec<Copied>,
}

/// A job and the name of the file that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// The job.
    pub job: Job,
    /// The file's name when the job was made.
    pub filename: Option<String>,
}

/// Jobs, the newest first.
pub type JobPage = model::Page<JobRow>;

impl Hub {
    /// Finds a job. Another person's does not exist, but for administrators.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn job(&self, actor: &Actor, id: JobId) -> Result<JobRow, HubError> {
        let mut tx = self.read().await?;
        visible(&mut tx, actor, id).await.map(row)
    }

    /// Lists the actor's jobs, the newest first; for administrators who ask for them, everyone's.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid` (cursor).
    pub async fn jobs(
        &self,
        actor: &Actor,
        (state, of_all): (Option<JobState>, bool),
        part: Part,
    ) -> Result<JobPage, HubError> {
        let owner = match of_all {
            true => access::admin(actor).map(|()| None)?,
            false => Some(access::user(actor)?),
        };
        let scope = format!("jobs {owner:?} {state:?}");
        let mark = match &part.cursor {
            Some(cursor) => Some(cursors::open::<(Millis, JobId)>(self.keys(), &scope, cursor)?),
            None => None,
        };
        let mut items = self
            .read()
            .await?
            .jobs((owner, state), mark, part.limit + 1)
            .await?;
        let has_more = items.len() > part.limit as usize;
        items.truncate(part.limit as usize);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|job| cursors::seal(self.keys(), &scope, &(job.created_ms, job.id)));
        Ok(JobPage {
            items: items.into_iter().map(row).collect(),
            next,
        })
    }

    /// Calls a job off: one that waits is off at once, one that runs at its next step.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (it has ended).
    pub async fn cancel_job(&self, actor: &Actor, id: JobId) -> Result<JobRow, HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            visible(&mut tx, &actor, id).await?;
            tx.cancel_job(id, hub.now())
                .await?
                .ok_or(HubError::Conflict("this job has ended already"))?;
            tx.commit().await?;
            hub.job(&actor, id).await
        })
        .await
    }

    /// Tries a failed or cancelled job again.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (it has not failed, or its work is in the queue again).
    pub async fn retry_job(&self, actor: &Actor, id: JobId) -> Result<JobRow, HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            visible(&mut tx, &actor, id).await?;
            if !tx.retry_job(id, TRIES, hub.now()).await? {
                return Err(HubError::Conflict(
                    "only a failed or cancelled job can be tried again, once at a time",
                ));
            }
            tx.commit().await?;
            hub.wake_workers();
            hub.job(&actor, id).await
        })
        .await
    }

    /// Leases up to `limit` jobs that are due to `worker`.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn lease_jobs(&self, worker: &str, limit: u32) -> Result<Vec<Lease>, HubError> {
        self.lease_jobs_of(Lane::All, worker, limit).await
    }

    /// The same for the jobs of one lane.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn lease_jobs_of(&self, lane: Lane, worker: &str, limit: u32) -> Result<Vec<Lease>, HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        let jobs = tx
            .claim_jobs(worker, (lane, limit), (now, now.plus_secs(LEASE_SECS)))
            .await?;
        tx.commit().await?;
        Ok(jobs
            .into_iter()
            .map(|job| Lease {
                hub: self.clone(),
                progress: Arc::new(Mutex::new(job.progress)),
                job,
            })
            .collect())
    }

    /// Makes the jobs due at once that workers held which are no more; the others' leases run out by
    /// themselves.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn release_jobs_of_the_dead(&self, is_dead: impl Fn(&str) -> bool) -> Result<(), HubError> {
        let holders = self.read().await?.lease_holders().await?;
        for worker in holders.iter().filter(|worker| is_dead(worker)) {
            let mut tx = self.write().await?;
            let released = tx.release_jobs_of(worker, self.now()).await?;
            tx.commit().await?;
            tracing::info!(worker, released, "jobs of a process that is gone are due again");
        }
        Ok(())
    }

    /// How long until a job is due, at the most `most_ms`.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn ms_to_next_job(&self, most_ms: u64) -> Result<u64, HubError> {
        let next = self.read().await?.next_job_ms().await?;
        let wait = next.map_or(i64::MAX, |next| next.0.saturating_sub(self.now().0).max(0));
        Ok(u64::try_from(wait).unwrap_or(0).min(most_ms))
    }

    /// Waits until something was queued on this node.
    pub async fn job_queued(&self) {
        self.0.jobs.notified().await;
    }

    pub(crate) fn wake_workers(&self) {
        self.0.jobs.notify_one();
    }

    /// Queues one of the server's chores, unless it waits or runs already.
    pub(crate) async fn queue_chore(
        &self,
        tx: &mut Tx,
        kind: JobKind,
        now: Millis,
    ) -> Result<JobId, HubError> {
        let job = NewJob {
            id: JobId::new(now, keys::random()),
            kind,
            payload: "{}".to_owned(),
            dedupe_key: Some(kind.as_str().to_owned()),
            owner: None,
            node: None,
            priority: 10,
            max_attempts: TRIES,
            run_at_ms: now,
        };
        Ok(tx.enqueue_job(&job, now).await?)
    }

    pub(crate) async fn queue_purge(&self, tx: &mut Tx, now: Millis) -> Result<JobId, HubError> {
        self.queue_chore(tx, JobKind::Purge, now).await
    }

    /// When a job comes again that is done for now: as long as there is something to look after. `None` when it is done
    /// for good. What it looks after is held until the commit: whoever asks for it sooner writes that there first, and
    /// then finds the job waiting, or was read here.
    async fn due_again(&self, tx: &mut Tx, job: &Job) -> Result<Option<Millis>, HubError> {
        match job.kind {
            JobKind::Observe => self.next_look(tx, job).await,
            JobKind::Mirror => self.next_round(tx, job).await,
            JobKind::Migrate => self.next_migration_step(tx, job).await,
            JobKind::Upload => self.next_look_at_copies(tx, job).await,
            _ => Ok(None),
        }
    }

    /// Writes the job that answers for an upload that asked for no copies. It is complete: the file is stored.
    pub(crate) async fn track_upload(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        node: &Node,
        now: Millis,
    ) -> Result<JobId, HubError> {
        let payload = UploadPayload {
            filename: node.name.to_string(),
            copies: Vec::new(),
        };
        let size_bytes = node.size_bytes();
        let job = Job {
            id: JobId::new(now, keys::random()),
            kind: JobKind::Upload,
            state: JobState::Completed,
            payload: serde_json::to_string(&payload).map_err(|error| HubError::Internal(error.into()))?,
            owner: actor.user(),
            node: Some(node.id),
            attempts: 1,
            max_attempts: 1,
            run_at_ms: now,
            progress: Progress {
                percent: 100,
                done_bytes: size_bytes,
                total_bytes: size_bytes,
            },
            error: None,
            is_cancel_asked: false,
            created_ms: now,
            finished_ms: Some(now),
        };
        tx.add_finished_job(&job).await?;
        Ok(job.id)
    }
}

impl Lease {
    /// Tells how far the job has come, and keeps the lease.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn report(&self, progress: Progress) -> Result<Keep, HubError> {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        let until = self.hub.now().plus_secs(LEASE_SECS);
        let mut tx = self.hub.write().await?;
        let held = tx
            .report_job(catalog::Lease::of(&self.job), progress, until)
            .await?;
        tx.commit().await?;
        // `None`: the lease is lost. `true`: a person called the job off.
        Ok(if held == Some(false) {
            Keep::GoOn
        } else {
            Keep::Stop
        })
    }

    /// Keeps the lease without anything to tell: for steps that take longer than a lease lasts.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn keep(&self) -> Result<Keep, HubError> {
        let progress = *self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        self.report(progress).await
    }

    /// Writes down how the try ended: a failed one is tried again after a pause that grows, unless
    /// it was the last.
    ///
    /// # Errors
    /// When the catalog does not answer; the lease then runs out and the job is tried again.
    pub async fn end(self, outcome: JobOutcome) -> Result<(), HubError> {
        let now = self.hub.now();
        let lease = catalog::Lease::of(&self.job);
        let mut tx = self.hub.write().await?;
        tx.lock_job(self.job.id).await?;
        match outcome {
            JobOutcome::Done => match self.hub.due_again(&mut tx, &self.job).await? {
                Some(next) => {
                    tx.release_job(lease, next).await?;
                }
                None => {
                    tx.complete_job(lease, now).await?;
                    // What was purged while this job was about to end found it in the queue still.
                    if self.job.kind == JobKind::Purge && tx.next_to_purge().await?.is_some() {
                        self.hub.queue_purge(&mut tx, now).await?;
                        self.hub.wake_workers();
                    }
                }
            },
            JobOutcome::Released => {
                tx.release_job(lease, now).await?;
            }
            JobOutcome::Stopped => {
                tx.stop_job(lease, now).await?;
            }
            JobOutcome::Failed(error) => {
                let retry_at = now.plus_secs(pause_secs(self.job.attempts));
                let reason = told(&error);
                // Whoever copies an upload tried often enough before it said so.
                let is_final =
                    matches!(error, HubError::RemoteRefuses(_)) && self.job.kind == JobKind::Upload;
                let retry_at = (!is_final).then_some(retry_at);
                let state = tx.fail_job(lease, &reason, (now, retry_at)).await?;
                let kind = self.job.kind.as_str();
                match state {
                    Some(JobState::Failed) => {
                        tracing::error!(kind, job = %self.job.id, %reason, "a job was given up")
                    }
                    _ => tracing::warn!(kind, job = %self.job.id, %reason, "a job will be tried again"),
                }
            }
        }
        Ok(tx.commit().await?)
    }
}

/// Doubles from try to try; between half and all of it, so that many failed jobs do not return at once.
fn pause_secs(attempts: u32) -> i64 {
    let doubled = FIRST_PAUSE_SECS.saturating_mul(1_i64 << attempts.saturating_sub(1).min(20));
    let whole = doubled.min(LONGEST_PAUSE_SECS);
    let [random] = keys::random::<1>();
    whole / 2 + (whole - whole / 2) * i64::from(random) / 255
}

async fn visible(tx: &mut Tx, actor: &Actor, id: JobId) -> Result<Job, HubError> {
    let job = tx.job(id).await?.ok_or(HubError::NotFound("job"))?;
    let user: Option<UserId> = actor.user();
    let is_own = user.is_some() && job.owner == user;
    if !is_own && access::admin(actor).is_err() {
        return Err(HubError::NotFound("job"));
    }
    Ok(job)
}

fn row(job: Job) -> JobRow {
    let filename = serde_json::from_str::<UploadPayload>(&job.payload)
        .ok()
        .map(|payload| payload.filename);
    JobRow { job, filename }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        for attempts in 1..40 {
            let secs = pause_secs(attempts);
            assert!((1..=LONGEST_PAUSE_SECS).contains(&secs), "{attempts}: {secs}");
        }
        assert!(pause_secs(1) <= FIRST_PAUSE_SECS);
        assert!(pause_secs(30) >= LONGEST_PAUSE_SECS / 2);
    }
}
