//! A hub of real parts: a catalog on either engine, a store in a folder, and a clock that tests turn.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use catalog::{Catalog, Options};
use content::{Content, LocalOptions, LocalStore};
use futures_util::{FutureExt, TryStreamExt};
use model::{
    Actor, ByteStream, Clock, Guard, Millis, Node, NodeId, NodeKind, NodeName, OnConflict, Order, Origin,
    Sort, SortKey,
};
use proptest::strategy::Strategy;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::database::Database;
use crate::{
    Config, Credential, Expected, FolderRef, Hub, HubError, HubParts, Keys, Lease, NewFolder, Part,
    PasswordCost, Peer, Registration, SignIn, Stored, Upkept, Upload, UploadPlace,
};

/// What everyone's password is.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A hub and what it stands on.
pub(crate) struct TestHub {
    pub(crate) hub: Hub,
    pub(crate) catalog: Catalog,
    pub(crate) config: Config,
    content: Content,
    time: Arc<AtomicI64>,
    folder: Arc<TempDir>,
}

impl std::ops::Deref for TestHub {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        &self.hub
    }
}

/// Runs `test` on a fresh hub over each engine.
pub(crate) async fn on_each_engine(test: impl AsyncFn(TestHub)) {
    on_each_engine_with(|_| (), test).await;
}

/// Runs `test` on a fresh hub over each engine, under limits and modes of its own.
pub(crate) async fn on_each_engine_with(set: impl Fn(&mut Config), test: impl AsyncFn(TestHub)) {
    for database in Database::of_each_engine().await {
        let mut config = Config {
            password_cost: PasswordCost {
                memory_kib: 64,
                passes: 1,
            },
            ..Config::default()
        };
        set(&mut config);
        let hub = TestHub::start(&database, config).await;
        let outcome = AssertUnwindSafe(test(hub)).catch_unwind().await;
        database.remove().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Checks random cases, each on a fresh hub over each engine, and shrinks one that fails. Needs a runtime of
/// several threads.
pub(crate) async fn for_cases<S: Strategy>(
    count: u32,
    cases: S,
    check: impl AsyncFn(&TestHub, Actor, S::Value),
) where
    S::Value: Clone,
{
    for_cases_with(count, cases, |_| (), check).await;
}

/// The same, under limits and modes of its own.
pub(crate) async fn for_cases_with<S: Strategy>(
    count: u32,
    cases: S,
    set: impl Fn(&mut Config),
    check: impl AsyncFn(&TestHub, Actor, S::Value),
) where
    S::Value: Clone,
{
    let config = proptest::test_runner::Config {
        failure_persistence: None,
        max_shrink_iters: 500,
        ..proptest::test_runner::Config::with_cases(count)
    };
    let mut runner = TestRunner::new(config);
    let run = |case: S::Value| {
        Handle::current().block_on(on_each_engine_with(&set, async |t| {
            let who = t.user("alice").await;
            check(&t, who, case.clone()).await;
        }));
        Ok(())
    };
    if let Err(failure) = tokio::task::block_in_place(|| runner.run(&cases, run)) {
        panic!("{failure}");
    }
}

impl TestHub {
    pub(crate) async fn start(database: &Database, config: Config) -> Self {
        let catalog = Catalog::open(Options::new(database.url())).await.unwrap();
        catalog.migrate().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(LocalOptions {
            folder: folder.path().to_owned(),
            durability: content::Durability::Full,
        });
        let content = Content::new(Arc::new(store.await.unwrap()));
        // The store's files carry the real time, so the clock starts there.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let time = Arc::new(AtomicI64::new(i64::try_from(now.as_millis()).unwrap()));
        let hub = open(&catalog, &content, &time, &config).await;
        Self {
            hub,
            catalog,
            config,
            content,
            time,
            folder: Arc::new(folder),
        }
    }

    /// Another hub over the same rows and bytes, as a restart or another node makes one.
    pub(crate) async fn reopened(&self, set: impl FnOnce(&mut Config)) -> Hub {
        let mut config = self.config.clone();
        set(&mut config);
        open(&self.catalog, &self.content, &self.time, &config).await
    }

    /// A hub over another catalog, with this one's store and clock.
    pub(crate) async fn over(&self, catalog: Catalog) -> Hub {
        open(&catalog, &self.content, &self.time, &self.config).await
    }

    /// What a restore into this installation works on.
    pub(crate) fn restore_parts(&self) -> crate::RestoreParts {
        crate::RestoreParts {
            catalog: self.catalog.clone(),
            content: self.content.clone(),
            clock: clock(&self.time),
        }
    }

    /// Another catalog over the same store.
    pub(crate) async fn with_another_catalog(&self, database: &Database) -> Self {
        let catalog = Catalog::open(Options::new(database.url())).await.unwrap();
        catalog.migrate().await.unwrap();
        Self {
            hub: open(&catalog, &self.content, &self.time, &self.config).await,
            catalog,
            config: self.config.clone(),
            content: self.content.clone(),
            time: Arc::new(AtomicI64::new(self.time().0)),
            folder: Arc::clone(&self.folder),
        }
    }

    /// The same rows and bytes, opened again at the time `now`.
    pub(crate) async fn again_at(&self, now: Millis) -> Self {
        self.time.store(now.0, Ordering::Relaxed);
        Self {
            hub: open(&self.catalog, &self.content, &self.time, &self.config).await,
            catalog: self.catalog.clone(),
            config: self.config.clone(),
            content: self.content.clone(),
            time: Arc::clone(&self.time),
            folder: Arc::clone(&self.folder),
        }
    }

    /// Turns the clock on.
    pub(crate) fn pass_secs(&self, secs: i64) {
        self.time.fetch_add(secs * 1000, Ordering::Relaxed);
    }

    /// Turns the clock on by the least that shows.
    pub(crate) fn tick(&self) {
        self.time.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn time(&self) -> Millis {
        Millis(self.time.load(Ordering::Relaxed))
    }

    /// Makes an account and signs it in. The first one is the administrator's.
    pub(crate) async fn user(&self, name: &str) -> Actor {
        let sign_in = self.register(registration(name), &here()).await.unwrap();
        self.actor(&sign_in).await
    }

    /// Who a sign-in acts as.
    pub(crate) async fn actor(&self, sign_in: &SignIn) -> Actor {
        let credential = Credential::Bearer(sign_in.tokens.access.clone());
        self.authenticate(&credential, &here()).await.unwrap()
    }

    pub(crate) async fn root(&self, who: &Actor) -> NodeId {
        self.me(who).await.unwrap().root
    }

    pub(crate) async fn used_bytes(&self, who: &Actor) -> u64 {
        self.me(who).await.unwrap().used_bytes
    }

    pub(crate) async fn new_folder(&self, who: &Actor, folder: impl Into<FolderRef>, name: &str) -> Node {
        let new = NewFolder::In {
            folder: folder.into(),
            name: named(name),
            on_conflict: OnConflict::Fail,
        };
        self.create_folder(who, new).await.unwrap().0
    }

    /// Makes folders along a path, and answers the last.
    pub(crate) async fn new_path(&self, who: &Actor, path: &str) -> Node {
        let new = NewFolder::Path(path.parse().unwrap());
        self.create_folder(who, new).await.unwrap().0
    }

    /// Stores bytes under a name; over a file of that name.
    pub(crate) async fn put(
        &self,
        who: &Actor,
        folder: impl Into<FolderRef>,
        name: &str,
        bytes: impl AsRef<[u8]>,
    ) -> Node {
        self.store(who, into(folder, name), bytes).await.unwrap().node
    }

    pub(crate) async fn store(
        &self,
        who: &Actor,
        upload: Upload,
        bytes: impl AsRef<[u8]>,
    ) -> Result<Stored, HubError> {
        self.upload(who, upload, Expected::default(), body(bytes.as_ref()))
            .await
    }

    /// Reads the current content of a file.
    pub(crate) async fn bytes_of(&self, who: &Actor, file: NodeId) -> Vec<u8> {
        self.content_of(who, file, None).await.unwrap()
    }

    pub(crate) async fn content_of(
        &self,
        who: &Actor,
        file: NodeId,
        number: Option<u64>,
    ) -> Result<Vec<u8>, HubError> {
        let download = self.open_file(who, file, number).await?;
        let stream = self.read_content(&download, 0..u64::MAX).await?;
        let chunks: Vec<Bytes> = stream.try_collect().await.map_err(HubError::Body)?;
        Ok(chunks.concat())
    }

    /// The names in a folder: folders with a `/`, then files, by name.
    pub(crate) async fn names(&self, who: &Actor, folder: impl Into<FolderRef>) -> Vec<String> {
        let page = self
            .children(who, folder.into(), (None, by(SortKey::Name)), part(1000))
            .await
            .unwrap();
        let names = page.items.iter().map(|item| match item.node.kind {
            NodeKind::Folder => format!("{}/", item.node.name),
            NodeKind::File => item.node.name.to_string(),
        });
        names.collect()
    }

    pub(crate) async fn path_of(&self, who: &Actor, node: NodeId) -> String {
        self.info(who, node).await.unwrap().path.to_string()
    }

    /// The files that hold blobs.
    pub(crate) fn stored(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().unwrap() != "tmp" {
                found.extend(files(&path));
            }
        }
        found.sort();
        found
    }

    pub(crate) fn store_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Does all jobs that are due, on the spot, and answers what they did.
    pub(crate) async fn do_jobs(&self) -> Vec<(model::JobKind, Upkept)> {
        let mut done = Vec::new();
        loop {
            let leases = self.lease_jobs("test", 10).await.unwrap();
            if leases.is_empty() {
                return done;
            }
            for lease in leases {
                done.push((lease.job.kind, self.do_job(lease).await));
            }
        }
    }

    pub(crate) async fn do_job(&self, lease: Lease) -> Upkept {
        let upkept = match lease.job.kind {
            model::JobKind::Upload => Upkept::default(),
            model::JobKind::Sweep => self.sweep(&lease).await.unwrap(),
            model::JobKind::Retention => self.retention(&lease).await.unwrap(),
            model::JobKind::Scrub => self.scrub(&lease).await.unwrap(),
            model::JobKind::StoreCopy => self.run_move(&lease).await.unwrap(),
            model::JobKind::Prove => self.prove_new(&lease).await.unwrap(),
            model::JobKind::Reseal => self.reseal(&lease).await.unwrap(),
            model::JobKind::Archive => self.archive(&lease).await.unwrap(),
            model::JobKind::Purge => self.free_purged(&lease).await.unwrap(),
            model::JobKind::Observe => self.observe(&lease).await.unwrap(),
            // Done by another crate; here it is called off, and seen in what was done.
            model::JobKind::Mirror => Upkept::default().stopped(),
            model::JobKind::Migrate => self.migrate(&lease).await.unwrap(),
        };
        let outcome = match upkept.was_stopped {
            true => crate::JobOutcome::Stopped,
            false => crate::JobOutcome::Done,
        };
        lease.end(outcome).await.unwrap();
        upkept
    }

    /// Runs the chores that are due.
    pub(crate) async fn upkeep(&self) -> Vec<(model::JobKind, Upkept)> {
        self.schedule_upkeep().await.unwrap();
        self.do_jobs().await
    }

    /// Panics unless rows and bytes are as they should be, and nothing is left over.
    pub(crate) async fn check_sound(&self) {
        let report = self.fsck(crate::Verify::Digest).await.unwrap();
        assert_eq!(report.damage, Vec::<String>::new());
        assert_eq!(report.orphans, Vec::<String>::new());
    }
}

async fn open(catalog: &Catalog, content: &Content, time: &Arc<AtomicI64>, config: &Config) -> Hub {
    let parts = HubParts {
        catalog: catalog.clone(),
        content: content.clone(),
        clock: clock(time),
        keys: Keys::derive(b"a secret of the tests, long enough for them"),
        vault: content::Keyring::new([b"a key for tests".as_slice()]).expect("a key"),
        config: config.clone(),
        tasks: TaskTracker::new(),
    };
    Hub::open(parts).await.unwrap()
}

fn clock(time: &Arc<AtomicI64>) -> Clock {
    let time = Arc::clone(time);
    Arc::new(move || Millis(time.load(Ordering::Relaxed)))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

impl From<NodeId> for FolderRef {
    fn from(id: NodeId) -> Self {
        Self::Id(id)
    }
}

impl From<&Node> for FolderRef {
    fn from(node: &Node) -> Self {
        Self::Id(node.id)
    }
}

/// The root of whoever asks.
pub(crate) const ROOT: FolderRef = FolderRef::Root;

pub(crate) fn named(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

/// This machine.
pub(crate) fn here() -> Peer {
    Peer {
        is_this_machine: true,
        ..from("127.0.0.1")
    }
}

/// Another machine.
pub(crate) fn from(ip: &str) -> Peer {
    Peer {
        ip: ip.parse().unwrap(),
        is_this_machine: false,
        label: "tests".to_owned(),
    }
}

pub(crate) fn address(name: &str) -> String {
    format!("{name}@example.org")
}

pub(crate) fn registration(name: &str) -> Registration {
    Registration {
        email: address(name),
        password: PASSWORD.to_owned(),
        ..Registration::default()
    }
}

pub(crate) fn part(limit: u32) -> Part {
    Part { limit, cursor: None }
}

pub(crate) const fn by(key: SortKey) -> Sort {
    Sort {
        key,
        order: Order::Ascending,
    }
}

pub(crate) fn body(bytes: &[u8]) -> ByteStream {
    let bytes = Bytes::copy_from_slice(bytes);
    let end = bytes.len() as u64;
    content::body_of(bytes, 0..end)
}

/// An upload into a folder, over a file of that name.
pub(crate) fn into(folder: impl Into<FolderRef>, name: &str) -> Upload {
    upload(UploadPlace::In {
        folder: folder.into(),
        name: named(name),
    })
}

pub(crate) fn upload(place: UploadPlace) -> Upload {
    Upload {
        place,
        on_conflict: OnConflict::NewVersion,
        guard: Guard::None,
        media_type: "text/plain".to_owned(),
        origin: Origin::Api,
        is_tracked: false,
    }
}

/// Bytes that are too many to be kept in the catalog, each letter another content.
pub(crate) fn big(letter: u8) -> Vec<u8> {
    vec![letter; 20 * 1024]
}

/// Panics unless an outcome is a refusal of that shape.
macro_rules! refused {
    ($outcome:expr, $refusal:pat) => {
        match $outcome {
            Err($refusal) => {}
            Err(other) => panic!("refused differently: {other:?}"),
            Ok(_) => panic!("not refused"),
        }
    };
}
pub(crate) use refused;
