//! Taking the last decision about a conflict back: what it changed here is changed back, as far as nobody went on from
//! there. Nothing is lost by it either: what it takes away stays as a version or in the trash.

use catalog::{EntryRow, Tx};
use model::{Actor, Conflict, ConflictId, ConflictKind, Mirror, Origin, Version, Winner};

use super::acts::{self, Act, Desk, GONE};
use super::open::UNDER_WAY;
use super::record::tell;
use super::{ConflictRow, Places, held, row};
use crate::access::Found;
use crate::{Hub, HubError};

const OPEN: HubError = HubError::Conflict("this conflict is open: there is no decision to take back");
const WENT_ON: HubError = HubError::Conflict(
    "the file was changed since: restore the version that you want, or decide anew with `again`: true",
);
const REACHED: HubError = HubError::Conflict(
    "what was decided has reached the provider, and cannot be taken back there: decide anew with `again`: true; \
     both contents are kept here",
);
const NO_MIRROR: HubError =
    HubError::Conflict("the mirror of this conflict is gone: restore the version that you want");
const RENAMED: HubError = HubError::Conflict("it was decided by renaming: rename it back by hand");

/// Whether there is a decision of which more than its outcome is known, or can be found out.
pub(super) fn may_be_undone(conflict: &Conflict) -> bool {
    let Some(resolution) = &conflict.resolution else {
        return false;
    };
    match (conflict.kind, resolution.by) {
        (ConflictKind::KindKind, _) => false,
        // What the mirror decided is opened again only where nothing but this side was changed by it.
        (ConflictKind::EditEdit | ConflictKind::CreateCreate, None) => {
            resolution.winner != Some(Winner::Here)
        }
        (_, None) => false,
        (_, Some(_)) => true,
    }
}

impl Hub {
    /// Takes the last decision about a conflict back. What was before it holds again: an earlier decision, or none, and
    /// then the conflict is open.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` when it cannot be taken back any more; it says why and what helps.
    pub async fn undo_conflict(&self, actor: &Actor, id: ConflictId) -> Result<ConflictRow, HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            let now = hub.now();
            let mut conflict = held(&mut tx, &actor, id).await?;
            let mut acts = acts::acts(&conflict);
            let Some(at) = acts.iter().rposition(|act| act.undone.is_none()) else {
                return Err(OPEN);
            };
            let mut desk = Desk {
                hub: &hub,
                tx: &mut tx,
                actor: &actor,
                now,
            };
            let act = acts[at].clone();
            match (act.was_open, act.resolution().by) {
                (true, _) => reopen(&mut desk, &mut conflict, &act).await?,
                (false, Some(_)) => change_back(&mut desk, &conflict, &act).await?,
                (false, None) => reopen_automatic(&mut desk, &conflict, &act).await?,
            }
            acts[at].undone = Some((now.0, actor.user()));
            acts::put_acts(&mut conflict, &acts);
            tx.put_conflict(&conflict).await?;
            tell(&mut tx, &conflict, "conflict_undone", now).await?;
            let answer = row(&mut tx, conflict, &mut Places::default()).await?;
            tx.commit().await?;
            hub.wake_workers();
            Ok(answer)
        })
        .await
    }
}

/// Parks what an open conflict was about once more, as it was on both sides.
async fn reopen(desk: &mut Desk<'_>, conflict: &mut Conflict, act: &Act) -> Result<(), HubError> {
    let winner = act.resolution().winner;
    if conflict.kind == ConflictKind::KindKind {
        return Err(RENAMED);
    }
    let (mirror, entry) = tied(desk.tx, conflict).await?;
    match (conflict.kind, winner) {
        (ConflictKind::EditDelete, Some(Winner::There)) => bring_back(desk, conflict, (&mirror, entry)).await,
        (ConflictKind::EditDelete, _) => {
            let entry = entry.filter(|entry| entry.item.is_none()).ok_or(REACHED)?;
            park(desk, &mirror, entry).await
        }
        (ConflictKind::DeleteEdit, Some(Winner::Here)) => {
            let entry = entry.ok_or(REACHED)?;
            is_still_there(desk.tx, (&mirror, &entry)).await?;
            park(desk, &mirror, entry).await
        }
        (ConflictKind::DeleteEdit, _) => {
            if let Some(file) = desk.live(conflict.node).await? {
                came_by_the_mirror(desk.tx, (&file, &mirror)).await?;
                desk.trash(file.node.id).await?;
            }
            park(desk, &mirror, entry.ok_or(REACHED)?).await
        }
        (_, Some(Winner::Here)) => {
            let entry = entry.ok_or(REACHED)?;
            let agreed = entry.content.as_ref().map(|content| content.version);
            if agreed != act.changed.captured || agreed.is_none() {
                return Err(REACHED);
            }
            park(desk, &mirror, entry).await
        }
        (_, _) => {
            let entry = entry.ok_or(REACHED)?;
            give_ours_back(desk, (conflict, &mirror), act).await?;
            park(desk, &mirror, entry).await
        }
    }
}

/// What the mirror decided by its policy, so that only this side changed: ours is current here again, theirs there.
async fn reopen_automatic(desk: &mut Desk<'_>, conflict: &Conflict, act: &Act) -> Result<(), HubError> {
    let (mirror, entry) = tied(desk.tx, conflict).await?;
    let entry = entry.ok_or(REACHED)?;
    if !may_be_undone(conflict) {
        return Err(REACHED);
    }
    is_still_there(desk.tx, (&mirror, &entry)).await?;
    let ours = conflict.here.as_ref().and_then(|here| here.version);
    let mut as_if = act.clone();
    as_if.changed.before = ours;
    as_if.changed.made = conflict.copy;
    give_ours_back(desk, (conflict, &mirror), &as_if).await?;
    park(desk, &mirror, entry).await
}

/// Ours becomes current here again, after theirs came; the file beside goes, unless somebody went on in it.
async fn give_ours_back(
    desk: &mut Desk<'_>,
    (conflict, mirror): (&Conflict, &Mirror),
    act: &Act,
) -> Result<(), HubError> {
    let id = conflict.node.ok_or(GONE)?;
    let file = desk.file(id).await?;
    let before = act.changed.before;
    if file.node.version.as_ref().map(|version| version.number) != before {
        came_by_the_mirror(desk.tx, (&file, mirror)).await?;
        let ours = desk.version(id, before).await?;
        desk.give(file, &ours).await?;
    }
    let beside = desk.live(act.changed.made).await?;
    if let Some(copy) = beside.filter(is_untouched) {
        desk.trash(copy.node.id).await?;
    }
    Ok(())
}

/// What was put into the trash because it was deleted there comes back, and waits for a decision.
async fn bring_back(
    desk: &mut Desk<'_>,
    conflict: &mut Conflict,
    (mirror, entry): (&Mirror, Option<EntryRow>),
) -> Result<(), HubError> {
    let id = conflict.node.ok_or(GONE)?;
    desk.restore(id).await?;
    let entry = match entry {
        Some(entry) => entry,
        // Nothing of it was left on either side, so the mirror forgot it.
        None => EntryRow {
            entry: desk.tx.new_entries(mirror.id, 1).await?,
            node: Some(id),
            ..EntryRow::default()
        },
    };
    conflict.entry = entry.entry;
    park(desk, mirror, entry).await
}

/// Takes back a decision about what did not wait: each change of it, as far as nobody went on.
async fn change_back(desk: &mut Desk<'_>, conflict: &Conflict, act: &Act) -> Result<(), HubError> {
    let changed = &act.changed;
    if let (Some(before), Some(after)) = (changed.before, changed.after)
        && before != after
    {
        let id = conflict.node.ok_or(GONE)?;
        let file = desk.file(id).await?;
        if file.node.version.as_ref().map(|version| version.number) != Some(after) {
            return Err(WENT_ON);
        }
        let old = desk.version(id, Some(before)).await?;
        desk.give(file, &old).await?;
    }
    for id in &changed.trashed {
        desk.restore(*id).await?;
    }
    for id in &changed.restored {
        if desk.live(Some(*id)).await?.is_some() {
            desk.trash(*id).await?;
        }
    }
    let beside = desk.live(changed.made).await?;
    if let Some(copy) = beside.filter(is_untouched) {
        desk.trash(copy.node.id).await?;
    }
    Ok(())
}

async fn tied(tx: &mut Tx, conflict: &Conflict) -> Result<(Mirror, Option<EntryRow>), HubError> {
    let mirror = tx.mirror(conflict.mirror).await?.ok_or(NO_MIRROR)?;
    let entry = tx.entries(mirror.id, &[conflict.entry]).await?.pop();
    Ok((mirror, entry))
}

/// The item must still be at the provider, as far as was seen.
async fn is_still_there(tx: &mut Tx, (mirror, entry): (&Mirror, &EntryRow)) -> Result<(), HubError> {
    let item = match &entry.item {
        Some(item) => tx.item(mirror.connection, item).await?,
        None => None,
    };
    item.filter(|item| !item.is_trashed).map(|_| ()).ok_or(REACHED)
}

/// What is current here must be a content that the mirror brought; somebody else's change is not taken back.
async fn came_by_the_mirror(tx: &mut Tx, (file, mirror): (&Found, &Mirror)) -> Result<(), HubError> {
    /// Versions that are looked through.
    const VERSIONS: u32 = 200;
    let current = file.node.version.as_ref().ok_or(GONE)?;
    let brought = Origin::Mirror(mirror.id);
    let versions = tx.versions(file.node.id, None, VERSIONS).await?;
    // It may have been made current once more since it came.
    let is_it = |version: &Version| version.origin == brought && version.blob == current.blob;
    versions.iter().any(is_it).then_some(()).ok_or(WENT_ON)
}

/// Whether nobody went on in a file that was made beside.
fn is_untouched(copy: &Found) -> bool {
    copy.node
        .version
        .as_ref()
        .is_some_and(|version| version.number == 1)
}

async fn park(desk: &mut Desk<'_>, mirror: &Mirror, mut entry: EntryRow) -> Result<(), HubError> {
    if entry.is_parked {
        return Err(HubError::Conflict(
            "another conflict about the same file is open; decide that one",
        ));
    }
    if desk.tx.intent(mirror.id, entry.entry).await?.is_some() {
        return Err(UNDER_WAY);
    }
    entry.is_parked = true;
    let number = entry.entry;
    desk.tx.put_entries(mirror.id, &[entry]).await?;
    desk.tx.mark_dirty(mirror.id, &[(number, 0)], desk.now).await?;
    desk.hub.queue_mirror(desk.tx, mirror.id).await?;
    Ok(())
}
