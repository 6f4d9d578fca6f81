//! What goes into a statement and what comes out of it, the same for both engines.

use model::{
    AppPasswordId, BlobId, ChannelId, ConflictId, ConnectionId, Digest, InviteId, JobId, Millis, MirrorId,
    NodeId, SessionId, SpaceId, UploadId, UserId,
};

use crate::CatalogError;

/// The kind of a value; PostgreSQL wants to know it even of a null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 64 bits with a sign.
    Int,
    /// UTF-8 without NUL, which PostgreSQL cannot hold.
    Text,
    /// Any bytes.
    Bytes,
}

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, where a value of this kind could be.
    Null(Kind),
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// The 16 bytes of an id.
    pub fn id(bytes: &[u8; 16]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

macro_rules! value_from {
    ($($kind:ident: $type:ty, $of:ident => $value:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($of: $type) -> Self {
                $value
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                value.map_or(Self::Null(Kind::$kind), Self::from)
            }
        }
    )*};
}

value_from! {
    Int: i64, number => Self::Int(number);
    Int: Millis, time => Self::Int(time.0);
    Text: String, text => Self::Text(text);
    Text: &str, text => Self::Text(text.to_owned());
    Bytes: Vec<u8>, bytes => Self::Bytes(bytes);
    Bytes: &[u8], bytes => Self::Bytes(bytes.to_vec());
    Bytes: [u8; 16], id => Self::Bytes(id.to_vec());
    Bytes: &[u8; 16], id => Self::Bytes(id.to_vec());
    Bytes: [u8; 32], digest => Self::Bytes(digest.to_vec());
    Bytes: &[u8; 32], digest => Self::Bytes(digest.to_vec());
    Bytes: Digest, digest => Self::Bytes(digest.0.to_vec());
    Bytes: UserId, id => Self::id(id.as_bytes());
    Bytes: SpaceId, id => Self::id(id.as_bytes());
    Bytes: NodeId, id => Self::id(id.as_bytes());
    Bytes: BlobId, id => Self::id(id.as_bytes());
    Bytes: JobId, id => Self::id(id.as_bytes());
    Bytes: UploadId, id => Self::id(id.as_bytes());
    Bytes: ConnectionId, id => Self::id(id.as_bytes());
    Bytes: ChannelId, id => Self::id(id.as_bytes());
    Bytes: MirrorId, id => Self::id(id.as_bytes());
    Bytes: ConflictId, id => Self::id(id.as_bytes());
    Bytes: SessionId, id => Self::id(id.as_bytes());
    Bytes: AppPasswordId, id => Self::id(id.as_bytes());
    Bytes: InviteId, id => Self::id(id.as_bytes());
}

/// One column of a row: a number, or where its bytes lie in the row's buffer.
#[derive(Debug, Clone, Copy)]
enum Cell {
    Null,
    Int(i64),
    Text(usize, usize),
    Bytes(usize, usize),
}

/// One row of a result. Columns count from 0.
#[derive(Debug, Clone, Default)]
pub struct Row {
    cells: Vec<Cell>,
    buffer: Vec<u8>,
}

impl Row {
    pub(super) fn with_columns(count: usize) -> Self {
        Self {
            cells: Vec::with_capacity(count),
            buffer: Vec::new(),
        }
    }

    pub(super) fn push_null(&mut self) {
        self.cells.push(Cell::Null);
    }

    pub(super) fn push_int(&mut self, number: i64) {
        self.cells.push(Cell::Int(number));
    }

    pub(super) fn push_text(&mut self, text: &[u8]) {
        let (start, end) = self.append(text);
        self.cells.push(Cell::Text(start, end));
    }

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        let (start, end) = self.append(bytes);
        self.cells.push(Cell::Bytes(start, end));
    }

    fn append(&mut self, bytes: &[u8]) -> (usize, usize) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        (start, self.buffer.len())
    }

    fn cell(&self, i: usize) -> Result<Cell, CatalogError> {
        self.cells
            .get(i)
            .copied()
            .ok_or_else(|| CatalogError::Damaged(format!("a row has no column {i}")))
    }

    fn slice(&self, start: usize, end: usize) -> &[u8] {
        &self.buffer[start..end]
    }

    /// What is in each column.
    pub fn cells(&self) -> Result<Vec<crate::Cell>, CatalogError> {
        let cells = (0..self.cells.len()).map(|i| {
            Ok(match self.cell(i)? {
                Cell::Null => crate::Cell::Null,
                Cell::Int(number) => crate::Cell::Int(number),
                Cell::Text(..) => crate::Cell::Text(self.text(i)?),
                Cell::Bytes(..) => crate::Cell::Bytes(self.bytes(i)?),
            })
        });
        cells.collect()
    }

    /// The number in column `i`.
    pub fn int(&self, i: usize) -> Result<i64, CatalogError> {
        self.opt_int(i)?.ok_or_else(|| missing(i))
    }

    /// The number in column `i`, if there is one.
    pub fn opt_int(&self, i: usize) -> Result<Option<i64>, CatalogError> {
        match self.cell(i)? {
            Cell::Null => Ok(None),
            Cell::Int(number) => Ok(Some(number)),
            Cell::Text(..) | Cell::Bytes(..) => Err(unlike(i, "a number")),
        }
    }

    /// The text in column `i`.
    pub fn text(&self, i: usize) -> Result<String, CatalogError> {
        self.opt_text(i)?.ok_or_else(|| missing(i))
    }

    /// The text in column `i`, if there is one.
    pub fn opt_text(&self, i: usize) -> Result<Option<String>, CatalogError> {
        match self.cell(i)? {
            Cell::Null => Ok(None),
            Cell::Text(start, end) => match std::str::from_utf8(self.slice(start, end)) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(unlike(i, "UTF-8")),
            },
            Cell::Int(_) | Cell::Bytes(..) => Err(unlike(i, "a text")),
        }
    }

    /// The bytes in column `i`.
    pub fn bytes(&self, i: usize) -> Result<Vec<u8>, CatalogError> {
        self.opt_bytes(i)?.ok_or_else(|| missing(i))
    }

    /// The bytes in column `i`, if there are any.
    pub fn opt_bytes(&self, i: usize) -> Result<Option<Vec<u8>>, CatalogError> {
        Ok(self.opt_slice(i)?.map(<[u8]>::to_vec))
    }

    /// The 16 bytes of an id in column `i`.
    pub fn id16(&self, i: usize) -> Result<[u8; 16], CatalogError> {
        self.opt_id16(i)?.ok_or_else(|| missing(i))
    }

    /// The 16 bytes of an id in column `i`, if there is one.
    pub fn opt_id16(&self, i: usize) -> Result<Option<[u8; 16]>, CatalogError> {
        let slice = self.opt_slice(i)?;
        slice
            .map(|bytes| bytes.try_into().map_err(|_| unlike(i, "16 bytes")))
            .transpose()
    }

    /// The time in column `i`.
    pub fn millis(&self, i: usize) -> Result<Millis, CatalogError> {
        self.int(i).map(Millis)
    }

    /// The time in column `i`, if there is one.
    pub fn opt_millis(&self, i: usize) -> Result<Option<Millis>, CatalogError> {
        Ok(self.opt_int(i)?.map(Millis))
    }

    fn opt_slice(&self, i: usize) -> Result<Option<&[u8]>, CatalogError> {
        match self.cell(i)? {
            Cell::Null => Ok(None),
            Cell::Bytes(start, end) => Ok(Some(self.slice(start, end))),
            Cell::Int(_) | Cell::Text(..) => Err(unlike(i, "bytes")),
        }
    }
}

fn missing(i: usize) -> CatalogError {
    CatalogError::Damaged(format!("column {i} is empty where it must not be"))
}

fn unlike(i: usize, wanted: &str) -> CatalogError {
    CatalogError::Damaged(format!("column {i} is not {wanted}"))
}
