//! Notes: small files below `notes/`, which are replaced as a whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::root::{NOTES, Root};
use super::{Durability, failure, refusal};
use crate::ContentError;
use crate::key::is_note_name;

/// How the file under which a note is written begins, until it gets its name.
const UNFINISHED: &str = ".unfinished-";

/// Writes a note. Answers false, and changes nothing, when `is_new` is asked and it is there.
pub(super) fn put(root: &Root, name: &str, bytes: &[u8], is_new: bool) -> Result<bool, ContentError> {
    let path = path(root, name)?;
    let folder = path.parent().expect("a note is in a folder").to_owned();
    fs::create_dir_all(&folder).map_err(refusal)?;
    let unfinished = folder.join(format!("{UNFINISHED}{:016x}", super::random()));
    let written = write(root, &unfinished, bytes).and_then(|()| place(&unfinished, &path, is_new));
    let removed = fs::remove_file(&unfinished);
    let is_placed = written?;
    // Renamed away, or linked and to be removed.
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(refusal(error)),
        _ => {}
    }
    if root.durability == Durability::Full {
        for above in folder
            .ancestors()
            .take_while(|above| above.starts_with(&root.path))
        {
            File::open(above)
                .and_then(|folder| folder.sync_all())
                .map_err(refusal)?;
        }
    }
    Ok(is_placed)
}

fn write(root: &Root, path: &Path, bytes: &[u8]) -> Result<(), ContentError> {
    let mut file = File::create_new(path).map_err(refusal)?;
    file.write_all(bytes).map_err(refusal)?;
    match root.durability {
        Durability::Full => file.sync_all().map_err(refusal),
        Durability::UnsafeNone => Ok(()),
    }
}

fn place(from: &Path, to: &Path, is_new: bool) -> Result<bool, ContentError> {
    if !is_new {
        return fs::rename(from, to).map(|()| true).map_err(refusal);
    }
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(refusal(error)),
    }
}

/// Reads a note.
pub(super) fn get(root: &Root, name: &str) -> Result<Option<Vec<u8>>, ContentError> {
    found(fs::read(path(root, name)?))
}

/// Removes a note.
pub(super) fn remove(root: &Root, name: &str) -> Result<(), ContentError> {
    found(fs::remove_file(path(root, name)?)).map(drop)
}

/// The names that start with `prefix` and follow `after`, in order.
pub(super) fn list(
    root: &Root,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, ContentError> {
    let top = root.path.join(NOTES);
    let mut names = Vec::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        let Some(entries) = found(fs::read_dir(&folder))? else {
            continue;
        };
        for entry in entries {
            let entry = entry.map_err(failure)?;
            let path = entry.path();
            if entry.file_type().map_err(failure)?.is_dir() {
                folders.push(path);
            } else if let Some(name) = path.strip_prefix(&top).ok().and_then(Path::to_str) {
                let is_asked = name.starts_with(prefix) && after.is_none_or(|after| name > after);
                if is_asked && is_note_name(name) {
                    names.push(name.to_owned());
                }
            }
        }
    }
    names.sort_unstable();
    names.truncate(limit);
    Ok(names)
}

fn path(root: &Root, name: &str) -> Result<PathBuf, ContentError> {
    match is_note_name(name) {
        true => Ok(root.path.join(NOTES).join(name)),
        false => Err(ContentError::Io(io::Error::new(
            ErrorKind::InvalidInput,
            "not a name of a note",
        ))),
    }
}

fn found<T>(outcome: io::Result<T>) -> Result<Option<T>, ContentError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failure(error)),
    }
}
