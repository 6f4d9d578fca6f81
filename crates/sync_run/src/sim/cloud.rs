//! A provider, in memory. What it keeps and how it answers; that answers are lost is the business of `drive`.

use std::collections::BTreeMap;

use connectors::{Hasher, Item, ItemId, ItemKind, Past, RemoteError, Revision, Tag};
use model::Millis;

use super::flavours::{Flavour, Kind};

/// The number of the root folder.
pub(super) const ROOT: u64 = 0;

/// A content that a file had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Folder,
    File,
    Document,
    Shortcut,
}

/// Something in the drive, or that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) id: String,
    pub(super) parent: u64,
    pub(super) name: String,
    pub(super) sort: Sort,
    /// All contents, the newest last.
    pub(super) kept: Vec<Kept>,
    /// Grows with every change.
    pub(super) meta: u64,
    pub(super) is_trashed: bool,
    /// For good, or moved where ids are paths.
    pub(super) is_gone: bool,
    /// Copied from there, by a move that is perhaps not over.
    pub(super) copied_from: Option<String>,
    /// How it was before it last changed, for answers that are late.
    before: Option<Box<Thing>>,
}

/// The drive.
pub(super) struct Cloud {
    pub(super) flavour: Flavour,
    pub(super) things: BTreeMap<u64, Thing>,
    next: u64,
    revision: u64,
    /// Where each thing is in the feed.
    pub(super) log: BTreeMap<u64, u64>,
    pub(super) seq: u64,
    /// What the feed shows so far.
    pub(super) visible: u64,
    /// Cursors of feeds before this one are not taken.
    pub(super) era: u64,
    pub(super) now: i64,
    /// What the engine changed.
    pub(super) engine_writes: u64,
    /// Calls that it made.
    pub(super) calls: u64,
    pub(super) is_signed_out: bool,
    /// It kept silent about something that is gone.
    pub(super) has_lost_tombstones: bool,
    /// Contents that went to a trash that nobody can look into, with something that was to go there: put into a folder
    /// between the last look and the call, where the provider cannot be told to take empty folders only, or written
    /// over a file, where it cannot be told which one is meant. No client can do without that moment.
    pub(super) went_unseen: Vec<Vec<u8>>,
}

impl Cloud {
    pub(super) fn new(flavour: Flavour, now: i64) -> Self {
        let root = Thing {
            id: if flavour.abilities.has_ids {
                "root".to_owned()
            } else {
                String::new()
            },
            parent: ROOT,
            name: String::new(),
            sort: Sort::Folder,
            kept: Vec::new(),
            meta: 1,
            is_trashed: false,
            is_gone: false,
            copied_from: None,
            before: None,
        };
        Self {
            flavour,
            things: BTreeMap::from([(ROOT, root)]),
            next: ROOT,
            revision: 0,
            log: BTreeMap::new(),
            seq: 0,
            visible: 0,
            era: 0,
            now,
            engine_writes: 0,
            calls: 0,
            is_signed_out: false,
            has_lost_tombstones: false,
            went_unseen: Vec::new(),
        }
    }

    fn has_ids(&self) -> bool {
        self.flavour.abilities.has_ids
    }

    /// Whether it is there, and in no trash.
    pub(super) fn is_live(&self, mut number: u64) -> bool {
        while number != ROOT {
            match self.things.get(&number) {
                Some(thing) if !thing.is_trashed && !thing.is_gone => number = thing.parent,
                _ => return false,
            }
        }
        true
    }

    pub(super) fn is_within(&self, folder: u64, mut number: u64) -> bool {
        loop {
            if number == folder {
                return true;
            }
            if number == ROOT {
                return false;
            }
            number = self.things[&number].parent;
        }
    }

    /// What is there, in the order in which it came.
    pub(super) fn live(&self) -> Vec<u64> {
        let all = self.things.keys().copied();
        all.filter(|number| *number != ROOT && self.is_live(*number))
            .collect()
    }

    pub(super) fn live_children(&self, folder: u64) -> Vec<u64> {
        let all = self.things.iter();
        let inside = all.filter(|(number, thing)| {
            **number != ROOT && thing.parent == folder && !thing.is_trashed && !thing.is_gone
        });
        inside.map(|(number, _)| *number).collect()
    }

    /// A path with the kind at its end, which is an id where there are none.
    pub(super) fn path(&self, number: u64) -> String {
        let mut path = String::new();
        let mut at = number;
        while at != ROOT {
            let thing = &self.things[&at];
            let slash = if thing.sort == Sort::Folder { "/" } else { "" };
            path.insert_str(0, &format!("{}{slash}", thing.name));
            at = thing.parent;
        }
        path
    }

    pub(super) fn id_of(&self, number: u64) -> ItemId {
        match self.has_ids() {
            true => ItemId(self.things[&number].id.clone()),
            false => ItemId(self.path(number)),
        }
    }

    /// What has an id. Where ids are paths only what is there has one.
    pub(super) fn find(&self, id: &ItemId) -> Option<u64> {
        if self.has_ids() {
            let mut all = self.things.iter();
            return all.find(|(_, thing)| thing.id == id.0).map(|(number, _)| *number);
        }
        if id.0.is_empty() {
            return Some(ROOT);
        }
        self.live().into_iter().find(|number| self.path(*number) == id.0)
    }

    /// What may be seen of something: its trash only where that can be looked into.
    pub(super) fn seen(&self, number: u64) -> Option<Item> {
        let thing = self.things.get(&number).filter(|thing| !thing.is_gone)?;
        let is_trashed = !self.is_live(number);
        if is_trashed && self.flavour.kind != Kind::Drive {
            return None;
        }
        Some(self.item_as(number, thing, is_trashed))
    }

    /// The same as it was before it last changed.
    pub(super) fn seen_before(&self, number: u64) -> Option<Item> {
        let thing = self.things.get(&number)?.before.as_deref()?;
        Some(self.item_as(number, thing, thing.is_trashed))
    }

    fn item_as(&self, number: u64, thing: &Thing, is_trashed: bool) -> Item {
        let kept = thing.kept.last();
        let id = self.id_of(number);
        let parent = (number != ROOT).then(|| self.id_of(thing.parent));
        let mut item = Item {
            id,
            parent,
            name: thing.name.clone(),
            kind: match thing.sort {
                Sort::Folder => ItemKind::Folder,
                Sort::File => ItemKind::File,
                Sort::Document => ItemKind::Document {
                    exports: vec!["text/plain"],
                },
                Sort::Shortcut => ItemKind::Shortcut { target: None },
            },
            size_bytes: None,
            media_type: None,
            hashes: connectors::Hashes::default(),
            revision: None,
            tag: Some(Tag(format!("t{}", thing.meta))),
            modified: kept.map(|kept| Millis(kept.at)),
            is_trashed,
            is_editable: true,
            web_url: None,
        };
        if let Some(kept) = kept.filter(|_| thing.sort == Sort::File) {
            item.size_bytes = Some(kept.bytes.len() as u64);
            item.hashes = self.hashes(&kept.bytes);
            item.revision = Some(self.revision_of(kept));
            if self.flavour.kind == Kind::Bucket {
                item.tag = item.revision.clone().map(|revision| Tag(revision.0));
            }
        }
        item
    }

    pub(super) fn hashes(&self, bytes: &[u8]) -> connectors::Hashes {
        let mut hasher = Hasher::new(self.flavour.abilities.hashes);
        hasher.update(bytes);
        hasher.finish()
    }

    pub(super) fn revision_of(&self, kept: &Kept) -> Revision {
        match self.flavour.revision_is_hash {
            true => Revision(self.hashes(&kept.bytes).strongest().unwrap_or_default()),
            false => Revision(format!("r{}", kept.number)),
        }
    }

    pub(super) fn past(&self, number: u64) -> Vec<Past> {
        let kept = self.things[&number].kept.iter().rev();
        let past = kept.map(|kept| Past {
            revision: self.revision_of(kept),
            size_bytes: Some(kept.bytes.len() as u64),
            hashes: self.hashes(&kept.bytes),
            modified: Some(Millis(kept.at)),
            author: None,
        });
        past.collect()
    }

    /// Whether something else has that name there.
    pub(super) fn is_taken(&self, folder: u64, name: &str, but: Option<u64>) -> bool {
        if self.flavour.abilities.has_duplicates {
            return false;
        }
        let name = self.flavour.folded(name);
        let beside = self.live_children(folder).into_iter();
        beside
            .filter(|number| Some(*number) != but)
            .any(|number| self.flavour.folded(&self.things[&number].name) == name)
    }

    fn log(&mut self, number: u64) {
        self.seq += 1;
        self.log.insert(number, self.seq);
    }

    fn change(&mut self, number: u64, change: impl FnOnce(&mut Thing)) {
        let thing = self.things.get_mut(&number).expect("it is there");
        let mut before = thing.clone();
        before.before = None;
        thing.meta += 1;
        change(thing);
        thing.before = Some(Box::new(before));
        self.log(number);
    }

    /// An id for something that is to be made.
    pub(super) fn new_id(&mut self) -> ItemId {
        self.next += 1;
        ItemId(format!("n{}", self.next))
    }

    fn kept(&mut self, bytes: Vec<u8>) -> Kept {
        self.revision += 1;
        self.now += 1;
        Kept {
            number: self.revision,
            bytes,
            at: self.now,
        }
    }

    /// Makes something new.
    pub(super) fn make(
        &mut self,
        folder: u64,
        (name, sort): (&str, Sort),
        content: Option<Vec<u8>>,
        id: Option<&ItemId>,
    ) -> Result<u64, RemoteError> {
        // Drive puts things into folders that are in the trash.
        let takes_trashed = self.flavour.kind == Kind::Drive;
        let is_folder = self
            .things
            .get(&folder)
            .is_some_and(|thing| thing.sort == Sort::Folder && !thing.is_gone);
        if !is_folder || !(takes_trashed || self.is_live(folder)) {
            return Err(RemoteError::NotFound);
        }
        if self.is_taken(folder, name, None) {
            return Err(RemoteError::Exists);
        }
        self.next += 1;
        let number = self.next;
        let kept = content.map(|bytes| self.kept(bytes)).into_iter().collect();
        let thing = Thing {
            id: id.map_or_else(|| format!("i{number}"), |id| id.0.clone()),
            parent: folder,
            name: name.to_owned(),
            sort,
            kept,
            meta: 1,
            is_trashed: false,
            is_gone: false,
            copied_from: None,
            before: None,
        };
        self.things.insert(number, thing);
        self.log(number);
        Ok(number)
    }

    pub(super) fn write(&mut self, number: u64, bytes: Vec<u8>) {
        let kept = self.kept(bytes);
        self.change(number, |thing| thing.kept.push(kept));
    }

    pub(super) fn place(&mut self, number: u64, folder: u64, name: &str) -> Result<(), RemoteError> {
        if self.is_within(number, folder) {
            return Err(RemoteError::Refused {
                code: "cycle".to_owned(),
                reason: "a folder cannot go into itself".to_owned(),
            });
        }
        let takes_trashed = self.flavour.kind == Kind::Drive;
        if self.things[&folder].is_gone || !(takes_trashed || self.is_live(folder)) {
            return Err(RemoteError::NotFound);
        }
        if self.is_taken(folder, name, Some(number)) {
            return Err(RemoteError::Exists);
        }
        self.change(number, |thing| {
            thing.parent = folder;
            name.clone_into(&mut thing.name);
        });
        Ok(())
    }

    /// Puts into the trash, or for good away where nobody can look into it.
    /// What a file holds.
    pub(super) fn content(&self, file: u64) -> Option<Vec<u8>> {
        Some(self.things.get(&file)?.kept.last()?.bytes.clone())
    }

    /// Contents of files in a folder.
    pub(super) fn contents_in(&self, folder: u64) -> Vec<Vec<u8>> {
        let live = self.live().into_iter();
        let inside = live.filter(|number| *number != folder && self.is_within(folder, *number));
        inside.filter_map(|number| self.content(number)).collect()
    }

    /// Whether nothing is in a folder.
    pub(super) fn is_empty(&self, folder: u64) -> bool {
        !self
            .things
            .iter()
            .any(|(number, thing)| thing.parent == folder && *number != ROOT && self.is_live(*number))
    }

    pub(super) fn throw(&mut self, number: u64) {
        if !self.has_ids() {
            // What is in the folder is listed no more either.
            self.change(number, |thing| thing.is_gone = true);
            return;
        }
        self.change(number, |thing| thing.is_trashed = true);
        if self.flavour.kind == Kind::OneDrive {
            // Its feed tells of everything below.
            for below in self.things.keys().copied().collect::<Vec<_>>() {
                if below != number && below != ROOT && self.is_within(number, below) {
                    self.log(below);
                }
            }
        }
    }

    pub(super) fn bring_back(&mut self, number: u64) -> Result<(), RemoteError> {
        let thing = &self.things[&number];
        let (folder, name) = (thing.parent, thing.name.clone());
        if self.flavour.kind == Kind::OneDrive {
            if !self.is_live(folder) {
                return Err(RemoteError::NotFound);
            }
            if self.is_taken(folder, &name, Some(number)) {
                return Err(RemoteError::Exists);
            }
        }
        self.change(number, |thing| thing.is_trashed = false);
        // Feeds tell of everything that comes back with a folder.
        for below in self.live() {
            if below != number && self.is_within(number, below) {
                self.log(below);
            }
        }
        Ok(())
    }

    /// Everything that is there: its path, and its content or nothing for a folder. Several of one name are told apart.
    pub(super) fn tree(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let mut tree: Vec<_> = self
            .live()
            .into_iter()
            .filter(|number| matches!(self.things[number].sort, Sort::Folder | Sort::File))
            .map(|number| {
                let content = self.things[&number].kept.last();
                (self.path(number), content.map(|kept| kept.bytes.clone()))
            })
            .collect();
        tree.sort();
        tree
    }
}
