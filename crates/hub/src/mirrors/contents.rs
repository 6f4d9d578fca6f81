//! Which contents are the same bytes, as far as is known without reading them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use catalog::{EntryContent, EntryRow, Tx};
use connectors::Hashes;
use model::{Digest, Node, NodeId, RemoteItem, Version};
use sync_plan::{Base, Content, EntryId, Name, Scene};

use super::scene::Thing;
use crate::HubError;
use crate::connections::hashes_of;

/// What a content is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Known {
    /// By its SHA-256.
    Digest([u8; 32]),
    /// By the version that has it: nobody has read it yet.
    Version(NodeId, u64),
    /// By where it lies.
    Item(String, Option<String>),
}

/// The contents of a scene.
pub(crate) struct Contents {
    numbers: HashMap<Known, Content>,
    /// Contents here, with all hashes that are known of them and their lengths.
    ours: HashMap<Content, (Hashes, u64)>,
    theirs: HashMap<Content, (Hashes, u64)>,
    hashes: HashMap<[u8; 32], Hashes>,
    /// What was found out by reading, by contents of ours.
    read: HashMap<[u8; 32], Vec<(String, String)>>,
    /// Digests of contents here of a length, of those that take part.
    by_size: HashMap<u64, Vec<[u8; 32]>>,
    /// What both sides agreed on, by its length there: its hashes there, and what it is here.
    agreed: HashMap<u64, Vec<(Hashes, [u8; 32])>>,
}

/// The SHA-256 of no bytes.
const EMPTY: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

impl Contents {
    pub(super) async fn load(
        tx: &mut Tx,
        things: impl Iterator<Item = (&EntryRow, Option<&Node>, Option<&RemoteItem>)>,
    ) -> Result<Self, HubError> {
        let mut sizes: HashMap<[u8; 32], u64> = HashMap::new();
        let mut agreed: HashMap<u64, Vec<(Hashes, [u8; 32])>> = HashMap::new();
        for (row, node, _) in things {
            if let Some(content) = &row.content
                && let Some(digest) = content.digest
            {
                sizes.insert(digest.0, content.size_bytes);
                if let Some(bytes) = content.there_bytes {
                    let there = hashes_of(&content.there_hashes);
                    agreed.entry(bytes).or_default().push((there, digest.0));
                }
            }
            if let Some(version) = node.and_then(|node| node.version.as_ref())
                && let Some(digest) = version.digest
            {
                sizes.insert(digest.0, version.size_bytes);
            }
        }
        let digests: Vec<Digest> = sizes.keys().copied().map(Digest).collect();
        let told = tx.content_hashes(&digests).await?;
        let (mut hashes, mut read) = (HashMap::new(), HashMap::new());
        let mut by_size: HashMap<u64, Vec<[u8; 32]>> = HashMap::new();
        for (digest, size_bytes) in sizes {
            let texts: Vec<String> = told
                .get(&Digest(digest))
                .into_iter()
                .flatten()
                .map(|(kind, text)| format!("{kind}:{text}"))
                .collect();
            let mut known = hashes_of(&texts);
            known.sha256 = Some(digest);
            hashes.insert(digest, known);
            if let Some(told) = told.get(&Digest(digest)) {
                read.insert(digest, told.clone());
            }
            by_size.entry(size_bytes).or_default().push(digest);
        }
        Ok(Self {
            numbers: HashMap::new(),
            ours: HashMap::new(),
            theirs: HashMap::new(),
            hashes,
            read,
            by_size,
            agreed,
        })
    }

    fn number(&mut self, known: Known) -> Content {
        let next = Content(self.numbers.len() as u64);
        *self.numbers.entry(known).or_insert(next)
    }

    pub(super) fn of_version(&mut self, version: &Version) -> Content {
        let known = match version.digest {
            Some(digest) => Known::Digest(digest.0),
            None => Known::Version(version.node, version.number),
        };
        let content = self.number(known);
        let hashes = version
            .digest
            .and_then(|digest| self.hashes.get(&digest.0))
            .copied();
        self.ours
            .insert(content, (hashes.unwrap_or_default(), version.size_bytes));
        content
    }

    pub(super) fn of_base(&mut self, row: &EntryRow, content: &EntryContent) -> Content {
        match (content.digest, row.node) {
            (Some(digest), _) => self.number(Known::Digest(digest.0)),
            (None, Some(node)) => self.number(Known::Version(node, content.version)),
            (None, None) => self.number(Known::Item(
                row.item.clone().unwrap_or_default(),
                content.revision.clone(),
            )),
        }
    }

    /// The content of an item: that of the base while it is the same revision, or one of ours with the same hashes.
    pub(super) fn of_item(&mut self, row: &EntryRow, item: &RemoteItem) -> Content {
        let hashes = hashes_of(&item.hashes);
        let size_bytes = item.size_bytes.unwrap_or(0);
        let content = self.content_of_item(row, item, &hashes);
        self.theirs.insert(content, (hashes, size_bytes));
        content
    }

    fn content_of_item(&mut self, row: &EntryRow, item: &RemoteItem, hashes: &Hashes) -> Content {
        if let Some(base) = &row.content {
            let is_same_revision = item.revision.is_some() && item.revision == base.revision;
            let has_same_hashes = base.there_bytes == item.size_bytes
                && hashes_of(&base.there_hashes).agrees(hashes) == Some(true);
            if is_same_revision || has_same_hashes {
                return self.of_base(row, base);
            }
        }
        if item.size_bytes == Some(0) {
            return self.number(Known::Digest(EMPTY));
        }
        if let Some(sha256) = hashes.sha256 {
            return self.number(Known::Digest(sha256));
        }
        let candidates = item.size_bytes.and_then(|size| self.by_size.get(&size));
        let same = candidates.into_iter().flatten().find(|digest| {
            self.hashes
                .get(*digest)
                .is_some_and(|known| known.agrees(hashes) == Some(true))
                || self.was_compared(digest, (&item.id, item.revision.as_deref())) == Some(true)
        });
        // What was moved where ids are paths is another item of a content that was agreed on.
        let agreed = item.size_bytes.and_then(|size| self.agreed.get(&size));
        let agreed = agreed.into_iter().flatten();
        let moved = agreed.filter(|(there, _)| there.agrees(hashes) == Some(true));
        let same = same.or_else(|| moved.map(|(_, digest)| digest).next());
        match same.copied() {
            Some(digest) => self.number(Known::Digest(digest)),
            None => self.number(Known::Item(item.id.clone(), item.revision.clone())),
        }
    }

    /// Names the pairs that may be the same and may not: those of one entry, and those at one place.
    pub(super) fn unsure(&self, things: &BTreeMap<EntryId, Thing>, scene: &mut Scene) {
        let mut at: HashMap<(EntryId, String), Vec<Content>> = HashMap::new();
        let mut pairs = Vec::new();
        for entry in scene.entries.values() {
            let here = entry
                .here
                .as_ref()
                .and_then(|state| Some((state, state.kind.content()?)));
            let there = entry
                .there
                .as_ref()
                .and_then(|state| Some((state, state.kind.content()?)));
            if let (Some((_, here)), Some((_, there))) = (here, there) {
                pairs.push((here, there));
            }
            if let (Some((state, here)), None) = (here, there) {
                at.entry((state.parent, model::fold(&state.name)))
                    .or_default()
                    .push(here);
            }
        }
        for id in things.keys() {
            let entry = &scene.entries[id];
            if let (None, Some(state)) = (&entry.here, &entry.there)
                && let Some(there) = state.kind.content()
                && let Some(all) = at.get(&(state.parent, model::fold(&state.name)))
            {
                pairs.extend(all.iter().map(|here| (*here, there)));
            }
        }
        for (here, there) in pairs {
            if here != there && self.may_be_same(here, there) {
                scene.unsure.insert((here, there));
            }
        }
    }

    /// Entries whose content here is gone or another than was agreed on, while the one there may still be that one: where
    /// no hash tells it, as after a move that was a copy, only reading does. It would count as edited.
    pub(super) fn doubts(&self, things: &BTreeMap<EntryId, Thing>, scene: &Scene) -> BTreeSet<EntryId> {
        let is_doubtful = |id: &EntryId, thing: &Thing| {
            let (base, item) = (thing.row.content.as_ref()?, thing.item.as_ref()?);
            let agreed = base.digest?;
            let ours = thing.node.as_ref().and_then(|node| node.version.as_ref()?.digest);
            let is_as_agreed = scene.entries[id].here.is_some() && ours == Some(agreed);
            let told = hashes_of(&base.there_hashes).agrees(&hashes_of(&item.hashes));
            let is_other = base.revision.is_some() && item.revision != base.revision && !item.is_trashed;
            let sizes = [base.there_bytes, item.size_bytes];
            let has_size = base.size_bytes > 0 && sizes == [Some(base.size_bytes); 2];
            let looked = self.was_compared(&agreed.0, (&item.id, item.revision.as_deref()));
            Some(is_other && has_size && !is_as_agreed && told.is_none() && looked.is_none())
        };
        let doubtful = things
            .iter()
            .filter(|(id, thing)| is_doubtful(id, thing) == Some(true));
        doubtful.map(|(id, _)| *id).collect()
    }

    fn may_be_same(&self, here: Content, there: Content) -> bool {
        let (Some((ours, our_size)), Some((theirs, their_size))) =
            (self.ours.get(&here), self.theirs.get(&there))
        else {
            return false;
        };
        our_size == their_size && ours.agrees(theirs).is_none() && !self.was_told_apart(here, there)
    }

    /// Whether it is known that they are not the same, by what they are or by having been read.
    fn was_told_apart(&self, here: Content, there: Content) -> bool {
        let known = |content: Content| {
            let mut all = self.numbers.iter();
            all.find(|(_, number)| **number == content)
                .map(|(known, _)| known)
        };
        match (known(here), known(there)) {
            (Some(Known::Digest(_)), Some(Known::Digest(_))) => true,
            (Some(Known::Digest(digest)), Some(Known::Item(item, revision))) => {
                self.was_compared(digest, (item, revision.as_deref())) == Some(false)
            }
            _ => false,
        }
    }

    /// Whether a content of ours is that of an item, as far as both were read.
    fn was_compared(&self, digest: &[u8; 32], (item, revision): (&str, Option<&str>)) -> Option<bool> {
        let told = self.read.get(digest)?;
        let is = |kind: String| {
            told.iter()
                .any(|(known, text)| *known == kind && Some(text.as_str()) == revision)
        };
        if is(same_as(item)) {
            Some(true)
        } else if is(other_than(item)) {
            Some(false)
        } else {
            None
        }
    }
}

/// What was agreed of an entry.
pub(super) fn base_of(row: &EntryRow, rows: &BTreeMap<u64, EntryRow>, contents: &mut Contents) -> Base {
    Base {
        parent: row
            .parent
            .filter(|parent| *parent == 0 || rows.contains_key(parent))
            .map(EntryId),
        names: row
            .names
            .as_ref()
            .map(|(here, there)| (Name::from(here.as_str()), Name::from(there.as_str()))),
        content: row.content.as_ref().map(|content| contents.of_base(row, content)),
        is_folder: row.is_folder,
    }
}

/// How it is written down that a content of ours is that of an item.
pub(super) fn same_as(item: &str) -> String {
    format!("is {item}")
}

/// How it is written down that it is not.
pub(super) fn other_than(item: &str) -> String {
    format!("not {item}")
}
