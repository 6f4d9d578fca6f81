//! Mirrors between a real hub and a real folder on this machine.

mod conflicts;
mod random;
mod two_way;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use catalog::{Catalog, DatabaseUrl, Options};
use content::{Content, LocalOptions, LocalStore};
use futures_util::TryStreamExt;
use hub::{
    Config, Credentials, Endpoint, Expected, FolderRef, Hub, HubParts, Keys, MirrorFolder, MirrorSettings,
    NewConnection, NewMirror, Part, PasswordCost, Peer, Registration, RemoteFolder, Upload, UploadPlace,
};
use model::{Actor, Guard, Millis, Mirror, Node, NodeId, NodePath, OnConflict, Order, Origin, Sort, SortKey};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::Runner;

/// A hub, a folder on this machine, and a mirror between the two.
pub(super) struct World {
    pub hub: Hub,
    pub runner: Runner,
    pub ada: Actor,
    pub mirror: Mirror,
    time: Arc<AtomicI64>,
    folder: TempDir,
}

const SORT: Sort = Sort {
    key: SortKey::Name,
    order: Order::Ascending,
};

/// A tree: paths with contents; folders have none.
pub(super) type Tree = BTreeMap<String, Option<Vec<u8>>>;

impl World {
    pub async fn start(settings: MirrorSettings) -> Self {
        Self::with(settings, |_| {}).await
    }

    /// Begins with what `prepare` puts into the folder on this machine.
    pub async fn with(settings: MirrorSettings, prepare: impl FnOnce(&Path)) -> Self {
        Self::made(settings, false, prepare).await
    }

    /// The same with a mirror that may be paused at first.
    pub async fn made(settings: MirrorSettings, is_paused: bool, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there");
        std::fs::create_dir(&there).unwrap();
        prepare(&there);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let time = Arc::new(AtomicI64::new(i64::try_from(now.as_millis()).unwrap()));
        let hub = hub(folder.path(), &time).await;
        let ada = register(&hub).await;
        let runner = Runner::new(hub.clone(), "test");
        let new = NewConnection {
            endpoint: Endpoint::Directory {
                path: there.to_str().unwrap().to_owned(),
                is_read_only: false,
            },
            credentials: Credentials::None,
            label: "a folder".to_owned(),
            is_servers: true,
        };
        let connection = hub.connect(&ada, new).await.unwrap();
        let new = NewMirror {
            folder: MirrorFolder::Path(path("mirrored")),
            connection: connection.connection.id,
            remote: RemoteFolder::Item("root".to_owned()),
            settings,
            is_paused,
        };
        let mirror = hub.create_mirror(&ada, new).await.unwrap();
        Self {
            hub,
            runner,
            ada,
            mirror,
            time,
            folder,
        }
    }

    pub fn there(&self, path: &str) -> PathBuf {
        self.folder.path().join("there").join(path)
    }

    pub fn pass_secs(&self, secs: i64) {
        self.time.fetch_add(secs * 1000, Ordering::Relaxed);
    }

    /// Lets everything run until nothing happens any more, however long it waits in between.
    pub async fn settle(&self) {
        for _ in 0..6 {
            self.hub
                .look_at_connections(&self.ada, &["directory"], 100)
                .await
                .unwrap();
            self.runner.run_until_idle().await.unwrap();
            self.pass_secs(20 * 60);
        }
        self.runner.run_until_idle().await.unwrap();
    }

    pub async fn put(&self, path_here: &str, bytes: &[u8]) -> Node {
        let upload = Upload {
            place: UploadPlace::Path(path(&format!("mirrored/{path_here}"))),
            on_conflict: OnConflict::NewVersion,
            guard: Guard::None,
            media_type: "application/octet-stream".to_owned(),
            origin: Origin::Api,
            is_tracked: false,
        };
        let expected = Expected {
            size_bytes: Some(bytes.len() as u64),
            ..Expected::default()
        };
        let bytes = Bytes::copy_from_slice(bytes);
        let body = Box::pin(futures_util::stream::once(async move { Ok(bytes) }));
        self.hub
            .upload(&self.ada, upload, expected, body)
            .await
            .unwrap()
            .node
    }

    pub async fn node(&self, path_here: &str) -> Node {
        let path = path(&format!("mirrored/{path_here}"));
        self.hub.resolve(&self.ada, &path).await.unwrap().node
    }

    pub async fn node_or_root(&self, path_here: &str) -> NodeId {
        match path_here {
            "" => self.mirror.node,
            path_here => self.node(path_here).await.id,
        }
    }

    /// Every content that can still be had here: in the tree, in the trash, and as an earlier version of these.
    pub async fn all_contents(&self) -> BTreeSet<Vec<u8>> {
        let mut files = Vec::new();
        let mut folders = vec![self.mirror.node];
        let part = || Part {
            limit: 1000,
            cursor: None,
        };
        for deleted in self.hub.trash(&self.ada, part()).await.unwrap().items {
            match deleted.node.is_folder() {
                true => folders.push(deleted.node.id),
                false => files.push(deleted.node.id),
            }
        }
        while let Some(folder) = folders.pop() {
            let page = self
                .hub
                .children(&self.ada, FolderRef::Id(folder), (None, SORT), part())
                .await;
            // What is in a deleted folder cannot be listed; mirrors delete file by file.
            for listed in page.map(|page| page.items).unwrap_or_default() {
                match listed.node.is_folder() {
                    true => folders.push(listed.node.id),
                    false => files.push(listed.node.id),
                }
            }
        }
        let mut contents = BTreeSet::new();
        for file in files {
            let mut node = None;
            if let Ok(versions) = self.hub.versions(&self.ada, file, part()).await {
                for version in versions.items {
                    let download = self
                        .hub
                        .open_file(&self.ada, file, Some(version.number))
                        .await
                        .unwrap();
                    contents.insert(self.bytes(&download).await);
                    node = Some(file);
                }
            }
            if node.is_none() {
                let (back, _) = self.hub.restore(&self.ada, file, (None, None)).await.unwrap();
                for version in self.hub.versions(&self.ada, file, part()).await.unwrap().items {
                    let download = self
                        .hub
                        .open_file(&self.ada, file, Some(version.number))
                        .await
                        .unwrap();
                    contents.insert(self.bytes(&download).await);
                }
                self.hub.delete(&self.ada, back.id, Guard::None).await.unwrap();
            }
        }
        contents
    }

    async fn bytes(&self, download: &hub::Download) -> Vec<u8> {
        let size = download.version.size_bytes;
        let body = self.hub.read_content(download, 0..size).await.unwrap();
        let pieces: Vec<Bytes> = body.try_collect().await.unwrap();
        pieces.concat()
    }

    /// What is here.
    pub async fn tree_here(&self) -> Tree {
        let mut tree = Tree::new();
        let mut folders = vec![(self.mirror.node, String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            let mut cursor = None;
            loop {
                let part = Part { limit: 100, cursor };
                let page = self
                    .hub
                    .children(&self.ada, FolderRef::Id(folder), (None, SORT), part)
                    .await
                    .unwrap();
                for listed in page.items {
                    let path = format!("{prefix}{}", listed.node.name);
                    if listed.node.is_folder() {
                        folders.push((listed.node.id, format!("{path}/")));
                        tree.insert(path, None);
                    } else {
                        let bytes = self.read(&listed.node).await;
                        tree.insert(path, Some(bytes));
                    }
                }
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        tree
    }

    pub async fn read(&self, node: &Node) -> Vec<u8> {
        let download = self.hub.open_file(&self.ada, node.id, None).await.unwrap();
        let size = download.version.size_bytes;
        let body = self.hub.read_content(&download, 0..size).await.unwrap();
        let pieces: Vec<Bytes> = body.try_collect().await.unwrap();
        pieces.concat()
    }

    /// What is there.
    pub fn tree_there(&self) -> Tree {
        let mut tree = Tree::new();
        walk(&self.folder.path().join("there"), "", &mut tree);
        tree
    }

    /// Both sides must have the same.
    #[track_caller]
    pub fn expect(&self, here: &Tree, expected: &[(&str, Option<&[u8]>)]) {
        let expected: Tree = expected
            .iter()
            .map(|(path, bytes)| ((*path).to_owned(), bytes.map(<[u8]>::to_vec)))
            .collect();
        assert_eq!(*here, expected, "here");
        assert_eq!(self.tree_there(), expected, "there");
    }
}

fn walk(folder: &Path, prefix: &str, tree: &mut Tree) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_str().unwrap().to_owned();
        if name.starts_with(".cumuli") {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            tree.insert(path.clone(), None);
            walk(&entry.path(), &format!("{path}/"), tree);
        } else {
            tree.insert(path, Some(std::fs::read(entry.path()).unwrap()));
        }
    }
}

pub(super) fn path(text: &str) -> NodePath {
    text.parse().unwrap()
}

async fn hub(folder: &Path, time: &Arc<AtomicI64>) -> Hub {
    let catalog = Options::new(DatabaseUrl::sqlite(folder.join("catalog.db")));
    let catalog = Catalog::open(catalog).await.unwrap();
    catalog.migrate().await.unwrap();
    let store = LocalStore::open(LocalOptions {
        folder: folder.join("blobs"),
        durability: content::Durability::UnsafeNone,
    });
    let clock = Arc::clone(time);
    let parts = HubParts {
        catalog,
        content: Content::new(Arc::new(store.await.unwrap())),
        clock: Arc::new(move || Millis(clock.load(Ordering::Relaxed))),
        keys: Keys::derive(b"a secret of the tests, long enough for them"),
        vault: content::Keyring::new([b"a key for tests".as_slice()]).expect("a key"),
        config: Config {
            password_cost: PasswordCost {
                memory_kib: 64,
                passes: 1,
            },
            directory_roots: vec![folder.to_path_buf()],
            ..Config::default()
        },
        tasks: TaskTracker::new(),
    };
    Hub::open(parts).await.unwrap()
}

async fn register(hub: &Hub) -> Actor {
    let registration = Registration {
        email: "ada@example.org".to_owned(),
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
