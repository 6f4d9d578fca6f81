//! Shares: rights on nodes that people were given.

use model::{Millis, NodeId, Right, Share, ShareId, SpaceId, UserId};

use crate::CatalogError;
use crate::archive::Changed;
use crate::db::{Row, Tx, Value};
use crate::listings::{CHUNK, place_holders};

const SHARE: &str = "id, node_id, space_id, user_id, level, may_share, given_by, created_ms, changed_ms";

impl Tx {
    /// Adds a share. Answers false, and adds nothing, if that user has one on that node.
    pub async fn create_share(&mut self, share: &Share) -> Result<bool, CatalogError> {
        let made = self
            .execute(
                "INSERT INTO shares (id, node_id, space_id, user_id, level, may_share, given_by, created_ms,
                     changed_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 ON CONFLICT (node_id, user_id) DO NOTHING",
                &[
                    Value::id(share.id.as_bytes()),
                    Value::id(share.node.as_bytes()),
                    Value::id(share.space.as_bytes()),
                    Value::id(share.user.as_bytes()),
                    level(share.right).into(),
                    i64::from(share.may_share).into(),
                    Value::id(share.given_by.as_bytes()),
                    share.created_ms.0.into(),
                    share.changed_ms.0.into(),
                ],
            )
            .await?;
        if made == 1 {
            self.queue_for_archive(Changed::Share(share.id)).await?;
        }
        Ok(made == 1)
    }

    /// Changes what a share allows, and who answers for it.
    pub async fn change_share(&mut self, share: &Share) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE shares SET level = $2, may_share = $3, given_by = $4, changed_ms = $5 WHERE id = $1",
            &[
                Value::id(share.id.as_bytes()),
                level(share.right).into(),
                i64::from(share.may_share).into(),
                Value::id(share.given_by.as_bytes()),
                share.changed_ms.0.into(),
            ],
        )
        .await?;
        self.queue_for_archive(Changed::Share(share.id)).await
    }

    /// Removes a share.
    pub async fn remove_share(&mut self, id: ShareId) -> Result<(), CatalogError> {
        self.execute("DELETE FROM shares WHERE id = $1", &[Value::id(id.as_bytes())])
            .await?;
        self.queue_for_archive(Changed::Share(id)).await
    }

    /// Finds a share.
    pub async fn share(&mut self, id: ShareId) -> Result<Option<Share>, CatalogError> {
        let sql = format!("SELECT {SHARE} FROM shares WHERE id = $1");
        let row = self.first(&sql, &[Value::id(id.as_bytes())]).await?;
        row.as_ref().map(read_share).transpose()
    }

    /// Finds what a user was given on any of these nodes.
    ///
    /// Each node is a look of its own by the index of node and user: one look by a list of nodes would be
    /// taken for one at all that the user was given, which may be very much.
    pub async fn shares_on(&mut self, user: UserId, nodes: &[NodeId]) -> Result<Vec<Share>, CatalogError> {
        let mut shares = Vec::new();
        for chunk in nodes.chunks(CHUNK) {
            let mut params = vec![Value::id(user.as_bytes())];
            let list = place_holders(&mut params, chunk);
            let looks = list
                .split(", ")
                .map(|node| format!("SELECT {SHARE} FROM shares WHERE node_id = {node} AND user_id = $1"));
            let sql = looks.collect::<Vec<_>>().join(" UNION ALL ");
            for row in self.query(&sql, &params).await? {
                shares.push(read_share(&row)?);
            }
        }
        // The list is filled up with its last node.
        shares.dedup_by_key(|share| share.id);
        Ok(shares)
    }

    /// Returns the shares on a node whose users come after `after`, at most `limit`.
    pub async fn shares_of_node(
        &mut self,
        node: NodeId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Share>, CatalogError> {
        let after = after.map_or([0; 16], |user| *user.as_bytes());
        let sql = format!(
            "SELECT {SHARE} FROM shares WHERE node_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"
        );
        let params = [
            Value::id(node.as_bytes()),
            Value::id(&after),
            i64::from(limit).into(),
        ];
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read_share).collect()
    }

    /// Returns what a user was given, the newest first, from after `after` on.
    pub async fn shares_of_user(
        &mut self,
        user: UserId,
        after: Option<(Millis, ShareId)>,
        limit: u32,
    ) -> Result<Vec<Share>, CatalogError> {
        self.shares_by("user_id", user, after, limit).await
    }

    /// Returns what a user gave, the newest first, from after `after` on.
    pub async fn shares_by_giver(
        &mut self,
        giver: UserId,
        after: Option<(Millis, ShareId)>,
        limit: u32,
    ) -> Result<Vec<Share>, CatalogError> {
        self.shares_by("given_by", giver, after, limit).await
    }

    async fn shares_by(
        &mut self,
        column: &str,
        user: UserId,
        after: Option<(Millis, ShareId)>,
        limit: u32,
    ) -> Result<Vec<Share>, CatalogError> {
        let (at_ms, id) = after.map_or((i64::MAX, [0xff; 16]), |(at, id)| (at.0, *id.as_bytes()));
        let sql = format!(
            "SELECT {SHARE} FROM shares
             WHERE {column} = $1 AND (created_ms, id) < ($2, $3)
             ORDER BY created_ms DESC, id DESC
             LIMIT $4"
        );
        let params = [
            Value::id(user.as_bytes()),
            at_ms.into(),
            Value::id(&id),
            i64::from(limit).into(),
        ];
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read_share).collect()
    }

    /// Counts the shares on a node.
    pub async fn share_count(&mut self, node: NodeId) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "SELECT count(*) FROM shares WHERE node_id = $1",
                &[Value::id(node.as_bytes())],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0).map(crate::count))
    }
}

const fn level(right: Right) -> i64 {
    match right {
        Right::View => 0,
        Right::Edit | Right::Own => 1,
    }
}

fn read_share(row: &Row) -> Result<Share, CatalogError> {
    Ok(Share {
        id: ShareId::from_bytes(row.id16(0)?),
        node: NodeId::from_bytes(row.id16(1)?),
        space: SpaceId::from_bytes(row.id16(2)?),
        user: UserId::from_bytes(row.id16(3)?),
        right: if row.int(4)? == 0 {
            Right::View
        } else {
            Right::Edit
        },
        may_share: row.int(5)? != 0,
        given_by: UserId::from_bytes(row.id16(6)?),
        created_ms: Millis(row.int(7)?),
        changed_ms: Millis(row.int(8)?),
    })
}
