//! Backups: all rows of one moment in one file, and the contents that they name beside it.
//!
//! The rows come out of one read transaction, so they fit together whatever is written meanwhile. Contents never
//! change, and while a backup runs nothing that its rows name is removed.

mod error;
mod restore;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

use catalog::{Cell, Table};
use content::{Backend, LocalOptions, LocalStore, NewBlob};
use futures_util::StreamExt;
use futures_util::future::join_all;
use model::{Blob, BlobId, Millis, Place};

use crate::scrub::is_damage;
use crate::{Hub, HubError};
use rows::{Header, RowsReader, RowsWriter, TableHeader};

pub use error::BackupError;
pub use restore::{RestoreParts, RestoreReport, check_restorable, restore_backup};
pub(crate) use restore::{finish, is_local, prepare, without_uploads};
pub(crate) use rows::{from_json, to_json};

/// Contents that are copied at once.
const AT_ONCE: usize = 4;
/// How long removals wait after a backup gave its last sign of life, seconds, and how often it gives one.
const HOLD_SECS: i64 = 15 * 60;
const SIGN_SECS: i64 = 60;
/// The folder of contents in a backup.
const BLOBS: &str = "blobs";

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupOf {
    /// Rows and contents.
    Everything,
    /// Rows alone, and the small contents that lie among them.
    Rows,
}

/// What a backup did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupReport {
    /// The file of rows.
    pub rows_file: PathBuf,
    /// Rows in it.
    pub rows: u64,
    /// Contents that were copied.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Contents that were there already.
    pub kept: u64,
    /// What could not be copied because it is damaged, a sentence each.
    pub damage: Vec<String>,
}

impl Hub {
    /// Writes a backup into `folder`: a file of rows called after `stamp`, and the contents that are not there yet.
    ///
    /// # Errors
    /// When the folder cannot be written, or the database or a store does not answer. What is there stays, and
    /// another backup goes on from it.
    pub async fn back_up(
        &self,
        folder: &Path,
        stamp: &str,
        what: BackupOf,
    ) -> Result<BackupReport, BackupError> {
        let hold = Hold::take(self).await?;
        let rows_file = folder.join(format!("rows-{stamp}.cumuli"));
        let rows = self.write_rows(&rows_file).await?;
        let mut report = BackupReport {
            rows_file,
            rows,
            ..BackupReport::default()
        };
        if what == BackupOf::Everything {
            let target = open_blobs(folder).await?;
            self.copy_blobs(&hold, &target, &mut report).await?;
        }
        Ok(report)
    }

    async fn write_rows(&self, path: &Path) -> Result<u64, BackupError> {
        let schema = self.0.catalog.schema_version().await?;
        let mut tx = self.read().await?;
        let tables = tx.tables().await?;
        let mut described = Vec::new();
        for table in &tables {
            described.push(TableHeader {
                name: table.name.clone(),
                columns: table.columns.clone(),
                rows: tx.row_count(table).await?,
            });
        }
        let header = Header::new(schema, self.0.instance.clone(), self.now(), described);
        let mut writer = RowsWriter::create(path, &header).await?;
        for table in &tables {
            writer.table(&table.name).await?;
            let mut last: Option<Vec<Cell>> = None;
            loop {
                let page = tx.table_page(table, last.as_deref(), table.page_rows()).await?;
                if page.is_empty() {
                    break;
                }
                for row in &page {
                    writer.row(row).await?;
                }
                last = page.into_iter().next_back();
            }
        }
        writer.finish().await
    }

    async fn copy_blobs(
        &self,
        hold: &Hold,
        target: &LocalStore,
        report: &mut BackupReport,
    ) -> Result<(), BackupError> {
        let mut reader = RowsReader::open(&report.rows_file).await?;
        let stored = Stored::of(&reader.header)?;
        let mut ids = Vec::new();
        loop {
            let row = reader.row_of("blobs").await?;
            ids.extend(row.as_deref().and_then(|row| stored.id(row)));
            if ids.len() == AT_ONCE || row.is_none() {
                let copies = ids.drain(..).map(|id| self.copy_blob(hold, target, id));
                for copied in join_all(copies).await {
                    match copied? {
                        Copied::Now(bytes) => {
                            report.copied += 1;
                            report.copied_bytes += bytes;
                        }
                        Copied::Before => report.kept += 1,
                        Copied::Damaged(what) => report.damage.push(what),
                    }
                }
            }
            if row.is_none() {
                return Ok(());
            }
        }
    }

    async fn copy_blob(&self, hold: &Hold, target: &LocalStore, id: BlobId) -> Result<Copied, BackupError> {
        let blob = self.read().await?.blob(id).await?;
        let Some(blob) = blob else {
            return Ok(Copied::Damaged(format!(
                "content {id} went away during the backup"
            )));
        };
        let there = target.measure(&key_of(id)).await?;
        if there == Some(blob.size_bytes) {
            return Ok(Copied::Before);
        }
        if there.is_some() {
            target.remove(&key_of(id)).await?;
        }
        match self.copy_bytes(hold, target, &blob).await? {
            true => Ok(Copied::Now(blob.size_bytes)),
            false => {
                let mut tx = self.read().await?;
                // It may have been moved to another store on the way.
                let now = tx.blob(id).await?;
                if let Some(now) = now.filter(|now| now.place != blob.place)
                    && self.copy_bytes(hold, target, &now).await?
                {
                    return Ok(Copied::Now(now.size_bytes));
                }
                let files = tx.files_of_blob(id, 5).await?;
                let files: Vec<String> = files
                    .iter()
                    .map(|(file, number)| format!("{file} version {number}"))
                    .collect();
                Ok(Copied::Damaged(format!(
                    "content {id} is damaged; used by {}",
                    files.join(", ")
                )))
            }
        }
    }

    /// Copies the bytes and compares their digest; false when they are gone or wrong.
    async fn copy_bytes(&self, hold: &Hold, target: &LocalStore, blob: &Blob) -> Result<bool, BackupError> {
        let Place::Store(at) = &blob.place else {
            return Ok(true);
        };
        let size = blob.size_bytes;
        let mut body = match self.0.content.read(at, size, 0..size).await {
            Ok(body) => body,
            Err(error) if is_damage(&error) => return Ok(false),
            Err(error) => return Err(HubError::from(error).into()),
        };
        let new = NewBlob {
            id: blob.id,
            wants_md5: false,
            size_bytes: Some(size),
        };
        let mut writer = target.writer(new).await?;
        while let Some(chunk) = body.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) if crate::scrub::is_damage_on_the_way(&error) => return Ok(false),
                Err(error) => return Err(HubError::Body(error).into()),
            };
            writer.write(chunk).await?;
            hold.renew(self).await?;
        }
        let written = writer.finish().await?;
        // Where the digest is not known yet, the bytes are taken as they are.
        if blob.digest.is_none_or(|digest| digest == written.digest) {
            return Ok(true);
        }
        target.remove(&written.key).await?;
        Ok(false)
    }
}

/// What became of one content.
enum Copied {
    Now(u64),
    Before,
    Damaged(String),
}

/// Which contents of a file of rows lie in a store.
struct Stored {
    id: usize,
    store: usize,
}

impl Stored {
    fn of(header: &Header) -> Result<Self, BackupError> {
        let column = |name| header.column("blobs", name);
        Ok(Self {
            id: column("id")?,
            store: column("store")?,
        })
    }

    fn id(&self, row: &[Cell]) -> Option<BlobId> {
        match (&row[self.id], &row[self.store]) {
            (Cell::Bytes(id), Cell::Text(_)) => Some(BlobId::from_bytes(id.as_slice().try_into().ok()?)),
            _ => None,
        }
    }
}

/// Lets removals wait as long as a backup gives signs of life.
struct Hold {
    signed_ms: AtomicI64,
}

impl Hold {
    async fn take(hub: &Hub) -> Result<Self, HubError> {
        let hold = Self {
            signed_ms: AtomicI64::new(i64::MIN),
        };
        hold.renew(hub).await?;
        Ok(hold)
    }

    async fn renew(&self, hub: &Hub) -> Result<(), HubError> {
        let now = hub.now();
        let before = self.signed_ms.load(Ordering::Relaxed);
        if Millis(before) > now.minus_secs(SIGN_SECS) {
            return Ok(());
        }
        self.signed_ms.store(now.0, Ordering::Relaxed);
        let mut tx = hub.write().await?;
        tx.let_removals_wait(now.plus_secs(HOLD_SECS)).await?;
        Ok(tx.commit().await?)
    }
}

/// The contents of a backup are a local store of their own.
async fn open_blobs(folder: &Path) -> Result<LocalStore, BackupError> {
    let options = LocalOptions {
        folder: folder.join(BLOBS),
        durability: content::Durability::Full,
    };
    Ok(LocalStore::open(options).await?)
}

/// Where a content is in a backup: as a store would put it, by its id.
fn key_of(id: BlobId) -> String {
    let digits: String = id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}/{digits}", &digits[..6])
}

/// The table of that name, or a sentence.
fn table_named<'a>(tables: &'a [Table], name: &str) -> Result<&'a Table, BackupError> {
    let found = tables.iter().find(|table| table.name == name);
    found.ok_or_else(|| {
        BackupError::Refused(format!(
            "this database has no table `{name}`, and the backup does"
        ))
    })
}
