//! Somebody else who works in a folder of this machine with the tools that everybody has.

use std::fs;
use std::path::{Path, PathBuf};

use super::Tree;

/// A folder of this machine.
pub struct Disk(pub PathBuf);

impl Disk {
    /// Where something is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Writes as editors do it: beside, and then into its place.
    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("folders");
        let beside = path.with_file_name(".another program's");
        fs::write(&beside, bytes).expect("write");
        fs::rename(&beside, &path).expect("rename");
    }

    /// Makes folders.
    pub fn make_folder(&self, path: &str) {
        fs::create_dir_all(self.path(path)).expect("folders");
    }

    /// Renames.
    pub fn relocate(&self, from: &str, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().expect("below the root")).expect("folders");
        fs::rename(self.path(from), to).expect("rename");
    }

    /// Removes for good.
    pub fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() {
            fs::remove_dir_all(path).expect("remove");
        } else {
            fs::remove_file(path).expect("remove");
        }
    }

    /// All that is there, without what is ours.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        collect(&self.0, "", &mut tree);
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
