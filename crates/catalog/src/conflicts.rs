//! Changes of both sides of a mirror that clash.

use model::{
    Conflict, ConflictId, ConflictKind, ConflictPolicy, ConflictSide, Millis, MirrorId, NodeId, Resolution,
    UserId, Winner,
};
use serde::{Deserialize, Serialize};

use crate::db::{Row, Tx, Value};
use crate::listings::{CHUNK, place_holders};
use crate::mirrors::word;
use crate::{CatalogError, count, lists, signed};

const COLUMNS: &str = "id, number, owner_id, mirror_id, entry, node_id, kind, path, base, here, there, copy_id, found_ms, \
                       policy, winner, resolved_by, notes, resolved_ms, undone_ms, history";
/// Columns of a row that is put in: these and the fingerprint.
const WIDTH: usize = 21;

/// Which conflicts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConflictFilter {
    /// Those that have ended, or those that are open.
    pub resolved: Option<bool>,
    /// Those of a mirror.
    pub mirror: Option<MirrorId>,
}

/// A side as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredSide {
    name: String,
    version: Option<u64>,
    revision: Option<String>,
    size_bytes: Option<u64>,
    digest: Option<String>,
    media_type: Option<String>,
    changed_ms: Option<i64>,
    author: Option<String>,
    origin: Option<String>,
}

impl Tx {
    /// Writes down a conflict under a number of its own, and returns that number; `None`, and nothing is written, when the
    /// mirror has one of that fingerprint.
    pub async fn create_conflict(
        &mut self,
        new: &Conflict,
        fingerprint: &[u8],
    ) -> Result<Option<u64>, CatalogError> {
        // Asked before, so that no number is taken in vain.
        let known = self
            .first(
                "SELECT 1 FROM conflicts WHERE mirror_id = $1 AND fingerprint = $2",
                &[new.mirror.into(), fingerprint.into()],
            )
            .await?;
        if known.is_some() {
            return Ok(None);
        }
        let number = self.next_number().await?;
        let sql = format!(
            "INSERT INTO conflicts ({COLUMNS}, fingerprint) VALUES {} ON CONFLICT (mirror_id, fingerprint) DO NOTHING",
            lists::rows(1, WIDTH)
        );
        let mut params = vec![new.id.into(), number.into(), new.owner.into(), new.mirror.into()];
        params.extend(changing(new)?);
        params.push(fingerprint.into());
        let made = self.execute(&sql, &params).await?;
        Ok((made == 1).then_some(count(number)))
    }

    /// Finds a conflict.
    pub async fn conflict(&mut self, id: ConflictId) -> Result<Option<Conflict>, CatalogError> {
        let found = self.conflicts_where("id = $1", &[id.into()]).await?;
        Ok(found.into_iter().next())
    }

    /// Finds a conflict and holds it until the transaction ends.
    pub async fn lock_conflict(&mut self, id: ConflictId) -> Result<Option<Conflict>, CatalogError> {
        let condition = format!("id = $1{}", self.lock_suffix());
        let found = self.conflicts_where(&condition, &[id.into()]).await?;
        Ok(found.into_iter().next())
    }

    /// Returns the conflicts of a user, or everybody's, the newest first: those with numbers below `after`, at most
    /// `limit`.
    pub async fn conflicts(
        &mut self,
        (owner, filter): (Option<UserId>, ConflictFilter),
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Conflict>, CatalogError> {
        let mut params = vec![after.map_or(i64::MAX, signed).into(), i64::from(limit).into()];
        let mut condition = String::from("number < $1");
        if let Some(owner) = owner {
            params.push(owner.into());
            condition.push_str(&format!(" AND owner_id = ${}", params.len()));
        }
        if let Some(mirror) = filter.mirror {
            params.push(mirror.into());
            condition.push_str(&format!(" AND mirror_id = ${}", params.len()));
        }
        condition.push_str(match filter.resolved {
            Some(true) => " AND resolved_ms IS NOT NULL",
            Some(false) => " AND resolved_ms IS NULL",
            None => "",
        });
        condition.push_str(" ORDER BY number DESC LIMIT $2");
        self.conflicts_where(&condition, &params).await
    }

    /// Writes down all of a conflict but its id, number, owner and mirror.
    pub async fn put_conflict(&mut self, of: &Conflict) -> Result<(), CatalogError> {
        let mut params = vec![of.id.into()];
        params.extend(changing(of)?);
        self.execute(
            "UPDATE conflicts SET entry = $2, node_id = $3, kind = $4, path = $5, base = $6, here = $7, there = $8,
                 copy_id = $9, found_ms = $10, policy = $11, winner = $12, resolved_by = $13, notes = $14,
                 resolved_ms = $15, undone_ms = $16, history = $17
             WHERE id = $1",
            &params,
        )
        .await?;
        Ok(())
    }

    /// The newest open conflict about an entry.
    pub async fn open_conflict_of(
        &mut self,
        mirror: MirrorId,
        entry: u64,
    ) -> Result<Option<Conflict>, CatalogError> {
        let condition = "mirror_id = $1 AND entry = $2 AND resolved_ms IS NULL ORDER BY number DESC LIMIT 1";
        let found = self
            .conflicts_where(condition, &[mirror.into(), signed(entry).into()])
            .await?;
        Ok(found.into_iter().next())
    }

    /// The open conflicts about files.
    pub async fn open_conflicts_of_nodes(&mut self, nodes: &[NodeId]) -> Result<Vec<Conflict>, CatalogError> {
        let mut found = Vec::new();
        for chunk in nodes.chunks(CHUNK) {
            let mut params = Vec::new();
            let list = place_holders(&mut params, chunk);
            let condition = format!("node_id IN ({list}) AND resolved_ms IS NULL");
            found.extend(self.conflicts_where(&condition, &params).await?);
        }
        Ok(found)
    }

    /// The newest conflict that a file was made by, to keep both.
    pub async fn conflict_of_copy(&mut self, copy: NodeId) -> Result<Option<Conflict>, CatalogError> {
        let condition = "copy_id = $1 ORDER BY number DESC LIMIT 1";
        let found = self.conflicts_where(condition, &[copy.into()]).await?;
        Ok(found.into_iter().next())
    }

    /// How many conflicts of a user, or of everybody, are open, and how many have ended.
    pub async fn count_conflicts(&mut self, owner: Option<UserId>) -> Result<(u64, u64), CatalogError> {
        let whose = owner.map_or("", |_| " WHERE owner_id = $1");
        let also = owner.map_or(" WHERE", |_| " AND");
        let sql = format!(
            "SELECT (SELECT count(*) FROM conflicts{whose}), (SELECT count(*) FROM conflicts{whose}{also} resolved_ms IS NULL)"
        );
        let params: Vec<Value> = owner.into_iter().map(Value::from).collect();
        let Some(row) = self.first(&sql, &params).await? else {
            return Ok((0, 0));
        };
        let (all, open) = (count(row.int(0)?), count(row.int(1)?));
        Ok((open, all.saturating_sub(open)))
    }

    async fn conflicts_where(
        &mut self,
        condition: &str,
        params: &[Value],
    ) -> Result<Vec<Conflict>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM conflicts WHERE {condition}");
        let rows = self.query(&sql, params).await?;
        rows.iter().map(read).collect()
    }
}

/// What may change about a conflict.
fn changing(of: &Conflict) -> Result<Vec<Value>, CatalogError> {
    let ended = of.resolution.as_ref();
    Ok(vec![
        signed(of.entry).into(),
        of.node.into(),
        of.kind.as_str().into(),
        of.path.as_str().into(),
        write_side(of.base.as_ref())?,
        write_side(of.here.as_ref())?,
        write_side(of.there.as_ref())?,
        of.copy.into(),
        of.found_ms.into(),
        ended.map(|ended| ended.policy.as_str()).into(),
        ended.and_then(|ended| ended.winner).map(Winner::as_str).into(),
        ended.and_then(|ended| ended.by).into(),
        ended.and_then(|ended| ended.notes.as_deref()).into(),
        ended.map(|ended| ended.at_ms).into(),
        ended.and_then(|ended| ended.undone_ms).into(),
        of.history.as_str().into(),
    ])
}

fn write_side(side: Option<&ConflictSide>) -> Result<Value, CatalogError> {
    let stored = side.map(|side| StoredSide {
        name: side.name.clone(),
        version: side.version,
        revision: side.revision.clone(),
        size_bytes: side.size_bytes,
        digest: side.digest.clone(),
        media_type: side.media_type.clone(),
        changed_ms: side.changed_ms.map(|at| at.0),
        author: side.author.clone(),
        origin: side.origin.clone(),
    });
    let text = stored.map(|side| serde_json::to_string(&side)).transpose();
    Ok(text.map_err(|error| CatalogError::Database(error.into()))?.into())
}

fn read_side(text: Option<String>) -> Result<Option<ConflictSide>, CatalogError> {
    let stored = text.map(|text| serde_json::from_str::<StoredSide>(&text));
    let stored = stored
        .transpose()
        .map_err(|error| CatalogError::Damaged(format!("a side of a conflict cannot be read: {error}")))?;
    Ok(stored.map(|side| ConflictSide {
        name: side.name,
        version: side.version,
        revision: side.revision,
        size_bytes: side.size_bytes,
        digest: side.digest,
        media_type: side.media_type,
        changed_ms: side.changed_ms.map(Millis),
        author: side.author,
        origin: side.origin,
    }))
}

fn read(row: &Row) -> Result<Conflict, CatalogError> {
    let resolution = match row.opt_millis(17)? {
        Some(at_ms) => Some(Resolution {
            policy: word(row, 13, ConflictPolicy::from_word)?,
            winner: match row.opt_text(14)? {
                Some(_) => Some(word(row, 14, Winner::from_word)?),
                None => None,
            },
            by: row.opt_id16(15)?.map(UserId::from_bytes),
            notes: row.opt_text(16)?,
            at_ms,
            undone_ms: row.opt_millis(18)?,
        }),
        None => None,
    };
    Ok(Conflict {
        id: ConflictId::from_bytes(row.id16(0)?),
        number: count(row.int(1)?),
        owner: UserId::from_bytes(row.id16(2)?),
        mirror: MirrorId::from_bytes(row.id16(3)?),
        entry: count(row.int(4)?),
        node: row.opt_id16(5)?.map(NodeId::from_bytes),
        kind: word(row, 6, ConflictKind::from_word)?,
        path: row.text(7)?,
        base: read_side(row.opt_text(8)?)?,
        here: read_side(row.opt_text(9)?)?,
        there: read_side(row.opt_text(10)?)?,
        copy: row.opt_id16(11)?.map(NodeId::from_bytes),
        found_ms: row.millis(12)?,
        resolution,
        history: row.text(19)?,
    })
}
