//! The file of rows: a header, the rows of one table after another, and a trailer that proves the file whole.
//!
//! JSON, one value a line. A row is a list: numbers, texts, `null`, and bytes as a list of one text in base64.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use catalog::Cell;
use content::Hasher;
use model::{Digest, Millis};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};

use super::BackupError;

/// What such a file says that it is.
const FORMAT: &str = "cumuli rows";
/// The version of the format.
const VERSION: u32 = 1;
/// A longer line is not one of ours: contents in rows are small.
const LINE_BYTES: u64 = 256 * 1024 * 1024;
/// What is buffered before it is written or after it is read.
const BUFFER_BYTES: usize = 256 * 1024;

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    format: String,
    version: u32,
    /// The version of the schema.
    pub(crate) schema: u32,
    /// The installation.
    pub(crate) instance: String,
    /// When.
    pub(crate) made_ms: i64,
    /// What follows, in its order.
    pub(crate) tables: Vec<TableHeader>,
}

/// A table in a file of rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TableHeader {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: u64,
}

/// The line that begins a table.
#[derive(Serialize, Deserialize)]
struct Begin {
    table: String,
}

/// The last line.
#[derive(Serialize, Deserialize)]
struct Trailer {
    rows: u64,
    sha256: String,
}

impl Header {
    pub(crate) fn new(schema: u32, instance: String, made: Millis, tables: Vec<TableHeader>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            schema,
            instance,
            made_ms: made.0,
            tables,
        }
    }

    /// Where a column stands in the rows of a table.
    pub(crate) fn column(&self, table: &str, column: &str) -> Result<usize, BackupError> {
        let found = self.tables.iter().find(|each| each.name == table);
        let at = found.and_then(|table| table.columns.iter().position(|name| name == column));
        at.ok_or_else(|| BackupError::refused(format!("the backup has no column `{table}.{column}`")))
    }
}

/// Writes a file of rows under a temporary name.
pub(super) struct RowsWriter {
    path: PathBuf,
    draft: PathBuf,
    file: BufWriter<File>,
    hasher: Hasher,
    rows: u64,
}

impl RowsWriter {
    pub(super) async fn create(path: &Path, header: &Header) -> Result<Self, BackupError> {
        if let Some(folder) = path.parent() {
            make_private(folder).await?;
        }
        let draft = path.with_extension("draft");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .await
            .map_err(BackupError::file(&draft))?;
        let mut writer = Self {
            path: path.to_owned(),
            draft,
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            hasher: Hasher::new(false),
            rows: 0,
        };
        writer.line(header).await?;
        Ok(writer)
    }

    pub(super) async fn table(&mut self, name: &str) -> Result<(), BackupError> {
        let table = name.to_owned();
        self.line(&Begin { table }).await
    }

    pub(super) async fn row(&mut self, row: &[Cell]) -> Result<(), BackupError> {
        self.rows += 1;
        let values: Vec<Value> = row.iter().map(to_json).collect();
        self.line(&values).await
    }

    async fn line(&mut self, value: &impl Serialize) -> Result<(), BackupError> {
        let mut line = serde_json::to_vec(value).expect("rows and headers are JSON");
        line.push(b'\n');
        self.hasher.update(&line);
        self.file
            .write_all(&line)
            .await
            .map_err(BackupError::file(&self.draft))
    }

    /// Ends the file, flushes it and gives it its name. Answers how many rows it has.
    pub(super) async fn finish(mut self) -> Result<u64, BackupError> {
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new(false));
        let trailer = Trailer {
            rows: self.rows,
            sha256: hasher.finish().digest.to_string(),
        };
        self.line(&trailer).await?;
        let mut file = self.file;
        file.flush().await.map_err(BackupError::file(&self.draft))?;
        file.get_ref()
            .sync_all()
            .await
            .map_err(BackupError::file(&self.draft))?;
        tokio::fs::rename(&self.draft, &self.path)
            .await
            .map_err(BackupError::file(&self.path))?;
        if let Some(folder) = self.path.parent() {
            let synced = async { File::open(folder).await?.sync_all().await };
            synced.await.map_err(BackupError::file(folder))?;
        }
        Ok(self.rows)
    }
}

/// Makes a folder that nobody else may look into, unless it is there.
async fn make_private(folder: &Path) -> Result<(), BackupError> {
    let mut builder = tokio::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder).await.map_err(BackupError::file(folder))
}

/// Reads a file of rows from its beginning.
pub(super) struct RowsReader {
    path: PathBuf,
    file: BufReader<File>,
    pub(super) header: Header,
    /// The table whose rows are next.
    table: Option<String>,
}

impl RowsReader {
    pub(super) async fn open(path: &Path) -> Result<Self, BackupError> {
        let file = File::open(path).await.map_err(BackupError::file(path))?;
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let line = read_line(&mut file, path).await?.unwrap_or_default();
        let header: Header = serde_json::from_slice(&line).map_err(|_| no_backup(path))?;
        if header.format != FORMAT {
            return Err(no_backup(path));
        }
        if header.version != VERSION {
            return Err(BackupError::refused(format!(
                "{} is of a later kind (version {}) than this Cumuli reads: use the one that wrote it",
                path.display(),
                header.version
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            header,
            table: None,
        })
    }

    /// Reads the whole file once and compares it with its trailer. Answers its SHA-256.
    pub(super) async fn prove(path: &Path) -> Result<Digest, BackupError> {
        let cut = || {
            BackupError::refused(format!(
                "{} is not whole: its end is missing or it was changed; choose another with --at",
                path.display()
            ))
        };
        let file = File::open(path).await.map_err(BackupError::file(path))?;
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut hasher = Hasher::new(false);
        let mut last: Option<Vec<u8>> = None;
        while let Some(line) = read_line(&mut file, path).await? {
            if let Some(before) = last.replace(line) {
                hasher.update(&before);
            }
        }
        let last = last.filter(|line| line.ends_with(b"\n")).ok_or_else(cut)?;
        let trailer: Trailer = serde_json::from_slice(&last).map_err(|_| cut())?;
        let digest = hasher.finish().digest;
        match digest.to_string() == trailer.sha256 {
            true => Ok(digest),
            false => Err(cut()),
        }
    }

    /// The next row of any table, with the table's name; `None` at the end.
    pub(super) async fn row(&mut self) -> Result<Option<(String, Vec<Cell>)>, BackupError> {
        while let Some(line) = read_line(&mut self.file, &self.path).await? {
            if line.first() == Some(&b'[') {
                let row = cells(&line).ok_or_else(|| no_backup(&self.path))?;
                let table = self.table.clone().ok_or_else(|| no_backup(&self.path))?;
                let described = self.header.tables.iter().find(|each| each.name == table);
                if described.is_none_or(|described| described.columns.len() != row.len()) {
                    return Err(no_backup(&self.path));
                }
                return Ok(Some((table, row)));
            }
            match serde_json::from_slice::<Begin>(&line) {
                Ok(begin) => self.table = Some(begin.table),
                // Not a row and not a beginning: the trailer, which was compared before.
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The next row of one table; `None` when there are no more.
    pub(super) async fn row_of(&mut self, table: &str) -> Result<Option<Vec<Cell>>, BackupError> {
        while let Some((of, row)) = self.row().await? {
            if of == table {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}

async fn read_line(file: &mut BufReader<File>, path: &Path) -> Result<Option<Vec<u8>>, BackupError> {
    let mut line = Vec::new();
    let read = file
        .take(LINE_BYTES)
        .read_until(b'\n', &mut line)
        .await
        .map_err(BackupError::file(path))?;
    Ok((read > 0).then_some(line))
}

fn no_backup(path: &Path) -> BackupError {
    BackupError::refused(format!(
        "{} is not a backup of Cumuli, or it is damaged",
        path.display()
    ))
}

pub(crate) fn to_json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => Value::from(*number),
        Cell::Text(text) => Value::from(text.as_str()),
        Cell::Bytes(bytes) => Value::from(vec![BASE64.encode(bytes)]),
    }
}

pub(crate) fn from_json(value: Value) -> Option<Cell> {
    Some(match value {
        Value::Null => Cell::Null,
        Value::Number(number) => Cell::Int(number.as_i64()?),
        Value::String(text) => Cell::Text(text),
        Value::Array(list) => Cell::Bytes(BASE64.decode(list.first()?.as_str()?).ok()?),
        Value::Bool(_) | Value::Object(_) => return None,
    })
}

fn cells(line: &[u8]) -> Option<Vec<Cell>> {
    let values: Vec<Value> = serde_json::from_slice(line).ok()?;
    values.into_iter().map(from_json).collect()
}
