//! What mirrors have still to do, what they began, and what happened in them.

use std::collections::BTreeMap;

use model::{Millis, MirrorId};

use crate::db::{Row, Tx};
use crate::listings::CHUNK;
use crate::mirror_entries::listed;
use crate::{CatalogError, count, lists, signed};

const DIRTY: &str = "entry, generation, flags, mark, since_ms, next_ms, trash, depth, is_approved";
const INTENT: &str = "entry, op, session, attempts, began_ms";
/// Rows that one statement puts in.
const ROWS_AT_ONCE: usize = 64;

/// One of the two sides of a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MirrorSide {
    /// This server.
    Here,
    /// The connection.
    There,
}

/// An entry that has to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirtyRow {
    /// The entry; 0 is the mirror's folder.
    pub entry: u64,
    /// Counts how often that was said.
    pub generation: u64,
    /// 1: its node's children are to be listed; 2: its item's; 4: the entries below it are dirty too.
    pub flags: u32,
    /// How far a listing came.
    pub mark: Option<String>,
    /// Since when.
    pub since_ms: Millis,
    /// Not before then.
    pub next_ms: Option<Millis>,
    /// The side on which it is to be trashed.
    pub trash: Option<MirrorSide>,
    /// How deep it lies.
    pub depth: u32,
    /// A person, or the guard, lets it be trashed.
    pub is_approved: bool,
}

/// How much there is to do in a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DirtyCounts {
    /// Entries that are to be looked at.
    pub due: u64,
    /// Entries that wait for their time.
    pub waiting: u64,
    /// Entries that are to be trashed.
    pub to_trash: u64,
}

/// A call at the provider that was begun, and of which it is not known that it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentRow {
    /// The entry it is about.
    pub entry: u64,
    /// What it does, JSON.
    pub op: String,
    /// Where an upload stands, sealed.
    pub session: Option<Vec<u8>>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was begun.
    pub began_ms: Millis,
}

/// Something that happened in a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorEvent {
    /// Its number within the mirror.
    pub seq: u64,
    /// When.
    pub at_ms: Millis,
    /// What, in a word.
    pub kind: String,
    /// More about it, JSON.
    pub detail: String,
}

impl Tx {
    /// Says that entries have to be looked at, with the flags of a [`DirtyRow`], and at once: what waited or was about to
    /// be trashed is looked at again.
    pub async fn mark_dirty(
        &mut self,
        mirror: MirrorId,
        entries: &[(u64, u32)],
        now: Millis,
    ) -> Result<(), CatalogError> {
        // Each once, and always in one order, so that nobody waits in a ring.
        let mut flags = BTreeMap::new();
        for (entry, more) in entries {
            *flags.entry(*entry).or_insert(0) |= *more;
        }
        let flags: Vec<(u64, u32)> = flags.into_iter().collect();
        for chunk in flags.chunks(ROWS_AT_ONCE) {
            let sql = format!(
                "INSERT INTO mirror_dirty (mirror_id, entry, flags, since_ms, generation, next_ms, trash, depth,
                     is_approved)
                 VALUES {}
                 ON CONFLICT (mirror_id, entry) DO UPDATE SET generation = mirror_dirty.generation + 1,
                     flags = mirror_dirty.flags | excluded.flags, next_ms = 0, trash = 0,
                     mark = CASE WHEN (excluded.flags & 3) = 0 THEN mirror_dirty.mark END",
                lists::rows(chunk.len(), 4).replace(')', ", 1, 0, 0, 0, 0)")
            );
            let mut params = Vec::with_capacity(chunk.len() * 4);
            for (entry, flags) in chunk {
                params.extend([
                    mirror.into(),
                    signed(*entry).into(),
                    i64::from(*flags).into(),
                    now.into(),
                ]);
            }
            self.execute(&sql, &params).await?;
        }
        Ok(())
    }

    /// Entries that have to be looked at now, those that waited last and else by their numbers; at most `limit`. What is
    /// about to be trashed is not among them.
    pub async fn dirty_due(
        &mut self,
        mirror: MirrorId,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<DirtyRow>, CatalogError> {
        let sql = format!(
            "SELECT {DIRTY} FROM mirror_dirty WHERE mirror_id = $1 AND trash = 0 AND next_ms <= $2
             ORDER BY next_ms, entry LIMIT $3"
        );
        let params = [mirror.into(), now.into(), i64::from(limit).into()];
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read).collect()
    }

    /// All dirty entries by their numbers, whatever they wait for: those after `after`, at most `limit`.
    pub async fn dirty_after(
        &mut self,
        mirror: MirrorId,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<DirtyRow>, CatalogError> {
        let sql = format!(
            "SELECT {DIRTY} FROM mirror_dirty WHERE mirror_id = $1 AND entry > $2 ORDER BY entry LIMIT $3"
        );
        // The folder of a mirror is entry 0.
        let after = after.map_or(-1, signed);
        let rows = self
            .query(&sql, &[mirror.into(), after.into(), i64::from(limit).into()])
            .await?;
        rows.iter().map(read).collect()
    }

    /// Entries that are to be trashed and that nobody approved, by their numbers: those after `after`, at most `limit`.
    pub async fn unapproved_trash(
        &mut self,
        mirror: MirrorId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<DirtyRow>, CatalogError> {
        let sql = format!(
            "SELECT {DIRTY} FROM mirror_dirty WHERE mirror_id = $1 AND trash <> 0 AND is_approved = 0 AND entry > $2
             ORDER BY entry LIMIT $3"
        );
        let rows = self
            .query(
                &sql,
                &[mirror.into(), signed(after).into(), i64::from(limit).into()],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// What is known of these entries, as far as they are dirty.
    pub async fn dirty(&mut self, mirror: MirrorId, entries: &[u64]) -> Result<Vec<DirtyRow>, CatalogError> {
        let mut found = Vec::new();
        for chunk in entries.chunks(CHUNK) {
            let mut params = vec![mirror.into()];
            let list = listed(&mut params, chunk);
            let sql = format!("SELECT {DIRTY} FROM mirror_dirty WHERE mirror_id = $1 AND entry IN ({list})");
            for row in self.query(&sql, &params).await? {
                found.push(read(&row)?);
            }
        }
        Ok(found)
    }

    /// Writes down the flags of a dirty entry, how far a listing came, when it is due, and whether it is to be trashed.
    /// Answers false, and changes nothing, when it was marked once more since.
    pub async fn put_dirty(&mut self, mirror: MirrorId, row: &DirtyRow) -> Result<bool, CatalogError> {
        let put = self
            .execute(
                "UPDATE mirror_dirty SET flags = $4, mark = $5, next_ms = $6, trash = $7, depth = $8
                 WHERE mirror_id = $1 AND entry = $2 AND generation = $3",
                &[
                    mirror.into(),
                    signed(row.entry).into(),
                    signed(row.generation).into(),
                    i64::from(row.flags).into(),
                    row.mark.as_deref().into(),
                    row.next_ms.map_or(0, |at| at.0).into(),
                    trash_code(row.trash).into(),
                    i64::from(row.depth).into(),
                ],
            )
            .await?;
        Ok(put == 1)
    }

    /// Says that nothing is left to do about entries, but for those that were marked once more since that generation.
    pub async fn clear_dirty(
        &mut self,
        mirror: MirrorId,
        entries: &[(u64, u64)],
    ) -> Result<(), CatalogError> {
        let mut by_generation: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (entry, generation) in entries {
            by_generation.entry(*generation).or_default().push(*entry);
        }
        for (generation, mut entries) in by_generation {
            entries.sort_unstable();
            for chunk in entries.chunks(CHUNK) {
                let mut params = vec![mirror.into(), signed(generation).into()];
                let list = listed(&mut params, chunk);
                let sql = format!(
                    "DELETE FROM mirror_dirty WHERE mirror_id = $1 AND generation = $2 AND entry IN ({list})"
                );
                self.execute(&sql, &params).await?;
            }
        }
        Ok(())
    }

    /// Entries that are to be trashed and do not wait for their time: what is approved first, the deepest first; at most
    /// `limit`.
    pub async fn to_trash(
        &mut self,
        mirror: MirrorId,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<DirtyRow>, CatalogError> {
        let sql = format!(
            "SELECT {DIRTY} FROM mirror_dirty WHERE mirror_id = $1 AND trash <> 0 AND next_ms <= $2
             ORDER BY is_approved DESC, depth DESC, entry DESC LIMIT $3"
        );
        let params = [mirror.into(), now.into(), i64::from(limit).into()];
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read).collect()
    }

    /// How many entries are to be trashed: those that nobody approved, and those that somebody did.
    pub async fn count_to_trash(&mut self, mirror: MirrorId) -> Result<(u64, u64), CatalogError> {
        let rows = self
            .query(
                "SELECT is_approved, count(*) FROM mirror_dirty WHERE mirror_id = $1 AND trash <> 0
                 GROUP BY is_approved ORDER BY is_approved",
                &[mirror.into()],
            )
            .await?;
        let mut counts = (0, 0);
        for row in rows {
            match row.int(0)? {
                0 => counts.0 = count(row.int(1)?),
                _ => counts.1 = count(row.int(1)?),
            }
        }
        Ok(counts)
    }

    /// Lets all that is to be trashed be trashed, at once. Answers how many entries that are.
    pub async fn approve_trash(&mut self, mirror: MirrorId) -> Result<u64, CatalogError> {
        let sql = format!(
            "UPDATE mirror_dirty{} SET is_approved = 1, next_ms = 0
             WHERE mirror_id = $1 AND trash <> 0 AND is_approved = 0",
            self.indexed_by("mirror_dirty_to_trash")
        );
        self.execute(&sql, &[mirror.into()]).await
    }

    /// Lets nothing be trashed that is to be: all of it is looked at again. Answers how many entries that are.
    pub async fn reject_trash(&mut self, mirror: MirrorId) -> Result<u64, CatalogError> {
        let sql = format!(
            "UPDATE mirror_dirty{} SET generation = generation + 1, trash = 0, is_approved = 0, next_ms = 0
             WHERE mirror_id = $1 AND trash <> 0",
            self.indexed_by("mirror_dirty_to_trash")
        );
        self.execute(&sql, &[mirror.into()]).await
    }

    /// How much there is to do in a mirror.
    pub async fn dirty_counts(&mut self, mirror: MirrorId) -> Result<DirtyCounts, CatalogError> {
        let row = self
            .first(
                "SELECT (SELECT count(*) FROM mirror_dirty WHERE mirror_id = $1 AND trash = 0 AND next_ms = 0),
                     (SELECT count(*) FROM mirror_dirty WHERE mirror_id = $1 AND trash = 0 AND next_ms > 0),
                     (SELECT count(*) FROM mirror_dirty WHERE mirror_id = $1 AND trash > 0)",
                &[mirror.into()],
            )
            .await?;
        let Some(row) = row else {
            return Ok(DirtyCounts::default());
        };
        Ok(DirtyCounts {
            due: count(row.int(0)?),
            waiting: count(row.int(1)?),
            to_trash: count(row.int(2)?),
        })
    }

    /// When the next dirty entry is due, 0 for at once; `None` when nothing is. What is to be trashed counts while it
    /// waits for its time.
    pub async fn next_dirty_ms(&mut self, mirror: MirrorId) -> Result<Option<Millis>, CatalogError> {
        let row = self
            .first(
                "SELECT MIN(at_ms) FROM (
                     SELECT MIN(next_ms) AS at_ms FROM mirror_dirty WHERE mirror_id = $1 AND trash = 0
                     UNION ALL
                     SELECT MIN(next_ms) AS at_ms FROM mirror_dirty
                     WHERE mirror_id = $1 AND trash = 1 AND next_ms > 0
                     UNION ALL
                     SELECT MIN(next_ms) AS at_ms FROM mirror_dirty
                     WHERE mirror_id = $1 AND trash = 2 AND next_ms > 0
                 ) AS moments",
                &[mirror.into()],
            )
            .await?;
        row.map_or(Ok(None), |row| row.opt_millis(0))
    }

    /// Writes down a call that is about to be made, in place of one about the same entry.
    pub async fn put_intent(&mut self, mirror: MirrorId, intent: &IntentRow) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO mirror_intents (mirror_id, entry, op, session, attempts, began_ms)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (mirror_id, entry) DO UPDATE SET op = excluded.op, session = excluded.session,
                 attempts = excluded.attempts, began_ms = excluded.began_ms",
            &[
                mirror.into(),
                signed(intent.entry).into(),
                intent.op.as_str().into(),
                intent.session.clone().into(),
                i64::from(intent.attempts).into(),
                intent.began_ms.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Calls of which it is not known that they ended, by their entries; at most `limit`.
    pub async fn intents(&mut self, mirror: MirrorId, limit: u32) -> Result<Vec<IntentRow>, CatalogError> {
        let sql = format!("SELECT {INTENT} FROM mirror_intents WHERE mirror_id = $1 ORDER BY entry LIMIT $2");
        let rows = self
            .query(&sql, &[mirror.into(), i64::from(limit).into()])
            .await?;
        rows.iter().map(read_intent).collect()
    }

    /// The call about an entry of which it is not known that it ended.
    pub async fn intent(&mut self, mirror: MirrorId, entry: u64) -> Result<Option<IntentRow>, CatalogError> {
        let sql = format!("SELECT {INTENT} FROM mirror_intents WHERE mirror_id = $1 AND entry = $2");
        let row = self.first(&sql, &[mirror.into(), signed(entry).into()]).await?;
        row.as_ref().map(read_intent).transpose()
    }

    /// Says that the call about an entry ended.
    pub async fn remove_intent(&mut self, mirror: MirrorId, entry: u64) -> Result<bool, CatalogError> {
        let removed = self
            .execute(
                "DELETE FROM mirror_intents WHERE mirror_id = $1 AND entry = $2",
                &[mirror.into(), signed(entry).into()],
            )
            .await?;
        Ok(removed == 1)
    }

    /// Writes down where the upload of an entry stands. Answers false when there is no such call.
    pub async fn keep_session(
        &mut self,
        mirror: MirrorId,
        entry: u64,
        session: Option<&[u8]>,
    ) -> Result<bool, CatalogError> {
        let kept = self
            .execute(
                "UPDATE mirror_intents SET session = $3 WHERE mirror_id = $1 AND entry = $2",
                &[mirror.into(), signed(entry).into(), session.into()],
            )
            .await?;
        Ok(kept == 1)
    }

    /// Writes down what happened in a mirror; of one that is gone nothing.
    pub async fn add_mirror_event(
        &mut self,
        mirror: MirrorId,
        at_ms: Millis,
        (kind, detail): (&str, &str),
    ) -> Result<(), CatalogError> {
        let row = self
            .first(
                "UPDATE mirrors SET events = events + 1 WHERE id = $1 RETURNING events",
                &[mirror.into()],
            )
            .await?;
        let Some(row) = row else { return Ok(()) };
        let params = [
            mirror.into(),
            row.int(0)?.into(),
            at_ms.into(),
            kind.into(),
            detail.into(),
        ];
        self.execute(
            "INSERT INTO mirror_events (mirror_id, seq, at_ms, kind, detail) VALUES ($1, $2, $3, $4, $5)",
            &params,
        )
        .await?;
        Ok(())
    }

    /// What happened in a mirror, the newest first: what came before number `before`, at most `limit`.
    pub async fn mirror_events(
        &mut self,
        mirror: MirrorId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<MirrorEvent>, CatalogError> {
        let before = before.map_or(i64::MAX, signed);
        let rows = self
            .query(
                "SELECT seq, at_ms, kind, detail FROM mirror_events WHERE mirror_id = $1 AND seq < $2
                 ORDER BY seq DESC LIMIT $3",
                &[mirror.into(), before.into(), i64::from(limit).into()],
            )
            .await?;
        let events = rows.iter().map(|row| {
            Ok(MirrorEvent {
                seq: count(row.int(0)?),
                at_ms: row.millis(1)?,
                kind: row.text(2)?,
                detail: row.text(3)?,
            })
        });
        events.collect()
    }

    /// Forgets what happened in a mirror but for the last `keep`.
    pub async fn prune_mirror_events(&mut self, mirror: MirrorId, keep: u32) -> Result<u64, CatalogError> {
        self.execute(
            "DELETE FROM mirror_events WHERE mirror_id = $1
                 AND seq <= (SELECT events FROM mirrors WHERE id = $1) - $2",
            &[mirror.into(), i64::from(keep).into()],
        )
        .await
    }
}

const fn trash_code(side: Option<MirrorSide>) -> i64 {
    match side {
        None => 0,
        Some(MirrorSide::Here) => 1,
        Some(MirrorSide::There) => 2,
    }
}

fn read(row: &Row) -> Result<DirtyRow, CatalogError> {
    let small = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(DirtyRow {
        entry: count(row.int(0)?),
        generation: count(row.int(1)?),
        flags: small(row.int(2)?),
        mark: row.opt_text(3)?,
        since_ms: row.millis(4)?,
        next_ms: Some(row.millis(5)?).filter(|at| at.0 != 0),
        trash: match row.int(6)? {
            1 => Some(MirrorSide::Here),
            2 => Some(MirrorSide::There),
            _ => None,
        },
        depth: small(row.int(7)?),
        is_approved: row.int(8)? != 0,
    })
}

fn read_intent(row: &Row) -> Result<IntentRow, CatalogError> {
    Ok(IntentRow {
        entry: count(row.int(0)?),
        op: row.text(1)?,
        session: row.opt_bytes(2)?,
        attempts: u32::try_from(row.int(3)?).unwrap_or(u32::MAX),
        began_ms: row.millis(4)?,
    })
}
