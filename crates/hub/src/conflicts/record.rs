//! Writing a conflict down, once.

use aws_lc_rs::digest::{SHA256, digest};
use catalog::{EntryContent, EntryRow, Tx};
use model::{
    Conflict, ConflictId, ConflictKind, ConflictPolicy, ConflictSide, Digest, Millis, Mirror, Node, NodeId,
    Origin, RemoteItem, Resolution, UserId, Version, Winner,
};

use super::{provider, timeline};
use crate::{HubError, keys};

/// What clashes, as the engine found it.
pub(crate) struct NewConflict<'a> {
    /// In which mirror.
    pub mirror: &'a Mirror,
    /// What ties the two, as it was before anything was done about it.
    pub row: &'a EntryRow,
    /// What clashes.
    pub kind: ConflictKind,
    /// The path below the mirror's folder.
    pub path: &'a str,
    /// Ours, as it was before anything was done about it; `None` when it was deleted.
    pub here: Option<&'a Node>,
    /// Theirs; `None` when it was deleted.
    pub there: Option<&'a RemoteItem>,
    /// The number of the version here that keeps their content, and their word for who changed it.
    pub theirs: (Option<u64>, Option<&'a str>),
    /// The file beside, that was made to keep both.
    pub copy: Option<NodeId>,
    /// By which policy it ended, and whose content is current since; `None` while a person has to decide.
    pub decided: Option<(ConflictPolicy, Option<Winner>)>,
}

/// Writes a conflict down in the transaction that does something about it. Answers `None` when it was written down
/// before.
pub(crate) async fn record(
    tx: &mut Tx,
    new: NewConflict<'_>,
    now: Millis,
) -> Result<Option<ConflictId>, HubError> {
    let base = base(tx, new.row).await?;
    let here = match new.here {
        Some(node) => Some(ours(tx, node).await?),
        None => None,
    };
    let connection = tx.connection(new.mirror.connection).await?;
    let node = new.here.map(|node| node.id).or(new.row.node);
    let kept = match (node, new.theirs.0) {
        (Some(node), Some(version)) => tx.version(node, version).await?,
        _ => None,
    };
    // A provider that tells no hash does not tell what it had; the version that keeps it does.
    let kept = kept.and_then(|version| version.digest).map(sha256);
    let there = new.there.map(theirs).map(|side| ConflictSide {
        version: new.theirs.0,
        author: new.theirs.1.map(ToOwned::to_owned),
        origin: Some(provider(connection.as_ref())),
        digest: side.digest.or(kept),
        ..side
    });
    let conflict = Conflict {
        id: ConflictId::new(now, keys::random()),
        number: 0,
        owner: new.mirror.owner,
        mirror: new.mirror.id,
        entry: new.row.entry,
        node,
        kind: new.kind,
        path: new.path.to_owned(),
        base,
        here,
        there,
        copy: new.copy,
        found_ms: now,
        resolution: new.decided.map(|(policy, winner)| Resolution {
            policy,
            winner,
            by: None,
            notes: None,
            at_ms: now,
            undone_ms: None,
        }),
        history: String::new(),
    };
    if !write_down(tx, &conflict).await? {
        return Ok(None);
    }
    tell(tx, &conflict, "conflict", now).await?;
    let decided = new.decided.map_or("open", |(policy, _)| policy.as_str());
    metrics::counter!("cumuli_conflicts_total", "kind" => new.kind.as_str(), "decided" => decided)
        .increment(1);
    Ok(Some(conflict.id))
}

/// Answers false when it is written down already. One that waits for a person always gets a row of its own, even when
/// the same was decided before: without one nobody could decide it.
async fn write_down(tx: &mut Tx, conflict: &Conflict) -> Result<bool, HubError> {
    let mut mark = fingerprint(conflict);
    if tx.create_conflict(conflict, &mark).await?.is_some() {
        return Ok(true);
    }
    let is_open = conflict.resolution.is_none();
    if !is_open
        || tx
            .open_conflict_of(conflict.mirror, conflict.entry)
            .await?
            .is_some()
    {
        return Ok(false);
    }
    mark.extend_from_slice(conflict.id.as_bytes());
    Ok(tx.create_conflict(conflict, &mark).await?.is_some())
}

/// Says in the mirror's own log that something happened to a conflict.
pub(super) async fn tell(tx: &mut Tx, conflict: &Conflict, kind: &str, now: Millis) -> Result<(), HubError> {
    let resolution = conflict.resolution.as_ref();
    let detail = serde_json::json!({
        "conflict": conflict.id,
        "entry": conflict.entry,
        "path": conflict.path,
        "kind": conflict.kind.as_str(),
        "policy": resolution.map(|resolution| resolution.policy.as_str()),
        "winner": resolution.and_then(|resolution| resolution.winner).map(Winner::as_str),
    });
    tx.add_mirror_event(conflict.mirror, now, (kind, &detail.to_string()))
        .await?;
    Ok(())
}

/// What both sides agreed on last.
async fn base(tx: &mut Tx, row: &EntryRow) -> Result<Option<ConflictSide>, HubError> {
    if !row.has_base {
        return Ok(None);
    }
    let name = row
        .names
        .as_ref()
        .map(|(here, _)| here.clone())
        .unwrap_or_default();
    let Some(content) = &row.content else {
        return Ok(Some(ConflictSide {
            name,
            ..ConflictSide::default()
        }));
    };
    let version = match row.node {
        Some(node) => tx.version(node, content.version).await?,
        None => None,
    };
    let known = match &version {
        Some(version) => of_version(tx, name.clone(), version).await?,
        None => ConflictSide {
            name,
            ..ConflictSide::default()
        },
    };
    Ok(Some(ConflictSide {
        version: Some(content.version),
        revision: content.revision.clone(),
        size_bytes: Some(content.size_bytes),
        digest: digest_of(content),
        ..known
    }))
}

fn digest_of(content: &EntryContent) -> Option<String> {
    let ours = content.digest.map(sha256);
    ours.or_else(|| content.there_hashes.first().cloned())
}

async fn ours(tx: &mut Tx, node: &Node) -> Result<ConflictSide, HubError> {
    match &node.version {
        Some(version) => of_version(tx, node.name.to_string(), version).await,
        None => Ok(ConflictSide {
            name: node.name.to_string(),
            changed_ms: Some(node.modified_ms),
            ..ConflictSide::default()
        }),
    }
}

/// A content here as a side.
async fn of_version(tx: &mut Tx, name: String, version: &Version) -> Result<ConflictSide, HubError> {
    Ok(ConflictSide {
        name,
        version: Some(version.number),
        revision: None,
        size_bytes: Some(version.size_bytes),
        digest: version.digest.map(sha256),
        media_type: Some(version.media_type.clone()),
        changed_ms: Some(version.created_ms),
        author: person(tx, version.author, version.origin).await?,
        origin: Some(timeline::door(version.origin).to_owned()),
    })
}

/// What is known of theirs.
pub(super) fn theirs(item: &RemoteItem) -> ConflictSide {
    ConflictSide {
        name: item.name.clone(),
        version: None,
        revision: item.revision.clone(),
        size_bytes: item.size_bytes,
        digest: item.hashes.first().cloned(),
        media_type: item.media_type.clone(),
        changed_ms: item.modified_ms,
        author: None,
        origin: None,
    }
}

/// The name of somebody here.
pub(super) async fn person(
    tx: &mut Tx,
    author: Option<UserId>,
    origin: Origin,
) -> Result<Option<String>, HubError> {
    if origin == Origin::Link {
        return Ok(Some("a visitor with a public link".to_owned()));
    }
    let Some(author) = author else { return Ok(None) };
    let user = tx.user(author).await?;
    Ok(user.map(|user| match user.full_name.as_str() {
        "" => user.email.to_string(),
        name => name.to_owned(),
    }))
}

fn sha256(digest: Digest) -> String {
    format!("sha256:{digest}")
}

/// What tells a conflict from every other of its mirror, however often it is found.
fn fingerprint(conflict: &Conflict) -> Vec<u8> {
    // What is found out about a content later, such as a hash, makes it no other one.
    let known = |side: &ConflictSide| match (side.version, &side.revision) {
        (None, None) => (None, side.digest.clone(), side.size_bytes, side.changed_ms),
        (version, revision) => (version, revision.clone(), None, None),
    };
    // The number of their version says what was done about it, not what it is.
    let there = conflict.there.clone().map(|there| ConflictSide {
        version: None,
        ..there
    });
    let all = (
        conflict.entry,
        conflict.kind.as_str(),
        conflict.base.as_ref().map(known),
        conflict.here.as_ref().map(known),
        there.as_ref().map(known),
    );
    let text = serde_json::to_vec(&all).expect("numbers and texts can be written as JSON");
    digest(&SHA256, &text).as_ref().to_vec()
}
