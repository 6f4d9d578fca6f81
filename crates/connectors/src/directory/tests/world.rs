//! A folder, and somebody else who works in it with the tools that everybody has.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use model::Millis;
use tempfile::TempDir;

use super::{Directory, DirectoryOptions, Symlinks};
use crate::contract::{Disk, Tree, World};
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
        self.disk().path(path)
    }

    fn disk(&self) -> Disk {
        Disk(self.outside.path().join("root"))
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
        self.disk().write(path, bytes);
    }

    async fn make_folder(&self, path: &str) {
        self.disk().make_folder(path);
    }

    async fn relocate(&self, from: &str, to: &str) {
        self.disk().relocate(from, to);
    }

    async fn remove(&self, path: &str) {
        self.disk().remove(path);
    }

    async fn tree(&self) -> Tree {
        self.disk().tree()
    }
}
