//! Jobs as people and workers see them: leases, fences, pauses, ends.

use model::{Actor, JobKind, JobState, Progress};

use super::harness::{ROOT, TestHub, into, on_each_engine, part, refused};
use crate::{HubError, JobOutcome, Keep, Lease, Part, Upload};

async fn lease(t: &TestHub, kind: JobKind) -> Option<Lease> {
    let mut found = None;
    for lease in t.lease_jobs("test", 10).await.unwrap() {
        match lease.job.kind == kind {
            true => found = Some(lease),
            false => lease.end(JobOutcome::Done).await.unwrap(),
        }
    }
    found
}

async fn sweep(t: &TestHub) -> Lease {
    t.schedule_upkeep().await.unwrap();
    lease(t, JobKind::Sweep).await.expect("the sweep is due")
}

async fn state(t: &TestHub, lease: &Lease) -> (JobState, u32) {
    let job = t.job(&Actor::Worker, lease.job.id).await.unwrap().job;
    (job.state, job.attempts)
}

fn trouble() -> JobOutcome {
    JobOutcome::Failed(HubError::Unavailable("the cable is out".into()))
}

#[tokio::test]
async fn each_chore_is_queued_once_and_again_when_it_is_due() {
    on_each_engine(async |t| {
        let other = t.reopened(|_| ()).await;
        for _ in 0..3 {
            t.schedule_upkeep().await.unwrap();
            other.schedule_upkeep().await.unwrap();
        }
        let mut kinds: Vec<JobKind> = t.upkeep().await.into_iter().map(|(kind, _)| kind).collect();
        kinds.sort_by_key(|kind| kind.as_str());
        assert_eq!(kinds, [JobKind::Retention, JobKind::Scrub, JobKind::Sweep]);

        assert!(t.upkeep().await.is_empty());
        t.pass_secs(60 * 60);
        assert_eq!(t.upkeep().await.len(), 2);
        t.pass_secs(5 * 60 * 60);
        assert_eq!(t.upkeep().await.len(), 3);
        // A clock that ran ahead and was set right again does not put chores off.
        t.pass_secs(1000 * 24 * 60 * 60);
        t.upkeep().await;
        t.pass_secs(-999 * 24 * 60 * 60);
        assert_eq!(t.upkeep().await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_leased_job_is_nobody_else_s_until_its_worker_falls_silent() {
    on_each_engine(async |t| {
        let first = sweep(&t).await;
        t.pass_secs(59);
        assert!(lease(&t, JobKind::Sweep).await.is_none());
        assert_eq!(first.report(Progress::default()).await.unwrap(), Keep::GoOn);
        t.pass_secs(59);
        assert!(lease(&t, JobKind::Sweep).await.is_none());
        assert_eq!(first.keep().await.unwrap(), Keep::GoOn);
        t.pass_secs(60);

        let second = lease(&t, JobKind::Sweep).await.expect("its lease ran out");

        assert_eq!(second.job.attempts, 2);
        assert_eq!(first.keep().await.unwrap(), Keep::Stop);
        for outcome in [
            JobOutcome::Done,
            JobOutcome::Stopped,
            JobOutcome::Released,
            trouble(),
        ] {
            first.clone().end(outcome).await.unwrap();
            assert_eq!(state(&t, &first).await, (JobState::Running, 2));
        }
        second.clone().end(JobOutcome::Done).await.unwrap();
        assert_eq!(state(&t, &second).await, (JobState::Completed, 2));
    })
    .await;
}

#[tokio::test]
async fn many_workers_never_get_one_job_twice() {
    on_each_engine(async |t| {
        t.schedule_upkeep().await.unwrap();
        let other = t.reopened(|_| ()).await;
        let leases = (0..10).map(|n| {
            let hub = if n % 2 == 0 { t.hub.clone() } else { other.clone() };
            async move { hub.lease_jobs(&format!("worker {n}"), 2).await.unwrap() }
        });
        let leases = futures_util::future::join_all(leases).await.concat();

        let mut ids: Vec<_> = leases.iter().map(|lease| lease.job.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((leases.len(), ids.len()), (3, 3));
    })
    .await;
}

#[tokio::test]
async fn progress_shows_and_a_renewal_keeps_it() {
    on_each_engine(async |t| {
        let lease = sweep(&t).await;
        let progress = Progress {
            percent: 40,
            done_bytes: 4,
            total_bytes: 10,
        };
        lease.report(progress).await.unwrap();
        lease.keep().await.unwrap();

        let job = t.job(&Actor::Worker, lease.job.id).await.unwrap().job;
        assert_eq!(job.progress, progress);
        lease.end(JobOutcome::Done).await.unwrap();
        let job = t.job(&Actor::Worker, job.id).await.unwrap().job;
        assert_eq!((job.progress.percent, job.finished_ms), (100, Some(t.time())));
    })
    .await;
}

#[tokio::test]
async fn a_failed_try_is_made_again_after_pauses_that_grow_until_it_is_given_up() {
    on_each_engine(async |t| {
        let mut leased = sweep(&t).await;
        let mut last_ms = 0;
        for attempt in 1..=8 {
            assert_eq!(leased.job.attempts, attempt);
            leased.clone().end(trouble()).await.unwrap();
            if attempt == 8 {
                break;
            }
            assert_eq!(state(&t, &leased).await, (JobState::Pending, attempt));
            assert!(lease(&t, JobKind::Sweep).await.is_none(), "not at once");
            let wait_ms = t.ms_to_next_job(u64::MAX).await.unwrap();
            assert!(wait_ms > 0 && wait_ms * 3 > last_ms, "{wait_ms} after {last_ms}");
            last_ms = wait_ms;
            t.pass_secs(i64::try_from(wait_ms / 1000).unwrap() + 1);
            leased = lease(&t, JobKind::Sweep).await.expect("its pause is over");
        }
        assert_eq!(state(&t, &leased).await, (JobState::Failed, 8));
        let job = t.job(&Actor::Worker, leased.job.id).await.unwrap().job;
        assert!(job.error.unwrap().contains("the cable is out"));
        t.pass_secs(30 * 24 * 60 * 60);
        assert!(lease(&t, JobKind::Sweep).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_given_up_job_can_be_tried_again_by_hand() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let mut leased = sweep(&t).await;
        refused!(t.retry_job(&admin, leased.job.id).await, HubError::Conflict(_));
        for _ in 1..8 {
            leased.end(trouble()).await.unwrap();
            t.pass_secs(60 * 60);
            leased = lease(&t, JobKind::Sweep).await.unwrap();
        }
        leased.clone().end(trouble()).await.unwrap();

        let row = t.retry_job(&admin, leased.job.id).await.unwrap();
        assert_eq!(row.job.state, JobState::Pending);
        let leased = lease(&t, JobKind::Sweep).await.expect("it is due at once");
        assert_eq!(leased.job.attempts, 9);
        leased.clone().end(JobOutcome::Done).await.unwrap();
        refused!(t.retry_job(&admin, leased.job.id).await, HubError::Conflict(_));
    })
    .await;
}

#[tokio::test]
async fn a_waiting_job_is_called_off_at_once_and_a_running_one_at_its_next_word() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let running = sweep(&t).await;
        let row = t.cancel_job(&admin, running.job.id).await.unwrap();
        assert_eq!(row.job.state, JobState::Running);
        assert_eq!(running.keep().await.unwrap(), Keep::Stop);
        assert!(t.sweep(&running).await.unwrap().was_stopped);
        assert!(t.retention(&running).await.unwrap().was_stopped);
        running.clone().end(JobOutcome::Stopped).await.unwrap();
        assert_eq!(state(&t, &running).await.0, JobState::Cancelled);
        refused!(t.cancel_job(&admin, running.job.id).await, HubError::Conflict(_));

        t.retry_job(&admin, running.job.id).await.unwrap();
        let row = t.cancel_job(&admin, running.job.id).await.unwrap();
        assert_eq!(row.job.state, JobState::Cancelled);
        assert!(lease(&t, JobKind::Sweep).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_job_put_down_is_due_again_at_once_and_has_lost_no_try() {
    on_each_engine(async |t| {
        let mut leased = sweep(&t).await;
        for _ in 0..20 {
            leased.end(JobOutcome::Released).await.unwrap();
            leased = lease(&t, JobKind::Sweep).await.expect("it is due at once");
        }
        for _ in 1..8 {
            leased.end(trouble()).await.unwrap();
            t.pass_secs(60 * 60);
            leased = lease(&t, JobKind::Sweep).await.expect("there are tries left");
        }
    })
    .await;
}

#[tokio::test]
async fn everyone_sees_their_own_jobs_and_the_administrator_all() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let alice = t.user("alice").await;
        let mut mine = Vec::new();
        for n in 0..5 {
            t.tick();
            for who in [&admin, &alice] {
                let tracked = Upload {
                    is_tracked: true,
                    ..into(ROOT, &format!("{n}"))
                };
                let job = t.store(who, tracked, "x").await.unwrap().job.unwrap();
                if who == &alice {
                    mine.insert(0, job);
                }
            }
        }
        t.upkeep().await;
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let part = Part { limit: 2, cursor };
            let page = t.jobs(&alice, (None, false), part).await.unwrap();
            found.extend(page.items.iter().map(|row| row.job.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, mine);
        assert_eq!(
            t.jobs(&admin, (None, true), part(100)).await.unwrap().items.len(),
            13
        );
        let failed = (Some(JobState::Failed), true);
        assert!(t.jobs(&admin, failed, part(100)).await.unwrap().items.is_empty());
        refused!(
            t.jobs(&alice, (None, true), part(10)).await,
            HubError::Forbidden(_)
        );
        let others = t.jobs(&admin, (None, false), part(1)).await.unwrap().items[0]
            .job
            .id;
        refused!(t.job(&alice, others).await, HubError::NotFound("job"));
        refused!(t.cancel_job(&alice, others).await, HubError::NotFound("job"));
        refused!(t.retry_job(&alice, others).await, HubError::NotFound("job"));
        t.job(&admin, mine[0]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn ended_jobs_are_forgotten_after_a_week() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let tracked = Upload {
            is_tracked: true,
            ..into(ROOT, "file")
        };
        let job = t.store(&alice, tracked, "x").await.unwrap().job.unwrap();
        t.pass_secs(6 * 24 * 60 * 60);
        t.upkeep().await;
        t.job(&alice, job).await.unwrap();
        t.pass_secs(2 * 24 * 60 * 60);
        t.upkeep().await;

        refused!(t.job(&alice, job).await, HubError::NotFound("job"));
    })
    .await;
}
