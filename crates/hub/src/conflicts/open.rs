//! Deciding a conflict that is open: what both sides agreed on last is set so that the mirror's next plan does what was
//! decided, and what it would replace is kept before.

use catalog::{EntryContent, EntryRow, Tx};
use connectors::{Item, ItemId, ItemKind, RemoteError, fetch};
use model::{
    Conflict, ConflictKind, Connection, Mirror, Node, OnConflict, Origin, RemoteItem, Version, Winner,
};

use super::acts::{Changed, Desk, copy_name};
use super::resolve::Outcome;
use crate::connections::as_remote;
use crate::nodes::{NodeChange, change_node};
use crate::staging::{Expected, Staged};
use crate::uploads::Write;
use crate::{Hub, HubError};

const GONE_THERE: HubError = HubError::Conflict(
    "it was deleted at the provider meanwhile: choose what is here, or delete the file here",
);
const CHANGED_THERE: HubError =
    HubError::Conflict("it was changed at the provider meanwhile; look at it again and decide then");

/// What is said while a call at the provider is not over.
pub(super) const UNDER_WAY: HubError =
    HubError::Conflict("the mirror is just busy with it at the provider; try again in a moment");

/// What a conflict is about, as it is now.
pub(super) struct Case {
    /// The mirror and its connection, while they are there.
    pub at: Option<(Mirror, Connection)>,
    /// The entry, while it waits for the decision.
    pub parked: Option<EntryRow>,
    /// The item there, as it was when it was last looked at.
    pub item: Option<RemoteItem>,
    /// The node here, in the tree or in the trash.
    pub node: Option<Node>,
}

/// Their content, brought here and no file yet.
pub(super) struct Fetched {
    pub staged: Staged,
    item: RemoteItem,
}

impl Case {
    pub async fn load(tx: &mut Tx, conflict: &Conflict) -> Result<Self, HubError> {
        let node = match conflict.node {
            Some(node) => tx.node(node).await?,
            None => None,
        };
        let mut case = Self {
            at: None,
            parked: None,
            item: None,
            node,
        };
        let Some(mirror) = tx.mirror(conflict.mirror).await? else {
            return Ok(case);
        };
        let Some(connection) = tx.connection(mirror.connection).await? else {
            return Ok(case);
        };
        let row = tx.entries(mirror.id, &[conflict.entry]).await?.pop();
        if let Some(item) = row.as_ref().and_then(|row| row.item.as_deref()) {
            case.item = tx
                .item(connection.id, item)
                .await?
                .filter(|item| !item.is_trashed);
        }
        case.parked = row.filter(|row| row.is_parked && conflict.resolution.is_none());
        case.at = Some((mirror, connection));
        Ok(case)
    }

    /// Whose change is the later one, when both times are known and differ.
    pub fn later(&self, conflict: &Conflict) -> Option<Winner> {
        let (here, there) = match &self.parked {
            Some(_) => (
                self.node
                    .as_ref()
                    .and_then(|node| Some(node.version.as_ref()?.created_ms)),
                self.item.as_ref().and_then(|item| item.modified_ms),
            ),
            None => (
                conflict.here.as_ref().and_then(|here| here.changed_ms),
                conflict.there.as_ref().and_then(|there| there.changed_ms),
            ),
        };
        match here?.cmp(&there?) {
            std::cmp::Ordering::Greater => Some(Winner::Here),
            std::cmp::Ordering::Less => Some(Winner::There),
            std::cmp::Ordering::Equal => None,
        }
    }
}

impl Hub {
    /// Brings their present content here; `None` when there is none any more.
    pub(super) async fn fetch_theirs(&self, case: &Case) -> Result<Option<Fetched>, HubError> {
        let Some((item, connection)) = self.theirs_now(case).await? else {
            return Ok(None);
        };
        let connector = self.connector(&connection).await?;
        let fetched = fetch(connector, &item, 0, None).await;
        let fetched = self.heard(&connection, fetched).await?;
        let expected = Expected {
            size_bytes: fetched.size_bytes,
            ..Expected::default()
        };
        let staged = self
            .stage(self.config().file_bytes, expected, fetched.stream)
            .await?;
        let item = as_remote(item);
        Ok(Some(Fetched { staged, item }))
    }

    /// The file at the provider as it is now.
    pub(super) async fn theirs_now(&self, case: &Case) -> Result<Option<(Item, Connection)>, HubError> {
        let Some((_, connection)) = &case.at else {
            return Ok(None);
        };
        let Some(id) = case.parked.as_ref().and_then(|row| row.item.clone()) else {
            return Ok(None);
        };
        let connector = self.connector(connection).await?;
        let item = connector.item(&ItemId(id)).await;
        let item = self.heard(connection, item).await?;
        match item.filter(|item| !item.is_trashed) {
            Some(item) if item.kind == ItemKind::File => Ok(Some((item, connection.clone()))),
            Some(_) => Err(RemoteError::NoContent.into()),
            None => Ok(None),
        }
    }

    /// Does what was decided about an open conflict. Answers what changed, and whether what was brought here is in use.
    pub(super) async fn decide_open(
        &self,
        desk: &mut Desk<'_>,
        (conflict, case, outcome): (&mut Conflict, Case, Outcome),
        fetched: Option<Fetched>,
    ) -> Result<(Changed, Option<(Fetched, bool)>), HubError> {
        let Some(((mirror, _), mut row)) = case.at.clone().zip(case.parked.clone()) else {
            return Err(HubError::Conflict("there is nothing left to decide about"));
        };
        // Its place is not parked: what is under way ends first, and writes down what it found before.
        if desk.tx.intent(mirror.id, row.entry).await?.is_some() {
            return Err(UNDER_WAY);
        }
        let mut left = fetched.map(|fetched| (fetched, false));
        let changed = match (conflict.kind, outcome) {
            (ConflictKind::EditDelete, Outcome::Theirs) => accept_deletion(desk, conflict, &mut row).await?,
            (ConflictKind::EditDelete, _) => {
                forget_theirs(&mut row);
                Changed::default()
            }
            (ConflictKind::DeleteEdit, Outcome::Ours) => {
                let item = case.item.as_ref().ok_or(GONE_THERE)?;
                row.content = Some(theirs_as_base(&row, item, (0, None)));
                row.has_base = true;
                Changed::default()
            }
            (ConflictKind::DeleteEdit, _) => {
                case.item.as_ref().ok_or(GONE_THERE)?;
                forget_base(&mut row);
                Changed::default()
            }
            (ConflictKind::KindKind, _) => rename_ours(desk, conflict).await?,
            (_, Outcome::Ours) => {
                let (changed, kept) = self.keep_theirs(desk, (conflict, &mut row), left.take()).await?;
                left = kept;
                changed
            }
            (_, Outcome::Theirs | Outcome::Both) => {
                case.item.as_ref().ok_or(GONE_THERE)?;
                take_theirs(desk, (conflict, &mut row), outcome == Outcome::Both).await?
            }
        };
        row.is_parked = false;
        row.attempts = 0;
        row.next_ms = None;
        row.error = None;
        desk.tx.put_entries(mirror.id, &[row.clone()]).await?;
        desk.tx.mark_dirty(mirror.id, &[(row.entry, 0)], desk.now).await?;
        self.queue_mirror(desk.tx, mirror.id).await?;
        Ok((changed, left))
    }

    /// Ours is to be current: theirs becomes a version here, below ours, and counts as what was agreed on.
    async fn keep_theirs(
        &self,
        desk: &mut Desk<'_>,
        (conflict, row): (&Conflict, &mut EntryRow),
        fetched: Option<(Fetched, bool)>,
    ) -> Result<(Changed, Option<(Fetched, bool)>), HubError> {
        let id = conflict.node.ok_or(super::acts::GONE)?;
        let file = desk.file(id).await?;
        let ours = file.node.version.clone().ok_or(super::acts::GONE)?;
        let before = Some(ours.number);
        let Some((fetched, _)) = fetched else {
            // They deleted it meanwhile: ours lives on.
            forget_theirs(row);
            let changed = Changed {
                before,
                ..Changed::default()
            };
            return Ok((changed, None));
        };
        if row.item.as_deref() != Some(fetched.item.id.as_str()) {
            return Err(CHANGED_THERE);
        }
        let size_bytes = fetched.staged.taken.size_bytes();
        let free_bytes = self.free_bytes(desk.tx, &file.space).await?;
        if size_bytes.saturating_add(ours.size_bytes) > free_bytes {
            return Err(HubError::QuotaExceeded { free_bytes });
        }
        let (blob, is_kept) = self.settle_blob(desk.tx, &fetched.staged, desk.now).await?;
        let digest = fetched.staged.digest();
        let write = Write {
            blob,
            size_bytes,
            digest,
            media_type: fetched
                .item
                .media_type
                .clone()
                .unwrap_or_else(|| ours.media_type.clone()),
            origin: Origin::Mirror(conflict.mirror),
            at_ms: desk.now,
        };
        let node = self
            .overwrite(desk.tx, desk.actor, file.node.clone(), write)
            .await?;
        let captured = node.version.as_ref().map(|version| version.number);
        let file = crate::access::Found { node, ..file };
        let node = desk.give(file, &ours).await?;
        row.content = Some(theirs_as_base(
            row,
            &fetched.item,
            (captured.unwrap_or(0), digest),
        ));
        row.has_base = true;
        let changed = Changed {
            before,
            after: node.version.map(|version| version.number),
            captured,
            ..Changed::default()
        };
        Ok((changed, Some((fetched, is_kept))))
    }
}

/// Theirs is to be current: ours counts as what was agreed on, so that only their change is left to do. It stays as a
/// version, and, when both are to be kept, as a file beside.
async fn take_theirs(
    desk: &mut Desk<'_>,
    (conflict, row): (&mut Conflict, &mut EntryRow),
    keeps_both: bool,
) -> Result<Changed, HubError> {
    let file = desk.file(conflict.node.ok_or(super::acts::GONE)?).await?;
    let ours = file.node.version.clone().ok_or(super::acts::GONE)?;
    let mut changed = Changed {
        before: Some(ours.number),
        ..Changed::default()
    };
    if keeps_both {
        let name = copy_name(&file.node.name, conflict);
        let copy = desk.beside(&file, name, &ours).await?;
        changed.made = Some(copy.id);
        conflict.copy = Some(copy.id);
    }
    row.content = Some(ours_as_base(&ours));
    row.has_base = true;
    Ok(changed)
}

/// What was changed here goes to the trash: it was deleted there.
async fn accept_deletion(
    desk: &mut Desk<'_>,
    conflict: &Conflict,
    row: &mut EntryRow,
) -> Result<Changed, HubError> {
    let file = desk.file(conflict.node.ok_or(super::acts::GONE)?).await?;
    let id = file.node.id;
    if let Some(ours) = &file.node.version {
        row.content = Some(ours_as_base(ours));
    }
    desk.trash(id).await?;
    Ok(Changed {
        before: file.node.version.map(|version| version.number),
        trashed: vec![id],
        ..Changed::default()
    })
}

/// A file and a folder of one name: ours gets another.
async fn rename_ours(desk: &mut Desk<'_>, conflict: &Conflict) -> Result<Changed, HubError> {
    let id = conflict.node.ok_or(super::acts::GONE)?;
    let node = desk.tx.node(id).await?.ok_or(super::acts::GONE)?;
    let change = NodeChange {
        name: Some(copy_name(&node.name, conflict)),
        on_conflict: OnConflict::KeepBoth,
        ..NodeChange::default()
    };
    change_node(desk.tx, desk.actor, (id, change), desk.now).await?;
    Ok(Changed::default())
}

/// Theirs is gone: what is here is as good as new.
fn forget_theirs(row: &mut EntryRow) {
    row.item = None;
    forget_base(row);
}

fn forget_base(row: &mut EntryRow) {
    row.has_base = false;
    row.parent = None;
    row.names = None;
    row.content = None;
}

/// Ours as what was agreed on. Nothing is said of theirs: it must not be taken for the same.
fn ours_as_base(ours: &Version) -> EntryContent {
    EntryContent {
        version: ours.number,
        digest: ours.digest,
        size_bytes: ours.size_bytes,
        ..EntryContent::default()
    }
}

/// Theirs as what was agreed on.
fn theirs_as_base(
    row: &EntryRow,
    item: &RemoteItem,
    (version, digest): (u64, Option<model::Digest>),
) -> EntryContent {
    let known = row.content.as_ref().map_or(0, |content| content.version);
    EntryContent {
        version: if version == 0 { known } else { version },
        digest,
        size_bytes: item.size_bytes.unwrap_or(0),
        revision: item.revision.clone(),
        there_bytes: item.size_bytes,
        there_hashes: item.hashes.clone(),
    }
}
