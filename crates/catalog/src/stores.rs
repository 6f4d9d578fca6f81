//! Blobs by the store that holds them: counting them, moving them, sealing their keys anew.

use model::{Blob, BlobId, Millis, Place, StoredAt};

use crate::archive::Changed;
use crate::blobs::{COLUMNS, read};
use crate::db::{Tx, Value};
use crate::{CatalogError, count};

/// What the rows say that a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreTotals {
    /// The store's name; `None` for the database itself.
    pub store: Option<String>,
    /// How many blobs.
    pub blobs: u64,
    /// How many bytes of them.
    pub bytes: u64,
    /// How many are known to be damaged.
    pub damaged: u64,
    /// How many nobody has read back yet since their sender stored them.
    pub unproven: u64,
}

impl Tx {
    /// Sums up what each store holds. Reads every blob's row.
    pub async fn store_totals(&mut self) -> Result<Vec<StoreTotals>, CatalogError> {
        let rows = self
            .query(
                "SELECT store, count(*), CAST(coalesce(sum(size_bytes), 0) AS BIGINT),
                     CAST(coalesce(sum(CASE WHEN state <> 0 THEN 1 ELSE 0 END), 0) AS BIGINT),
                     CAST(coalesce(sum(CASE WHEN proof = 2 THEN 1 ELSE 0 END), 0) AS BIGINT)
                 FROM blobs GROUP BY store ORDER BY store",
                &[],
            )
            .await?;
        let totals = rows.iter().map(|row| {
            Ok(StoreTotals {
                store: row.opt_text(0)?,
                blobs: count(row.int(1)?),
                bytes: count(row.int(2)?),
                damaged: count(row.int(3)?),
                unproven: count(row.int(4)?),
            })
        });
        totals.collect()
    }

    /// The names of the stores that hold blobs by the rows.
    pub async fn stores_in_use(&mut self) -> Result<Vec<String>, CatalogError> {
        let mut stores: Vec<String> = Vec::new();
        loop {
            // From name to name by the index, whatever the number of blobs.
            let last = stores.last().cloned().unwrap_or_default();
            let row = self
                .first(
                    "SELECT store FROM blobs WHERE store_key IS NOT NULL AND store > $1 ORDER BY store LIMIT 1",
                    &[last.into()],
                )
                .await?;
            match row {
                Some(row) => stores.push(row.text(0)?),
                None => return Ok(stores),
            }
        }
    }

    /// How many blobs a store holds by the rows, and how many bytes of them.
    pub async fn store_total(&mut self, store: &str) -> Result<(u64, u64), CatalogError> {
        let row = self
            .first(
                "SELECT count(*), CAST(coalesce(sum(size_bytes), 0) AS BIGINT) FROM blobs WHERE store = $1",
                &[store.into()],
            )
            .await?;
        row.map_or(Ok((0, 0)), |row| Ok((count(row.int(0)?), count(row.int(1)?))))
    }

    /// The blobs of a store whose keys follow `after`, in the order of their keys, at most `limit`.
    pub async fn blobs_in(
        &mut self,
        store: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Blob>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM blobs WHERE store = $1 AND store_key > $2 ORDER BY store_key LIMIT $3"
        );
        let rows = self
            .query(&sql, &[store.into(), after.into(), i64::from(limit).into()])
            .await?;
        rows.iter().map(read).collect()
    }

    /// Points a blob's row at where its bytes were copied to, unless it was moved, mended or removed since
    /// `blob` was read. Answers whether it was.
    pub async fn move_blob(&mut self, blob: &Blob, to: &StoredAt) -> Result<bool, CatalogError> {
        let Place::Store(from) = &blob.place else {
            return Ok(false);
        };
        let changed = self
            .execute(
                "UPDATE blobs SET store = $2, store_key = $3, seal = $4
                 WHERE id = $1 AND store = $5 AND store_key = $6",
                &[
                    Value::id(blob.id.as_bytes()),
                    to.store.clone().into(),
                    to.key.clone().into(),
                    to.seal.clone().into(),
                    from.store.clone().into(),
                    from.key.clone().into(),
                ],
            )
            .await?;
        if changed == 1 {
            self.queue_for_archive(Changed::Blob(blob.id)).await?;
            self.execute(
                "DELETE FROM move_failures WHERE from_store = $1 AND blob_id = $2",
                &[from.store.clone().into(), Value::id(blob.id.as_bytes())],
            )
            .await?;
        }
        Ok(changed == 1)
    }

    /// Writes down why a blob could not be moved.
    pub async fn note_move_failure(
        &mut self,
        from: &str,
        blob: BlobId,
        (reason, now): (&str, Millis),
    ) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO move_failures (from_store, blob_id, reason, at_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (from_store, blob_id) DO UPDATE SET reason = excluded.reason, at_ms = excluded.at_ms",
            &[
                from.into(),
                Value::id(blob.as_bytes()),
                reason.into(),
                now.0.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// The blobs that could not be moved from a store, and why, at most `limit`.
    pub async fn move_failures(
        &mut self,
        from: &str,
        limit: u32,
    ) -> Result<Vec<(BlobId, String)>, CatalogError> {
        let rows = self
            .query(
                "SELECT blob_id, reason FROM move_failures WHERE from_store = $1 ORDER BY blob_id LIMIT $2",
                &[from.into(), i64::from(limit).into()],
            )
            .await?;
        rows.iter()
            .map(|row| Ok((BlobId::from_bytes(row.id16(0)?), row.text(1)?)))
            .collect()
    }

    /// Forgets what could not be moved from a store.
    pub async fn forget_move_failures(&mut self, from: &str) -> Result<(), CatalogError> {
        self.execute("DELETE FROM move_failures WHERE from_store = $1", &[from.into()])
            .await?;
        Ok(())
    }

    /// Sealed blobs after `after`, by id, at most `limit`, and the last id that was looked at.
    pub async fn sealed_blobs(
        &mut self,
        after: Option<BlobId>,
        limit: u32,
    ) -> Result<Vec<Blob>, CatalogError> {
        let after = after.map_or([0; 16], |blob| *blob.as_bytes());
        let sql =
            format!("SELECT {COLUMNS} FROM blobs WHERE seal IS NOT NULL AND id > $1 ORDER BY id LIMIT $2");
        let rows = self
            .query(&sql, &[Value::id(&after), i64::from(limit).into()])
            .await?;
        rows.iter().map(read).collect()
    }

    /// Replaces the sealed key of a blob, unless it was moved since `at` was read.
    pub async fn reseal_blob(
        &mut self,
        blob: BlobId,
        at: &StoredAt,
        seal: Vec<u8>,
    ) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE blobs SET seal = $2 WHERE id = $1 AND store = $3 AND store_key = $4",
            &[
                Value::id(blob.as_bytes()),
                seal.into(),
                at.store.clone().into(),
                at.key.clone().into(),
            ],
        )
        .await?;
        self.queue_for_archive(Changed::Blob(blob)).await
    }

    /// Damaged blobs after `after`, by id, at most `limit`.
    pub async fn damaged_blobs(
        &mut self,
        after: Option<BlobId>,
        limit: u32,
    ) -> Result<Vec<Blob>, CatalogError> {
        let after = after.map_or([0; 16], |blob| *blob.as_bytes());
        let sql = format!("SELECT {COLUMNS} FROM blobs WHERE state <> 0 AND id > $1 ORDER BY id LIMIT $2");
        let rows = self
            .query(&sql, &[Value::id(&after), i64::from(limit).into()])
            .await?;
        rows.iter().map(read).collect()
    }
}
