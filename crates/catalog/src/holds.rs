//! Holds: marks by which removals wait, and by which a catalog that is being restored says so.

use model::{BlobId, BlobState, Millis, Place};

use crate::blobs::place_columns;
use crate::db::{Tx, Value};
use crate::{CatalogError, blobs};

/// Until when contents without uses stay.
const REMOVALS: &str = "removals wait";
/// Until when bytes that no row names stay in a store, followed by the store's name.
const STORE: &str = "sweep waits ";
/// How far a restore has come; absent otherwise.
const RESTORING: &str = "restoring";
/// What stands for the store of contents whose bytes are still to be restored. No store can have that name.
pub const TO_RESTORE: &str = "(to be restored)";

impl Tx {
    /// Until when contents without uses must stay. Who asks goes first, or waits for who is about to say so.
    pub async fn removals_wait(&mut self) -> Result<Millis, CatalogError> {
        self.first_meta(REMOVALS, "0").await?;
        let text = self.hold_meta(REMOVALS).await?;
        Ok(Millis(text.and_then(|text| text.parse().ok()).unwrap_or(0)))
    }

    /// Lets contents without uses stay until `until`, or longer if somebody said so.
    pub async fn let_removals_wait(&mut self, until: Millis) -> Result<(), CatalogError> {
        let known = self.removals_wait().await?;
        self.put_meta(REMOVALS, &until.max(known).0.to_string()).await
    }

    /// Until when bytes that no row names must stay in a store.
    pub async fn sweep_waits(&mut self, store: &str) -> Result<Millis, CatalogError> {
        let text = self.meta(&format!("{STORE}{store}")).await?;
        Ok(Millis(text.and_then(|text| text.parse().ok()).unwrap_or(0)))
    }

    /// Lets bytes that no row names stay in a store until `until`.
    pub async fn let_sweep_wait(&mut self, store: &str, until: Millis) -> Result<(), CatalogError> {
        self.put_meta(&format!("{STORE}{store}"), &until.0.to_string())
            .await
    }

    /// How far a restore has come that has not ended; `None` when there is none.
    pub async fn restoring(&mut self) -> Result<Option<String>, CatalogError> {
        self.meta(RESTORING).await
    }

    /// Says how far a restore has come; `None` ends it.
    pub async fn set_restoring(&mut self, state: Option<&str>) -> Result<(), CatalogError> {
        match state {
            Some(state) => self.put_meta(RESTORING, state).await,
            None => self
                .execute("DELETE FROM meta WHERE name = $1", &[RESTORING.into()])
                .await
                .map(drop),
        }
    }

    /// Whether a named text is about one running installation, and not for another one to take over.
    pub fn is_local_meta(name: &str) -> bool {
        [REMOVALS, RESTORING, crate::archive::STATE].contains(&name)
            || name.starts_with(STORE)
            || ["next ", "store moved ", "store retired "]
                .iter()
                .any(|beginning| name.starts_with(beginning))
    }

    /// Returns contents after `after` whose bytes are still to be restored, at most `limit`.
    pub async fn blobs_to_restore(
        &mut self,
        after: Option<BlobId>,
        limit: u32,
    ) -> Result<Vec<model::Blob>, CatalogError> {
        let after = after.map_or([0; 16], |blob| *blob.as_bytes());
        let sql = format!(
            "SELECT {} FROM blobs WHERE id > $1 AND store = $2 ORDER BY id LIMIT $3",
            blobs::COLUMNS
        );
        let rows = self
            .query(
                &sql,
                &[Value::id(&after), TO_RESTORE.into(), i64::from(limit).into()],
            )
            .await?;
        rows.iter().map(blobs::read).collect()
    }

    /// Says where a content's bytes were put by a restore, and whether they are right.
    pub async fn place_restored(
        &mut self,
        id: BlobId,
        place: &Place,
        state: BlobState,
    ) -> Result<(), CatalogError> {
        let (store, key, seal) = place_columns(place);
        let code: i64 = match state {
            BlobState::Good => 0,
            BlobState::Damaged => 1,
        };
        self.execute(
            "UPDATE blobs SET store = $2, store_key = $3, seal = $4, state = $5 WHERE id = $1",
            &[
                Value::id(id.as_bytes()),
                store.into(),
                key.into(),
                seal.into(),
                code.into(),
            ],
        )
        .await?;
        Ok(())
    }
}
