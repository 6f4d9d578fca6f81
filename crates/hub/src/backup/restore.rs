//! Restores: a backup into an installation that holds nothing yet, on any engine and any store.

use std::path::Path;

use catalog::{Catalog, Cell, TO_RESTORE, Table, Tx};
use content::{Backend, Content, LocalStore, Pace, Take, Taken};
use model::{Blob, BlobId, BlobState, Clock, Place, StoredAt};

use super::rows::RowsReader;
use super::{AT_ONCE, BackupError, key_of, open_blobs, table_named};
use crate::scrub::is_damage;
use crate::{HubError, keys};

/// Rows that one transaction puts in.
const STEP_ROWS: usize = 1000;

/// What a restore works on. There is no hub yet: that would be an installation.
#[derive(Clone)]
pub struct RestoreParts {
    /// Rows, not migrated beyond what is to be restored.
    pub catalog: Catalog,
    /// Bytes.
    pub content: Content,
    /// Time.
    pub clock: Clock,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestoreReport {
    /// Rows that were put in.
    pub rows: u64,
    /// Contents that are in a store now.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Contents that are missing or damaged, a sentence each.
    pub damage: Vec<String>,
    /// What else an operator should know, a sentence each.
    pub notes: Vec<String>,
}

/// Restores the backup whose rows are in `rows_file` and whose contents are in `folder`.
///
/// Cut anywhere, it leaves an installation that does not serve; called again, it goes on.
///
/// # Errors
/// `Refused` when something is stored here already, or the backup is not whole or not for this schema.
pub async fn restore_backup(
    parts: &RestoreParts,
    folder: &Path,
    rows_file: &Path,
) -> Result<RestoreReport, BackupError> {
    let digest = RowsReader::prove(rows_file).await?;
    let mut reader = RowsReader::open(rows_file).await?;
    let at_bytes = format!("bytes {digest}");
    let mut report = RestoreReport::default();
    if prepare(&parts.catalog, reader.header.schema, &at_bytes).await? == Stage::Rows {
        report.rows = load_rows(&parts.catalog, &mut reader).await?;
        let mut tx = parts.catalog.write().await?;
        tx.set_restoring(Some(&at_bytes)).await?;
        tx.commit().await?;
    }
    // From here on this program's own statements are used, which know the newest schema.
    parts.catalog.migrate().await?;
    let source = open_blobs(folder).await?;
    load_blobs(parts, &source, &mut report).await?;
    finish(&parts.catalog).await?;
    Ok(report)
}

/// What a restore has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Rows,
    Bytes,
}

/// Brings the schema to the one of the rows and marks the catalog as one that is being restored.
pub(crate) async fn prepare(catalog: &Catalog, schema: u32, at_bytes: &str) -> Result<Stage, BackupError> {
    let version = catalog.schema_version().await?;
    check_restorable(catalog).await?;
    if version > 0 && catalog.read().await?.restoring().await?.as_deref() == Some(at_bytes) {
        return Ok(Stage::Bytes);
    }
    if version > schema {
        return Err(BackupError::refused(format!(
            "this database has version {version} and the backup is of version {schema}: restore into a database \
             that nothing was started on yet, and it is brought up to date afterwards"
        )));
    }
    catalog.migrate_to(schema).await?;
    let mut tx = catalog.write().await?;
    tx.set_restoring(Some("rows")).await?;
    tx.take_time().await?;
    tx.clear().await?;
    tx.commit().await?;
    Ok(Stage::Rows)
}

/// Refuses a catalog in which something is stored already.
///
/// # Errors
/// `Refused`, unless it is empty or a restore into it was interrupted.
pub async fn check_restorable(catalog: &Catalog) -> Result<(), BackupError> {
    match catalog.schema_version().await? {
        0 => Ok(()),
        _ => refuse_full(catalog).await,
    }
}

async fn refuse_full(catalog: &Catalog) -> Result<(), BackupError> {
    let mut tx = catalog.read().await?;
    match tx.restoring().await?.is_some() || tx.is_empty().await? {
        true => Ok(()),
        false => Err(BackupError::refused(
            "accounts or files are stored here already: a restore goes into an empty installation only; name \
             another data folder with --data, or another database",
        )),
    }
}

/// Brings the schema up to date and lets the installation serve.
pub(crate) async fn finish(catalog: &Catalog) -> Result<(), BackupError> {
    catalog.migrate().await?;
    let mut tx = catalog.write().await?;
    tx.set_restoring(None).await?;
    Ok(tx.commit().await?)
}

async fn load_rows(catalog: &Catalog, reader: &mut RowsReader) -> Result<u64, BackupError> {
    let tables = catalog.read().await?.tables().await?;
    let loader = Loader::new(reader, &tables)?;
    let mut rows = 0;
    let mut batch: Vec<Vec<Cell>> = Vec::new();
    let mut of = String::new();
    loop {
        let next = reader.row().await?;
        let is_another = next.as_ref().is_none_or(|(table, _)| *table != of);
        if !batch.is_empty() && (is_another || batch.len() == STEP_ROWS) {
            rows += batch.len() as u64;
            let mut tx = catalog.write().await?;
            loader.put(&mut tx, &of, std::mem::take(&mut batch)).await?;
            tx.commit().await?;
        }
        let Some((table, row)) = next else {
            return Ok(rows);
        };
        of = table;
        batch.push(row);
    }
}

/// Puts rows of a file into the tables of a database, whose columns may stand in another order.
struct Loader<'a> {
    /// Each table of the file: where its rows go, and where each column comes from.
    tables: Vec<(&'a Table, Vec<usize>)>,
}

impl<'a> Loader<'a> {
    fn new(reader: &RowsReader, tables: &'a [Table]) -> Result<Self, BackupError> {
        let mut known = Vec::new();
        for described in &reader.header.tables {
            let table = table_named(tables, &described.name)?;
            let from = |column: &String| described.columns.iter().position(|name| name == column);
            let from: Option<Vec<usize>> = table.columns.iter().map(from).collect();
            match from.filter(|from| from.len() == described.columns.len()) {
                Some(from) => known.push((table, from)),
                None => {
                    return Err(BackupError::refused(format!(
                        "the table `{}` of the backup has other columns than this database's",
                        described.name
                    )));
                }
            }
        }
        Ok(Self { tables: known })
    }

    async fn put(&self, tx: &mut Tx, name: &str, rows: Vec<Vec<Cell>>) -> Result<(), BackupError> {
        let found = self.tables.iter().find(|(table, _)| table.name == name);
        let Some((table, from)) = found else {
            return Err(BackupError::refused(format!(
                "the backup does not announce its table `{name}`"
            )));
        };
        let arranged = rows.into_iter().map(|row| {
            let cells: Vec<Cell> = from.iter().map(|at| row[*at].clone()).collect();
            cells
        });
        let rows: Vec<Vec<Cell>> = match name {
            "meta" => arranged.filter(|row| !is_local(table, row)).collect(),
            "blobs" => arranged.map(|row| to_restore(table, row)).collect(),
            "spaces" => arranged.map(|row| without_uploads(table, row)).collect(),
            _ => arranged.collect(),
        };
        Ok(tx.put_rows(table, rows).await?)
    }
}

pub(crate) fn is_local(table: &Table, row: &[Cell]) -> bool {
    let name = table.column("name").map(|at| &row[at]);
    matches!(name, Some(Cell::Text(name)) if Tx::is_local_meta(name))
}

/// Uploads that were under way are not restored, nor what was set aside for them.
pub(crate) fn without_uploads(table: &Table, mut row: Vec<Cell>) -> Vec<Cell> {
    if let Some(at) = table.column("reserved_bytes") {
        row[at] = Cell::Int(0);
    }
    row
}

/// The bytes of a content that was in a store are not in this installation's yet.
fn to_restore(table: &Table, mut row: Vec<Cell>) -> Vec<Cell> {
    if let Some(at) = table.column("store").filter(|at| row[*at] != Cell::Null) {
        row[at] = Cell::Text(TO_RESTORE.to_owned());
        if let Some(seal) = table.column("seal") {
            row[seal] = Cell::Null;
        }
    }
    row
}

async fn load_blobs(
    parts: &RestoreParts,
    source: &LocalStore,
    report: &mut RestoreReport,
) -> Result<(), BackupError> {
    let mut after: Option<BlobId> = None;
    let limit = u32::try_from(AT_ONCE).unwrap_or(1);
    loop {
        let blobs = parts.catalog.read().await?.blobs_to_restore(after, limit).await?;
        let Some(last) = blobs.last() else { return Ok(()) };
        after = Some(last.id);
        let copies = blobs.iter().map(|blob| load_blob(parts, source, blob));
        let copied = futures_util::future::join_all(copies).await;
        let mut tx = parts.catalog.write().await?;
        for (blob, copied) in blobs.iter().zip(copied) {
            if let Some(place) = copied? {
                report.blobs += 1;
                report.bytes += blob.size_bytes;
                place_bytes(&mut tx, blob, place).await?;
            } else {
                let place = lost(parts, blob.id);
                tx.place_restored(blob.id, &place, BlobState::Damaged).await?;
                let files = tx.files_of_blob(blob.id, 5).await?;
                let files: Vec<String> = files
                    .iter()
                    .map(|(file, number)| format!("{file} version {number}"))
                    .collect();
                report.damage.push(format!(
                    "content {} is missing from the backup or damaged in it; used by {}",
                    blob.id,
                    files.join(", ")
                ));
            }
        }
        tx.commit().await?;
    }
}

/// Where a content would be that is not: a look there finds it missing.
fn lost(parts: &RestoreParts, id: BlobId) -> Place {
    Place::Store(StoredAt {
        store: parts.content.default_name(),
        key: key_of(id),
        seal: None,
    })
}

async fn place_bytes(tx: &mut Tx, blob: &Blob, taken: Taken) -> Result<(), BackupError> {
    let place = match taken {
        Taken::Inline { bytes, .. } => {
            tx.put_inline(blob.id, &bytes).await?;
            Place::Inline
        }
        Taken::Stored { at, .. } => Place::Store(at),
    };
    Ok(tx.place_restored(blob.id, &place, BlobState::Good).await?)
}

/// Copies one content into the default store; `None` when it is missing or damaged.
async fn load_blob(
    parts: &RestoreParts,
    source: &LocalStore,
    blob: &Blob,
) -> Result<Option<Taken>, BackupError> {
    let size = blob.size_bytes;
    let body = match source.read(&key_of(blob.id), size, 0..size).await {
        Ok(body) => body,
        Err(error) if is_damage(&error) => return Ok(None),
        Err(error) => return Err(HubError::from(error).into()),
    };
    let take = Take {
        // A try before this one may have used the content's own id.
        id: BlobId::new((parts.clock)(), keys::random()),
        limit_bytes: size,
        inline_bytes: 0,
        wants_md5: false,
        size_bytes: Some(size),
        pace: Pace::default(),
    };
    let taken = match parts.content.take(body, take).await {
        Ok(taken) => taken,
        Err(error) if is_damage(&error) => return Ok(None),
        Err(error) => return Err(HubError::from(error).into()),
    };
    if blob.digest.is_none_or(|digest| digest == taken.digest()) {
        return Ok(Some(taken));
    }
    if let Taken::Stored { at, .. } = &taken {
        parts.content.remove(at).await?;
    }
    Ok(None)
}
