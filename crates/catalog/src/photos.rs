//! Profile photos, and who has anything to do with whom.

use model::{Millis, UserId};

use crate::CatalogError;
use crate::archive::Changed;
use crate::db::{Tx, Value};

impl Tx {
    /// Gives a user a photo in these sizes (edge in pixels, JPEG) in place of the one they have.
    pub async fn put_photo(
        &mut self,
        user: UserId,
        sizes: Vec<(u32, Vec<u8>)>,
        now: Millis,
    ) -> Result<(), CatalogError> {
        self.drop_photo_sizes(user).await?;
        for (edge_px, bytes) in sizes {
            self.execute(
                "INSERT INTO photos (user_id, edge_px, bytes) VALUES ($1, $2, $3)",
                &[user.into(), i64::from(edge_px).into(), bytes.into()],
            )
            .await?;
        }
        self.set_photo_time(user, Some(now)).await
    }

    /// Takes a user's photo away.
    pub async fn remove_photo(&mut self, user: UserId) -> Result<(), CatalogError> {
        self.drop_photo_sizes(user).await?;
        self.set_photo_time(user, None).await
    }

    /// Reads a user's photo in one size.
    pub async fn photo(&mut self, user: UserId, edge_px: u32) -> Result<Option<Vec<u8>>, CatalogError> {
        let row = self
            .first(
                "SELECT bytes FROM photos WHERE user_id = $1 AND edge_px = $2",
                &[user.into(), i64::from(edge_px).into()],
            )
            .await?;
        row.map(|row| row.bytes(0)).transpose()
    }

    /// Whether one of the two holds a right that the other gave, or that is on a node of the other's.
    pub async fn share_something(&mut self, one: UserId, other: UserId) -> Result<bool, CatalogError> {
        // Each half looks only at what was given to one person, by the index of that.
        let row = self
            .first(
                "SELECT 1
                 FROM shares h JOIN spaces s ON s.id = h.space_id
                 WHERE h.user_id = $1 AND (h.given_by = $2 OR s.owner_id = $2)
                 UNION ALL
                 SELECT 1
                 FROM shares h JOIN spaces s ON s.id = h.space_id
                 WHERE h.user_id = $2 AND (h.given_by = $1 OR s.owner_id = $1)
                 LIMIT 1",
                &[one.into(), other.into()],
            )
            .await?;
        Ok(row.is_some())
    }

    async fn drop_photo_sizes(&mut self, user: UserId) -> Result<(), CatalogError> {
        self.execute("DELETE FROM photos WHERE user_id = $1", &[user.into()])
            .await?;
        Ok(())
    }

    async fn set_photo_time(&mut self, user: UserId, at: Option<Millis>) -> Result<(), CatalogError> {
        let at: Value = at.into();
        self.execute("UPDATE users SET photo_ms = $2 WHERE id = $1", &[user.into(), at])
            .await?;
        self.queue_for_archive(Changed::User(user)).await
    }
}
