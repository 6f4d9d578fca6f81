//! The folder that is connected, held open, and ways to what is in it that lead nowhere else.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, statat};
use rustix::io::Errno;

use super::DirectoryOptions;
use super::faults::fault;
use super::place::Place;
use crate::RemoteError;

/// The file that says which folder this is, whatever it is mounted on.
pub(super) const MARK: &str = ".cumuli-drive";

/// A mark has 32 digits.
const MARK_BYTES: usize = 32;

/// Longer paths are opened name by name.
const LONGEST_PATH_BYTES: usize = 4000;

pub(super) const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Whether the kernel has `openat2` (Linux 5.6), and nothing forbids it.
static HAS_OPENAT2: AtomicBool = AtomicBool::new(true);

/// The folder that is connected, as it is now.
#[derive(Debug)]
pub(super) struct Root {
    fd: OwnedFd,
    /// What tells this folder from others.
    pub(super) drive: String,
}

impl Root {
    /// Opens the folder, if the operator allows it.
    ///
    /// # Errors
    /// `Misconfigured` when it is not there, not allowed, or another than it was.
    pub(super) fn open(options: &DirectoryOptions) -> Result<Self, RemoteError> {
        let path = options
            .root
            .canonicalize()
            .map_err(|_| wrong("the folder is not there"))?;
        allow(options, &path)?;
        let fd = open_path(&path).map_err(|errno| match errno {
            Errno::ACCESS | Errno::PERM => wrong("the server may not look into the folder"),
            _ => wrong("the folder is not there"),
        })?;
        let identities = identities(&fd)?;
        let drive = match &options.drive {
            None => identities.into_iter().next(),
            Some(known) => identities.into_iter().find(|drive| drive == known),
        };
        let drive = drive
            .ok_or_else(|| wrong("another folder is in its place: is the disk mounted that holds it?"))?;
        Ok(Self { fd, drive })
    }

    /// Opens a folder below.
    pub(super) fn folder(&self, place: &Place) -> Result<OwnedFd, RemoteError> {
        self.try_folder(place).map_err(|errno| fault(errno, place))
    }

    /// Opens a folder below: no link is followed, at no step.
    pub(super) fn try_folder(&self, place: &Place) -> Result<OwnedFd, Errno> {
        below(&self.fd, &place.0)
    }

    /// The folder that something is in, open, and its name there.
    pub(super) fn parent<'a>(&self, place: &'a Place) -> Result<(OwnedFd, &'a OsStr), RemoteError> {
        let Some(name) = place.0.last() else {
            return Err(super::faults::refused(
                "EBUSY",
                "the folder itself stays where it is",
            ));
        };
        let (above, _) = place.split().expect("it has a name");
        Ok((self.folder(&above)?, OsStr::from_bytes(name)))
    }

    /// How something is. Nothing is opened, no link is followed.
    pub(super) fn stat(&self, place: &Place) -> Result<Stat, RemoteError> {
        let stat = match place.split() {
            None => fstat(&self.fd),
            Some((above, name)) => self
                .try_folder(&above)
                .and_then(|folder| statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)),
        };
        stat.map_err(|errno| fault(errno, place))
    }

    pub(super) const fn fd(&self) -> &OwnedFd {
        &self.fd
    }
}

/// Whether the operator lets this folder be connected.
fn allow(options: &DirectoryOptions, path: &Path) -> Result<(), RemoteError> {
    let real = |path: &PathBuf| path.canonicalize().ok();
    if !options
        .allowed
        .iter()
        .filter_map(real)
        .any(|allowed| path.starts_with(allowed))
    {
        return Err(wrong("the operator of this server does not allow this folder"));
    }
    let is_ours = |ours: PathBuf| path.starts_with(&ours) || ours.starts_with(path);
    if options.ours.iter().filter_map(real).any(is_ours) {
        return Err(wrong("this server keeps its own data there"));
    }
    Ok(())
}

/// Opens a path without links, from the top, so that nobody can put a link into it meanwhile.
fn open_path(path: &Path) -> Result<OwnedFd, Errno> {
    let top = rustix::fs::open("/", FOLDER, Mode::empty())?;
    let names: Vec<Vec<u8>> = path.iter().skip(1).map(|name| name.as_bytes().to_vec()).collect();
    below(&top, &names)
}

fn below(root: &OwnedFd, names: &[Vec<u8>]) -> Result<OwnedFd, Errno> {
    if names.is_empty() {
        return openat(root, ".", FOLDER, Mode::empty());
    }
    let path = names.join(&b'/');
    if path.len() <= LONGEST_PATH_BYTES && HAS_OPENAT2.load(Ordering::Relaxed) {
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(root, &*path, FOLDER, Mode::empty(), beneath) {
            Err(Errno::NOSYS | Errno::PERM) => HAS_OPENAT2.store(false, Ordering::Relaxed),
            // Something was renamed just then.
            Err(Errno::AGAIN) => {}
            opened => return opened,
        }
    }
    step_by_step(root, names)
}

/// The same where the kernel does not look after it: each step starts from a folder that is held open.
pub(super) fn step_by_step(root: &OwnedFd, names: &[Vec<u8>]) -> Result<OwnedFd, Errno> {
    let mut folder = openat(root, ".", FOLDER, Mode::empty())?;
    for name in names {
        folder = openat(&folder, &**name, FOLDER, Mode::empty())?;
    }
    Ok(folder)
}

/// What the folder is known by: its mark, if it has one, and its place in the file system.
fn identities(root: &OwnedFd) -> Result<Vec<String>, RemoteError> {
    let stat = fstat(root).map_err(|errno| fault(errno, &Place::root()))?;
    let place = format!("inode:{:x}:{:x}", stat.st_dev, stat.st_ino);
    Ok(read_mark(root)?.into_iter().chain([place]).collect())
}

fn read_mark(root: &OwnedFd) -> Result<Option<String>, RemoteError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(root, MARK, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::LOOP) => return Ok(None),
        Err(errno) => return Err(fault(errno, &Place::root())),
    };
    let mut mark = [0; MARK_BYTES];
    let mut length = 0;
    while length < MARK_BYTES {
        match rustix::io::read(&file, &mut mark[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(errno) => return Err(fault(errno, &Place::root())),
        }
    }
    let is_whole = length == MARK_BYTES && mark.iter().all(u8::is_ascii_hexdigit);
    Ok(is_whole.then(|| format!("mark:{}", String::from_utf8_lossy(&mark))))
}

/// Marks the folder, so that it is known again on another device. One that is marked already stays as it is.
pub(super) fn mark(root: &OwnedFd, random: &str) -> Result<(), Errno> {
    if matches!(read_mark(root), Ok(Some(_))) {
        return Ok(());
    }
    let temporary = format!("{MARK}-{random}");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(root, &*temporary, flags, Mode::from_raw_mode(0o644))?;
    let placed = rustix::io::write(&file, random.as_bytes())
        .and_then(|_| rustix::fs::fsync(&file))
        .and_then(|()| super::renaming::place(root, &temporary, root, MARK));
    let _ = rustix::fs::unlinkat(root, &*temporary, AtFlags::empty());
    match placed {
        // Another server was faster.
        Err(Errno::EXIST) | Ok(()) => Ok(()),
        Err(errno) => Err(errno),
    }
}

pub(super) fn wrong(what: &str) -> RemoteError {
    RemoteError::Misconfigured(what.to_owned())
}

/// What something in a folder is.
pub(super) const fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}
