//! Links: public addresses of nodes.

use model::{Link, LinkId, LinkMode, Millis, NodeId, SpaceId, UserId};

use crate::archive::Changed;
use crate::db::{Row, Tx, Value};
use crate::{CatalogError, count, signed};

const LINK: &str = "id, node_id, space_id, given_by, mode, CASE WHEN password_hash IS NULL THEN 0 ELSE 1 END, label, expires_ms,
     most_downloads, downloads, created_ms, changed_ms, used_ms";

impl Tx {
    /// Adds a link, known by the SHA-256 of its token.
    pub async fn create_link(
        &mut self,
        link: &Link,
        token_hash: [u8; 32],
        password_hash: Option<&str>,
    ) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO links (id, node_id, space_id, given_by, mode, token_hash, password_hash, label,
                 expires_ms, most_downloads, downloads, created_ms, changed_ms, used_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $11, NULL)",
            &[
                Value::id(link.id.as_bytes()),
                Value::id(link.node.as_bytes()),
                Value::id(link.space.as_bytes()),
                Value::id(link.given_by.as_bytes()),
                mode_code(link.mode).into(),
                token_hash.to_vec().into(),
                password_hash.map(str::to_owned).into(),
                link.label.as_str().into(),
                link.expires_ms.map(|at| at.0).into(),
                link.most_downloads.map(signed).into(),
                link.created_ms.0.into(),
            ],
        )
        .await?;
        self.queue_for_archive(Changed::Link(link.id)).await
    }

    /// Changes what a link allows; its password is changed apart.
    pub async fn change_link(&mut self, link: &Link) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE links
             SET mode = $2, label = $3, expires_ms = $4, most_downloads = $5, changed_ms = $6
             WHERE id = $1",
            &[
                Value::id(link.id.as_bytes()),
                mode_code(link.mode).into(),
                link.label.as_str().into(),
                link.expires_ms.map(|at| at.0).into(),
                link.most_downloads.map(signed).into(),
                link.changed_ms.0.into(),
            ],
        )
        .await?;
        self.queue_for_archive(Changed::Link(link.id)).await
    }

    /// Sets or removes a link's password.
    pub async fn set_link_password(&mut self, id: LinkId, hash: Option<&str>) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE links SET password_hash = $2 WHERE id = $1",
            &[Value::id(id.as_bytes()), hash.map(str::to_owned).into()],
        )
        .await?;
        self.queue_for_archive(Changed::Link(id)).await
    }

    /// Removes a link.
    pub async fn remove_link(&mut self, id: LinkId) -> Result<(), CatalogError> {
        self.execute("DELETE FROM links WHERE id = $1", &[Value::id(id.as_bytes())])
            .await?;
        self.queue_for_archive(Changed::Link(id)).await
    }

    /// Finds a link.
    pub async fn link(&mut self, id: LinkId) -> Result<Option<Link>, CatalogError> {
        let sql = format!("SELECT {LINK} FROM links WHERE id = $1");
        let row = self.first(&sql, &[Value::id(id.as_bytes())]).await?;
        row.as_ref().map(read_link).transpose()
    }

    /// Finds a link by the SHA-256 of its token, with the hash of its password.
    pub async fn link_by_token(
        &mut self,
        token_hash: [u8; 32],
    ) -> Result<Option<(Link, Option<String>)>, CatalogError> {
        let sql = format!("SELECT {LINK}, password_hash FROM links WHERE token_hash = $1");
        let row = self.first(&sql, &[token_hash.to_vec().into()]).await?;
        row.map(|row| Ok((read_link(&row)?, row.opt_text(13)?)))
            .transpose()
    }

    /// The hash by which a link is known.
    pub async fn link_token_hash(&mut self, id: LinkId) -> Result<Option<Vec<u8>>, CatalogError> {
        let row = self
            .first(
                "SELECT token_hash FROM links WHERE id = $1",
                &[Value::id(id.as_bytes())],
            )
            .await?;
        row.map(|row| row.bytes(0)).transpose()
    }

    /// Returns the links of a node, the oldest first, at most `limit`.
    pub async fn links_of_node(&mut self, node: NodeId, limit: u32) -> Result<Vec<Link>, CatalogError> {
        let sql = format!("SELECT {LINK} FROM links WHERE node_id = $1 ORDER BY created_ms, id LIMIT $2");
        let rows = self
            .query(&sql, &[Value::id(node.as_bytes()), i64::from(limit).into()])
            .await?;
        rows.iter().map(read_link).collect()
    }

    /// Returns the links that a user made, the newest first, from after `after` on.
    pub async fn links_by_giver(
        &mut self,
        giver: UserId,
        after: Option<(Millis, LinkId)>,
        limit: u32,
    ) -> Result<Vec<Link>, CatalogError> {
        let (at_ms, id) = after.map_or((i64::MAX, [0xff; 16]), |(at, id)| (at.0, *id.as_bytes()));
        let sql = format!(
            "SELECT {LINK} FROM links
             WHERE given_by = $1 AND (created_ms, id) < ($2, $3)
             ORDER BY created_ms DESC, id DESC
             LIMIT $4"
        );
        let params = [
            Value::id(giver.as_bytes()),
            at_ms.into(),
            Value::id(&id),
            i64::from(limit).into(),
        ];
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read_link).collect()
    }

    /// Counts the links of a user.
    pub async fn link_count(&mut self, giver: UserId) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "SELECT count(*) FROM links WHERE given_by = $1",
                &[Value::id(giver.as_bytes())],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0).map(count))
    }

    /// Counts a download, unless as many as the link allows were counted. Answers whether it was.
    pub async fn count_download(&mut self, id: LinkId, now: Millis) -> Result<bool, CatalogError> {
        let counted = self
            .execute(
                "UPDATE links SET downloads = downloads + 1, used_ms = $2
                 WHERE id = $1 AND (most_downloads IS NULL OR downloads < most_downloads)",
                &[Value::id(id.as_bytes()), now.0.into()],
            )
            .await?;
        if counted == 1 {
            // Otherwise a link that was rebuilt could be used more often than it allows.
            self.queue_for_archive(Changed::Link(id)).await?;
        }
        Ok(counted == 1)
    }

    /// Says when a link was used.
    pub async fn touch_link(&mut self, id: LinkId, now: Millis) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE links SET used_ms = $2 WHERE id = $1",
            &[Value::id(id.as_bytes()), now.0.into()],
        )
        .await?;
        Ok(())
    }
}

const fn mode_code(mode: LinkMode) -> i64 {
    match mode {
        LinkMode::View => 0,
        LinkMode::Edit => 1,
        LinkMode::Drop => 2,
    }
}

fn read_link(row: &Row) -> Result<Link, CatalogError> {
    let code = row.int(4)?;
    let mode = LinkMode::ALL
        .into_iter()
        .find(|mode| mode_code(*mode) == code)
        .ok_or_else(|| CatalogError::Damaged(format!("a link has the unknown mode {code}")))?;
    Ok(Link {
        id: LinkId::from_bytes(row.id16(0)?),
        node: NodeId::from_bytes(row.id16(1)?),
        space: SpaceId::from_bytes(row.id16(2)?),
        given_by: UserId::from_bytes(row.id16(3)?),
        mode,
        has_password: row.int(5)? != 0,
        label: row.text(6)?,
        expires_ms: row.opt_int(7)?.map(Millis),
        most_downloads: row.opt_int(8)?.map(count),
        downloads: count(row.int(9)?),
        created_ms: Millis(row.int(10)?),
        changed_ms: Millis(row.int(11)?),
        used_ms: row.opt_int(12)?.map(Millis),
    })
}
