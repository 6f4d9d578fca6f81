//! Background work.

use crate::{JobId, Millis, NodeId, UserId};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Answers for an upload and the copies elsewhere that it asked for.
    Upload,
    /// Removes what interrupted work left behind.
    Sweep,
    /// Purges from trash and versions what is past its limits.
    Retention,
    /// Reads blobs back and compares their digests.
    Scrub,
    /// Writes into the store what of the catalog changed.
    Archive,
    /// Frees a purged tree piece by piece.
    Purge,
    /// Moves contents from one store to another.
    StoreCopy,
    /// Seals the keys of sealed contents anew.
    Reseal,
    /// Reads a content back that nobody but its sender has seen.
    Prove,
    /// Looks at what is in a connection, or what changed there.
    Observe,
    /// Brings the two sides of a mirror in step.
    Mirror,
    /// Moves what is in one connection to another.
    Migrate,
}

impl JobKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Upload,
        Self::Sweep,
        Self::Retention,
        Self::Scrub,
        Self::Archive,
        Self::Purge,
        Self::StoreCopy,
        Self::Reseal,
        Self::Prove,
        Self::Observe,
        Self::Mirror,
        Self::Migrate,
    ];

    /// The word that stands for it in the catalog and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Sweep => "sweep",
            Self::Retention => "retention",
            Self::Scrub => "scrub",
            Self::Archive => "archive",
            Self::Purge => "purge",
            Self::StoreCopy => "store_copy",
            Self::Reseal => "reseal",
            Self::Prove => "prove",
            Self::Observe => "observe",
            Self::Mirror => "mirror",
            Self::Migrate => "migrate",
        }
    }

    /// The kind that `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Jobs that share workers: what waits for other people's servers holds up nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Jobs of every kind.
    All,
    /// Those that need this server and its stores alone.
    Own,
    /// Those that wait for providers of connections.
    Others,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Waits for its time, for the first or a further try.
    Pending,
    /// A worker holds its lease.
    Running,
    /// Done.
    Completed,
    /// Given up after its last try; its error says why. It can be tried again by hand.
    Failed,
    /// Called off by a person.
    Cancelled,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word that stands for it in the catalog and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state that `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// 0 to 100.
    pub percent: u8,
    /// Bytes done.
    pub done_bytes: u64,
    /// Bytes to do in all; 0 when that is not known.
    pub total_bytes: u64,
}

/// A durable piece of background work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Stable id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// What it is about, in the words of its kind: JSON.
    pub payload: String,
    /// Whose it is; `None` for the server's own.
    pub owner: Option<UserId>,
    /// The node it is about.
    pub node: Option<NodeId>,
    /// Tries so far. It is also the fence: a worker may only report on the try that it leased.
    pub attempts: u32,
    /// Tries at the most.
    pub max_attempts: u32,
    /// Not before this time.
    pub run_at_ms: Millis,
    /// How far it has come.
    pub progress: Progress,
    /// What went wrong last.
    pub error: Option<String>,
    /// A person asked to call it off while it was running.
    pub is_cancel_asked: bool,
    /// When it was made.
    pub created_ms: Millis,
    /// When it ended.
    pub finished_ms: Option<Millis>,
}
