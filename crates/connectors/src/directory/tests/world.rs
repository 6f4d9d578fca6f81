//! A folder, and somebody else who works in it with the tools that everybody has.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use model::Millis;
use tempfile::TempDir;

use super::{Directory, DirectoryOptions, Symlinks};
use crate::contract::{Tree, World};
use crate::{Connector, RemoteError};

/// A folder of its own.
pub struct Folder {
    /// Around it is what must not be reached.
    pub outside: TempDir,
    pub drive: Arc<Directory>,
}

impl Folder {
    pub async fn open() -> Self {
        Self::with(|_| {})
    }

    /// Somebody else still writes there.
    pub async fn open_read_only() -> Self {
        Self::with(|options| options.is_read_only = true)
    }

    pub fn with(change: impl FnOnce(&mut DirectoryOptions)) -> Self {
        let outside = tempfile::tempdir().expect("a folder");
        fs::create_dir(outside.path().join("root")).expect("a folder");
        fs::write(outside.path().join("secret.txt"), "secret").expect("a file");
        let mut options = options(outside.path());
        change(&mut options);
        let drive = Directory::new(options).expect("a drive");
        Self {
            outside,
            drive: Arc::new(drive),
        }
    }

    /// The same folder, opened once more.
    pub fn again(&self, change: impl FnOnce(&mut DirectoryOptions)) -> Result<Directory, RemoteError> {
        let mut options = options(self.outside.path());
        change(&mut options);
        Directory::new(options)
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.outside.path().join("root").join(path)
    }
}

/// The time by which the file system goes too.
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Millis(i64::try_from(since.expect("after 1970").as_millis()).expect("before the end of time"))
}

pub fn options(outside: &Path) -> DirectoryOptions {
    DirectoryOptions {
        root: outside.join("root"),
        allowed: vec![outside.to_owned()],
        ours: Vec::new(),
        drive: None,
        symlinks: Symlinks::Shown,
        is_read_only: false,
        clock: Arc::new(now),
    }
}

#[async_trait]
impl World for Folder {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.drive) as Arc<dyn Connector>
    }

    async fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("folders");
        // As editors do it.
        let beside = path.with_file_name(".another program's");
        fs::write(&beside, bytes).expect("write");
        fs::rename(&beside, &path).expect("rename");
    }

    async fn make_folder(&self, path: &str) {
        fs::create_dir_all(self.path(path)).expect("folders");
    }

    async fn relocate(&self, from: &str, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().expect("below the root")).expect("folders");
        fs::rename(self.path(from), to).expect("rename");
    }

    async fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() {
            fs::remove_dir_all(path).expect("remove");
        } else {
            fs::remove_file(path).expect("remove");
        }
    }

    async fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        collect(&self.path(""), "", &mut tree);
        tree
    }
}

/// All that is in a folder, without what is ours.
pub fn collect(folder: &Path, above: &str, tree: &mut Tree) {
    for entry in fs::read_dir(folder).expect("read") {
        let entry = entry.expect("entry");
        let name = entry.file_name().into_string().expect("text");
        if name.starts_with(".cumuli-") {
            continue;
        }
        let path = format!("{above}{name}");
        if entry.file_type().expect("kind").is_dir() {
            collect(&entry.path(), &format!("{path}/"), tree);
            tree.insert(path, None);
        } else {
            tree.insert(path, Some(fs::read(entry.path()).expect("read")));
        }
    }
}
