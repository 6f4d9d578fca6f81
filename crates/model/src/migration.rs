//! Moves of what is in one connection to another, over weeks where it takes them.

use crate::mirror::words;
use crate::{ConnectionId, MigrationId, Millis, UserId};

words! {
    /// Whether a migration runs.
    MigrationState {
        /// It does.
        Active = "active",
        /// A person stopped it for now.
        Paused = "paused",
        /// Nothing differed any more, and all that could be moved was verified.
        Done = "done",
        /// It was called off, or one of its connections is gone. What was copied stays.
        Cancelled = "cancelled",
    }
}

words! {
    /// What a pass of a migration is at.
    MigrationStage {
        /// The source is looked at.
        Look = "look",
        /// What was found is held against what was copied.
        Compare = "compare",
        /// What was not found is looked for by itself.
        Missing = "missing",
        /// Folders are made, contents copied, things moved.
        Copy = "copy",
        /// Copies of what is gone at the source are put into the trash.
        Remove = "remove",
        /// It waits until it is time for the next pass.
        Rest = "rest",
        /// All copies are held against their originals.
        Verify = "verify",
    }
}

words! {
    /// What becomes of documents that have no bytes of their own.
    MigrationDocuments {
        /// They are exported, in the format that keeps most.
        Export = "export",
        /// They are listed as what could not be moved.
        List = "list",
    }
}

words! {
    /// Where an item of a migration stands.
    MigrationItemState {
        /// It is new, changed or moved at the source, and has yet to be at the target.
        Waiting = "waiting",
        /// The target has it.
        Done = "done",
        /// It could not be brought over; its reason says why.
        Failed = "failed",
        /// The target has something else in its place, or somebody changed the copy there: nothing is overwritten.
        Conflict = "conflict",
        /// No migration can bring it over: it has no bytes, or the target cannot hold it.
        Unmovable = "unmovable",
        /// It is gone at the source; its copy, if there is one, stays.
        Gone = "gone",
        /// It is gone at the source, and its copy is in the target's trash.
        Removed = "removed",
    }
}

words! {
    /// How it is known that a copy is equal to its original.
    MigrationProof {
        /// The copy was read back, and is.
        Proven = "proven",
        /// The hash that the target's provider tells of it is the original's.
        Asserted = "asserted",
        /// There is nothing to hold it against: an export, or a file that the provider writes into.
        Unverifiable = "unverifiable",
    }
}

/// One side of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationSide {
    /// The connection.
    pub connection: ConnectionId,
    /// The folder's names from the root on, as a person says them.
    pub path: String,
    /// The folder's id there; `None` until it is made.
    pub folder: Option<String>,
}

/// A move of a folder in one connection to a folder in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its id.
    pub id: MigrationId,
    /// Whose it is; `None` is the server's.
    pub owner: Option<UserId>,
    /// What is moved. Nothing there is ever changed.
    pub from: MigrationSide,
    /// Where to.
    pub to: MigrationSide,
    /// What becomes of documents.
    pub documents: MigrationDocuments,
    /// Copies of what is gone at the source are put into the target's trash.
    pub deletes_gone: bool,
    /// Each copy is read back in the end, whatever its provider tells.
    pub reads_back: bool,
    /// Whether it runs.
    pub state: MigrationState,
    /// What it is at.
    pub stage: MigrationStage,
    /// Counts the passes; the first copies everything.
    pub pass: u64,
    /// When the pass began.
    pub pass_began_ms: Option<Millis>,
    /// Differences that the pass found.
    pub pass_changes: u64,
    /// A person asked for the end: the last pass is the one that finds nothing.
    pub is_finishing: bool,
    /// Why it waits, and what a person can do, in a sentence.
    pub reason: Option<String>,
    /// Steps that failed since one did not.
    pub failures: u32,
    /// When it goes on.
    pub next_ms: Millis,
    /// When it was asked for.
    pub created_ms: Millis,
    /// When it ended.
    pub ended_ms: Option<Millis>,
}

/// What was copied of an item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MigrationCopy {
    /// The copy's id at the target.
    pub id: Option<String>,
    /// The folder that it was put into.
    pub parent: Option<String>,
    /// Its name there.
    pub name: Option<String>,
    /// Its revision there right after it was written.
    pub revision: Option<String>,
    /// Its hashes there, `kind:text`.
    pub hashes: Vec<String>,
    /// The source's revision that it has.
    pub of_revision: Option<String>,
    /// The source's hashes of that.
    pub of_hashes: Vec<String>,
    /// Its length, bytes.
    pub size_bytes: Option<u64>,
    /// The hashes of the bytes that were sent.
    pub sent_hashes: Vec<String>,
    /// It was there before, and taken over.
    pub was_there: bool,
    /// The provider stores other bytes than it was sent.
    pub is_rewritten: bool,
}

/// Something in the source of a migration, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationItem {
    /// Its id at the source.
    pub source: String,
    /// The id of its folder there.
    pub parent: Option<String>,
    /// Folders above it, below the folder that is moved.
    pub depth: u32,
    /// Its names from the folder that is moved on, for people.
    pub path: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: crate::RemoteKind,
    /// Its length, bytes.
    pub size_bytes: Option<u64>,
    /// Where it stands.
    pub state: MigrationItemState,
    /// Why, in a sentence.
    pub reason: Option<String>,
    /// What else there is to know, such as another name at the target.
    pub note: Option<String>,
    /// How it is known to be equal.
    pub proof: Option<MigrationProof>,
    /// When that was found.
    pub proven_ms: Option<Millis>,
    /// What was copied.
    pub copy: MigrationCopy,
    /// An id that was had ahead for the copy.
    pub given_id: Option<String>,
    /// A running upload, sealed.
    pub session: Option<Vec<u8>>,
    /// Tries since the last that worked.
    pub attempts: u32,
    /// When it is tried again; `None` when that makes no sense before something changes.
    pub next_ms: Option<Millis>,
    /// The pass that last found it at the source.
    pub seen_pass: u64,
    /// The pass that last did what was to be done about it: looked into a folder, verified a file.
    pub done_pass: u64,
}

/// Items of a migration that stand alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationCount {
    /// Where they stand.
    pub state: MigrationItemState,
    /// How they are known to be equal.
    pub proof: Option<MigrationProof>,
    /// They are folders.
    pub is_folder: bool,
    /// How many.
    pub items: u64,
    /// Bytes of them.
    pub bytes: u64,
}

impl Migration {
    /// Whether anything of it is left to do.
    pub const fn is_live(&self) -> bool {
        matches!(self.state, MigrationState::Active | MigrationState::Paused)
    }
}

impl MigrationItem {
    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.kind == crate::RemoteKind::Folder
    }
}
