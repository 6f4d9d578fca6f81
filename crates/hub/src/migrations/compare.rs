//! Holding what is in the source against what was copied, folder by folder, by the index of the connection.

use std::collections::HashMap;

use catalog::ItemMark;
use connectors::{Item, ItemId, RemoteError};
use model::{
    Migration, MigrationCopy, MigrationDocuments, MigrationItem, MigrationItemState, MigrationStage, Millis,
    RemoteItem, RemoteKind,
};

use super::trouble::Trouble;
use super::{Flow, Sides};
use crate::Hub;
use crate::connections::hashes_of;

/// Folders that one step looks into, and items of one that are taken at once.
const FOLDERS: u32 = 16;
const PAGE: u32 = 500;
/// Items that one step looks for by themselves.
const MISSING: u32 = 64;
/// Folders on the way up to the one that is moved.
const DEEPEST: usize = 256;

/// What items are held against.
struct Lens<'a> {
    of: &'a Migration,
    folder: &'a MigrationItem,
    now: Millis,
}

impl Hub {
    /// Sees to it that the folder is still there, and begins to look into it.
    pub(super) async fn begin_compare(&self, of: &Migration, sides: &Sides) -> Result<Flow, Trouble> {
        let folder = of.from.folder.clone().unwrap_or_default();
        if folder != sides.from.root && self.original_now(sides, &folder).await?.is_none() {
            // Without it everything would seem to be gone.
            return Err(Trouble::from_side(RemoteError::NotFound));
        }
        let mut tx = self.write().await?;
        tx.see_migration_items(of.id, of.pass, &[&folder]).await?;
        tx.commit().await?;
        self.enter_stage(of, MigrationStage::Compare).await
    }

    pub(super) async fn compare_source(&self, of: &Migration, sides: &Sides) -> Result<Flow, Trouble> {
        let folders = self
            .read()
            .await?
            .migration_folders((of.id, of.pass), FOLDERS)
            .await?;
        if folders.is_empty() {
            return self.enter_stage(of, MigrationStage::Missing).await;
        }
        for folder in folders {
            self.compare_folder(of, sides, &folder).await?;
        }
        Ok(Flow::GoOn)
    }

    async fn compare_folder(
        &self,
        of: &Migration,
        sides: &Sides,
        folder: &MigrationItem,
    ) -> Result<(), Trouble> {
        let mut after: Option<ItemMark> = None;
        loop {
            let mut tx = self.read().await?;
            let page = tx
                .items_in((sides.from.id, &folder.source), after.as_ref(), PAGE)
                .await?;
            drop(tx);
            after = page.last().map(|(_, mark)| mark.clone());
            let is_last = page.len() < PAGE as usize;
            let seen: Vec<RemoteItem> = page.into_iter().map(|(item, _)| item).collect();
            self.compare_page(of, folder, seen, is_last).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Writes down what is new or different of a page, and that the rest was seen.
    async fn compare_page(
        &self,
        of: &Migration,
        folder: &MigrationItem,
        seen: Vec<RemoteItem>,
        is_last: bool,
    ) -> Result<(), Trouble> {
        let now = self.now();
        let mut tx = self.write().await?;
        let ids: Vec<&str> = seen.iter().map(|item| item.id.as_str()).collect();
        let known = tx.migration_items_of(of.id, &ids).await?;
        let mut known: HashMap<String, MigrationItem> = known
            .into_iter()
            .map(|item| (item.source.clone(), item))
            .collect();
        let lens = Lens { of, folder, now };
        let (mut written, mut same, mut changes) = (Vec::new(), Vec::new(), 0);
        for item in &seen {
            match lens.look(known.remove(&item.id), item) {
                Look::Same => same.push(item.id.as_str()),
                Look::Told(item) => written.push(item),
                Look::Differs(item) => {
                    changes += 1;
                    written.push(item);
                }
            }
        }
        if is_last {
            let mut folder = folder.clone();
            folder.done_pass = of.pass;
            written.push(folder);
        }
        tx.put_migration_items(of.id, &written).await?;
        tx.see_migration_items(of.id, of.pass, &same).await?;
        count_changes(&mut tx, of, changes).await?;
        Ok(tx.commit().await?)
    }

    /// Looks by themselves for items that the comparison has not found. Nothing counts as gone because a list does not
    /// name it, nor because its folder is gone.
    pub(super) async fn look_for_missing(&self, of: &Migration, sides: &Sides) -> Result<Flow, Trouble> {
        let missing = self
            .read()
            .await?
            .missing_migration_items((of.id, of.pass), None, MISSING)
            .await?;
        if missing.is_empty() {
            return self.enter_stage(of, MigrationStage::Copy).await;
        }
        let mut inside = HashMap::new();
        let (mut seen, mut gone) = (Vec::new(), Vec::new());
        let now = self.now();
        for mut item in missing {
            let there = self.original_now(sides, &item.source).await?;
            let is_inside = match &there {
                Some(there) => self.is_inside((of, sides), there, &mut inside).await?,
                None => false,
            };
            if is_inside {
                seen.push(item.source);
                continue;
            }
            let may_go = of.deletes_gone && item.copy.id.is_some() && !item.copy.was_there;
            item.next_ms = may_go.then_some(now);
            item.state = MigrationItemState::Gone;
            item.proof = None;
            item.reason = Some(gone_reason(there.as_ref(), &item));
            item.seen_pass = of.pass;
            gone.push(item);
        }
        let mut tx = self.write().await?;
        let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
        tx.see_migration_items(of.id, of.pass, &seen).await?;
        tx.put_migration_items(of.id, &gone).await?;
        count_changes(&mut tx, of, gone.len()).await?;
        tx.commit().await?;
        Ok(Flow::GoOn)
    }

    /// Whether something is still below the folder that is moved, by what its provider tells of all above it.
    async fn is_inside(
        &self,
        (of, sides): (&Migration, &Sides),
        item: &Item,
        known: &mut HashMap<ItemId, bool>,
    ) -> Result<bool, Trouble> {
        let mut way = Vec::new();
        let mut above = item.parent.clone();
        let mut answer = false;
        while let Some(id) = above.filter(|_| way.len() < DEEPEST) {
            if of.from.folder.as_deref() == Some(&id.0) {
                answer = true;
                break;
            }
            if let Some(known) = known.get(&id) {
                answer = *known;
                break;
            }
            let folder = self.original_now(sides, &id.0).await?;
            above = folder.and_then(|folder| folder.parent);
            way.push(id);
        }
        known.extend(way.into_iter().map(|id| (id, answer)));
        Ok(answer)
    }
}

/// Adds to the differences that a pass found.
pub(super) async fn count_changes(
    tx: &mut catalog::Tx,
    of: &Migration,
    changes: usize,
) -> Result<(), catalog::CatalogError> {
    if changes > 0
        && let Some(mut known) = tx.lock_migration(of.id).await?
    {
        known.pass_changes += changes as u64;
        tx.put_migration(&known).await?;
    }
    Ok(())
}

fn gone_reason(there: Option<&Item>, item: &MigrationItem) -> String {
    let what = match there {
        Some(_) => "it was moved out of the folder at the source",
        None => "it is gone at the source",
    };
    match (&item.copy.id, item.copy.was_there) {
        (None, _) => format!("{what}; there was no copy yet"),
        (Some(_), true) => format!("{what}; what is in its place was at the target before, and stays"),
        (Some(_), false) => format!("{what}; its copy stays"),
    }
}

/// What a look at an item came to.
enum Look {
    Same,
    /// Only what is told of it differs.
    Told(MigrationItem),
    Differs(MigrationItem),
}

impl Lens<'_> {
    fn look(&self, known: Option<MigrationItem>, seen: &RemoteItem) -> Look {
        let Some(known) = known.filter(|known| known.kind == seen.kind) else {
            return Look::Differs(self.new_item(seen));
        };
        let path = self.path(&seen.name);
        let is_elsewhere = known.name != seen.name || known.parent.as_deref() != Some(&self.folder.source);
        let is_back = matches!(
            known.state,
            MigrationItemState::Gone | MigrationItemState::Removed
        );
        let is_changed = has_changed(&known, seen);
        if !is_elsewhere && !is_back && !is_changed {
            return match known.path == path && known.size_bytes == seen.size_bytes {
                true => Look::Same,
                // A folder above has another name.
                false => Look::Told(self.told(known, seen)),
            };
        }
        let mut item = self.told(known, seen);
        if item.state == MigrationItemState::Removed {
            item.copy = MigrationCopy::default();
            item.given_id = None;
        }
        self.set_waiting(&mut item);
        Look::Differs(item)
    }

    fn told(&self, mut item: MigrationItem, seen: &RemoteItem) -> MigrationItem {
        item.path = self.path(&seen.name);
        item.name.clone_from(&seen.name);
        item.parent = Some(self.folder.source.clone());
        item.depth = self.folder.depth + 1;
        item.size_bytes = seen.size_bytes;
        item.seen_pass = self.of.pass;
        item
    }

    fn new_item(&self, seen: &RemoteItem) -> MigrationItem {
        let mut item = MigrationItem {
            source: seen.id.clone(),
            parent: Some(self.folder.source.clone()),
            depth: self.folder.depth + 1,
            path: self.path(&seen.name),
            name: seen.name.clone(),
            kind: seen.kind,
            size_bytes: seen.size_bytes,
            state: MigrationItemState::Waiting,
            reason: None,
            note: None,
            proof: None,
            proven_ms: None,
            copy: MigrationCopy::default(),
            given_id: None,
            session: None,
            attempts: 0,
            next_ms: None,
            seen_pass: self.of.pass,
            done_pass: 0,
        };
        self.set_waiting(&mut item);
        item
    }

    /// Has an item brought over, if anything can.
    fn set_waiting(&self, item: &mut MigrationItem) {
        let unmovable = match (item.kind, self.of.documents) {
            (RemoteKind::Folder | RemoteKind::File, _) => None,
            (RemoteKind::Document, MigrationDocuments::Export) => None,
            (RemoteKind::Document, MigrationDocuments::List) => {
                Some("a document of the provider's own has no bytes; it can be exported")
            }
            (RemoteKind::Shortcut, _) => Some("a shortcut leads to something else and has no content"),
            (RemoteKind::Other, _) => Some("it is neither a file nor a folder, and cannot be read"),
        };
        item.attempts = 0;
        item.reason = unmovable.map(ToOwned::to_owned);
        item.next_ms = unmovable.is_none().then_some(self.now);
        item.state = match unmovable {
            None => MigrationItemState::Waiting,
            Some(_) => MigrationItemState::Unmovable,
        };
    }

    fn path(&self, name: &str) -> String {
        match self.folder.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}/{name}", self.folder.path),
        }
    }
}

/// Whether an original has another content than the one that was copied, or that could not be.
fn has_changed(known: &MigrationItem, seen: &RemoteItem) -> bool {
    match (known.kind, known.state) {
        (RemoteKind::Folder | RemoteKind::Shortcut | RemoteKind::Other, _) => false,
        // It will be read as it is by then.
        (_, MigrationItemState::Waiting) => false,
        (_, MigrationItemState::Unmovable | MigrationItemState::Failed | MigrationItemState::Conflict) => {
            known.size_bytes != seen.size_bytes
        }
        _ => differs(
            &known.copy,
            seen.size_bytes,
            (content_mark(seen).as_deref(), &seen.hashes),
        ),
    }
}

/// What tells one content of an item from another.
pub(super) fn content_mark(seen: &RemoteItem) -> Option<String> {
    let modified = || seen.modified_ms.map(|at| at.0.to_string());
    // Of documents only the time tells.
    seen.revision.clone().or_else(modified)
}

/// Whether a content is another than the one that was copied: by its revision, unless hashes tell that it is the same.
pub(super) fn differs(
    copy: &MigrationCopy,
    size_bytes: Option<u64>,
    (mark, hashes): (Option<&str>, &[String]),
) -> bool {
    if copy.of_revision.as_deref() == mark && mark.is_some() {
        return false;
    }
    let agree = hashes_of(&copy.of_hashes).agrees(&hashes_of(hashes));
    copy.size_bytes != size_bytes || agree != Some(true)
}
