//! What steps cost at a provider, about: calls and time.

use super::preview::{PlanSide, PlanStep};

/// What there is to do, as far as it costs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Work {
    /// Files to be made there, ...
    created: u64,
    /// ... and folders.
    folders: u64,
    /// Contents to be replaced there.
    written: u64,
    /// Contents to be read there.
    read: u64,
    /// Things to be moved or renamed there.
    moved: u64,
    /// Things to be deleted there.
    deleted: u64,
    /// Things that are to be deleted here: each is looked for there before.
    confirmed: u64,
    /// Bytes of files there and back.
    bytes: u64,
    /// Files of more than a piece, in pieces.
    pieces: u64,
}

/// Bytes of a piece that large files are sent in.
const PIECE_BYTES: u64 = 8 << 20;

impl Work {
    pub(super) fn add(&mut self, step: &PlanStep) {
        let pieces = match step.size_bytes > PIECE_BYTES {
            true => step.size_bytes.div_ceil(PIECE_BYTES),
            false => 0,
        };
        match (step.kind, step.side) {
            ("create", Some(PlanSide::There)) if step.is_folder => self.folders += 1,
            ("create", Some(PlanSide::There)) => {
                self.created += 1;
                self.pieces += pieces;
                self.bytes += step.size_bytes;
            }
            ("write", Some(PlanSide::There)) => {
                self.written += 1;
                self.pieces += pieces;
                self.bytes += step.size_bytes;
            }
            ("create" | "write" | "keep_both", Some(PlanSide::Here)) if !step.is_folder => {
                self.read += 1;
                self.bytes += step.size_bytes;
            }
            ("compare", _) => {
                self.read += 1;
                self.bytes += step.size_bytes;
            }
            ("move", Some(PlanSide::There)) => self.moved += 1,
            ("delete", Some(PlanSide::There)) => self.deleted += 1,
            ("delete", Some(PlanSide::Here)) => self.confirmed += 1,
            _ => {}
        }
    }
}

/// Calls that each step takes at a kind of provider, and how fast they may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Costs {
    create: u64,
    folder: u64,
    write: u64,
    read: u64,
    place: u64,
    trash: u64,
    look: u64,
    /// Calls that an upload in pieces takes besides those for its pieces.
    session: u64,
    /// Calls a second that go well for long.
    calls_per_sec: u64,
    /// Bytes a second that count as usual.
    bytes_per_sec: u64,
}

impl Costs {
    /// Those of a kind of connection.
    pub(super) fn of(kind: &str) -> Self {
        let drive = Self {
            create: 1,
            folder: 1,
            // The revisions are compared afterwards.
            write: 3,
            read: 2,
            place: 2,
            trash: 2,
            look: 1,
            session: 1,
            calls_per_sec: 3,
            bytes_per_sec: 10 << 20,
        };
        match kind {
            "google" => drive,
            "onedrive" => Self {
                write: 1,
                place: 1,
                trash: 1,
                calls_per_sec: 5,
                ..drive
            },
            // What moves is copied, and then removed.
            "s3" | "b2" | "azure" => Self {
                write: 1,
                read: 1,
                place: 2,
                trash: 2,
                session: 2,
                calls_per_sec: 50,
                bytes_per_sec: 30 << 20,
                ..drive
            },
            "webdav" => Self {
                write: 2,
                place: 1,
                trash: 1,
                session: 0,
                calls_per_sec: 10,
                ..drive
            },
            // A folder of this machine: calls that cost nothing.
            _ => Self {
                create: 1,
                folder: 1,
                write: 1,
                read: 1,
                place: 1,
                trash: 1,
                look: 1,
                session: 0,
                calls_per_sec: 500,
                bytes_per_sec: 200 << 20,
            },
        }
    }

    pub(super) fn calls(&self, work: &Work) -> u64 {
        let uploads = work.created * self.create + work.written * self.write;
        let pieces = match work.pieces {
            0 => 0,
            pieces => pieces + self.session,
        };
        uploads
            + pieces
            + work.folders * self.folder
            + work.read * self.read
            + work.moved * self.place
            + work.deleted * self.trash
            + work.confirmed * self.look
    }

    /// Whichever takes longer: the calls or the bytes.
    pub(super) fn secs(&self, work: &Work) -> u64 {
        let by_calls = self.calls(work).div_ceil(self.calls_per_sec);
        let by_bytes = work.bytes.div_ceil(self.bytes_per_sec);
        by_calls.max(by_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(kind: &'static str, side: PlanSide, size_bytes: u64) -> PlanStep {
        PlanStep {
            entry: Some(1),
            kind,
            side: Some(side),
            path: String::new(),
            is_folder: false,
            size_bytes,
            reason: String::new(),
            is_held: false,
        }
    }

    #[test]
    fn calls_are_those_of_the_kind_of_provider() {
        let mut work = Work::default();
        for step in [
            step("create", PlanSide::There, 10),
            step("write", PlanSide::There, 10),
            step("move", PlanSide::There, 0),
            step("delete", PlanSide::There, 0),
            step("create", PlanSide::Here, 10),
            step("move", PlanSide::Here, 0),
        ] {
            work.add(&step);
        }
        for (kind, calls) in [("google", 10), ("onedrive", 6), ("s3", 7), ("directory", 5)] {
            assert_eq!(Costs::of(kind).calls(&work), calls, "{kind}");
        }
    }

    #[test]
    fn large_files_take_calls_for_their_pieces_and_time_for_their_bytes() {
        let mut work = Work::default();
        work.add(&step("create", PlanSide::There, 1 << 30));
        let costs = Costs::of("google");
        assert_eq!(costs.calls(&work), 1 + 128 + 1);
        assert_eq!(costs.secs(&work), 103);
    }
}
