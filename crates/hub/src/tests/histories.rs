//! Random histories of operations, compared with a model in memory; the journal of each is replayed.

use std::collections::BTreeMap;

use model::{Actor, Guard, NodeId, NodeKind, NodeName, OnConflict};
use proptest::prelude::*;

use super::archive::{archive, archiving, rebuilt_on_each_engine};
use super::backups::restored_on_each_engine;
use super::harness::{TestHub, for_cases, for_cases_with, into, named, part};
use super::journal::{journal, replayed};
use crate::{Copy, HubError, NewFolder, NodeChange, Upload};

const NAMES: [&str; 5] = ["a", "b", "A", "c.txt", "d d"];

/// One operation. Nodes are picked by a number, out of those that there are then.
#[derive(Debug, Clone)]
enum Op {
    Folder(u8, u8),
    Put(u8, u8, u8, OnConflict),
    Move(u8, u8, Option<u8>, OnConflict),
    Copy(u8, u8, Option<u8>, OnConflict),
    Delete(u8),
    Restore(u8),
    Purge(u8),
    RestoreVersion(u8, u8),
    RemoveVersion(u8, u8),
    Empty,
    Jobs,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let how = || {
        prop_oneof![
            Just(OnConflict::NewVersion),
            Just(OnConflict::KeepBoth),
            Just(OnConflict::Fail)
        ]
    };
    let name = || prop::option::of(0..5_u8);
    let op = prop_oneof![
        4 => (any::<u8>(), 0..5_u8).prop_map(|(at, name)| Op::Folder(at, name)),
        6 => (any::<u8>(), 0..5_u8, 0..4_u8, how()).prop_map(|(at, name, bytes, how)| Op::Put(at, name, bytes, how)),
        5 => (any::<u8>(), any::<u8>(), name(), how()).prop_map(|(node, to, name, how)| Op::Move(node, to, name, how)),
        3 => (any::<u8>(), any::<u8>(), name(), how()).prop_map(|(node, to, name, how)| Op::Copy(node, to, name, how)),
        3 => any::<u8>().prop_map(Op::Delete),
        2 => any::<u8>().prop_map(Op::Restore),
        1 => any::<u8>().prop_map(Op::Purge),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(file, n)| Op::RestoreVersion(file, n)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(file, n)| Op::RemoveVersion(file, n)),
        1 => Just(Op::Empty),
        1 => Just(Op::Jobs),
    ];
    prop::collection::vec(op, 1..40)
}

/// What a node should be.
#[derive(Debug, Clone)]
struct Expected {
    parent: Option<NodeId>,
    name: NodeName,
    /// The contents of a file, each with its number.
    versions: Option<Vec<(u64, Vec<u8>)>>,
    trashed_from: Option<NodeId>,
}

/// A space as it should be.
struct Space {
    root: NodeId,
    nodes: BTreeMap<NodeId, Expected>,
}

/// Why an operation is expected to be refused.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    NameTaken,
    Conflict,
}

impl Space {
    fn is_folder(&self, id: NodeId) -> bool {
        id == self.root || self.nodes[&id].versions.is_none()
    }

    /// From a node up to the root; `None` when it is not in the tree.
    fn way_up(&self, id: NodeId) -> Option<Vec<NodeId>> {
        let mut way = vec![id];
        while *way.last()? != self.root {
            way.push(self.nodes.get(way.last()?)?.parent?);
        }
        Some(way)
    }

    fn live(&self, wanted: impl Fn(&Self, NodeId) -> bool) -> Vec<NodeId> {
        let live = self.nodes.keys().copied().filter(|id| self.way_up(*id).is_some());
        live.filter(|id| wanted(self, *id)).collect()
    }

    fn folder(&self, pick: u8) -> NodeId {
        let mut folders = self.live(Self::is_folder);
        folders.push(self.root);
        folders[usize::from(pick) % folders.len()]
    }

    fn trash(&self) -> Vec<NodeId> {
        let trashed = self.nodes.iter().filter(|(_, node)| node.trashed_from.is_some());
        trashed.map(|(id, _)| *id).collect()
    }

    fn children(&self, folder: NodeId) -> Vec<NodeId> {
        let children = self.nodes.iter().filter(|(_, node)| node.parent == Some(folder));
        children.map(|(id, _)| *id).collect()
    }

    fn child(&self, folder: NodeId, name: &NodeName) -> Option<NodeId> {
        self.children(folder)
            .into_iter()
            .find(|id| self.nodes[id].name == *name)
    }

    /// The name that a newcomer gets in a folder.
    fn place(&self, folder: NodeId, name: &NodeName, how: OnConflict) -> Result<NodeName, Refusal> {
        if self.child(folder, name).is_none() {
            return Ok(name.clone());
        }
        if how != OnConflict::KeepBoth {
            return Err(Refusal::NameTaken);
        }
        let numbered = (2..).map(|n| name.numbered(n));
        Ok(numbered
            .into_iter()
            .find(|name| self.child(folder, name).is_none())
            .unwrap())
    }

    fn add(&mut self, id: NodeId, parent: NodeId, name: NodeName, versions: Option<Vec<(u64, Vec<u8>)>>) {
        let node = Expected {
            parent: Some(parent),
            name,
            versions,
            trashed_from: None,
        };
        assert!(self.nodes.insert(id, node).is_none());
    }

    fn remove(&mut self, id: NodeId) {
        for child in self.children(id) {
            self.remove(child);
        }
        self.nodes.remove(&id);
    }

    fn path(&self, id: NodeId) -> Option<String> {
        let way = self.way_up(id)?;
        let names = way
            .iter()
            .rev()
            .skip(1)
            .map(|id| format!("/{}", self.nodes[id].name));
        Some(names.collect())
    }
}

fn pick(nodes: &[NodeId], pick: u8) -> Option<NodeId> {
    nodes.get(usize::from(pick).checked_rem(nodes.len())?).copied()
}

/// Panics unless an outcome is as expected; hands back what both agree on.
fn agree<T, E: std::fmt::Debug>(
    outcome: Result<T, HubError>,
    expected: Result<E, Refusal>,
) -> Option<(T, E)> {
    match (outcome, expected) {
        (Ok(outcome), Ok(expected)) => Some((outcome, expected)),
        (Err(HubError::NameTaken(_)), Err(Refusal::NameTaken)) => None,
        (Err(HubError::Conflict(_)), Err(Refusal::Conflict)) => None,
        (Ok(_), Err(refusal)) => panic!("should be refused: {refusal:?}"),
        (Err(error), expected) => panic!("refused with {error:?}, expected {expected:?}"),
    }
}

struct History<'a> {
    t: &'a TestHub,
    who: Actor,
    space: Space,
}

impl History<'_> {
    async fn apply(&mut self, op: Op) {
        match op {
            Op::Folder(at, name) => self.new_folder(self.space.folder(at), name).await,
            Op::Put(at, name, bytes, how) => self.put(self.space.folder(at), name, (bytes, how)).await,
            Op::Move(node, to, name, how) => self.change(node, self.space.folder(to), (name, how)).await,
            Op::Copy(node, to, name, how) => self.copy(node, self.space.folder(to), (name, how)).await,
            Op::Delete(node) => self.delete(node).await,
            Op::Restore(item) => self.restore(item).await,
            Op::Purge(item) => {
                if let Some(id) = pick(&self.space.trash(), item) {
                    self.t.purge(&self.who, id).await.unwrap();
                    self.space.remove(id);
                }
            }
            Op::RestoreVersion(file, n) => self.restore_version(file, n).await,
            Op::RemoveVersion(file, n) => self.remove_version(file, n).await,
            Op::Empty => {
                let trash = self.space.trash();
                assert_eq!(self.t.empty_trash(&self.who).await.unwrap(), trash.len() as u64);
                trash.into_iter().for_each(|id| self.space.remove(id));
            }
            Op::Jobs => {
                self.t.do_jobs().await;
            }
        }
    }

    async fn new_folder(&mut self, folder: NodeId, name: u8) {
        let new = NewFolder::In {
            folder: folder.into(),
            name: named(NAMES[usize::from(name)]),
            on_conflict: OnConflict::Fail,
        };
        let expected = self
            .space
            .place(folder, &named(NAMES[usize::from(name)]), OnConflict::Fail);
        if let Some(((node, _), name)) = agree(self.t.create_folder(&self.who, new).await, expected) {
            self.space.add(node.id, folder, name, None);
        }
    }

    async fn put(&mut self, folder: NodeId, name: u8, (bytes, on_conflict): (u8, OnConflict)) {
        let name = named(NAMES[usize::from(name)]);
        // Every fourth is too long to be kept in the catalog.
        let bytes = vec![b'0' + bytes; if bytes == 3 { 17_000 } else { 5 }];
        let upload = Upload {
            on_conflict,
            ..into(folder, name.as_str())
        };
        let outcome = self.t.store(&self.who, upload, &bytes).await;
        let current = self
            .space
            .child(folder, &name)
            .filter(|_| on_conflict == OnConflict::NewVersion);
        match current.filter(|id| !self.space.is_folder(*id)) {
            Some(file) => {
                assert_eq!(outcome.unwrap().node.id, file);
                self.add_version(file, bytes);
            }
            None => {
                let expected = self.space.place(folder, &name, on_conflict);
                if let Some((stored, name)) = agree(outcome, expected) {
                    self.space
                        .add(stored.node.id, folder, name, Some(vec![(1, bytes)]));
                }
            }
        }
    }

    fn add_version(&mut self, file: NodeId, bytes: Vec<u8>) {
        let versions = self
            .space
            .nodes
            .get_mut(&file)
            .unwrap()
            .versions
            .as_mut()
            .unwrap();
        let number = versions.last().unwrap().0 + 1;
        versions.push((number, bytes));
    }

    async fn change(&mut self, node: u8, to: NodeId, (name, on_conflict): (Option<u8>, OnConflict)) {
        let Some(id) = pick(&self.space.live(|_, _| true), node) else {
            return;
        };
        let name = name.map(|name| named(NAMES[usize::from(name)]));
        let change = NodeChange {
            name: name.clone(),
            folder: Some(to.into()),
            on_conflict,
            guard: Guard::None,
        };
        let name = name.unwrap_or_else(|| self.space.nodes[&id].name.clone());
        let expected = match self.space.child(to, &name) {
            _ if self.space.way_up(to).unwrap().contains(&id) => Err(Refusal::Conflict),
            Some(itself) if itself == id => Ok(name),
            _ => self.space.place(to, &name, on_conflict),
        };
        if let Some((_, name)) = agree(self.t.change_node(&self.who, id, change).await, expected) {
            let node = self.space.nodes.get_mut(&id).unwrap();
            (node.parent, node.name) = (Some(to), name);
        }
    }

    async fn copy(&mut self, node: u8, to: NodeId, (name, on_conflict): (Option<u8>, OnConflict)) {
        let Some(id) = pick(&self.space.live(|_, _| true), node) else {
            return;
        };
        let name = name.map(|name| named(NAMES[usize::from(name)]));
        let copy = Copy {
            node: id,
            folder: Some(to.into()),
            name: name.clone(),
            on_conflict,
        };
        let name = name.unwrap_or_else(|| self.space.nodes[&id].name.clone());
        let expected = match self.space.way_up(to).unwrap().contains(&id) {
            true => Err(Refusal::Conflict),
            false => self.space.place(to, &name, on_conflict),
        };
        if let Some(((copied, _), name)) = agree(self.t.copy(&self.who, copy).await, expected) {
            let mut to_do = vec![(id, copied.id, to, name)];
            while let Some((from, copied, parent, name)) = to_do.pop() {
                let versions = self.space.nodes[&from].versions.as_ref();
                let current = versions.map(|versions| vec![(1, versions.last().unwrap().1.clone())]);
                self.space.add(copied, parent, name, current);
                // The ids of the copies are the hub's to choose; their names tell which is which.
                for child in self.space.children(from) {
                    let name = self.space.nodes[&child].name.clone();
                    let mut tx = self.t.catalog.read().await.unwrap();
                    let twin = tx
                        .child(copied, &name)
                        .await
                        .unwrap()
                        .expect("a copy of the child");
                    to_do.push((child, twin.id, copied, name));
                }
            }
        }
    }

    async fn delete(&mut self, node: u8) {
        let Some(id) = pick(&self.space.live(|_, _| true), node) else {
            return;
        };
        self.t.delete(&self.who, id, Guard::None).await.unwrap();
        let node = self.space.nodes.get_mut(&id).unwrap();
        node.trashed_from = node.parent.take();
    }

    async fn restore(&mut self, item: u8) {
        let Some(id) = pick(&self.space.trash(), item) else {
            return;
        };
        let from = self.space.nodes[&id].trashed_from.unwrap();
        let to = self.space.way_up(from).map_or(self.space.root, |_| from);
        let expected = self
            .space
            .place(to, &self.space.nodes[&id].name, OnConflict::KeepBoth);
        let outcome = self.t.restore(&self.who, id, (None, None)).await;
        let (_, name) = agree(outcome, expected).unwrap();
        let node = self.space.nodes.get_mut(&id).unwrap();
        (node.parent, node.name, node.trashed_from) = (Some(to), name, None);
    }

    async fn restore_version(&mut self, file: u8, n: u8) {
        let files = self.space.live(|space, id| !space.is_folder(id));
        let Some(file) = pick(&files, file) else { return };
        let versions = self.space.nodes[&file].versions.clone().unwrap();
        let (number, bytes) = versions[usize::from(n) % versions.len()].clone();
        self.t.restore_version(&self.who, file, number).await.unwrap();
        if number != versions.last().unwrap().0 {
            self.add_version(file, bytes);
        }
    }

    async fn remove_version(&mut self, file: u8, n: u8) {
        let files = self.space.live(|space, id| !space.is_folder(id));
        let Some(file) = pick(&files, file) else { return };
        let versions = self.space.nodes[&file].versions.clone().unwrap();
        let at = usize::from(n) % versions.len();
        let expected = match at + 1 == versions.len() {
            true => Err(Refusal::Conflict),
            false => Ok(()),
        };
        let outcome = self.t.remove_version(&self.who, file, versions[at].0).await;
        if agree(outcome, expected).is_some() {
            self.space
                .nodes
                .get_mut(&file)
                .unwrap()
                .versions
                .as_mut()
                .unwrap()
                .remove(at);
        }
    }

    /// Compares everything: tree, versions, trash, sums, journal, and rows with bytes.
    async fn check(&self) {
        self.check_on(self.t).await;
    }

    /// As `check`, of an installation that should hold the same.
    async fn check_on(&self, t: &TestHub) {
        let who = &self.who;
        let mut tree = Vec::new();
        for id in self.space.live(|_, _| true) {
            let path = self.space.path(id).unwrap();
            let info = t.info(who, id).await.unwrap();
            assert_eq!(info.path.to_string(), path);
            let versions = self.space.nodes[&id].versions.as_ref();
            assert_eq!(info.node.kind == NodeKind::File, versions.is_some());
            if let Some(versions) = versions {
                let found = t.versions(who, id, part(1000)).await.unwrap().items;
                let numbers: Vec<u64> = found.iter().rev().map(|version| version.number).collect();
                assert_eq!(
                    numbers,
                    versions.iter().map(|(number, _)| *number).collect::<Vec<_>>()
                );
                for (number, bytes) in versions {
                    assert_eq!(t.content_of(who, id, Some(*number)).await.unwrap(), *bytes);
                }
                assert_eq!(t.bytes_of(who, id).await, versions.last().unwrap().1);
            }
            let digest = versions.map(|versions| content::digest(&versions.last().unwrap().1).to_string());
            tree.push((path, digest));
        }
        tree.sort();
        self.check_children(t).await;
        let mut trash: Vec<NodeId> = t
            .trash(who, part(1000))
            .await
            .unwrap()
            .items
            .iter()
            .map(|item| item.node.id)
            .collect();
        trash.sort();
        assert_eq!(trash, self.space.trash());

        t.do_jobs().await;
        let versions = self
            .space
            .nodes
            .values()
            .filter_map(|node| node.versions.as_ref())
            .flatten();
        assert_eq!(
            t.used_bytes(who).await,
            versions.map(|(_, bytes)| bytes.len() as u64).sum::<u64>()
        );
        let changes = journal(t, who, 17).await;
        assert!(
            changes
                .iter()
                .map(|change| change.seq)
                .eq(1..=changes.len() as u64)
        );
        assert_eq!(replayed(&changes, self.space.root), tree);
        t.check_sound().await;
    }

    async fn check_children(&self, t: &TestHub) {
        let mut folders = self.space.live(Space::is_folder);
        folders.push(self.space.root);
        for folder in folders {
            let mut names: Vec<String> = t
                .names(&self.who, folder)
                .await
                .iter()
                .map(|name| name.trim_end_matches('/').into())
                .collect();
            let children = self.space.children(folder);
            let mut expected: Vec<String> = children
                .iter()
                .map(|child| self.space.nodes[child].name.to_string())
                .collect();
            names.sort();
            expected.sort();
            assert_eq!(names, expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_space_is_what_its_history_made_it_and_its_journal_tells_all_of_it() {
    for_cases(20, ops(), async |t, who, ops| {
        let root = t.root(&who).await;
        let nodes = BTreeMap::new();
        let space = Space { root, nodes };
        let mut history = History { t, who, space };
        for op in ops {
            t.tick();
            history.apply(op).await;
        }
        history.check().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_restores_what_a_history_made_on_either_engine() {
    for_cases(4, ops(), async |t, who, ops| {
        let root = t.root(&who).await;
        let nodes = BTreeMap::new();
        let space = Space { root, nodes };
        let mut history = History { t, who, space };
        for op in ops {
            t.tick();
            history.apply(op).await;
        }
        restored_on_each_engine(t, async |restored| history.check_on(restored).await).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_archive_rebuilds_what_a_history_made_on_either_engine() {
    for_cases_with(6, ops(), archiving, async |t, who, ops| {
        let root = t.root(&who).await;
        let nodes = BTreeMap::new();
        let space = Space { root, nodes };
        let mut history = History { t, who, space };
        for (number, op) in ops.into_iter().enumerate() {
            t.tick();
            history.apply(op).await;
            match number % 5 {
                // In between, jobs that free what was purged are not done.
                0 => t.archive_last().await.unwrap(),
                3 if number % 2 == 0 => archive(t).await,
                _ => {}
            }
        }
        archive(t).await;
        rebuilt_on_each_engine(t, async |rebuilt, report| {
            assert_eq!(report.damage, Vec::<String>::new());
            history.check_on(rebuilt).await;
        })
        .await;
    })
    .await;
}
