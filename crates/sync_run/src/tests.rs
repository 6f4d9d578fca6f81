//! The runner over a real hub, with a store that can be made to fail, panic or hang where the sweep looks.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use catalog::{Catalog, DatabaseUrl, Options};
use content::{
    Abilities, Backend, BlobWriter, Content, ContentError, Listed, LocalOptions, LocalStore, NewBlob,
    NewPart, NewParts, PartRules, Parts, Probe, SignedPart, SignedRead, SignedRequest, StoreHealth,
};
use hub::{Config, Hub, HubParts, Keys, Part, PasswordCost, Peer, Registration};
use model::{Actor, ByteStream, Job, JobKind, JobState, Millis};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Runner;

/// Longer than anything here takes, and shorter than the runner waits when nobody wakes it.
const MOMENTS: Duration = Duration::from_secs(8);

/// What the store does when it is asked what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Fails,
    Panics,
    Hangs,
}

/// A local store that has moods.
struct Moody {
    store: LocalStore,
    mood: watch::Receiver<Mood>,
    /// How often it was asked.
    asked: watch::Sender<u32>,
}

#[async_trait]
impl Backend for Moody {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn abilities(&self) -> Abilities {
        self.store.abilities()
    }

    async fn writer(&self, new: NewBlob) -> Result<Box<dyn BlobWriter>, ContentError> {
        self.store.writer(new).await
    }

    async fn read(&self, key: &str, size_bytes: u64, range: Range<u64>) -> Result<ByteStream, ContentError> {
        self.store.read(key, size_bytes, range).await
    }

    async fn measure(&self, key: &str) -> Result<Option<u64>, ContentError> {
        self.store.measure(key).await
    }

    async fn remove(&self, key: &str) -> Result<(), ContentError> {
        self.store.remove(key).await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, ContentError> {
        self.asked.send_modify(|asked| *asked += 1);
        let mood = *self.mood.borrow();
        match mood {
            Mood::Good => self.store.list(after, limit).await,
            Mood::Fails => Err(ContentError::Unavailable(std::io::Error::other(
                "the cable is out",
            ))),
            Mood::Panics => panic!("the store lost its nerve"),
            Mood::Hangs => std::future::pending().await,
        }
    }

    async fn sweep_temporary(&self, older_than: Millis) -> Result<u64, ContentError> {
        self.store.sweep_temporary(older_than).await
    }

    async fn check(&self) -> Result<StoreHealth, ContentError> {
        self.store.check().await
    }

    async fn probe(&self) -> Result<Probe, ContentError> {
        self.store.probe().await
    }

    fn part_rules(&self) -> PartRules {
        self.store.part_rules()
    }

    async fn begin(&self, new: NewParts) -> Result<Parts, ContentError> {
        self.store.begin(new).await
    }

    async fn put_part(
        &self,
        upload: &Parts,
        part: NewPart,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError> {
        self.store.put_part(upload, part, bytes).await
    }

    async fn parts(&self, upload: &Parts) -> Result<Vec<content::Part>, ContentError> {
        self.store.parts(upload).await
    }

    async fn complete(&self, upload: &Parts, parts: &[content::Part]) -> Result<(), ContentError> {
        self.store.complete(upload, parts).await
    }

    async fn abort(&self, upload: &Parts) -> Result<(), ContentError> {
        self.store.abort(upload).await
    }

    async fn unfinished(&self, older_than: Millis, limit: usize) -> Result<Vec<Parts>, ContentError> {
        self.store.unfinished(older_than, limit).await
    }

    async fn sign_read(&self, key: &str, how: &SignedRead) -> Result<SignedRequest, ContentError> {
        self.store.sign_read(key, how).await
    }

    async fn sign_part(&self, upload: &Parts, part: &SignedPart) -> Result<SignedRequest, ContentError> {
        self.store.sign_part(upload, part).await
    }

    async fn put_note(&self, name: &str, bytes: Bytes) -> Result<(), ContentError> {
        self.store.put_note(name, bytes).await
    }

    async fn create_note(&self, name: &str, bytes: Bytes) -> Result<bool, ContentError> {
        self.store.create_note(name, bytes).await
    }

    async fn note(&self, name: &str) -> Result<Option<Bytes>, ContentError> {
        self.store.note(name).await
    }

    async fn notes(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ContentError> {
        self.store.notes(prefix, after, limit).await
    }

    async fn remove_note(&self, name: &str) -> Result<(), ContentError> {
        self.store.remove_note(name).await
    }
}

struct Bench {
    hub: Hub,
    runner: Runner,
    admin: Actor,
    mood: watch::Sender<Mood>,
    asked: watch::Receiver<u32>,
    time: Arc<AtomicI64>,
    _folder: TempDir,
}

impl Bench {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Options::new(DatabaseUrl::sqlite(folder.path().join("catalog.db")));
        let catalog = Catalog::open(catalog).await.unwrap();
        catalog.migrate().await.unwrap();
        let store = LocalStore::open(LocalOptions {
            folder: folder.path().join("blobs"),
            durability: content::Durability::UnsafeNone,
        });
        let (mood, moods) = watch::channel(Mood::Good);
        let (asks, asked) = watch::channel(0);
        let store = Moody {
            store: store.await.unwrap(),
            mood: moods,
            asked: asks,
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let time = Arc::new(AtomicI64::new(i64::try_from(now.as_millis()).unwrap()));
        let clock = Arc::clone(&time);
        let password_cost = PasswordCost {
            memory_kib: 64,
            passes: 1,
        };
        let parts = HubParts {
            catalog,
            content: Content::new(Arc::new(store)),
            clock: Arc::new(move || Millis(clock.load(Ordering::Relaxed))),
            keys: Keys::derive(b"a secret of the tests, long enough for them"),
            vault: content::Keyring::new([b"a key for tests".as_slice()]).expect("a key"),
            config: Config {
                password_cost,
                ..Config::default()
            },
            tasks: TaskTracker::new(),
        };
        let hub = Hub::open(parts).await.unwrap();
        let admin = admin(&hub).await;
        let mut runner = Runner::new(hub.clone(), "test");
        runner.renew_every = Duration::from_millis(1);
        Self {
            hub,
            runner,
            admin,
            mood,
            asked,
            time,
            _folder: folder,
        }
    }

    fn pass_secs(&self, secs: i64) {
        self.time.fetch_add(secs * 1000, Ordering::Relaxed);
    }

    async fn job(&self, kind: JobKind) -> Job {
        let part = Part {
            limit: 100,
            cursor: None,
        };
        let page = self.hub.jobs(&self.admin, (None, true), part).await.unwrap();
        let job = page.items.into_iter().find(|row| row.job.kind == kind);
        job.expect("there is such a job").job
    }

    /// Runs until the sweep has reached the store, then does `then`, and waits for the runner's end.
    async fn run_into_the_store(&mut self, then: impl AsyncFnOnce(&Self, &CancellationToken)) {
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (runner, stop) = (self.runner.clone(), stop.clone());
            async move { runner.run(stop).await }
        });
        self.asked.wait_for(|asked| *asked > 0).await.unwrap();
        then(self, &stop).await;
        tokio::time::timeout(MOMENTS, running)
            .await
            .expect("it stops")
            .unwrap();
    }

    /// Waits until the sweep is in that state.
    async fn until_sweep_is(&self, state: JobState) -> Job {
        let reached = async {
            loop {
                let job = self.job(JobKind::Sweep).await;
                if job.state == state {
                    return job;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(MOMENTS, reached)
            .await
            .expect("it gets there")
    }
}

async fn admin(hub: &Hub) -> Actor {
    let registration = Registration {
        email: "admin@example.org".to_owned(),
        password: "correct horse battery".to_owned(),
        ..Registration::default()
    };
    let peer = Peer {
        ip: [127, 0, 0, 1].into(),
        is_this_machine: true,
        label: String::new(),
    };
    let sign_in = hub.register(registration, &peer).await.unwrap();
    let credential = hub::Credential::Bearer(sign_in.tokens.access);
    hub.authenticate(&credential, &peer).await.unwrap()
}

#[tokio::test]
async fn every_chore_that_is_due_is_done_once() {
    let bench = Bench::start().await;
    bench.hub.schedule_upkeep().await.unwrap();
    bench.hub.schedule_upkeep().await.unwrap();

    assert_eq!(bench.runner.run_until_idle().await.unwrap(), 3);

    for kind in [JobKind::Sweep, JobKind::Retention, JobKind::Scrub] {
        let job = bench.job(kind).await;
        assert_eq!((job.state, job.attempts), (JobState::Completed, 1), "{kind:?}");
    }
    assert_eq!(bench.runner.run_until_idle().await.unwrap(), 0);
}

#[tokio::test]
async fn a_running_runner_schedules_the_chores_and_does_them() {
    let mut bench = Bench::start().await;
    bench
        .run_into_the_store(async |bench, stop| {
            bench.until_sweep_is(JobState::Completed).await;
            stop.cancel();
        })
        .await;
}

#[tokio::test]
async fn a_failed_job_says_why_and_is_tried_again_until_it_is_given_up() {
    let bench = Bench::start().await;
    bench.mood.send_replace(Mood::Fails);
    bench.hub.schedule_upkeep().await.unwrap();
    bench.runner.run_until_idle().await.unwrap();

    let job = bench.job(JobKind::Sweep).await;
    assert_eq!((job.state, job.attempts), (JobState::Pending, 1));
    assert!(job.error.unwrap().contains("the store is not available"));
    for attempts in 2..=8 {
        bench.pass_secs(60 * 60);
        bench.runner.run_until_idle().await.unwrap();
        assert_eq!(bench.job(JobKind::Sweep).await.attempts, attempts);
    }
    assert_eq!(bench.job(JobKind::Sweep).await.state, JobState::Failed);
}

#[tokio::test]
async fn a_panic_is_the_failure_of_one_try() {
    let bench = Bench::start().await;
    bench.mood.send_replace(Mood::Panics);
    bench.hub.schedule_upkeep().await.unwrap();
    bench.runner.run_until_idle().await.unwrap();

    let job = bench.job(JobKind::Sweep).await;
    assert_eq!((job.state, job.attempts), (JobState::Pending, 1));
    assert!(job.error.unwrap().contains("panic"));
    bench.mood.send_replace(Mood::Good);
    bench.pass_secs(60 * 60);
    bench.runner.run_until_idle().await.unwrap();
    assert_eq!(bench.job(JobKind::Sweep).await.state, JobState::Completed);
}

#[tokio::test]
async fn at_a_shutdown_a_job_in_hand_is_put_down_for_the_next_start() {
    let mut bench = Bench::start().await;
    bench.mood.send_replace(Mood::Hangs);
    bench.run_into_the_store(async |_, stop| stop.cancel()).await;

    let job = bench.job(JobKind::Sweep).await;
    assert_eq!((job.state, job.error), (JobState::Pending, None));
    bench.mood.send_replace(Mood::Good);
    bench.runner.run_until_idle().await.unwrap();
    assert_eq!(bench.job(JobKind::Sweep).await.state, JobState::Completed);
}

#[tokio::test]
async fn a_job_that_is_called_off_is_put_down_even_if_it_hangs() {
    let mut bench = Bench::start().await;
    bench.mood.send_replace(Mood::Hangs);
    bench
        .run_into_the_store(async |bench, stop| {
            let job = bench.job(JobKind::Sweep).await;
            bench.hub.cancel_job(&bench.admin, job.id).await.unwrap();
            bench.until_sweep_is(JobState::Cancelled).await;
            stop.cancel();
        })
        .await;
}

#[tokio::test]
async fn a_step_that_takes_longer_than_a_lease_keeps_it() {
    let mut bench = Bench::start().await;
    bench.mood.send_replace(Mood::Hangs);
    bench
        .run_into_the_store(async |bench, stop| {
            for _ in 0..10 {
                // Most of a lease passes, and the heartbeat renews it in time.
                bench.pass_secs(50);
                let renewed_at = bench.time.load(Ordering::Relaxed);
                renewal(bench, renewed_at).await;
                assert!(bench.hub.lease_jobs("another", 10).await.unwrap().is_empty());
            }
            stop.cancel();
        })
        .await;
    assert_eq!(bench.job(JobKind::Sweep).await.attempts, 1);
}

/// Waits until the sweep's lease, which is all that is left in the queue, is renewed after `since`.
async fn renewal(bench: &Bench, since: i64) {
    let now = bench.time.load(Ordering::Relaxed);
    let lease_ms = 60_000 - u64::try_from(now - since).unwrap();
    let renewed = async {
        while bench.hub.ms_to_next_job(u64::MAX).await.unwrap() < lease_ms {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(MOMENTS, renewed)
        .await
        .expect("it is renewed");
}

#[tokio::test]
async fn a_job_queued_meanwhile_is_begun_at_once() {
    let mut bench = Bench::start().await;
    bench
        .run_into_the_store(async |bench, stop| {
            bench.until_sweep_is(JobState::Completed).await;
            let asked = *bench.asked.borrow();
            bench.mood.send_replace(Mood::Fails);
            bench.pass_secs(60 * 60);
            bench.hub.schedule_upkeep().await.unwrap();
            let mut asks = bench.asked.clone();
            let begun = asks.wait_for(|asks| *asks > asked);
            tokio::time::timeout(MOMENTS, begun)
                .await
                .expect("it begins")
                .unwrap();
            stop.cancel();
        })
        .await;
}
