//! What is in the source of a migration, and what became of each.

use model::{
    MigrationCopy, MigrationCount, MigrationId, MigrationItem, MigrationItemState, MigrationProof, Millis,
};

use crate::cloud_migrations::word;
use crate::db::{Row, Tx, Value};
use crate::remote_items::{key, kind_code, kind_of, lines};
use crate::{CatalogError, count, signed};

const COLUMNS: &str = "source_id, parent_id, depth, path, name, kind, size_bytes, state, reason, note, proof, \
    proven_ms, copy_id, copy_parent, copy_name, copy_revision, copy_hashes, of_revision, of_hashes, copy_bytes, \
    sent_hashes, was_there, is_rewritten, given_id, session, attempts, next_ms, seen_pass, done_pass";
/// Columns that are derived of those.
const DERIVED: &str = "migration_id, item_key, parent_key, copy_key, is_folder";
/// Columns of a row that is put in.
const WIDTH: usize = 34;
/// Rows that one statement puts in or asks for.
const AT_ONCE: usize = 16;
/// What there is to do about an item, other than to remove its copy.
const TO_DO: &str = "state IN ('waiting', 'failed')";

impl Tx {
    /// Writes down items as they stand. A source must not be there twice.
    pub async fn put_migration_items(
        &mut self,
        migration: MigrationId,
        items: &[MigrationItem],
    ) -> Result<(), CatalogError> {
        for chunk in items.chunks(AT_ONCE) {
            let mut params = Vec::with_capacity(chunk.len() * WIDTH);
            for item in chunk {
                fill(&mut params, migration, item);
            }
            self.execute(&insert(chunk.len()), &params).await?;
        }
        Ok(())
    }

    /// Finds an item by its id at the source.
    pub async fn migration_item(
        &mut self,
        migration: MigrationId,
        source: &str,
    ) -> Result<Option<MigrationItem>, CatalogError> {
        let found = self.migration_items_of(migration, &[source]).await?;
        Ok(found.into_iter().next())
    }

    /// Finds items by their ids at the source, in no order.
    pub async fn migration_items_of(
        &mut self,
        migration: MigrationId,
        sources: &[&str],
    ) -> Result<Vec<MigrationItem>, CatalogError> {
        let mut found = Vec::with_capacity(sources.len());
        for chunk in sources.chunks(AT_ONCE) {
            let sql = format!(
                "SELECT {COLUMNS} FROM cloud_migration_items WHERE migration_id = $1 AND item_key IN ({})",
                places(2, chunk.len())
            );
            let rows = self.query(&sql, &keyed(migration, chunk)).await?;
            for row in &rows {
                found.push(read(row)?);
            }
        }
        Ok(found)
    }

    /// Finds the item of which something at the target is the copy.
    pub async fn migration_item_of_copy(
        &mut self,
        migration: MigrationId,
        copy: &str,
    ) -> Result<Option<MigrationItem>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM cloud_migration_items WHERE migration_id = $1 AND copy_key = $2 LIMIT 1"
        );
        let row = self.first(&sql, &keyed(migration, &[copy])).await?;
        row.as_ref().map(read).transpose()
    }

    /// What is in a folder at the source of which a copy was begun, and is not known to be there, at most `limit`.
    pub async fn begun_migration_items(
        &mut self,
        migration: MigrationId,
        folder: &str,
        limit: u32,
    ) -> Result<Vec<MigrationItem>, CatalogError> {
        self.migration_rows(
            migration,
            "parent_key = $2 AND state = 'waiting' AND copy_id IS NULL AND copy_name IS NOT NULL LIMIT $3",
            vec![key(folder).to_vec().into(), i64::from(limit).into()],
        )
        .await
    }

    /// Notes that a pass has found items as they were.
    pub async fn see_migration_items(
        &mut self,
        migration: MigrationId,
        pass: u64,
        sources: &[&str],
    ) -> Result<(), CatalogError> {
        for chunk in sources.chunks(AT_ONCE) {
            let sql = format!(
                "UPDATE cloud_migration_items SET seen_pass = ${} WHERE migration_id = $1 AND item_key IN ({})",
                chunk.len() + 2,
                places(2, chunk.len())
            );
            let mut params = keyed(migration, chunk);
            params.push(signed(pass).into());
            self.execute(&sql, &params).await?;
        }
        Ok(())
    }

    /// Folders that a pass has found and has not looked into yet, at most `limit`.
    pub async fn migration_folders(
        &mut self,
        (migration, pass): (MigrationId, u64),
        limit: u32,
    ) -> Result<Vec<MigrationItem>, CatalogError> {
        self.migration_rows(
            migration,
            "is_folder = 1 AND done_pass < $2 AND seen_pass = $2 ORDER BY done_pass LIMIT $3",
            vec![signed(pass).into(), i64::from(limit).into()],
        )
        .await
    }

    /// Files that are at the target and that a pass has not verified yet, at most `limit`.
    pub async fn migration_copies(
        &mut self,
        (migration, pass): (MigrationId, u64),
        limit: u32,
    ) -> Result<Vec<MigrationItem>, CatalogError> {
        self.migration_rows(
            migration,
            "is_folder = 0 AND done_pass < $2 AND state = 'done' ORDER BY done_pass LIMIT $3",
            vec![signed(pass).into(), i64::from(limit).into()],
        )
        .await
    }

    /// Items that a pass has not found although an earlier one did, among the `limit` that follow `after`.
    pub async fn missing_migration_items(
        &mut self,
        (migration, pass): (MigrationId, u64),
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<MigrationItem>, CatalogError> {
        let after = after.map_or_else(Vec::new, |source| key(source).to_vec());
        self.migration_rows(
            migration,
            "item_key > $2 AND seen_pass < $3 AND state NOT IN ('gone', 'removed') ORDER BY item_key LIMIT $4",
            vec![after.into(), signed(pass).into(), i64::from(limit).into()],
        )
        .await
    }

    /// Items that something is to be done about now: folders, or all else, the highest first, at most `limit`.
    pub async fn migration_work(
        &mut self,
        (migration, of_folders): (MigrationId, bool),
        now: Millis,
        limit: u32,
    ) -> Result<Vec<MigrationItem>, CatalogError> {
        let filter = format!(
            "is_folder = $2 AND next_ms IS NOT NULL AND next_ms <= $3 AND {TO_DO} ORDER BY depth LIMIT $4"
        );
        let params = vec![i64::from(of_folders).into(), now.into(), i64::from(limit).into()];
        self.migration_rows(migration, &filter, params).await
    }

    /// Items whose copies are to be removed now, the deepest first, at most `limit`.
    pub async fn migration_leavings(
        &mut self,
        migration: MigrationId,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<MigrationItem>, CatalogError> {
        self.migration_rows(
            migration,
            "state = 'gone' AND next_ms IS NOT NULL AND next_ms <= $2 ORDER BY depth DESC LIMIT $3",
            vec![now.into(), i64::from(limit).into()],
        )
        .await
    }

    /// When something is next to be done about an item; `None` when there is nothing.
    pub async fn next_migration_work(
        &mut self,
        migration: MigrationId,
    ) -> Result<Option<Millis>, CatalogError> {
        let row = self
            .first(
                "SELECT MIN(next_ms) FROM cloud_migration_items WHERE migration_id = $1 AND next_ms IS NOT NULL",
                &[Value::id(migration.as_bytes())],
            )
            .await?;
        row.map_or(Ok(None), |row| row.opt_millis(0))
    }

    /// Has everything tried once more that went wrong.
    pub async fn retry_migration_items(
        &mut self,
        migration: MigrationId,
        now: Millis,
    ) -> Result<u64, CatalogError> {
        self.execute(
            "UPDATE cloud_migration_items SET state = 'waiting', attempts = 0, next_ms = $2
             WHERE migration_id = $1 AND state IN ('waiting', 'failed', 'conflict')",
            &[Value::id(migration.as_bytes()), now.into()],
        )
        .await
    }

    /// Keeps a running upload, sealed; `None` forgets it.
    pub async fn put_migration_session(
        &mut self,
        migration: MigrationId,
        source: &str,
        session: Option<Vec<u8>>,
    ) -> Result<(), CatalogError> {
        let mut params = keyed(migration, &[source]);
        params.push(session.into());
        self.execute(
            "UPDATE cloud_migration_items SET session = $3 WHERE migration_id = $1 AND item_key = $2",
            &params,
        )
        .await?;
        Ok(())
    }

    /// Has what is in a folder looked at once more, since its copy is new or somewhere else now.
    pub async fn move_migration_items(
        &mut self,
        migration: MigrationId,
        folder: &str,
        now: Millis,
    ) -> Result<(), CatalogError> {
        let mut params = keyed(migration, &[folder]);
        params.push(now.into());
        self.execute(
            "UPDATE cloud_migration_items SET state = 'waiting', next_ms = $3
             WHERE migration_id = $1 AND parent_key = $2 AND state IN ('done', 'failed')",
            &params,
        )
        .await?;
        Ok(())
    }

    /// How many items stand where, the folder itself left out.
    pub async fn migration_counts(
        &mut self,
        migration: MigrationId,
    ) -> Result<Vec<MigrationCount>, CatalogError> {
        let rows = self
            .query(
                "SELECT state, proof, is_folder, count(*), CAST(coalesce(sum(size_bytes), 0) AS BIGINT)
                 FROM cloud_migration_items WHERE migration_id = $1 AND depth > 0
                 GROUP BY state, proof, is_folder ORDER BY state, proof, is_folder",
                &[Value::id(migration.as_bytes())],
            )
            .await?;
        let counts = rows.iter().map(|row| {
            Ok(MigrationCount {
                state: word(&row.text(0)?, MigrationItemState::from_word)?,
                proof: proof(row.opt_text(1)?)?,
                is_folder: row.int(2)? != 0,
                items: count(row.int(3)?),
                bytes: count(row.int(4)?),
            })
        });
        counts.collect()
    }

    /// A page of the items that stand in one of these states, by a fixed order: those that follow `after`.
    pub async fn migration_items(
        &mut self,
        (migration, state): (MigrationId, Option<MigrationItemState>),
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<MigrationItem>, CatalogError> {
        let after = after.map_or_else(Vec::new, |source| key(source).to_vec());
        let mut params = vec![after.into(), i64::from(limit).into()];
        let filter = match state {
            Some(state) => {
                params.push(state.as_str().into());
                "depth > 0 AND item_key > $2 AND state = $4 ORDER BY item_key LIMIT $3"
            }
            None => "depth > 0 AND item_key > $2 ORDER BY item_key LIMIT $3",
        };
        self.migration_rows(migration, filter, params).await
    }

    /// Removes what is known of a migration's items, at most `limit`. Answers how many that were.
    pub async fn forget_migration_items(
        &mut self,
        migration: MigrationId,
        limit: u32,
    ) -> Result<u64, CatalogError> {
        self.execute(
            "DELETE FROM cloud_migration_items WHERE migration_id = $1 AND item_key IN
                 (SELECT item_key FROM cloud_migration_items WHERE migration_id = $1 LIMIT $2)",
            &[Value::id(migration.as_bytes()), i64::from(limit).into()],
        )
        .await
    }

    async fn migration_rows(
        &mut self,
        migration: MigrationId,
        filter: &str,
        rest: Vec<Value>,
    ) -> Result<Vec<MigrationItem>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM cloud_migration_items WHERE migration_id = $1 AND {filter}");
        let mut params = vec![Value::id(migration.as_bytes())];
        params.extend(rest);
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read).collect()
    }
}

fn keyed(migration: MigrationId, sources: &[&str]) -> Vec<Value> {
    let mut params = vec![Value::id(migration.as_bytes())];
    params.extend(sources.iter().map(|source| Value::from(key(source).to_vec())));
    params
}

fn places(from: usize, many: usize) -> String {
    let places = (from..from + many).map(|at| format!("${at}"));
    places.collect::<Vec<_>>().join(", ")
}

fn insert(rows: usize) -> String {
    let rows = (0..rows).map(|row| format!("({})", places(row * WIDTH + 1, WIDTH)));
    let set = COLUMNS.split(',').chain(DERIVED.split(','));
    let set = set
        .map(str::trim)
        .filter(|name| !matches!(*name, "source_id" | "migration_id" | "item_key"));
    format!(
        "INSERT INTO cloud_migration_items ({COLUMNS}, {DERIVED}) VALUES {}
         ON CONFLICT (migration_id, item_key) DO UPDATE SET {}",
        rows.collect::<Vec<_>>().join(", "),
        set.map(|name| format!("{name} = excluded.{name}"))
            .collect::<Vec<_>>()
            .join(", ")
    )
}

fn fill(params: &mut Vec<Value>, migration: MigrationId, item: &MigrationItem) {
    let copy = &item.copy;
    // PostgreSQL takes no NUL in a text.
    let plain = |text: &str| Value::from(text.replace('\0', "\u{fffd}"));
    params.extend([
        item.source.as_str().into(),
        item.parent.as_deref().into(),
        i64::from(item.depth).into(),
        plain(&item.path),
        plain(&item.name),
        kind_code(item.kind).into(),
        item.size_bytes.map(signed).into(),
        item.state.as_str().into(),
        item.reason.as_deref().into(),
        item.note.as_deref().into(),
        item.proof.map(MigrationProof::as_str).into(),
        item.proven_ms.into(),
        copy.id.as_deref().into(),
        copy.parent.as_deref().into(),
        copy.name.as_deref().into(),
        copy.revision.as_deref().into(),
        copy.hashes.join("\n").into(),
        copy.of_revision.as_deref().into(),
        copy.of_hashes.join("\n").into(),
        copy.size_bytes.map(signed).into(),
        copy.sent_hashes.join("\n").into(),
        i64::from(copy.was_there).into(),
        i64::from(copy.is_rewritten).into(),
        item.given_id.as_deref().into(),
        item.session.clone().into(),
        i64::from(item.attempts).into(),
        item.next_ms.into(),
        signed(item.seen_pass).into(),
        signed(item.done_pass).into(),
    ]);
    params.extend([
        Value::id(migration.as_bytes()),
        key(&item.source).to_vec().into(),
        item.parent.as_deref().map(|parent| key(parent).to_vec()).into(),
        copy.id.as_deref().map(|copy| key(copy).to_vec()).into(),
        i64::from(item.is_folder()).into(),
    ]);
}

fn proof(text: Option<String>) -> Result<Option<MigrationProof>, CatalogError> {
    text.map(|text| word(&text, MigrationProof::from_word))
        .transpose()
}

fn read(row: &Row) -> Result<MigrationItem, CatalogError> {
    Ok(MigrationItem {
        source: row.text(0)?,
        parent: row.opt_text(1)?,
        depth: u32::try_from(row.int(2)?).unwrap_or(0),
        path: row.text(3)?,
        name: row.text(4)?,
        kind: kind_of(row.int(5)?)?,
        size_bytes: row.opt_int(6)?.map(count),
        state: word(&row.text(7)?, MigrationItemState::from_word)?,
        reason: row.opt_text(8)?,
        note: row.opt_text(9)?,
        proof: proof(row.opt_text(10)?)?,
        proven_ms: row.opt_int(11)?.map(Millis),
        copy: MigrationCopy {
            id: row.opt_text(12)?,
            parent: row.opt_text(13)?,
            name: row.opt_text(14)?,
            revision: row.opt_text(15)?,
            hashes: lines(&row.text(16)?),
            of_revision: row.opt_text(17)?,
            of_hashes: lines(&row.text(18)?),
            size_bytes: row.opt_int(19)?.map(count),
            sent_hashes: lines(&row.text(20)?),
            was_there: row.int(21)? != 0,
            is_rewritten: row.int(22)? != 0,
        },
        given_id: row.opt_text(23)?,
        session: row.opt_bytes(24)?,
        attempts: u32::try_from(row.int(25)?).unwrap_or(u32::MAX),
        next_ms: row.opt_int(26)?.map(Millis),
        seen_pass: count(row.int(27)?),
        done_pass: count(row.int(28)?),
    })
}
