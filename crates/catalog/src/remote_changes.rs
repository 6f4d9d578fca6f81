//! The journal of a connection: which of its items changed, in the order in which that was seen. It is kept while the
//! connection has mirrors, until all of them have taken it in.

use model::ConnectionId;

use crate::db::Tx;
use crate::{CatalogError, count, lists, signed};

/// Rows that one statement puts in.
const ROWS_AT_ONCE: usize = 128;

impl Tx {
    /// Writes down that items changed or are gone. Answers the number of the last entry. Taking the numbers holds the
    /// connection's feed until the transaction ends, which is what keeps them in the order of the commits.
    pub async fn record_remote(
        &mut self,
        connection: ConnectionId,
        items: &[&str],
    ) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "UPDATE connection_feeds SET head = head + $2 WHERE connection_id = $1 RETURNING head",
                &[connection.into(), signed(items.len() as u64).into()],
            )
            .await?;
        // Of a connection that was removed meanwhile nothing is written down.
        let Some(row) = row else { return Ok(0) };
        let head = count(row.int(0)?);
        let mut seq = head - items.len() as u64;
        for chunk in items.chunks(ROWS_AT_ONCE) {
            let mut params = Vec::with_capacity(chunk.len() * 3);
            for item in chunk {
                seq += 1;
                params.extend([connection.into(), signed(seq).into(), (*item).into()]);
            }
            let sql = format!(
                "INSERT INTO remote_changes (connection_id, seq, item_id) VALUES {}",
                lists::rows(chunk.len(), 3)
            );
            self.execute(&sql, &params).await?;
        }
        Ok(head)
    }

    /// What changed after entry `after`, in order: the numbers and the items' ids, at most `limit`.
    pub async fn remote_changes(
        &mut self,
        connection: ConnectionId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, String)>, CatalogError> {
        let rows = self
            .query(
                "SELECT seq, item_id FROM remote_changes WHERE connection_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                &[connection.into(), signed(after).into(), i64::from(limit).into()],
            )
            .await?;
        let changes = rows.iter().map(|row| Ok((count(row.int(0)?), row.text(1)?)));
        changes.collect()
    }

    /// The number of the last entry of a connection's journal.
    pub async fn remote_head(&mut self, connection: ConnectionId) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "SELECT head FROM connection_feeds WHERE connection_id = $1",
                &[connection.into()],
            )
            .await?;
        row.map_or(Ok(0), |row| Ok(count(row.int(0)?)))
    }

    /// Forgets entries up to a number, at most `limit`. Answers how many.
    pub async fn trim_remote(
        &mut self,
        connection: ConnectionId,
        up_to: u64,
        limit: u32,
    ) -> Result<u64, CatalogError> {
        self.execute(
            "DELETE FROM remote_changes WHERE connection_id = $1 AND seq IN
                 (SELECT seq FROM remote_changes WHERE connection_id = $1 AND seq <= $2 ORDER BY seq LIMIT $3)",
            &[connection.into(), signed(up_to).into(), i64::from(limit).into()],
        )
        .await
    }

    /// The next connection after `after` whose journal holds entries; `None` at the end.
    pub async fn next_with_remote_changes(
        &mut self,
        after: Option<ConnectionId>,
    ) -> Result<Option<ConnectionId>, CatalogError> {
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        let row = self
            .first(
                "SELECT connection_id FROM remote_changes WHERE connection_id > $1 ORDER BY connection_id LIMIT 1",
                &[after.into()],
            )
            .await?;
        row.map(|row| Ok(ConnectionId::from_bytes(row.id16(0)?)))
            .transpose()
    }
}
