//! What a client knows: everything that was acknowledged to it.

use std::collections::BTreeMap;

use crate::harness::{Content, Dice};

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Its versions by their numbers; the last one is current.
    File(BTreeMap<u64, Content>),
    Folder,
    /// A copied folder, which is handled only as a whole: what is below it by path, a folder without
    /// content.
    Copy(BTreeMap<String, Option<Content>>),
}

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    In(String),
    Trash { from: String },
    Gone,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    pub name: String,
    pub place: Place,
    pub kind: Kind,
}

/// What one worker did. It alone works below its home.
#[derive(Debug)]
pub struct Ledger {
    /// The root of the space.
    pub root: String,
    /// The worker's folder, and its name there.
    pub home: String,
    pub home_name: String,
    pub things: BTreeMap<String, Thing>,
    names: u64,
}

impl Thing {
    pub fn current(&self) -> Option<Content> {
        match &self.kind {
            Kind::File(versions) => versions.last_key_value().map(|(_, content)| *content),
            Kind::Folder | Kind::Copy(_) => None,
        }
    }

    pub const fn is_file(&self) -> bool {
        matches!(self.kind, Kind::File(_))
    }

    pub const fn is_trashed(&self) -> bool {
        matches!(self.place, Place::Trash { .. })
    }
}

impl Ledger {
    pub fn new(root: &str, home: &str, home_name: &str) -> Self {
        Self {
            root: root.to_owned(),
            home: home.to_owned(),
            home_name: home_name.to_owned(),
            things: BTreeMap::new(),
            names: 0,
        }
    }

    /// A name that nothing else has, nor ever had.
    pub fn fresh_name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{}-{kind}-{}", self.home_name, self.names)
    }

    /// Whether a folder or file is in the tree: nothing above it is in the trash or gone.
    pub fn is_visible(&self, id: &str) -> bool {
        let mut at = id;
        loop {
            if at == self.home || at == self.root {
                return true;
            }
            match self.things.get(at).map(|thing| &thing.place) {
                Some(Place::In(folder)) => at = folder,
                Some(Place::Trash { .. } | Place::Gone) | None => return false,
            }
        }
    }

    /// Whether `id` is `folder` or somewhere below it.
    pub fn is_below(&self, id: &str, folder: &str) -> bool {
        let mut at = id;
        loop {
            if at == folder {
                return true;
            }
            match self.things.get(at).map(|thing| &thing.place) {
                Some(Place::In(above)) => at = above,
                Some(Place::Trash { .. } | Place::Gone) | None => return false,
            }
        }
    }

    /// What is directly in a folder, by name.
    pub fn children(&self, folder: &str) -> BTreeMap<&str, &str> {
        self.things
            .iter()
            .filter(|(_, thing)| matches!(&thing.place, Place::In(parent) if parent == folder))
            .map(|(id, thing)| (thing.name.as_str(), id.as_str()))
            .collect()
    }

    /// Everything below a folder, by path.
    pub fn snapshot(&self, folder: &str) -> BTreeMap<String, Option<Content>> {
        let mut found = BTreeMap::new();
        for (name, id) in self.children(folder) {
            let thing = &self.things[id];
            found.insert(name.to_owned(), thing.current());
            let below = match &thing.kind {
                Kind::File(_) => BTreeMap::new(),
                Kind::Folder => self.snapshot(id),
                Kind::Copy(below) => below.clone(),
            };
            found.extend(
                below
                    .into_iter()
                    .map(|(path, content)| (format!("{name}/{path}"), content)),
            );
        }
        found
    }

    /// One of the visible things that are `wanted`.
    pub fn pick(&self, dice: &mut Dice, wanted: impl Fn(&str, &Thing) -> bool) -> Option<String> {
        let found: Vec<&String> = self
            .things
            .iter()
            .filter(|(id, thing)| self.is_visible(id) && wanted(id, thing))
            .map(|(id, _)| id)
            .collect();
        dice.pick(&found).map(|id| (*id).clone())
    }

    /// A visible folder, or the home.
    pub fn pick_folder(&self, dice: &mut Dice) -> String {
        let picked = self.pick(dice, |_, thing| thing.kind == Kind::Folder);
        picked
            .filter(|_| dice.below(3) > 0)
            .unwrap_or_else(|| self.home.clone())
    }

    /// Something in the trash.
    pub fn pick_trashed(&self, dice: &mut Dice) -> Option<String> {
        let found: Vec<&String> = self
            .things
            .iter()
            .filter(|(_, thing)| thing.is_trashed())
            .map(|(id, _)| id)
            .collect();
        dice.pick(&found).map(|id| (*id).clone())
    }

    /// Where something in the trash returns to.
    pub fn way_back(&self, thing: &Thing) -> Place {
        match &thing.place {
            Place::Trash { from } if self.is_visible(from) => Place::In(from.clone()),
            _ => Place::In(self.root.clone()),
        }
    }
}
