//! The archive: what has to be written into the store so that the catalog can be rebuilt from it.
//!
//! Trees are found by the journals, so writing files costs nothing more. What no journal tells is queued.

use model::{BlobId, LinkId, NodeId, ShareId, SpaceId, UserId};

use crate::db::{Tx, Value};
use crate::{CatalogError, Cell, Table, count, signed};

/// Name of the row that says how far the archive has come.
pub(crate) const STATE: &str = "archive";

/// The tables whose rows are in the archive. Not there: what is about a moment (jobs, sessions, invitations, uploads
/// under way) and what is derived.
pub const ARCHIVED: [&str; 14] = [
    "meta",
    "users",
    "photos",
    "identities",
    "app_passwords",
    "spaces",
    "nodes",
    "versions",
    "blobs",
    "inline_bytes",
    "changes",
    "stars",
    "shares",
    "links",
];

/// Something that changed and is told by no journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    /// A person, with their photo, identities and app passwords.
    User(UserId),
    /// A share.
    Share(ShareId),
    /// A link.
    Link(LinkId),
    /// A star.
    Star(UserId, NodeId),
    /// Versions of a file, otherwise than its journal tells.
    Versions(NodeId),
    /// Where a content's bytes are, or what they are.
    Blob(BlobId),
}

/// What waits for the archive beside the journals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The table.
    pub kind: String,
    /// The row's key, or the user's.
    pub id: Vec<u8>,
    changes: i64,
}

/// A space whose journal grew beyond the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// The space.
    pub space: SpaceId,
    /// The entry up to which it is archived; `None` when it is new.
    pub seq: Option<u64>,
    /// Its newest entry.
    pub head: u64,
}

impl Tx {
    /// Queues something for the archive.
    pub(crate) async fn queue_for_archive(&mut self, what: Changed) -> Result<(), CatalogError> {
        let (kind, id) = match what {
            Changed::User(user) => ("users", user.as_bytes().to_vec()),
            Changed::Share(share) => ("shares", share.as_bytes().to_vec()),
            Changed::Link(link) => ("links", link.as_bytes().to_vec()),
            Changed::Star(user, node) => ("stars", [*user.as_bytes(), *node.as_bytes()].concat()),
            Changed::Versions(file) => ("nodes", file.as_bytes().to_vec()),
            Changed::Blob(blob) => ("blobs", blob.as_bytes().to_vec()),
        };
        self.execute(
            "INSERT INTO archive_queue (kind, id, changes) VALUES ($1, $2, 1)
             ON CONFLICT (kind, id) DO UPDATE SET changes = archive_queue.changes + 1",
            &[kind.into(), id.into()],
        )
        .await?;
        Ok(())
    }

    /// The text that says how far the archive has come.
    pub async fn archive_state(&mut self) -> Result<Option<String>, CatalogError> {
        self.meta(STATE).await
    }

    /// The same, held until the transaction ends.
    pub async fn hold_archive_state(&mut self) -> Result<Option<String>, CatalogError> {
        self.hold_meta(STATE).await
    }

    /// Says how far the archive has come.
    pub async fn set_archive_state(&mut self, state: &str) -> Result<(), CatalogError> {
        self.put_meta(STATE, state).await
    }

    /// Spaces that are not in the archive as they are, at most `limit`.
    pub async fn spaces_behind(&mut self, limit: u32) -> Result<Vec<Behind>, CatalogError> {
        // An index on the difference would have to be kept by every write of a file; this look is once a minute.
        let rows = self
            .query(
                "SELECT s.id, a.seq, s.head
                 FROM spaces s LEFT JOIN archived_spaces a ON a.space_id = s.id
                 WHERE a.seq IS NULL OR s.head > a.seq
                 ORDER BY s.id
                 LIMIT $1",
                &[i64::from(limit).into()],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Behind {
                    space: SpaceId::from_bytes(row.id16(0)?),
                    seq: row.opt_int(1)?.map(count),
                    head: count(row.int(2)?),
                })
            })
            .collect()
    }

    /// What waits for the archive beside the journals, at most `limit`.
    pub async fn queued_for_archive(&mut self, limit: u32) -> Result<Vec<Queued>, CatalogError> {
        let rows = self
            .query(
                "SELECT kind, id, changes FROM archive_queue ORDER BY kind, id LIMIT $1",
                &[i64::from(limit).into()],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Queued {
                    kind: row.text(0)?,
                    id: row.bytes(1)?,
                    changes: row.int(2)?,
                })
            })
            .collect()
    }

    /// Lets the archive begin anew from here: all that changes from now on is told by journals and queue.
    pub async fn begin_archive(&mut self) -> Result<(), CatalogError> {
        self.execute("DELETE FROM archived_spaces", &[]).await?;
        self.execute(
            "INSERT INTO archived_spaces (space_id, seq) SELECT id, head FROM spaces",
            &[],
        )
        .await?;
        self.execute("DELETE FROM archive_queue", &[]).await?;
        Ok(())
    }

    /// Says that spaces are in the archive up to an entry, and queued things as they were.
    pub async fn note_archived(
        &mut self,
        spaces: &[(SpaceId, u64)],
        queued: &[Queued],
    ) -> Result<(), CatalogError> {
        for (space, seq) in spaces {
            self.execute(
                "INSERT INTO archived_spaces (space_id, seq) VALUES ($1, $2)
                 ON CONFLICT (space_id) DO UPDATE SET seq = excluded.seq",
                &[Value::id(space.as_bytes()), signed(*seq).into()],
            )
            .await?;
        }
        for each in queued {
            // What changed again since it was read stays.
            self.execute(
                "DELETE FROM archive_queue WHERE kind = $1 AND id = $2 AND changes = $3",
                &[
                    each.kind.as_str().into(),
                    each.id.clone().into(),
                    each.changes.into(),
                ],
            )
            .await?;
        }
        Ok(())
    }

    /// The rows of a table in which these columns, the beginning of an index, have these values.
    pub async fn rows_with(
        &mut self,
        table: &Table,
        wanted: &[(&str, Cell)],
    ) -> Result<Vec<Vec<Cell>>, CatalogError> {
        self.rows_from(table, wanted, None, u32::MAX).await
    }

    /// The same, in which one more column is above a number, in its order, at most `limit`.
    pub async fn rows_from(
        &mut self,
        table: &Table,
        wanted: &[(&str, Cell)],
        above: Option<(&str, i64)>,
        limit: u32,
    ) -> Result<Vec<Vec<Cell>>, CatalogError> {
        let mut params = Vec::new();
        let mut conditions = Vec::new();
        for (name, cell) in wanted {
            params.push(table.param(name, cell.clone())?);
            conditions.push(format!("{name} = ${}", params.len()));
        }
        let mut order = String::new();
        if let Some((name, number)) = above {
            params.push(number.into());
            conditions.push(format!("{name} > ${}", params.len()));
            order = format!(" ORDER BY {name}");
        }
        params.push(i64::from(limit).into());
        let sql = format!(
            "SELECT {} FROM {} WHERE {}{order} LIMIT ${}",
            table.columns.join(", "),
            table.name,
            conditions.join(" AND "),
            params.len()
        );
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(crate::db::Row::cells).collect()
    }

    /// The numbers of a file's versions, in order.
    pub async fn version_numbers(&mut self, file: NodeId) -> Result<Vec<i64>, CatalogError> {
        let rows = self
            .query(
                "SELECT number FROM versions WHERE node_id = $1 ORDER BY number",
                &[Value::id(file.as_bytes())],
            )
            .await?;
        rows.iter().map(|row| row.int(0)).collect()
    }
}
