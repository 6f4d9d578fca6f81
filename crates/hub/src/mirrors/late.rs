//! Calls whose answers were lost, and that may still take effect: what they bring about then is ours, and nobody else's.

use catalog::{EntryRow, Tx};
use model::Millis;
use serde::{Deserialize, Serialize};

use super::aside::agree_on_nothing;
use super::calls::{Call, Intent, Placed, Sent};
use super::desk::{MirrorDesk, MirrorError};
use super::intents::TOMB_SECS;
use super::scene::Thing;
use crate::HubError;

/// Calls about one entry that are remembered.
const MOST: usize = 10;
/// How long it is remembered that a call whose answer was lost may still take effect, seconds.
const TAINT_SECS: i64 = 60 * 60;
/// How long such a call is waited for, seconds: nothing else can be done about its entry.
const LANDS_SECS: i64 = 10 * 60;

/// What a call may still bring about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Late {
    /// A content of ours.
    Sent(Sent),
    /// A place.
    Placed(Placed),
    /// That it is in the trash.
    MayTrash,
    /// Nothing more: it was trashed, and that was answered.
    Trashed,
}

fn read(row: &EntryRow) -> Result<Vec<Late>, HubError> {
    match &row.late_calls {
        Some(text) => serde_json::from_str(text).map_err(|error| HubError::Internal(error.into())),
        None => Ok(Vec::new()),
    }
}

fn written(late: &[Late]) -> Result<String, HubError> {
    serde_json::to_string(late).map_err(|error| HubError::Internal(error.into()))
}

fn is_remembered(row: &EntryRow, now: Millis) -> bool {
    row.taint_until.is_some_and(|until| until > now)
}

fn is_deletion(late: &Late) -> bool {
    matches!(late, Late::MayTrash | Late::Trashed)
}

/// Whether something may have gone to the trash there by a deletion of ours: a folder by one that was answered or not, a
/// file by one without an answer.
pub(crate) fn went_by_us(row: &EntryRow, now: Millis) -> Result<bool, HubError> {
    Ok(is_remembered(row, now) && read(row)?.iter().any(is_deletion))
}

/// Notes with its entry that we trashed a folder. Of what came before, only another deletion counts still.
pub(super) fn note_trashed(row: &mut EntryRow, (now, until): (Millis, Millis)) -> Result<(), HubError> {
    let may_go_again = is_remembered(row, now) && read(row)?.contains(&Late::MayTrash);
    let mut late = vec![Late::Trashed];
    late.extend(may_go_again.then_some(Late::MayTrash));
    row.taint_until = Some(until);
    row.late_calls = Some(written(&late)?);
    Ok(())
}

/// Notes that what we trashed is there again: should it go once more, that is not our doing, unless there was another
/// deletion, without an answer, that may still come.
pub(super) fn note_back(row: &mut EntryRow) -> Result<(), HubError> {
    let mut late = read(row)?;
    let gone = match late.contains(&Late::Trashed) {
        true => Late::Trashed,
        false => Late::MayTrash,
    };
    late.retain(|late| *late != gone);
    if late.is_empty() {
        row.taint_until = None;
        row.late_calls = None;
    } else {
        row.late_calls = Some(written(&late)?);
    }
    Ok(())
}

/// What is kept of an entry whose item is gone, or in the trash there: the folder that it was in, and whether that was our
/// doing, for who meets it there again.
pub(super) fn tomb(row: &EntryRow, (now, until): (Millis, Millis)) -> Result<EntryRow, HubError> {
    let mut tomb = EntryRow {
        entry: row.entry,
        item: row.item.clone(),
        parent: row.parent,
        is_folder: row.is_folder,
        taint_until: Some(until),
        ..EntryRow::default()
    };
    if went_by_us(row, now)? {
        let mut late = read(row)?;
        late.retain(is_deletion);
        tomb.late_calls = Some(written(&late)?);
    }
    Ok(tomb)
}

impl MirrorDesk {
    /// Remembers a call whose answer was lost, and that may still take effect, with its entry: a write, a move, or a
    /// deletion, which takes along what is written to the file or put into the folder meanwhile.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn taint(&self, intent: &Intent) -> Result<(), MirrorError> {
        let mut tx = self.fenced().await?;
        let row = tx.entries(self.mirror.id, &[intent.entry]).await?.pop();
        if let Some(mut row) = row {
            let brings = match &intent.call {
                Call::Replace { sent, .. } | Call::Create { sent, .. } => Late::Sent(sent.clone()),
                Call::Relocate { place, .. } => Late::Placed(place.clone()),
                _ => Late::MayTrash,
            };
            let mut late = self.late_calls(&row)?;
            late.retain(|other| *other != brings);
            late.insert(0, brings);
            late.truncate(MOST);
            let is_tomb = row.is_folder && late.iter().any(is_deletion);
            let secs = if is_tomb { TOMB_SECS } else { TAINT_SECS };
            row.late_calls = Some(written(&late)?);
            row.taint_until = Some(self.now().plus_secs(secs));
            self.put_entries(&mut tx, &[row]).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Contents of ours that were sent to the item of an entry without an answer, and may still come to be there; the last
    /// that was sent is the first.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn late_writes(&self, entry: u64) -> Result<Vec<Sent>, MirrorError> {
        let mut tx = self.hub.read().await?;
        let Some(row) = tx.entries(self.mirror.id, &[entry]).await?.pop() else {
            return Ok(Vec::new());
        };
        let late = self.late_calls(&row)?.into_iter();
        let sent = late.filter_map(|late| match late {
            Late::Sent(sent) => Some(sent),
            Late::Placed(_) | Late::MayTrash | Late::Trashed => None,
        });
        Ok(sent.collect())
    }

    fn late_calls(&self, row: &EntryRow) -> Result<Vec<Late>, MirrorError> {
        match is_remembered(row, self.now()) {
            true => Ok(read(row)?),
            false => Ok(Vec::new()),
        }
    }

    /// Whether a call about an entry was begun so short a time ago that it may still take effect.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn may_land(&self, entry: u64) -> Result<bool, MirrorError> {
        let intent = self.hub.read().await?.intent(self.mirror.id, entry).await?;
        Ok(intent.is_some_and(|intent| intent.began_ms.plus_secs(LANDS_SECS) > self.now()))
    }

    /// Has it found out whether a write of ours came late, and over what somebody else wrote; and takes note of moves of
    /// ours that did.
    pub(super) async fn audit(&mut self, tx: &mut Tx, rows: &[EntryRow]) -> Result<(), MirrorError> {
        for row in rows {
            let (Some(item), true) = (&row.item, is_remembered(row, self.now())) else {
                continue;
            };
            let now = tx.item(self.connection.id, item).await?;
            let Some(now) = now.filter(|now| !now.is_trashed) else {
                continue;
            };
            let mut known = row.clone();
            for late in self.late_calls(row)? {
                match late {
                    Late::Placed(place) if row.has_base && place.is_of(&now) => place.agree(&mut known, &now),
                    Late::Trashed => note_back(&mut known)?,
                    _ => {}
                }
            }
            if known != *row {
                self.put_entries(tx, &[known]).await?;
            }
            if !row.has_base {
                continue;
            }
            let (Some(node), Some(content)) = (row.node, &row.content) else {
                continue;
            };
            let Some(expected) = content
                .revision
                .clone()
                .filter(|_| now.revision != content.revision)
            else {
                continue;
            };
            if self.is_under_way(tx, row.entry).await? {
                continue;
            }
            let call = Call::Audit {
                item: item.clone(),
                expected,
                agreed: Sent {
                    node,
                    version: content.version,
                    size_bytes: content.size_bytes,
                    sha256: content.digest.map(|digest| digest.to_string()),
                },
            };
            self.put_intent(tx, row.entry, &call).await?;
            self.has_unknown = true;
        }
        Ok(())
    }

    /// Has a file come back there that went to the trash by a deletion of ours that came late: it had come back here by
    /// then. Answers whether it is such a one.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn undo_late_trash(&self, thing: &Thing) -> Result<bool, MirrorError> {
        let (Some(item), true) = (&thing.row.item, went_by_us(&thing.row, self.now())?) else {
            return Ok(false);
        };
        if thing.row.is_folder {
            return Ok(false);
        }
        let mut tx = self.fenced().await?;
        if self.is_under_way(&mut tx, thing.row.entry).await? {
            return Ok(false);
        }
        if self.connector.abilities().restores {
            let call = Call::Restore { item: item.clone() };
            self.put_intent(&mut tx, thing.row.entry, &call).await?;
        } else {
            // It is new there.
            let mut row = thing.row.clone();
            row.item = None;
            row.taint_until = None;
            row.late_calls = None;
            agree_on_nothing(&mut row);
            self.put_entries(&mut tx, &[row]).await?;
            let dirty = [(thing.row.entry, 0)];
            tx.mark_dirty(self.mirror.id, &dirty, self.now()).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
