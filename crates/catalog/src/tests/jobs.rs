//! The queue of background work.

use std::collections::HashSet;

use model::{Job, JobId, JobKind, JobState, Millis, Progress, UserId};

use super::database::{Schema, on_each_database, on_each_engine};
use crate::{Catalog, Lease, NewJob};

const NOW: Millis = Millis(1_000_000);
const LATER: Millis = Millis(2_000_000);

fn id(number: u32) -> JobId {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    JobId::from_bytes(bytes)
}

fn new(number: u32) -> NewJob {
    NewJob {
        id: id(number),
        kind: JobKind::Sweep,
        payload: format!("{{\"number\":{number}}}"),
        dedupe_key: None,
        owner: Some(UserId::from_bytes([1; 16])),
        node: None,
        priority: 0,
        max_attempts: 3,
        run_at_ms: NOW,
    }
}

async fn enqueue(catalog: &Catalog, job: &NewJob) -> JobId {
    let mut tx = catalog.write().await.unwrap();
    let id = tx.enqueue_job(job, NOW).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// Claims at `now` for 100 seconds.
async fn claim(catalog: &Catalog, limit: u32, now: Millis) -> Vec<Job> {
    let mut tx = catalog.write().await.unwrap();
    let jobs = tx
        .claim_jobs("a worker", (model::Lane::All, limit), (now, now.plus_secs(100)))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    jobs
}

async fn look(catalog: &Catalog, number: u32) -> Job {
    catalog
        .read()
        .await
        .unwrap()
        .job(id(number))
        .await
        .unwrap()
        .unwrap()
}

/// Runs one method of a transaction and commits it.
macro_rules! run {
    ($catalog:expr, $method:ident($($argument:expr),*)) => {{
        let mut tx = $catalog.write().await.unwrap();
        let outcome = tx.$method($($argument),*).await.unwrap();
        tx.commit().await.unwrap();
        outcome
    }};
}

#[tokio::test]
async fn a_job_is_claimed_reported_on_and_completed() {
    on_each_engine(|catalog| async move {
        enqueue(&catalog, &new(1)).await;
        let [job] = claim(&catalog, 5, NOW).await.try_into().unwrap();
        assert_eq!(
            (job.state, job.attempts, job.payload.as_str()),
            (JobState::Running, 1, "{\"number\":1}")
        );

        let progress = Progress {
            percent: 40,
            done_bytes: 4,
            total_bytes: 10,
        };
        let asked = run!(catalog, report_job(Lease::of(&job), progress, LATER));
        assert_eq!(asked, Some(false));
        assert_eq!(look(&catalog, 1).await.progress, progress);

        assert!(run!(catalog, complete_job(Lease::of(&job), LATER)));
        let done = look(&catalog, 1).await;
        assert_eq!((done.state, done.progress.percent), (JobState::Completed, 100));
        assert_eq!(done.finished_ms, Some(LATER));
        assert!(claim(&catalog, 5, LATER).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_job_that_was_not_committed_is_not_queued() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.write().await.unwrap();
        tx.enqueue_job(&new(1), NOW).await.unwrap();
        drop(tx);

        assert!(claim(&catalog, 5, NOW).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_most_urgent_of_the_due_jobs_come_first() {
    on_each_engine(|catalog| async move {
        let late = Millis(NOW.0 + 1);
        for (number, priority, run_at_ms) in [(1, 5, NOW), (2, 0, NOW), (3, 0, Millis(5)), (4, 0, late)] {
            enqueue(
                &catalog,
                &NewJob {
                    priority,
                    run_at_ms,
                    ..new(number)
                },
            )
            .await;
        }

        let first: Vec<_> = claim(&catalog, 2, NOW).await.iter().map(|job| job.id).collect();
        let then: Vec<_> = claim(&catalog, 5, NOW).await.iter().map(|job| job.id).collect();

        assert_eq!((first, then), (vec![id(3), id(2)], vec![id(1)]));
        let next = catalog.read().await.unwrap().next_job_ms().await.unwrap();
        assert_eq!(next, Some(late));
    })
    .await;
}

#[tokio::test]
async fn an_unfinished_job_stands_for_all_with_its_key() {
    on_each_engine(|catalog| async move {
        let keyed = |number| NewJob {
            dedupe_key: Some("sweep".into()),
            ..new(number)
        };
        assert_eq!(enqueue(&catalog, &keyed(1)).await, id(1));
        assert_eq!(enqueue(&catalog, &keyed(2)).await, id(1));
        let [job] = claim(&catalog, 5, NOW).await.try_into().unwrap();
        assert_eq!(enqueue(&catalog, &keyed(3)).await, id(1));

        run!(catalog, complete_job(Lease::of(&job), NOW));

        assert_eq!(enqueue(&catalog, &keyed(4)).await, id(4));
    })
    .await;
}

#[tokio::test]
async fn jobs_enqueued_at_once_under_one_key_are_one_job() {
    on_each_database(Schema::Migrated, |database| async move {
        let catalogs = [database.open().await, database.open().await];
        let tasks: Vec<_> = (0..16)
            .map(|number: u32| {
                let catalog = catalogs[number as usize % 2].clone();
                let job = NewJob {
                    dedupe_key: Some("key".into()),
                    ..new(number)
                };
                tokio::spawn(async move { enqueue(&catalog, &job).await })
            })
            .collect();
        let mut ids = HashSet::new();
        for task in tasks {
            ids.insert(task.await.unwrap());
        }

        assert_eq!(ids.len(), 1);
        assert_eq!(claim(&catalogs[0], 50, NOW).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn many_claimers_on_many_nodes_never_get_one_job_twice() {
    on_each_database(Schema::Migrated, |database| async move {
        let catalogs = [
            database.open().await,
            database.open().await,
            database.open().await,
        ];
        let mut tx = catalogs[0].write().await.unwrap();
        for number in 0..200 {
            tx.enqueue_job(&new(number), NOW).await.unwrap();
        }
        tx.commit().await.unwrap();

        let tasks: Vec<_> = (0..12)
            .map(|worker| {
                let catalog = catalogs[worker % 3].clone();
                tokio::spawn(async move {
                    let mut claimed = Vec::new();
                    loop {
                        let jobs = claim(&catalog, 3, NOW).await;
                        if jobs.is_empty() {
                            return claimed;
                        }
                        claimed.extend(jobs.iter().map(|job| job.id));
                        for job in &jobs {
                            assert!(run!(catalog, complete_job(Lease::of(job), NOW)));
                        }
                    }
                })
            })
            .collect();
        let mut claimed = Vec::new();
        for task in tasks {
            claimed.extend(task.await.unwrap());
        }

        assert_eq!(claimed.len(), 200);
        assert_eq!(claimed.into_iter().collect::<HashSet<_>>().len(), 200);
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_ran_out_goes_to_another_and_its_first_holder_can_change_nothing() {
    on_each_engine(|catalog| async move {
        enqueue(&catalog, &new(1)).await;
        let [lost] = claim(&catalog, 1, NOW).await.try_into().unwrap();
        assert!(claim(&catalog, 1, NOW.plus_secs(99)).await.is_empty());
        let [held] = claim(&catalog, 1, NOW.plus_secs(100)).await.try_into().unwrap();
        assert_eq!(held.attempts, 2);

        let lost = Lease::of(&lost);
        assert_eq!(run!(catalog, report_job(lost, Progress::default(), LATER)), None);
        assert!(!run!(catalog, complete_job(lost, LATER)));
        assert!(!run!(catalog, stop_job(lost, LATER)));
        assert!(!run!(catalog, release_job(lost, LATER)));
        assert_eq!(run!(catalog, fail_job(lost, "no", (LATER, None))), None);

        assert_eq!(look(&catalog, 1).await, held);
        assert!(run!(catalog, complete_job(Lease::of(&held), LATER)));
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_workers_all_fall_silent_fails_in_the_end() {
    on_each_engine(|catalog| async move {
        enqueue(
            &catalog,
            &NewJob {
                max_attempts: 2,
                ..new(1)
            },
        )
        .await;
        let mut now = NOW;
        for attempt in 1..=2 {
            assert_eq!(claim(&catalog, 1, now).await[0].attempts, attempt);
            now = now.plus_secs(100);
        }

        assert!(claim(&catalog, 1, now).await.is_empty());

        let dead = look(&catalog, 1).await;
        assert_eq!((dead.state, dead.finished_ms), (JobState::Failed, Some(now)));
        assert!(dead.error.unwrap().contains("without a word"));
    })
    .await;
}

#[tokio::test]
async fn a_failed_try_is_repeated_at_its_time_until_no_try_is_left() {
    on_each_engine(|catalog| async move {
        enqueue(
            &catalog,
            &NewJob {
                max_attempts: 2,
                ..new(1)
            },
        )
        .await;
        let [job] = claim(&catalog, 1, NOW).await.try_into().unwrap();
        let state = run!(catalog, fail_job(Lease::of(&job), "first", (NOW, Some(LATER))));
        assert_eq!(state, Some(JobState::Pending));
        assert!(claim(&catalog, 1, Millis(LATER.0 - 1)).await.is_empty());
        let [job] = claim(&catalog, 1, LATER).await.try_into().unwrap();
        assert_eq!(job.error.as_deref(), Some("first"));

        let state = run!(catalog, fail_job(Lease::of(&job), "second", (LATER, Some(LATER))));

        assert_eq!(state, Some(JobState::Failed));
        assert_eq!(look(&catalog, 1).await.error.as_deref(), Some("second"));
        assert!(claim(&catalog, 1, LATER).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_lease_is_held_until_it_ends_or_the_job_is_another_s() {
    on_each_engine(|catalog| async move {
        enqueue(&catalog, &new(1)).await;
        let [job] = claim(&catalog, 1, NOW).await.try_into().unwrap();
        let lease = Lease::of(&job);
        assert!(run!(catalog, holds_lease(lease)));
        // Nobody else took it although it ran out; then somebody does.
        let [again] = claim(&catalog, 1, LATER).await.try_into().unwrap();
        assert!(!run!(catalog, holds_lease(lease)));
        let lease = Lease::of(&again);
        assert!(run!(catalog, holds_lease(lease)));
        assert!(run!(catalog, complete_job(lease, LATER)));
        assert!(!run!(catalog, holds_lease(lease)));
    })
    .await;
}

#[tokio::test]
async fn a_failure_for_good_ends_a_job_at_once() {
    on_each_engine(|catalog| async move {
        enqueue(&catalog, &new(1)).await;
        let [job] = claim(&catalog, 1, NOW).await.try_into().unwrap();

        assert_eq!(
            run!(catalog, fail_job(Lease::of(&job), "no", (NOW, None))),
            Some(JobState::Failed)
        );

        assert!(run!(catalog, retry_job(id(1), 1, LATER)));
        let [again] = claim(&catalog, 1, LATER).await.try_into().unwrap();
        assert_eq!((again.attempts, again.max_attempts), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_retry_does_not_double_the_work_of_a_younger_job() {
    on_each_engine(|catalog| async move {
        let keyed = |number| NewJob {
            dedupe_key: Some("key".into()),
            ..new(number)
        };
        enqueue(&catalog, &keyed(1)).await;
        run!(catalog, cancel_job(id(1), NOW));
        enqueue(&catalog, &keyed(2)).await;

        assert!(!run!(catalog, retry_job(id(1), 1, NOW)));
        assert!(!run!(catalog, retry_job(id(2), 1, NOW)), "it waits already");
        run!(catalog, cancel_job(id(2), NOW));
        assert!(run!(catalog, retry_job(id(1), 1, NOW)));
    })
    .await;
}

#[tokio::test]
async fn a_waiting_job_is_called_off_at_once_and_a_running_one_when_it_reports() {
    on_each_engine(|catalog| async move {
        enqueue(&catalog, &new(1)).await;
        assert_eq!(run!(catalog, cancel_job(id(1), NOW)), Some(JobState::Cancelled));
        assert_eq!(run!(catalog, cancel_job(id(1), NOW)), None);
        enqueue(&catalog, &new(2)).await;
        let [job] = claim(&catalog, 5, NOW).await.try_into().unwrap();

        assert_eq!(run!(catalog, cancel_job(id(2), NOW)), Some(JobState::Running));
        assert_eq!(
            run!(catalog, report_job(Lease::of(&job), Progress::default(), LATER)),
            Some(true)
        );
        assert!(run!(catalog, stop_job(Lease::of(&job), NOW)));

        assert_eq!(look(&catalog, 2).await.state, JobState::Cancelled);
        assert_eq!(run!(catalog, cancel_job(id(3), NOW)), None);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_was_called_off_is_not_tried_again_when_its_worker_falls_silent() {
    on_each_engine(|catalog| async move {
        enqueue(&catalog, &new(1)).await;
        claim(&catalog, 1, NOW).await;
        run!(catalog, cancel_job(id(1), NOW));

        assert!(claim(&catalog, 1, LATER).await.is_empty());
        assert_eq!(look(&catalog, 1).await.state, JobState::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn a_released_job_is_due_at_once_and_keeps_its_tries() {
    on_each_engine(|catalog| async move {
        enqueue(
            &catalog,
            &NewJob {
                max_attempts: 1,
                ..new(1)
            },
        )
        .await;
        let [job] = claim(&catalog, 1, NOW).await.try_into().unwrap();

        assert!(run!(catalog, release_job(Lease::of(&job), NOW)));

        let [again] = claim(&catalog, 1, NOW).await.try_into().unwrap();
        assert_eq!((again.attempts, again.max_attempts), (2, 2));
        assert!(!run!(catalog, complete_job(Lease::of(&job), NOW)));
    })
    .await;
}

#[tokio::test]
async fn jobs_are_listed_page_by_page_the_newest_first() {
    on_each_engine(|catalog| async move {
        let owner = Some(UserId::from_bytes([1; 16]));
        let mut tx = catalog.write().await.unwrap();
        for number in 0..5 {
            tx.enqueue_job(&new(number), Millis(i64::from(number / 2)))
                .await
                .unwrap();
        }
        tx.enqueue_job(
            &NewJob {
                owner: None,
                ..new(9)
            },
            NOW,
        )
        .await
        .unwrap();
        let pages = async |tx: &mut crate::Tx, filter| {
            let (mut mark, mut found) = (None, Vec::new());
            loop {
                let page = tx.jobs(filter, mark, 2).await.unwrap();
                let Some(last) = page.last() else { return found };
                mark = Some((last.created_ms, last.id));
                found.extend(page.iter().map(|job| job.id));
            }
        };

        assert_eq!(pages(&mut tx, (owner, None)).await, [4, 3, 2, 1, 0].map(id));
        assert_eq!(pages(&mut tx, (None, None)).await, [9, 4, 3, 2, 1, 0].map(id));
        assert_eq!(pages(&mut tx, (owner, Some(JobState::Running))).await, []);
        assert_eq!(tx.count_jobs().await.unwrap(), [(JobState::Pending, 6)]);
    })
    .await;
}

#[tokio::test]
async fn finished_jobs_are_recorded_whole_and_forgotten_oldest_first() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.write().await.unwrap();
        for number in 1..=3 {
            let job = Job {
                id: id(number),
                kind: JobKind::Upload,
                state: JobState::Completed,
                payload: "{}".into(),
                owner: None,
                node: Some(model::NodeId::from_bytes([7; 16])),
                attempts: 1,
                max_attempts: 1,
                run_at_ms: NOW,
                progress: Progress {
                    percent: 100,
                    done_bytes: 9,
                    total_bytes: 9,
                },
                error: None,
                is_cancel_asked: false,
                created_ms: NOW,
                finished_ms: Some(Millis(i64::from(number))),
            };
            tx.add_finished_job(&job).await.unwrap();
            assert_eq!(tx.job(id(number)).await.unwrap(), Some(job));
        }
        tx.enqueue_job(&new(4), NOW).await.unwrap();

        assert_eq!(tx.forget_jobs(Millis(3), 1).await.unwrap(), 1);
        assert_eq!(tx.job(id(1)).await.unwrap(), None);
        assert_eq!(tx.forget_jobs(Millis(3), 10).await.unwrap(), 1);
        assert_eq!(tx.forget_jobs(Millis(3), 10).await.unwrap(), 0);
        assert_eq!(
            tx.count_jobs().await.unwrap(),
            [(JobState::Completed, 1), (JobState::Pending, 1)]
        );
    })
    .await;
}
