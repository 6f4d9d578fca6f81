//! What people do, here and there. Each deed depends on its own seed and on what they see, and on nothing else.

use hub::{FolderRef, HubError, NodeChange};
use model::{Guard, Node, NodeId, NodeKind, OnConflict};

use super::cloud::{Cloud, ROOT, Sort};
use super::drive::text;
use super::flavours::Kind;
use super::sea::Sea;
use super::tape::Rng;
use super::world::{Desk, Ledger, Tree, named};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Few names, so that people come to the same ones.
fn name(rng: &mut Rng) -> String {
    let name = (*rng.pick(&NAMES).expect("there are some")).to_owned();
    match rng.below(8) {
        0 => name.to_uppercase(),
        1 => format!("{name}.txt"),
        _ => name,
    }
}

/// Somebody who works here, in a folder that is mirrored and in one that is not.
pub(super) struct Here<'a> {
    pub(super) desk: Desk<'a>,
    pub(super) mirrored: NodeId,
    pub(super) outside: NodeId,
    pub(super) sea: &'a Sea,
}

impl Here<'_> {
    /// Does something. What cannot be done is no matter.
    ///
    /// # Errors
    /// When it fails for another reason than what is there.
    pub(super) async fn act(&self, seed: u64, ledger: &mut Ledger) -> Result<(), HubError> {
        match self.try_act(&mut Rng::new(seed, 0), ledger).await {
            Err(
                error @ (HubError::NameTaken(_)
                | HubError::Conflict(_)
                | HubError::Stale
                | HubError::NotFound(_)
                | HubError::Invalid { .. }),
            ) => {
                self.sea.tell(|| format!("      which cannot be: {error}"));
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn try_act(&self, rng: &mut Rng, ledger: &mut Ledger) -> Result<(), HubError> {
        let tree = self.desk.tree(self.mirrored).await?;
        let mut folders = vec![self.mirrored];
        folders.extend(
            tree.nodes
                .iter()
                .filter(|node| node.is_folder())
                .map(|node| node.id),
        );
        let folder = *rng.pick(&folders).expect("there is one");
        let name = name(rng);
        let any = rng.pick(&tree.nodes);
        let files: Vec<&Node> = tree
            .nodes
            .iter()
            .filter(|node| node.kind == NodeKind::File)
            .collect();
        let file = rng.pick(&files).copied();
        match (rng.below(20), any, file) {
            (0..4, _, _) => {
                let bytes = ledger.content(rng);
                self.say(&tree, || format!("new {name} = {:?} in {folder}", text(&bytes)));
                let made = self.desk.put(folder, &name, &bytes).await;
                made.map(drop).inspect_err(|_| ledger.supersede(&bytes))
            }
            (4..6, _, _) => {
                self.say(&tree, || format!("new folder {name} in {folder}"));
                self.desk.make_folder(folder, &name).await.map(drop)
            }
            (6..10, _, Some(file)) => self.edit(&tree, file, rng, ledger).await,
            (10..12, Some(node), _) => {
                self.say(&tree, || {
                    format!("rename {} to {name}", tree.path(self.mirrored, node))
                });
                self.place(node.id, None, Some(&name)).await
            }
            (12..15, Some(node), _) => {
                self.say(&tree, || {
                    format!("move {} to {folder}", tree.path(self.mirrored, node))
                });
                self.place(node.id, Some(folder), None).await
            }
            (15..18, Some(node), _) => {
                self.say(&tree, || format!("delete {}", tree.path(self.mirrored, node)));
                let contents = contents(&tree, node, ledger);
                self.desk.hub.delete(self.desk.who, node.id, Guard::None).await?;
                contents.iter().for_each(|bytes| ledger.supersede(bytes));
                Ok(())
            }
            (18, _, Some(file)) => self.save_safely(&tree, file, rng, ledger).await,
            (19, any, _) => self.in_and_out(&tree, any, folder, ledger).await,
            _ => Ok(()),
        }
    }

    fn say(&self, tree: &Tree, what: impl FnOnce() -> String) {
        self.sea.tell(|| {
            let mut said = what();
            said = said.replace(&self.mirrored.to_string(), "the top");
            for folder in tree.nodes.iter().filter(|node| node.is_folder()) {
                said = said.replace(&folder.id.to_string(), &tree.path(self.mirrored, folder));
            }
            format!("HERE  {said}")
        });
    }

    async fn place(&self, node: NodeId, folder: Option<NodeId>, name: Option<&str>) -> Result<(), HubError> {
        let change = NodeChange {
            name: name.map(named),
            folder: folder.map(FolderRef::Id),
            on_conflict: OnConflict::Fail,
            guard: Guard::None,
        };
        self.desk
            .hub
            .change_node(self.desk.who, node, change)
            .await
            .map(drop)
    }

    async fn edit(
        &self,
        tree: &Tree,
        file: &Node,
        rng: &mut Rng,
        ledger: &mut Ledger,
    ) -> Result<(), HubError> {
        let bytes = ledger.content(rng);
        self.say(tree, || {
            format!("edit {} = {:?}", tree.path(self.mirrored, file), text(&bytes))
        });
        let before = ledger.bytes_of(file).map(<[u8]>::to_vec);
        match self.desk.edit(file, &bytes).await {
            Ok(_) => {
                let before = before.filter(|before| *before != bytes);
                before.iter().for_each(|before| ledger.supersede(before));
                Ok(())
            }
            Err(error) => {
                ledger.supersede(&bytes);
                Err(error)
            }
        }
    }

    /// As programs do that write a new file and put it in the place of the one before.
    async fn save_safely(
        &self,
        tree: &Tree,
        file: &Node,
        rng: &mut Rng,
        ledger: &mut Ledger,
    ) -> Result<(), HubError> {
        let bytes = ledger.content(rng);
        let folder = file.parent.unwrap_or(self.mirrored);
        self.say(tree, || {
            format!(
                "save {} safely = {:?}",
                tree.path(self.mirrored, file),
                text(&bytes)
            )
        });
        let new = self.desk.put(folder, ".saving", &bytes).await;
        let new = new.inspect_err(|_| ledger.supersede(&bytes))?;
        self.desk.hub.delete(self.desk.who, file.id, Guard::None).await?;
        if let Some(before) = ledger.bytes_of(file).map(<[u8]>::to_vec) {
            ledger.supersede(&before);
        }
        self.place(new.id, None, Some(file.name.as_str())).await
    }

    /// Takes something out of what is mirrored, or brings it back, or something out of the trash.
    async fn in_and_out(
        &self,
        tree: &Tree,
        any: Option<&Node>,
        folder: NodeId,
        ledger: &mut Ledger,
    ) -> Result<(), HubError> {
        let outside = self.desk.tree(self.outside).await?;
        if let Some(node) = outside.nodes.first() {
            self.say(tree, || format!("bring in {} to {folder}", node.name));
            self.place(node.id, Some(folder), None).await?;
            contents(&outside, node, ledger)
                .iter()
                .for_each(|bytes| ledger.stored_again(bytes));
            return Ok(());
        }
        let Some(node) = any else { return Ok(()) };
        self.say(tree, || format!("take out {}", tree.path(self.mirrored, node)));
        self.place(node.id, Some(self.outside), None).await?;
        contents(tree, node, ledger)
            .iter()
            .for_each(|bytes| ledger.supersede(bytes));
        Ok(())
    }
}

/// The contents of a node and all below it.
fn contents(tree: &Tree, top: &Node, ledger: &Ledger) -> Vec<Vec<u8>> {
    let files = tree.within(top.id).into_iter();
    files
        .filter_map(|node| ledger.bytes_of(node).map(<[u8]>::to_vec))
        .collect()
}

/// Somebody who works at the provider.
pub(super) fn act_there(sea: &Sea, seed: u64, ledger: &mut Ledger) {
    let mut rng = Rng::new(seed, 0);
    let mut cloud = sea.cloud();
    let said = try_act_there(&mut cloud, &mut rng, ledger);
    drop(cloud);
    sea.tell(|| format!("THERE {said}"));
}

fn try_act_there(cloud: &mut Cloud, rng: &mut Rng, ledger: &mut Ledger) -> String {
    let live = cloud.live();
    let mut folders = vec![ROOT];
    folders.extend(
        live.iter()
            .filter(|number| cloud.things[number].sort == Sort::Folder),
    );
    let folder = *rng.pick(&folders).expect("there is one");
    let name = name(rng);
    let any = rng.pick(&live).copied();
    let files: Vec<u64> = live
        .iter()
        .copied()
        .filter(|number| cloud.things[number].sort == Sort::File)
        .collect();
    let file = rng.pick(&files).copied();
    match (rng.below(20), any, file) {
        (0..4, _, _) => {
            let bytes = ledger.content(rng);
            let made = cloud.make(folder, (&name, Sort::File), Some(bytes.clone()), None);
            if made.is_err() {
                ledger.supersede(&bytes);
            }
            format!("new {}{name} = {:?}: {made:?}", cloud.path(folder), text(&bytes))
        }
        (4..6, _, _) => {
            let made = cloud.make(folder, (&name, Sort::Folder), None, None);
            format!("new folder {}{name}: {made:?}", cloud.path(folder))
        }
        (6..10, _, Some(file)) => {
            let bytes = ledger.content(rng);
            let before = cloud.things[&file].kept.last().map(|kept| kept.bytes.clone());
            let before = before.filter(|before| *before != bytes);
            before.iter().for_each(|before| ledger.supersede(before));
            cloud.write(file, bytes.clone());
            format!("edit {} = {:?}", cloud.path(file), text(&bytes))
        }
        (10..12, Some(any), _) => relocate(cloud, any, cloud.things[&any].parent, &name),
        (12..15, Some(any), _) => {
            let name = cloud.things[&any].name.clone();
            relocate(cloud, any, folder, &name)
        }
        (15..18, Some(any), _) => throw(cloud, any, ledger),
        (18, _, _) => oddity(cloud, folder, &name, ledger),
        (19, _, Some(file)) => {
            // Written anew, as programs do that delete and create.
            let bytes = ledger.content(rng);
            let (folder, name) = (cloud.things[&file].parent, cloud.things[&file].name.clone());
            let said = throw(cloud, file, ledger);
            let made = cloud.make(folder, (&name, Sort::File), Some(bytes.clone()), None);
            format!("{said}; new {name} = {:?}: {made:?}", text(&bytes))
        }
        _ => "nothing".to_owned(),
    }
}

/// A person at a provider whose ids are paths moves things at once; programs of theirs do not stop amid.
fn relocate(cloud: &mut Cloud, number: u64, folder: u64, name: &str) -> String {
    let from = cloud.path(number);
    let placed = cloud.place(number, folder, name);
    format!("move {from} to {}{name}: {placed:?}", cloud.path(folder))
}

fn throw(cloud: &mut Cloud, number: u64, ledger: &mut Ledger) -> String {
    let path = cloud.path(number);
    for below in cloud.live() {
        if cloud.is_within(number, below)
            && let Some(kept) = cloud.things[&below].kept.last()
        {
            ledger.supersede(&kept.bytes.clone());
        }
    }
    cloud.throw(number);
    format!("delete {path}")
}

/// Brings something back from the trash, or makes something that is no file.
fn oddity(cloud: &mut Cloud, folder: u64, name: &str, ledger: &mut Ledger) -> String {
    let trashed = cloud
        .things
        .iter()
        .filter(|(_, thing)| thing.is_trashed && !thing.is_gone);
    let trashed = trashed.map(|(number, _)| *number).next_back();
    if let Some(number) = trashed.filter(|_| cloud.flavour.abilities.restores) {
        let back = cloud.bring_back(number);
        for below in cloud.live() {
            if back.is_ok()
                && cloud.is_within(number, below)
                && let Some(kept) = cloud.things[&below].kept.last()
            {
                ledger.stored_again(&kept.bytes.clone());
            }
        }
        return format!("bring back {}: {back:?}", cloud.path(number));
    }
    match cloud.flavour.kind {
        Kind::Drive => {
            let sort = if name.len() == 1 {
                Sort::Document
            } else {
                Sort::Shortcut
            };
            let made = cloud.make(folder, (name, sort), None, None);
            format!("new {sort:?} {}{name}: {made:?}", cloud.path(folder))
        }
        _ => "nothing".to_owned(),
    }
}
