//! Being told by the kernel when something in the folder changes.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::sync::Mutex;

use super::place::{Place, is_theirs};
use super::root::{Root, kind};
use super::{DirectoryOptions, blocking};
use crate::RemoteError;

/// Events are read into this.
const BUFFER_BYTES: usize = 16 * 1024;

/// More folders are not watched but looked through from time to time.
const MOST_FOLDERS: usize = 200_000;

const TOO_MANY: RemoteError = RemoteError::Unsupported("watch that many folders on this system");

/// The watch on the folder. It stays between calls, so that nothing is missed between them, and whoever waits may
/// stop waiting at any time.
#[derive(Default)]
pub(super) struct Watches(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    watch: Option<Watch>,
    /// Something may have happened that was told to nobody.
    is_uncertain: bool,
}

struct Watch {
    events: AsyncFd<OwnedFd>,
    folders: HashMap<i32, Place>,
    /// What was in the place when it began.
    drive: String,
}

/// What events say.
#[derive(Default)]
struct Told {
    has_changed: bool,
    /// Too much happened to be told.
    is_lost: bool,
    /// Folders that are new in their place.
    fresh: Vec<Place>,
}

impl Watches {
    /// Returns when something changed since the last call, or may have.
    pub(super) async fn changed(&self, options: &DirectoryOptions) -> Result<(), RemoteError> {
        let mut kept = self.0.lock().await;
        loop {
            let Some(watch) = &mut kept.watch else {
                kept.watch = Some(begin(options).await?);
                if std::mem::take(&mut kept.is_uncertain) {
                    return Ok(());
                }
                continue;
            };
            watch.ready().await?;
            let told = watch.told();
            let watch = kept.watch.take();
            kept.is_uncertain = true;
            let (Ok(told), Some(watch)) = (told, watch) else {
                continue;
            };
            if told.is_lost {
                continue;
            }
            kept.watch = Some(watch.follow(options, told.fresh).await?);
            kept.is_uncertain = false;
            if told.has_changed {
                return Ok(());
            }
        }
    }
}

async fn begin(options: &DirectoryOptions) -> Result<Watch, RemoteError> {
    let options = options.clone();
    let (events, folders, drive) = blocking(move || {
        let root = Root::open(&options)?;
        let flags = CreateFlags::NONBLOCK | CreateFlags::CLOEXEC;
        let events = inotify::init(flags).map_err(failed)?;
        let mut folders = HashMap::new();
        add(&events, &root, Place::root(), &mut folders)?;
        Ok((events, folders, root.drive))
    })
    .await?;
    // It is deprecated for what may close its descriptor early, which one that owns it does not. What comes instead
    // is `unsafe`.
    #[expect(deprecated)]
    let events = AsyncFd::new(events).map_err(|error| RemoteError::Unavailable(error.to_string()))?;
    Ok(Watch {
        events,
        folders,
        drive,
    })
}

impl Watch {
    /// Waits for events.
    async fn ready(&self) -> Result<(), RemoteError> {
        let ready = self.events.readable().await;
        // Whether there are any is seen when they are read.
        ready
            .map(|mut ready| ready.clear_ready())
            .map_err(|error| RemoteError::Unavailable(error.to_string()))
    }

    /// Reads all events that there are.
    fn told(&mut self) -> Result<Told, RemoteError> {
        let mut told = Told::default();
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut events = inotify::Reader::new(self.events.get_ref(), &mut buffer);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(Errno::WOULDBLOCK) => break,
                Err(errno) => return Err(failed(errno)),
            };
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                told.is_lost = true;
                continue;
            }
            if what.contains(ReadFlags::IGNORED) {
                self.folders.remove(&event.wd());
                continue;
            }
            let name = event.file_name().map(std::ffi::CStr::to_bytes);
            if name.is_some_and(|name| !is_theirs(name)) {
                continue;
            }
            told.has_changed = true;
            let is_new = what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
            if is_new
                && what.contains(ReadFlags::ISDIR)
                && let (Some(folder), Some(name)) = (self.folders.get(&event.wd()), name)
            {
                told.fresh.push(folder.join(name));
            }
        }
        Ok(told)
    }

    /// Watches folders that are new as well.
    async fn follow(mut self, options: &DirectoryOptions, fresh: Vec<Place>) -> Result<Self, RemoteError> {
        if fresh.is_empty() {
            return Ok(self);
        }
        let options = options.clone();
        blocking(move || {
            let root = Root::open(&options)?;
            if root.drive != self.drive {
                return Err(super::root::wrong("another folder is in its place"));
            }
            for place in fresh {
                add(self.events.get_ref(), &root, place, &mut self.folders)?;
            }
            Ok(self)
        })
        .await
    }
}

/// Watches a folder and all below it. A folder is watched before it is read, so that none that is made meanwhile is
/// missed.
fn add(
    events: &OwnedFd,
    root: &Root,
    place: Place,
    folders: &mut HashMap<i32, Place>,
) -> Result<(), RemoteError> {
    let flags = WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::CLOSE_WRITE
        | WatchFlags::MODIFY
        | WatchFlags::ATTRIB
        | WatchFlags::DELETE_SELF
        | WatchFlags::ONLYDIR;
    let mut open = vec![place];
    while let Some(place) = open.pop() {
        let folder = match root.try_folder(&place) {
            Ok(folder) => folder,
            // It went away, or we may not look into it.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) if !place.is_root() => continue,
            Err(errno) => return Err(failed(errno)),
        };
        if folders.len() >= MOST_FOLDERS {
            return Err(TOO_MANY);
        }
        // By what is held open: a path could lead elsewhere by now.
        let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        match inotify::add_watch(events, &path, flags) {
            Ok(wd) => folders.insert(wd, place.clone()),
            Err(Errno::NOSPC | Errno::NOMEM) => return Err(TOO_MANY),
            Err(errno) => return Err(failed(errno)),
        };
        for entry in Dir::read_from(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if !is_theirs(name) {
                continue;
            }
            let is_folder = match entry.file_type() {
                FileType::Unknown => {
                    let name = std::ffi::OsStr::from_bytes(name);
                    let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW);
                    stat.is_ok_and(|stat| kind(&stat) == FileType::Directory)
                }
                known => known == FileType::Directory,
            };
            if is_folder {
                open.push(place.join(name));
            }
        }
    }
    Ok(())
}

fn failed(errno: Errno) -> RemoteError {
    match errno {
        Errno::MFILE | Errno::NFILE => TOO_MANY,
        other => super::faults::fault(other, &Place::root()),
    }
}
