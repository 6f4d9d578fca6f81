//! A world with what cases need at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::TryStreamExt;
use model::{ByteStream, Millis};

use super::sources::{Bytes, Kept};
use super::world::{Tree, Trouble, World};
use crate::{
    Abilities, Connector, Hasher, Hashes, Item, ItemId, NoJournal, Read, RemoteError, Source, Target, Upload,
    Written,
};

/// How often it is asked for what may come late.
pub const ROUNDS: usize = 25;

/// More pages than any case fills.
const MOST_PAGES: usize = 2_000;

/// A time that no file has by chance: 2021-03-04 05:06:07.
pub const THEN: Millis = Millis(1_614_834_367_000);

/// One world and its connector.
pub struct Scene {
    /// The world.
    pub world: Box<dyn World>,
    /// Its connector.
    pub drive: Arc<dyn Connector>,
    /// The root of the drive.
    pub root: ItemId,
}

impl Scene {
    /// Asks for the root.
    pub async fn new(world: impl World + 'static) -> Self {
        let drive = world.connector();
        let about = drive.about().await.expect("about");
        Self {
            world: Box::new(world),
            drive,
            root: about.root,
        }
    }

    /// What the connection can do.
    pub fn can(&self) -> &Abilities {
        self.drive.abilities()
    }

    /// All that is in a folder.
    pub async fn children(&self, folder: &ItemId) -> Vec<Item> {
        let mut items = Vec::new();
        let mut page = None;
        for _ in 0..MOST_PAGES {
            let told = self
                .drive
                .children(folder, page.as_deref())
                .await
                .expect("children");
            items.extend(told.items);
            match told.next {
                Some(next) => page = Some(next),
                None => return items,
            }
        }
        panic!("the pages of a folder have no end");
    }

    /// The names in a folder, sorted.
    pub async fn names(&self, folder: &ItemId) -> Vec<String> {
        let mut names: Vec<String> = self
            .children(folder)
            .await
            .into_iter()
            .map(|item| item.name)
            .collect();
        names.sort_unstable();
        names
    }

    /// The item of that path, if listings tell of it.
    pub async fn find(&self, path: &str) -> Option<Item> {
        let mut folder = self.root.clone();
        let mut found = None;
        for name in path.split('/') {
            let item = self
                .children(&folder)
                .await
                .into_iter()
                .find(|item| item.name == name)?;
            folder = item.id.clone();
            found = Some(item);
        }
        found
    }

    /// The item of that path, which is there, sooner or later.
    pub async fn need(&self, path: &str) -> Item {
        for _ in 0..ROUNDS {
            if let Some(item) = self.find(path).await {
                return item;
            }
            self.world.settle().await;
        }
        panic!("no listing tells of `{path}`");
    }

    /// The names that are in a folder sooner or later.
    #[track_caller]
    pub fn expect_names<'a>(
        &'a self,
        folder: &'a ItemId,
        expected: &'a [&'a str],
    ) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let mut names = Vec::new();
            for _ in 0..ROUNDS {
                names = self.names(folder).await;
                if names == expected {
                    return;
                }
                self.world.settle().await;
            }
            panic!("{caller}: {names:?} instead of {expected:?}");
        }
    }

    /// Writes as somebody else, and finds it.
    pub async fn given(&self, path: &str, bytes: &[u8]) -> Item {
        self.world.write(path, bytes).await;
        self.need(path).await
    }

    /// Makes a folder with a file in it, so that it is there on every connection.
    pub async fn given_folder(&self, path: &str) -> Item {
        self.world.make_folder(path).await;
        self.world.write(&format!("{path}/in.txt"), b"in it").await;
        self.need(path).await
    }

    /// A file of ours in the root.
    pub async fn create(&self, name: &str, bytes: &[u8]) -> Item {
        self.create_in(&self.root, name, bytes).await
    }

    /// A file of ours.
    pub async fn create_in(&self, parent: &ItemId, name: &str, bytes: &[u8]) -> Item {
        let source = Bytes(bytes.to_vec());
        let made = self.try_create(parent, name, &source).await;
        made.unwrap_or_else(|error| panic!("create `{name}`: {error:?}"))
            .item
    }

    /// Tries to create a file.
    pub async fn try_create(
        &self,
        parent: &ItemId,
        name: &str,
        source: &dyn Source,
    ) -> Result<Written, RemoteError> {
        let target = Target::Create {
            parent,
            name,
            id: None,
        };
        self.send(target, source).await
    }

    /// Tries to replace a content that is as the item says.
    pub async fn try_replace(&self, item: &Item, bytes: &[u8]) -> Result<Written, RemoteError> {
        let expected = item.revision.as_ref().expect("files have a revision");
        let target = Target::Replace {
            id: &item.id,
            expected,
        };
        self.send(target, &Bytes(bytes.to_vec())).await
    }

    /// Sends without a journal.
    pub async fn send(&self, target: Target<'_>, source: &dyn Source) -> Result<Written, RemoteError> {
        let upload = Upload {
            target,
            source,
            media_type: "text/plain",
            modified: Some(THEN),
            journal: &NoJournal,
        };
        self.drive.upload(upload).await
    }

    /// Sends with a journal.
    pub async fn send_kept(
        &self,
        name: &str,
        source: &dyn Source,
        journal: &Kept,
    ) -> Result<Written, RemoteError> {
        let target = Target::Create {
            parent: &self.root,
            name,
            id: None,
        };
        let upload = Upload {
            target,
            source,
            media_type: "application/octet-stream",
            modified: Some(THEN),
            journal,
        };
        self.drive.upload(upload).await
    }

    /// A content from an offset on.
    pub async fn read_from(&self, item: &Item, offset: u64) -> Result<Vec<u8>, RemoteError> {
        let read = Read {
            id: &item.id,
            revision: item.revision.as_ref(),
            offset,
            export: None,
        };
        let reading = self.drive.read(read).await?;
        collect(reading.stream).await
    }

    /// A whole content.
    pub async fn read(&self, item: &Item) -> Vec<u8> {
        self.read_from(item, 0).await.expect("read")
    }

    /// What somebody else sees, without what no connection has to keep: folders that are empty where there are
    /// none.
    pub async fn tree(&self) -> Tree {
        even(self.world.tree().await, self.can().has_empty_folders)
    }

    /// Compares what somebody else sees.
    #[track_caller]
    pub fn expect_tree<'a>(&'a self, expected: &'a [(&'a str, &'a [u8])]) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let expected: Tree = expected
                .iter()
                .map(|(path, bytes)| ((*path).to_owned(), Some(bytes.to_vec())))
                .collect();
            let expected = even(expected, true);
            let mut found = Tree::new();
            for _ in 0..ROUNDS {
                found = self.tree().await;
                if found == expected {
                    return;
                }
                self.world.settle().await;
            }
            panic!(
                "{caller}:\nthere is  {}\nshould be {}",
                shown(&found),
                shown(&expected)
            );
        }
    }

    /// Arranges trouble; whether this world can. A case goes on only where it can.
    pub async fn trouble(&self, trouble: Trouble) -> bool {
        let can = self.world.trouble(trouble).await;
        if !can {
            println!("passed over: {trouble:?} cannot be made to happen here");
        }
        can
    }
}

/// Adds the folders that paths speak of, and leaves out empty ones where there are none.
fn even(tree: Tree, has_empty_folders: bool) -> Tree {
    let mut above = BTreeSet::new();
    for path in tree.keys() {
        let is_file = tree[path].is_some();
        if is_file || has_empty_folders {
            above.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
        }
    }
    let mut even: Tree = tree
        .into_iter()
        .filter(|(_, content)| content.is_some() || has_empty_folders)
        .collect();
    for folder in above {
        even.entry(folder).or_insert(None);
    }
    even
}

fn shown(tree: &Tree) -> String {
    let lines: BTreeMap<&String, String> = tree
        .iter()
        .map(|(path, content)| {
            let what = content.as_ref().map_or("folder".to_owned(), |bytes| {
                let start = String::from_utf8_lossy(&bytes[..bytes.len().min(24)]).into_owned();
                format!("{} bytes {start:?}", bytes.len())
            });
            (path, what)
        })
        .collect();
    format!("{lines:#?}")
}

/// All bytes of a stream, or why it ended.
pub async fn collect(stream: ByteStream) -> Result<Vec<u8>, RemoteError> {
    let pieces: Result<Vec<bytes::Bytes>, model::BodyError> = stream.try_collect().await;
    pieces
        .map(|pieces| pieces.concat())
        .map_err(|error| RemoteError::Unavailable(error.to_string()))
}

/// The hashes of a content that a connection tells.
pub fn hashes_of(can: &Abilities, bytes: &[u8]) -> Hashes {
    let mut hasher = Hasher::new(can.hashes);
    hasher.update(bytes);
    hasher.finish()
}

/// Bytes that differ from place to place.
pub fn sample(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        })
        .collect()
}
