//! Renames that write over nothing, and swaps that show what they took the place of.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FlockOperation, RenameFlags, flock, renameat, renameat_with, statat, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

/// Gives something a place that is free: `EXIST` when it is not.
pub(super) fn place<From: Arg + Copy, To: Arg + Copy>(
    from_folder: impl AsFd,
    from: From,
    to_folder: impl AsFd,
    to: To,
) -> Result<(), Errno> {
    let (from_folder, to_folder) = (from_folder.as_fd(), to_folder.as_fd());
    match renameat_with(from_folder, from, to_folder, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot say "only if it is free".
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            place_by_look(from_folder, from, to_folder, to)
        }
        renamed => renamed,
    }
}

/// The same where it takes a look before: other servers wait meanwhile, other programs may come between.
fn place_by_look<From: Arg + Copy, To: Arg + Copy>(
    from_folder: BorrowedFd<'_>,
    from: From,
    to_folder: BorrowedFd<'_>,
    to: To,
) -> Result<(), Errno> {
    let _lock = Lock::take(to_folder);
    match statat(to_folder, to, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => renameat(from_folder, from, to_folder, to),
        Err(errno) => Err(errno),
        Ok(_) => Err(Errno::EXIST),
    }
}

/// Puts `fresh` in the place of `name`, if what it takes the place of is what `is_expected` says. Both are in one
/// folder. Whether it was.
pub(super) fn replace(
    folder: impl AsFd,
    fresh: &str,
    name: &std::ffi::OsStr,
    is_expected: impl Fn(&rustix::fs::Stat) -> bool,
) -> Result<bool, Errno> {
    let folder = folder.as_fd();
    let _lock = Lock::take(folder);
    if !is_expected(&statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?) {
        return Ok(false);
    }
    match renameat_with(folder, fresh, folder, name, RenameFlags::EXCHANGE) {
        Ok(()) => {}
        // Some file systems cannot swap.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            renameat(folder, fresh, folder, name)?;
            return Ok(true);
        }
        Err(errno) => return Err(errno),
    }
    // Another program may have come between the look and the swap: then it gets its content back.
    if !is_expected(&statat(folder, fresh, AtFlags::SYMLINK_NOFOLLOW)?) {
        renameat_with(folder, fresh, folder, name, RenameFlags::EXCHANGE)?;
        return Ok(false);
    }
    // The new content is in its place; one that stays behind is swept later.
    let _ = unlinkat(folder, fresh, AtFlags::empty());
    Ok(true)
}

/// Keeps other servers from writing names in a folder.
struct Lock<'a>(BorrowedFd<'a>);

impl<'a> Lock<'a> {
    fn take(folder: BorrowedFd<'a>) -> Self {
        // File systems without locks have none: then only other servers are not kept out.
        let _ = flock(folder, FlockOperation::LockExclusive);
        Self(folder)
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}
