//! Deciding anew about a conflict that does not wait any more: contents that are kept here become current again, and
//! the mirror takes that to the provider as it does every change.

use model::{Conflict, ConflictKind, Version};

use super::acts::{Changed, Desk, GONE, copy_name};
use super::resolve::Outcome;
use crate::HubError;
use crate::access::Found;

const NOT_KEPT: HubError = HubError::Conflict(
    "that content is not kept here any more: it was removed, or nobody had brought it here",
);
const NOTHING_TO_CHOOSE: HubError = HubError::Conflict(
    "a file and a folder of one name were told apart by renaming one of them; rename or delete them as you like",
);

/// Does what was decided.
pub(super) async fn decide(
    desk: &mut Desk<'_>,
    conflict: &mut Conflict,
    outcome: Outcome,
) -> Result<Changed, HubError> {
    match conflict.kind {
        ConflictKind::KindKind => Err(NOTHING_TO_CHOOSE),
        ConflictKind::EditDelete => exist(desk, conflict, outcome != Outcome::Theirs).await,
        ConflictKind::DeleteEdit => exist(desk, conflict, outcome != Outcome::Ours).await,
        ConflictKind::EditEdit | ConflictKind::CreateCreate | ConflictKind::Overwrote => {
            choose(desk, conflict, outcome).await
        }
    }
}

/// The file is to be there, or in the trash.
async fn exist(desk: &mut Desk<'_>, conflict: &Conflict, lives: bool) -> Result<Changed, HubError> {
    let id = conflict.node.ok_or(GONE)?;
    let mut changed = Changed::default();
    match (desk.live(Some(id)).await?, lives) {
        (Some(_), true) => {}
        (Some(_), false) => {
            desk.trash(id).await?;
            changed.trashed.push(id);
        }
        (None, true) => {
            desk.restore(id).await?;
            changed.restored.push(id);
        }
        (None, false) if desk.is_trashed(id).await? => {}
        (None, false) => return Err(GONE),
    }
    Ok(changed)
}

/// One content is to be current, or both side by side.
async fn choose(desk: &mut Desk<'_>, conflict: &mut Conflict, outcome: Outcome) -> Result<Changed, HubError> {
    let file = desk.file(conflict.node.ok_or(GONE)?).await?;
    let copy = desk.live(conflict.copy).await?;
    let mut changed = Changed {
        before: file.node.version.as_ref().map(|version| version.number),
        ..Changed::default()
    };
    let beside = beside(conflict.kind);
    let under = match outcome {
        Outcome::Both if beside == Outcome::Ours => Outcome::Theirs,
        Outcome::Both => Outcome::Ours,
        one => one,
    };
    let content_beside = copy.as_ref().and_then(|copy| copy.node.version.clone());
    let wanted = match content_beside {
        // Somebody may have gone on in it.
        Some(content) if under == beside => content,
        _ => kept_of(desk, conflict, under).await?,
    };
    match (outcome, copy) {
        (Outcome::Both, Some(_)) => {}
        (Outcome::Both, None) => bring_beside(desk, (conflict, &file), &mut changed).await?,
        (Outcome::Ours | Outcome::Theirs, Some(copy)) => {
            desk.trash(copy.node.id).await?;
            changed.trashed.push(copy.node.id);
        }
        (Outcome::Ours | Outcome::Theirs, None) => {}
    }
    let node = desk.give(file, &wanted).await?;
    changed.after = node.version.map(|version| version.number);
    Ok(changed)
}

/// Whose content lies in the file beside: ours, unless theirs had been replaced and was brought back.
const fn beside(kind: ConflictKind) -> Outcome {
    match kind {
        ConflictKind::Overwrote => Outcome::Theirs,
        _ => Outcome::Ours,
    }
}

/// A side's content, as the versions of the file keep it.
async fn kept_of(desk: &mut Desk<'_>, conflict: &Conflict, side: Outcome) -> Result<Version, HubError> {
    let file = conflict.node.ok_or(NOT_KEPT)?;
    if side == Outcome::Ours {
        let here = conflict.here.as_ref().ok_or(NOT_KEPT)?;
        return kept(desk, (file, here.version), here.digest.as_deref()).await;
    }
    let there = conflict.there.as_ref().ok_or(NOT_KEPT)?;
    let captured = super::acts::acts(conflict)
        .iter()
        .rev()
        .find_map(|act| act.changed.captured);
    kept(desk, (file, there.version.or(captured)), there.digest.as_deref()).await
}

/// A version, by its number, or, when that is not known, by its content.
async fn kept(
    desk: &mut Desk<'_>,
    (file, number): (model::NodeId, Option<u64>),
    digest: Option<&str>,
) -> Result<Version, HubError> {
    /// Versions that are looked through.
    const VERSIONS: u32 = 200;
    if let Some(number) = number {
        return desk.version(file, Some(number)).await;
    }
    let sha256 = digest
        .and_then(|digest| digest.strip_prefix("sha256:"))
        .ok_or(NOT_KEPT)?;
    let versions = desk.tx.versions(file, None, VERSIONS).await?;
    let is_it = |version: &Version| version.digest.is_some_and(|digest| digest.to_string() == sha256);
    versions.into_iter().find(is_it).ok_or(NOT_KEPT)
}

/// The other one is to be beside: taken out of the trash, or made anew.
async fn bring_beside(
    desk: &mut Desk<'_>,
    (conflict, file): (&mut Conflict, &Found),
    changed: &mut Changed,
) -> Result<(), HubError> {
    if let Some(copy) = conflict.copy
        && desk.is_trashed(copy).await?
    {
        desk.restore(copy).await?;
        changed.restored.push(copy);
        return Ok(());
    }
    let content = kept_of(desk, conflict, beside(conflict.kind)).await?;
    let name = copy_name(&file.node.name, conflict);
    let copy = desk.beside(file, name, &content).await?;
    changed.made = Some(copy.id);
    conflict.copy = Some(copy.id);
    Ok(())
}
