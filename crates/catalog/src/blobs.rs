//! Blobs: where stored bytes are, how often they are used, and when they were last proven.

use std::collections::HashSet;

use model::{Blob, BlobId, BlobState, Digest, Millis, Place, Proof, StoredAt};

use crate::archive::Changed;
use crate::db::{Row, Tx, Value};
use crate::{CHUNK, CatalogError, count, digest, signed};

pub(crate) const COLUMNS: &str =
    "id, digest, size_bytes, store, store_key, refs, state, proven_ms, seal, proof";

impl Tx {
    /// Counts one more use of the blob with this digest, if there is one, and returns it.
    pub async fn use_blob(&mut self, digest: Digest, now: Millis) -> Result<Option<Blob>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM blobs WHERE digest = $1");
        let row = self.first(&sql, &[digest.0.to_vec().into()]).await?;
        let Some(blob) = row.as_ref().map(read).transpose()? else {
            return Ok(None);
        };
        if blob.refs > 0 {
            // Nobody takes away what is used, nor what was used until a moment ago.
            self.count_uses(blob.id, 1, now);
            return Ok(Some(blob));
        }
        // One without uses may be taken away at any moment, but not once this is written.
        let sql =
            format!("UPDATE blobs SET refs = refs + 1, seen_ms = $2 WHERE digest = $1 RETURNING {COLUMNS}");
        let row = self
            .first(&sql, &[digest.0.to_vec().into(), now.0.into()])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Adds a blob that is used once. Answers false, and adds nothing, if its digest is there.
    pub async fn create_blob(&mut self, blob: &Blob, now: Millis) -> Result<bool, CatalogError> {
        let (store, key, seal) = place_columns(&blob.place);
        let made = self
            .execute(
                "INSERT INTO blobs (id, digest, size_bytes, store, store_key, refs, state, seen_ms, proven_ms,
                     seal, proof)
                 VALUES ($1, $2, $3, $4, $5, 1, 0, $6, $7, $8, $9)
                 ON CONFLICT (digest) DO NOTHING",
                &[
                    Value::id(blob.id.as_bytes()),
                    match blob.digest {
                        Some(digest) => digest.0.to_vec().into(),
                        None => blob.id.as_bytes().to_vec().into(),
                    },
                    signed(blob.size_bytes).into(),
                    store.into(),
                    key.into(),
                    now.0.into(),
                    blob.proven_ms.0.into(),
                    seal.into(),
                    proof_code(blob.proof).into(),
                ],
            )
            .await?;
        Ok(made == 1)
    }

    /// Keeps the bytes of an inline blob.
    pub async fn put_inline(&mut self, blob: BlobId, bytes: &[u8]) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO inline_bytes (blob_id, bytes) VALUES ($1, $2)
             ON CONFLICT (blob_id) DO UPDATE SET bytes = excluded.bytes",
            &[Value::id(blob.as_bytes()), bytes.to_vec().into()],
        )
        .await?;
        Ok(())
    }

    /// Reads the bytes of an inline blob.
    pub async fn inline(&mut self, blob: BlobId) -> Result<Option<Vec<u8>>, CatalogError> {
        let row = self
            .first(
                "SELECT bytes FROM inline_bytes WHERE blob_id = $1",
                &[Value::id(blob.as_bytes())],
            )
            .await?;
        row.map(|row| row.bytes(0)).transpose()
    }

    /// Finds a blob.
    pub async fn blob(&mut self, id: BlobId) -> Result<Option<Blob>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM blobs WHERE id = $1");
        let row = self.first(&sql, &[Value::id(id.as_bytes())]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Which of these keys of a store are those of a blob, or of an upload that may still become one.
    pub async fn used_keys(&mut self, store: &str, keys: &[&str]) -> Result<HashSet<String>, CatalogError> {
        let mut used = HashSet::new();
        for chunk in keys.chunks(CHUNK) {
            // Filled up with the last one, so that one statement serves every chunk.
            let last = chunk[chunk.len() - 1];
            let mut params: Vec<Value> = vec![store.into()];
            params.extend((0..CHUNK).map(|at| Value::from(*chunk.get(at).unwrap_or(&last))));
            let list: Vec<String> = (2..=params.len()).map(|at| format!("${at}")).collect();
            let list = list.join(", ");
            let sql = format!(
                "SELECT store_key FROM blobs WHERE store_key IN ({list}) AND store = $1
                 UNION ALL
                 SELECT store_key FROM uploads WHERE store_key IN ({list}) AND store = $1 AND node_id IS NULL"
            );
            for row in self.query(&sql, &params).await? {
                used.insert(row.text(0)?);
            }
        }
        Ok(used)
    }

    /// Counts `uses` more uses of a blob; a negative number gives uses back. Written by the commit.
    pub fn count_uses(&mut self, id: BlobId, uses: i64, now: Millis) {
        let (counted, at_ms) = self.uses.entry(id).or_default();
        *counted += uses;
        *at_ms = now;
    }

    /// Writes the counts, in the order of the blobs' ids: files of different spaces share blobs, and two
    /// transactions that count several must not wait for each other in a ring.
    pub(crate) async fn settle_uses(&mut self) -> Result<(), CatalogError> {
        for (id, (uses, now)) in std::mem::take(&mut self.uses) {
            let changed = self
                .execute(
                    "UPDATE blobs SET refs = refs + $2, seen_ms = $3 WHERE id = $1",
                    &[Value::id(id.as_bytes()), uses.into(), now.0.into()],
                )
                .await?;
            // Giving back what is not there happens on damaged rows, which can still be purged.
            if changed == 0 && uses > 0 {
                return Err(CatalogError::Unavailable(
                    "a content was taken away just as it was to be used again".into(),
                ));
            }
        }
        Ok(())
    }

    /// Points a damaged blob at fresh bytes of the same digest; inline ones are put beside it before.
    pub async fn mend_blob(&mut self, id: BlobId, place: &Place, now: Millis) -> Result<(), CatalogError> {
        let (store, key, seal) = place_columns(place);
        if *place != Place::Inline {
            self.remove_inline(id).await?;
        }
        self.execute(
            "UPDATE blobs SET store = $2, store_key = $3, seal = $4, state = 0, proof = 0, proven_ms = $5
             WHERE id = $1",
            &[
                Value::id(id.as_bytes()),
                store.into(),
                key.into(),
                seal.into(),
                now.0.into(),
            ],
        )
        .await?;
        self.queue_for_archive(Changed::Blob(id)).await
    }

    async fn remove_inline(&mut self, id: BlobId) -> Result<(), CatalogError> {
        self.execute(
            "DELETE FROM inline_bytes WHERE blob_id = $1",
            &[Value::id(id.as_bytes())],
        )
        .await?;
        Ok(())
    }

    /// Writes down what reading a blob back has shown, unless it was mended or proven since `blob` was
    /// read.
    pub async fn judge_blob(
        &mut self,
        blob: &Blob,
        state: BlobState,
        now: Millis,
    ) -> Result<(), CatalogError> {
        let code: i64 = match state {
            BlobState::Good => 0,
            BlobState::Damaged => 1,
        };
        let key = match &blob.place {
            Place::Inline => "",
            Place::Store(at) => &at.key,
        };
        self.execute(
            "UPDATE blobs SET state = $2, proven_ms = $3,
                 proof = CASE WHEN CAST($2 AS BIGINT) = 0 AND proof <> 2 THEN 0 ELSE proof END
             WHERE id = $1 AND proven_ms = $4 AND coalesce(store_key, '') = $5",
            &[
                Value::id(blob.id.as_bytes()),
                code.into(),
                now.0.into(),
                blob.proven_ms.0.into(),
                key.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Returns blobs after `after`, by id, at most `limit`.
    pub async fn blobs(&mut self, after: Option<BlobId>, limit: u32) -> Result<Vec<Blob>, CatalogError> {
        let after = after.map_or([0; 16], |blob| *blob.as_bytes());
        let sql = format!("SELECT {COLUMNS} FROM blobs WHERE id > $1 ORDER BY id LIMIT $2");
        let rows = self
            .query(&sql, &[Value::id(&after), i64::from(limit).into()])
            .await?;
        rows.iter().map(read).collect()
    }

    /// Returns blobs last proven before `before`, the longest unproven first.
    pub async fn blobs_to_prove(&mut self, before: Millis, limit: u32) -> Result<Vec<Blob>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM blobs WHERE proven_ms < $1 ORDER BY proven_ms, id LIMIT $2");
        let rows = self
            .query(&sql, &[before.0.into(), i64::from(limit).into()])
            .await?;
        rows.iter().map(read).collect()
    }

    /// Bytes of all blobs last proven before `before`.
    pub async fn bytes_to_prove(&mut self, before: Millis) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "SELECT CAST(coalesce(sum(size_bytes), 0) AS BIGINT) FROM blobs WHERE proven_ms < $1",
                &[before.0.into()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0).map(count))
    }

    /// Removes up to `limit` blobs that nothing has used since `before`, and returns them.
    ///
    /// Their rows go first: an upload of the same bytes then stores them anew, so no file ever
    /// points at bytes that are being deleted.
    pub async fn take_unused(&mut self, before: Millis, limit: u32) -> Result<Vec<Blob>, CatalogError> {
        let sql = format!(
            "DELETE FROM blobs
             WHERE refs = 0 AND id IN (
                 SELECT id FROM blobs WHERE refs = 0 AND seen_ms < $1 ORDER BY seen_ms LIMIT $2)
             RETURNING {COLUMNS}"
        );
        let rows = self
            .query(&sql, &[before.0.into(), i64::from(limit).into()])
            .await?;
        let blobs = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        for blob in blobs.iter().filter(|blob| blob.place == Place::Inline) {
            self.remove_inline(blob.id).await?;
        }
        let digests: Vec<_> = blobs.iter().filter_map(|blob| blob.digest).collect();
        self.forget_content_hashes(&digests).await?;
        Ok(blobs)
    }
}

type PlaceColumns = (Option<String>, Option<String>, Option<Vec<u8>>);

pub(crate) fn place_columns(place: &Place) -> PlaceColumns {
    match place {
        Place::Inline => (None, None, None),
        Place::Store(at) => (Some(at.store.clone()), Some(at.key.clone()), at.seal.clone()),
    }
}

const fn proof_code(proof: Proof) -> i64 {
    match proof {
        Proof::Computed => 0,
        Proof::Asserted => 1,
        Proof::Unproven => 2,
    }
}

pub(crate) fn read(row: &Row) -> Result<Blob, CatalogError> {
    let place = match (row.opt_text(3)?, row.opt_text(4)?) {
        (Some(store), Some(key)) => Place::Store(StoredAt {
            store,
            key,
            seal: row.opt_bytes(8)?,
        }),
        _ => Place::Inline,
    };
    Ok(Blob {
        id: BlobId::from_bytes(row.id16(0)?),
        place,
        size_bytes: count(row.int(2)?),
        digest: digest(&row.bytes(1)?)?,
        refs: count(row.int(5)?),
        state: match row.int(6)? {
            0 => BlobState::Good,
            _ => BlobState::Damaged,
        },
        proof: match row.int(9)? {
            0 => Proof::Computed,
            1 => Proof::Asserted,
            _ => Proof::Unproven,
        },
        proven_ms: Millis(row.int(7)?),
    })
}
