//! The queue of background work.
//!
//! A worker leases a job: until the lease ends nobody else gets it. Each lease is a further try, and the number of
//! the try is the fence: a report that does not carry the present number comes from a worker that lost its lease,
//! and changes nothing.

use model::{Job, JobId, JobKind, JobState, Lane, Millis, NodeId, Progress, UserId};

use crate::db::{Engine, Row, Tx, Value};
use crate::{CatalogError, count, signed};

/// The columns that [`read_job`] reads.
const JOB: &str = "id, kind, state, payload, owner_id, node_id, attempts, max_attempts, run_at_ms, percent, \
                   done_bytes, total_bytes, error, cancel_asked, created_ms, finished_ms";

/// How often to look again for the job that a dedupe key stands for, when it ends while we look.
const LOOKS: u32 = 3;

/// A job to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// What it is about: JSON.
    pub payload: String,
    /// While an unfinished job has this key, another with it is not queued.
    pub dedupe_key: Option<String>,
    /// Whose it is; `None` for the server's own.
    pub owner: Option<UserId>,
    /// The node it is about.
    pub node: Option<NodeId>,
    /// Smaller numbers run first.
    pub priority: i64,
    /// Tries at the most.
    pub max_attempts: u32,
    /// Not before this time.
    pub run_at_ms: Millis,
}

/// A worker's hold on a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// The try that this lease is for, as in [`Job::attempts`].
    pub attempt: u32,
}

impl Lease {
    /// The lease that a worker got with `job`.
    pub const fn of(job: &Job) -> Self {
        Self {
            job: job.id,
            attempt: job.attempts,
        }
    }
}

/// Where a page of jobs starts: after this one, which was made at that time.
pub type JobMark = (Millis, JobId);

impl Tx {
    /// Queues a job and returns its id, or that of the unfinished job with the same dedupe key.
    pub async fn enqueue_job(&mut self, job: &NewJob, now: Millis) -> Result<JobId, CatalogError> {
        for _ in 0..LOOKS {
            let made = self
                .execute(
                    "INSERT INTO jobs (id, kind, state, payload, dedupe_key, owner_id, node_id, priority, attempts,
                         max_attempts, run_at_ms, cancel_asked, percent, done_bytes, total_bytes, created_ms)
                     VALUES ($1, $2, 'pending', $3, $4, $5, $6, $7, 0, $8, $9, 0, 0, 0, 0, $10)
                     ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND finished_ms IS NULL DO NOTHING",
                    &[
                        job.id.into(),
                        job.kind.as_str().into(),
                        job.payload.as_str().into(),
                        job.dedupe_key.as_deref().into(),
                        job.owner.into(),
                        job.node.into(),
                        job.priority.into(),
                        i64::from(job.max_attempts).into(),
                        job.run_at_ms.into(),
                        now.into(),
                    ],
                )
                .await?;
            if made == 1 {
                return Ok(job.id);
            }
            let row = self
                .first(
                    "SELECT id FROM jobs WHERE dedupe_key = $1 AND finished_ms IS NULL",
                    &[job.dedupe_key.as_deref().into()],
                )
                .await?;
            if let Some(row) = row {
                return Ok(JobId::from_bytes(row.id16(0)?));
            }
        }
        Err(CatalogError::Unavailable(
            "jobs with this key end as fast as they are looked up".into(),
        ))
    }

    /// Adds a job that needs no worker, such as the record of an upload that is done.
    pub async fn add_finished_job(&mut self, job: &Job) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO jobs (id, kind, state, payload, owner_id, node_id, priority, attempts, max_attempts,
                 run_at_ms, cancel_asked, percent, done_bytes, total_bytes, error, created_ms, finished_ms)
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, 0, $10, $11, $12, $13, $14, $15)",
            &[
                job.id.into(),
                job.kind.as_str().into(),
                job.state.as_str().into(),
                job.payload.as_str().into(),
                job.owner.into(),
                job.node.into(),
                i64::from(job.attempts).into(),
                i64::from(job.max_attempts).into(),
                job.run_at_ms.into(),
                i64::from(job.progress.percent).into(),
                signed(job.progress.done_bytes).into(),
                signed(job.progress.total_bytes).into(),
                job.error.as_deref().into(),
                job.created_ms.into(),
                job.finished_ms.unwrap_or(job.created_ms).into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Leases jobs of a lane that are due to `worker` until `until`, at most `limit`, the most urgent first.
    ///
    /// A job whose lease ran out is due again, unless its tries are used up: then it has failed.
    pub async fn claim_jobs(
        &mut self,
        worker: &str,
        (lane, limit): (Lane, u32),
        (now, until): (Millis, Millis),
    ) -> Result<Vec<Job>, CatalogError> {
        self.end_leases(now).await?;
        // A common table rather than `IN (..)`: PostgreSQL might run that more than once, and lock too many.
        let sql = format!(
            "WITH due AS MATERIALIZED (
                 SELECT id AS due_id FROM jobs WHERE state = 'pending' AND run_at_ms <= $1{}
                 ORDER BY priority, run_at_ms LIMIT $2{}
             )
             UPDATE jobs SET state = 'running', attempts = attempts + 1, leased_until_ms = $3, leased_by = $4
             FROM due WHERE id = due_id
             RETURNING {JOB}, priority",
            match lane {
                Lane::All => "",
                Lane::Own => " AND kind NOT IN ('observe', 'mirror', 'migrate')",
                Lane::Others => " AND kind IN ('observe', 'mirror', 'migrate')",
            },
            self.skip_locked()
        );
        let params = [now.into(), i64::from(limit).into(), until.into(), worker.into()];
        let rows = self.query(&sql, &params).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push((row.int(16)?, read_job(row)?));
        }
        found.sort_by_key(|(priority, job)| (*priority, job.run_at_ms, job.id));
        Ok(found.into_iter().map(|(_, job)| job).collect())
    }

    /// Puts jobs whose worker fell silent back into the queue, or to their end.
    async fn end_leases(&mut self, now: Millis) -> Result<(), CatalogError> {
        let sql = format!(
            "WITH lost AS MATERIALIZED (
                 SELECT id AS lost_id FROM jobs WHERE state = 'running' AND leased_until_ms <= $1{}
             )
             UPDATE jobs SET
                 state = CASE WHEN cancel_asked = 1 THEN 'cancelled'
                              WHEN attempts >= max_attempts THEN 'failed' ELSE 'pending' END,
                 finished_ms = CASE WHEN cancel_asked = 1 OR attempts >= max_attempts THEN CAST($1 AS BIGINT) END,
                 error = CASE WHEN cancel_asked = 0 THEN $2 ELSE error END,
                 leased_until_ms = NULL, leased_by = NULL
             FROM lost WHERE id = lost_id",
            self.skip_locked()
        );
        let reason = "the worker stopped without a word";
        self.execute(&sql, &[now.into(), reason.into()]).await?;
        Ok(())
    }

    /// What lets workers pass by the rows that others are about to take. SQLite has one writer only.
    const fn skip_locked(&self) -> &'static str {
        match self.engine() {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// When the next job is due or the next lease runs out; `None` when nothing waits.
    pub async fn next_job_ms(&mut self) -> Result<Option<Millis>, CatalogError> {
        let row = self
            .first(
                "SELECT MIN(at_ms) FROM (
                     SELECT MIN(run_at_ms) AS at_ms FROM jobs WHERE state = 'pending'
                     UNION ALL
                     SELECT MIN(leased_until_ms) AS at_ms FROM jobs WHERE state = 'running'
                 ) AS moments",
                &[],
            )
            .await?;
        row.map_or(Ok(None), |row| row.opt_millis(0))
    }

    /// Reports progress and keeps the lease until `until`. Answers whether a person asked to call the job off, or
    /// `None` when the lease is lost.
    pub async fn report_job(
        &mut self,
        lease: Lease,
        progress: Progress,
        until: Millis,
    ) -> Result<Option<bool>, CatalogError> {
        let row = self
            .first(
                "UPDATE jobs SET percent = $3, done_bytes = $4, total_bytes = $5, leased_until_ms = $6
                 WHERE id = $1 AND attempts = $2 AND state = 'running'
                 RETURNING cancel_asked",
                &[
                    lease.job.into(),
                    i64::from(lease.attempt).into(),
                    i64::from(progress.percent.min(100)).into(),
                    signed(progress.done_bytes).into(),
                    signed(progress.total_bytes).into(),
                    until.into(),
                ],
            )
            .await?;
        row.map(|row| Ok(row.int(0)? != 0)).transpose()
    }

    /// Whether a lease still holds, which it then does until the transaction ends: what is written in it is written by
    /// the only one who looks after the job.
    pub async fn holds_lease(&mut self, lease: Lease) -> Result<bool, CatalogError> {
        let suffix = match self.engine() {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR SHARE",
        };
        let sql = format!("SELECT 1 FROM jobs WHERE id = $1 AND attempts = $2 AND state = 'running'{suffix}");
        let row = self
            .first(&sql, &[lease.job.into(), i64::from(lease.attempt).into()])
            .await?;
        Ok(row.is_some())
    }

    /// Ends a job well. Answers false when the lease is lost.
    pub async fn complete_job(&mut self, lease: Lease, now: Millis) -> Result<bool, CatalogError> {
        self.end_job(lease, JobState::Completed, now).await
    }

    /// Ends a job that a person called off. Answers false when the lease is lost.
    pub async fn stop_job(&mut self, lease: Lease, now: Millis) -> Result<bool, CatalogError> {
        self.end_job(lease, JobState::Cancelled, now).await
    }

    async fn end_job(&mut self, lease: Lease, state: JobState, now: Millis) -> Result<bool, CatalogError> {
        let changed = self
            .execute(
                "UPDATE jobs SET state = $3, finished_ms = $4, leased_until_ms = NULL, leased_by = NULL,
                     percent = CASE WHEN $3 = 'completed' THEN 100 ELSE percent END,
                     error = CASE WHEN $3 = 'completed' THEN NULL ELSE error END
                 WHERE id = $1 AND attempts = $2 AND state = 'running'",
                &[
                    lease.job.into(),
                    i64::from(lease.attempt).into(),
                    state.as_str().into(),
                    now.into(),
                ],
            )
            .await?;
        Ok(changed == 1)
    }

    /// Ends a try that went wrong. The job is tried again at `retry_at` if it is given and tries are left;
    /// else it has failed for good. Answers its state now, or `None` when the lease is lost.
    pub async fn fail_job(
        &mut self,
        lease: Lease,
        error: &str,
        (now, retry_at): (Millis, Option<Millis>),
    ) -> Result<Option<JobState>, CatalogError> {
        let row = self
            .first(
                "UPDATE jobs SET
                     state = CASE WHEN cancel_asked = 1 THEN 'cancelled'
                                  WHEN CAST($5 AS BIGINT) IS NULL OR attempts >= max_attempts THEN 'failed'
                                  ELSE 'pending' END,
                     finished_ms = CASE WHEN cancel_asked = 1 OR attempts >= max_attempts
                                             OR CAST($5 AS BIGINT) IS NULL THEN CAST($4 AS BIGINT) END,
                     run_at_ms = COALESCE(CAST($5 AS BIGINT), run_at_ms),
                     error = $3, leased_until_ms = NULL, leased_by = NULL
                 WHERE id = $1 AND attempts = $2 AND state = 'running'
                 RETURNING state",
                &[
                    lease.job.into(),
                    i64::from(lease.attempt).into(),
                    error.into(),
                    now.into(),
                    retry_at.into(),
                ],
            )
            .await?;
        row.map(|row| read_state(&row, 0)).transpose()
    }

    /// Gives a job back untried, such as at a shutdown: it is due at `run_at`. Answers false when the lease is lost.
    /// So does a job that is never done come again.
    pub async fn release_job(&mut self, lease: Lease, run_at: Millis) -> Result<bool, CatalogError> {
        // The number of the try stays used, for it is the fence; so one more try is allowed.
        let changed = self
            .execute(
                "UPDATE jobs SET state = 'pending', run_at_ms = $3, max_attempts = max_attempts + 1,
                     leased_until_ms = NULL, leased_by = NULL
                 WHERE id = $1 AND attempts = $2 AND state = 'running'",
                &[lease.job.into(), i64::from(lease.attempt).into(), run_at.into()],
            )
            .await?;
        Ok(changed == 1)
    }

    /// Makes a job that waits for its time due now. One that runs stays as it is: write first what says when it comes
    /// again, for who ends it holds that, see [`Self::lock_job`].
    pub async fn hasten_job(&mut self, id: JobId, now: Millis) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE jobs SET run_at_ms = $2 WHERE id = $1 AND state = 'pending' AND run_at_ms > $2",
            &[id.into(), now.into()],
        )
        .await?;
        Ok(())
    }

    /// Keeps others from ending or releasing a job until the commit. It comes before the row of what the job looks
    /// after.
    pub async fn lock_job(&mut self, id: JobId) -> Result<(), CatalogError> {
        let sql = format!("SELECT 1 FROM jobs WHERE id = $1{}", self.lock_suffix());
        self.first(&sql, &[id.into()]).await?;
        Ok(())
    }

    /// Who holds leases.
    pub async fn lease_holders(&mut self) -> Result<Vec<String>, CatalogError> {
        let rows = self
            .query(
                "SELECT DISTINCT leased_by FROM jobs WHERE state = 'running' AND leased_by IS NOT NULL",
                &[],
            )
            .await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Makes the jobs due at once that a worker held which is no more.
    pub async fn release_jobs_of(&mut self, worker: &str, now: Millis) -> Result<u64, CatalogError> {
        self.execute(
            "UPDATE jobs SET state = 'pending', run_at_ms = $2, leased_until_ms = NULL, leased_by = NULL
             WHERE state = 'running' AND leased_by = $1",
            &[worker.into(), now.0.into()],
        )
        .await
    }

    /// Calls a job off: at once if it waits; a running one when its worker next reports. Answers its state now,
    /// or `None` when there is no such job or it has ended.
    pub async fn cancel_job(&mut self, id: JobId, now: Millis) -> Result<Option<JobState>, CatalogError> {
        let row = self
            .first(
                "UPDATE jobs SET cancel_asked = 1,
                     state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END,
                     finished_ms = CASE WHEN state = 'pending' THEN CAST($2 AS BIGINT) END
                 WHERE id = $1 AND finished_ms IS NULL
                 RETURNING state",
                &[id.into(), now.into()],
            )
            .await?;
        row.map(|row| read_state(&row, 0)).transpose()
    }

    /// Queues a failed or cancelled job again, with `attempts` further tries. Answers false when it is neither,
    /// or when a younger job does the same work already.
    pub async fn retry_job(&mut self, id: JobId, attempts: u32, now: Millis) -> Result<bool, CatalogError> {
        let changed = self
            .execute(
                "UPDATE jobs SET state = 'pending', run_at_ms = $2, max_attempts = attempts + $3, finished_ms = NULL,
                     cancel_asked = 0, percent = 0, done_bytes = 0
                 WHERE id = $1 AND state IN ('failed', 'cancelled') AND NOT EXISTS (
                     SELECT 1 FROM jobs other
                     WHERE other.dedupe_key = jobs.dedupe_key AND other.finished_ms IS NULL
                 )",
                &[id.into(), now.into(), i64::from(attempts).into()],
            )
            .await?;
        Ok(changed == 1)
    }

    /// Finds a job.
    pub async fn job(&mut self, id: JobId) -> Result<Option<Job>, CatalogError> {
        let sql = format!("SELECT {JOB} FROM jobs WHERE id = $1");
        let row = self.first(&sql, &[id.into()]).await?;
        row.as_ref().map(read_job).transpose()
    }

    /// Returns jobs of one owner, or of all when it is `None`, the newest first, at most `limit`, after `mark`.
    pub async fn jobs(
        &mut self,
        (owner, state): (Option<UserId>, Option<JobState>),
        mark: Option<JobMark>,
        limit: u32,
    ) -> Result<Vec<Job>, CatalogError> {
        let mut params: Vec<Value> = vec![i64::from(limit).into()];
        let mut filters = Vec::new();
        if let Some(owner) = owner {
            params.push(owner.into());
            filters.push(format!("owner_id = ${}", params.len()));
        }
        if let Some(state) = state {
            params.push(state.as_str().into());
            filters.push(format!("state = ${}", params.len()));
        }
        if let Some((created_ms, id)) = mark {
            params.extend([created_ms.into(), id.into()]);
            filters.push(format!(
                "(created_ms, id) < (${}, ${})",
                params.len() - 1,
                params.len()
            ));
        }
        let filters = match filters.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", filters.join(" AND ")),
        };
        let sql = format!("SELECT {JOB} FROM jobs {filters} ORDER BY created_ms DESC, id DESC LIMIT $1");
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read_job).collect()
    }

    /// Forgets jobs that ended before `before`, at most `limit`. Answers how many.
    pub async fn forget_jobs(&mut self, before: Millis, limit: u32) -> Result<u64, CatalogError> {
        self.execute(
            "DELETE FROM jobs WHERE id IN (
                 SELECT id FROM jobs WHERE finished_ms < $1 ORDER BY finished_ms LIMIT $2
             )",
            &[before.into(), i64::from(limit).into()],
        )
        .await
    }

    /// Counts the jobs in each state that has any.
    pub async fn count_jobs(&mut self) -> Result<Vec<(JobState, u64)>, CatalogError> {
        let rows = self
            .query(
                "SELECT state, COUNT(*) FROM jobs GROUP BY state ORDER BY state",
                &[],
            )
            .await?;
        rows.iter()
            .map(|row| Ok((read_state(row, 0)?, count(row.int(1)?))))
            .collect()
    }
}

fn read_state(row: &Row, i: usize) -> Result<JobState, CatalogError> {
    let word = row.text(i)?;
    JobState::from_word(&word).ok_or_else(|| CatalogError::Damaged(format!("a job is in the state `{word}`")))
}

fn read_job(row: &Row) -> Result<Job, CatalogError> {
    let kind = row.text(1)?;
    let small = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Job {
        id: JobId::from_bytes(row.id16(0)?),
        kind: JobKind::from_word(&kind)
            .ok_or_else(|| CatalogError::Damaged(format!("a job is of the kind `{kind}`")))?,
        state: read_state(row, 2)?,
        payload: row.text(3)?,
        owner: row.opt_id16(4)?.map(UserId::from_bytes),
        node: row.opt_id16(5)?.map(NodeId::from_bytes),
        attempts: small(row.int(6)?),
        max_attempts: small(row.int(7)?),
        run_at_ms: row.millis(8)?,
        progress: Progress {
            percent: u8::try_from(row.int(9)?.clamp(0, 100)).unwrap_or(100),
            done_bytes: count(row.int(10)?),
            total_bytes: count(row.int(11)?),
        },
        error: row.opt_text(12)?,
        is_cancel_asked: row.int(13)? != 0,
        created_ms: row.millis(14)?,
        finished_ms: row.opt_millis(15)?,
    })
}
