//! Uploads in parts: one file below `uploads/`, into which each part is written at its offset.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};

use bytes::Bytes;
use model::Millis;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fsync, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::listing::modified;
use super::root::{FILE_MODE, Key, Root, blob_number};
use super::{Durability, failure, refusal};
use crate::{ContentError, NewPart, Part, Parts};

const OPEN: OFlags = OFlags::RDWR
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Makes the file.
pub(super) fn begin(root: &Root, key: &Key) -> Result<Parts, ContentError> {
    let flags = OPEN | OFlags::CREATE | OFlags::EXCL;
    openat(&root.uploads, key.name(), flags, FILE_MODE).map_err(refusal)?;
    if root.durability == Durability::Full {
        fsync(&root.uploads).map_err(refusal)?;
    }
    Ok(Parts {
        key: key.to_string(),
        token: String::new(),
    })
}

/// Writes a part at its offset.
pub(super) fn put(root: &Root, key: &Key, part: NewPart, bytes: &[Bytes]) -> Result<String, ContentError> {
    let file = open(root, key)?;
    let mut at = part.offset_bytes;
    for chunk in bytes {
        file.write_all_at(chunk, at).map_err(refusal)?;
        at += chunk.len() as u64;
    }
    Ok(part.offset_bytes.to_string())
}

/// Flushes the parts that were written.
pub(super) fn flush(root: &Root, key: &Key) -> Result<(), ContentError> {
    if root.durability == Durability::Full {
        open(root, key)?.sync_data().map_err(refusal)?;
    }
    Ok(())
}

/// Gives the file its place as a blob.
pub(super) fn complete(root: &Root, key: &Key, parts: &[Part]) -> Result<(), ContentError> {
    let file = match open(root, key) {
        // It got its place before.
        Err(ContentError::Missing) => return root.open_blob(key)?.length().map(drop),
        opened => opened?,
    };
    let size_bytes: u64 = parts.iter().map(|part| part.size_bytes).sum();
    let found_bytes = file.metadata().map_err(failure)?.size();
    if found_bytes < size_bytes {
        return Err(ContentError::Rejected {
            store: "local".to_owned(),
            reason: format!("the parts hold {size_bytes} bytes, of which {found_bytes} are there"),
        });
    }
    // What a part that was given up had left behind its end.
    file.set_len(size_bytes).map_err(refusal)?;
    let folder = root.open_or_make_folder(key.folder())?;
    renameat(&root.uploads, key.name(), &folder, key.name()).map_err(refusal)?;
    if root.durability == Durability::Full {
        file.sync_all().map_err(refusal)?;
        for folder in [folder.as_fd(), root.dir.as_fd(), root.uploads.as_fd()] {
            fsync(folder).map_err(refusal)?;
        }
    }
    Ok(())
}

/// Removes the file of an upload that did not become a blob.
pub(super) fn abort(root: &Root, key: &Key) -> Result<(), ContentError> {
    match unlinkat(&root.uploads, key.name(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(failure(error)),
    }
}

/// Uploads that were last written to before `older_than`.
pub(super) fn unfinished(root: &Root, older_than: Millis, limit: usize) -> Result<Vec<Parts>, ContentError> {
    let mut found = Vec::new();
    for entry in Dir::read_from(&root.uploads).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        let Some(number) = entry.file_name().to_str().ok().and_then(blob_number) else {
            continue;
        };
        let key = Key::from_number(number);
        let Ok(stat) = statat(&root.uploads, key.name(), AtFlags::SYMLINK_NOFOLLOW) else {
            // Completed or aborted since.
            continue;
        };
        if FileType::from_raw_mode(stat.st_mode).is_file() && modified(&stat) < older_than {
            found.push(Parts {
                key: key.to_string(),
                token: String::new(),
            });
        }
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

fn open(root: &Root, key: &Key) -> Result<File, ContentError> {
    let file = openat(&root.uploads, key.name(), OPEN, Mode::empty()).map_err(failure)?;
    Ok(file.into())
}
