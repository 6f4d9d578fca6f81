//! Why bytes could not be stored or read.

use std::io;

use model::{BodyError, ByteStream};
use outbound::{Broken, Client, Failure, Reason};

/// Why bytes could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The body is longer than the caller allows.
    #[error("the body is longer than {limit_bytes} bytes")]
    TooLarge {
        /// What the caller allows.
        limit_bytes: u64,
    },
    /// The store has no room left; nothing of the blob remains.
    #[error("the store has no room left")]
    Full,
    /// The body ended early; nothing of the blob remains.
    #[error("the body could not be received")]
    Body(#[source] BodyError),
    /// The store holds no blob of that key.
    #[error("the store holds no such blob")]
    Missing,
    /// The store holds something else than what was stored.
    #[error("the stored blob is damaged")]
    Damaged(#[source] Damage),
    /// No store of that name is configured.
    #[error("no store named `{0}` is configured")]
    UnknownStore(String),
    /// The store does not answer as it should at the moment.
    #[error("the store is not available")]
    Unavailable(#[source] io::Error),
    /// The store answers and refuses: a wrong key, bucket or setting, or a cap that was reached. A
    /// sentence for an operator, without secrets.
    #[error("the store `{store}` refuses: {reason}")]
    Rejected {
        /// Its name.
        store: String,
        /// What it refuses and what would help.
        reason: String,
    },
    /// The store has no such ability.
    #[error("the store cannot do that")]
    Unsupported,
    /// The store refuses, and will again until a person changes something.
    #[error("the store could not be used")]
    Io(#[source] io::Error),
}

/// What is wrong with a stored blob.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It has another length.
    #[error("it holds {found_bytes} bytes instead of {expected_bytes}")]
    Length {
        /// What was stored.
        expected_bytes: u64,
        /// What is there.
        found_bytes: u64,
    },
    /// Something that is not a plain file or folder stands in its place.
    #[error("something else stands in its place")]
    Replaced,
    /// It is not what was sealed.
    #[error("it is not what was sealed")]
    Unsealable,
    /// The device cannot read it.
    #[error("the device cannot read it")]
    Unreadable(#[source] io::Error),
}

impl ContentError {
    /// What is told of a blob of another length than was stored.
    pub(crate) const fn wrong_length(expected_bytes: u64, found_bytes: u64) -> Self {
        Self::Damaged(Damage::Length {
            expected_bytes,
            found_bytes,
        })
    }

    /// Whether the same call may succeed later.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Full | Self::Unavailable(_) => true,
            Self::TooLarge { .. }
            | Self::Body(_)
            | Self::Missing
            | Self::Damaged(_)
            | Self::UnknownStore(_)
            | Self::Rejected { .. }
            | Self::Unsupported
            | Self::Io(_) => false,
        }
    }
}

/// What failures of requests to a store mean to who asked for a blob.
pub(crate) trait Told {
    /// What a failure means.
    fn error(&self, failure: Failure) -> ContentError;

    /// An error of a kind that no try will change.
    fn rejected(&self, reason: impl Into<String>) -> ContentError;
}

impl Told for Client {
    fn error(&self, failure: Failure) -> ContentError {
        ContentError::of(self.name(), self.reason(failure))
    }

    fn rejected(&self, reason: impl Into<String>) -> ContentError {
        ContentError::of(self.name(), Reason::Rejected(reason.into()))
    }
}

impl ContentError {
    /// What a reason of the store of that name means.
    pub(crate) fn of(store: &str, reason: Reason) -> Self {
        let rejected = |reason| Self::Rejected {
            store: store.to_owned(),
            reason,
        };
        match reason {
            Reason::Full => Self::Full,
            Reason::Unavailable(error) => Self::Unavailable(error),
            Reason::Paused { .. } => Self::Unavailable(io::Error::other(reason)),
            Reason::Rejected(reason) => rejected(reason),
            Reason::Forbidden(forbidden) => rejected(forbidden.to_string()),
            Reason::Io(error) => Self::Io(error),
        }
    }
}

impl From<Broken> for ContentError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Length {
                expected_bytes,
                found_bytes,
            } => Self::wrong_length(expected_bytes, found_bytes),
            Broken::Replaced => Self::Damaged(Damage::Replaced),
            Broken::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

/// What reading an empty range of an object yields: nothing, if the object is there with its length.
///
/// # Errors
/// `Missing`; `Damaged` when it has another length.
pub(crate) fn nothing_of(found_bytes: Option<u64>, size_bytes: u64) -> Result<ByteStream, ContentError> {
    match found_bytes.ok_or(ContentError::Missing)? {
        found_bytes if found_bytes == size_bytes => Ok(Box::pin(futures_util::stream::empty())),
        found_bytes => Err(ContentError::wrong_length(size_bytes, found_bytes)),
    }
}
