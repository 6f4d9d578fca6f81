//! Goes through a store's folders.

use std::collections::BinaryHeap;
use std::os::fd::OwnedFd;

use model::Millis;
use rustix::fs::{AtFlags, Dir, FileType, statat, unlinkat};
use rustix::io::Errno;

use super::failure;
use super::root::{Key, Root, TEMPORARY, blob_number, folder_number, millis};
use crate::{ContentError, Listed};

/// The most that one page may hold. A page costs one reading of each folder it touches, however
/// little it shows of it, so large pages are cheaper.
const PAGE_BLOBS: usize = 10_000;

/// Returns the blobs after a key, in order. Links and files of other names are passed over.
pub(super) fn page(root: &Root, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, ContentError> {
    let limit = limit.min(PAGE_BLOBS);
    let after = after.and_then(Key::parse).map(|key| key.number());
    let first_folder = after.map_or(0, |after| after >> (128 - 24));
    let mut listed = Vec::new();
    for number in folders(root)? {
        if listed.len() >= limit {
            break;
        }
        if u128::from(number) < first_folder {
            continue;
        }
        match root.open_folder(&format!("{number:06x}")) {
            Ok(folder) => list_folder(&folder, after, limit, &mut listed)?,
            // Removed since, which nothing of ours does, but nothing forbids it either.
            Err(ContentError::Missing) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(listed)
}

/// The numbers of all folders of blobs, in order: four bytes for each 4.7 hours with an upload.
fn folders(root: &Root) -> Result<Vec<u32>, ContentError> {
    let mut numbers = Vec::new();
    for entry in Dir::read_from(&root.dir).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        let Some(number) = entry.file_name().to_str().ok().and_then(folder_number) else {
            continue;
        };
        match entry.file_type() {
            // Not every file system says what an entry is.
            FileType::Directory | FileType::Unknown => numbers.push(number),
            // A row that speaks of a blob in there is told that it is damaged.
            found => tracing::warn!(folder = format!("{number:06x}"), ?found, "not a folder of blobs"),
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn list_folder(
    folder: &OwnedFd,
    mut after: Option<u128>,
    limit: usize,
    listed: &mut Vec<Listed>,
) -> Result<(), ContentError> {
    while listed.len() < limit {
        let numbers = smallest(folder, after, limit - listed.len())?;
        if numbers.is_empty() {
            break;
        }
        after = numbers.last().copied();
        for number in numbers {
            listed.extend(look_at(folder, &Key::from_number(number))?);
        }
    }
    Ok(())
}

/// `None` for what is no blob, or none any more.
fn look_at(folder: &OwnedFd, key: &Key) -> Result<Option<Listed>, ContentError> {
    let stat = match statat(folder, key.name(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failure(error)),
    };
    let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
    Ok(is_file.then(|| Listed {
        key: key.to_string(),
        size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
        modified_ms: modified(&stat),
    }))
}

/// The `count` smallest numbers after `after`, in order, holding no more than that.
fn smallest(folder: &OwnedFd, after: Option<u128>, count: usize) -> Result<Vec<u128>, ContentError> {
    let mut heap = BinaryHeap::with_capacity(count + 1);
    for entry in Dir::read_from(folder).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        let Some(number) = entry.file_name().to_str().ok().and_then(blob_number) else {
            continue;
        };
        if after.is_none_or(|after| number > after) {
            heap.push(number);
            if heap.len() > count {
                heap.pop();
            }
        }
    }
    Ok(heap.into_sorted_vec())
}

/// Removes unfinished blobs that were last written to before `older_than`.
pub(super) fn sweep(root: &Root, older_than: Millis) -> Result<u64, ContentError> {
    let mut removed = 0;
    for entry in Dir::read_from(&root.temporary).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        let name = entry.file_name();
        let Ok(stat) = statat(&root.temporary, name, AtFlags::SYMLINK_NOFOLLOW) else {
            // Finished since.
            continue;
        };
        if FileType::from_raw_mode(stat.st_mode).is_dir() || modified(&stat) >= older_than {
            continue;
        }
        match unlinkat(&root.temporary, name, AtFlags::empty()) {
            Ok(()) => removed += 1,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(failure(error)),
        }
    }
    if removed > 0 {
        tracing::info!(
            removed,
            folder = TEMPORARY,
            "removed what unfinished uploads had left"
        );
    }
    Ok(removed)
}

/// When a file was last written to.
#[allow(clippy::unnecessary_cast, reason = "the types differ between platforms")]
pub(super) fn modified(stat: &rustix::fs::Stat) -> Millis {
    millis(stat.st_mtime as i64, stat.st_mtime_nsec as i64)
}
