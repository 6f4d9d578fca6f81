//! What schedules are played in: nodes over one catalog, with a clock of their own. Many schedules share one, each with a
//! person, a connection and a mirror of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use catalog::{Catalog, DatabaseUrl, Options};
use content::{Content, LocalOptions, LocalStore};
use hub::{
    Config, Credential, Expected, FolderRef, Hub, HubError, HubParts, Keys, NewFolder, Part, PasswordCost,
    Peer, Registration, Upload, UploadPlace,
};
use model::{
    Actor, Change, Clock, Guard, Millis, Node, NodeId, NodeKind, NodeName, OnConflict, Order, Origin, Sort,
    SortKey,
};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

/// Where the clock begins: any time will do, as long as it is always the same.
const BEGINNING: i64 = 1_800_000_000_000;
/// Nodes over one catalog.
const NODES: usize = 2;

/// Nodes over one catalog.
pub(super) struct World {
    pub(super) hubs: Vec<Hub>,
    time: Arc<AtomicI64>,
    _folder: TempDir,
}

impl World {
    pub(super) async fn new() -> Self {
        // What is in memory need not be flushed.
        let memory = std::path::Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let folder = folder.expect("a folder");
        let catalog = Options {
            durability: catalog::Durability::UnsafeNone,
            ..Options::new(DatabaseUrl::sqlite(folder.path().join("catalog.db")))
        };
        let catalog = Catalog::open(catalog).await.expect("a catalog");
        catalog.migrate().await.expect("its tables");
        let store = LocalStore::open(LocalOptions {
            folder: folder.path().join("blobs"),
            durability: content::Durability::UnsafeNone,
        });
        let content = Content::new(Arc::new(store.await.expect("a store")));
        let time = Arc::new(AtomicI64::new(BEGINNING));
        let mut hubs = Vec::new();
        for _ in 0..NODES {
            hubs.push(node(&catalog, &content, &time).await);
        }
        Self {
            hubs,
            time,
            _folder: folder,
        }
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hubs[0]
    }

    pub(super) fn now(&self) -> Millis {
        Millis(self.time.load(Ordering::Relaxed))
    }

    pub(super) fn pass_ms(&self, ms: i64) {
        self.time.fetch_add(ms, Ordering::Relaxed);
    }

    /// Somebody new.
    pub(super) async fn person(&self, name: &str) -> Result<Actor, HubError> {
        let registration = Registration {
            email: format!("{name}@example.org"),
            password: "correct horse battery".to_owned(),
            ..Registration::default()
        };
        let peer = Peer {
            ip: [127, 0, 0, 1].into(),
            is_this_machine: true,
            label: String::new(),
        };
        let sign_in = self.hub().register(registration, &peer).await?;
        self.hub()
            .authenticate(&Credential::Bearer(sign_in.tokens.access), &peer)
            .await
    }
}

async fn node(catalog: &Catalog, content: &Content, time: &Arc<AtomicI64>) -> Hub {
    let parts = HubParts {
        catalog: catalog.clone(),
        content: content.clone(),
        clock: clock(time),
        keys: Keys::derive(b"a secret of the simulation, long enough for it"),
        vault: content::Keyring::new([b"a key for the simulation".as_slice()]).expect("a key"),
        config: Config {
            password_cost: PasswordCost {
                memory_kib: 8,
                passes: 1,
            },
            ..Config::default()
        },
        tasks: TaskTracker::new(),
    };
    Hub::open(parts).await.expect("a hub")
}

/// A clock that never tells the same time twice, so that ids are in the order in which they were made.
fn clock(time: &Arc<AtomicI64>) -> Clock {
    let time = Arc::clone(time);
    Arc::new(move || Millis(time.fetch_add(1, Ordering::Relaxed)))
}

/// Someone's files.
pub(super) struct Desk<'a> {
    pub(super) hub: &'a Hub,
    pub(super) who: &'a Actor,
}

/// What is in a folder here, with all below it.
#[derive(Default)]
pub(super) struct Tree {
    /// Folders and files, those of a folder after it.
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    pub(super) fn inside(&self, folder: NodeId) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |node| node.parent == Some(folder))
    }

    /// A node and all below it.
    pub(super) fn within(&self, top: NodeId) -> Vec<&Node> {
        let mut found: Vec<&Node> = self.nodes.iter().filter(|node| node.id == top).collect();
        let mut at = 0;
        while at < found.len() {
            let folder = found[at].id;
            found.extend(self.inside(folder));
            at += 1;
        }
        found
    }

    /// Where a node is below `top`.
    pub(super) fn path(&self, top: NodeId, node: &Node) -> String {
        let mut path = node.name.to_string();
        let mut above = node.parent;
        while let Some(folder) = above.filter(|folder| *folder != top) {
            let Some(folder) = self.nodes.iter().find(|node| node.id == folder) else {
                break;
            };
            path = format!("{}/{path}", folder.name);
            above = folder.parent;
        }
        path
    }
}

impl Desk<'_> {
    pub(super) async fn tree(&self, top: NodeId) -> Result<Tree, HubError> {
        let mut tree = Tree::default();
        let mut folders = vec![top];
        while let Some(folder) = folders.pop() {
            let sort = Sort {
                key: SortKey::Name,
                order: Order::Ascending,
            };
            let part = Part {
                limit: 1000,
                cursor: None,
            };
            let page = self
                .hub
                .children(self.who, FolderRef::Id(folder), (None, sort), part)
                .await?;
            for item in page.items {
                if item.node.kind == NodeKind::Folder {
                    folders.push(item.node.id);
                }
                tree.nodes.push(item.node);
            }
        }
        Ok(tree)
    }

    pub(super) async fn make_folder(&self, folder: NodeId, name: &str) -> Result<Node, HubError> {
        let new = NewFolder::In {
            folder: FolderRef::Id(folder),
            name: named(name),
            on_conflict: OnConflict::Fail,
        };
        Ok(self.hub.create_folder(self.who, new).await?.0)
    }

    /// Stores a new file.
    pub(super) async fn put(&self, folder: NodeId, name: &str, bytes: &[u8]) -> Result<Node, HubError> {
        let place = UploadPlace::In {
            folder: FolderRef::Id(folder),
            name: named(name),
        };
        self.upload(place, Guard::Absent, bytes).await
    }

    /// Stores a content over the one that was looked at.
    pub(super) async fn edit(&self, file: &Node, bytes: &[u8]) -> Result<Node, HubError> {
        self.upload(
            UploadPlace::Over(file.id),
            Guard::Matches(vec![file.etag()]),
            bytes,
        )
        .await
    }

    async fn upload(&self, place: UploadPlace, guard: Guard, bytes: &[u8]) -> Result<Node, HubError> {
        let upload = Upload {
            place,
            on_conflict: OnConflict::NewVersion,
            guard,
            media_type: "text/plain".to_owned(),
            origin: Origin::Api,
            is_tracked: false,
        };
        let expected = Expected {
            size_bytes: Some(bytes.len() as u64),
            ..Expected::default()
        };
        let bytes = Bytes::copy_from_slice(bytes);
        let end = bytes.len() as u64;
        let stored = self
            .hub
            .upload(self.who, upload, expected, content::body_of(bytes, 0..end))
            .await?;
        Ok(stored.node)
    }

    /// The whole journal of the person's space.
    pub(super) async fn journal(&self) -> Result<Vec<Change>, HubError> {
        self.journal_after(&mut None).await
    }

    /// What it tells after a cursor, which is moved to its end.
    pub(super) async fn journal_after(&self, cursor: &mut Option<String>) -> Result<Vec<Change>, HubError> {
        let mut all = Vec::new();
        loop {
            let page = self.hub.changes(self.who, cursor.as_deref(), 1000).await?;
            all.extend(page.changes);
            *cursor = Some(page.next);
            if !page.has_more {
                return Ok(all);
            }
        }
    }
}

pub(super) fn named(name: &str) -> NodeName {
    NodeName::new(name).expect("a name")
}

/// What became of the contents that people stored.
#[derive(Default)]
pub(super) struct Ledger {
    /// By their bytes, as they were first stored.
    pub(super) stories: BTreeMap<Vec<u8>, Story>,
    by_digest: BTreeMap<[u8; 32], Vec<u8>>,
    next: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Story {
    /// Somebody who had it in front of them replaced it or threw it away.
    pub(super) is_superseded: bool,
    /// It was stored more than once: nothing can be said of where it has to be.
    pub(super) is_common: bool,
}

impl Ledger {
    /// A content to store: mostly a new one.
    pub(super) fn content(&mut self, rng: &mut super::tape::Rng) -> Vec<u8> {
        if rng.percent(10)
            && let Some(again) = rng.pick(&self.stories.keys().cloned().collect::<Vec<_>>())
        {
            let story = self.stories.get_mut(again).expect("it is known");
            story.is_common = true;
            story.is_superseded = false;
            return again.clone();
        }
        self.next += 1;
        // Several lengths, so that some are alike.
        let width = *rng.pick(&[4, 4, 6]).expect("there are some");
        let bytes = format!("c{:0width$}", self.next).into_bytes();
        let story = Story {
            is_superseded: false,
            is_common: false,
        };
        self.stories.insert(bytes.clone(), story);
        self.by_digest.insert(digest(&bytes), bytes.clone());
        // Some providers store something else.
        let mut rewritten = bytes.clone();
        rewritten.push(b'~');
        self.by_digest.insert(digest(&rewritten), rewritten);
        bytes
    }

    /// A content as people know it.
    pub(super) fn plain(bytes: &[u8]) -> &[u8] {
        bytes.strip_suffix(b"~").unwrap_or(bytes)
    }

    /// Somebody saw a content and put something in its place, or threw it away.
    pub(super) fn supersede(&mut self, bytes: &[u8]) {
        if let Some(story) = self.stories.get_mut(Self::plain(bytes)) {
            story.is_superseded = true;
        }
    }

    /// It was stored once more.
    pub(super) fn stored_again(&mut self, bytes: &[u8]) {
        if let Some(story) = self.stories.get_mut(Self::plain(bytes)) {
            story.is_common = true;
            story.is_superseded = false;
        }
    }

    /// The bytes of a file here.
    pub(super) fn bytes_of(&self, node: &Node) -> Option<&[u8]> {
        let digest = node.version.as_ref()?.digest?;
        self.of_digest(&digest.0)
    }

    /// The bytes of a digest that a conflict tells, `kind:text` or a SHA-256.
    pub(super) fn of_text(&self, told: &str) -> Option<&[u8]> {
        let known = self.by_digest.values().find(|bytes| {
            let mut hasher = connectors::Hasher::new(&connectors::HashKind::ALL);
            hasher.update(bytes);
            let hashes = hasher.finish();
            connectors::HashKind::ALL.into_iter().any(|kind| {
                let text = hashes.text(kind).unwrap_or_default();
                told == text || told == format!("{}:{text}", kind.as_str())
            })
        });
        known.map(Vec::as_slice)
    }

    pub(super) fn of_digest(&self, digest: &[u8; 32]) -> Option<&[u8]> {
        self.by_digest.get(digest).map(Vec::as_slice)
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = connectors::Hasher::new(&[connectors::HashKind::Sha256]);
    hasher.update(bytes);
    hasher.finish().sha256.expect("it was asked for")
}
