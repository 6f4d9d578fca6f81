//! What the writer writes, as Python's `zipfile` and Info-ZIP's `unzip` read it.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use model::Millis;

use super::writer::Writer;

/// 2026-11-21 09:30:01 UTC.
const THEN: Millis = Millis(1_795_253_401_000);

/// An archive on disk, written entry by entry.
struct Packed {
    file: File,
    writer: Writer,
    path: tempfile::TempPath,
}

impl Packed {
    fn new() -> Self {
        let (file, path) = tempfile::NamedTempFile::new().expect("a file").into_parts();
        Self {
            file,
            writer: Writer::default(),
            path,
        }
    }

    fn folder(&mut self, depth: usize, name: &str) {
        let head = self.writer.folder((depth, name), THEN);
        self.file.write_all(&head).expect("written");
    }

    fn put(&mut self, depth: usize, name: &str, bytes: &[u8]) {
        let head = self.writer.file((depth, name), bytes.len() as u64, THEN);
        self.file.write_all(&head).expect("written");
        self.file.write_all(bytes).expect("written");
        let tail = self.writer.end_file(crc32fast::hash(bytes));
        self.file.write_all(&tail).expect("written");
    }

    /// A file of zeros that takes no room on the disk.
    fn put_zeros(&mut self, depth: usize, name: &str, size_bytes: u64) {
        let head = self.writer.file((depth, name), size_bytes, THEN);
        self.file.write_all(&head).expect("written");
        let size = i64::try_from(size_bytes).expect("a size");
        self.file.seek(SeekFrom::Current(size)).expect("skipped");
        let tail = self.writer.end_file(crc_of_zeros(size_bytes));
        self.file.write_all(&tail).expect("written");
    }

    fn ended(mut self) -> tempfile::TempPath {
        for piece in std::mem::take(&mut self.writer).directory() {
            self.file.write_all(&piece).expect("written");
        }
        self.path
    }
}

/// The checksum of many zeros, put together from those of powers of two.
fn crc_of_zeros(count: u64) -> u32 {
    let mut whole = crc32fast::Hasher::new();
    let mut power = crc32fast::Hasher::new();
    power.update(&[0]);
    for bit in 0..40 {
        if count >> bit & 1 == 1 {
            whole.combine(&power);
        }
        let same = power.clone();
        power.combine(&same);
    }
    whole.finalize()
}

/// What Python prints that reads the archive `z` by this script.
#[track_caller]
fn python(archive: &Path, script: &str) -> String {
    let script = format!("import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\n{script}");
    let output = Command::new("python3")
        .arg("-c")
        .arg(script)
        .arg(archive)
        .output()
        .expect("python3 is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// What Info-ZIP says of an archive that it finds whole.
#[track_caller]
fn unzip(archive: &Path) -> String {
    let output = Command::new("unzip").arg("-t").arg(archive).output();
    let output = output.expect("unzip is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_tree_is_read_as_it_was_written() {
    let mut packed = Packed::new();
    packed.folder(0, "Süß 🌤");
    packed.folder(1, "empty");
    packed.folder(1, "deep");
    packed.put(2, "C:x — \"q\" %.txt", b"odd");
    packed.put(1, "zero.bin", b"");
    packed.put(1, "one.txt", b"one\n");
    packed.put(0, "beside.txt", b"beside");
    let archive = packed.ended();

    let told = python(
        &archive,
        "assert z.testzip() is None\nfor i in z.infolist(): print(i.filename, i.file_size, i.date_time, i.is_dir(), i.flag_bits & 0x800)",
    );

    let expected = [
        ("Süß 🌤/", 0, true),
        ("Süß 🌤/empty/", 0, true),
        ("Süß 🌤/deep/", 0, true),
        ("Süß 🌤/deep/C:x — \"q\" %.txt", 3, false),
        ("Süß 🌤/zero.bin", 0, false),
        ("Süß 🌤/one.txt", 4, false),
        ("beside.txt", 6, false),
    ];
    let lines = expected.map(|(name, size, is_folder)| {
        let is_folder = if is_folder { "True" } else { "False" };
        format!("{name} {size} (2026, 11, 21, 9, 30, 0) {is_folder} 2048\n")
    });
    assert_eq!(told, lines.concat());
    assert!(unzip(&archive).contains("No errors detected"));
}

#[test]
fn nothing_packed_is_an_empty_archive() {
    let archive = Packed::new().ended();

    assert_eq!(python(&archive, "print(z.namelist())"), "[]\n");
}

#[test]
fn more_entries_than_sixteen_bits_count_are_all_there() {
    for count in [65_534, 65_535, 65_536, 70_000] {
        let mut packed = Packed::new();
        packed.folder(0, "many");
        for n in 1..count {
            packed.put(1, &format!("{n}.txt"), b"");
        }
        let archive = packed.ended();

        let told = python(&archive, "n = z.namelist()\nprint(len(n), n[-1])");
        assert_eq!(told, format!("{count} many/{}.txt\n", count - 1));
        unzip(&archive);
    }
}

#[test]
fn sizes_and_places_beyond_32_bits_are_kept() {
    // Just under, at and over what the narrow fields hold.
    for size in [
        u64::from(u32::MAX) - 1,
        u64::from(u32::MAX),
        u64::from(u32::MAX) + 1,
        5 << 30,
    ] {
        let mut packed = Packed::new();
        packed.folder(0, "f");
        packed.put_zeros(1, "big.bin", size);
        packed.put(1, "after.txt", b"after");
        let archive = packed.ended();

        let told = python(
            &archive,
            "big, after = z.infolist()[1:]\nprint(big.file_size, z.read(after), z.open(big).read(3), after.header_offset > big.file_size)",
        );
        assert_eq!(told, format!("{size} b'after' b'\\x00\\x00\\x00' True\n"));
    }
}

#[test]
fn times_outside_the_format_are_the_nearest_inside() {
    for (millis, year) in [(i64::MIN, 1980), (-1, 1980), (i64::MAX, 2038)] {
        let mut packed = Packed::new();
        let head = packed.writer.folder((0, "f"), Millis(millis));
        packed.file.write_all(&head).expect("written");
        let archive = packed.ended();

        assert_eq!(
            python(&archive, "print(z.infolist()[0].date_time[0])"),
            format!("{year}\n"),
            "{millis}"
        );
    }
}
