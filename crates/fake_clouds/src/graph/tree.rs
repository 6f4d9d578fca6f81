//! One drive: its items, the rules under which they change, and the log of what changed.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::answer::Trouble;
use super::hash::quick_xor_hash;
use super::item::{Change, Conflict, Content, Created, DriveType, Item, Kind, New, Patch, Times};
use super::names::{check, check_path, folded, numbered};

/// A drive.
#[derive(Debug)]
pub(crate) struct Drive {
    pub(crate) kind: DriveType,
    pub(crate) id: String,
    pub(crate) root: String,
    pub(crate) items: HashMap<String, Item>,
    /// Folded names to ids, by folder.
    children: HashMap<String, BTreeMap<String, String>>,
    pub(crate) log: Vec<Change>,
    /// Earlier contents by item, oldest first.
    pub(crate) versions: HashMap<String, Vec<Content>>,
    pub(crate) quota_bytes: u64,
    pub(crate) used_bytes: u64,
    pub(crate) keeps_bytes: bool,
    /// A deleted folder's descendants are told of as deleted too.
    pub(crate) tells_descendants: bool,
    seed: u64,
    count: u64,
}

/// Scatters a number, so that ids look like ids and come out the same in each run.
pub(crate) const fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Drive {
    /// A drive with its root and nothing in it.
    pub(crate) fn new(kind: DriveType, seed: u64, now_ms: i64) -> Self {
        let number = scatter(seed);
        let id = match kind {
            // With a zero in front, which some endpoints lose.
            DriveType::Personal => format!("0{:015x}", number >> 4),
            DriveType::Business => format!(
                "b!{:016x}{:016x}-_Aa{:08X}",
                number,
                scatter(number),
                number as u32
            ),
        };
        let mut drive = Self {
            kind,
            id,
            root: String::new(),
            items: HashMap::new(),
            children: HashMap::new(),
            log: Vec::new(),
            versions: HashMap::new(),
            quota_bytes: 5 << 40,
            used_bytes: 0,
            keeps_bytes: true,
            tells_descendants: kind == DriveType::Business,
            seed,
            count: 100,
        };
        let root = drive.blank("root", None, Kind::Folder, now_ms);
        drive.root.clone_from(&root.id);
        drive.children.insert(root.id.clone(), BTreeMap::new());
        drive.write(root, now_ms);
        drive
    }

    /// The newest entry of the log.
    pub(crate) fn seq(&self) -> u64 {
        self.log.last().map_or(0, |change| change.seq)
    }

    /// An item that is alive.
    pub(crate) fn get(&self, id: &str) -> Option<&Item> {
        let id = if id == "root" { &self.root } else { id };
        self.items.get(id).filter(|item| !item.is_deleted)
    }

    /// The child of a folder with a name, in whatever case.
    pub(crate) fn child(&self, folder: &str, name: &str) -> Option<&Item> {
        self.get(self.children.get(folder)?.get(&folded(name))?)
    }

    /// The item at a path below another.
    pub(crate) fn at(&self, base: &str, path: &str) -> Option<&Item> {
        let mut item = self.get(base)?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            item = self.child(&item.id, name)?;
        }
        Some(item)
    }

    /// The children of a folder in the order of their names.
    pub(crate) fn list(&self, folder: &str) -> Vec<&Item> {
        let Some(children) = self.children.get(folder) else {
            return Vec::new();
        };
        children.values().filter_map(|id| self.get(id)).collect()
    }

    /// The names from the root down to an item, its own last.
    pub(crate) fn path(&self, id: &str) -> Vec<&str> {
        let mut names = Vec::new();
        let mut next = self.items.get(id);
        while let Some(item) = next.filter(|item| item.parent.is_some()) {
            names.push(item.name.as_str());
            next = item.parent.as_deref().and_then(|parent| self.items.get(parent));
        }
        names.reverse();
        names
    }

    /// Makes content of bytes.
    pub(crate) fn content(&mut self, bytes: Bytes, now_ms: i64) -> Content {
        let hash = quick_xor_hash(&bytes);
        let size_bytes = bytes.len() as u64;
        self.content_of(hash, size_bytes, Some(bytes), now_ms)
    }

    /// Makes content whose hash is known already.
    pub(crate) fn content_of(
        &mut self,
        hash: String,
        size_bytes: u64,
        bytes: Option<Bytes>,
        now_ms: i64,
    ) -> Content {
        self.count += 1;
        let bytes = bytes.filter(|_| self.keeps_bytes);
        Content {
            version: self.count,
            size_bytes,
            hash,
            bytes,
            at_ms: now_ms,
        }
    }

    /// Makes an item in a folder, or replaces the file of that name.
    pub(crate) fn create(&mut self, made: New<'_>, now_ms: i64) -> Result<(String, Created), Trouble> {
        let folder = self.get(made.folder).ok_or_else(Trouble::not_found)?;
        if !folder.is_folder() {
            return Err(Trouble::invalid("The parent is not a folder."));
        }
        self.check_name(&folder.id.clone(), made.name, matches!(made.kind, Kind::Folder))?;
        let mut name = made.name.to_owned();
        if let Some(taken) = self.child(made.folder, made.name).cloned() {
            match (made.conflict, made.kind) {
                (Conflict::Replace, Kind::File(content)) if taken.content().is_some() => {
                    self.replace(&taken.id, content, made.times, now_ms)?;
                    return Ok((taken.id, Created::Replaced));
                }
                (Conflict::Replace, Kind::Folder) if taken.is_folder() => {
                    return Ok((taken.id, Created::Replaced));
                }
                (Conflict::Rename, kind) => {
                    name = self.free_name(made.folder, made.name);
                    return self.create(
                        New {
                            name: &name,
                            kind,
                            ..made
                        },
                        now_ms,
                    );
                }
                _ => return Err(Trouble::name_taken()),
            }
        }
        if let Kind::File(content) = &made.kind {
            self.check_room(content.size_bytes)?;
            self.used_bytes += content.size_bytes;
        }
        let mut item = self.blank(&name, Some(made.folder.to_owned()), made.kind, now_ms);
        item.times = Times {
            modified_ms: made.times.modified_ms.or(Some(now_ms)),
            ..made.times
        };
        let id = item.id.clone();
        if item.is_folder() {
            self.children.insert(id.clone(), BTreeMap::new());
        }
        self.link(made.folder, &name, &id);
        self.write(item, now_ms);
        self.bump_above(&id, now_ms);
        Ok((id, Created::New))
    }

    /// Gives a file other content.
    pub(crate) fn replace(
        &mut self,
        id: &str,
        content: Content,
        times: Times,
        now_ms: i64,
    ) -> Result<(), Trouble> {
        let mut item = self.changeable(id)?;
        let Kind::File(old) = item.kind else {
            return Err(Trouble::invalid("The item holds no content."));
        };
        self.check_room(content.size_bytes.saturating_sub(old.size_bytes))?;
        self.used_bytes = self.used_bytes + content.size_bytes - old.size_bytes;
        self.versions.entry(id.to_owned()).or_default().push(old);
        item.kind = Kind::File(content);
        item.content_revision += 1;
        // What the client said of the old content does not hold for the new.
        item.times.created_ms = times.created_ms.or(item.times.created_ms);
        item.times.modified_ms = times.modified_ms.or(Some(now_ms));
        self.touch(item, now_ms);
        self.bump_above(id, now_ms);
        Ok(())
    }

    /// Renames, moves and dates an item, in one step.
    pub(crate) fn patch(&mut self, id: &str, patch: &Patch<'_>, now_ms: i64) -> Result<(), Trouble> {
        let mut item = self.changeable(id)?;
        let Some(old_parent) = item.parent.clone() else {
            return Err(Trouble::new(403, "accessDenied", "The root cannot be changed."));
        };
        let parent = patch.parent.unwrap_or(&old_parent).to_owned();
        let target = self.get(&parent).ok_or_else(Trouble::not_found)?;
        if !target.is_folder() {
            return Err(Trouble::invalid("The parent is not a folder."));
        }
        let parent = target.id.clone();
        if item.is_folder() && self.is_within(&parent, id) {
            return Err(Trouble::invalid("A folder cannot be moved into itself."));
        }
        let mut name = patch.name.unwrap_or(&item.name).to_owned();
        self.check_name(&parent, &name, item.is_folder())?;
        if let Some(taken) = self
            .child(&parent, &name)
            .filter(|taken| taken.id != id)
            .map(|taken| taken.id.clone())
        {
            match patch.conflict {
                Conflict::Fail => return Err(Trouble::name_taken()),
                Conflict::Rename => name = self.free_name(&parent, &name),
                Conflict::Replace => self.delete(&taken, now_ms)?,
            }
        }
        self.unlink(&old_parent, &item.name);
        self.link(&parent, &name, id);
        let is_moved = parent != old_parent;
        item.name = name;
        item.parent = Some(parent);
        if patch.times != Times::default() {
            item.times.created_ms = patch.times.created_ms.or(item.times.created_ms);
            item.times.modified_ms = patch.times.modified_ms.or(item.times.modified_ms);
        } else if is_moved {
            item.times.modified_ms = Some(now_ms);
        }
        self.touch(item, now_ms);
        self.bump_above(id, now_ms);
        if is_moved {
            self.bump(&old_parent, now_ms);
        }
        Ok(())
    }

    /// Deletes an item with all below it.
    pub(crate) fn delete(&mut self, id: &str, now_ms: i64) -> Result<(), Trouble> {
        let item = self.changeable(id)?;
        let Some(parent) = item.parent.clone() else {
            return Err(Trouble::new(403, "accessDenied", "The root cannot be deleted."));
        };
        self.unlink(&parent, &item.name);
        let below = self.below(id);
        for mut gone in below {
            gone.is_deleted = true;
            self.used_bytes -= gone.content().map_or(0, |content| content.size_bytes);
            if self.tells_descendants || gone.id == id {
                self.touch(gone, now_ms);
            } else {
                self.items.insert(gone.id.clone(), gone);
            }
        }
        self.bump(&parent, now_ms);
        Ok(())
    }

    /// Takes an item back from the recycle bin, with all that was deleted together with it.
    pub(crate) fn restore(&mut self, id: &str, now_ms: i64) -> Result<(), Trouble> {
        let item = self
            .items
            .get(id)
            .filter(|item| item.is_deleted)
            .ok_or_else(Trouble::not_found)?;
        let parent = item.parent.clone().unwrap_or_default();
        if self.get(&parent).is_none() {
            return Err(Trouble::not_found());
        }
        if self.child(&parent, &item.name).is_some() {
            return Err(Trouble::name_taken());
        }
        self.link(&parent, &item.name.clone(), id);
        for mut back in self.below(id) {
            back.is_deleted = false;
            self.used_bytes += back.content().map_or(0, |content| content.size_bytes);
            self.touch(back, now_ms);
        }
        self.bump_above(id, now_ms);
        Ok(())
    }

    /// Changes an item's marks, which is a change like any other.
    pub(crate) fn mark(
        &mut self,
        id: &str,
        mark: impl FnOnce(&mut Item),
        now_ms: i64,
    ) -> Result<(), Trouble> {
        let mut item = self.get(id).cloned().ok_or_else(Trouble::not_found)?;
        mark(&mut item);
        self.touch(item, now_ms);
        Ok(())
    }

    /// Whether `id` is `above` or stands below it.
    pub(crate) fn is_within(&self, id: &str, above: &str) -> bool {
        let mut next = self.items.get(id);
        while let Some(item) = next {
            if item.id == above {
                return true;
            }
            next = item.parent.as_deref().and_then(|parent| self.items.get(parent));
        }
        false
    }

    /// The item with all that its folders link to, parents first.
    pub(crate) fn below(&self, id: &str) -> Vec<Item> {
        let mut found: Vec<Item> = self.items.get(id).cloned().into_iter().collect();
        let mut next = 0;
        while let Some(item) = found.get(next) {
            let children = self.children.get(&item.id).into_iter().flatten();
            let children: Vec<Item> = children
                .filter_map(|(_, child)| self.items.get(child).cloned())
                .collect();
            found.extend(children);
            next += 1;
        }
        found
    }

    /// The length of all files below a folder.
    pub(crate) fn bytes_below(&self, folder: &str) -> u64 {
        let mut folders = vec![folder];
        let mut bytes = 0;
        while let Some(folder) = folders.pop() {
            for item in self.list(folder) {
                match item.content() {
                    Some(content) => bytes += content.size_bytes,
                    None => folders.push(&item.id),
                }
            }
        }
        bytes
    }

    /// Whether so many more bytes fit.
    pub(crate) fn check_room(&self, more_bytes: u64) -> Result<(), Trouble> {
        if self.used_bytes + more_bytes > self.quota_bytes {
            Err(Trouble::no_room())
        } else {
            Ok(())
        }
    }

    fn check_name(&self, folder: &str, name: &str, is_folder: bool) -> Result<(), Trouble> {
        check(
            name,
            folder == self.root,
            is_folder || self.kind == DriveType::Business,
        )?;
        let above: usize = self
            .path(folder)
            .iter()
            .map(|name| name.chars().count() + 1)
            .sum();
        check_path(above + name.chars().count())
    }

    fn free_name(&self, folder: &str, name: &str) -> String {
        (1..)
            .map(|count| numbered(name, count))
            .find(|name| self.child(folder, name).is_none())
            .unwrap_or_default()
    }

    /// A living item that nobody holds locked.
    fn changeable(&self, id: &str) -> Result<Item, Trouble> {
        let item = self.get(id).cloned().ok_or_else(Trouble::not_found)?;
        if item.is_locked {
            return Err(Trouble::new(
                423,
                "resourceLocked",
                "The resource you are attempting to access is locked",
            ));
        }
        Ok(item)
    }

    fn link(&mut self, folder: &str, name: &str, id: &str) {
        self.children
            .entry(folder.to_owned())
            .or_default()
            .insert(folded(name), id.to_owned());
    }

    fn unlink(&mut self, folder: &str, name: &str) {
        if let Some(children) = self.children.get_mut(folder) {
            children.remove(&folded(name));
        }
    }

    /// A new item that stands nowhere yet.
    fn blank(&mut self, name: &str, parent: Option<String>, kind: Kind, now_ms: i64) -> Item {
        self.count += 1;
        let (one, two) = (
            scatter(self.seed ^ self.count),
            scatter(self.seed.wrapping_mul(31) ^ self.count),
        );
        let id = match self.kind {
            // Accounts hold ids of both shapes: those from before and from after the service's move.
            DriveType::Personal if self.count.is_multiple_of(2) => {
                format!("{}!s{one:016x}{two:016x}", self.id.to_uppercase())
            }
            DriveType::Personal => format!("{}!{}", self.id.to_uppercase(), self.count),
            DriveType::Business => format!("01{}", letters(one, two)),
        };
        let guid = format!(
            "{:08X}-{:04X}-{:04X}-{:04X}-{:012X}",
            one >> 32,
            (one >> 16) & 0xffff,
            one & 0xffff,
            two >> 48,
            two & 0xffff_ffff_ffff
        );
        Item {
            id,
            guid,
            name: name.to_owned(),
            parent,
            kind,
            revision: 1,
            content_revision: 1,
            created_ms: now_ms,
            modified_ms: now_ms,
            times: Times::default(),
            is_deleted: false,
            has_malware: false,
            is_locked: false,
            special: None,
        }
    }

    /// Counts a change of an item and keeps it.
    pub(crate) fn touch(&mut self, mut item: Item, now_ms: i64) {
        item.revision += 1;
        item.modified_ms = now_ms;
        self.write(item, now_ms);
    }

    fn write(&mut self, item: Item, now_ms: i64) {
        self.log.push(Change {
            seq: self.seq() + 1,
            at_ms: now_ms,
            item: item.clone(),
        });
        self.items.insert(item.id.clone(), item);
    }

    /// Tells the folders above an item that something below them changed.
    fn bump_above(&mut self, id: &str, now_ms: i64) {
        if let Some(parent) = self.items.get(id).and_then(|item| item.parent.clone()) {
            self.bump(&parent, now_ms);
        }
    }

    /// Counts a change below a folder for it and all above; folders of organizations do not count those.
    fn bump(&mut self, folder: &str, now_ms: i64) {
        if self.kind == DriveType::Business {
            return;
        }
        let mut next = Some(folder.to_owned());
        while let Some(mut item) = next.and_then(|id| self.items.get(&id).cloned()) {
            next = item.parent.clone();
            item.content_revision += 1;
            self.touch(item, now_ms);
        }
    }
}

/// Thirty-two letters and digits of the alphabet that organizations' ids are written in.
fn letters(one: u64, two: u64) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let of = |number: u64| {
        (0..16).map(move |at| {
            char::from(ALPHABET[usize::try_from(scatter(number ^ at) % 32).expect("below 32")])
        })
    };
    of(one).chain(of(two)).collect()
}
