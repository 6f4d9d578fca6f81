//! Folders that are kept in step with folders at connections.

use model::{
    ConflictPolicy, ConnectionId, Millis, Mirror, MirrorDirection, MirrorDrift, MirrorId, MirrorProgress,
    MirrorRule, MirrorState, NodeId, SpaceId, UserId,
};
use serde::{Deserialize, Serialize};

use crate::db::{Row, Tx, Value};
use crate::{CatalogError, count, lists, signed};

const COLUMNS: &str = "id, number, owner_id, created_ms, connection_id, node_id, space_id, item, drive, direction, policy, \
                       drift, rules, most_deletes, state, reason, is_default, here_seq, there_seq, is_complete, \
                       began_ms, in_step_ms, behind_ms, next_ms, failures";
/// Columns of a row.
const WIDTH: usize = 25;
/// The tables with rows of mirrors, which are removed after them.
const PARTS: [(&str, &str); 4] = [
    ("mirror_entries", "entry"),
    ("mirror_dirty", "entry"),
    ("mirror_intents", "entry"),
    ("mirror_events", "seq"),
];

/// A rule as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredRule {
    pattern: String,
    policy: Option<String>,
}

/// Where a mirror begins to count its entries. Their numbers tell names apart that something else has: two mirrors of one
/// folder that gave a thing the same number would each take the other's name for its own, and take it back.
const fn first_entry(number: i64) -> i64 {
    (number % 4096) << 16 | 1
}

impl Tx {
    /// Adds a mirror, under a number of its own, and returns that number. Looks at its connection wait meanwhile, so
    /// that from here on none of what changes there is missed.
    pub async fn create_mirror(&mut self, new: &Mirror) -> Result<u64, CatalogError> {
        self.lock_feed(new.connection).await?;
        let number = self.next_number().await?;
        let sql = format!(
            "INSERT INTO mirrors ({COLUMNS}, next_entry, entries, events, trash_count) VALUES {}",
            lists::rows(1, WIDTH).replace(')', &format!(", {}, 0, 0, 0)", first_entry(number)))
        );
        let mut params = vec![
            new.id.into(),
            number.into(),
            new.owner.into(),
            new.created_ms.into(),
        ];
        params.extend(changing(new)?);
        self.execute(&sql, &params).await?;
        Ok(count(number))
    }

    /// Finds a mirror.
    pub async fn mirror(&mut self, id: MirrorId) -> Result<Option<Mirror>, CatalogError> {
        let found = self.mirrors_where("id = $1", &[id.into()]).await?;
        Ok(found.into_iter().next())
    }

    /// Finds a mirror and holds it until the transaction ends.
    pub async fn lock_mirror(&mut self, id: MirrorId) -> Result<Option<Mirror>, CatalogError> {
        let condition = format!("id = $1{}", self.lock_suffix());
        let found = self.mirrors_where(&condition, &[id.into()]).await?;
        Ok(found.into_iter().next())
    }

    /// Returns the mirrors of a user, or everybody's, the oldest first: those whose numbers follow `after`, at most
    /// `limit`.
    pub async fn mirrors(
        &mut self,
        owner: Option<UserId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Mirror>, CatalogError> {
        let whose = owner.map_or("", |_| "owner_id = $3 AND ");
        let mut params = vec![signed(after).into(), i64::from(limit).into()];
        params.extend(owner.map(Value::from));
        self.mirrors_where(&format!("{whose}number > $1 ORDER BY number LIMIT $2"), &params)
            .await
    }

    /// Returns the mirrors with folders at a connection, the oldest first.
    pub async fn mirrors_of_connection(
        &mut self,
        connection: ConnectionId,
    ) -> Result<Vec<Mirror>, CatalogError> {
        self.mirrors_where("connection_id = $1 ORDER BY number", &[connection.into()])
            .await
    }

    /// Whether a connection has mirrors.
    pub async fn has_mirrors(&mut self, connection: ConnectionId) -> Result<bool, CatalogError> {
        let sql = "SELECT 1 FROM mirrors WHERE connection_id = $1 LIMIT 1";
        Ok(self.first(sql, &[connection.into()]).await?.is_some())
    }

    /// Returns the mirrors of folders in a space, the oldest first.
    pub async fn mirrors_of_space(&mut self, space: SpaceId) -> Result<Vec<Mirror>, CatalogError> {
        self.mirrors_where("space_id = $1 ORDER BY number", &[space.into()])
            .await
    }

    /// How many mirrors a user has.
    pub async fn count_mirrors(&mut self, owner: UserId) -> Result<u64, CatalogError> {
        let sql = "SELECT count(*) FROM mirrors WHERE owner_id = $1";
        let row = self.first(sql, &[owner.into()]).await?;
        row.map_or(Ok(0), |row| Ok(count(row.int(0)?)))
    }

    /// The mirror where a user's uploads go that ask for a copy at a provider.
    pub async fn default_mirror(
        &mut self,
        owner: UserId,
        kind: &str,
    ) -> Result<Option<Mirror>, CatalogError> {
        let condition = "owner_id = $1 AND is_default = 1
             AND (SELECT kind FROM connections WHERE connections.id = mirrors.connection_id) = $2
             ORDER BY number LIMIT 1";
        let found = self
            .mirrors_where(condition, &[owner.into(), kind.into()])
            .await?;
        Ok(found.into_iter().next())
    }

    /// Mirrors that are not paused and whose next round was due before `before`, those that wait longest first; at most
    /// `limit`.
    pub async fn due_mirrors(&mut self, before: Millis, limit: u32) -> Result<Vec<Mirror>, CatalogError> {
        let condition = "state <> 'paused' AND next_ms <= $1 ORDER BY next_ms LIMIT $2";
        self.mirrors_where(condition, &[before.into(), i64::from(limit).into()])
            .await
    }

    async fn mirrors_where(
        &mut self,
        condition: &str,
        params: &[Value],
    ) -> Result<Vec<Mirror>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM mirrors WHERE {condition}");
        let rows = self.query(&sql, params).await?;
        rows.iter().map(read).collect()
    }

    /// Writes down all of a mirror but its id, number and owner, and when it was made.
    pub async fn put_mirror(&mut self, of: &Mirror) -> Result<(), CatalogError> {
        let mut params = vec![of.id.into()];
        params.extend(changing(of)?);
        self.execute(
            "UPDATE mirrors SET connection_id = $2, node_id = $3, space_id = $4, item = $5, drive = $6, direction = $7,
                 policy = $8, drift = $9, rules = $10, most_deletes = $11, state = $12, reason = $13,
                 is_default = $14, here_seq = $15, there_seq = $16, is_complete = $17, began_ms = $18,
                 in_step_ms = $19, behind_ms = $20, next_ms = $21, failures = $22
             WHERE id = $1",
            &params,
        )
        .await?;
        Ok(())
    }

    /// Adds to what was trashed in a mirror within a window of time, and answers how much that is.
    pub async fn note_trashed(
        &mut self,
        mirror: MirrorId,
        (now, window_ms): (Millis, i64),
        more: u64,
    ) -> Result<u64, CatalogError> {
        // A window that begins in the future is the work of a clock that ran ahead.
        let is_over = "(trash_began_ms IS NULL OR trash_began_ms <= $2 OR trash_began_ms > $3)";
        let sql = format!(
            "UPDATE mirrors SET
                 trash_count = CASE WHEN {is_over} THEN CAST($4 AS BIGINT) ELSE trash_count + $4 END,
                 trash_began_ms = CASE WHEN {is_over} THEN CAST($3 AS BIGINT) ELSE trash_began_ms END
             WHERE id = $1 RETURNING trash_count"
        );
        let since = Millis(now.0.saturating_sub(window_ms));
        let params = [mirror.into(), since.into(), now.into(), signed(more).into()];
        let row = self.first(&sql, &params).await?;
        row.map_or(Ok(0), |row| Ok(count(row.int(0)?)))
    }

    /// Removes a mirror. What is known of its entries is removed by [`Tx::forget_mirror_rows`]; its conflicts stay.
    pub async fn remove_mirror(&mut self, id: MirrorId) -> Result<bool, CatalogError> {
        let removed = self
            .execute("DELETE FROM mirrors WHERE id = $1", &[id.into()])
            .await?;
        Ok(removed == 1)
    }

    /// Removes rows of a mirror that is gone, at most `limit` of each sort. Answers how many that were.
    pub async fn forget_mirror_rows(&mut self, mirror: MirrorId, limit: u32) -> Result<u64, CatalogError> {
        let mut forgotten = 0;
        for (table, column) in PARTS {
            let sql = format!(
                "DELETE FROM {table} WHERE mirror_id = $1 AND {column} IN
                     (SELECT {column} FROM {table} WHERE mirror_id = $1 LIMIT $2)"
            );
            forgotten += self
                .execute(&sql, &[mirror.into(), i64::from(limit).into()])
                .await?;
        }
        Ok(forgotten)
    }

    /// The next mirror after `after` of which rows are there, whether it is there itself or not; `None` at the end.
    pub async fn next_with_mirror_rows(
        &mut self,
        after: Option<MirrorId>,
    ) -> Result<Option<MirrorId>, CatalogError> {
        // From one to the next by the index, whatever the number of rows.
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        let mut next: Option<MirrorId> = None;
        for (table, _) in PARTS {
            let sql =
                format!("SELECT mirror_id FROM {table} WHERE mirror_id > $1 ORDER BY mirror_id LIMIT 1");
            if let Some(row) = self.first(&sql, &[after.clone().into()]).await? {
                let found = MirrorId::from_bytes(row.id16(0)?);
                next = Some(next.map_or(found, |next| next.min(found)));
            }
        }
        Ok(next)
    }
}

/// What may change about a mirror.
fn changing(of: &Mirror) -> Result<Vec<Value>, CatalogError> {
    let rules = of.rules.iter().map(|rule| StoredRule {
        pattern: rule.pattern.clone(),
        policy: rule.policy.map(|policy| policy.as_str().to_owned()),
    });
    let rules = serde_json::to_string(&rules.collect::<Vec<_>>());
    let rules = rules.map_err(|error| CatalogError::Database(error.into()))?;
    Ok(vec![
        of.connection.into(),
        of.node.into(),
        of.space.into(),
        of.item.as_str().into(),
        of.drive.as_str().into(),
        of.direction.as_str().into(),
        of.policy.as_str().into(),
        of.drift.as_str().into(),
        rules.into(),
        of.most_deletes.map(i64::from).into(),
        of.state.as_str().into(),
        of.reason.as_deref().into(),
        i64::from(of.is_default).into(),
        signed(of.progress.here_seq).into(),
        signed(of.progress.there_seq).into(),
        i64::from(of.progress.is_complete).into(),
        of.progress.began_ms.into(),
        of.progress.in_step_ms.into(),
        of.progress.behind_ms.into(),
        of.progress.next_ms.into(),
        i64::from(of.progress.failures).into(),
    ])
}

/// What the word in a column stands for.
pub(crate) fn word<T>(
    row: &Row,
    at: usize,
    from_word: impl FnOnce(&str) -> Option<T>,
) -> Result<T, CatalogError> {
    let word = row.text(at)?;
    from_word(&word).ok_or_else(|| CatalogError::Damaged(format!("a mirror holds the unknown word `{word}`")))
}

fn read_rules(text: &str) -> Result<Vec<MirrorRule>, CatalogError> {
    let damaged = |what: String| CatalogError::Damaged(format!("a mirror's rules cannot be read: {what}"));
    let stored: Vec<StoredRule> = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    let rules = stored.into_iter().map(|rule| {
        let policy = match rule.policy {
            Some(word) => Some(ConflictPolicy::from_word(&word).ok_or_else(|| damaged(word))?),
            None => None,
        };
        Ok(MirrorRule {
            pattern: rule.pattern,
            policy,
        })
    });
    rules.collect()
}

fn read(row: &Row) -> Result<Mirror, CatalogError> {
    let small = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Mirror {
        id: MirrorId::from_bytes(row.id16(0)?),
        number: count(row.int(1)?),
        owner: UserId::from_bytes(row.id16(2)?),
        created_ms: row.millis(3)?,
        connection: ConnectionId::from_bytes(row.id16(4)?),
        node: NodeId::from_bytes(row.id16(5)?),
        space: SpaceId::from_bytes(row.id16(6)?),
        item: row.text(7)?,
        drive: row.text(8)?,
        direction: word(row, 9, MirrorDirection::from_word)?,
        policy: word(row, 10, ConflictPolicy::from_word)?,
        drift: word(row, 11, MirrorDrift::from_word)?,
        rules: read_rules(&row.text(12)?)?,
        most_deletes: row.opt_int(13)?.map(small),
        state: word(row, 14, MirrorState::from_word)?,
        reason: row.opt_text(15)?,
        is_default: row.int(16)? != 0,
        progress: MirrorProgress {
            here_seq: count(row.int(17)?),
            there_seq: count(row.int(18)?),
            is_complete: row.int(19)? != 0,
            began_ms: row.opt_millis(20)?,
            in_step_ms: row.opt_millis(21)?,
            behind_ms: row.opt_millis(22)?,
            next_ms: row.millis(23)?,
            failures: small(row.int(24)?),
        },
    })
}
