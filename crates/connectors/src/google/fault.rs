//! What Google's refusals mean.

use std::time::Duration;

use model::Millis;
use outbound::{Failure, Refusal};

use super::ask::is_daily_cap;
use crate::{RemoteError, SignInReason};

/// How long Google is left alone when it asks for patience and does not say how long.
const HASTE_SECS: i64 = 60;
/// The same when something is used up for the day.
const DAY_SECS: i64 = 60 * 60;

/// Why a request was not done.
#[derive(Debug)]
pub(super) enum Fault {
    /// The answer, or that there was none.
    Http(Failure),
    /// Something that was found out without asking.
    Remote(RemoteError),
}

impl Fault {
    /// The answer's status, if there was an answer; else 0.
    pub fn status(&self) -> u16 {
        match self {
            Self::Http(failure) => failure.status().unwrap_or(0),
            Self::Remote(_) => 0,
        }
    }

    /// Google's word.
    pub fn code(&self) -> &str {
        match self {
            Self::Http(failure) => failure.code(),
            Self::Remote(_) => "",
        }
    }

    /// Whether the same may be done in a moment.
    pub fn may_pass(&self) -> bool {
        let is_haste = matches!(self.code(), "rateLimitExceeded" | "userRateLimitExceeded");
        self.may_be_done() || self.status() == 429 || is_haste
    }

    /// How long Google asks us to wait.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Http(failure) => failure.retry_after(),
            Self::Remote(_) => None,
        }
    }

    /// Whether it was done or not is not known.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Http(Failure::Silent(_)) => true,
            Self::Http(Failure::Refused(refusal)) => refusal.status >= 500 || refusal.status == 408,
            Self::Http(Failure::Ours(_) | Failure::Paused { .. }) | Self::Remote(_) => false,
        }
    }
}

impl From<RemoteError> for Fault {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

impl From<Fault> for RemoteError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Remote(error) => error,
            Fault::Http(Failure::Refused(refusal)) => refused(&refusal),
            Fault::Http(Failure::Silent(error)) => Self::Unavailable(error.to_string()),
            Fault::Http(Failure::Ours(reason)) => reason.into(),
            Fault::Http(Failure::Paused { until }) => Self::Paused { until },
        }
    }
}

fn refused(refusal: &Refusal) -> RemoteError {
    let code = refusal.code.as_str();
    match (refusal.status, code) {
        (401, _) => RemoteError::SignInAgain(SignInReason::Ended(word(refusal))),
        (404, _) => RemoteError::NotFound,
        (412, _) => RemoteError::Changed,
        (429, _) => paused(refusal, HASTE_SECS),
        (403, _) => forbidden(refusal),
        (500.., _) if refusal.header("retry-after").is_some() => paused(refusal, HASTE_SECS),
        (status @ (408 | 500..), "") => RemoteError::Unavailable(format!("it answers with status {status}")),
        (status @ (408 | 500..), _) => {
            RemoteError::Unavailable(format!("it answers with status {status} ({code})"))
        }
        _ => RemoteError::Refused {
            code: word(refusal),
            reason: "Google does not take the request".to_owned(),
        },
    }
}

/// The many meanings of 403.
fn forbidden(refusal: &Refusal) -> RemoteError {
    match refusal.code.as_str() {
        "userRateLimitExceeded" if is_daily_cap(refusal) => {
            RemoteError::Full("Google takes 750 GB from one person in a day".to_owned())
        }
        "rateLimitExceeded" | "userRateLimitExceeded" | "sharingRateLimitExceeded" => {
            paused(refusal, HASTE_SECS)
        }
        "dailyLimitExceeded" | "quotaExceeded" => paused(refusal, DAY_SECS),
        "storageQuotaExceeded" => RemoteError::Full("the account has no room left".to_owned()),
        "insufficientPermissions" | "appNotAuthorizedToFile" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => {
            RemoteError::SignInAgain(SignInReason::Scope)
        }
        "accessNotConfigured" | "SERVICE_DISABLED" => RemoteError::Misconfigured(
            "the Google Drive API is not enabled in the project of this server's client id".to_owned(),
        ),
        "fileNotDownloadable" => RemoteError::NoContent,
        code => RemoteError::Refused {
            code: word(refusal),
            reason: meaning(code).to_owned(),
        },
    }
}

fn meaning(code: &str) -> &'static str {
    match code {
        "cannotDownloadAbusiveFile" => "Google takes this file for malware or spam and does not give it out",
        "cannotDownloadFile" | "downloadRestricted" => "its owner does not allow downloads",
        "downloadQuotaExceeded" => {
            "it was downloaded too often of late; Google gives it out again in some hours"
        }
        "exportSizeLimitExceeded" => "its export is longer than the 10 MB that Google exports",
        "domainPolicy" => "a rule of the account's organisation forbids it",
        "numChildrenInNonRootLimitExceeded" => "the folder holds 500,000 items, which is all that it can",
        "activeItemCreationLimitExceeded" => "the account has as many items as Google allows",
        "myDriveHierarchyDepthLimitExceeded" | "teamDriveHierarchyTooDeep" => {
            "the folder is 100 folders deep, which is as deep as Google allows"
        }
        "teamDriveFileLimitExceeded" => "the shared drive holds as many items as Google allows",
        "insufficientFilePermissions" | "forbidden" => "the account may not do that to this item",
        _ => "Google does not allow it",
    }
}

fn paused(refusal: &Refusal, otherwise_secs: i64) -> RemoteError {
    let told = refusal
        .retry_after()
        .map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    let wait_ms = told.unwrap_or(otherwise_secs * 1000);
    RemoteError::Paused {
        until: Millis(refusal.at.0.saturating_add(wait_ms)),
    }
}

fn word(refusal: &Refusal) -> String {
    if refusal.code.is_empty() {
        refusal.status.to_string()
    } else {
        refusal.code.clone()
    }
}
