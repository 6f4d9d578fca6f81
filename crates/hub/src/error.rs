//! Why an operation did not happen.

use catalog::CatalogError;
use content::ContentError;
use model::BodyError;

/// Why an operation did not happen, in the words that every protocol translates from.
///
/// A node the actor may not see is `NotFound`, so that a reply never reveals that it exists.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// There is no such thing, as far as the actor may know.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The actor may see it but not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The credential is missing, wrong, expired or revoked.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// A public link needs its password, which was not given or is wrong.
    #[error("this link needs its password")]
    LinkLocked,
    /// A sign-in with a provider cannot be finished; it can be started again.
    #[error("{0}")]
    SignInFailed(String),
    /// An ID token proves nothing here.
    #[error("the ID token {0}")]
    IdToken(&'static str),
    /// A provider that people sign in with does not answer as it should. Trying again may help.
    #[error("{0} does not answer as it should; try again")]
    ProviderDown(String),
    /// A provider and the settings do not fit together. An operator has to look.
    #[error("{0} and this server are not set up for each other; tell the administrator")]
    ProviderMisfit(String),
    /// Too many wrong tries; the right answer would be refused too.
    #[error("too many tries: wait {retry_after_secs} seconds")]
    TooManyTries {
        /// When trying again makes sense.
        retry_after_secs: u64,
    },
    /// Something of that name is there.
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    /// An account with that address exists.
    #[error("an account with this e-mail address exists")]
    EmailTaken,
    /// What was asked for does not fit what is there now.
    #[error("{0}")]
    Conflict(&'static str),
    /// The guard of a write did not hold.
    #[error("the file changed since you last read it")]
    Stale,
    /// One field of the request is wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// The bytes are no picture, or one of a format that is not taken.
    #[error("{0}")]
    UnknownPicture(String),
    /// More bytes than a file may hold.
    #[error("a file may hold at most {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The space's quota is used up.
    #[error("the space is full: {free_bytes} bytes are left of its quota")]
    QuotaExceeded {
        /// What is left.
        free_bytes: u64,
    },
    /// The body ended early, came too slowly or is malformed.
    #[error(transparent)]
    Body(BodyError),
    /// The bytes that came are not those that the sender announced.
    #[error("the bytes that arrived do not have the announced {0}")]
    DigestMismatch(&'static str),
    /// A provider that the request needs has no settings.
    #[error("{title} is not configured on this server: set {missing}")]
    NotConfigured {
        /// The provider's name for people.
        title: &'static str,
        /// The settings that are missing.
        missing: String,
    },
    /// A person has to sign in again at a provider. Nothing is lost meanwhile.
    #[error("{0}")]
    SignInAgain(String),
    /// A provider of drives refuses, or cannot do it; a sentence says why and what would help.
    #[error("{0}")]
    RemoteRefuses(String),
    /// A provider of drives does not answer as it should; trying again helps.
    #[error("{0}")]
    RemoteDown(String),
    /// A provider of drives asks that the account be left alone for a while.
    #[error("the provider asks us to wait before this account is used again")]
    RemoteBusy {
        /// When trying again makes sense.
        retry_after_secs: u64,
    },
    /// The stored bytes are missing, short or changed; the administrator sees it.
    #[error("the stored content is damaged; it has been reported to the administrator")]
    Damaged,
    /// The disk is full.
    #[error("the server's storage is full")]
    Full,
    /// A store answers and refuses: its key, bucket or cap is wrong. An operator has to look; the cause is
    /// logged and not sent.
    #[error("the storage refuses what this server asks of it; tell the administrator")]
    StoreRefuses(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database or the store does not answer; trying again helps.
    #[error("the server cannot do this at the moment; try again")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Ours to fix. The cause is logged once, at the protocol's edge, and never sent.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl HubError {
    /// A wrong field and what is wrong with it.
    pub fn invalid(field: &'static str, problem: impl ToString) -> Self {
        Self::Invalid {
            field,
            problem: problem.to_string(),
        }
    }
}

impl From<CatalogError> for HubError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Full => Self::Full,
            error if error.is_temporary() => Self::Unavailable(error.into()),
            error => Self::Internal(error.into()),
        }
    }
}

impl From<ContentError> for HubError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::TooLarge { limit_bytes } => Self::TooLarge { limit_bytes },
            ContentError::Full => Self::Full,
            ContentError::Body(error) => Self::Body(error),
            ContentError::Missing | ContentError::Damaged { .. } => Self::Damaged,
            error @ ContentError::Rejected { .. } => Self::StoreRefuses(error.into()),
            error if error.is_temporary() => Self::Unavailable(error.into()),
            error => Self::Internal(error.into()),
        }
    }
}

/// An error and its cause in a line for an administrator.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
