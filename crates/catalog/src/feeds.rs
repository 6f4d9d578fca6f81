//! How far connections were looked at, and what accounts may be asked.

use model::{ConnectionId, Millis};

use crate::db::{Row, Tx, Value};
use crate::{CatalogError, count, signed};

const COLUMNS: &str =
    "connection_id, cursor, round, is_snapshot, started_ms, settled_ms, next_ms, failures, error";

/// How far a connection was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionFeed {
    /// The connection.
    pub connection: ConnectionId,
    /// Where the next look goes on; `None` begins anew.
    pub cursor: Option<String>,
    /// Counts the times that everything was looked at.
    pub round: u64,
    /// The look that is under way takes in everything.
    pub is_snapshot: bool,
    /// When the look that is under way began.
    pub started_ms: Option<Millis>,
    /// When a look was last complete.
    pub settled_ms: Option<Millis>,
    /// When the next is due.
    pub next_ms: Millis,
    /// Looks that failed since one did not.
    pub failures: u32,
    /// Why the last one failed.
    pub error: Option<String>,
}

/// What an account may still be asked in one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Thousandths of requests that were left.
    pub milli_tokens: i64,
    /// When that was.
    pub refilled_ms: Millis,
    /// Nothing is asked before then.
    pub paused_until_ms: Option<Millis>,
}

impl Tx {
    /// How far a connection was looked at.
    pub async fn feed(&mut self, id: ConnectionId) -> Result<Option<ConnectionFeed>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM connection_feeds WHERE connection_id = $1");
        let row = self.first(&sql, &[id.into()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// As [`Tx::feed`], and holds it until the transaction ends.
    pub async fn lock_feed(&mut self, id: ConnectionId) -> Result<Option<ConnectionFeed>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM connection_feeds WHERE connection_id = $1{}",
            self.lock_suffix()
        );
        let row = self.first(&sql, &[id.into()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Writes down how far a connection was looked at.
    pub async fn put_feed(&mut self, feed: &ConnectionFeed) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE connection_feeds SET cursor = $2, round = $3, is_snapshot = $4, started_ms = $5, settled_ms = $6,
                 next_ms = $7, failures = $8, error = $9
             WHERE connection_id = $1",
            &[
                feed.connection.into(),
                feed.cursor.as_deref().into(),
                signed(feed.round).into(),
                i64::from(feed.is_snapshot).into(),
                feed.started_ms.into(),
                feed.settled_ms.into(),
                feed.next_ms.into(),
                i64::from(feed.failures).into(),
                feed.error.as_deref().into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Gives a place in the feed to connections that have none, such as those of a backup. Their journals go on where
    /// their mirrors believe that they are, and those mirrors have to compare everything once more: what changed between
    /// is in no journal.
    pub async fn begin_feeds(&mut self, now: Millis) -> Result<(), CatalogError> {
        let without = "NOT EXISTS (SELECT 1 FROM connection_feeds f WHERE f.connection_id =";
        let sql = format!(
            "UPDATE mirrors SET is_complete = 0, next_ms = $1 WHERE {without} mirrors.connection_id)
                 AND EXISTS (SELECT 1 FROM connections WHERE connections.id = mirrors.connection_id)"
        );
        self.execute(&sql, &[now.into()]).await?;
        let sql = format!(
            "INSERT INTO connection_feeds (connection_id, cursor, round, is_snapshot, next_ms, failures, head)
             SELECT id, NULL, 0, 1, $1, 0,
                 COALESCE((SELECT MAX(there_seq) FROM mirrors m WHERE m.connection_id = connections.id), 0)
             FROM connections WHERE {without} connections.id)"
        );
        self.execute(&sql, &[now.into()]).await?;
        Ok(())
    }

    /// The connections whose next look is due, those that wait longest first, at most `limit`.
    pub async fn due_feeds(&mut self, now: Millis, limit: u32) -> Result<Vec<ConnectionFeed>, CatalogError> {
        let sql =
            format!("SELECT {COLUMNS} FROM connection_feeds WHERE next_ms <= $1 ORDER BY next_ms LIMIT $2");
        let rows = self.query(&sql, &[now.into(), i64::from(limit).into()]).await?;
        rows.iter().map(read).collect()
    }

    /// What an account may still be asked in a lane.
    pub async fn pace(&mut self, id: ConnectionId, lane: u8) -> Result<Option<Pace>, CatalogError> {
        self.pace_by((id, lane), "").await
    }

    /// As [`Tx::pace`], and holds it until the transaction ends.
    pub async fn lock_pace(&mut self, id: ConnectionId, lane: u8) -> Result<Option<Pace>, CatalogError> {
        let suffix = self.lock_suffix();
        self.pace_by((id, lane), suffix).await
    }

    async fn pace_by(
        &mut self,
        (id, lane): (ConnectionId, u8),
        suffix: &str,
    ) -> Result<Option<Pace>, CatalogError> {
        let sql = format!(
            "SELECT milli_tokens, refilled_ms, paused_until_ms FROM connection_paces
             WHERE connection_id = $1 AND lane = $2{suffix}"
        );
        let row = self.first(&sql, &[id.into(), i64::from(lane).into()]).await?;
        let pace = row.map(|row| {
            Ok(Pace {
                milli_tokens: row.int(0)?,
                refilled_ms: Millis(row.int(1)?),
                paused_until_ms: row.opt_int(2)?.map(Millis),
            })
        });
        pace.transpose()
    }

    /// Writes down what an account may still be asked in a lane.
    pub async fn put_pace(&mut self, id: ConnectionId, lane: u8, pace: Pace) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO connection_paces (connection_id, lane, milli_tokens, refilled_ms, paused_until_ms)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (connection_id, lane) DO UPDATE SET milli_tokens = excluded.milli_tokens,
                 refilled_ms = excluded.refilled_ms, paused_until_ms = excluded.paused_until_ms",
            &[
                id.into(),
                Value::from(i64::from(lane)),
                pace.milli_tokens.into(),
                pace.refilled_ms.into(),
                pace.paused_until_ms.into(),
            ],
        )
        .await?;
        Ok(())
    }
}

fn read(row: &Row) -> Result<ConnectionFeed, CatalogError> {
    Ok(ConnectionFeed {
        connection: ConnectionId::from_bytes(row.id16(0)?),
        cursor: row.opt_text(1)?,
        round: count(row.int(2)?),
        is_snapshot: row.int(3)? != 0,
        started_ms: row.opt_int(4)?.map(Millis),
        settled_ms: row.opt_int(5)?.map(Millis),
        next_ms: Millis(row.int(6)?),
        failures: u32::try_from(row.int(7)?).unwrap_or(u32::MAX),
        error: row.opt_text(8)?,
    })
}
