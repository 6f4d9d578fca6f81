//! Segments: notes of lines of JSON, of which the last proves the others.
//!
//! The first line says what it is. `{"table":..,"columns":[..]}` comes before the first row of a table, a row is a
//! list that begins with its table, `{"gone":..}` removes rows and `{"versions":..}` says which ones a file has.

use bytes::Bytes;
use catalog::{Cell, Table};
use content::Hasher;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::backup::{from_json, to_json};

/// What a segment belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Label {
    pub(super) generation: String,
    /// The version of the schema that its rows are of.
    pub(super) schema: u32,
    /// The installation.
    pub(super) instance: String,
    /// When it was written.
    pub(super) made_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct Head {
    segment: u64,
    label: Label,
}

#[derive(Serialize, Deserialize)]
struct Trailer {
    lines: u64,
    sha256: String,
    has_more: bool,
}

/// A segment that is being written.
pub(super) struct Segment {
    bytes: Vec<u8>,
    lines: u64,
    told: Vec<String>,
}

impl Segment {
    pub(super) fn new(label: &Label, number: u64) -> Self {
        let mut segment = Self {
            bytes: Vec::new(),
            lines: 0,
            told: Vec::new(),
        };
        segment.line(&Head {
            segment: number,
            label: label.clone(),
        });
        segment
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Rows to put in, in place of those of the same keys.
    pub(super) fn rows(&mut self, table: &Table, rows: &[Vec<Cell>]) {
        if !rows.is_empty() && !self.told.contains(&table.name) {
            self.told.push(table.name.clone());
            self.line(&json!({"table": table.name, "columns": table.columns}));
        }
        for row in rows {
            let mut values = vec![Value::from(table.name.as_str())];
            values.extend(row.iter().map(to_json));
            self.line(&values);
        }
    }

    /// Rows to remove: those in which these columns have these values.
    pub(super) fn gone(&mut self, table: &str, wanted: &[(&str, Cell)]) {
        let wanted: Vec<Value> = wanted
            .iter()
            .map(|(name, cell)| json!([name, to_json(cell)]))
            .collect();
        self.line(&json!({"gone": table, "where": wanted}));
    }

    /// The versions that a file has: no others.
    pub(super) fn versions(&mut self, file: &Cell, numbers: &[i64]) {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == *number => *last = *number,
                _ => ranges.push((*number, *number)),
            }
        }
        self.line(&json!({"versions": to_json(file), "ranges": ranges}));
    }

    fn line(&mut self, value: &impl Serialize) {
        serde_json::to_writer(&mut self.bytes, value).expect("rows are JSON, and memory takes them");
        self.bytes.push(b'\n');
        self.lines += 1;
    }

    /// Ends the segment. `has_more` says that only the next ones make its state whole.
    pub(super) fn finish(mut self, has_more: bool) -> Bytes {
        let mut hasher = Hasher::new(false);
        hasher.update(&self.bytes);
        let trailer = Trailer {
            lines: self.lines,
            sha256: hasher.finish().digest.to_string(),
            has_more,
        };
        self.line(&trailer);
        self.bytes.into()
    }
}

/// A segment that was read back and is whole.
pub(super) struct Read<'a> {
    pub(super) label: Label,
    pub(super) has_more: bool,
    lines: Vec<&'a [u8]>,
}

/// One line of a segment.
#[derive(Debug)]
pub(super) enum Line {
    Columns(String, Vec<String>),
    Row(String, Vec<Cell>),
    Gone(String, Vec<(String, Cell)>),
    Versions(Cell, Vec<(i64, i64)>),
}

impl<'a> Read<'a> {
    /// Reads a segment; `None` when it is not whole or not the one of that number.
    pub(super) fn new(bytes: &'a [u8], number: u64) -> Option<Self> {
        let body = bytes.strip_suffix(b"\n")?;
        let start = body.iter().rposition(|byte| *byte == b'\n')? + 1;
        let trailer: Trailer = serde_json::from_slice(&body[start..]).ok()?;
        let mut hasher = Hasher::new(false);
        hasher.update(&bytes[..start]);
        if hasher.finish().digest.to_string() != trailer.sha256 {
            return None;
        }
        let mut lines: Vec<&[u8]> = bytes[..start - 1].split(|byte| *byte == b'\n').collect();
        let head: Head = serde_json::from_slice(lines.first()?).ok()?;
        if head.segment != number || lines.len() as u64 != trailer.lines {
            return None;
        }
        lines.remove(0);
        Some(Self {
            label: head.label,
            has_more: trailer.has_more,
            lines,
        })
    }

    /// Its lines; `None` for one that is not understood.
    pub(super) fn lines(&self) -> impl Iterator<Item = Option<Line>> {
        self.lines.iter().map(|line| parse(line))
    }
}

fn parse(line: &[u8]) -> Option<Line> {
    match serde_json::from_slice(line).ok()? {
        Value::Array(values) => {
            let mut values = values.into_iter();
            let table = values.next()?.as_str()?.to_owned();
            let cells: Option<Vec<Cell>> = values.map(from_json).collect();
            Some(Line::Row(table, cells?))
        }
        Value::Object(mut object) => {
            let mut take = |name: &str| object.remove(name);
            if let Some(table) = take("table") {
                let columns = serde_json::from_value(take("columns")?).ok()?;
                return Some(Line::Columns(table.as_str()?.to_owned(), columns));
            }
            if let Some(table) = take("gone") {
                let wanted: Vec<(String, Value)> = serde_json::from_value(take("where")?).ok()?;
                let wanted = wanted
                    .into_iter()
                    .map(|(name, value)| Some((name, from_json(value)?)));
                return Some(Line::Gone(
                    table.as_str()?.to_owned(),
                    wanted.collect::<Option<_>>()?,
                ));
            }
            let file = from_json(take("versions")?)?;
            Some(Line::Versions(
                file,
                serde_json::from_value(take("ranges")?).ok()?,
            ))
        }
        _ => None,
    }
}
