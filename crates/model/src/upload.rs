//! Uploads that take more than one request.

use crate::{BlobId, Digest, Millis, NodeId, SpaceId, UploadId};

/// How an upload's bytes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UploadKind {
    /// Straight to the store, by signed requests.
    Direct,
    /// Through the server, by tus.
    Tus,
    /// The same, as a part of another upload: no file comes of it.
    TusPart,
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UploadState {
    /// Bytes may come.
    Open,
    /// Its bytes are all there; they are being looked at before they become a file.
    Verifying,
    /// It is a file, or, as a part of another upload, whole.
    Completed,
    /// Its bytes are not those that were promised: no file comes of it.
    Failed,
}

/// An upload that takes more than one request.
#[derive(Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Stable id.
    pub id: UploadId,
    /// How its bytes come.
    pub kind: UploadKind,
    /// Who may go on with it.
    pub owner: String,
    /// The space that answers for its bytes.
    pub space: SpaceId,
    /// What is to become of it: JSON.
    pub target: String,
    /// What its sender said of it, as they said it.
    pub metadata: String,
    /// How long it will be; `None` until that is told.
    pub size_bytes: Option<u64>,
    /// What is set aside for it in its space.
    pub reserved_bytes: u64,
    /// How many bytes are durable here.
    pub offset_bytes: u64,
    /// How many of them are in parts at the store.
    pub stored_bytes: u64,
    /// How many parts.
    pub parts: u32,
    /// How long parts are, where that was settled at the start; else 0.
    pub part_bytes: u64,
    /// The SHA-256 that its sender promised.
    pub digest: Option<Digest>,
    /// The SHA-256 so far, as its state.
    pub hash_state: Option<Vec<u8>>,
    /// The id that its blob gets.
    pub blob: BlobId,
    /// The store that it goes to.
    pub store: String,
    /// The key that it has there; `None` before its first part.
    pub key: Option<String>,
    /// What the store calls it by. A secret.
    pub token: Option<String>,
    /// The key that it is sealed with, itself sealed.
    pub seal: Option<Vec<u8>>,
    /// Where it stands.
    pub state: UploadState,
    /// The file that came of it, and the number of the version.
    pub made: Option<(NodeId, u64)>,
    /// When it began.
    pub created_ms: Millis,
    /// When it is given up.
    pub expires_ms: Millis,
}

impl std::fmt::Debug for Transfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transfer")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("size_bytes", &self.size_bytes)
            .field("offset_bytes", &self.offset_bytes)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
