//! A file that is not a blob yet.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, OFlags, fsync, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::refusal;
use super::root::{FILE_MODE, Key, Root, TEMPORARY};
use crate::ContentError;

/// A file that is not a blob yet; dropping it removes it.
pub(super) struct Temporary {
    file: File,
    /// Its name below `tmp/`; `None` when it has none, so that even a crash leaves nothing.
    name: Option<TemporaryName>,
}

struct TemporaryName {
    root: Arc<Root>,
    name: String,
}

impl Temporary {
    /// Makes an empty one. `name` is unique among those that exist now.
    pub(super) fn new(root: &Arc<Root>, name: &str) -> Result<Self, ContentError> {
        if root.has_unnamed_files {
            let file = unnamed(&root.dir).map_err(refusal)?.into();
            return Ok(Self { file, name: None });
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&root.temporary, name, flags, FILE_MODE).map_err(refusal)?;
        let name = TemporaryName {
            root: Arc::clone(root),
            name: name.to_owned(),
        };
        Ok(Self {
            file: file.into(),
            name: Some(name),
        })
    }

    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), ContentError> {
        (&self.file).write_all(bytes).map_err(refusal)
    }

    /// Lets the device begin with bytes that a later flush would have to wait for.
    pub(super) fn push_out(&self, from: u64, to: u64) {
        push_out(&self.file, from, to);
    }

    /// Makes the bytes durable, without a place.
    pub(super) fn flush(&self) -> Result<(), ContentError> {
        self.file.sync_data().map_err(refusal)
    }

    /// Gives the file its place as a blob. A place that is taken stays as it is.
    pub(super) fn place(self, folder: OwnedFd, key: Key) -> Result<Placed, ContentError> {
        match &self.name {
            None => link_unnamed(self.file.as_fd(), folder.as_fd(), key.name()),
            Some(name) => rename_fresh(name, folder.as_fd(), key.name()),
        }
        .map_err(refusal)?;
        Ok(Placed {
            file: self.file,
            folder,
            key,
        })
    }
}

/// A file that has its place as a blob but may not be durable yet.
pub(super) struct Placed {
    pub(super) key: Key,
    file: File,
    /// Opened before the file got its place, so that it learns of any error since.
    folder: OwnedFd,
}

impl Placed {
    /// Makes the bytes and the file's count of names durable. After an error they are lost,
    /// whatever a further flush says: the kernel reports a failed write once and then counts the
    /// page as clean.
    pub(super) fn flush(&self) -> Result<(), ContentError> {
        self.file.sync_all().map_err(refusal)
    }

    /// Makes the entries of its folder durable, its own among them.
    pub(super) fn flush_folder(&self) -> Result<(), Errno> {
        fsync(&self.folder)
    }

    /// Takes the place away again.
    pub(super) fn withdraw(self) {
        if let Err(error) = unlinkat(&self.folder, self.key.name(), AtFlags::empty()) {
            tracing::warn!(%error, "a blob that was given up could not be removed");
        }
    }
}

impl Drop for TemporaryName {
    fn drop(&mut self) {
        match unlinkat(&self.root.temporary, &*self.name, AtFlags::empty()) {
            // Missing is how it should be once the file has got its place.
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => {
                tracing::warn!(%error, folder = TEMPORARY, "an unfinished blob could not be removed")
            }
        }
    }
}

/// Whether the file system makes files without a name and lets them get one later.
#[cfg(target_os = "linux")]
pub(super) fn knows_unnamed_files(dir: &OwnedFd, temporary: &OwnedFd) -> bool {
    const PROBE: &str = "probe-unnamed";
    let Ok(file) = unnamed(dir) else { return false };
    let linked = link_unnamed(file.as_fd(), temporary.as_fd(), PROBE);
    let removed = unlinkat(temporary, PROBE, AtFlags::empty());
    // Another process may be probing the same folder.
    matches!(linked, Ok(()) | Err(Errno::EXIST)) && matches!(removed, Ok(()) | Err(Errno::NOENT))
}

#[cfg(target_os = "linux")]
fn unnamed(dir: &OwnedFd) -> Result<OwnedFd, Errno> {
    openat(
        dir,
        ".",
        OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC,
        FILE_MODE,
    )
}

#[cfg(target_os = "linux")]
fn link_unnamed(file: BorrowedFd<'_>, folder: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;

    // The way without this detour needs a capability that a server does not have.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(rustix::fs::CWD, path, folder, name, AtFlags::SYMLINK_FOLLOW)
}

#[cfg(target_os = "linux")]
fn rename_fresh(from: &TemporaryName, folder: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    use rustix::fs::{RenameFlags, renameat_with};

    match renameat_with(
        &from.root.temporary,
        &*from.name,
        folder,
        name,
        RenameFlags::NOREPLACE,
    ) {
        // Some file systems cannot say "only if it is free"; ids make sure that it is.
        Err(Errno::INVAL | Errno::NOSYS) => renameat(&from.root.temporary, &*from.name, folder, name),
        renamed => renamed,
    }
}

#[cfg(target_os = "linux")]
fn push_out(file: &File, from: u64, to: u64) {
    use std::num::NonZeroU64;

    use rustix::fs::{Advice, fadvise};

    // Dirty pages cannot be dropped, so all that this does to fresh ones is to start writing them.
    if let Err(error) = fadvise(file, from, NonZeroU64::new(to - from), Advice::DontNeed) {
        tracing::debug!(%error, "the file system takes no advice");
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn knows_unnamed_files(_: &OwnedFd, _: &OwnedFd) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_: &OwnedFd) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

#[cfg(not(target_os = "linux"))]
fn link_unnamed(_: BorrowedFd<'_>, _: BorrowedFd<'_>, _: &str) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

#[cfg(not(target_os = "linux"))]
fn rename_fresh(from: &TemporaryName, folder: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    renameat(&from.root.temporary, &*from.name, folder, name)
}

#[cfg(not(target_os = "linux"))]
fn push_out(_: &File, _: u64, _: u64) {}
