//! Uploads that take more than one request: what of them is durable, and what is set aside for them.

use std::collections::HashSet;

use model::{BlobId, Digest, Millis, NodeId, SpaceId, Transfer, UploadId, UploadKind, UploadState};

use crate::archive::Changed;
use crate::db::{Row, Tx, Value};
use crate::{CHUNK, CatalogError, count, signed};

const COLUMNS: &str = "id, kind, owner, space_id, target, metadata, size_bytes, reserved_bytes, offset_bytes,
    stored_bytes, parts, part_bytes, digest, hash_state, blob_id, store, store_key, token, seal, state, node_id,
    version, created_ms, expires_ms";

/// A part that a store holds of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPart {
    /// Its number, from 1.
    pub number: u32,
    /// How many bytes it holds.
    pub size_bytes: u64,
    /// What the store calls it by.
    pub tag: String,
}

/// How far an upload has come, with all that is new since it was last written down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UploadStep {
    /// Parts that were stored, or that grew.
    pub parts: Vec<UploadPart>,
    /// Whether the tail that was kept is void.
    pub clears_tail: bool,
    /// Bytes that are not yet a part, and where they begin.
    pub tail: Option<(u64, Vec<u8>)>,
}

impl Tx {
    /// Adds an upload and sets its bytes aside.
    pub async fn create_upload(&mut self, new: &Transfer) -> Result<(), CatalogError> {
        let sql = format!(
            "INSERT INTO uploads ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                 $14, $15, $16, $17, $18, $19, $20, NULL, NULL, $21, $22)"
        );
        let params = [
            new.id.into(),
            kind_code(new.kind).into(),
            new.owner.as_str().into(),
            new.space.into(),
            new.target.as_str().into(),
            new.metadata.as_str().into(),
            new.size_bytes.map(signed).into(),
            signed(new.reserved_bytes).into(),
            signed(new.offset_bytes).into(),
            signed(new.stored_bytes).into(),
            i64::from(new.parts).into(),
            signed(new.part_bytes).into(),
            new.digest.into(),
            new.hash_state.clone().into(),
            new.blob.into(),
            new.store.as_str().into(),
            new.key.as_deref().into(),
            new.token.as_deref().into(),
            new.seal.clone().into(),
            state_code(new.state).into(),
            new.created_ms.into(),
            new.expires_ms.into(),
        ];
        self.execute(&sql, &params).await?;
        self.reserve(new.space, signed(new.reserved_bytes)).await
    }

    /// Finds an upload.
    pub async fn upload(&mut self, id: UploadId) -> Result<Option<Transfer>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM uploads WHERE id = $1");
        let row = self.first(&sql, &[id.into()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Finds an upload and holds it until the transaction ends.
    pub async fn lock_upload(&mut self, id: UploadId) -> Result<Option<Transfer>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM uploads WHERE id = $1{}",
            self.lock_suffix()
        );
        let row = self.first(&sql, &[id.into()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// How many uploads of an owner no file came of yet.
    pub async fn open_uploads(&mut self, owner: &str) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "SELECT count(*) FROM uploads WHERE owner = $1 AND node_id IS NULL AND state <> 3",
                &[owner.into()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0).map(count))
    }

    /// Lets `writer` alone write to an upload until `until`; false while another does.
    pub async fn hold_upload(
        &mut self,
        id: UploadId,
        writer: [u8; 16],
        (now, until): (Millis, Millis),
    ) -> Result<bool, CatalogError> {
        let held = self
            .execute(
                "UPDATE uploads SET writer = $2, writer_until_ms = $4
                 WHERE id = $1 AND (writer IS NULL OR writer = $2 OR writer_until_ms <= $3)",
                &[id.into(), writer.into(), now.into(), until.into()],
            )
            .await?;
        Ok(held == 1)
    }

    /// Lets others write to an upload.
    pub async fn release_upload(&mut self, id: UploadId, writer: [u8; 16]) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE uploads SET writer = NULL, writer_until_ms = NULL WHERE id = $1 AND writer = $2",
            &[id.into(), writer.into()],
        )
        .await?;
        Ok(())
    }

    /// Writes down what of an upload is durable, and sets aside what it needs beyond what it has; false, and
    /// nothing is written, when another than `writer` holds it.
    pub async fn save_upload(
        &mut self,
        now: &Transfer,
        step: UploadStep,
        writer: [u8; 16],
    ) -> Result<bool, CatalogError> {
        let Some(before) = self.lock_upload(now.id).await? else {
            return Ok(false);
        };
        let saved = self
            .execute(
                "UPDATE uploads SET size_bytes = $3, reserved_bytes = $4, offset_bytes = $5, stored_bytes = $6,
                     parts = $7, hash_state = $8, store_key = $9, token = $10, seal = $11, expires_ms = $12,
                     blob_id = $13
                 WHERE id = $1 AND coalesce(writer, $2) = $2",
                &[
                    now.id.into(),
                    writer.into(),
                    now.size_bytes.map(signed).into(),
                    signed(now.reserved_bytes).into(),
                    signed(now.offset_bytes).into(),
                    signed(now.stored_bytes).into(),
                    i64::from(now.parts).into(),
                    now.hash_state.clone().into(),
                    now.key.as_deref().into(),
                    now.token.as_deref().into(),
                    now.seal.clone().into(),
                    now.expires_ms.into(),
                    now.blob.into(),
                ],
            )
            .await?;
        if saved == 0 {
            return Ok(false);
        }
        let grown = signed(now.reserved_bytes) - signed(before.reserved_bytes);
        self.reserve(now.space, grown).await?;
        if step.clears_tail {
            self.remove_tails(now.id).await?;
        }
        for part in &step.parts {
            self.put_upload_part(now.id, part).await?;
        }
        if let Some((offset_bytes, bytes)) = step.tail {
            self.execute(
                "INSERT INTO upload_tails (upload_id, offset_bytes, bytes) VALUES ($1, $2, $3)",
                &[now.id.into(), signed(offset_bytes).into(), bytes.into()],
            )
            .await?;
        }
        Ok(true)
    }

    /// Remembers a part, in place of one of the same number.
    async fn put_upload_part(&mut self, id: UploadId, part: &UploadPart) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO upload_parts (upload_id, number, size_bytes, tag) VALUES ($1, $2, $3, $4)
             ON CONFLICT (upload_id, number) DO UPDATE SET size_bytes = excluded.size_bytes, tag = excluded.tag",
            &[
                id.into(),
                i64::from(part.number).into(),
                signed(part.size_bytes).into(),
                part.tag.as_str().into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// The parts of an upload that are remembered, by number.
    pub async fn upload_parts(&mut self, id: UploadId) -> Result<Vec<UploadPart>, CatalogError> {
        let sql = "SELECT number, size_bytes, tag FROM upload_parts WHERE upload_id = $1 ORDER BY number";
        let rows = self.query(sql, &[id.into()]).await?;
        let part = |row: &Row| {
            Ok(UploadPart {
                number: u32::try_from(row.int(0)?).unwrap_or(u32::MAX),
                size_bytes: count(row.int(1)?),
                tag: row.text(2)?,
            })
        };
        rows.iter().map(part).collect()
    }

    /// The bytes of an upload that are not yet a part, in pieces, in their order.
    pub async fn upload_tail(&mut self, id: UploadId) -> Result<Vec<Vec<u8>>, CatalogError> {
        let sql = "SELECT bytes FROM upload_tails WHERE upload_id = $1 ORDER BY offset_bytes";
        let rows = self.query(sql, &[id.into()]).await?;
        rows.iter().map(|row| row.bytes(0)).collect()
    }

    /// Says how long an upload will be.
    pub async fn set_upload_size(&mut self, id: UploadId, size_bytes: u64) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE uploads SET size_bytes = $2 WHERE id = $1",
            &[id.into(), signed(size_bytes).into()],
        )
        .await?;
        Ok(())
    }

    /// Says where an upload stands.
    pub async fn set_upload_state(&mut self, id: UploadId, state: UploadState) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE uploads SET state = $2 WHERE id = $1",
            &[id.into(), state_code(state).into()],
        )
        .await?;
        Ok(())
    }

    /// Says that an upload is whole. With what came of it, nothing is set aside for it any more; false when
    /// it was whole before, or is gone.
    pub async fn complete_upload(
        &mut self,
        id: UploadId,
        made: Option<(NodeId, u64)>,
    ) -> Result<bool, CatalogError> {
        let Some(upload) = self.lock_upload(id).await? else {
            return Ok(false);
        };
        if upload.state == UploadState::Completed {
            return Ok(false);
        }
        let kept_bytes = if made.is_some() { 0 } else { upload.reserved_bytes };
        self.execute(
            "UPDATE uploads SET state = 2, node_id = $2, version = $3, reserved_bytes = $4 WHERE id = $1",
            &[
                id.into(),
                made.map(|(node, _)| node).into(),
                made.map(|(_, version)| signed(version)).into(),
                signed(kept_bytes).into(),
            ],
        )
        .await?;
        self.reserve(upload.space, signed(kept_bytes) - signed(upload.reserved_bytes))
            .await?;
        if made.is_some() {
            self.remove_tails(id).await?;
            self.remove_parts(id).await?;
        }
        Ok(true)
    }

    /// Sets another number of bytes aside for an upload.
    pub async fn set_reserved(&mut self, id: UploadId, bytes: u64) -> Result<(), CatalogError> {
        let Some(upload) = self.lock_upload(id).await? else {
            return Ok(());
        };
        self.execute(
            "UPDATE uploads SET reserved_bytes = $2 WHERE id = $1",
            &[id.into(), signed(bytes).into()],
        )
        .await?;
        self.reserve(upload.space, signed(bytes) - signed(upload.reserved_bytes))
            .await
    }

    /// Forgets an upload and gives back what was set aside for it; false when it is gone.
    pub async fn remove_upload(&mut self, id: UploadId) -> Result<bool, CatalogError> {
        let Some(upload) = self.lock_upload(id).await? else {
            return Ok(false);
        };
        self.remove_tails(id).await?;
        self.remove_parts(id).await?;
        self.execute("DELETE FROM uploads WHERE id = $1", &[id.into()])
            .await?;
        self.reserve(upload.space, -signed(upload.reserved_bytes)).await?;
        Ok(true)
    }

    async fn remove_tails(&mut self, id: UploadId) -> Result<(), CatalogError> {
        self.execute("DELETE FROM upload_tails WHERE upload_id = $1", &[id.into()])
            .await?;
        Ok(())
    }

    async fn remove_parts(&mut self, id: UploadId) -> Result<(), CatalogError> {
        self.execute("DELETE FROM upload_parts WHERE upload_id = $1", &[id.into()])
            .await?;
        Ok(())
    }

    /// Uploads that end before `now`, at most `limit`.
    pub async fn ended_uploads(&mut self, now: Millis, limit: u32) -> Result<Vec<Transfer>, CatalogError> {
        let sql =
            format!("SELECT {COLUMNS} FROM uploads WHERE expires_ms <= $1 ORDER BY expires_ms, id LIMIT $2");
        let rows = self.query(&sql, &[now.into(), i64::from(limit).into()]).await?;
        rows.iter().map(read).collect()
    }

    /// How many uploads go to a store and are not at their end.
    pub async fn uploads_to(&mut self, store: &str) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "SELECT count(*) FROM uploads WHERE store = $1 AND node_id IS NULL",
                &[store.into()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0).map(count))
    }

    /// Which of these keys of a store uploads go to that no file came of yet.
    pub async fn upload_keys(&mut self, store: &str, keys: &[&str]) -> Result<HashSet<String>, CatalogError> {
        let mut used = HashSet::new();
        for chunk in keys.chunks(CHUNK) {
            // Filled up with the last one, so that one statement serves every chunk.
            let last = chunk[chunk.len() - 1];
            let mut params: Vec<Value> = vec![store.into()];
            params.extend((0..CHUNK).map(|at| Value::from(*chunk.get(at).unwrap_or(&last))));
            let list: Vec<String> = (2..=params.len()).map(|at| format!("${at}")).collect();
            let sql = format!(
                "SELECT store_key FROM uploads WHERE store = $1 AND node_id IS NULL AND store_key IN ({})",
                list.join(", ")
            );
            for row in self.query(&sql, &params).await? {
                used.insert(row.text(0)?);
            }
        }
        Ok(used)
    }

    /// Gives a blob that nobody had read its digest; false when another blob has it.
    pub async fn settle_digest(
        &mut self,
        blob: BlobId,
        digest: Digest,
        now: Millis,
    ) -> Result<bool, CatalogError> {
        let settled = self
            .execute(
                "UPDATE blobs SET digest = $2, proof = 0, state = 0, proven_ms = $3
                 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM blobs other WHERE other.digest = $2 AND other.id <> $1)",
                &[blob.into(), digest.into(), now.into()],
            )
            .await?;
        if settled == 1 {
            self.queue_for_archive(Changed::Blob(blob)).await?;
        }
        Ok(settled == 1)
    }

    /// Versions of a blob whose digest is not known, at most `limit`.
    pub async fn unproven_versions(
        &mut self,
        blob: BlobId,
        limit: u32,
    ) -> Result<Vec<(NodeId, u64)>, CatalogError> {
        let rows = self
            .query(
                "SELECT node_id, number FROM versions WHERE blob_id = $1 AND length(digest) = 0
                 ORDER BY node_id, number LIMIT $2",
                &[blob.into(), i64::from(limit).into()],
            )
            .await?;
        let version = |row: &Row| Ok((NodeId::from_bytes(row.id16(0)?), count(row.int(1)?)));
        rows.iter().map(version).collect()
    }

    /// Writes the digest, and the blob that holds it, into a version that uses blob `from`; false when it
    /// does not, or is gone.
    pub async fn tell_digest(
        &mut self,
        (file, number): (NodeId, u64),
        (from, to): (BlobId, BlobId),
        digest: Digest,
    ) -> Result<bool, CatalogError> {
        let told = self
            .execute(
                "UPDATE versions SET blob_id = $4, digest = $5 WHERE node_id = $1 AND number = $2 AND blob_id = $3",
                &[
                    file.into(),
                    signed(number).into(),
                    from.into(),
                    to.into(),
                    digest.into(),
                ],
            )
            .await?;
        if told == 1 {
            self.queue_for_archive(Changed::Versions(file)).await?;
        }
        Ok(told == 1)
    }

    /// The sum of what is set aside for the uploads of a space.
    pub async fn reserved_sum(&mut self, space: SpaceId) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "SELECT CAST(coalesce(sum(reserved_bytes), 0) AS BIGINT) FROM uploads WHERE space_id = $1",
                &[space.into()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0).map(count))
    }
}

const fn kind_code(kind: UploadKind) -> i64 {
    match kind {
        UploadKind::Direct => 0,
        UploadKind::Tus => 1,
        UploadKind::TusPart => 2,
    }
}

const fn state_code(state: UploadState) -> i64 {
    match state {
        UploadState::Open => 0,
        UploadState::Verifying => 1,
        UploadState::Completed => 2,
        UploadState::Failed => 3,
    }
}

fn read(row: &Row) -> Result<Transfer, CatalogError> {
    let made = match (row.opt_id16(20)?, row.opt_int(21)?) {
        (Some(node), Some(version)) => Some((NodeId::from_bytes(node), count(version))),
        _ => None,
    };
    Ok(Transfer {
        id: UploadId::from_bytes(row.id16(0)?),
        kind: match row.int(1)? {
            0 => UploadKind::Direct,
            1 => UploadKind::Tus,
            _ => UploadKind::TusPart,
        },
        owner: row.text(2)?,
        space: SpaceId::from_bytes(row.id16(3)?),
        target: row.text(4)?,
        metadata: row.text(5)?,
        size_bytes: row.opt_int(6)?.map(count),
        reserved_bytes: count(row.int(7)?),
        offset_bytes: count(row.int(8)?),
        stored_bytes: count(row.int(9)?),
        parts: u32::try_from(row.int(10)?).unwrap_or(u32::MAX),
        part_bytes: count(row.int(11)?),
        digest: row.opt_bytes(12)?.map(|bytes| sha256(&bytes)).transpose()?,
        hash_state: row.opt_bytes(13)?,
        blob: BlobId::from_bytes(row.id16(14)?),
        store: row.text(15)?,
        key: row.opt_text(16)?,
        token: row.opt_text(17)?,
        seal: row.opt_bytes(18)?,
        state: match row.int(19)? {
            0 => UploadState::Open,
            1 => UploadState::Verifying,
            2 => UploadState::Completed,
            _ => UploadState::Failed,
        },
        made,
        created_ms: row.millis(22)?,
        expires_ms: row.millis(23)?,
    })
}

fn sha256(bytes: &[u8]) -> Result<Digest, CatalogError> {
    let bytes = bytes.try_into();
    bytes
        .map(Digest)
        .map_err(|_| CatalogError::Damaged("a promised digest is not 32 bytes long".to_owned()))
}
