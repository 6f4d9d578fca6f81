//! What is in folders, in the order of names and in bounded memory, however many there are.
//!
//! The kernel gives names in an order of its own that nobody can go on from safely. So a folder is read as often
//! as it takes, and each time the names that come next in order are kept: a run.

use std::collections::{BinaryHeap, VecDeque};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, Stat, statat, unlinkat};
use rustix::io::Errno;

use super::place::{Place, escape, is_ours, is_theirs, unescape};
use super::root::{Root, kind};
use super::{DirectoryOptions, items};
use crate::{Item, ItemId, RemoteError};

/// Names that are kept at once of one folder: some megabytes at most.
const RUN_NAMES: usize = 20_000;

/// Names that are kept at once of all folders on the way down.
const KEPT_NAMES: usize = 100_000;

/// Items on a page.
pub(super) const PAGE_ITEMS: usize = 1000;

/// Deeper than any tree that people make.
const MOST_DEPTH: usize = 512;

/// An unfinished upload is removed when nobody has written to it for that long.
const STALE_SECS: i64 = 24 * 60 * 60;

/// What a disk keeps of broken files, at its root; it is the system's own.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// What a listing needs to know.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) root: &'a Root,
    pub(super) options: &'a DirectoryOptions,
    pub(super) is_editable: bool,
}

impl Look<'_> {
    fn item(&self, place: &Place, stat: &Stat) -> Option<Item> {
        items::item(place, stat, self.options, self.is_editable)
    }

    /// A page of a folder, after a name.
    pub(super) fn page(
        &self,
        place: &Place,
        after: Option<&str>,
    ) -> Result<(Vec<Item>, Option<String>), RemoteError> {
        let after = match after {
            None => None,
            Some(text) => Some(unescape(text).ok_or(RemoteError::CursorLost)?),
        };
        let folder = self.root.folder(place)?;
        let (mut run, is_last) = self.run(&folder, place, after.as_deref(), PAGE_ITEMS)?;
        let next = run.back().filter(|_| !is_last).map(|name| escape(name));
        let mut found = Vec::new();
        while let Some(name) = run.pop_front() {
            if let Some(stat) = self.stat(&folder, place, &name)? {
                found.extend(self.item(&place.join(&name), &stat));
            }
        }
        Ok((found, next))
    }

    /// The next names in order after one; whether there are no more.
    fn run(
        &self,
        folder: &OwnedFd,
        place: &Place,
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<(VecDeque<Vec<u8>>, bool), RemoteError> {
        let failed = |errno| unreadable(errno, place);
        let mut first: BinaryHeap<Vec<u8>> = BinaryHeap::new();
        let mut is_last = true;
        for entry in Dir::read_from(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if !is_theirs(name) {
                self.sweep(folder, name);
                continue;
            }
            if after.is_some_and(|after| name <= after) {
                continue;
            }
            if first.len() == most {
                is_last = false;
                match first.peek_mut() {
                    Some(mut largest) if name < largest.as_slice() => name.clone_into(&mut largest),
                    _ => {}
                }
            } else {
                first.push(name.to_vec());
            }
        }
        Ok((first.into_sorted_vec().into(), is_last))
    }

    /// How something is that a folder named; `None` when it is gone by now.
    fn stat(&self, folder: &OwnedFd, place: &Place, name: &[u8]) -> Result<Option<Stat>, RemoteError> {
        match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(unreadable(errno, &place.join(name))),
        }
    }

    /// Removes what an upload left behind that was cut off long ago.
    fn sweep(&self, folder: &OwnedFd, name: &[u8]) {
        if !self.is_editable || !is_ours(name) || !name.starts_with(super::writing::TEMPORARY.as_bytes()) {
            return;
        }
        let now = (self.options.clock)().0 / 1000;
        let is_stale = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| stat.st_ctime.saturating_add(STALE_SECS) < now);
        if is_stale && unlinkat(folder, name, AtFlags::empty()).is_ok() {
            tracing::info!("removed what an upload left behind that was cut off");
        }
    }
}

/// Not to be able to look into a folder is no reason to take it for empty.
fn unreadable(errno: Errno, place: &Place) -> RemoteError {
    super::faults::fault(errno, place)
}

/// A way through all folders, each before what is in it.
#[derive(Default)]
pub(super) struct Walk {
    frames: Vec<Frame>,
    /// The last that was told.
    at: Option<Place>,
}

/// A folder on the way down.
struct Frame {
    place: Place,
    /// The last name that was told of it.
    after: Option<Vec<u8>>,
    /// The names that come next, and whether there are no more.
    run: Option<(VecDeque<Vec<u8>>, bool)>,
}

impl Frame {
    const fn new(place: Place, after: Option<Vec<u8>>) -> Self {
        Self {
            place,
            after,
            run: None,
        }
    }

    fn kept(&self) -> usize {
        self.run.as_ref().map_or(0, |(names, _)| names.len())
    }
}

impl Walk {
    /// From the beginning.
    pub(super) fn begin() -> Self {
        Self {
            frames: vec![Frame::new(Place::root(), None)],
            at: None,
        }
    }

    /// From where it was when `at` was told last.
    pub(super) fn resume(at: &ItemId) -> Option<Self> {
        let at = Place::parse(at).filter(|place| !place.is_root())?;
        let mut frames: Vec<Frame> = Vec::new();
        let mut place = Place::root();
        for name in &at.0 {
            frames.push(Frame::new(place.clone(), Some(name.clone())));
            place = place.join(name);
        }
        // If it is a folder, what is in it comes next.
        frames.push(Frame::new(place, None));
        Some(Self { frames, at: Some(at) })
    }

    /// The last that was told.
    pub(super) fn at(&self) -> Option<ItemId> {
        self.at.as_ref().map(Place::id)
    }

    /// The next items; fewer than asked for when these were the last.
    pub(super) fn page(&mut self, look: Look<'_>, most: usize) -> Result<Vec<Item>, RemoteError> {
        let mut items = Vec::new();
        while items.len() < most {
            let depth = self.frames.len();
            let Some(frame) = self.frames.last_mut() else {
                break;
            };
            match frame.step(look, most - items.len(), &mut items)? {
                Step::Into(_) if depth >= MOST_DEPTH => {
                    return Err(RemoteError::Misconfigured(
                        "there are folders in folders without an end".to_owned(),
                    ));
                }
                Step::Into(name) => {
                    let place = frame.place.join(&name);
                    self.frames.push(Frame::new(place, None));
                    self.keep_little();
                }
                Step::Out => {
                    self.frames.pop();
                }
                Step::Full => {}
            }
        }
        if let Some(last) = items.last() {
            self.at = Place::parse(&last.id);
        }
        Ok(items)
    }

    /// Forgets names that can be read again, of the folders that are left last.
    fn keep_little(&mut self) {
        let mut kept: usize = self.frames.iter().map(Frame::kept).sum();
        for frame in &mut self.frames {
            if kept <= KEPT_NAMES {
                return;
            }
            kept -= frame.kept();
            frame.run = None;
        }
    }
}

/// How a walk goes on.
enum Step {
    /// Into a folder that was told just now.
    Into(Vec<u8>),
    /// Back to the folder above.
    Out,
    /// The page is full.
    Full,
}

impl Frame {
    /// Tells items of this folder until there is a way down, or it ends, or there are enough.
    fn step(&mut self, look: Look<'_>, most: usize, items: &mut Vec<Item>) -> Result<Step, RemoteError> {
        let folder = match look.root.try_folder(&self.place) {
            Ok(folder) => folder,
            // It went away meanwhile, or never was a folder.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(Step::Out),
            Err(Errno::ACCESS) if self.is_lost_and_found() => return Ok(Step::Out),
            Err(errno) => return Err(unreadable(errno, &self.place)),
        };
        let enough = items.len() + most;
        while items.len() < enough {
            let Some(name) = self.next(look, &folder)? else {
                return Ok(Step::Out);
            };
            let stat = look.stat(&folder, &self.place, &name)?;
            self.after = Some(name.clone());
            let Some(stat) = stat else { continue };
            let Some(item) = look.item(&self.place.join(&name), &stat) else {
                continue;
            };
            // One that nobody can name is told, and what is in it is not.
            let is_folder = item.is_folder();
            debug_assert!(!is_folder || kind(&stat) == rustix::fs::FileType::Directory);
            items.push(item);
            if is_folder {
                return Ok(Step::Into(name));
            }
        }
        Ok(Step::Full)
    }

    fn next(&mut self, look: Look<'_>, folder: &OwnedFd) -> Result<Option<Vec<u8>>, RemoteError> {
        loop {
            if let Some((names, is_last)) = &mut self.run {
                let name = names.pop_front();
                if name.is_some() || *is_last {
                    return Ok(name);
                }
            }
            self.run = Some(look.run(folder, &self.place, self.after.as_deref(), RUN_NAMES)?);
        }
    }

    fn is_lost_and_found(&self) -> bool {
        matches!(&self.place.0[..], [name] if name == LOST_AND_FOUND)
    }
}
