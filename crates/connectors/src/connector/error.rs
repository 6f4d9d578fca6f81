//! Why a provider did not do what was asked.

use model::{BodyError, Millis};

use super::NameFault;

/// Why a provider did not do what was asked. Texts are for people: no secret, no whole address, and of
/// what the provider said only its code.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// There is no such item, or we may not see it.
    #[error("there is no such item at the provider")]
    NotFound,
    /// Something of that name is there already.
    #[error("something of that name is there already")]
    Exists,
    /// The item is not as it was expected to be.
    #[error("the item has changed at the provider")]
    Changed,
    /// The feed cannot go on from that cursor.
    #[error("the provider has forgotten where we were; everything is listed again")]
    CursorLost,
    /// The credentials do not work any more: a person has to sign in again. Trying again does not help.
    #[error("sign in again: {0}")]
    SignInAgain(SignInReason),
    /// The provider refuses this for good: rights, policy, malware, a limit of this item.
    #[error("the provider refuses: {reason}")]
    Refused {
        /// The provider's word for it, letters and digits only.
        code: String,
        /// A sentence for a person.
        reason: String,
    },
    /// The connection is set up wrong: a bucket or folder that is not there, a scope or an API that is
    /// not enabled, a clock that is off.
    #[error("the connection is not set up right: {0}")]
    Misconfigured(String),
    /// The address may not be reached from here.
    #[error("{0}")]
    Unreachable(String),
    /// The item has no bytes that could be read: a folder, or a document that can only be exported.
    #[error("this item has no content of its own")]
    NoContent,
    /// The drive is full, or a cap on it is reached.
    #[error("the drive at the provider is full: {0}")]
    Full(String),
    /// The provider asks for patience until then, for this account.
    #[error("the provider asks us to wait")]
    Paused {
        /// Until when.
        until: Millis,
    },
    /// Somebody works on the item just now.
    #[error("the item is locked at the provider")]
    Locked,
    /// The provider cannot hold the name.
    #[error("the provider cannot hold this name: {0}")]
    Name(NameFault),
    /// The provider takes no file of this length.
    #[error("the provider takes no file above {most_bytes} bytes")]
    TooLarge {
        /// What it takes.
        most_bytes: u64,
    },
    /// This kind of connection cannot do that.
    #[error("this connection cannot {0}")]
    Unsupported(&'static str),
    /// No answer, or one that says that the provider is in trouble.
    #[error("the provider does not answer as it should: {0}")]
    Unavailable(String),
    /// What was received or stored is not what it should be.
    #[error("the content is damaged: {0}")]
    Damaged(String),
    /// Ours: the bytes that were to be sent could not be read.
    #[error("the content could not be read here")]
    Source(#[source] BodyError),
}

/// Why somebody has to sign in again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInReason {
    /// The provider does not take the refresh token any more.
    #[error("the provider ended the access ({0})")]
    Ended(String),
    /// The access ended a few days after it was given, as Google does while a project's consent screen is in testing.
    #[error(
        "Google ended the access after 7 days, as it does while the project's consent screen is in testing; publish it, then sign in again"
    )]
    Testing,
    /// Nobody used it for so long that it ended.
    #[error("the access was not used for too long")]
    Idle,
    /// There never was a refresh token.
    #[error("the provider gave no lasting access")]
    NoRefresh,
    /// What the person allowed is not enough.
    #[error("access to the files was not allowed")]
    Scope,
    /// The keys of the connection are not taken.
    #[error("its keys are not accepted ({0})")]
    Keys(String),
    /// The token could not be opened: it was sealed with a key that is not there.
    #[error("its token was sealed with a key that this server does not have")]
    Sealed,
}

impl RemoteError {
    /// Whether the same call may work later without a person doing something.
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Paused { .. } | Self::Unavailable(_) | Self::Locked | Self::Damaged(_) | Self::CursorLost
        )
    }
}
