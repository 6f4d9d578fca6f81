//! Linked accounts, buckets and folders, and what is in them.

use crate::{ConnectionId, Millis, UserId};

/// A linked account, bucket or folder at a provider. Its credentials are kept elsewhere, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Small, and never used twice; 0 before it is stored.
    pub number: u64,
    /// Whose it is; `None` is the server's.
    pub owner: Option<UserId>,
    /// The provider's name: `google`, `onedrive`, `s3`, `b2`, `azure`, `directory`, `webdav`.
    pub kind: String,
    /// What its owner calls it.
    pub label: String,
    /// Whose drive it is at the provider, for people: an address, a bucket, a path.
    pub account: String,
    /// The drive's lasting id at the provider.
    pub drive: String,
    /// The kind of drive, where one provider has several.
    pub flavour: Option<String>,
    /// The root's id at the provider.
    pub root: String,
    /// What its connector needs to know and is no secret, JSON.
    pub settings: String,
    /// What the person allowed, in the provider's words.
    pub scopes: String,
    /// Whether it works.
    pub state: ConnectionState,
    /// Why it does not, in a sentence.
    pub reason: Option<String>,
    /// When it was made.
    pub created_ms: Millis,
    /// When a person last allowed it.
    pub linked_ms: Millis,
    /// When it was last tried.
    pub checked_ms: Option<Millis>,
    /// When it last worked.
    pub worked_ms: Option<Millis>,
    /// When what a person allowed ends by itself, as far as that is told.
    pub ends_ms: Option<Millis>,
    /// Used at the provider, bytes.
    pub used_bytes: Option<u64>,
    /// Room at the provider in all, bytes.
    pub limit_bytes: Option<u64>,
}

/// Whether a connection works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// It does, as far as is known.
    Active,
    /// A person has to sign in again. What waits for it keeps waiting.
    SignInAgain,
    /// It is set up wrong; its reason says what would be right.
    Misconfigured,
}

impl ConnectionState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::SignInAgain, Self::Misconfigured];

    /// The word that stands for it in the catalog and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::SignInAgain => "sign_in_again",
            Self::Misconfigured => "misconfigured",
        }
    }

    /// The state that `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What something in a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemoteKind {
    /// A folder.
    Folder,
    /// A file with bytes.
    File,
    /// A document of the provider's own, without bytes.
    Document,
    /// A link to something else there.
    Shortcut,
    /// Something else.
    Other,
}

impl RemoteKind {
    /// All of them, in the order of the numbers that the catalog knows them by.
    pub const ALL: [Self; 5] = [
        Self::Folder,
        Self::File,
        Self::Document,
        Self::Shortcut,
        Self::Other,
    ];

    /// The word that stands for it in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::File => "file",
            Self::Document => "document",
            Self::Shortcut => "shortcut",
            Self::Other => "other",
        }
    }
}

/// Something in a connection, as it was when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteItem {
    /// Its id at the provider.
    pub id: String,
    /// The id of its folder; `None` of the root and of what is in no folder that we see.
    pub parent: Option<String>,
    /// Its name exactly as the provider tells it.
    pub name: String,
    /// What it is.
    pub kind: RemoteKind,
    /// The length of a file, bytes.
    pub size_bytes: Option<u64>,
    /// Its media type.
    pub media_type: Option<String>,
    /// The hashes that the provider tells, `kind:text`, the strongest first.
    pub hashes: Vec<String>,
    /// Which content it has.
    pub revision: Option<String>,
    /// How it is.
    pub tag: Option<String>,
    /// When its content was last modified.
    pub modified_ms: Option<Millis>,
    /// It is in the provider's trash.
    pub is_trashed: bool,
    /// It may be changed by us.
    pub is_editable: bool,
    /// Media types that a document is exported as, or what a shortcut leads to.
    pub details: Vec<String>,
    /// Its page at the provider.
    pub web_url: Option<String>,
}
