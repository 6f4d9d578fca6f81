//! Other names and places, the trash, and back.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use model::Millis;
use rustix::fs::{AtFlags, Dir, Mode, Stat, fsync, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::faults::{fault, refused};
use super::place::Place;
use super::root::{FOLDER, Root};
use super::{items, renaming};
use crate::{RemoteError, Tag};

/// Where deleted things wait: each below a folder of its own, at the path that it had.
pub(super) const TRASH: &str = ".cumuli-trash";

const FOLDER_MODE: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// Makes a folder.
pub(super) fn make(root: &Root, place: &Place) -> Result<Stat, RemoteError> {
    let failed = |errno| fault(errno, place);
    let (parent, name) = root.parent(place)?;
    mkdirat(&parent, name, FOLDER_MODE).map_err(failed)?;
    fsync(&parent).map_err(failed)?;
    statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)
}

/// Moves or renames: nothing is written over.
pub(super) fn relocate(
    root: &Root,
    from: &Place,
    to: &Place,
    expected: Option<&Tag>,
) -> Result<Stat, RemoteError> {
    let (from_folder, from_name) = root.parent(from)?;
    let before =
        statat(&from_folder, from_name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| fault(errno, from))?;
    check(&before, expected)?;
    if from == to {
        return Ok(before);
    }
    if to.is_within(from) {
        return Err(refused("EINVAL", "a folder cannot go into itself"));
    }
    let (to_folder, to_name) = root.parent(to)?;
    match renaming::place(&from_folder, from_name, &to_folder, to_name) {
        // Where case does not count, a name is in the way of itself.
        Err(Errno::EXIST)
            if is_itself(&to_folder, to_name, &before)
                && from.split().map(|s| s.0) == to.split().map(|s| s.0) =>
        {
            renameat(&from_folder, from_name, &to_folder, to_name)
        }
        placed => placed,
    }
    .map_err(|errno| fault(errno, to))?;
    flush(&from_folder, &to_folder, to)?;
    statat(&to_folder, to_name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| fault(errno, to))
}

fn is_itself(folder: &OwnedFd, name: &OsStr, before: &Stat) -> bool {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (before.st_dev, before.st_ino) && stat.st_nlink == 1)
}

/// Whether it is as it was seen.
fn check(stat: &Stat, expected: Option<&Tag>) -> Result<(), RemoteError> {
    match expected {
        Some(expected) if items::tag(stat) != *expected => Err(RemoteError::Changed),
        _ => Ok(()),
    }
}

fn flush(from: &OwnedFd, to: &OwnedFd, place: &Place) -> Result<(), RemoteError> {
    fsync(to)
        .and_then(|()| fsync(from))
        .map_err(|errno| fault(errno, place))
}

/// Puts something into the trash. What is gone already is done.
pub(super) fn trash(
    root: &Root,
    place: &Place,
    expected: Option<&Tag>,
    stamp: &str,
) -> Result<(), RemoteError> {
    let Some((above, _)) = place.split() else {
        return Err(refused("EBUSY", "the folder itself stays where it is"));
    };
    let (folder, name) = match root.parent(place) {
        Err(RemoteError::NotFound) => return Ok(()),
        opened => opened?,
    };
    match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(fault(errno, place)),
        Ok(stat) => check(&stat, expected)?,
    }
    let failed = |errno| fault(errno, place);
    let all = open_or_make(root.fd(), TRASH.as_ref()).map_err(failed)?;
    let mut into = open_or_make(&all, stamp.as_ref()).map_err(failed)?;
    for name in &above.0 {
        into = open_or_make(&into, OsStr::from_bytes(name)).map_err(failed)?;
    }
    match renaming::place(&folder, name, &into, name) {
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(failed(errno)),
        Ok(()) => flush(&folder, &into, place),
    }
}

/// Removes a folder with nothing in it. What is gone already is done; false when there is something in it.
pub(super) fn remove_folder(root: &Root, place: &Place, expected: Option<&Tag>) -> Result<bool, RemoteError> {
    if place.split().is_none() {
        return Err(refused("EBUSY", "the folder itself stays where it is"));
    }
    let (folder, name) = match root.parent(place) {
        Err(RemoteError::NotFound) => return Ok(true),
        opened => opened?,
    };
    match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(true),
        Err(errno) => return Err(fault(errno, place)),
        Ok(stat) => check(&stat, expected)?,
    }
    match unlinkat(&folder, name, AtFlags::REMOVEDIR) {
        Ok(()) => fsync(&folder).map(|()| true).map_err(|errno| fault(errno, place)),
        Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(errno) => Err(fault(errno, place)),
    }
}

fn open_or_make(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    match openat(folder, name, FOLDER, Mode::empty()) {
        Err(Errno::NOENT) => {}
        opened => return opened,
    }
    match mkdirat(folder, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => openat(folder, name, FOLDER, Mode::empty()),
        Err(errno) => Err(errno),
    }
}

/// A name for what goes into the trash now, which sorts by its time.
pub(super) fn stamp(now: Millis, random: &str) -> String {
    format!("{:015}-{random}", now.0.max(0))
}

/// Brings back what went into the trash last from that place, if the place is free.
pub(super) fn restore(root: &Root, place: &Place) -> Result<Stat, RemoteError> {
    let failed = |errno| fault(errno, place);
    let (above, name) = place.split().ok_or(RemoteError::NotFound)?;
    let name = OsStr::from_bytes(name);
    if let Ok((folder, _)) = root.parent(place)
        && let Ok(stat) = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)
    {
        // An earlier try brought it back, or something else is there.
        return match find(root, place)? {
            None => Ok(stat),
            Some(_) => Err(RemoteError::Exists),
        };
    }
    let found = find(root, place)?.ok_or(RemoteError::NotFound)?;
    let mut folder = openat(root.fd(), ".", FOLDER, Mode::empty()).map_err(failed)?;
    for name in &above.0 {
        folder = match openat(&folder, &**name, FOLDER, Mode::empty()) {
            Err(Errno::NOENT) => {
                make_in(&folder, OsStr::from_bytes(name)).map_err(failed)?;
                openat(&folder, &**name, FOLDER, Mode::empty())
            }
            opened => opened,
        }
        .map_err(failed)?;
    }
    renaming::place(&found, name, &folder, name).map_err(failed)?;
    flush(&found, &folder, place)?;
    statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)
}

fn make_in(folder: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
    match mkdirat(folder, name, FOLDER_MODE) {
        Err(Errno::EXIST) | Ok(()) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// The folder in the trash that holds what was at that place, the newest.
fn find(root: &Root, place: &Place) -> Result<Option<OwnedFd>, RemoteError> {
    let failed = |errno| fault(errno, place);
    let (above, name) = place.split().ok_or(RemoteError::NotFound)?;
    let all = match openat(root.fd(), TRASH, FOLDER, Mode::empty()) {
        Ok(all) => all,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed(errno)),
    };
    let mut newest: Option<(Vec<u8>, OwnedFd)> = None;
    for entry in Dir::read_from(&all).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let stamp = entry.file_name().to_bytes();
        let is_newer = newest
            .as_ref()
            .is_none_or(|(newest, _)| stamp > newest.as_slice());
        if stamp.starts_with(b".") || !is_newer {
            continue;
        }
        let names: Vec<Vec<u8>> = std::iter::once(stamp.to_vec()).chain(above.0.clone()).collect();
        if let Ok(folder) = super::root::step_by_step(&all, &names)
            && statat(&folder, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW).is_ok()
        {
            newest = Some((stamp.to_vec(), folder));
        }
    }
    Ok(newest.map(|(_, folder)| folder))
}

/// Empties what is in the trash for longer than a time; at most some of it at once.
pub(super) fn sweep(root: &Root, before: Millis) -> Result<(), Errno> {
    let all = match openat(root.fd(), TRASH, FOLDER, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    let limit = stamp(before, "");
    for entry in Dir::read_from(&all)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !name.starts_with(b".") && name < limit.as_bytes() {
            remove_all(&all, OsStr::from_bytes(name), 0)?;
        }
    }
    Ok(())
}

/// Removes a folder with all that is in it. Links are removed, not followed.
fn remove_all(folder: &OwnedFd, name: &OsStr, depth: usize) -> Result<(), Errno> {
    const MOST_DEPTH: usize = 600;

    match unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) if depth < MOST_DEPTH => {}
        Err(Errno::NOENT) => return Ok(()),
        removed => return removed,
    }
    let inner = openat(folder, name, FOLDER, Mode::empty())?;
    for entry in Dir::read_from(&inner)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            remove_all(&inner, OsStr::from_bytes(name), depth + 1)?;
        }
    }
    unlinkat(folder, name, AtFlags::REMOVEDIR)
}
