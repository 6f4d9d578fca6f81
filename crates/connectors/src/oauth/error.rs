//! Why there is no access.

use model::Millis;

use crate::{RemoteError, SignInReason};

/// Google ends access after so many days while a project's consent screen is in testing.
const TESTING_SECS: i64 = 7 * 24 * 60 * 60;
/// It is found out at the next refresh, an hour early at most by the clocks, a day late at most while we run.
const EARLY_SECS: i64 = 60 * 60;
const LATE_SECS: i64 = 24 * 60 * 60;

/// Why there is no access. Texts are for people; of what the provider said they hold its code alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// The code that the browser brought was used before, is too old, or belongs to another question.
    #[error("the provider does not take the code of this sign-in any more ({code}); begin again")]
    Code {
        /// The provider's word for it.
        code: String,
    },
    /// The refresh token is not taken any more: the person has to link the drive again.
    #[error("the provider ended the access ({code}); link the drive again")]
    Ended {
        /// The provider's word for it: an AADSTS number, a subtype, or `invalid_grant`.
        code: String,
        /// It was not used for too long.
        is_idle: bool,
        /// It is what Google says 7 days after consent to a project in testing, and on other occasions.
        may_be_testing: bool,
    },
    /// The provider does not take us for its client: an operator has to look.
    #[error(
        "the provider does not take this server's client id and secret ({code}): {}",
        client_hint(code)
    )]
    BadClient {
        /// The provider's word for it.
        code: String,
    },
    /// The person, or who rules their account, did not allow it, or wants to be asked once more.
    #[error("access was not allowed ({code}): {}", denied_hint(code))]
    Denied {
        /// The provider's word for it.
        code: String,
    },
    /// Not all of what is needed was allowed.
    #[error("access to the files was not allowed; link again and leave its box ticked")]
    Scope {
        /// What is missing.
        missing: Vec<String>,
    },
    /// There is no answer, or not one that it should be. Trying again may help.
    #[error("the provider cannot be asked for access: {0}")]
    Unavailable(String),
    /// Provider and settings do not fit together: an operator has to look.
    #[error("{0}")]
    Misfit(String),
}

impl OAuthError {
    /// Whether the same may work later without a person doing something.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// What a failed refresh means to who uses the drive. `granted` is when the person consented.
    pub fn of_connection(self, granted: Option<Millis>, now: Millis) -> RemoteError {
        let is_in_testing = || {
            let first = granted.map(|at| at.plus_secs(TESTING_SECS - EARLY_SECS));
            let last = granted.map(|at| at.plus_secs(TESTING_SECS + LATE_SECS));
            first.is_some_and(|first| now >= first) && last.is_some_and(|last| now <= last)
        };
        match self {
            Self::Ended { is_idle: true, .. } => RemoteError::SignInAgain(SignInReason::Idle),
            Self::Ended {
                may_be_testing: true, ..
            } if is_in_testing() => RemoteError::SignInAgain(SignInReason::Testing),
            Self::Ended { code, .. } | Self::Denied { code } | Self::Code { code } => {
                RemoteError::SignInAgain(SignInReason::Ended(code))
            }
            Self::Scope { .. } => RemoteError::SignInAgain(SignInReason::Scope),
            Self::BadClient { .. } => RemoteError::Misconfigured(self.to_string()),
            Self::Misfit(reason) => RemoteError::Misconfigured(reason),
            Self::Unavailable(reason) => RemoteError::Unavailable(reason),
        }
    }
}

fn client_hint(code: &str) -> &'static str {
    match code {
        "AADSTS7000222" => "the secret has expired; make another one in the app's registration",
        "AADSTS7000215" => "the secret is wrong; it is the secret's value that is needed, not its id",
        "AADSTS700016" => "there is no app of that id in this tenant",
        "AADSTS7000218" => "the app is confidential, and no secret is set",
        _ => "compare both with the app's registration",
    }
}

fn denied_hint(code: &str) -> &'static str {
    match code {
        "AADSTS65001" | "consent_required" => "the account's administrator may have to consent for it",
        "AADSTS50076" | "AADSTS50078" | "AADSTS50079" => {
            "a second proof of identity is asked for; link again"
        }
        "AADSTS53003" => "a rule of the account's organisation forbids it",
        "admin_policy_enforced" | "access_not_configured" => {
            "a rule of the account's organisation forbids it"
        }
        "access_denied" => "who was asked said no",
        _ => "link again, and allow it",
    }
}
