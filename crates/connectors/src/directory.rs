//! A folder on this server as a drive.
//!
//! Ids are paths below the folder. Nothing outside of it is ever reached: everything is opened from a folder that
//! is held open, and links are not followed at any step, so that it does not help to put one in while we look.
//! What is ours in it has names that begin with `.cumuli-`, and is not shown.

mod faults;
mod items;
mod listing;
mod moving;
mod place;
mod reading;
mod renaming;
mod root;
#[cfg(test)]
mod tests;
mod watch;
mod writing;

use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use model::Clock;
use rustix::fs::{Access, AtFlags, accessat, fstatvfs, statat, unlinkat};
use rustix::io::Errno;
use tokio::task::spawn_blocking;

use crate::{
    Abilities, About, ChangePage, Conditions, Connector, Cursor, Entry, Feed, Item, ItemId, ItemPage,
    NameRules, Next, Quota, Read, Reading, Relocate, Relocation, RemoteError, Tag, Target, TrashKind, Upload,
    Written,
};
use listing::{Look, PAGE_ITEMS, Walk};
use place::{OURS, Place};
use root::Root;
use watch::Watches;

/// The cursor of a feed that is settled: everything is looked at once more.
const SETTLED: &str = "settled";

/// How cursors begin that are in the midst of a round.
const AFTER: &str = "after:";

/// How long deleted things wait in the trash.
const TRASH_SECS: i64 = 30 * 24 * 60 * 60;

/// What symbolic links are shown as. None is ever followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symlinks {
    /// As shortcuts.
    #[default]
    Shown,
    /// Not at all.
    Hidden,
}

/// Which folder it is and what may be done there.
#[derive(Clone)]
pub struct DirectoryOptions {
    /// The folder.
    pub root: PathBuf,
    /// Folders that the operator lets be connected, with all below them. Without one there is nothing to connect.
    pub allowed: Vec<PathBuf>,
    /// Folders that hold this server's own data: none is connected, nor one that it is in, nor one in it.
    pub ours: Vec<PathBuf>,
    /// [`About::drive`] of when it was connected. Anything else in its place is `Misconfigured`: a disk that is not
    /// mounted looks like a folder without anything in it.
    pub drive: Option<String>,
    /// What links are shown as.
    pub symlinks: Symlinks,
    /// Nothing is written. It is so as well when the folder cannot be written to.
    pub is_read_only: bool,
    /// The time.
    pub clock: Clock,
}

/// A folder on this server.
pub struct Directory {
    shared: Arc<Shared>,
    watches: Watches,
}

struct Shared {
    options: DirectoryOptions,
    abilities: Abilities,
    /// Where the last page of a walk ended, so that the next one need not find the way again.
    walk: Mutex<Option<Walk>>,
    random: RandomState,
}

impl Directory {
    /// Looks whether the folder is there and what its file system can do.
    ///
    /// # Errors
    /// `Misconfigured` when it is not there, not allowed, or another than it was.
    pub fn new(options: DirectoryOptions) -> Result<Self, RemoteError> {
        let root = Root::open(&options)?;
        let random = RandomState::new();
        let is_read_only = options.is_read_only || !is_writable(&root);
        let folds_case = !is_read_only && folds_case(&root, &hex(&random, 0));
        let shared = Shared {
            abilities: abilities(is_read_only, folds_case),
            options,
            walk: Mutex::default(),
            random,
        };
        Ok(Self {
            shared: Arc::new(shared),
            watches: Watches::default(),
        })
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &Root) -> Result<T, RemoteError> + Send + 'static,
    ) -> Result<T, RemoteError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let root = Root::open(&shared.options)?;
            work(&shared, &root)
        })
        .await
    }

    /// As [`Directory::with`], where something is written.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &Root) -> Result<T, RemoteError> + Send + 'static,
    ) -> Result<T, RemoteError> {
        if self.shared.abilities.is_read_only {
            return Err(RemoteError::Unsupported(
                "write to a folder that can only be read",
            ));
        }
        self.with(work).await
    }
}

impl Shared {
    fn random(&self) -> String {
        let now = (self.options.clock)().0.unsigned_abs();
        format!("{}{}", hex(&self.random, now), hex(&RandomState::new(), now))
    }

    const fn look<'a>(&'a self, root: &'a Root) -> Look<'a> {
        Look {
            root,
            options: &self.options,
            is_editable: !self.abilities.is_read_only,
        }
    }

    fn item(&self, place: &Place, stat: &rustix::fs::Stat) -> Result<Item, RemoteError> {
        items::item(place, stat, &self.options, !self.abilities.is_read_only).ok_or(RemoteError::NotFound)
    }

    /// The place of something with that name in a folder.
    fn place(&self, parent: &ItemId, name: &str) -> Result<Place, RemoteError> {
        self.abilities.names.check(name).map_err(RemoteError::Name)?;
        Ok(Place::parse(parent)
            .ok_or(RemoteError::NotFound)?
            .join(name.as_bytes()))
    }

    /// A page of everything, after what was told last.
    fn walk(&self, root: &Root, after: Option<&ItemId>) -> Result<ChangePage, RemoteError> {
        let kept = || self.walk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut walk = match (kept().take(), after) {
            (Some(walk), Some(after)) if walk.at().as_ref() == Some(after) => walk,
            (_, Some(after)) => Walk::resume(after).ok_or(RemoteError::CursorLost)?,
            (_, None) => Walk::begin(),
        };
        let items = walk.page(self.look(root), PAGE_ITEMS)?;
        let at = walk.at().filter(|_| items.len() == PAGE_ITEMS);
        let next = match at {
            Some(at) => {
                *kept() = Some(walk);
                Next::More(Cursor(format!("{AFTER}{}", at.0)))
            }
            None => Next::Settled(Cursor(SETTLED.to_owned())),
        };
        Ok(ChangePage {
            entries: items.into_iter().map(|item| Entry::Is(Box::new(item))).collect(),
            is_snapshot: true,
            next,
        })
    }

    fn about(&self, root: &Root) -> Result<About, RemoteError> {
        let failed = |errno| faults::fault(errno, &Place::root());
        let room = fstatvfs(root.fd()).map_err(failed)?;
        let used_bytes = room
            .f_blocks
            .saturating_sub(room.f_bfree)
            .saturating_mul(room.f_frsize);
        Ok(About {
            drive: root.drive.clone(),
            owner: self.options.root.display().to_string(),
            flavour: None,
            root: Place::root().id(),
            quota: Some(Quota {
                used_bytes,
                limit_bytes: Some(used_bytes.saturating_add(room.f_bavail.saturating_mul(room.f_frsize))),
            }),
            skew_ms: None,
        })
    }

    /// Marks a folder that is connected for the first time, and empties what is long in the trash.
    fn settle_in(&self, root: &Root) -> Result<(), RemoteError> {
        if self.options.drive.is_none() {
            root::mark(root.fd(), &self.random()).map_err(|errno| faults::fault(errno, &Place::root()))?;
        }
        if moving::sweep(root, (self.options.clock)().minus_secs(TRASH_SECS)).is_err() {
            tracing::warn!("the trash of a connected folder could not be emptied");
        }
        Ok(())
    }
}

#[async_trait]
impl Connector for Directory {
    fn abilities(&self) -> &Abilities {
        &self.shared.abilities
    }

    async fn about(&self) -> Result<About, RemoteError> {
        self.with(|shared, root| {
            if shared.abilities.is_read_only {
                return shared.about(root);
            }
            shared.settle_in(root)?;
            // With its mark it is known by another name.
            shared.about(&Root::open(&shared.options)?)
        })
        .await
    }

    async fn item(&self, id: &ItemId) -> Result<Option<Item>, RemoteError> {
        let Some(place) = Place::parse(id) else {
            return Ok(None);
        };
        self.with(move |shared, root| match root.stat(&place) {
            Ok(stat) => Ok(shared.item(&place, &stat).ok()),
            Err(RemoteError::NotFound) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn children(&self, folder: &ItemId, page: Option<&str>) -> Result<ItemPage, RemoteError> {
        let place = Place::parse(folder).ok_or(RemoteError::NotFound)?;
        let after = page.map(ToOwned::to_owned);
        self.with(move |shared, root| {
            let (items, next) = shared.look(root).page(&place, after.as_deref())?;
            Ok(ItemPage {
                items,
                next,
                is_partial: false,
            })
        })
        .await
    }

    async fn changes(&self, cursor: Option<&Cursor>) -> Result<ChangePage, RemoteError> {
        let after = match cursor.map(|cursor| cursor.0.as_str()) {
            None | Some(SETTLED) => None,
            Some(text) => {
                let id = text.strip_prefix(AFTER).ok_or(RemoteError::CursorLost)?;
                Some(ItemId(id.to_owned()))
            }
        };
        self.with(move |shared, root| shared.walk(root, after.as_ref()))
            .await
    }

    async fn read(&self, read: Read<'_>) -> Result<Reading, RemoteError> {
        let place = Place::parse(read.id).ok_or(RemoteError::NotFound)?;
        if read.export.is_some() {
            return Err(RemoteError::NoContent);
        }
        let (revision, offset) = (read.revision.cloned(), read.offset);
        self.with(move |_, root| reading::open(root, &place, revision.as_ref(), offset))
            .await
    }

    async fn upload(&self, upload: Upload<'_>) -> Result<Written, RemoteError> {
        let most_bytes = self.shared.abilities.largest_bytes;
        if upload.source.size_bytes() > most_bytes {
            return Err(RemoteError::TooLarge { most_bytes });
        }
        let (place, expected) = match upload.target {
            Target::Create { parent, name, .. } => (self.shared.place(parent, name)?, None),
            Target::Replace { id, expected } => {
                let place = Place::parse(id).ok_or(RemoteError::NotFound)?;
                (place, Some(expected.clone()))
            }
        };
        let begin = move |shared: &Shared, root: &Root| {
            writing::Draft::begin(root, place, expected.as_ref(), &shared.random())
        };
        let draft = self.write(begin).await?;
        draft.fill(&upload).await?;
        // Nothing is kept to go on with: what is written here is written fast.
        upload.journal.keep(None).await.map_err(RemoteError::Source)?;
        let modified = upload.modified;
        let item = self
            .write(move |shared, _| {
                let (place, stat) = draft.finish(modified)?;
                shared.item(&place, &stat)
            })
            .await?;
        Ok(Written {
            item,
            overwrote: Vec::new(),
            is_rewritten: false,
        })
    }

    async fn make_folder(
        &self,
        parent: &ItemId,
        name: &str,
        _id: Option<&ItemId>,
    ) -> Result<Item, RemoteError> {
        let place = self.shared.place(parent, name)?;
        self.write(move |shared, root| {
            let stat = moving::make(root, &place)?;
            shared.item(&place, &stat)
        })
        .await
    }

    async fn relocate(&self, id: &ItemId, relocate: Relocate<'_>) -> Result<Item, RemoteError> {
        let from = Place::parse(id).ok_or(RemoteError::NotFound)?;
        let Some((parent, name)) = from.split() else {
            return Err(faults::refused("EBUSY", "the folder itself stays where it is"));
        };
        let parent = match relocate.parent {
            Some(id) => Place::parse(id).ok_or(RemoteError::NotFound)?,
            None => parent,
        };
        let to = match relocate.name {
            Some(name) => self.shared.place(&parent.id(), name)?,
            None => parent.join(name),
        };
        let expected = relocate.expected.cloned();
        self.write(move |shared, root| {
            let stat = moving::relocate(root, &from, &to, expected.as_ref())?;
            shared.item(&to, &stat)
        })
        .await
    }

    async fn trash(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        let Some(place) = Place::parse(id) else {
            return Ok(());
        };
        let expected = expected.cloned();
        self.write(move |shared, root| {
            let stamp = moving::stamp((shared.options.clock)(), &shared.random());
            moving::trash(root, &place, expected.as_ref(), &stamp)
        })
        .await
    }

    async fn remove_folder(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        let Some(place) = Place::parse(id) else {
            return Ok(());
        };
        let expected = expected.cloned();
        self.write(move |shared, root| {
            if moving::remove_folder(root, &place, expected.as_ref())? {
                return Ok(());
            }
            let (items, next) = shared.look(root).page(&place, None)?;
            if !items.is_empty() || next.is_some() {
                return Err(RemoteError::Changed);
            }
            // Things that are no files: links, sockets.
            let stamp = moving::stamp((shared.options.clock)(), &shared.random());
            moving::trash(root, &place, expected.as_ref(), &stamp)
        })
        .await
    }

    async fn restore(&self, id: &ItemId) -> Result<Item, RemoteError> {
        let place = Place::parse(id).ok_or(RemoteError::NotFound)?;
        self.write(move |shared, root| {
            let stat = moving::restore(root, &place)?;
            shared.item(&place, &stat)
        })
        .await
    }

    async fn watch(&self) -> Result<(), RemoteError> {
        self.watches.changed(&self.shared.options).await
    }
}

fn abilities(is_read_only: bool, folds_case: bool) -> Abilities {
    let writes = !is_read_only;
    Abilities {
        feed: Feed::Listing,
        has_ids: false,
        has_duplicates: false,
        has_empty_folders: true,
        is_read_only,
        hashes: &[],
        modified_step_ms: Some(1),
        conditions: Conditions {
            create: writes,
            replace: writes,
            detects_overwritten: false,
            relocate: writes,
            trash: writes,
            empty: writes,
        },
        relocation: Relocation::Native,
        trash: TrashKind::Folder(moving::TRASH),
        restores: writes,
        has_revisions: false,
        has_documents: false,
        gives_ids: false,
        has_direct_links: false,
        watches: true,
        notifies: None,
        largest_bytes: i64::MAX.unsigned_abs(),
        resumes_from_bytes: None,
        names: NameRules {
            forbidden: "/\0",
            forbidden_starts: &[OURS],
            folds_case,
            ..NameRules::ANY
        },
        limits: &[],
    }
}

fn is_writable(root: &Root) -> bool {
    accessat(
        root.fd(),
        ".",
        Access::WRITE_OK | Access::EXEC_OK,
        AtFlags::EACCESS,
    )
    .is_ok()
}

/// Whether the file system takes names for the same that differ in case.
fn folds_case(root: &Root, random: &str) -> bool {
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CREATE | rustix::fs::OFlags::EXCL;
    let name = format!("{}probe-{random}", writing::TEMPORARY);
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    if rustix::fs::openat(root.fd(), &*name, flags | rustix::fs::OFlags::CLOEXEC, mode).is_err() {
        return false;
    }
    let other = statat(root.fd(), name.to_uppercase(), AtFlags::SYMLINK_NOFOLLOW);
    let _ = unlinkat(root.fd(), &*name, AtFlags::empty());
    !matches!(other, Err(Errno::NOENT))
}

fn hex(random: &RandomState, salt: u64) -> String {
    let mut hasher = random.build_hasher();
    hasher.write_u64(salt);
    format!("{:016x}", hasher.finish())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RemoteError> + Send + 'static,
) -> Result<T, RemoteError> {
    spawn_blocking(work)
        .await
        .map_err(|_| RemoteError::Unavailable("the server is shutting down".to_owned()))?
}
