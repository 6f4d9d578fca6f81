//! Spaces: one tree with one root, its journal's head and its use of bytes.

use model::{Millis, NodeId, Space, SpaceId, UserId};

use crate::db::{Row, Tx, Value};
use crate::{CatalogError, count, signed};

const COLUMNS: &str = "id, owner_id, root_id, head, used_bytes, reserved_bytes";

/// How many row numbers a space has: one for each entry that its journal may ever hold.
pub(crate) const ROWS: i64 = 1 << 36;

impl Tx {
    /// Adds a space and its root folder. Spaces are made one at a time: the caller holds a lock by name.
    pub async fn create_space(
        &mut self,
        space: SpaceId,
        owner: UserId,
        root: NodeId,
        now: Millis,
    ) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO spaces (id, number, owner_id, root_id, head, used_bytes, created_ms)
             SELECT $1, coalesce(max(number), 0) + 1, $2, $3, 0, 0, $4 FROM spaces",
            &[
                Value::id(space.as_bytes()),
                Value::id(owner.as_bytes()),
                Value::id(root.as_bytes()),
                now.0.into(),
            ],
        )
        .await?;
        self.execute(
            "INSERT INTO nodes (row_no, id, space_id, parent_id, name, name_key, kind, version, size_bytes,
                 revision, height, detached, created_ms, modified_ms, trashed_ms, trashed_from)
             VALUES ((SELECT number FROM spaces WHERE id = $2) * $4, $1, $2, NULL, '', '', 0, NULL, 0,
                 1, 0, 0, $3, $3, NULL, NULL)",
            &[
                Value::id(root.as_bytes()),
                Value::id(space.as_bytes()),
                now.0.into(),
                ROWS.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// The row numbers that the nodes of a space have: from the first up to, and not with, the second.
    pub(crate) async fn rows_of_space(&mut self, space: SpaceId) -> Result<(i64, i64), CatalogError> {
        let row = self
            .first(
                "SELECT number FROM spaces WHERE id = $1",
                &[Value::id(space.as_bytes())],
            )
            .await?;
        let number = row.map_or(Ok(0), |row| row.int(0))?;
        Ok((number * ROWS, (number + 1) * ROWS))
    }

    /// Finds a space.
    pub async fn space(&mut self, space: SpaceId) -> Result<Option<Space>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM spaces WHERE id = $1");
        let row = self.first(&sql, &[Value::id(space.as_bytes())]).await?;
        row.as_ref().map(read_space).transpose()
    }

    /// Finds a space and holds it until the transaction ends, so that what is checked stays true.
    ///
    /// On SQLite the one writer holds everything anyway.
    pub async fn lock_space(&mut self, space: SpaceId) -> Result<Option<Space>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM spaces WHERE id = $1{}", self.lock_suffix());
        let row = self.first(&sql, &[Value::id(space.as_bytes())]).await?;
        row.as_ref().map(read_space).transpose()
    }

    /// The space that a node is in, and whose that is: neither ever changes.
    pub async fn space_of(&mut self, node: NodeId) -> Result<Option<(SpaceId, UserId)>, CatalogError> {
        let row = self
            .first(
                "SELECT s.id, s.owner_id FROM nodes n JOIN spaces s ON s.id = n.space_id WHERE n.id = $1",
                &[Value::id(node.as_bytes())],
            )
            .await?;
        row.map(|row| {
            Ok((
                SpaceId::from_bytes(row.id16(0)?),
                UserId::from_bytes(row.id16(1)?),
            ))
        })
        .transpose()
    }

    /// Returns the spaces after `after`, by id, at most `limit`.
    pub async fn spaces(&mut self, after: Option<SpaceId>, limit: u32) -> Result<Vec<Space>, CatalogError> {
        let after = after.map_or([0; 16], |space| *space.as_bytes());
        let sql = format!("SELECT {COLUMNS} FROM spaces WHERE id > $1 ORDER BY id LIMIT $2");
        let rows = self
            .query(&sql, &[Value::id(&after), i64::from(limit).into()])
            .await?;
        rows.iter().map(read_space).collect()
    }

    /// Sets bytes aside for an upload that is under way, or gives them back when `bytes` is below zero.
    pub(crate) async fn reserve(&mut self, space: SpaceId, bytes: i64) -> Result<(), CatalogError> {
        if bytes != 0 {
            self.execute(
                "UPDATE spaces SET reserved_bytes = reserved_bytes + $2 WHERE id = $1",
                &[Value::id(space.as_bytes()), bytes.into()],
            )
            .await?;
        }
        Ok(())
    }

    /// Gives back `bytes` to a space's account without a journal entry: what was purged is freed
    /// piece by piece, and its entry stands already.
    pub async fn free_bytes(&mut self, space: SpaceId, bytes: u64) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE spaces SET used_bytes = used_bytes - $2 WHERE id = $1",
            &[Value::id(space.as_bytes()), signed(bytes).into()],
        )
        .await?;
        Ok(())
    }
}

fn read_space(row: &Row) -> Result<Space, CatalogError> {
    Ok(Space {
        id: SpaceId::from_bytes(row.id16(0)?),
        owner: UserId::from_bytes(row.id16(1)?),
        root: NodeId::from_bytes(row.id16(2)?),
        head: count(row.int(3)?),
        used_bytes: count(row.int(4)?),
        reserved_bytes: count(row.int(5)?),
    })
}
