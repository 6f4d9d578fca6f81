//! The folder of a store: every path is opened from it, step by step, and no link is followed.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use model::Millis;
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::io::Errno;

use super::temporary::knows_unnamed_files;
use super::{Durability, failure, refusal};
pub(super) use crate::key::Key;
use crate::key::{FOLDER_DIGITS, NAME_DIGITS, number};
use crate::{ContentError, Damage};

/// The folder of unfinished blobs that have a name.
pub(super) const TEMPORARY: &str = "tmp";
/// The folder of uploads in parts.
pub(super) const UPLOADS: &str = "uploads";
/// The folder of notes.
pub(super) const NOTES: &str = "notes";
/// For the owner only, since the catalog alone says who may read what.
pub(super) const FOLDER_MODE: Mode = Mode::RWXU;
pub(super) const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

const OPEN_FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// Opening something that is not a file, such as a pipe, must not wait for its other end.
const OPEN_BLOB: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// The number that a blob's file name stands for.
pub(super) fn blob_number(name: &str) -> Option<u128> {
    number(name, NAME_DIGITS)
}

/// The number that a folder's name stands for: the first 24 bits of the blobs in it.
pub(super) fn folder_number(name: &str) -> Option<u32> {
    number(name, FOLDER_DIGITS).and_then(|number| u32::try_from(number).ok())
}

/// The folder of a store.
pub(super) struct Root {
    pub(super) path: PathBuf,
    pub(super) dir: OwnedFd,
    pub(super) temporary: OwnedFd,
    pub(super) uploads: OwnedFd,
    pub(super) durability: Durability,
    pub(super) has_unnamed_files: bool,
}

impl Root {
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, ContentError> {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE.bits())
            .create(path)
            .map_err(unusable)?;
        let path = path.canonicalize().map_err(unusable)?;
        let dir = OwnedFd::from(File::open(&path).map_err(unusable)?);
        make_folder(&dir, TEMPORARY)?;
        let temporary = openat(&dir, TEMPORARY, OPEN_FOLDER, Mode::empty()).map_err(failure)?;
        make_folder(&dir, UPLOADS)?;
        let uploads = openat(&dir, UPLOADS, OPEN_FOLDER, Mode::empty()).map_err(failure)?;
        make_folder(&dir, NOTES)?;
        if durability == Durability::Full {
            flush_folders(&path).map_err(unusable)?;
        }
        Ok(Self {
            has_unnamed_files: knows_unnamed_files(&dir, &temporary),
            path,
            dir,
            temporary,
            uploads,
            durability,
        })
    }

    pub(super) fn open_folder(&self, name: &str) -> Result<OwnedFd, ContentError> {
        openat(&self.dir, name, OPEN_FOLDER, Mode::empty()).map_err(failure)
    }

    /// Opens the folder of new blobs, and makes it when it is missing.
    pub(super) fn open_or_make_folder(&self, name: &str) -> Result<OwnedFd, ContentError> {
        match self.open_folder(name) {
            Err(ContentError::Missing) => {}
            opened => return opened,
        }
        make_folder(&self.dir, name)?;
        openat(&self.dir, name, OPEN_FOLDER, Mode::empty()).map_err(refusal)
    }

    pub(super) fn open_blob(&self, key: &Key) -> Result<StoredFile, ContentError> {
        let folder = self.open_folder(key.folder())?;
        let file = openat(&folder, key.name(), OPEN_BLOB, Mode::empty()).map_err(failure)?;
        Ok(StoredFile(File::from(file)))
    }

    pub(super) fn remove_blob(&self, key: &Key) -> Result<(), ContentError> {
        let removed = self
            .open_folder(key.folder())
            .and_then(|folder| unlinkat(&folder, key.name(), AtFlags::empty()).map_err(failure));
        match removed {
            Err(ContentError::Missing) => Ok(()),
            removed => removed,
        }
    }
}

/// What stands in a blob's place, which may be anything.
pub(super) struct StoredFile(pub(super) File);

impl StoredFile {
    /// Returns how many bytes the file holds.
    pub(super) fn length(&self) -> Result<u64, ContentError> {
        let metadata = self.0.metadata().map_err(failure)?;
        if !metadata.is_file() {
            return Err(ContentError::Damaged(Damage::Replaced));
        }
        Ok(metadata.size())
    }
}

/// The time of a change as the file system keeps it.
pub(super) const fn millis(secs: i64, nanos: i64) -> Millis {
    Millis(secs.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

fn make_folder(parent: &OwnedFd, name: &str) -> Result<(), ContentError> {
    match mkdirat(parent, name, FOLDER_MODE) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(refusal(error)),
    }
}

/// Flushes the store's folder and those above it that may have been made for it.
fn flush_folders(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    for above in path.ancestors().skip(1).take(2) {
        match File::open(above).and_then(|folder| folder.sync_all()) {
            // It is not ours to read, so we did not make anything in it either.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            flushed => flushed?,
        }
    }
    Ok(())
}

/// As [`refusal`], for the path that an operator chose: nothing of ours can be damaged there.
fn unusable(error: io::Error) -> ContentError {
    match refusal(error) {
        ContentError::Damaged(_) => ContentError::Io(Errno::NOTDIR.into()),
        other => other,
    }
}
