//! The zip format (APPNOTE 6.3.10), written from front to back: stored entries whose checksums follow
//! their bytes, UTF-8 names, zip64 where a number outgrows its field. Pure, no I/O.

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use model::Millis;

const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
/// Versions of the format: 2.0 for folders, 4.5 for zip64.
const PLAIN: u16 = 20;
const ZIP_64: u16 = 45;
/// Unix, whose modes say what is a folder.
const UNIX: u16 = 3 << 8;
/// The name is UTF-8; the checksum and sizes follow the bytes.
const UTF_8: u16 = 1 << 11;
const FOLLOWED: u16 = 1 << 3;
/// A field of this value stands for one in the zip64 part.
const WIDE: u32 = u32::MAX;
const WIDE_COUNT: u16 = u16::MAX;
/// Bytes of the directory that are written at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Writes the entries of an archive and remembers what its directory has to say of them.
///
/// What is remembered of an entry is its last name and some twenty bytes: the entries come as a walk
/// through the tree meets them, so a depth tells what is above.
#[derive(Default)]
pub(super) struct Writer {
    trail: Trail,
    records: Vec<u8>,
    /// The file that is being written.
    open: Option<Record>,
}

/// What the directory says of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    depth: usize,
    name: String,
    is_folder: bool,
    modified_secs: u32,
    crc: u32,
    size_bytes: u64,
}

impl Writer {
    /// Starts a folder. It is `depth` levels below the top; what comes next one level deeper is in it.
    pub fn folder(&mut self, (depth, name): (usize, &str), modified: Millis) -> Bytes {
        let record = Record {
            depth,
            name: name.to_owned(),
            is_folder: true,
            modified_secs: whole_secs(modified),
            crc: 0,
            size_bytes: 0,
        };
        let head = record.local(self.trail.at(&record));
        record.put(&mut self.records);
        head
    }

    /// Starts a file of exactly `size_bytes`, which come next.
    pub fn file(&mut self, (depth, name): (usize, &str), size_bytes: u64, modified: Millis) -> Bytes {
        let record = Record {
            depth,
            name: name.to_owned(),
            is_folder: false,
            modified_secs: whole_secs(modified),
            crc: 0,
            size_bytes,
        };
        let head = record.local(self.trail.at(&record));
        self.open = Some(record);
        head
    }

    /// Ends the file, whose bytes had this checksum.
    pub fn end_file(&mut self, crc: u32) -> Bytes {
        let Some(mut record) = self.open.take() else {
            return Bytes::new();
        };
        record.crc = crc;
        record.put(&mut self.records);
        record.descriptor()
    }

    /// Ends the archive: the pieces of its directory.
    pub fn directory(self) -> Directory {
        Directory {
            records: self.records,
            read: 0,
            trail: Trail::default(),
            count: 0,
            offset: 0,
            size_bytes: 0,
            is_ended: false,
        }
    }
}

/// The directory at the end of an archive, in pieces.
pub(super) struct Directory {
    records: Vec<u8>,
    read: usize,
    trail: Trail,
    count: u64,
    /// Where the next entry begins; after the last one, where the directory does.
    offset: u64,
    size_bytes: u64,
    is_ended: bool,
}

impl Iterator for Directory {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.is_ended {
            return None;
        }
        let mut piece = BytesMut::new();
        while piece.len() < PIECE_BYTES {
            let Some(record) = Record::take(&self.records, &mut self.read) else {
                self.size_bytes += piece.len() as u64;
                self.end(&mut piece);
                self.is_ended = true;
                return Some(piece.freeze());
            };
            let path = self.trail.at(&record);
            record.central(path, self.offset, &mut piece);
            self.offset += record.whole_bytes(path);
            self.count += 1;
        }
        self.size_bytes += piece.len() as u64;
        Some(piece.freeze())
    }
}

impl Directory {
    fn end(&self, piece: &mut BytesMut) {
        let (count, size, offset) = (self.count, self.size_bytes, self.offset);
        let is_wide = count >= u64::from(WIDE_COUNT) || is_wide(size) || is_wide(offset);
        if is_wide {
            piece.put_u32_le(END_64);
            // The bytes of this record that follow.
            piece.put_u64_le(44);
            piece.put_u16_le(UNIX | ZIP_64);
            piece.put_u16_le(ZIP_64);
            piece.put_u64_le(0);
            for number in [count, count, size, offset] {
                piece.put_u64_le(number);
            }
            piece.put_u32_le(LOCATOR_64);
            piece.put_u32_le(0);
            piece.put_u64_le(offset + size);
            piece.put_u32_le(1);
        }
        let count = u16::try_from(count).unwrap_or(WIDE_COUNT);
        piece.put_u32_le(END);
        piece.put_u32_le(0);
        piece.put_u16_le(count);
        piece.put_u16_le(count);
        piece.put_u32_le(narrow(size));
        piece.put_u32_le(narrow(offset));
        piece.put_u16_le(0);
    }
}

impl Record {
    /// Whether a checksum follows the bytes. What is empty has none to wait for.
    const fn is_followed(&self) -> bool {
        self.size_bytes > 0
    }

    const fn flags(&self) -> u16 {
        if self.is_followed() {
            UTF_8 | FOLLOWED
        } else {
            UTF_8
        }
    }

    const fn extra_bytes(&self) -> u16 {
        if is_wide(self.size_bytes) { 9 + 20 } else { 9 }
    }

    /// Bytes of the entry from its first to the one before the next entry.
    fn whole_bytes(&self, path: &str) -> u64 {
        let tail = match (self.is_followed(), is_wide(self.size_bytes)) {
            (false, _) => 0,
            (true, false) => 16,
            (true, true) => 24,
        };
        30 + path.len() as u64 + u64::from(self.extra_bytes()) + self.size_bytes + tail
    }

    fn local(&self, path: &str) -> Bytes {
        let is_wide = is_wide(self.size_bytes);
        // What follows the bytes is 0 here (4.4.4); in the wide form the zip64 part has the zeros.
        let size = if is_wide { WIDE } else { 0 };
        let mut head = BytesMut::with_capacity(64 + path.len());
        head.put_u32_le(LOCAL);
        head.put_u16_le(if is_wide { ZIP_64 } else { PLAIN });
        self.put_shape(&mut head);
        head.put_u32_le(0);
        head.put_u32_le(size);
        head.put_u32_le(size);
        head.put_u16_le(length(path));
        head.put_u16_le(self.extra_bytes());
        head.put_slice(path.as_bytes());
        self.put_time(&mut head);
        if is_wide {
            put_wide(&[0, 0], &mut head);
        }
        head.freeze()
    }

    fn descriptor(&self) -> Bytes {
        let mut tail = BytesMut::new();
        if !self.is_followed() {
            return tail.freeze();
        }
        tail.put_u32_le(DESCRIPTOR);
        tail.put_u32_le(self.crc);
        for _ in ["packed", "unpacked"] {
            match u32::try_from(self.size_bytes) {
                Ok(size) if size != WIDE => tail.put_u32_le(size),
                _ => tail.put_u64_le(self.size_bytes),
            }
        }
        tail.freeze()
    }

    fn central(&self, path: &str, offset: u64, piece: &mut BytesMut) {
        let mut wide = Vec::new();
        if is_wide(self.size_bytes) {
            wide.extend([self.size_bytes, self.size_bytes]);
        }
        if is_wide(offset) {
            wide.push(offset);
        }
        let wide_bytes = if wide.is_empty() { 0 } else { 4 + 8 * wide.len() };
        let mode: u32 = if self.is_folder { 0o040_755 } else { 0o100_644 };
        // The bit by which DOS marks folders.
        let attributes = mode << 16 | if self.is_folder { 0x10 } else { 0 };
        piece.put_u32_le(CENTRAL);
        piece.put_u16_le(UNIX | ZIP_64);
        piece.put_u16_le(if wide.is_empty() { PLAIN } else { ZIP_64 });
        self.put_shape(piece);
        piece.put_u32_le(self.crc);
        piece.put_u32_le(narrow(self.size_bytes));
        piece.put_u32_le(narrow(self.size_bytes));
        piece.put_u16_le(length(path));
        piece.put_u16_le(9 + u16::try_from(wide_bytes).unwrap_or(0));
        // No comment, one disk, no inner attributes.
        piece.put_u16_le(0);
        piece.put_u16_le(0);
        piece.put_u16_le(0);
        piece.put_u32_le(attributes);
        piece.put_u32_le(narrow(offset));
        piece.put_slice(path.as_bytes());
        self.put_time(piece);
        if !wide.is_empty() {
            put_wide(&wide, piece);
        }
    }

    /// Flags, method 0 (stored) and the time as DOS has it, in UTC.
    fn put_shape(&self, to: &mut BytesMut) {
        let (date, time) = dos_time(self.modified_secs);
        to.put_u16_le(self.flags());
        to.put_u16_le(0);
        to.put_u16_le(time);
        to.put_u16_le(date);
    }

    /// The time as Unix has it: the extended timestamp of Info-ZIP.
    fn put_time(&self, to: &mut BytesMut) {
        to.put_u16_le(0x5455);
        to.put_u16_le(5);
        to.put_u8(1);
        to.put_u32_le(self.modified_secs);
    }

    /// Remembers it.
    fn put(&self, records: &mut Vec<u8>) {
        records.push(u8::from(self.is_folder));
        put_number(self.depth as u64, records);
        put_number(self.name.len() as u64, records);
        records.extend_from_slice(self.name.as_bytes());
        records.extend_from_slice(&self.modified_secs.to_le_bytes());
        if !self.is_folder {
            records.extend_from_slice(&self.crc.to_le_bytes());
            put_number(self.size_bytes, records);
        }
    }

    /// Remembers the next one; `None` after the last.
    fn take(records: &[u8], at: &mut usize) -> Option<Self> {
        let is_folder = *records.get(*at)? == 1;
        *at += 1;
        let depth = usize::try_from(take_number(records, at)?).ok()?;
        let length = usize::try_from(take_number(records, at)?).ok()?;
        let name = std::str::from_utf8(records.get(*at..*at + length)?).ok()?;
        *at += length;
        let modified_secs = take_four(records, at)?;
        let (crc, size_bytes) = match is_folder {
            true => (0, 0),
            false => (take_four(records, at)?, take_number(records, at)?),
        };
        Some(Self {
            depth,
            name: name.to_owned(),
            is_folder,
            modified_secs,
            crc,
            size_bytes,
        })
    }
}

/// The way to an entry.
#[derive(Default)]
struct Trail {
    path: String,
    /// Where the names of the folders end in it.
    ends: Vec<usize>,
}

impl Trail {
    /// Goes to an entry from the one before it: its path, with `/` at the end of a folder's.
    fn at(&mut self, record: &Record) -> &str {
        self.ends.truncate(record.depth);
        self.path.truncate(self.ends.last().copied().unwrap_or(0));
        self.path.push_str(&record.name);
        if record.is_folder {
            self.path.push('/');
            self.ends.push(self.path.len());
        }
        &self.path
    }
}

const fn is_wide(number: u64) -> bool {
    number >= WIDE as u64
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(WIDE)
}

/// Paths are 128 names of 255 bytes at the most.
fn length(path: &str) -> u16 {
    u16::try_from(path.len()).expect("a path of ours is shorter than 64 KiB")
}

fn put_wide(numbers: &[u64], to: &mut BytesMut) {
    to.put_u16_le(1);
    to.put_u16_le(u16::try_from(8 * numbers.len()).unwrap_or(0));
    for number in numbers {
        to.put_u64_le(*number);
    }
}

/// Seven bits a byte, the lowest first.
fn put_number(mut number: u64, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn take_number(from: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *from.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_four(from: &[u8], at: &mut usize) -> Option<u32> {
    let bytes = from.get(*at..*at + 4)?.try_into().ok()?;
    *at += 4;
    Some(u32::from_le_bytes(bytes))
}

/// Seconds since 1970, as far as the timestamp of Info-ZIP goes.
fn whole_secs(at: Millis) -> u32 {
    let secs = at.0.div_euclid(1000).clamp(0, i64::from(i32::MAX));
    u32::try_from(secs).unwrap_or(0)
}

/// Date and time as DOS has them: from 1980, in steps of two seconds.
fn dos_time(secs: u32) -> (u16, u16) {
    let at = Timestamp::from_second(i64::from(secs)).unwrap_or_default();
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let part = |number: i8, shift: u32| u16::try_from(number).unwrap_or(0) << shift;
    let Ok(year @ 0..=127) = u16::try_from(at.year() - 1980) else {
        return (1 << 5 | 1, 0);
    };
    let date = year << 9 | part(at.month(), 5) | part(at.day(), 0);
    let time = part(at.hour(), 11) | part(at.minute(), 5) | part(at.second() / 2, 0);
    (date, time)
}
