//! Files and folders as items.

use model::Millis;
use rustix::fs::{FileType, Stat};

use super::place::{Place, escape};
use super::root::kind;
use super::{DirectoryOptions, Symlinks};
use crate::{Hashes, Item, ItemKind, Revision, Tag};

/// An item of what is at a place; `None` of what is left out: pipes, sockets, devices.
pub(super) fn item(
    place: &Place,
    stat: &Stat,
    options: &DirectoryOptions,
    is_editable: bool,
) -> Option<Item> {
    let (parent, name) = match place.split() {
        Some((parent, name)) => (Some(parent.id()), name),
        None => (None, &b""[..]),
    };
    let text = std::str::from_utf8(name);
    let kind = match kind(stat) {
        // Nobody could say its name here; it can be renamed by its id.
        FileType::Directory | FileType::RegularFile if text.is_err() => ItemKind::Other,
        FileType::Directory => ItemKind::Folder,
        FileType::RegularFile => ItemKind::File,
        FileType::Symlink if options.symlinks == Symlinks::Shown => ItemKind::Shortcut { target: None },
        _ => return None,
    };
    let is_file = matches!(kind, ItemKind::File);
    Some(Item {
        id: place.id(),
        parent,
        name: text.map_or_else(|_| escape(name), ToOwned::to_owned),
        size_bytes: is_file.then(|| u64::try_from(stat.st_size).unwrap_or(0)),
        media_type: None,
        hashes: Hashes::default(),
        revision: is_file.then(|| revision(stat)),
        tag: Some(tag(stat)),
        modified: Some(modified(stat)),
        is_trashed: false,
        is_editable,
        web_url: None,
        kind,
    })
}

/// Which content a file has. The last of it changes with every write, whatever a program sets the time of
/// modification to.
pub(super) fn revision(stat: &Stat) -> Revision {
    Revision(format!(
        "{:x}-{:x}-{:x}.{:x}-{:x}.{:x}",
        stat.st_ino, stat.st_size, stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec
    ))
}

/// How an item is. What is in a folder does not count as how the folder is.
pub(super) fn tag(stat: &Stat) -> Tag {
    match kind(stat) {
        FileType::Directory => Tag(format!("folder-{:x}", stat.st_ino)),
        _ => Tag(revision(stat).0),
    }
}

/// What stays the same of a content that is moved out of the way: the time of change does not.
pub(super) fn is_same_content(one: &Stat, other: &Stat) -> bool {
    let of = |stat: &Stat| (stat.st_ino, stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    of(one) == of(other)
}

fn modified(stat: &Stat) -> Millis {
    let nanos = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Millis(
        stat.st_mtime
            .saturating_mul(1000)
            .saturating_add(nanos / 1_000_000),
    )
}
