//! Loading what a plan needs to know: what changed, and all around it that the decision depends on.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use catalog::{EntryRow, Tx};
use connectors::Abilities;
use model::{Mirror, MirrorDirection, Node, NodeId, RemoteItem, RemoteKind};
use sync_plan::{Entry, EntryId, Kind, Name, Obstacle, Scene, Side, State};

use super::contents::{Contents, base_of};
use super::patterns::rule_for;
use super::rules::Limits;
use crate::HubError;

/// Children of a folder that is about to be removed that one plan takes in.
const CHILDREN: u32 = 200;
/// Levels that a path may have before it counts as a ring.
const DEEPEST: usize = 1000;

/// Something that a mirror ties, as far as it is known on both sides.
#[derive(Debug, Clone)]
pub struct Thing {
    /// What was agreed last.
    pub row: EntryRow,
    /// The node here, in the tree or in the trash.
    pub node: Option<Node>,
    /// The item there, as it was when it was last seen.
    pub item: Option<RemoteItem>,
}

/// The part of a mirror that a plan is about.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What the planner sees.
    pub scene: Scene,
    /// What stands behind each entry.
    pub things: BTreeMap<EntryId, Thing>,
    /// Folders there that items say they are in, and that nothing is known of: to be asked for first.
    pub strange: BTreeSet<String>,
    /// Entries whose content there may be the one that was agreed on, which has to be read first.
    pub doubts: BTreeSet<EntryId>,
    /// Nodes and items that stand in the way and are no entries yet: to be enrolled first.
    pub newcomers: Newcomers,
}

/// What is in a mirror and has no entry yet.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Newcomers {
    /// Here.
    pub nodes: BTreeSet<NodeId>,
    /// There.
    pub items: BTreeSet<String>,
}

impl Newcomers {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.items.is_empty()
    }
}

impl Thing {
    /// The entry.
    pub const fn id(&self) -> EntryId {
        EntryId(self.row.entry)
    }
}

/// Loads the scene around `entries`. `absent` are items that the provider was asked for and does not have.
pub(crate) async fn load(
    tx: &mut Tx,
    (mirror, abilities): (&Mirror, &Abilities),
    entries: &[u64],
    absent: &HashSet<String>,
) -> Result<Loaded, HubError> {
    let mut loader = Loader {
        mirror,
        abilities,
        limits: Limits::of(abilities),
        absent,
        rows: BTreeMap::new(),
        nodes: HashMap::new(),
        items: HashMap::new(),
        by_node: HashMap::from([(mirror.node, EntryId::ROOT.0)]),
        by_item: HashMap::from([(mirror.item.clone(), EntryId::ROOT.0)]),
        listed: BTreeSet::new(),
        crowded: BTreeSet::new(),
        strange: BTreeSet::new(),
        newcomers: Newcomers::default(),
    };
    let asked: Vec<u64> = entries.iter().copied().filter(|entry| *entry != 0).collect();
    loader.add_entries(tx, &asked).await?;
    loader.close(tx).await?;
    loader.add_occupants(tx, &asked).await?;
    loader.add_children(tx, &asked).await?;
    loader.close(tx).await?;
    let contents = Contents::load(tx, loader.things()).await?;
    loader.leave_out_tombs(&asked);
    Ok(loader.finish(contents))
}

struct Loader<'a> {
    mirror: &'a Mirror,
    abilities: &'a Abilities,
    limits: Limits,
    absent: &'a HashSet<String>,
    rows: BTreeMap<u64, EntryRow>,
    /// What was looked for; `None` is not there.
    nodes: HashMap<NodeId, Option<Node>>,
    items: HashMap<String, Option<RemoteItem>>,
    by_node: HashMap<NodeId, u64>,
    by_item: HashMap<String, u64>,
    /// Folders whose children were loaded, on that side.
    listed: BTreeSet<(Side, EntryId)>,
    crowded: BTreeSet<(Side, EntryId)>,
    strange: BTreeSet<String>,
    newcomers: Newcomers,
}

impl Loader<'_> {
    fn things(&self) -> impl Iterator<Item = (&EntryRow, Option<&Node>, Option<&RemoteItem>)> {
        self.rows
            .values()
            .map(|row| (row, self.node_of(row), self.item_of(row)))
    }

    fn node_of(&self, row: &EntryRow) -> Option<&Node> {
        self.nodes.get(&row.node?)?.as_ref()
    }

    fn item_of(&self, row: &EntryRow) -> Option<&RemoteItem> {
        self.items.get(row.item.as_ref()?)?.as_ref()
    }

    fn take(&mut self, rows: Vec<EntryRow>) {
        for row in rows {
            if let Some(node) = row.node {
                self.by_node.insert(node, row.entry);
            }
            if let Some(item) = &row.item {
                self.by_item.insert(item.clone(), row.entry);
            }
            self.rows.insert(row.entry, row);
        }
    }

    async fn add_entries(&mut self, tx: &mut Tx, entries: &[u64]) -> Result<(), HubError> {
        let new: Vec<u64> = entries
            .iter()
            .copied()
            .filter(|entry| *entry != 0 && !self.rows.contains_key(entry))
            .collect();
        if !new.is_empty() {
            let rows = tx.entries(self.mirror.id, &new).await?;
            self.take(rows);
        }
        Ok(())
    }

    /// Adds all folders that anything is in, or was in, up to the mirror's own.
    async fn close(&mut self, tx: &mut Tx) -> Result<(), HubError> {
        for _ in 0..DEEPEST {
            let is_grown = self.add_nodes(tx).await? | self.add_items(tx).await? | self.add_bases(tx).await?;
            if !is_grown {
                break;
            }
        }
        Ok(())
    }

    async fn add_nodes(&mut self, tx: &mut Tx) -> Result<bool, HubError> {
        let of_rows = self.rows.values().filter_map(|row| row.node);
        let above = self.nodes.values().flatten().filter_map(|node| node.parent);
        let wanted: BTreeSet<NodeId> = of_rows
            .chain(above)
            .filter(|id| *id != self.mirror.node && !self.nodes.contains_key(id))
            .collect();
        if wanted.is_empty() {
            return Ok(false);
        }
        let wanted: Vec<NodeId> = wanted.into_iter().collect();
        for id in &wanted {
            self.nodes.insert(*id, None);
        }
        for node in tx.nodes(&wanted).await? {
            self.nodes.insert(node.id, Some(node));
        }
        let untied: Vec<NodeId> = wanted
            .into_iter()
            .filter(|id| !self.by_node.contains_key(id))
            .collect();
        let rows = tx.entries_of_nodes(self.mirror.id, &untied).await?;
        self.take(rows);
        Ok(true)
    }

    async fn add_items(&mut self, tx: &mut Tx) -> Result<bool, HubError> {
        let of_rows = self.rows.values().filter_map(|row| row.item.as_deref());
        let above = self
            .items
            .values()
            .flatten()
            .filter_map(|item| item.parent.as_deref());
        let wanted: BTreeSet<String> = of_rows
            .chain(above)
            .filter(|id| *id != self.mirror.item && !self.items.contains_key(*id))
            .map(ToOwned::to_owned)
            .collect();
        if wanted.is_empty() {
            return Ok(false);
        }
        let ids: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let found = tx.items(self.mirror.connection, &ids).await?;
        let untied: Vec<&str> = ids
            .iter()
            .copied()
            .filter(|id| !self.by_item.contains_key(*id))
            .collect();
        let rows = tx.entries_of_items(self.mirror.id, &untied).await?;
        for id in &wanted {
            self.items.insert(id.clone(), None);
        }
        for item in found {
            self.items.insert(item.id.clone(), Some(item));
        }
        self.take(rows);
        Ok(true)
    }

    async fn add_bases(&mut self, tx: &mut Tx) -> Result<bool, HubError> {
        let wanted: Vec<u64> = self
            .rows
            .values()
            .filter_map(|row| row.parent)
            .filter(|parent| *parent != 0 && !self.rows.contains_key(parent))
            .collect::<BTreeSet<u64>>()
            .into_iter()
            .collect();
        let before = self.rows.len();
        self.add_entries(tx, &wanted).await?;
        Ok(self.rows.len() > before)
    }

    /// The entry of the folder that a node is in, when that lies in the mirror.
    fn parent_here(&mut self, node: &Node) -> Option<EntryId> {
        let first = node.parent.filter(|_| node.trashed.is_none())?;
        let mut at = first;
        for _ in 0..DEEPEST {
            if at == self.mirror.node {
                return match self.by_node.get(&first) {
                    Some(entry) => Some(EntryId(*entry)),
                    None => {
                        self.newcomers.nodes.insert(first);
                        None
                    }
                };
            }
            let above = self.nodes.get(&at)?.as_ref()?;
            if !above.is_folder() || above.trashed.is_some() {
                return None;
            }
            at = above.parent?;
        }
        None
    }

    /// The same there.
    fn parent_there(&mut self, item: &RemoteItem) -> Option<EntryId> {
        if item.is_trashed {
            return None;
        }
        let first = item.parent.clone()?;
        let mut at = first.clone();
        for _ in 0..DEEPEST {
            if at == self.mirror.item {
                return match self.by_item.get(&first) {
                    Some(entry) => Some(EntryId(*entry)),
                    None => {
                        self.newcomers.items.insert(first);
                        None
                    }
                };
            }
            let Some(above) = self.items.get(&at)? else {
                if !self.absent.contains(&at) {
                    self.strange.insert(at);
                }
                return None;
            };
            if above.is_trashed || above.kind != RemoteKind::Folder {
                return None;
            }
            at.clone_from(above.parent.as_ref()?);
        }
        None
    }

    /// Adds whatever has one of the names that the entries may end up with, where they may end up.
    async fn add_occupants(&mut self, tx: &mut Tx, asked: &[u64]) -> Result<(), HubError> {
        let mut wanted: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for entry in asked {
            let Some(row) = self.rows.get(entry).cloned() else {
                continue;
            };
            let (node, item) = (self.node_of(&row).cloned(), self.item_of(&row).cloned());
            let mut parents: BTreeSet<u64> = row.parent.into_iter().collect();
            let mut names: BTreeSet<String> = BTreeSet::new();
            if let Some(node) = node {
                parents.extend(self.parent_here(&node).map(|id| id.0));
                names.insert(node.name.to_string());
            }
            if let Some(item) = item {
                parents.extend(self.parent_there(&item).map(|id| id.0));
                names.insert(self.limits.names().here(&item.name));
                names.insert(item.name);
            }
            if let Some((here, there)) = row.names {
                names.extend([here, there]);
            }
            for parent in parents {
                wanted.entry(parent).or_default().extend(names.iter().cloned());
            }
        }
        for (parent, names) in wanted {
            self.add_named(tx, parent, &names).await?;
        }
        Ok(())
    }

    async fn add_named(
        &mut self,
        tx: &mut Tx,
        parent: u64,
        names: &BTreeSet<String>,
    ) -> Result<(), HubError> {
        let (folder, item) = self.ends_of(parent);
        if let Some(folder) = folder {
            let keys: BTreeSet<String> = names.iter().map(|name| model::fold(name)).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let nodes = tx.children_named(folder, &keys).await?;
            self.take_nodes(tx, nodes).await?;
        }
        if let Some(item) = item {
            let there = names
                .iter()
                .filter_map(|name| self.limits.names().there(name).ok());
            let names: BTreeSet<String> = there.chain(names.iter().cloned()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let items = tx.items_named((self.mirror.connection, &item), &names).await?;
            self.take_items(tx, items).await?;
        }
        Ok(())
    }

    /// What an entry is on both sides, where it is known.
    fn ends_of(&self, entry: u64) -> (Option<NodeId>, Option<String>) {
        match self.rows.get(&entry) {
            _ if entry == 0 => (Some(self.mirror.node), Some(self.mirror.item.clone())),
            Some(row) => (row.node, row.item.clone()),
            None => (None, None),
        }
    }

    async fn take_nodes(&mut self, tx: &mut Tx, nodes: Vec<Node>) -> Result<(), HubError> {
        let untied: Vec<NodeId> = nodes
            .iter()
            .map(|node| node.id)
            .filter(|id| !self.by_node.contains_key(id))
            .collect();
        let rows = tx.entries_of_nodes(self.mirror.id, &untied).await?;
        self.take(rows);
        for node in nodes {
            // A folder that is gone has children too, which get no entry.
            if !self.by_node.contains_key(&node.id) && self.parent_here(&node).is_some() {
                self.newcomers.nodes.insert(node.id);
            }
            self.nodes.insert(node.id, Some(node));
        }
        Ok(())
    }

    async fn take_items(&mut self, tx: &mut Tx, items: Vec<RemoteItem>) -> Result<(), HubError> {
        let untied: Vec<&str> = items
            .iter()
            .map(|item| item.id.as_str())
            .filter(|id| !self.by_item.contains_key(*id))
            .collect();
        let rows = tx.entries_of_items(self.mirror.id, &untied).await?;
        self.take(rows);
        for item in items {
            if !self.by_item.contains_key(&item.id) && self.parent_there(&item).is_some() {
                self.newcomers.items.insert(item.id.clone());
            }
            self.items.insert(item.id.clone(), Some(item));
        }
        Ok(())
    }

    /// Adds what is in folders that are gone on one side.
    async fn add_children(&mut self, tx: &mut Tx, asked: &[u64]) -> Result<(), HubError> {
        for entry in asked {
            let Some(row) = self.rows.get(entry).cloned() else {
                continue;
            };
            let node = self.node_of(&row).cloned().filter(Node::is_folder);
            let item = self
                .item_of(&row)
                .cloned()
                .filter(|item| item.kind == RemoteKind::Folder);
            let here = node.as_ref().is_some_and(|node| self.parent_here(node).is_some());
            let there = item
                .as_ref()
                .is_some_and(|item| self.parent_there(item).is_some());
            let id = EntryId(*entry);
            match (here, there) {
                (true, false) => {
                    let Some(node) = row.node else { continue };
                    let nodes = tx.children_after(node, None, CHILDREN).await?;
                    self.note_listed(Side::Here, id, nodes.len());
                    self.take_nodes(tx, nodes).await?;
                }
                (false, true) => {
                    let Some(item) = row.item else { continue };
                    let (items, _) = tx
                        .items_below((self.mirror.connection, &item), &[], CHILDREN)
                        .await?;
                    let live: Vec<RemoteItem> = items.into_iter().filter(|item| !item.is_trashed).collect();
                    self.note_listed(Side::There, id, live.len());
                    self.take_items(tx, live).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn note_listed(&mut self, side: Side, id: EntryId, count: usize) {
        self.listed.insert((side, id));
        if count >= CHILDREN as usize {
            self.crowded.insert((side, id));
        }
    }

    /// What is only remembered to have been there has no part in a plan that is not about it.
    fn leave_out_tombs(&mut self, asked: &[u64]) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.retain(|entry, row| {
            let is_asked = asked.contains(entry) || row.taint_until.is_none();
            let is_tied = is_asked || row.has_base || row.node.is_some();
            let item = self.item_of(row).cloned().filter(|_| !is_tied);
            is_tied || item.is_some_and(|item| self.parent_there(&item).is_some())
        });
        self.rows = rows;
    }

    fn finish(mut self, mut contents: Contents) -> Loaded {
        let rows = std::mem::take(&mut self.rows);
        let mut scene = Scene::default();
        let mut things = BTreeMap::new();
        for (number, row) in &rows {
            let id = EntryId(*number);
            let node = row.node.and_then(|node| self.nodes.get(&node).cloned().flatten());
            let item = row
                .item
                .as_ref()
                .and_then(|item| self.items.get(item).cloned().flatten());
            let here = node
                .as_ref()
                .and_then(|node| self.state_here(node, &mut contents));
            let there = item
                .as_ref()
                .and_then(|item| self.state_there(row, item, &mut contents));
            let base = row.has_base.then(|| base_of(row, &rows, &mut contents));
            let entry = Entry {
                here,
                there,
                base,
                policy: None,
                is_parked: row.is_parked,
            };
            scene.entries.insert(id, entry);
            let row = row.clone();
            things.insert(id, Thing { row, node, item });
        }
        contents.unsure(&things, &mut scene);
        self.apply_rules(&mut scene, &things);
        for (id, entry) in &scene.entries {
            for side in Side::BOTH {
                let is_folder = entry.on(side).is_some_and(|state| state.kind == Kind::Folder);
                if is_folder && !self.listed.contains(&(side, *id)) {
                    self.crowded.insert((side, *id));
                }
            }
        }
        scene.crowded = self.crowded;
        Loaded {
            doubts: contents.doubts(&things, &scene),
            scene,
            things,
            strange: self.strange,
            newcomers: self.newcomers,
        }
    }

    fn state_here(&mut self, node: &Node, contents: &mut Contents) -> Option<State> {
        let parent = self.parent_here(node)?;
        let most_bytes = self.abilities.largest_bytes;
        let obstacle = (node.size_bytes() > most_bytes).then_some(Obstacle::TooLarge { most_bytes });
        Some(State {
            parent,
            name: Name::from(node.name.as_str()),
            kind: match &node.version {
                Some(version) => Kind::File(contents.of_version(version)),
                None => Kind::Folder,
            },
            size_bytes: node.size_bytes(),
            changed: node
                .version
                .as_ref()
                .map_or(node.modified_ms, |version| version.created_ms),
            obstacle,
        })
    }

    fn state_there(&mut self, row: &EntryRow, item: &RemoteItem, contents: &mut Contents) -> Option<State> {
        let parent = self.parent_there(item)?;
        let (kind, obstacle) = match item.kind {
            RemoteKind::Folder => (Kind::Folder, None),
            RemoteKind::File => (Kind::File(contents.of_item(row, item)), None),
            RemoteKind::Document => (Kind::Other, Some(Obstacle::Document)),
            RemoteKind::Shortcut => (Kind::Other, Some(Obstacle::Shortcut)),
            RemoteKind::Other => (Kind::Other, Some(Obstacle::Odd)),
        };
        Some(State {
            parent,
            name: Name::from(item.name.as_str()),
            kind,
            size_bytes: item.size_bytes.unwrap_or(0),
            changed: item.modified_ms.unwrap_or(model::Millis(0)),
            obstacle,
        })
    }

    /// What a rule or a person leaves out stays as it is on both sides; what may not be changed there takes nothing.
    fn apply_rules(&self, scene: &mut Scene, things: &BTreeMap<EntryId, Thing>) {
        let ids: Vec<EntryId> = scene.entries.keys().copied().collect();
        for id in ids {
            let thing = &things[&id];
            let path = path_of(scene, id);
            let rule = path
                .as_deref()
                .and_then(|path| rule_for(&self.mirror.rules, path));
            let left_out = match rule {
                _ if thing.row.is_skipped => Some(Obstacle::Skipped),
                Some(rule) if rule.policy.is_none() => Some(Obstacle::Rule(rule.pattern.clone())),
                _ => None,
            };
            let is_fixed = thing.item.as_ref().is_some_and(|item| !item.is_editable)
                && self.mirror.direction != MirrorDirection::Pull;
            let Some(entry) = scene.entries.get_mut(&id) else {
                continue;
            };
            entry.policy = rule.and_then(|rule| rule.policy).map(super::rules::policy);
            if let (Some(state), None) = (entry.here.as_mut(), &left_out)
                && is_fixed
            {
                state.obstacle = state.obstacle.take().or(Some(Obstacle::ReadOnly));
            }
            if left_out.is_some() {
                for state in [entry.here.as_mut(), entry.there.as_mut()].into_iter().flatten() {
                    state.obstacle.clone_from(&left_out);
                }
            }
        }
    }
}

/// The path below the mirror's folder: as it is here, or else there.
pub(crate) fn path_of(scene: &Scene, id: EntryId) -> Option<String> {
    Side::BOTH.into_iter().find_map(|side| {
        let mut names: Vec<&str> = Vec::new();
        let mut at = id;
        while at != EntryId::ROOT {
            let state = scene.entries.get(&at)?.on(side)?;
            names.push(&state.name);
            at = state.parent;
            if names.len() > DEEPEST {
                return None;
            }
        }
        names.reverse();
        Some(names.join("/"))
    })
}
